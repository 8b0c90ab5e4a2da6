//! Asking for a profile, and deciding on it. A request is governed by the policy of the moment it was made.

use std::time::Duration;

use super::{Case, Events, authorise::speaks_for, free, known, validate};
use crate::{
    journal::{
        AccessRequest, Event, Refusal, RequestStatus,
        approval::request::{self, RequestEvent},
        event::{AccessRequested, ProfileGranted, RequestApproved, RequestCancelled, RequestDenied},
    },
    vocabulary::{GrantId, Grantee, Justification, ProfileId, RequestId, SelfApproval, UserId},
};

impl Case<'_> {
    pub(super) fn request_access(
        &self,
        id: &RequestId,
        grant: &GrantId,
        profile: &ProfileId,
        justification: Option<&str>,
        seconds: Option<u64>,
    ) -> Events {
        let user = self.actor.user();
        let spec = self.state.profiles.get(profile).map(|profile| &profile.spec);
        // A profile that one is not shown looks like one that is not there.
        let spec = spec.filter(|spec| spec.visibility.shows(user, self.actor.groups()));
        let spec = spec.ok_or_else(|| Refusal::not_found("profile that you can ask for named", profile))?;
        free(self.state.requests.get(id), "request", id)?;
        self.no_open_request(user, profile)?;
        validate::text("the justification", justification.unwrap_or_default())?;
        let policy = &spec.policy;
        let justification = justification.filter(|text| !text.trim().is_empty()).map(str::to_owned);
        if policy.justification == Justification::Required && justification.is_none() {
            return Err(Refusal::invalid(format!("a request for profile `{profile}` must say why")));
        }
        let seconds = duration(profile, seconds, policy.longest_seconds)?;
        let mut events: Vec<Event> = vec![
            AccessRequested {
                request: id.clone(),
                profile: profile.clone(),
                user: user.clone(),
                justification,
                seconds,
                policy: policy.clone(),
                expires: self.now.plus(Duration::from_secs(policy.expires_after_seconds)),
            }
            .into(),
        ];
        if policy.steps.is_empty() {
            events.push(self.granted(id, grant, profile, user, seconds)?);
        }
        Ok(events)
    }

    /// Who approved a step counts as an approver of that moment, whatever becomes of them.
    pub(super) fn approve_request(&self, id: &RequestId, grant: &GrantId) -> Events {
        let request = self.open_request(id, RequestEvent::Approve)?;
        let user = self.actor.user();
        let step = request.current_step();
        let number = step.saturating_add(1);
        if request.user == *user && request.policy.self_approval == SelfApproval::Refused {
            return Err(Refusal::not_allowed(format!("request `{id}` is your own: somebody else approves it")));
        }
        let approvers = request.step(step).map(|step| &step.approvers);
        if !approvers.is_some_and(|approvers| speaks_for(self.actor, approvers)) {
            return Err(Refusal::not_allowed(format!(
                "request `{id}` stands at approval step {number}, and you are not among that step's approvers"
            )));
        }
        if let Some(at) = request.approval_in_the_way(user) {
            return Err(Refusal::not_possible(format!(
                "you approved step {} of request `{id}` already: step {number} is for somebody else",
                at.saturating_add(1)
            )));
        }
        let mut events: Vec<Event> = vec![RequestApproved { request: id.clone(), step }.into()];
        if request.approval() == RequestEvent::ApproveLast {
            events.push(self.granted(id, grant, &request.profile, &request.user, request.seconds)?);
        }
        Ok(events)
    }

    pub(super) fn deny_request(&self, id: &RequestId) -> Events {
        let request = self.open_request(id, RequestEvent::Deny)?;
        if request.user == *self.actor.user() {
            return Err(Refusal::not_allowed(format!("request `{id}` is your own: cancel it instead of denying it")));
        }
        Ok(vec![RequestDenied { request: id.clone() }.into()])
    }

    pub(super) fn cancel_request(&self, id: &RequestId) -> Events {
        self.open_request(id, RequestEvent::Cancel)?;
        Ok(vec![RequestCancelled { request: id.clone() }.into()])
    }

    /// The request, where the event can happen to it.
    fn open_request(&self, id: &RequestId, event: RequestEvent) -> Result<&AccessRequest, Refusal> {
        let found = known(self.state.requests.get(id), "request", id)?;
        match request::next(found.status(self.now), event) {
            Ok(_) => Ok(found),
            Err(decided) => Err(Refusal::not_possible(format!("request `{id}` {decided}"))),
        }
    }

    fn no_open_request(&self, user: &UserId, profile: &ProfileId) -> Result<(), Refusal> {
        let open = self.state.requests.iter().find(|(_, request)| {
            request.user == *user && request.profile == *profile && request.status(self.now) == RequestStatus::Pending
        });
        open.map_or(Ok(()), |(id, _)| {
            Err(Refusal::not_possible(format!(
                "request `{id}` for profile `{profile}` is open already: wait for it, or cancel it first"
            )))
        })
    }

    fn granted(
        &self,
        request: &RequestId,
        grant: &GrantId,
        profile: &ProfileId,
        user: &UserId,
        seconds: Option<u64>,
    ) -> Result<Event, Refusal> {
        free(self.state.grants.get(grant), "grant", grant)?;
        let event = ProfileGranted {
            grant: grant.clone(),
            profile: profile.clone(),
            grantee: Grantee::User(user.clone()),
            until: seconds.map(|seconds| self.now.plus(Duration::from_secs(seconds))),
            request: Some(request.clone()),
        };
        Ok(event.into())
    }
}

fn duration(profile: &ProfileId, asked: Option<u64>, longest: Option<u64>) -> Result<Option<u64>, Refusal> {
    match (asked, longest) {
        (Some(0), _) => Err(Refusal::invalid("a request is for at least a second")),
        (Some(asked), Some(longest)) if asked > longest => Err(Refusal::invalid(format!(
            "profile `{profile}` is given for {longest} seconds at most, not {asked}: ask for less"
        ))),
        (Some(asked), _) => Ok(Some(asked)),
        (None, longest) => Ok(longest),
    }
}
