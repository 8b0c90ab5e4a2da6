//! The port to the APIs behind the tools.
//!
//! A [`Provider`] is a kind of API; [`Provider::open`] makes a [`ToolServer`] of a registered server. Whoever implements
//! these reads the *Contract* sections; the conformance crate holds every implementation to them.

mod call;
mod context;
mod credential;
mod error;
mod info;
mod output;

use std::{fmt, sync::Arc};

use async_trait::async_trait;

pub use self::{
    call::{AuthorizedCall, CheckedArguments},
    context::{
        CallContext, CallObserver, DiscoverContext, NoObserver, NoProgress, ProbeContext, Progress, TraceContext,
    },
    credential::{Credential, CredentialReport, CredentialVerdict},
    error::{ProviderError, ProviderErrorKind, Sent, VendorError},
    info::{
        AuthMethod, ConfigField, Edition, OAuthFlow, OAuthFlows, ProviderInfo, Region, RegionFrom, SecretField,
        SunsetNotice,
    },
    output::{Exchange, RequestPreview, ToolOutput},
};
use crate::{
    denial::ArgumentFault,
    vocabulary::{ArgumentRule, Catalogue, CredentialFacts, ServerId, ServerSpec, TenantId, ToolName},
};

/// A kind of API, registered on the builder of the [`Governor`](crate::Governor).
///
/// # Contract
///
/// - `info` is constant for the life of the value.
/// - `open` is called on every node for each server of this kind, from the journal's row, and again when the row changes. It
///   checks the row (edition, region, base URL, auth method, configuration) and opens no connection.
#[async_trait]
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// What the provider is, which editions, auth methods and regions it has.
    fn info(&self) -> &ProviderInfo;

    /// Makes a server of a registered row.
    ///
    /// # Errors
    ///
    /// [`ProviderErrorKind::Config`] when the row does not fit; the message names the field and what is expected.
    fn open(&self, server: &ServerConfig) -> Result<Arc<dyn ToolServer>, ProviderError>;
}

/// A registered server of a provider, ready to discover and call.
///
/// # Contract
///
/// - No method blocks the thread. Futures may be dropped at any await: nothing is left half-done but what was sent.
/// - A secret of the credential goes into the vendor request and nowhere else: not into errors, logs, outputs, previews or
///   `Debug`.
/// - [`CallObserver::sending`] is told before anything may act, also where that is no request. An error after it counts as "may
///   have acted", and one before it as "nothing was done", unless [`ProviderError::with_sent`] states what is known.
/// - Retries are the server's own business, within the deadline; the caller never repeats `invoke`, except once after a
///   rejected credential was refreshed.
#[async_trait]
pub trait ToolServer: fmt::Debug + Send + Sync + 'static {
    /// Rules on arguments that follow from the row's configuration: what a server is limited to. They hold for every tool
    /// beside the row's own rules, and narrow what a model is shown like those.
    ///
    /// # Contract
    ///
    /// Constant for the life of the value. The server itself sends nothing that breaks them.
    fn rules(&self) -> Vec<ArgumentRule> {
        Vec::new()
    }

    /// Judges the arguments of a call by what the tool's schema and the rules cannot say: which of them exclude or need one another,
    /// what their places in a request cannot hold.
    ///
    /// The governor asks before a call is put on record and before its credential is read, and for a preview: the caller gets the same
    /// denial with the same faults from both.
    ///
    /// # Contract
    ///
    /// - Pure: it sends nothing, reads no credential and does not block.
    /// - The arguments fit the schema and the rules already. A fault holds no value of a secret or personal argument.
    /// - What a tool makes by itself of its arguments, such as the arguments of other tools, is judged by [`ToolServer::invoke`].
    ///
    /// # Errors
    ///
    /// What is wrong, one entry per fault.
    fn check(&self, tool: &ToolName, arguments: &CheckedArguments) -> Result<(), Vec<ArgumentFault>> {
        let _ = (tool, arguments);
        Ok(())
    }

    /// What keeps a tool from ever working with this server as it is configured, and what to do, in a sentence: an OAuth scope that
    /// its app does not ask for, a kind of key that may not do it. A reviewer is shown it, and calls are denied before anything is
    /// sent.
    ///
    /// # Contract
    ///
    /// Constant for the life of the value; names no secret. Most tools have none.
    fn obstacle(&self, tool: &ToolName) -> Option<String> {
        let _ = tool;
        None
    }

    /// The tools as this release states them.
    ///
    /// # Contract
    ///
    /// Works without a credential and with a wrong one where the tools are known beforehand; stable: the same release answers
    /// the same catalogue.
    ///
    /// # Errors
    ///
    /// When the tools must be read from somewhere that does not answer.
    async fn discover(&self, cx: DiscoverContext<'_>) -> Result<Arc<Catalogue>, ProviderError>;

    /// Makes the call.
    ///
    /// # Contract
    ///
    /// - [`CallObserver::sending`] is told before each exchange and waited for; when it refuses, nothing is sent.
    /// - The call's arguments are checked against the schema, the rules and [`ToolServer::check`] already. A tool that makes the arguments of other
    ///   tools by itself holds those to [`CheckedArguments::rules`] before anything of them is sent.
    ///
    /// # Errors
    ///
    /// The kind says what the caller should do; the vendor's own words are in [`ProviderError::vendor`].
    async fn invoke(&self, call: &AuthorizedCall, cx: CallContext<'_>) -> Result<ToolOutput, ProviderError>;

    /// Says whether a credential works, whose it is and what it may do, with a cheap read.
    ///
    /// # Contract
    ///
    /// Changes nothing at the vendor. A rejected credential is a report, not an error.
    ///
    /// # Errors
    ///
    /// When the vendor does not answer or answers nothing that settles the question.
    async fn probe(&self, cx: ProbeContext<'_>) -> Result<CredentialReport, ProviderError>;

    /// The exact request that a call would send, secrets masked. Sends nothing.
    ///
    /// # Errors
    ///
    /// [`ProviderErrorKind::InvalidArguments`] when the arguments cannot be bound; `UnknownTool` when there is no such tool.
    fn preview(
        &self,
        tool: &ToolName,
        arguments: &CheckedArguments,
        facts: &CredentialFacts,
    ) -> Result<RequestPreview, ProviderError>;
}

/// What a provider is told of a registered server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The tenant.
    pub tenant: TenantId,
    /// The server.
    pub server: ServerId,
    /// The row.
    pub spec: ServerSpec,
}

impl ServerConfig {
    /// A row of a tenant's server.
    pub fn new(tenant: TenantId, server: ServerId, spec: ServerSpec) -> Self {
        Self { tenant, server, spec }
    }
}
