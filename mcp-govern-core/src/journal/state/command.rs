//! What is remembered of the commands that were carried out: enough to know one again.

use crate::{
    journal::{Action, Command, Commit, Event, Revision},
    vocabulary::{Digest, UserId},
};

/// A command that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PastCommand {
    /// The revision that it made.
    pub(crate) revision: Revision,
    pub(crate) identity: CommandIdentity,
}

/// How a command is known again. There is one for every commit of a journal, so that it is small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommandIdentity {
    /// The first half of its digest: to send another command under an id that is taken one has to find a second text with the
    /// same 128 bits.
    Digest(u128),
    /// Of a commit without a digest: who sent it, and the tags of what it changed.
    Events(Box<(UserId, Vec<&'static str>)>),
}

impl PastCommand {
    pub(crate) fn of(commit: &Commit) -> Self {
        let identity = commit.command.as_ref().map_or_else(
            || {
                let mut tags: Vec<_> = commit.events.iter().map(Event::tag).collect();
                tags.sort_unstable();
                tags.dedup();
                CommandIdentity::Events(Box::new((commit.actor.user.clone(), tags)))
            },
            |digest| CommandIdentity::Digest(half(digest)),
        );
        Self { revision: commit.revision, identity }
    }

    /// Whether this is the command that was carried out, sent by the same person. Of a commit without a digest it can only be told
    /// that the command makes such events.
    pub(crate) fn is(&self, command: &Command, sender: &UserId) -> bool {
        match &self.identity {
            CommandIdentity::Digest(known) => command.digest(sender).is_ok_and(|digest| half(&digest) == *known),
            CommandIdentity::Events(known) => {
                let (by, tags) = known.as_ref();
                let makes = makes(&command.action);
                // What comes first is what the action is about; of these it is either of two.
                let begins = matches!(command.action, Action::ApproveTools { .. } | Action::AnchorAudit { .. })
                    || makes.first().is_some_and(|first| tags.contains(first));
                by == sender && begins && tags.iter().all(|tag| makes.contains(tag))
            }
        }
    }
}

fn half(digest: &Digest) -> u128 {
    digest.as_bytes().first_chunk().copied().map_or(0, u128::from_be_bytes)
}

/// The tags of all events that an action may make, the one that it always makes first.
fn makes(action: &Action) -> &'static [&'static str] {
    match action {
        Action::ActivateGovernance => &["governance_activated.v1"],
        Action::ActivateSchema { .. } => &["schema_activated.v1"],
        Action::ChangeSettings { .. } => &["settings_changed.v1"],
        Action::RegisterServer { .. } => &["server_registered.v1"],
        Action::ChangeServer { .. } => &["server_changed.v1", "credential_removed.v1"],
        Action::PauseServer { .. } => &["server_paused.v1"],
        Action::ResumeServer { .. } => &["server_resumed.v1"],
        Action::RemoveServer { .. } => &["server_removed.v1"],
        Action::SyncServer { .. } => {
            &["catalogue_synced.v1", "tool_discovered.v1", "tool_changed.v1", "tool_returned.v1", "tool_gone.v1"]
        }
        Action::StageCatalogue { .. } => &["tool_staged.v1"],
        Action::ApproveTools { .. } => &["tool_approved.v1", "tool_approved_ahead.v1"],
        Action::PinTools { .. } => &["tool_pinned.v1"],
        Action::UnpinTools { .. } => &["tool_unpinned.v1"],
        Action::DisableTools { .. } => &["tool_disabled.v1"],
        Action::ResetTools { .. } => &["tool_reset.v1"],
        Action::ClassifyTool { .. } => &["tool_classified.v1"],
        Action::SetToolClientTypes { .. } => &["tool_client_types_set.v1"],
        Action::CreateToolset { .. } => &["toolset_created.v1"],
        Action::LabelToolset { .. } => &["toolset_labelled.v1"],
        Action::SetToolsetTools { .. } => &["toolset_tools_set.v1"],
        Action::RemoveToolsetTools { .. } => &["toolset_tools_removed.v1"],
        Action::DeleteToolset { .. } => &["toolset_deleted.v1"],
        Action::CreateProfile { .. } => &["profile_created.v1"],
        Action::ChangeProfile { .. } => &["profile_changed.v1"],
        Action::DeleteProfile { .. } => &["profile_deleted.v1"],
        Action::BindToolset { .. } => &["toolset_bound.v1"],
        Action::UnbindToolset { .. } => &["toolset_unbound.v1"],
        Action::GrantProfile { .. } => &["profile_granted.v1"],
        Action::RevokeGrant { .. } => &["grant_revoked.v1"],
        Action::RequestAccess { .. } => &["access_requested.v1", "profile_granted.v1"],
        Action::ApproveRequest { .. } => &["request_approved.v1", "profile_granted.v1"],
        Action::DenyRequest { .. } => &["request_denied.v1"],
        Action::CancelRequest { .. } => &["request_cancelled.v1"],
        Action::SetClient { .. } => &["client_set.v1"],
        Action::CloseClient { .. } => &["client_closed.v1"],
        Action::ReopenClient { .. } => &["client_reopened.v1"],
        Action::Kill { .. } => &["kill_switch_thrown.v1"],
        Action::Release { .. } => &["kill_switch_released.v1"],
        Action::SetCredential { .. } => &["credential_set.v1"],
        Action::RemoveCredential { .. } => &["credential_removed.v1"],
        Action::NoteRefusedCredential { .. } => &["credential_refused.v1"],
        Action::AnchorAudit { .. } => &["audit_anchored.v1", "journal_sealed.v1"],
        Action::AcceptRollback { .. } => &["rollback_accepted.v1"],
        Action::DropAuditSegment { .. } => &["audit_segment_dropped.v1", "journal_sealed.v1"],
        Action::OffboardUser { .. } => &["user_offboarded.v1"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remembered_command_takes_few_bytes() {
        assert!(size_of::<PastCommand>() <= 48, "{}", size_of::<PastCommand>());
    }
}
