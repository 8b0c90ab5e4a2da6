//! What others decide while the gateway runs, for the log: an operator's command on the same store, another node, a person who
//! asks for access.

use std::{sync::Arc, time::Duration};

use mcp_govern_core::{
    Actor, Governor, Grantee,
    journal::{Commit, EffectiveAccess, Event, State},
};

/// How long to wait before a journal that cannot be read is read again.
const PAUSE: Duration = Duration::from_secs(5);

/// With more grants than these it is not looked at whether a commit widens what its own actor holds: that takes a copy of the state.
const LARGEST: usize = 20_000;

/// Logs every commit after a state that is not the configuration's own. Runs for ever.
pub(crate) async fn run(governor: Governor, after: Arc<State>, own: Actor) {
    let mut commits = governor.subscribe(after.head().revision);
    // A copy of its own: while the governor's is held, each of its commits would make another one.
    let mut state = (after.grants().len() <= LARGEST).then(|| State::clone(&after));
    drop(after);
    loop {
        match commits.next().await {
            Ok(commit) => {
                let widens = state.as_mut().is_some_and(|state| widens_own(state, &commit));
                if state.as_ref().is_some_and(|state| state.grants().len() > LARGEST) {
                    state = None;
                }
                if commit.actor.user != *own.user() {
                    log(&commit, widens);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the journal cannot be followed for the log");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Takes a commit in, and says whether it widens what the person who made it holds in the own name. Through which groups a person comes is
/// not on record.
fn widens_own(state: &mut State, commit: &Commit) -> bool {
    if keeps(commit) {
        state.apply(commit);
        return false;
    }
    let before = EffectiveAccess::of(state, commit.at);
    state.apply(commit);
    let name = Grantee::User(commit.actor.user.clone()).to_string();
    let changes = before.changes_to(&EffectiveAccess::of(state, commit.at));
    changes.iter().any(|change| change.widens && change.who.contains(&name))
}

/// Whether a commit does nothing but put heads of the audit on record, as nodes do every quarter of an hour.
fn keeps(commit: &Commit) -> bool {
    commit.events.iter().all(|event| matches!(event, Event::AuditAnchored(_) | Event::JournalSealed(_)))
}

fn log(commit: &Commit, widens_own: bool) {
    let events: Vec<&str> = commit.events.iter().map(Event::tag).collect();
    let (events, reason) = (events.join(" "), commit.reason.as_deref().unwrap_or_default());
    let (revision, actor) = (commit.revision, &commit.actor.user);
    if keeps(commit) {
        tracing::debug!(%revision, %actor, events, reason, "another actor changed governance");
    } else if widens_own {
        tracing::warn!(%revision, %actor, events, reason, widens_own, "another actor changed governance, which widens what that actor holds");
    } else {
        tracing::info!(%revision, %actor, events, reason, "another actor changed governance");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use example_vendors::Vendor;
    use mcp_govern_core::{
        CommandId, Role, TenantId, ToolId, UserId,
        blueprint::Blueprint,
        journal::{Action, Command},
    };

    use super::*;

    const GOVERNANCE: &str = r#"
[servers.status]
provider = "statuspage"
title = "Status page"
prefix = "status"
auth_method = "api_key"

[toolsets.all]
title = "All"
follows = { server = "status" }

[profiles.everything]
title = "Everything"
toolsets = ["all"]

[grants.ben]
profile = "everything"
grantee = { user = { issuer = "local", subject = "ben" } }
"#;

    fn owner(name: &str) -> Actor {
        Actor::new(UserId::new("local", name).unwrap(), [Role::Owner])
    }

    #[tokio::test]
    async fn a_commit_that_widens_what_its_own_actor_holds_is_known_and_anchors_are_none_to_tell() {
        let builder = Governor::builder(TenantId::new("default").unwrap());
        let (governor, _driver) = builder.with_provider(Vendor::Statuspage.provider().unwrap()).open().await.unwrap();
        let blueprint: Blueprint = toml::from_str(GOVERNANCE).unwrap();
        governor.apply(&owner("olga"), &blueprint).await.unwrap();
        let mut state = State::clone(&governor.state());
        let mut commits = governor.subscribe(state.head().revision);
        // Ben holds the profile that the tools come into, and Olga does not.
        for (who, tool, widens) in [("ben", "status/list_pages", true), ("olga", "status/get_page", false)] {
            let tool: ToolId = tool.parse().unwrap();
            let tools = BTreeMap::from([(tool.clone(), state.tools()[&tool].digest())]);
            let command = Command::new(CommandId::new(who).unwrap(), Action::ApproveTools { tools });
            governor.commit(&owner(who), command).await.unwrap();
            let commit = commits.next().await.unwrap();
            assert_eq!(widens_own(&mut state, &commit), widens, "{who}");
            assert!(!keeps(&commit));
        }
        assert_eq!(state.head(), governor.state().head());
    }
}
