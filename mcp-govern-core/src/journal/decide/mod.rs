//! Commands in, events out. Pure: no clock, no randomness, no I/O; ids of new things come with the command.

mod authorise;
mod client;
mod credential;
mod pin;
mod profile;
mod request;
mod review;
mod server;
mod sync;
mod tenant;
mod toolset;
mod validate;

use std::fmt;

use super::{
    Action, Command, Event, Refusal, RefusalKind, Revision, Server, State, Tool, event::RollbackAccepted, own::gained,
};
use crate::vocabulary::{Actor, ServerId, Timestamp, ToolId};

/// The newest schema of event forms that this release writes.
pub const SCHEMA: u32 = 1;

/// What comes of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Decided {
    /// These events make the next commit. Never empty.
    Events(Vec<Event>),
    /// Nothing is to be written: the command was carried out at this revision, or what it asks for already holds.
    AlreadyDone(Revision),
}

/// Decides a command against the state.
///
/// A command that was carried out before answers [`Decided::AlreadyDone`] with the revision of that time, where the same person
/// sends it again under the same id, and still has a role for it. `now` is the largest of wall clock and last time seen; the last
/// commit's time counts too.
///
/// INVARIANT: a command id is good for the command and the person that used it first alone
/// (`a_used_command_id_is_good_for_its_own_command_and_sender_alone`).
///
/// INVARIANT: nobody comes to hold a profile, or to be able to obtain one, by one's own commits alone, however many
/// (`nobody_obtains_a_profile_by_ones_own_commits_alone`): what the actor holds and can obtain alone ([`OwnAccess`](super::OwnAccess))
/// is compared before and after, whatever the command says. What the profiles that one holds lead to is no part of it: an
/// administrator approves tools and binds toolsets for all holders of a profile, also as one of them. Such a commit is shown as one
/// that widens access, and is on record. Processes ([`Actor::process`]) have no access, so that nothing of this bears on them.
///
/// # Errors
///
/// A [`Refusal`] when the actor may not ([`RefusalKind::NotAllowed`](super::RefusalKind::NotAllowed)), another person must act
/// ([`RefusalKind::AnotherPersonNeeded`](super::RefusalKind::AnotherPersonNeeded)), the id was used for another
/// command or by another person ([`RefusalKind::CommandIdUsed`](super::RefusalKind::CommandIdUsed)), something was changed after
/// the revision that the command expects ([`RefusalKind::Conflict`](super::RefusalKind::Conflict)), something that it names is not
/// there, the state does not allow it, or the command makes no sense. Nothing has changed then.
pub fn decide(state: &State, command: &Command, actor: &Actor, now: Timestamp) -> Result<Decided, Refusal> {
    let past = state.commands.get(&command.id);
    if let Some(past) = past.filter(|past| past.is(command, actor.user())) {
        // What is one's own may have changed by the very command: a grant that was given back is nobody's.
        authorise::has_role(&command.action, actor)?;
        return Ok(Decided::AlreadyDone(past.revision));
    }
    if state.schema > SCHEMA {
        return Err(Refusal::not_possible(format!(
            "the journal is written in schema {} and this release writes {SCHEMA}: send the command to a newer node",
            state.schema
        )));
    }
    validate::text("the reason", command.reason.as_deref().unwrap_or_default())?;
    authorise::check(state, &command.action, actor)?;
    if let Some(past) = past {
        return Err(Refusal::new(
            RefusalKind::CommandIdUsed,
            format!(
                "command id `{}` was used for another command, or by another person, at revision {}: nothing was done; send this \
                 one under an id of its own",
                command.id, past.revision
            ),
        ));
    }
    if let Some(expected) = command.expected.filter(|expected| state.changed_at > *expected) {
        return Err(Refusal::conflict(format!(
            "revision {} was made after revision {expected}, on which it was decided to send this command: look at what it \
             does now, and send it again",
            state.changed_at
        )));
    }
    let case = Case { state, actor, now: now.max(state.last_at) };
    let events = case.events(&command.action)?;
    if let Some(profile) = gained(state, command, actor, case.now, &events) {
        return Err(Refusal::another_person(match &command.action {
            Action::RequestAccess { .. } | Action::ApproveRequest { .. } => format!(
                "you set last who may ask for profile `{profile}` and how requests are decided, so that a request of your own \
                 needs another person: have another person grant the profile, or set its policy"
            ),
            _ => format!(
                "by this you would hold profile `{profile}`, or hold it for longer, by your own commits alone: have another person \
                 grant it to you, or send this command"
            ),
        }));
    }
    Ok(if events.is_empty() { Decided::AlreadyDone(state.head.revision) } else { Decided::Events(events) })
}

/// The events of a command; none when what it asks for already holds.
type Events = Result<Vec<Event>, Refusal>;

/// A command's surroundings.
struct Case<'a> {
    state: &'a State,
    actor: &'a Actor,
    now: Timestamp,
}

impl Case<'_> {
    fn events(&self, action: &Action) -> Events {
        match action {
            Action::ActivateGovernance => Ok(self.activate_governance()),
            Action::ActivateSchema { schema } => self.activate_schema(*schema),
            Action::ChangeSettings { settings } => Ok(self.change_settings(settings)),
            Action::RegisterServer { server, spec } => self.register_server(server, spec),
            Action::ChangeServer { server, spec } => self.change_server(server, spec),
            Action::PauseServer { server } => self.pause_server(server),
            Action::ResumeServer { server } => self.resume_server(server),
            Action::RemoveServer { server } => self.remove_server(server),
            Action::SyncServer { server, catalogue } => self.sync_server(server, catalogue),
            Action::StageCatalogue { server, catalogue } => self.stage_catalogue(server, catalogue),
            Action::ApproveTools { tools } => self.approve_tools(tools),
            Action::PinTools { tools, edition } => self.pin_tools(tools, edition.as_ref()),
            Action::UnpinTools { tools } => self.unpin_tools(tools),
            Action::DisableTools { tools } => self.disable_tools(tools),
            Action::ResetTools { tools } => self.reset_tools(tools),
            Action::ClassifyTool { tool, effect, risk } => self.classify_tool(tool, *effect, *risk),
            Action::SetToolClientTypes { tool, types } => self.set_tool_client_types(tool, types.as_ref()),
            Action::CreateToolset { toolset, label, content } => self.create_toolset(toolset, label, content),
            Action::LabelToolset { toolset, label } => self.label_toolset(toolset, label),
            Action::SetToolsetTools { toolset, tools } => self.set_toolset_tools(toolset, tools),
            Action::RemoveToolsetTools { toolset, tools } => self.remove_toolset_tools(toolset, tools),
            Action::DeleteToolset { toolset } => self.delete_toolset(toolset),
            Action::CreateProfile { profile, spec } => self.create_profile(profile, spec),
            Action::ChangeProfile { profile, spec } => self.change_profile(profile, spec),
            Action::DeleteProfile { profile } => self.delete_profile(profile),
            Action::BindToolset { profile, binding } => self.bind_toolset(profile, binding),
            Action::UnbindToolset { profile, toolset } => self.unbind_toolset(profile, toolset),
            Action::GrantProfile { grant, profile, grantee, until } => {
                self.grant_profile(grant, profile, grantee, *until)
            }
            Action::RevokeGrant { grant } => self.revoke_grant(grant),
            Action::RequestAccess { request, grant, profile, justification, seconds } => {
                self.request_access(request, grant, profile, justification.as_deref(), *seconds)
            }
            Action::ApproveRequest { request, grant } => self.approve_request(request, grant),
            Action::DenyRequest { request } => self.deny_request(request),
            Action::CancelRequest { request } => self.cancel_request(request),
            Action::SetClient { client, label, client_type, owner } => {
                self.set_client(client, label, *client_type, owner.as_ref())
            }
            Action::CloseClient { client } => Ok(self.close_client(client)),
            Action::ReopenClient { client } => self.reopen_client(client),
            Action::Kill { scope } => self.kill(scope),
            Action::Release { scope } => Ok(self.release(scope)),
            Action::SetCredential { server, owner, version, facts } => {
                self.set_credential(server, owner, *version, facts)
            }
            Action::RemoveCredential { server, owner } => Ok(self.remove_credential(server, owner)),
            Action::NoteRefusedCredential { server, user, version } => {
                Ok(self.note_refused_credential(server, user, *version))
            }
            Action::AnchorAudit { heads } => self.anchor_audit(heads),
            Action::AcceptRollback { known, found } => {
                Ok(vec![RollbackAccepted { known: *known, found: *found }.into()])
            }
            Action::DropAuditSegment { writer, after, through, export } => {
                self.drop_audit_segment(writer, *after, *through, *export)
            }
            Action::OffboardUser { user } => self.offboard_user(user),
        }
    }

    fn server(&self, id: &ServerId) -> Result<&Server, Refusal> {
        known(self.state.servers.get(id), "server", id)
    }

    fn tool(&self, id: &ToolId) -> Result<&Tool, Refusal> {
        known(self.state.tools.get(id), "tool", id)
    }
}

fn known<'a, T>(found: Option<&'a T>, what: &str, id: &impl fmt::Display) -> Result<&'a T, Refusal> {
    found.ok_or_else(|| Refusal::not_found(what, id))
}

fn free<T>(found: Option<&T>, what: &str, id: &impl fmt::Display) -> Result<(), Refusal> {
    found.map_or(Ok(()), |_| Err(Refusal::already_exists(what, id)))
}
