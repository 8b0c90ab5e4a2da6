//! A stand-in, the provider, and a governor between a person and both.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use mcp_govern_conformance::Harness;
use mcp_govern_core::{
    AuthMethodId, Credential, Exchange, Provider, ProviderErrorKind, Secret, Sent, ServerSpec, ToolPrefix, VendorError,
    governor::{CallError, CallSuccess},
};
use mcp_govern_openapi::{Limits, OpenApiProvider};
use mcp_provider_statuspage::{API_KEY, API_KEY_FIELD, PROVIDER, builder};
use serde_json::Value;
use stand_ins::StatuspageStandIn;
use url::Url;

/// The stand-in's first page, as a path.
pub(crate) const PAGE: &str = StatuspageStandIn::PAGE;

/// The provider with short pauses, made once: limits count per address, and every stand-in has its own.
pub(crate) fn provider() -> Arc<dyn Provider> {
    static PROVIDER: OnceLock<OpenApiProvider> = OnceLock::new();
    let limits = Limits::new().with_pauses(Duration::from_millis(1), Duration::from_millis(4));
    Arc::new(PROVIDER.get_or_init(|| builder().limits(limits).build().unwrap()).clone())
}

/// A server at this address.
pub(crate) fn spec(base_url: Url) -> ServerSpec {
    let prefix = ToolPrefix::new("status").unwrap();
    ServerSpec::new(PROVIDER.parse().unwrap(), "Status page", prefix, method()).with_base_url(base_url)
}

pub(crate) fn credential(key: &str) -> Credential {
    Credential::new(method()).with_field(API_KEY_FIELD, Secret::new(key))
}

fn method() -> AuthMethodId {
    AuthMethodId::new(API_KEY).unwrap()
}

/// A governor over a server at this address with this key.
pub(crate) async fn harness_at(base_url: Url, key: &str) -> Harness {
    let builder = Harness::shared_builder(provider(), spec(base_url)).with_credential(credential(key));
    builder.open().await.unwrap()
}

/// A stand-in and a governor that holds its key.
pub(crate) async fn open() -> (StatuspageStandIn, Harness) {
    let vendor = StatuspageStandIn::start().await;
    let harness = harness_at(vendor.base_url(), &vendor.good_key()).await;
    (vendor, harness)
}

/// The result of a call that succeeds.
pub(crate) async fn call(harness: &Harness, tool: &str, arguments: Value) -> Value {
    success(harness, tool, arguments).await.output.to_value().unwrap()
}

/// A call that succeeds.
pub(crate) async fn success(harness: &Harness, tool: &str, arguments: Value) -> CallSuccess {
    match harness.call(tool, arguments).await {
        Ok(success) => success,
        Err(error) => panic!("`{tool}`: {error}"),
    }
}

/// What a call fails with, where it is not governance that refuses it.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) kind: ProviderErrorKind,
    pub(crate) message: String,
    pub(crate) sent: Sent,
    pub(crate) vendor: VendorError,
    pub(crate) exchanges: Vec<Exchange>,
}

/// A call that fails on the way to the vendor or there.
pub(crate) async fn failure(harness: &Harness, tool: &str, arguments: Value) -> Failed {
    failed(tool, harness.call(tool, arguments).await)
}

/// As [`failure`], with a deadline.
pub(crate) async fn failure_within(harness: &Harness, tool: &str, arguments: Value, time: Duration) -> Failed {
    failed(tool, harness.call_until(tool, arguments, Instant::now() + time).await)
}

fn failed(tool: &str, result: Result<CallSuccess, CallError>) -> Failed {
    let error = match result {
        Ok(success) => panic!("`{tool}` succeeds: {}", success.output.content),
        Err(error) => error,
    };
    let Some(error) = error.provider_error() else { panic!("`{tool}` is denied: {error}") };
    Failed {
        kind: error.kind(),
        message: error.message().to_owned(),
        sent: error.sent(),
        vendor: error.vendor().cloned().unwrap_or_default(),
        exchanges: error.exchanges().to_vec(),
    }
}
