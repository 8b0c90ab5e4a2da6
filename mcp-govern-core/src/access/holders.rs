//! Who holds which profiles, and who has connected which servers.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use super::{buckets::Buckets, shared_map::SharedMap, tool_index::Names};
use crate::{
    journal::{Grant, State, StoredCredential},
    vocabulary::{CredentialOwner, GrantId, Grantee, ServerId, Timestamp, UserId},
};

/// Grants and connections of all people, by grantee. Versions share what did not change.
#[derive(Debug, Clone)]
pub(super) struct Holders {
    map: SharedMap<Grantee, Holder>,
    /// Where the holder of a grant is found: the lower 52 bits of the grant id's hash, then the holder's bucket in 12 bits.
    locator: Buckets<u64>,
    hasher: RandomState,
}

/// What one grantee holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Holder {
    /// Ordered by profile, then by grant id.
    pub(super) grants: Arc<[HeldGrant]>,
    /// The per-user servers to which the person has connected an account, in order.
    pub(super) connected: Arc<[u32]>,
}

/// A grant with its profile interned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HeldGrant {
    pub(super) profile: u32,
    pub(super) until: Until,
    pub(super) grant: GrantId,
}

/// When a grant ends; the largest value never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Until(i64);

impl Until {
    pub(super) fn of(until: Option<Timestamp>) -> Self {
        Self(until.map_or(i64::MAX, Timestamp::as_millis))
    }

    /// A grant ends at `until`: at that very moment it holds no longer.
    pub(super) fn holds(self, now: Timestamp) -> bool {
        now.as_millis() < self.0
    }

    pub(super) fn timestamp(self) -> Option<Timestamp> {
        (self.0 != i64::MAX).then(|| Timestamp::from_millis(self.0))
    }
}

#[derive(Debug)]
enum Item<'a> {
    Grant(&'a GrantId, &'a Grant),
    Connection(&'a ServerId),
}

impl Holders {
    /// The grants and connections of all people.
    pub(super) fn build(state: &State, names: &Names) -> Self {
        let grants = state.grants.iter().map(|(id, grant)| (grant.grantee.clone(), Item::Grant(id, grant)));
        let connections = state.credentials.iter().filter_map(|((server, owner), credential)| match owner {
            CredentialOwner::User(user) if connects(credential) => {
                Some((Grantee::User(user.clone()), Item::Connection(server)))
            }
            CredentialOwner::User(_) | CredentialOwner::Shared => None,
        });
        let empty: (Vec<HeldGrant>, Vec<u32>) = Default::default();
        let lists = SharedMap::folded(grants.chain(connections), &empty, |holder, item| match item {
            Item::Grant(id, grant) => holder.0.extend(held(id, grant, names)),
            Item::Connection(server) => holder.1.extend(names.server(server)),
        });
        let map = lists.map_values(|(grants, connected)| Holder::new(grants, connected));
        let hasher = RandomState::new();
        let mut contents = Buckets::<u64>::empty_contents();
        for (bucket, holder) in map.iter_buckets() {
            for held in holder.grants.iter() {
                let hash = hasher.hash_one(&held.grant);
                if let Some(entries) = contents.get_mut(usize::from(Buckets::<u64>::bucket_of(hash))) {
                    entries.push(located(hash, bucket));
                }
            }
        }
        Self { map, locator: Buckets::from_contents(contents), hasher }
    }

    /// What a grantee holds.
    pub(super) fn get(&self, grantee: &Grantee) -> Option<&Holder> {
        self.map.get(grantee)
    }

    /// Brings one grant in line with the state: added, replaced or gone.
    pub(super) fn follow_grant(&mut self, id: &GrantId, state: &State, names: &Names) {
        self.remove_grant(id);
        let Some(grant) = state.grants.get(id) else { return };
        let Some(held) = held(id, grant, names) else {
            return;
        };
        let mut holder = self.map.get(&grant.grantee).cloned().unwrap_or_default();
        let grants = holder.grants.iter().cloned().chain([held]).collect();
        holder = Holder::new(grants, holder.connected.to_vec());
        let hash = self.hasher.hash_one(id);
        let place = Buckets::<u64>::bucket_of(hash);
        let entry = located(hash, self.map.bucket_of(&grant.grantee));
        let entries = self.locator.bucket(place).iter().copied().chain([entry]).collect();
        self.locator.replace(place, entries);
        self.map.set(&grant.grantee, Some(holder));
    }

    /// Brings a person's connection to a server in line with the state.
    pub(super) fn follow_connection(&mut self, user: &UserId, server: &ServerId, state: &State, names: &Names) {
        let Some(index) = names.server(server) else { return };
        let key = Grantee::User(user.clone());
        let holder = self.map.get(&key).cloned().unwrap_or_default();
        let mut connected: Vec<u32> = holder.connected.iter().copied().filter(|other| *other != index).collect();
        if state.credential(server, &CredentialOwner::User(user.clone())).is_some_and(connects) {
            connected.push(index);
        }
        self.put(&key, Holder::new(holder.grants.to_vec(), connected));
    }

    /// Brings everything of a person in line with the state, given that nothing was added.
    pub(super) fn follow_leaver(&mut self, user: &UserId, state: &State, names: &Names) {
        let key = Grantee::User(user.clone());
        let Some(holder) = self.map.get(&key).cloned() else {
            return;
        };
        for held in holder.grants.iter() {
            self.follow_grant(&held.grant, state, names);
        }
        for server in holder.connected.iter().filter_map(|server| names.server_at(*server)) {
            self.follow_connection(user, server, state, names);
        }
    }

    fn remove_grant(&mut self, id: &GrantId) {
        let hash = self.hasher.hash_one(id);
        let place = Buckets::<u64>::bucket_of(hash);
        let found = self.locator.bucket(place).iter().copied().find_map(|entry| {
            let same = entry >> 12 == located(hash, 0) >> 12;
            let mut holders = same.then(|| self.map.bucket(bucket_in(entry)))?;
            let (grantee, holder) = holders.find(|(_, holder)| holder.grants.iter().any(|held| held.grant == *id))?;
            Some((entry, grantee.clone(), holder.clone()))
        });
        let Some((entry, grantee, holder)) = found else {
            return;
        };
        let grants = holder.grants.iter().filter(|held| held.grant != *id).cloned().collect();
        self.put(&grantee, Holder::new(grants, holder.connected.to_vec()));
        let mut entries = self.locator.bucket(place).to_vec();
        if let Some(at) = entries.iter().position(|other| *other == entry) {
            entries.remove(at);
        }
        self.locator.replace(place, entries);
    }

    fn put(&mut self, key: &Grantee, holder: Holder) {
        let nothing = holder.grants.is_empty() && holder.connected.is_empty();
        self.map.set(key, (!nothing).then_some(holder));
    }
}

impl Holder {
    fn new(grants: Vec<HeldGrant>, mut connected: Vec<u32>) -> Self {
        connected.sort_unstable();
        Self { grants: ordered(grants), connected: connected.into() }
    }
}

/// The grants of several holders, ordered as those of one; where there is but one, they are shared.
pub(super) fn together<'a>(mut holders: impl Iterator<Item = &'a Holder>) -> Arc<[HeldGrant]> {
    let Some(first) = holders.next() else { return Arc::default() };
    let Some(second) = holders.next() else { return Arc::clone(&first.grants) };
    ordered([first, second].into_iter().chain(holders).flat_map(|holder| holder.grants.iter().cloned()).collect())
}

fn ordered(mut grants: Vec<HeldGrant>) -> Arc<[HeldGrant]> {
    grants.sort_by(|a, b| (a.profile, &a.grant).cmp(&(b.profile, &b.grant)));
    grants.into()
}

/// Whether an account is connected by it: one that the vendor refuses has to be connected again.
fn connects(credential: &StoredCredential) -> bool {
    credential.refused().is_none()
}

/// A grant with its profile interned; none when there is no such profile.
fn held(id: &GrantId, grant: &Grant, names: &Names) -> Option<HeldGrant> {
    let profile = names.profile(&grant.profile)?;
    Some(HeldGrant { profile, until: Until::of(grant.until), grant: id.clone() })
}

fn located(hash: u64, bucket: u16) -> u64 {
    (hash << 12) | u64::from(bucket)
}

fn bucket_in(entry: u64) -> u16 {
    u16::try_from(entry & 0xfff).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        access::fixture,
        journal::{AccessProfile, Server},
        vocabulary::{CredentialFacts, Label, ProfileId, ProfileSpec, ServerSpec},
    };

    /// Everything that is held, and how many grants can be located.
    fn dump(holders: &Holders) -> (BTreeMap<Grantee, Holder>, usize) {
        let all = holders.map.iter().map(|(grantee, holder)| (grantee.clone(), holder.clone()));
        (all.collect(), holders.locator.iter().count())
    }

    fn user(at: u8) -> UserId {
        UserId::new("idp", format!("u{}", at % 5)).unwrap()
    }

    fn profile(at: u8) -> ProfileId {
        ProfileId::new(format!("p{}", at % 3)).unwrap()
    }

    fn server(at: u8) -> ServerId {
        fixture::server(["a", "b"][usize::from(at) % 2])
    }

    fn world() -> State {
        let mut state = State::new();
        for at in 0..3 {
            let spec = ProfileSpec::new(Label::new("A profile"));
            let policy_by = user(0);
            state.profiles.insert(profile(at), AccessProfile { spec, bindings: BTreeMap::new(), policy_by });
        }
        for (at, prefix) in ["a", "b"].into_iter().enumerate() {
            let spec = ServerSpec::new(
                "fake".try_into().unwrap(),
                "A server",
                prefix.try_into().unwrap(),
                "key".try_into().unwrap(),
            );
            let at = Timestamp::from_millis(i64::try_from(at).unwrap());
            let server = Server { spec, paused: false, catalogue: None, registered_at: at };
            state.servers.insert(fixture::server(prefix), server);
        }
        state
    }

    fn grantee(at: u8) -> Grantee {
        if at % 4 == 3 { Grantee::Group("staff".try_into().unwrap()) } else { Grantee::User(user(at)) }
    }

    /// Changes the state in one place and lets the holders follow.
    fn change(state: &mut State, holders: &mut Holders, names: &Names, (kind, a, b): (u8, u8, u8)) {
        let id = GrantId::new(format!("g{}", a % 12)).unwrap();
        let owner = CredentialOwner::User(user(b));
        match kind % 5 {
            0 | 1 => {
                let grant = Grant {
                    profile: profile(b),
                    grantee: grantee(b),
                    until: (b % 2 == 0).then(|| Timestamp::from_millis(i64::from(b))),
                    by: user(0),
                    at: Timestamp::default(),
                    request: None,
                };
                state.grants.insert(id.clone(), grant);
                holders.follow_grant(&id, state, names);
            }
            2 => {
                state.grants.remove(&id);
                holders.follow_grant(&id, state, names);
            }
            3 => {
                let key = (server(a), owner);
                if a % 3 == 0 {
                    state.credentials.remove(&key);
                } else {
                    let facts = CredentialFacts::new();
                    let mut credential = StoredCredential::new(1, facts, Timestamp::default());
                    credential.refused = (b % 2 == 0).then_some(1);
                    state.credentials.insert(key, credential);
                }
                holders.follow_connection(&user(b), &server(a), state, names);
            }
            _ => {
                state.grants.retain(|_, grant| grant.grantee != Grantee::User(user(b)));
                state.credentials.retain(|(_, of), _| *of != owner);
                holders.follow_leaver(&user(b), state, names);
            }
        }
    }

    proptest! {
        #[test]
        fn holders_that_follow_each_change_equal_those_built_anew(
            changes in proptest::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 0..60),
        ) {
            let mut state = world();
            let names = Names::of(&state);
            let mut holders = Holders::build(&state, &names);
            for each in changes {
                change(&mut state, &mut holders, &names, each);
            }
            let built = dump(&Holders::build(&state, &names));
            prop_assert_eq!(built.1, state.grants.len());
            prop_assert_eq!(dump(&holders), built);
        }
    }

    #[test]
    fn a_grant_of_a_profile_that_is_not_there_is_held_by_nobody() {
        let mut state = world();
        let (names, id) = (Names::of(&state), GrantId::new("g").unwrap());
        let grant = Grant {
            profile: ProfileId::new("gone").unwrap(),
            grantee: grantee(0),
            until: None,
            by: user(0),
            at: Timestamp::default(),
            request: None,
        };
        state.grants.insert(id.clone(), grant);
        let mut holders = Holders::build(&state, &names);
        assert!(holders.get(&grantee(0)).is_none_or(|holder| holder.grants.is_empty()));
        holders.follow_grant(&id, &state, &names);
        assert!(holders.get(&grantee(0)).is_none_or(|holder| holder.grants.is_empty()));
    }
}
