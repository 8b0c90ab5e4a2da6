//! The definitions that this node's own providers have loaded.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock},
};

use serde_json::Value;

use crate::vocabulary::{
    ArgumentRule, Catalogue, CatalogueVersion, Digest, DigestError, ServerId, ToolDefinition, ToolId, ToolName,
};

/// The definitions that this node's providers have loaded, by server.
///
/// A call is admitted under the digest of the definition found here, never under the one that sync saw last: during a rolling
/// upgrade every node answers for what it really does. Definitions are interned by digest, so that ten servers of one provider
/// hold each definition once.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    servers: BTreeMap<ServerId, HashMap<ToolName, LoadedTool>>,
    versions: BTreeMap<ServerId, CatalogueVersion>,
    rules: BTreeMap<ServerId, Vec<ArgumentRule>>,
}

/// A definition that is loaded, and what is worked out once of it.
#[derive(Debug, Clone)]
pub(super) struct LoadedTool {
    pub(super) digest: Digest,
    pub(super) definition: Arc<ToolDefinition>,
    /// The schema of its arguments without our own keywords, once it was asked for. Servers that share the definition
    /// share it, and so do all snapshots.
    pub(super) shown: Shown,
}

/// A schema that is made when it is first asked for.
pub(super) type Shown = Arc<OnceLock<Arc<Value>>>;

impl LoadedTool {
    pub(super) fn new(digest: Digest, definition: &Arc<ToolDefinition>) -> Self {
        Self { digest, definition: Arc::clone(definition), shown: Shown::default() }
    }
}

/// A catalogue was not taken in: one of its definitions has no digest, so that it cannot be approved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the definition of `{tool}` has no digest: {source}")]
pub struct LoadError {
    tool: ToolName,
    source: DigestError,
}

impl LoadError {
    /// The tool.
    pub fn tool(&self) -> &ToolName {
        &self.tool
    }
}

impl Loaded {
    /// Nothing is loaded: every tool is denied.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what a server's provider states, in place of what it stated before.
    ///
    /// # Errors
    ///
    /// When a definition has no digest. What was loaded before stays.
    pub fn set_catalogue(&mut self, server: &ServerId, catalogue: &Catalogue) -> Result<(), LoadError> {
        let mut tools = HashMap::with_capacity(catalogue.tools.len());
        for definition in &catalogue.tools {
            let name = &definition.name;
            // Servers of one provider share its definitions: each is hashed once.
            let tool = if let Some(known) = self.known(name, |known| Arc::ptr_eq(&known.definition, definition)) {
                known
            } else {
                let digest = definition.digest().map_err(|source| LoadError { tool: name.clone(), source })?;
                let known = self.known(name, |known| known.digest == digest);
                known.unwrap_or_else(|| LoadedTool::new(digest, definition))
            };
            tools.insert(name.clone(), tool);
        }
        self.servers.insert(server.clone(), tools);
        self.versions.insert(server.clone(), catalogue.version);
        Ok(())
    }

    /// Takes in what a server's provider states.
    ///
    /// # Errors
    ///
    /// As [`Loaded::set_catalogue`].
    pub fn with_catalogue(mut self, server: &ServerId, catalogue: &Catalogue) -> Result<Self, LoadError> {
        self.set_catalogue(server, catalogue)?;
        Ok(self)
    }

    /// Takes in the rules that follow from a server's configuration, in place of those before
    /// ([`ToolServer::rules`](crate::ToolServer::rules)).
    pub fn set_rules(&mut self, server: &ServerId, rules: Vec<ArgumentRule>) {
        self.rules.insert(server.clone(), rules);
    }

    /// The rules that follow from a server's configuration.
    pub fn rules(&self, server: &ServerId) -> &[ArgumentRule] {
        self.rules.get(server).map(Vec::as_slice).unwrap_or_default()
    }

    /// Forgets a server: its provider could not be opened, or the server is gone. Its tools are denied.
    pub fn remove(&mut self, server: &ServerId) {
        self.rules.remove(server);
        self.versions.remove(server);
        self.servers.remove(server);
    }

    /// The loaded definition of a tool and its digest.
    pub fn get(&self, tool: &ToolId) -> Option<(Digest, &Arc<ToolDefinition>)> {
        let tool = self.tool(tool)?;
        Some((tool.digest, &tool.definition))
    }

    pub(super) fn tool(&self, tool: &ToolId) -> Option<&LoadedTool> {
        self.servers.get(tool.server())?.get(tool.name())
    }

    /// What a server's provider states: the version of its catalogue, and its tools by the digests of their definitions.
    pub fn catalogue(
        &self,
        server: &ServerId,
    ) -> Option<(CatalogueVersion, impl Iterator<Item = (&ToolName, Digest)>)> {
        let tools = self.servers.get(server)?;
        Some((*self.versions.get(server)?, tools.iter().map(|(name, tool)| (name, tool.digest))))
    }

    /// The servers whose definitions are loaded.
    pub fn servers(&self) -> impl Iterator<Item = &ServerId> {
        self.servers.keys()
    }

    /// A definition of this name that is loaded for some server.
    fn known(&self, name: &ToolName, is: impl Fn(&LoadedTool) -> bool) -> Option<LoadedTool> {
        let mut known = self.servers.values().filter_map(|tools| tools.get(name));
        known.find(|known| is(known)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::access::fixture;

    #[test]
    fn two_servers_of_one_provider_hold_a_definition_once() {
        let one = Arc::new(fixture::definition("list_pages", &json!({"type": "object"})));
        let other = Arc::new(ToolDefinition::clone(&one));
        let catalogue = |definition| Catalogue::new(fixture::version(1), vec![definition]).unwrap();
        let loaded = Loaded::new()
            .with_catalogue(&fixture::server("a"), &catalogue(one))
            .unwrap()
            .with_catalogue(&fixture::server("b"), &catalogue(other))
            .unwrap();
        let (_, a) = loaded.get(&fixture::tool("a", "list_pages")).unwrap();
        let (_, b) = loaded.get(&fixture::tool("b", "list_pages")).unwrap();
        assert!(Arc::ptr_eq(a, b));
    }

    #[test]
    fn a_catalogue_without_a_digest_leaves_what_was_loaded() {
        let server = fixture::server("a");
        let good = fixture::definition("list_pages", &json!({"type": "object"}));
        let bad = fixture::definition("list_pages", &json!({"maximum": 18_014_398_509_481_985_u64}));
        let mut loaded = Loaded::new();
        loaded.set_catalogue(&server, &Catalogue::new(fixture::version(1), vec![Arc::new(good)]).unwrap()).unwrap();
        let error = loaded
            .set_catalogue(&server, &Catalogue::new(fixture::version(2), vec![Arc::new(bad)]).unwrap())
            .unwrap_err();
        assert_eq!(error.tool().as_str(), "list_pages");
        assert!(loaded.get(&fixture::tool("a", "list_pages")).is_some());
        loaded.remove(&server);
        assert!(loaded.get(&fixture::tool("a", "list_pages")).is_none());
    }
}
