//! The state machine of a request for an access profile.
//!
//! | now \ event | approve | approve, the last one | deny | cancel | time is over |
//! |---|---|---|---|---|---|
//! | pending | pending | approved | denied | cancelled | expired |
//! | approved, denied, cancelled, expired | refused | refused | refused | refused | - |
//!
//! A request waits at one approval step of its policy after the other; each step has a quorum, and the policy says whether one
//! person may approve several. Which approval is the last one follows from the policy of the moment at which the request was made.
//! A request whose policy has no steps is approved by the commit that makes it. What is decided stays decided: off-boarding a person
//! or deleting a profile cancels pending requests alone.
//!
//! INVARIANT: a request leads to one grant at most (`a_request_is_decided_once_and_as_its_table_says`).

use super::super::{AccessRequest, RequestStatus};
use crate::vocabulary::{ApprovalStep, ApproverRule, UserId};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestEvent {
    /// Somebody approves it, and further approvals are needed.
    Approve,
    /// Somebody approves it, and nothing more is needed: the grant is made.
    ApproveLast,
    /// An approver denies it.
    Deny,
    /// It is taken back, or its person or profile goes.
    Cancel,
    /// Nobody has decided in time.
    Expire,
}

impl RequestEvent {
    /// Every event.
    pub const ALL: [Self; 5] = [Self::Approve, Self::ApproveLast, Self::Deny, Self::Cancel, Self::Expire];
}

/// A request that is decided: the event is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is {}: only an open request can be decided; ask anew", .0.as_str())]
pub struct Decided(RequestStatus);

impl Decided {
    /// How it was decided.
    pub fn status(self) -> RequestStatus {
        self.0
    }
}

/// Where an event leads from a status.
///
/// # Errors
///
/// When the request is decided already; what is over by time stays as it is.
pub fn next(status: RequestStatus, event: RequestEvent) -> Result<RequestStatus, Decided> {
    use RequestEvent as E;
    use RequestStatus as S;
    match (status, event) {
        (S::Pending, E::Approve) => Ok(S::Pending),
        (S::Pending, E::ApproveLast) => Ok(S::Approved),
        (S::Pending, E::Deny) => Ok(S::Denied),
        (S::Pending, E::Cancel) => Ok(S::Cancelled),
        (S::Pending, E::Expire) => Ok(S::Expired),
        (decided, E::Expire) => Ok(decided),
        (decided, E::Approve | E::ApproveLast | E::Deny | E::Cancel) => Err(Decided(decided)),
    }
}

impl RequestStatus {
    /// The status's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

impl AccessRequest {
    /// The approval step that the request waits at, counted from 0; the number of steps once all are approved.
    pub fn current_step(&self) -> u32 {
        let open = (0u32..).zip(&self.policy.steps).find(|(index, step)| self.approvals_of(*index) < step.quorum);
        open.map_or(u32::try_from(self.policy.steps.len()).unwrap_or(u32::MAX), |(index, _)| index)
    }

    /// The event that one more approval of the current step is.
    pub fn approval(&self) -> RequestEvent {
        let current = self.current_step();
        let missing = self.step(current).map_or(0, |step| step.quorum.saturating_sub(self.approvals_of(current)));
        let is_last = missing <= 1 && self.step(current.saturating_add(1)).is_none();
        if is_last { RequestEvent::ApproveLast } else { RequestEvent::Approve }
    }

    pub(in super::super) fn step(&self, index: u32) -> Option<&ApprovalStep> {
        self.policy.steps.get(usize::try_from(index).ok()?)
    }

    /// The step of an approval by this person which keeps it from approving the current step.
    pub(in super::super) fn approval_in_the_way(&self, user: &UserId) -> Option<u32> {
        let (step, distinct) = (self.current_step(), self.policy.approvers == ApproverRule::Distinct);
        let mine = self.approvals.iter().find(|(at, by)| by == user && (distinct || *at == step));
        mine.map(|(at, _)| *at)
    }

    /// Takes a step of the state machine; what is decided stays as it is.
    pub(in super::super) fn take(&mut self, event: RequestEvent) {
        if let Ok(status) = next(self.decided, event) {
            self.decided = status;
        }
    }

    fn approvals_of(&self, step: u32) -> u32 {
        u32::try_from(self.approvals.iter().filter(|(at, _)| *at == step).count()).unwrap_or(u32::MAX)
    }
}
