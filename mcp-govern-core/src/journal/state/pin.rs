//! Definitions that were approved before they are offered.

use std::collections::BTreeMap;

use super::State;
use crate::vocabulary::{Digest, EditionId, RecordedActor, ServerId, Timestamp, ToolId};

/// An approval ahead: a definition that is not offered now and counts as reviewed. The first sync that finds exactly this definition
/// approves the tool by it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pin {
    /// Who approved it; absent where it was approved by default, without a review.
    pub by: Option<RecordedActor>,
    /// When.
    pub at: Timestamp,
    /// The edition of the server that is expected to offer it; the provider's first where absent.
    pub edition: Option<EditionId>,
    /// Where it comes from.
    pub source: PinSource,
}

/// Where an approval ahead comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinSource {
    /// A person approved the definition ahead.
    Ahead,
    /// The definition was the approved one of an edition that the server has left since.
    Left,
}

impl State {
    /// The approvals ahead of a server's tools, in the order of tools and digests.
    pub fn pins_of<'a>(&'a self, server: &'a ServerId) -> impl Iterator<Item = (&'a ToolId, Digest, &'a Pin)> {
        let of_server = self.pins.iter().filter(move |(tool, _)| tool.server() == server);
        of_server.flat_map(|(tool, pins)| pins.iter().map(move |(digest, pin)| (tool, *digest, pin)))
    }

    /// The approval ahead of a tool's definition.
    pub fn pin(&self, tool: &ToolId, digest: &Digest) -> Option<&Pin> {
        self.pins.get(tool)?.get(digest)
    }

    /// The approvals ahead of a tool, by the digests of the definitions.
    pub(crate) fn pins_mut(&mut self, tool: &ToolId) -> &mut BTreeMap<Digest, Pin> {
        self.pins.entry(tool.clone()).or_default()
    }
}
