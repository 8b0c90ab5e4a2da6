//! What the handlers of all connections share: the governor, and how its tools are shown.

mod access;
mod answer;
mod call;
mod cursor;
mod era;
mod failure;
mod failures;
mod fault;
mod handler;
mod header;
mod list;
mod listen;
mod naming;
mod nullable;
mod output;
mod progress;
mod refusal;
mod tool;

use std::time::Duration;

use mcp_govern_core::Governor;
use rmcp::model::{Implementation, ServerCapabilities, ServerConfig};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub(crate) use self::{access::AccessRequests, handler::Handler};
use self::{era::Handshakes, failures::Failures, listen::Subscriptions, output::OutputSchemas, tool::ToolShapes};
use crate::{connect::Connector, metrics::Metrics, seal::Sealer};

/// Stands before every key of ours in `_meta`.
const META_PREFIX: &str = "io.github.mcp-govern/";

/// The JSON-RPC code of a refused list: outside of what JSON-RPC and MCP reserve.
pub(crate) const DENIED: i32 = -31_000;

/// How the adapter behaves.
#[derive(Debug, Clone)]
pub(crate) struct AdapterOptions {
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) version: String,
    pub(crate) instructions: Option<String>,
    pub(crate) page_size: usize,
    pub(crate) list_ttl: Duration,
    pub(crate) call_deadline: Duration,
    pub(crate) recheck: Duration,
    pub(crate) subscriptions: usize,
    pub(crate) access_requests: AccessRequests,
}

/// What the handlers of all connections share.
#[derive(Debug)]
pub(crate) struct Adapter {
    governor: Governor,
    options: AdapterOptions,
    info: ServerConfig,
    /// Our own implementation, for `_meta` of results: since 2026-07-28 there is no handshake that tells it.
    server_info: Value,
    sealer: Sealer,
    shapes: ToolShapes,
    outputs: OutputSchemas,
    handshakes: Handshakes,
    subscriptions: Subscriptions,
    connector: Option<Connector>,
    metrics: Metrics,
    /// Which failed calls have a line in the log.
    failures: Failures,
    /// Streams end when this is cancelled; calls in flight finish.
    closing: CancellationToken,
}

impl Adapter {
    pub(crate) fn new(
        governor: Governor,
        options: AdapterOptions,
        sealer: Sealer,
        connector: Option<Connector>,
        metrics: Metrics,
    ) -> Self {
        let mut implementation = Implementation::new(&options.name, &options.version);
        implementation.title.clone_from(&options.title);
        let capabilities = ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
        let mut info = ServerConfig::new(capabilities).with_server_info(implementation);
        info.instructions.clone_from(&options.instructions);
        let server_info = serde_json::to_value(&info.server_info).unwrap_or_default();
        Self {
            subscriptions: Subscriptions::new(options.subscriptions, metrics.clone()),
            governor,
            options,
            info,
            server_info,
            sealer,
            shapes: ToolShapes::new(),
            outputs: OutputSchemas::new(),
            handshakes: Handshakes::new(),
            connector,
            metrics,
            failures: Failures::default(),
            closing: CancellationToken::new(),
        }
    }

    pub(crate) fn governor(&self) -> &Governor {
        &self.governor
    }

    /// The name that people see.
    pub(crate) fn name(&self) -> &str {
        self.options.title.as_deref().unwrap_or(&self.options.name)
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Cancelled when the server closes.
    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.closing
    }
}

/// A key of ours in `_meta`.
fn meta_key(name: &str) -> String {
    [META_PREFIX, name].concat()
}
