//! Whether the actor may at all: the table, and what counts as one's own.

use crate::{
    journal::{
        Action, KillScope, Refusal, State,
        table::{Right, may},
    },
    vocabulary::{Actor, CredentialOwner, Grantee, Role, ServerId},
};

/// Checks the table of roles and actions. Restrictions that hold for every role stand with the actions.
pub(super) fn check(state: &State, action: &Action, actor: &Actor) -> Result<(), Refusal> {
    let name = action.name();
    let allowed = actor.roles().iter().any(|role| match may(*role, name) {
        Right::Always => true,
        Right::Own => owns(state, *role, action, actor),
        Right::Never => false,
    });
    if allowed { Ok(()) } else { Err(Refusal::not_allowed(needed(name, actor))) }
}

/// Checks that one of the actor's roles may do such a thing at all, be it only with what is one's own.
pub(super) fn has_role(action: &Action, actor: &Actor) -> Result<(), Refusal> {
    let name = action.name();
    let has = actor.roles().iter().any(|role| may(*role, name) != Right::Never);
    if has { Ok(()) } else { Err(Refusal::not_allowed(needed(name, actor))) }
}

/// Whether the action touches only what is the actor's own. Fails closed: what is not named here is nobody's own.
fn owns(state: &State, role: Role, action: &Action, actor: &Actor) -> bool {
    match role {
        Role::ServerOwner => owns_server(state, action, actor),
        Role::User => owns_personally(state, action, actor),
        Role::Owner | Role::GovernanceAdmin | Role::ProfileAdmin | Role::Auditor => false,
    }
}

fn owns_server(state: &State, action: &Action, actor: &Actor) -> bool {
    let own =
        |server: &ServerId| state.servers.get(server).is_some_and(|server| server.spec.owners.contains(actor.user()));
    match action {
        Action::ChangeServer { server, .. }
        | Action::PauseServer { server }
        | Action::ResumeServer { server }
        | Action::SyncServer { server, .. }
        | Action::StageCatalogue { server, .. }
        | Action::SetCredential { server, owner: CredentialOwner::Shared, .. }
        | Action::RemoveCredential { server, owner: CredentialOwner::Shared }
        | Action::Kill { scope: KillScope::Server(server) }
        | Action::Release { scope: KillScope::Server(server) } => own(server),
        Action::ApproveTools { tools } | Action::PinTools { tools, .. } | Action::UnpinTools { tools } => {
            tools.keys().all(|tool| own(tool.server()))
        }
        Action::DisableTools { tools } | Action::ResetTools { tools } => tools.iter().all(|tool| own(tool.server())),
        Action::ClassifyTool { tool, .. }
        | Action::SetToolClientTypes { tool, .. }
        | Action::Kill { scope: KillScope::Tool(tool) }
        | Action::Release { scope: KillScope::Tool(tool) } => own(tool.server()),
        _ => false,
    }
}

fn owns_personally(state: &State, action: &Action, actor: &Actor) -> bool {
    let user = actor.user();
    match action {
        // Which profiles a person is shown is settled with the request, so that a hidden one looks like none.
        Action::RequestAccess { .. } => true,
        Action::ApproveRequest { request, .. } | Action::DenyRequest { request } => {
            let request = state.requests.get(request);
            request.is_some_and(|request| request.policy.steps.iter().any(|step| speaks_for(actor, &step.approvers)))
        }
        Action::CancelRequest { request } => state.requests.get(request).is_some_and(|request| request.user == *user),
        Action::RevokeGrant { grant } => {
            let grant = state.grants.get(grant);
            grant.is_some_and(|grant| matches!(&grant.grantee, Grantee::User(holder) if holder == user))
        }
        Action::CloseClient { client } => {
            state.clients.get(client).is_some_and(|client| client.owner.as_ref() == Some(user))
        }
        Action::SetCredential { owner, .. } | Action::RemoveCredential { owner, .. } => {
            matches!(owner, CredentialOwner::User(of) if of == user)
        }
        _ => false,
    }
}

/// Whether the actor is among these, in person or through a group.
pub(super) fn speaks_for<'a>(actor: &Actor, grantees: impl IntoIterator<Item = &'a Grantee>) -> bool {
    grantees.into_iter().any(|grantee| match grantee {
        Grantee::User(user) => user == actor.user(),
        Grantee::Group(group) => actor.groups().contains(group),
        Grantee::Service(_) => false,
    })
}

fn needed(name: &str, actor: &Actor) -> String {
    // No office decides requests, and everybody has the role that may: to name it would say nothing.
    if matches!(name, "approve_request" | "deny_request") {
        return format!(
            "`{name}` is for those whom the request's policy names as approvers, in person or by a group; {} is none of them, and no \
             role makes anybody one",
            actor.user()
        );
    }
    let words = |right: Right| {
        let roles = Role::ALL.into_iter().filter(|role| may(*role, name) == right).map(Role::as_str);
        roles.collect::<Vec<_>>().join(" or ")
    };
    let (always, own) = (words(Right::Always), words(Right::Own));
    let need = match (always.as_str(), own.as_str()) {
        (always, "") => format!("the role {always}"),
        ("", own) => format!("the role {own}, for one's own"),
        (always, own) => format!("the role {always}, or {own} for one's own"),
    };
    let has: Vec<&str> = actor.roles().iter().map(|role| role.as_str()).collect();
    format!("`{name}` needs {need}; {} is {}", actor.user(), has.join(", "))
}
