//! What a person holds, or can obtain without another person's commit: what nobody widens for oneself.

use std::collections::{BTreeMap, BTreeSet};

use super::{AccessRequest, Command, Commit, Event, Grant, RequestStatus, State};
use crate::vocabulary::{Actor, Digest, Grantee, ProfileId, SelfApproval, Timestamp};

/// The profiles that a person holds or can obtain alone in a state, each with the time until which.
///
/// A person holds what is granted to it, to a group that its identity provider states, and what it has itself granted to a client
/// that it has itself made a service. It obtains alone what a request of its own leads to without another person: where the policy
/// approves at once, or the person is the one approver that is needed; and another person has set that policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnAccess {
    /// Without end where there is no time.
    profiles: BTreeMap<ProfileId, Option<Timestamp>>,
}

impl OwnAccess {
    /// What a person holds or can obtain alone at this time, with the groups that its identity provider states. A process
    /// ([`Actor::process`]) has nothing.
    pub fn of(state: &State, person: &Actor, now: Timestamp) -> Self {
        let mut own = Self::default();
        if person.is_process() {
            return own;
        }
        for grant in state.grants.values().filter(|grant| grant.holds(now) && is_own(state, person, grant)) {
            own.add(&grant.profile, grant.until);
        }
        for (id, profile) in &state.profiles {
            let asked = profile.policy_by != *person.user()
                && profile.spec.visibility.shows(person.user(), person.groups())
                && decided_alone(AccessRequest::new(id, person.user(), profile, now), person);
            if asked {
                own.add(id, None);
            }
        }
        let open = state.requests.values().filter(|request| {
            request.user == *person.user()
                && request.policy_by != request.user
                && request.status(now) == RequestStatus::Pending
        });
        for request in open.filter(|request| decided_alone(AccessRequest::clone(request), person)) {
            own.add(&request.profile, None);
        }
        own
    }

    /// The profiles, each with the time until which; without end where there is none, and where it can be asked for anew.
    pub fn profiles(&self) -> &BTreeMap<ProfileId, Option<Timestamp>> {
        &self.profiles
    }

    /// The first profile that there is more of here than there: it is new, or lasts longer.
    pub fn beyond(&self, other: &Self) -> Option<&ProfileId> {
        let more = |(profile, until): &(&ProfileId, &Option<Timestamp>)| match (other.profiles.get(*profile), until) {
            (None, _) | (Some(Some(_)), None) => true,
            (Some(Some(before)), Some(until)) => until > before,
            (Some(None), _) => false,
        };
        self.profiles.iter().find(more).map(|(profile, _)| profile)
    }

    fn add(&mut self, profile: &ProfileId, until: Option<Timestamp>) {
        let known = self.profiles.entry(profile.clone()).or_insert(until);
        *known = match (*known, until) {
            (Some(known), Some(until)) => Some(known.max(until)),
            _ => None,
        };
    }
}

/// The profile that events of a command would let its sender hold, or obtain alone, beyond what it could before.
///
/// Only what bears on one person is copied, and the grants are looked through only where something may have been gained: a state
/// holds hundreds of thousands (`few_things_of_a_state_are_looked_at`).
pub(super) fn gained(
    state: &State,
    command: &Command,
    sender: &Actor,
    now: Timestamp,
    events: &[Event],
) -> Option<ProfileId> {
    if sender.is_process() || !events.iter().any(|event| bears_on(state, sender, event)) {
        return None;
    }
    let before = around(state, sender, events);
    let mut after = before.clone();
    let commit = Commit {
        revision: state.head.revision.next(),
        previous: Digest::ZERO,
        command_id: command.id.clone(),
        command: None,
        actor: sender.to_recorded(),
        at: now,
        reason: None,
        events: Vec::new(),
    };
    for event in events {
        after.apply_event(event, &commit);
    }
    let after = OwnAccess::of(&after, sender, now);
    after.beyond(&OwnAccess::of(&before, sender, now))?;
    after.beyond(&OwnAccess::of(state, sender, now)).cloned()
}

/// Whether an event may let a person hold a profile, or obtain one alone. Not an arm for all others: each new event is judged.
fn bears_on(state: &State, person: &Actor, event: &Event) -> bool {
    match event {
        Event::ProfileGranted(event) => matches!(event.grantee, Grantee::Service(_)) || is(person, &event.grantee),
        Event::RequestApproved(event) => {
            state.requests.get(&event.request).is_some_and(|request| request.user == *person.user())
        }
        Event::AccessRequested(_)
        | Event::ProfileCreated(_)
        | Event::ProfileChanged(_)
        | Event::SettingsChanged(_)
        | Event::ClientSet(_) => true,

        // What a profile leads to may change by these, and who is stopped: not who holds it.
        Event::GovernanceActivated(_)
        | Event::SchemaActivated(_)
        | Event::ServerRegistered(_)
        | Event::ServerChanged(_)
        | Event::ServerPaused(_)
        | Event::ServerResumed(_)
        | Event::ServerRemoved(_)
        | Event::CatalogueSynced(_)
        | Event::ToolDiscovered(_)
        | Event::ToolChanged(_)
        | Event::ToolGone(_)
        | Event::ToolReturned(_)
        | Event::ToolStaged(_)
        | Event::ToolApproved(_)
        | Event::ToolApprovedAhead(_)
        | Event::ToolPinned(_)
        | Event::ToolUnpinned(_)
        | Event::ToolDisabled(_)
        | Event::ToolReset(_)
        | Event::ToolClassified(_)
        | Event::ToolClientTypesSet(_)
        | Event::ToolsetCreated(_)
        | Event::ToolsetLabelled(_)
        | Event::ToolsetToolsSet(_)
        | Event::ToolsetToolsRemoved(_)
        | Event::ToolsetDeleted(_)
        | Event::ToolsetBound(_)
        | Event::ToolsetUnbound(_)
        | Event::ClientReopened(_)
        | Event::KillSwitchThrown(_)
        | Event::KillSwitchReleased(_)
        | Event::CredentialSet(_)
        | Event::CredentialRemoved(_)
        | Event::CredentialRefused(_)
        | Event::AuditAnchored(_)
        | Event::JournalSealed(_)
        | Event::RollbackAccepted(_)
        | Event::AuditSegmentDropped(_)
        // These take away.
        | Event::ProfileDeleted(_)
        | Event::GrantRevoked(_)
        | Event::RequestDenied(_)
        | Event::RequestCancelled(_)
        | Event::ClientClosed(_)
        | Event::UserOffboarded(_) => false,
    }
}

/// As much of a state as shows what events may give a person: the profiles that they name, the person's open requests, and, where
/// they may make a service of a client, the grants to services that the person made.
fn around(state: &State, person: &Actor, events: &[Event]) -> State {
    let named: BTreeSet<&ProfileId> = events.iter().filter_map(profile_of).collect();
    let types = events.iter().any(|event| matches!(event, Event::SettingsChanged(_) | Event::ClientSet(_)));
    let services = types || events.iter().any(is_of_service);
    let open = state
        .requests
        .iter()
        .filter(|(_, request)| request.user == *person.user() && request.decided == RequestStatus::Pending);
    let of_services = state
        .grants
        .iter()
        .filter(|(_, grant)| matches!(grant.grantee, Grantee::Service(_)) && grant.by == *person.user());
    State {
        settings: state.settings.clone(),
        settings_by: state.settings_by.clone(),
        profiles: named.into_iter().filter_map(|id| Some((id.clone(), state.profiles.get(id)?.clone()))).collect(),
        requests: open.map(|(id, request)| (id.clone(), request.clone())).collect(),
        clients: if services { state.clients.clone() } else { BTreeMap::new() },
        grants: if types {
            of_services.map(|(id, grant)| (id.clone(), grant.clone())).collect()
        } else {
            BTreeMap::new()
        },
        ..State::new()
    }
}

fn profile_of(event: &Event) -> Option<&ProfileId> {
    match event {
        Event::ProfileGranted(event) => Some(&event.profile),
        Event::ProfileCreated(event) => Some(&event.profile),
        Event::ProfileChanged(event) => Some(&event.profile),
        Event::AccessRequested(event) => Some(&event.profile),
        _ => None,
    }
}

fn is_of_service(event: &Event) -> bool {
    matches!(event, Event::ProfileGranted(event) if matches!(event.grantee, Grantee::Service(_)))
}

fn is_own(state: &State, person: &Actor, grant: &Grant) -> bool {
    match &grant.grantee {
        Grantee::Service(client) => grant.by == *person.user() && state.is_service_by(client, person.user()),
        grantee => is(person, grantee),
    }
}

/// Whether this is the person, or a group of theirs.
fn is(person: &Actor, grantee: &Grantee) -> bool {
    match grantee {
        Grantee::User(user) => user == person.user(),
        Grantee::Group(group) => person.groups().contains(group),
        Grantee::Service(_) => false,
    }
}

/// Whether no other person's approval is missing, as the rules of approving are.
fn decided_alone(mut request: AccessRequest, person: &Actor) -> bool {
    let refused = request.policy.self_approval == SelfApproval::Refused;
    // Each turn gives one approval, and no step can be approved twice by one person.
    for _ in 0..=request.policy.steps.len() {
        let step = request.current_step();
        let Some(open) = request.step(step) else { return true };
        let may = open.approvers.iter().any(|approver| is(person, approver));
        if refused || !may || request.approval_in_the_way(person.user()).is_some() {
            return false;
        }
        request.approvals.push((step, person.user().clone()));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::{Action, event::ProfileGranted},
        vocabulary::{ClientId, CommandId, GrantId, GroupId, Role, Settings, UserId},
    };

    fn user(name: &str) -> UserId {
        UserId::new("local", name).unwrap()
    }

    /// Counts what would be copied, of a state with many grants, for each command that one person may send.
    #[test]
    fn few_things_of_a_state_are_looked_at() {
        let mut state = State::new();
        let (profile, service) = (ProfileId::new("p").unwrap(), ClientId::new("local", "bot").unwrap());
        for number in 0..1000 {
            let grantee = match number {
                0 => Grantee::Service(service.clone()),
                1 => Grantee::User(user("eve")),
                _ => Grantee::User(user(&format!("user-{number}"))),
            };
            let grant = Grant {
                profile: profile.clone(),
                grantee,
                until: None,
                by: user(if number == 0 { "eve" } else { "olga" }),
                at: Timestamp::default(),
                request: None,
            };
            state.grants.insert(GrantId::new(format!("g{number}")).unwrap(), grant);
        }
        let eve = Actor::new(user("eve"), [Role::Owner]).with_groups([GroupId::new("staff").unwrap()]);
        let granted = |grantee: Grantee| -> Event {
            let (grant, profile) = (GrantId::new("new").unwrap(), profile.clone());
            ProfileGranted { grant, profile, grantee, until: None, request: None }.into()
        };
        let settings: Event = crate::journal::event::SettingsChanged { settings: Settings::default() }.into();
        for (event, bears, copied) in [
            (granted(Grantee::User(user("bob"))), false, 0),
            (granted(Grantee::Group(GroupId::new("others").unwrap())), false, 0),
            (granted(Grantee::User(user("eve"))), true, 0),
            (granted(Grantee::Group(GroupId::new("staff").unwrap())), true, 0),
            (granted(Grantee::Service(service)), true, 0),
            (settings, true, 1),
        ] {
            assert_eq!(bears_on(&state, &eve, &event), bears, "{event:?}");
            assert_eq!(around(&state, &eve, std::slice::from_ref(&event)).grants.len(), copied, "{event:?}");
        }
    }

    #[test]
    fn a_process_has_no_access_of_its_own() {
        let process = Actor::process(user("configuration"), [Role::Owner]);
        let command = Command::new(CommandId::new("c").unwrap(), Action::ActivateGovernance);
        let profile = ProfileId::new("p").unwrap();
        let grantee = Grantee::User(user("configuration"));
        let event = ProfileGranted { grant: GrantId::new("g").unwrap(), profile, grantee, until: None, request: None };
        let (state, now) = (State::new(), Timestamp::default());
        assert_eq!(gained(&state, &command, &process, now, &[event.clone().into()]), None);
        let person = Actor::new(user("configuration"), [Role::Owner]);
        assert!(gained(&state, &command, &person, now, &[event.into()]).is_some());
    }
}
