//! A tool as a snapshot shows it.

use std::sync::Arc;

use super::tool_index::{ServerRecord, ToolRecord};
use crate::{
    journal::ToolState,
    vocabulary::{Classification, CredentialSharing, Digest, Effect, Risk, ServerId, ToolDefinition, ToolId},
};

/// A tool within a snapshot. On another snapshot it names nothing, unless the two share their tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ToolNumber {
    pub(super) index: u32,
    pub(super) tool_index: u32,
}

/// What a snapshot knows of a tool, for every caller.
#[derive(Debug, Clone, Copy)]
pub struct ToolView<'a> {
    tool: &'a ToolRecord,
    server: &'a ServerRecord,
}

impl<'a> ToolView<'a> {
    pub(super) fn new(tool: &'a ToolRecord, server: &'a ServerRecord) -> Self {
        Self { tool, server }
    }

    /// The tool's id.
    pub fn id(&self) -> &'a ToolId {
        &self.tool.id
    }

    /// The name that AI clients see: `<prefix>_<tool>`.
    pub fn exposed_name(&self) -> &'a str {
        &self.tool.exposed
    }

    /// Its server.
    pub fn server(&self) -> &'a ServerId {
        &self.server.id
    }

    /// Whose credential a call uses.
    pub fn sharing(&self) -> CredentialSharing {
        self.server.sharing
    }

    /// The definition that this node has loaded; the one that sync saw last where none is loaded.
    pub fn definition(&self) -> &'a Arc<ToolDefinition> {
        &self.tool.definition
    }

    /// The digest of [`ToolView::definition`].
    pub fn digest(&self) -> Digest {
        self.tool.digest
    }

    /// Whether the tool once had an argument that its definition no longer has.
    pub fn once_had(&self, argument: &str) -> bool {
        self.tool.gone.iter().any(|gone| **gone == *argument)
    }

    /// The state of its approval.
    pub fn state(&self) -> ToolState {
        self.tool.state
    }

    /// The effect that counts: an administrator's, else the strongest of what was synced and what is loaded.
    pub fn effect(&self) -> Effect {
        self.tool.effect
    }

    /// The risk that counts, as for the effect.
    pub fn risk(&self) -> Risk {
        self.tool.risk
    }

    /// One word for people.
    pub fn classification(&self) -> Classification {
        Classification::of(self.tool.effect, self.tool.risk)
    }
}
