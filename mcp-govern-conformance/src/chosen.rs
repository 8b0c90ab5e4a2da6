//! A provider of which only some tools are offered.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use mcp_govern_core::{
    ArgumentRule, AuthorizedCall, CallContext, Catalogue, CheckedArguments, CredentialFacts, CredentialReport,
    DiscoverContext, ProbeContext, Provider, ProviderError, ProviderInfo, RequestPreview, ServerConfig, ToolDefinition,
    ToolName, ToolOutput, ToolServer,
};

/// Offers the tools of these names, and the rows that they use; everything else is the provider's own doing.
#[derive(Debug)]
pub(crate) struct Chosen {
    provider: Arc<dyn Provider>,
    names: Arc<BTreeSet<String>>,
}

#[derive(Debug)]
struct ChosenServer {
    server: Arc<dyn ToolServer>,
    names: Arc<BTreeSet<String>>,
}

impl Chosen {
    pub(crate) fn new(provider: Arc<dyn Provider>, names: BTreeSet<String>) -> Self {
        Self { provider, names: Arc::new(names) }
    }
}

#[async_trait]
impl Provider for Chosen {
    fn info(&self) -> &ProviderInfo {
        self.provider.info()
    }

    fn open(&self, server: &ServerConfig) -> Result<Arc<dyn ToolServer>, ProviderError> {
        let server = self.provider.open(server)?;
        Ok(Arc::new(ChosenServer { server, names: Arc::clone(&self.names) }))
    }
}

#[async_trait]
impl ToolServer for ChosenServer {
    fn rules(&self) -> Vec<ArgumentRule> {
        self.server.rules()
    }

    async fn discover(&self, cx: DiscoverContext<'_>) -> Result<Arc<Catalogue>, ProviderError> {
        let all = self.server.discover(cx).await?;
        let is_named = |tool: &ToolDefinition| self.names.contains(tool.name.as_str());
        let used: BTreeSet<&ToolName> =
            all.tools.iter().filter(|tool| is_named(tool)).flat_map(|tool| tool.uses()).collect();
        let tools = all.tools.iter().filter(|tool| is_named(tool) || used.contains(&tool.name)).cloned().collect();
        Ok(Arc::new(Catalogue { version: all.version, tools }))
    }

    async fn invoke(&self, call: &AuthorizedCall, cx: CallContext<'_>) -> Result<ToolOutput, ProviderError> {
        self.server.invoke(call, cx).await
    }

    async fn probe(&self, cx: ProbeContext<'_>) -> Result<CredentialReport, ProviderError> {
        self.server.probe(cx).await
    }

    fn preview(
        &self,
        tool: &ToolName,
        arguments: &CheckedArguments,
        facts: &CredentialFacts,
    ) -> Result<RequestPreview, ProviderError> {
        self.server.preview(tool, arguments, facts)
    }
}
