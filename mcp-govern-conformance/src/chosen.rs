//! A provider of which only some tools are offered, or whose servers judge no arguments.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use mcp_govern_core::{
    ArgumentFault, ArgumentRule, AuthorizedCall, CallContext, Catalogue, CheckedArguments, CredentialFacts,
    CredentialReport, DiscoverContext, ProbeContext, Provider, ProviderError, ProviderInfo, RequestPreview,
    ServerConfig, ToolDefinition, ToolName, ToolOutput, ToolServer,
};

/// Offers some tools of a provider; everything else is the provider's own doing.
#[derive(Debug)]
pub(crate) struct Chosen {
    provider: Arc<dyn Provider>,
    choice: Choice,
}

#[derive(Debug, Clone)]
enum Choice {
    /// The tools of these names, and the rows that they use.
    Named(Arc<BTreeSet<String>>),
    /// All tools. Their servers judge no arguments, so that whatever is denied is denied by schema and rules.
    Unjudged,
}

#[derive(Debug)]
struct ChosenServer {
    server: Arc<dyn ToolServer>,
    choice: Choice,
}

impl Chosen {
    pub(crate) fn new(provider: Arc<dyn Provider>, names: BTreeSet<String>) -> Self {
        Self { provider, choice: Choice::Named(Arc::new(names)) }
    }

    /// All tools, with arguments that their servers do not judge.
    pub(crate) fn unjudged(provider: Arc<dyn Provider>) -> Self {
        Self { provider, choice: Choice::Unjudged }
    }
}

#[async_trait]
impl Provider for Chosen {
    fn info(&self) -> &ProviderInfo {
        self.provider.info()
    }

    fn open(&self, server: &ServerConfig) -> Result<Arc<dyn ToolServer>, ProviderError> {
        let server = self.provider.open(server)?;
        Ok(Arc::new(ChosenServer { server, choice: self.choice.clone() }))
    }
}

#[async_trait]
impl ToolServer for ChosenServer {
    fn rules(&self) -> Vec<ArgumentRule> {
        self.server.rules()
    }

    fn check(&self, tool: &ToolName, arguments: &CheckedArguments) -> Result<(), Vec<ArgumentFault>> {
        match self.choice {
            Choice::Named(_) => self.server.check(tool, arguments),
            Choice::Unjudged => Ok(()),
        }
    }

    async fn discover(&self, cx: DiscoverContext<'_>) -> Result<Arc<Catalogue>, ProviderError> {
        let all = self.server.discover(cx).await?;
        let Choice::Named(names) = &self.choice else { return Ok(all) };
        let is_named = |tool: &ToolDefinition| names.contains(tool.name.as_str());
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
