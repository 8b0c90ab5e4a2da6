//! Asking for access in one's own name.

use std::collections::{BTreeMap, BTreeSet};

use super::{GovernError, GovernErrorKind, Governor, commit::JustLoaded};
use crate::{
    denial::Denial,
    journal::{AccessRequest, Action, Command, Grant, RequestStatus, State},
    vocabulary::{
        Actor, CommandId, GrantId, Justification, Label, Principal, ProfileId, RequestId, RequestPolicy, Timestamp,
        UserId,
    },
};

/// A profile that a person may ask for and does not hold without end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestableProfile {
    /// The profile.
    pub profile: ProfileId,
    /// Its title and description.
    pub label: Label,
    /// How a request for it is decided.
    pub policy: RequestPolicy,
}

impl RequestableProfile {
    /// Whether a request is approved at once.
    pub fn is_automatic(&self) -> bool {
        self.policy.steps.is_empty()
    }

    /// Whether a request must say why.
    pub fn needs_justification(&self) -> bool {
        self.policy.justification == Justification::Required
    }
}

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessWish {
    /// The profile.
    pub profile: ProfileId,
    /// Why.
    pub justification: Option<String>,
    /// For how many seconds; the longest that the profile's policy gives where absent.
    pub seconds: Option<u64>,
}

impl AccessWish {
    /// A wish for a profile.
    pub fn new(profile: ProfileId) -> Self {
        Self { profile, justification: None, seconds: None }
    }

    /// With the reason, which approvers read.
    #[must_use]
    pub fn with_justification(mut self, why: impl Into<String>) -> Self {
        self.justification = Some(why.into());
        self
    }

    /// For so many seconds.
    #[must_use]
    pub fn with_seconds(mut self, seconds: u64) -> Self {
        self.seconds = Some(seconds);
        self
    }
}

/// A request of a person, as it is at a moment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct RequestState {
    /// The request.
    pub request: RequestId,
    /// The profile that it asks for.
    pub profile: ProfileId,
    /// How far it has come.
    pub status: RequestStatus,
    /// When it was made.
    pub at: Timestamp,
    /// When it expires undecided.
    pub expires: Timestamp,
    /// The grant that it led to, while that holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    /// When that grant ends; never where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The approval step that it waits for, from 1, while it is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// How many approval steps it has.
    pub steps: u32,
    /// Whether this request was there before: then nothing new was asked for.
    pub repeated: bool,
}

impl Governor {
    /// The profiles that a person may ask for, ordered by id: those that are visible to the person, without those that the person
    /// holds without end.
    ///
    /// # Errors
    ///
    /// The denial of every call of this caller, where there is one (an unknown client, a kill switch, stale rules).
    pub fn requestable_profiles(&self, principal: &Principal) -> Result<Vec<RequestableProfile>, Denial> {
        let (view, caller, moment) = self.seen_by(principal)?;
        let profiles = view.snapshot.requestable_profiles(&caller, &moment);
        Ok(self.core.with_state(|state| {
            let described = |profile: ProfileId| {
                let spec = state.profiles().get(&profile)?.spec();
                Some(RequestableProfile { profile, label: spec.label.clone(), policy: spec.policy.clone() })
            };
            profiles.into_iter().filter_map(described).collect()
        }))
    }

    /// Asks for a profile in the caller's own name, or answers how an open request for it is doing: for one profile a person has
    /// one open request, so that asking again is how it is followed.
    ///
    /// The caller's own request goes by the rules of every other one: the profile must be visible to the person, its policy may demand a
    /// justification and bound the time, and other people decide unless the policy has no approval steps.
    ///
    /// # Errors
    ///
    /// [`GovernErrorKind::NotAllowed`] where no call of this caller would be admitted, and as
    /// [`decide`](crate::journal::decide) refuses [`Action::RequestAccess`].
    pub async fn request_access(&self, principal: &Principal, wish: AccessWish) -> Result<RequestState, GovernError> {
        self.seen_by(principal)
            .map_err(|denial| GovernError::new(GovernErrorKind::NotAllowed, denial.message().to_owned()))?;
        let now = self.now();
        if let Some(open) = self.core.with_state(|state| open_request(state, &principal.user, &wish.profile, now)) {
            return Ok(open);
        }
        let request = RequestId::random()?;
        let actor = Actor::new(principal.user.clone(), []).with_groups(principal.groups.iter().cloned());
        let action = Action::RequestAccess {
            request: request.clone(),
            grant: GrantId::random()?,
            profile: wish.profile.clone(),
            justification: wish.justification,
            seconds: wish.seconds,
        };
        let command = Command::new(CommandId::random()?, action);
        self.core.commit(&actor, &command, JustLoaded::Nothing).await?;
        let now = self.now();
        let made = self.core.with_state(|state| {
            let grants = grants_of(state, std::iter::once(&request), now);
            let made = state.requests().get(&request)?;
            Some(state_of(&request, made, grants.get(&request), now))
        });
        made.ok_or_else(|| GovernError::not_found("request", &request))
    }

    /// The requests of a person, the newest first: open, decided and expired ones.
    ///
    /// # Errors
    ///
    /// As [`Governor::requestable_profiles`].
    pub fn own_requests(&self, principal: &Principal) -> Result<Vec<RequestState>, Denial> {
        self.seen_by(principal)?;
        let now = self.now();
        let mut requests: Vec<RequestState> = self.core.with_state(|state| {
            let own = state.requests().iter().filter(|(_, request)| *request.user() == principal.user);
            let own: Vec<(&RequestId, &AccessRequest)> = own.collect();
            let grants = grants_of(state, own.iter().map(|(id, _)| *id), now);
            own.into_iter().map(|(id, request)| state_of(id, request, grants.get(id), now)).collect()
        });
        requests.sort_by(|one, other| other.at.cmp(&one.at).then_with(|| one.request.cmp(&other.request)));
        Ok(requests)
    }
}

/// The open request of a person for a profile.
fn open_request(state: &State, user: &UserId, profile: &ProfileId, now: Timestamp) -> Option<RequestState> {
    let open = state.requests().iter().find(|(_, request)| {
        request.user() == user && request.profile() == profile && request.status(now) == RequestStatus::Pending
    });
    open.map(|(id, request)| RequestState { repeated: true, ..state_of(id, request, None, now) })
}

/// The grants that requests led to and that hold now, found in one pass over all grants.
fn grants_of<'a>(
    state: &'a State,
    requests: impl Iterator<Item = &'a RequestId>,
    now: Timestamp,
) -> BTreeMap<&'a RequestId, (&'a GrantId, &'a Grant)> {
    let wanted: BTreeSet<&RequestId> = requests.collect();
    if wanted.is_empty() {
        return BTreeMap::new();
    }
    let held = state.grants().iter().filter(|(_, grant)| grant.holds(now));
    held.filter_map(|(id, grant)| Some((*wanted.get(grant.request()?)?, (id, grant)))).collect()
}

fn state_of(
    id: &RequestId,
    request: &AccessRequest,
    grant: Option<&(&GrantId, &Grant)>,
    now: Timestamp,
) -> RequestState {
    let status = request.status(now);
    RequestState {
        request: id.clone(),
        profile: request.profile().clone(),
        status,
        at: request.at(),
        expires: request.expires(),
        grant: grant.map(|(id, _)| (*id).clone()),
        until: grant.and_then(|(_, grant)| grant.until()),
        step: (status == RequestStatus::Pending).then(|| request.current_step().saturating_add(1)),
        steps: u32::try_from(request.policy().steps.len()).unwrap_or(u32::MAX),
        repeated: false,
    }
}
