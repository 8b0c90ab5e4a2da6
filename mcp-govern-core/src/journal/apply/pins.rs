//! What commits do to approvals ahead, and what becomes of approvals when a server leaves an edition.

use crate::{
    journal::{
        Commit, Event, Pin, PinSource, State, Tool, ToolState,
        approval::ApprovalEvent,
        event::{CatalogueSynced, ServerChanged, ToolPinned, ToolUnpinned},
    },
    vocabulary::{Digest, ToolId},
};

impl State {
    pub(super) fn tool_pinned(&mut self, event: &ToolPinned, commit: &Commit) {
        let pin = Pin {
            by: Some(commit.actor.clone()),
            at: commit.at,
            edition: event.edition.clone(),
            source: PinSource::Ahead,
        };
        self.pins_mut(&event.tool).insert(event.digest, pin);
    }

    pub(super) fn tool_unpinned(&mut self, event: &ToolUnpinned) {
        self.drop_pins_of(&event.tool, |digest, _| *digest == event.digest);
    }

    /// The row is replaced. Where it is of another edition, its tools are still those of the edition before, and the next sync takes in
    /// whatever the other one offers, however its catalogues are counted. What was approved stays approved ahead.
    pub(super) fn server_changed(&mut self, event: &ServerChanged) {
        let Some(server) = self.servers.get_mut(&event.server) else { return };
        let left = std::mem::replace(&mut server.spec, event.spec.clone()).edition;
        // Where nothing was synced of the edition that is left, the tools are those of one before.
        if left == event.spec.edition || server.catalogue.take().is_none() {
            return;
        }
        let approved: Vec<(ToolId, Digest, Pin)> = self
            .tools_of(&event.server)
            .filter(|(_, tool)| tool.state == ToolState::Approved)
            .map(|(id, tool)| {
                let pin = Pin {
                    by: tool.reviewed_by.clone(),
                    at: tool.reviewed_at.unwrap_or(tool.changed_at),
                    edition: left.clone(),
                    source: PinSource::Left,
                };
                (id.clone(), tool.digest, pin)
            })
            .collect();
        for (id, digest, pin) in approved {
            // One for each edition: an older definition of the same one is of no use any more.
            self.drop_pins_of(&id, |_, old| old.source == PinSource::Left && old.edition == pin.edition);
            self.pins_mut(&id).entry(digest).or_insert(pin);
        }
    }

    /// What a sync has found is not ahead any more.
    pub(super) fn drop_found_pins(&mut self, synced: &CatalogueSynced) {
        let found: Vec<(ToolId, Digest)> = self
            .tools_of(&synced.server)
            .filter(|(_, tool)| tool.state != ToolState::Removed)
            .map(|(id, tool)| (id.clone(), tool.digest))
            .collect();
        for (id, digest) in found {
            self.drop_pins_of(&id, |pinned, _| *pinned == digest);
        }
    }

    pub(super) fn drop_pins(&mut self, tool: &ToolId) {
        self.pins.remove(tool);
    }

    fn drop_pins_of(&mut self, tool: &ToolId, is: impl Fn(&Digest, &Pin) -> bool) {
        if let Some(pins) = self.pins.get_mut(tool) {
            pins.retain(|digest, pin| !is(digest, pin));
            if pins.is_empty() {
                self.pins.remove(tool);
            }
        }
    }
}

impl Tool {
    /// Takes in a definition that sync found: by the approval ahead where there is one, else by what else it is.
    pub(super) fn found(&mut self, pin: Option<Pin>, otherwise: ApprovalEvent, commit: &Commit) {
        let digest = self.digest;
        let Some(pin) = pin else {
            self.step(otherwise, digest, commit);
            return;
        };
        if self.step(ApprovalEvent::Pinned, digest, commit) && self.state == ToolState::Approved {
            self.reviewed = Some((digest, self.definition.clone()));
            self.reviewed_by = pin.by;
            self.reviewed_at = Some(pin.at);
        }
    }
}

/// Whether an event takes in a catalogue.
pub(super) fn synced(event: &Event) -> Option<&CatalogueSynced> {
    match event {
        Event::CatalogueSynced(synced) => Some(synced),
        _ => None,
    }
}
