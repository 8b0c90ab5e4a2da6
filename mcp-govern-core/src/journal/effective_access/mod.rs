//! Who may do more, or less, in one state than in another: what is shown before a change, and logged after it.

mod changes;
mod reach;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use self::{changes::Changes, reach::Reach};
use super::{AccessProfile, KillScope, PinSource, State};
use crate::vocabulary::{
    ClientId, ClientType, Digest, DriftPolicy, GrantId, Grantee, NewToolState, ProfileId, ServerId, Settings,
    Timestamp, ToolId,
};

/// Who may do what at a moment: enough of a [`State`] to say what changes from there to another.
///
/// It holds nothing of the state: a [`Governor`](crate::Governor) copies a state that somebody still keeps.
///
/// ```
/// use mcp_govern_core::{Timestamp, journal::{EffectiveAccess, State}};
///
/// let (before, after) = (State::new(), State::new());
/// let now = Timestamp::from_millis(0);
/// assert!(EffectiveAccess::of(&before, now).changes_to(&EffectiveAccess::of(&after, now)).is_empty());
/// ```
#[derive(Debug)]
pub struct EffectiveAccess {
    activated: bool,
    settings: Settings,
    servers: BTreeMap<ServerId, Leniency>,
    stops: BTreeSet<Stop>,
    /// The AI clients whose type was given by hand.
    clients: BTreeMap<ClientId, ClientType>,
    profiles: BTreeMap<ProfileId, Reach>,
    grants: BTreeMap<GrantId, Held>,
    /// What a person approved ahead: the definitions become callable once a sync finds them.
    ahead: BTreeSet<(ToolId, Digest)>,
}

/// A change in what somebody may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AccessChange {
    /// Whether somebody may do more than before, or perhaps so: where it cannot be told, it counts as more.
    pub widens: bool,
    /// What changes, in a sentence.
    pub what: String,
    /// Whom it concerns, where it is not everybody: people, groups and services that hold a grant, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<String>,
    /// The tools that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolId>,
}

/// What a server lets pass without anybody looking at it.
#[derive(Debug)]
struct Leniency {
    new_tools: NewToolState,
    drift: DriftPolicy,
}

/// Something that stops calls whatever was granted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Stop {
    Kill(KillScope),
    Pause(ServerId),
    Closed(ClientId),
}

#[derive(Debug, PartialEq, Eq)]
struct Held {
    profile: ProfileId,
    grantee: Grantee,
    until: Option<Timestamp>,
}

impl EffectiveAccess {
    /// Who may do what in a state at this time.
    pub fn of(state: &State, now: Timestamp) -> Self {
        let holding = state.grants().iter().filter(|(_, grant)| grant.holds(now));
        let grants: BTreeMap<GrantId, Held> = holding
            .map(|(id, grant)| {
                let (profile, grantee) = (grant.profile().clone(), grant.grantee().clone());
                (id.clone(), Held { profile, grantee, until: grant.until() })
            })
            .collect();
        let mut holders: BTreeMap<&ProfileId, Vec<String>> = BTreeMap::new();
        for held in grants.values() {
            holders.entry(&held.profile).or_default().push(held.grantee.to_string());
        }
        let reach = |(id, profile): (&ProfileId, &AccessProfile)| {
            (id.clone(), Reach::of(state, profile, holders.remove(id).unwrap_or_default()))
        };
        let profiles = state.profiles().iter().map(reach).collect();
        Self {
            activated: state.is_activated(),
            settings: state.settings().clone(),
            servers: leniencies(state),
            stops: stops(state),
            clients: state.clients().iter().filter_map(|(id, row)| Some((id.clone(), row.client_type()?))).collect(),
            profiles,
            grants,
            ahead: ahead(state),
        }
    }

    /// What changes from here to another, in a fixed order.
    pub fn changes_to(&self, after: &Self) -> Vec<AccessChange> {
        Changes::between(self, after)
    }
}

fn leniencies(state: &State) -> BTreeMap<ServerId, Leniency> {
    let tenant = state.settings();
    let of_server = state.servers().iter().map(|(id, server)| {
        let spec = server.spec();
        let (new_tools, drift) = (spec.new_tools.unwrap_or(tenant.new_tools), spec.drift.unwrap_or(tenant.drift));
        (id.clone(), Leniency { new_tools, drift })
    });
    of_server.collect()
}

fn ahead(state: &State) -> BTreeSet<(ToolId, Digest)> {
    let of_server = state.servers().keys().flat_map(|server| state.pins_of(server));
    let by_hand = of_server.filter(|(_, _, pin)| pin.source == PinSource::Ahead);
    by_hand.map(|(tool, digest, _)| (tool.clone(), digest)).collect()
}

fn stops(state: &State) -> BTreeSet<Stop> {
    let kills = state.kills().iter().cloned().map(Stop::Kill);
    let paused = state.servers().iter().filter(|(_, server)| server.is_paused()).map(|(id, _)| Stop::Pause(id.clone()));
    let closed = state.clients().iter().filter(|(_, client)| client.is_closed());
    kills.chain(paused).chain(closed.map(|(id, _)| Stop::Closed(id.clone()))).collect()
}
