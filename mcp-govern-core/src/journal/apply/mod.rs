//! The fold: what a commit does to the state.
//!
//! Total: an event about something that is unknown changes nothing and never panics. What may happen was settled when the
//! command was decided; here it has happened.
//!
//! INVARIANT: replaying a journal gives the state that its writers had (`replaying_a_journal_gives_the_same_state`).

mod access;
mod pins;
mod tools;

use super::{Command, Commit, CommitError, Event, Head, Sealed, Server, State, StoredCommit, state::PastCommand};
use crate::vocabulary::{Actor, AuditHead, Digest, Timestamp};

impl State {
    /// The commit that a decided command makes of this state: the next revision, chained to the head, never before the last commit.
    pub fn commit(&self, command: &Command, actor: &Actor, now: Timestamp, events: Vec<Event>) -> Commit {
        Commit {
            revision: self.head.revision.next(),
            previous: self.head.hash,
            command_id: command.id.clone(),
            // Without a digest the id is bound to what is on record instead.
            command: command.digest(actor.user()).ok(),
            actor: actor.to_recorded(),
            at: now.max(self.last_at),
            reason: command.reason.clone(),
            events,
        }
    }

    /// Takes in a commit that this release has just made; the head becomes that of its sealed form.
    pub fn apply(&mut self, commit: &Commit) {
        // INVARIANT: every commit has a JSON form (`every_event_has_a_json_form`), so the fallback is never taken; were it, the
        // next commit would not follow and be refused.
        let head = StoredCommit::seal(commit)
            .map_or(Head { revision: commit.revision, hash: Digest::ZERO }, |commit| commit.head());
        self.apply_stored(commit, head);
    }

    /// Takes in a commit that a journal keeps under `head`.
    pub fn apply_stored(&mut self, commit: &Commit, head: Head) {
        for event in &commit.events {
            self.apply_event(event, commit);
        }
        self.drop_what_is_there(commit);
        self.commands.entry(commit.command_id.clone()).or_insert_with(|| PastCommand::of(commit));
        if !commit.events.iter().all(|event| matches!(event, Event::AuditAnchored(_) | Event::JournalSealed(_))) {
            self.changed_at = commit.revision;
        }
        self.last_at = self.last_at.max(commit.at);
        self.head = head;
    }

    /// Reads the next commit of a journal, checks that it follows, and takes it in.
    ///
    /// # Errors
    ///
    /// When the commit was changed, does not follow, or cannot be read by this release; the state is then as before.
    pub fn follow(&mut self, stored: &StoredCommit) -> Result<Commit, CommitError> {
        let commit = stored.open(self.head)?;
        self.apply_stored(&commit, stored.head());
        Ok(commit)
    }

    pub(in crate::journal) fn apply_event(&mut self, event: &Event, commit: &Commit) {
        match event {
            Event::GovernanceActivated(_) => self.activated = true,
            Event::SchemaActivated(event) => self.schema = event.schema,
            Event::SettingsChanged(event) => {
                self.settings_by.changed(&self.settings, &event.settings, &commit.actor.user);
                self.settings = event.settings.clone();
            }

            Event::ServerRegistered(event) => {
                let server =
                    Server { spec: event.spec.clone(), paused: false, catalogue: None, registered_at: commit.at };
                self.servers.insert(event.server.clone(), server);
            }
            Event::ServerChanged(event) => self.server_changed(event),
            Event::ServerPaused(event) => {
                if let Some(server) = self.servers.get_mut(&event.server) {
                    server.paused = true;
                }
            }
            Event::ServerResumed(event) => {
                if let Some(server) = self.servers.get_mut(&event.server) {
                    server.paused = false;
                }
            }
            Event::ServerRemoved(event) => self.server_removed(&event.server),

            Event::CatalogueSynced(event) => {
                if let Some(server) = self.servers.get_mut(&event.server) {
                    server.catalogue = Some(event.version);
                }
            }
            Event::ToolDiscovered(event) => self.tool_discovered(event, commit),
            Event::ToolChanged(event) => self.tool_changed(event, commit),
            Event::ToolGone(event) => self.tool_gone(&event.tool, commit),
            Event::ToolReturned(event) => self.tool_returned(event, commit),
            Event::ToolStaged(event) => self.tool_staged(event),
            Event::ToolApproved(event) => self.tool_approved(&event.tool, event.digest, commit),
            Event::ToolApprovedAhead(event) => self.tool_approved_ahead(&event.tool, event.digest, commit),
            Event::ToolPinned(event) => self.tool_pinned(event, commit),
            Event::ToolUnpinned(event) => self.tool_unpinned(event),
            Event::ToolDisabled(event) => self.tool_disabled(&event.tool, commit),
            Event::ToolReset(event) => self.tool_reset(&event.tool, commit),
            Event::ToolClassified(event) => {
                if let Some(tool) = self.tools.get_mut(&event.tool) {
                    (tool.effect, tool.risk) = (event.effect, event.risk);
                }
            }
            Event::ToolClientTypesSet(event) => {
                if let Some(tool) = self.tools.get_mut(&event.tool) {
                    tool.client_types.clone_from(&event.types);
                }
            }

            Event::AuditAnchored(event) => {
                let anchor = AuditHead { sequence: event.sequence, hash: event.hash };
                self.anchors.insert(event.writer.clone(), anchor);
                self.anchored_at = Some(commit.at);
            }
            Event::JournalSealed(event) => {
                self.sealed = Some(Sealed { revision: commit.revision, key: event.key });
                self.anchored_at = Some(commit.at);
            }
            // It says what is gone, and changes nothing of what is there.
            Event::RollbackAccepted(_) => {}

            Event::AuditSegmentDropped(event) => {
                let through = AuditHead { sequence: event.sequence, hash: event.hash };
                self.dropped.insert(event.writer.clone(), super::DroppedSegment { through, export: event.export });
            }

            Event::ToolsetCreated(_)
            | Event::ToolsetLabelled(_)
            | Event::ToolsetToolsSet(_)
            | Event::ToolsetToolsRemoved(_)
            | Event::ToolsetDeleted(_)
            | Event::ProfileCreated(_)
            | Event::ProfileChanged(_)
            | Event::ProfileDeleted(_)
            | Event::ToolsetBound(_)
            | Event::ToolsetUnbound(_)
            | Event::ProfileGranted(_)
            | Event::GrantRevoked(_)
            | Event::AccessRequested(_)
            | Event::RequestApproved(_)
            | Event::RequestDenied(_)
            | Event::RequestCancelled(_)
            | Event::ClientSet(_)
            | Event::ClientClosed(_)
            | Event::ClientReopened(_)
            | Event::KillSwitchThrown(_)
            | Event::KillSwitchReleased(_)
            | Event::CredentialSet(_)
            | Event::CredentialRemoved(_)
            | Event::CredentialRefused(_)
            | Event::UserOffboarded(_) => self.apply_access(event, commit),
        }
    }

    /// A kill switch of the server or its tools stays on until somebody releases it: should the id be used again, the new
    /// server starts stopped.
    fn server_removed(&mut self, server: &crate::vocabulary::ServerId) {
        self.servers.remove(server);
        self.tools.retain(|tool, _| tool.server() != server);
        self.pins.retain(|tool, _| tool.server() != server);
        self.credentials.retain(|(of, _), _| of != server);
        for toolset in self.toolsets.values_mut() {
            if let crate::vocabulary::ToolsetContent::Chosen(tools) = &mut toolset.content {
                tools.retain(|tool, _| tool.server() != server);
            }
        }
    }
}
