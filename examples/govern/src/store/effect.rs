//! What commands lead to, as it is shown before they are sent; and whether it is still so when they are.

use mcp_govern_core::{
    Actor, Grantee,
    governor::{CommitOutcome, Committed, GovernError, GovernErrorKind},
    journal::{AccessChange, Command, EffectiveAccess, Revision, Simulation, State},
};

use super::{commit::confirmed, known::Unknown, leaving::Consequences, session::Session};
use crate::{failure::Failure, serve::Form};

/// How often commands are tried anew where others commit at the same time.
pub(crate) const TURNS: usize = 16;

/// What commands lead to for people.
#[derive(Debug)]
pub(crate) struct Effect {
    /// The revision that they were tried on: what they expect.
    pub(crate) revision: Revision,
    /// What changes in what people may do.
    pub(crate) access: Vec<AccessChange>,
    /// Names in the commands that are not on record.
    pub(crate) unknown: Vec<Unknown>,
    /// What the commands take away for good: it is asked about.
    pub(crate) consequences: Option<Consequences>,
    before: EffectiveAccess,
    after: EffectiveAccess,
}

impl Effect {
    /// What changes by the commands of a simulation.
    pub(crate) fn of(simulation: &Simulation) -> Self {
        let (before, now) = (simulation.before(), simulation.now());
        let revision = before.head().revision;
        let (before, after) = (EffectiveAccess::of(before, now), EffectiveAccess::of(simulation.state(), now));
        Self { revision, access: before.changes_to(&after), unknown: Vec::new(), consequences: None, before, after }
    }

    /// Whether it widens what the person who sends the commands holds: that is allowed, and shown.
    pub(crate) fn widens_own(&self, actor: &Actor) -> bool {
        let groups = actor.groups().iter().map(|group| Grantee::Group(group.clone()).to_string());
        let names: Vec<String> = groups.chain([Grantee::User(actor.user().clone()).to_string()]).collect();
        self.access.iter().any(|change| change.widens && change.who.iter().any(|who| names.contains(who)))
    }

    /// Whether people may do more by it than by the effect that was shown before others committed: more than was shown, or the same by
    /// another way. What others' commits widen, and would without these commands too, does not count.
    pub(crate) fn goes_beyond(&self, shown: &Self) -> bool {
        let widens = |changes: &[AccessChange]| changes.iter().any(|change| change.widens);
        let further = shown.after.changes_to(&self.after);
        let of_others_alone = self.access == shown.access && shown.before.changes_to(&self.before) == further;
        widens(&self.access) && widens(&further) && !of_others_alone
    }
}

/// Whether commands may be sent: what they widen was confirmed, and is what was shown. `shown` is the effect that was confirmed
/// before others committed, where they did.
///
/// # Errors
///
/// Where `--yes` was said of another effect.
pub(crate) fn consented(
    shown: Option<&Effect>,
    effect: &Effect,
    what: &str,
    yes: bool,
    form: Form,
) -> Result<bool, Failure> {
    match shown {
        None => confirmed(what, effect, yes, form),
        Some(shown) if !effect.goes_beyond(shown) => Ok(true),
        Some(_) if yes => Err(Failure::refused(format!(
            "{what}: the rules were changed at the same time (revision {}), and access would widen otherwise than before: \
             nothing more was done; look at it with `--dry-run` or `plan`, and send it again",
            effect.revision
        ))),
        Some(_) => {
            let what = format!("The rules were changed meanwhile (revision {}). {what}", effect.revision);
            confirmed(&what, effect, yes, form)
        }
    }
}

/// That nothing was changed since a revision that was named on the command line.
pub(crate) fn unchanged_since(state: &State, expected: Option<u64>) -> Result<(), Failure> {
    match expected.map(Revision) {
        Some(expected) if state.changed_at() > expected => Err(Failure::refused(format!(
            "revision {} was made since revision {expected}: look at what it changed, and send the command again",
            state.changed_at()
        ))),
        _ => Ok(()),
    }
}

/// What became of commands that were sent.
pub(crate) enum Sent {
    /// All were carried out.
    Done(Vec<Committed>),
    /// Others committed meanwhile. What was done before stays.
    Overtaken,
}

/// Sends commands one after the other, as long as nothing but they themselves changes anything since a revision.
pub(crate) async fn send(session: &Session, commands: &[Command], on: Revision) -> Result<Sent, GovernError> {
    let mut expected = on;
    let mut done = Vec::with_capacity(commands.len());
    for command in commands {
        match session.commit(command.clone().expecting(expected)).await {
            Ok(committed) => {
                if committed.outcome == CommitOutcome::Done {
                    expected = committed.revision;
                }
                done.push(committed);
            }
            Err(error) if error.kind() == GovernErrorKind::Conflict => return Ok(Sent::Overtaken),
            Err(error) => return Err(error),
        }
    }
    Ok(Sent::Done(done))
}

/// Others commit all the time.
pub(crate) fn never_still(what: &str) -> Failure {
    Failure::refused(format!("{what}: others change the rules at the same time, again and again: send it again"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use example_vendors::Vendor;
    use mcp_govern_core::{
        CommandId, Governor, GrantId, ProfileId, Role, TenantId, Timestamp, ToolId, UserId, journal::Action,
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

[profiles.nothing]
title = "Nothing"

[grants.ben]
profile = "everything"
grantee = { user = { issuer = "local", subject = "ben" } }
"#;

    fn owner() -> Actor {
        Actor::new(UserId::new("local", "olga").unwrap(), [Role::Owner])
    }

    async fn governed() -> (State, Timestamp) {
        let builder = Governor::builder(TenantId::new("default").unwrap());
        let (governor, _driver) = builder.with_provider(Vendor::Statuspage.provider().unwrap()).open().await.unwrap();
        governor.apply(&owner(), &toml::from_str(GOVERNANCE).unwrap()).await.unwrap();
        (State::clone(&governor.state()), governor.now())
    }

    fn tried(state: &State, now: Timestamp, id: &str, action: Action) -> Simulation {
        let mut simulation = Simulation::new(state, owner(), now);
        simulation.try_command(&Command::new(CommandId::new(id).unwrap(), action)).unwrap();
        simulation
    }

    fn after(state: &State, now: Timestamp, id: &str, action: Action) -> State {
        tried(state, now, id, action).state().clone()
    }

    fn grant(profile: &str, to: &str) -> Action {
        Action::GrantProfile {
            grant: GrantId::new(to).unwrap(),
            profile: ProfileId::new(profile).unwrap(),
            grantee: Grantee::User(UserId::new("local", to).unwrap()),
            until: None,
        }
    }

    #[tokio::test]
    async fn a_yes_beforehand_is_not_good_for_more_than_was_there() {
        let (state, now) = governed().await;
        let tool: ToolId = "status/list_pages".parse().unwrap();
        let tools = BTreeMap::from([(tool.clone(), state.tools()[&tool].digest())]);
        let effect_on = |state: &State| {
            let action = Action::ApproveTools { tools: tools.clone() };
            Effect::of(&tried(state, now, "approve", action))
        };
        let shown = effect_on(&state);
        assert_eq!(shown.access[0].who, ["user ben (local)"]);

        // Whoever holds the profile is told so.
        let ben = Actor::new(UserId::new("local", "ben").unwrap(), [Role::Owner]);
        assert!(shown.widens_own(&ben) && !shown.widens_own(&owner()));

        // Another person holds the profile by now: one more would gain the tool.
        let more = effect_on(&after(&state, now, "carl", grant("everything", "carl")));
        let refused = consented(Some(&shown), &more, "approve", true, Form::Json).unwrap_err();
        assert!(matches!(refused, Failure::Refused(_)) && refused.to_string().contains("--dry-run"), "{refused}");
        assert!(!consented(Some(&shown), &more, "approve", false, Form::Json).unwrap(), "nobody was asked");

        // What others were given has nothing to do with it; and fewer than were shown are none too many.
        for (id, action) in
            [("dora", grant("nothing", "dora")), ("ben", Action::RevokeGrant { grant: GrantId::new("ben").unwrap() })]
        {
            let same = effect_on(&after(&state, now, id, action));
            assert!(consented(Some(&shown), &same, "approve", true, Form::Json).unwrap(), "{id}");
        }
    }
}
