//! A provider whose server can be opened anew, by another value of it, while a governor holds it.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use mcp_govern_core::{
    ArgumentFault, ArgumentRule, AuthorizedCall, CallContext, Catalogue, CheckedArguments, CredentialFacts,
    CredentialReport, DiscoverContext, ProbeContext, Provider, ProviderError, ProviderInfo, RequestPreview,
    ServerConfig, ToolName, ToolOutput, ToolServer,
};

/// The provider; clones share the server.
#[derive(Debug, Clone)]
pub(super) struct Replaceable {
    provider: Arc<dyn Provider>,
    current: Arc<Mutex<Option<Opened>>>,
}

#[derive(Debug, Clone)]
struct Opened {
    config: ServerConfig,
    server: Arc<dyn ToolServer>,
}

/// The server that was opened or put in place last.
#[derive(Debug)]
struct Current {
    slot: Arc<Mutex<Option<Opened>>>,
    first: Arc<dyn ToolServer>,
}

impl Replaceable {
    pub(super) fn new(provider: Arc<dyn Provider>) -> Self {
        Self { provider, current: Arc::default() }
    }

    /// From now on calls go through a server that another value of the provider makes, of the same configuration: what the one before
    /// remembers, such as how many requests it has sent, counts no longer. Nothing happens where none was opened yet.
    pub(super) fn replace(&self, provider: &dyn Provider) -> Result<(), ProviderError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = current.as_mut() {
            opened.server = provider.open(&opened.config)?;
        }
        Ok(())
    }
}

impl Current {
    fn server(&self) -> Arc<dyn ToolServer> {
        let slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().map_or_else(|| Arc::clone(&self.first), |opened| Arc::clone(&opened.server))
    }
}

#[async_trait]
impl Provider for Replaceable {
    fn info(&self) -> &ProviderInfo {
        self.provider.info()
    }

    fn open(&self, config: &ServerConfig) -> Result<Arc<dyn ToolServer>, ProviderError> {
        let first = self.provider.open(config)?;
        let opened = Opened { config: config.clone(), server: Arc::clone(&first) };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened);
        Ok(Arc::new(Current { slot: Arc::clone(&self.current), first }))
    }
}

#[async_trait]
impl ToolServer for Current {
    fn rules(&self) -> Vec<ArgumentRule> {
        self.server().rules()
    }

    fn check(&self, tool: &ToolName, arguments: &CheckedArguments) -> Result<(), Vec<ArgumentFault>> {
        self.server().check(tool, arguments)
    }

    async fn discover(&self, cx: DiscoverContext<'_>) -> Result<Arc<Catalogue>, ProviderError> {
        self.server().discover(cx).await
    }

    async fn invoke(&self, call: &AuthorizedCall, cx: CallContext<'_>) -> Result<ToolOutput, ProviderError> {
        self.server().invoke(call, cx).await
    }

    async fn probe(&self, cx: ProbeContext<'_>) -> Result<CredentialReport, ProviderError> {
        self.server().probe(cx).await
    }

    fn preview(
        &self,
        tool: &ToolName,
        arguments: &CheckedArguments,
        facts: &CredentialFacts,
    ) -> Result<RequestPreview, ProviderError> {
        self.server().preview(tool, arguments, facts)
    }
}
