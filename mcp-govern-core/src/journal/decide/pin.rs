//! Approving ahead what no catalogue has brought yet, by its digest; and taking that back.

use std::collections::BTreeMap;

use super::{
    Case, Events,
    review::{not_empty, step},
};
use crate::{
    journal::{
        Event, Refusal, ToolState,
        approval::ApprovalEvent,
        event::{ToolPinned, ToolUnpinned},
    },
    vocabulary::{Digest, EditionId, ToolId},
};

/// How many definitions of one tool can be approved ahead at a time.
const MOST: usize = 16;

impl Case<'_> {
    pub(super) fn pin_tools(&self, tools: &BTreeMap<ToolId, Digest>, edition: Option<&EditionId>) -> Events {
        not_empty(tools.len())?;
        let mut events = Vec::with_capacity(tools.len());
        for (id, digest) in tools {
            events.extend(self.pin(id, *digest, edition)?);
        }
        Ok(events)
    }

    pub(super) fn unpin_tools(&self, tools: &BTreeMap<ToolId, Digest>) -> Events {
        not_empty(tools.len())?;
        let known = tools.iter().filter(|(id, digest)| self.state.pin(id, digest).is_some());
        Ok(known.map(|(id, digest)| ToolUnpinned { tool: id.clone(), digest: *digest }.into()).collect())
    }

    /// The tool itself need not be known: another edition may bring it.
    fn pin(&self, id: &ToolId, digest: Digest, edition: Option<&EditionId>) -> Result<Option<Event>, Refusal> {
        self.server(id.server())?;
        if let Some(tool) = self.state.tools.get(id) {
            step(id, tool, ApprovalEvent::Pin, "approved ahead")?;
            if tool.state == ToolState::Approved && tool.approvals.contains(&digest) {
                return Ok(None);
            }
            if tool.state != ToolState::Removed && tool.digest == digest {
                return Err(Refusal::not_possible(format!(
                    "tool `{id}` cannot be approved ahead under `{digest}`: this is its current definition, which can be approved \
                     itself"
                )));
            }
        }
        let pins = self.state.pins.get(id);
        if pins.is_some_and(|pins| pins.contains_key(&digest)) {
            return Ok(None);
        }
        if pins.is_some_and(|pins| pins.len() >= MOST) {
            return Err(Refusal::not_possible(format!(
                "{MOST} definitions of tool `{id}` are approved ahead already: take those back that are not expected any more"
            )));
        }
        Ok(Some(ToolPinned { tool: id.clone(), digest, edition: edition.cloned() }.into()))
    }
}
