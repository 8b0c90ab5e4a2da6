//! The state machine of a tool's approval.
//!
//! | now \ event | approve | approve ahead | pin | disable | reset | sync: same | sync: changed | sync: pinned | sync: gone |
//! |---|---|---|---|---|---|---|---|---|---|
//! | pending review | approved | pending review | pending review | disabled | refused | - | pending review | approved | removed |
//! | approved | refused | approved | approved | disabled | pending review | - | by drift policy | approved | removed |
//! | disabled | approved | refused | refused | refused | pending review | - | disabled | disabled | removed |
//! | removed | refused | refused | removed | refused | refused | pending review | pending review | approved | - |
//!
//! A definition of a coming catalogue that was staged is approved ahead: its digest counts from then on. One that is not at hand,
//! such as that of another edition, is pinned by its digest: the pin counts once a sync finds exactly this definition, whatever the
//! tool was meanwhile, and the tool is then approved in the name of the person who pinned it. Disabling and resetting take pins, too.
//!
//! Approvals are a set of digests: approving adds one; disabling, resetting and going away take all. A changed tool that
//! waits for review keeps the digests of before: nothing is called while it waits, and once somebody approves the new
//! definition a node of the older release goes on too.
//!
//! INVARIANT: the digest of an approved tool's current definition is among its approvals
//! (`an_approved_tool_is_approved_under_its_current_digest`).

use super::super::ToolState;
use crate::vocabulary::DriftAction;

/// What happens to a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApprovalEvent {
    /// Somebody approves its current definition.
    Approve,
    /// Somebody approves a definition of a coming catalogue.
    ApproveAhead,
    /// Somebody approves ahead, by its digest, a definition that is not at hand.
    Pin,
    /// Somebody disables it.
    Disable,
    /// Somebody sets it back to pending review.
    Reset,
    /// Sync finds the definition that is known.
    Same,
    /// Sync finds another definition; what becomes of an approved tool.
    Changed(DriftAction),
    /// Sync finds a definition that was pinned.
    Pinned,
    /// Sync no longer finds the tool.
    Gone,
}

impl ApprovalEvent {
    /// Every event.
    pub const ALL: [Self; 11] = [
        Self::Approve,
        Self::ApproveAhead,
        Self::Pin,
        Self::Disable,
        Self::Reset,
        Self::Same,
        Self::Changed(DriftAction::Keep),
        Self::Changed(DriftAction::Review),
        Self::Changed(DriftAction::Disable),
        Self::Pinned,
        Self::Gone,
    ];
}

/// Where an event leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    to: ToolState,
    approvals: Approvals,
}

/// What becomes of the set of approved digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approvals {
    /// It stays.
    Stay,
    /// The event's digest joins.
    Add,
    /// It is emptied.
    Clear,
}

impl Transition {
    const fn new(to: ToolState, approvals: Approvals) -> Self {
        Self { to, approvals }
    }

    /// The state afterwards.
    pub fn to(self) -> ToolState {
        self.to
    }

    /// What becomes of the set of approved digests.
    pub fn approvals(self) -> Approvals {
        self.approvals
    }
}

/// An event that is refused in a state. The words say why and what is possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotPossible(&'static str);

const ALREADY_APPROVED: NotPossible =
    NotPossible("its current definition is approved already; to review it again, reset it first");
const ALREADY_DISABLED: NotPossible =
    NotPossible("it is disabled already; approve it to enable it, or reset it to have it reviewed");
const ALREADY_PENDING: NotPossible = NotPossible("it waits for review already");
const ENABLE_FIRST: NotPossible =
    NotPossible("it is disabled, and approving ahead does not enable it; approve its current definition first");
const REMOVED: NotPossible =
    NotPossible("its server no longer offers it; it comes back for review when a sync finds it again");

/// Where an event leads from a state.
///
/// # Errors
///
/// When the state refuses the event.
#[expect(
    clippy::match_same_arms,
    reason = "the table is written out pair by pair, so that each can be read and changed alone"
)]
pub fn next(state: ToolState, event: ApprovalEvent) -> Result<Transition, NotPossible> {
    use ApprovalEvent as E;
    use Approvals::{Add, Clear, Stay};
    use ToolState as S;
    let transition = match (state, event) {
        (S::PendingReview, E::Approve) => Transition::new(S::Approved, Add),
        (S::PendingReview, E::ApproveAhead) => Transition::new(S::PendingReview, Add),
        (S::PendingReview, E::Pin) => Transition::new(S::PendingReview, Stay),
        (S::PendingReview, E::Disable) => Transition::new(S::Disabled, Clear),
        (S::PendingReview, E::Reset) => return Err(ALREADY_PENDING),
        (S::PendingReview, E::Same) => Transition::new(S::PendingReview, Stay),
        (S::PendingReview, E::Changed(_)) => Transition::new(S::PendingReview, Stay),
        (S::PendingReview, E::Pinned) => Transition::new(S::Approved, Add),
        (S::PendingReview, E::Gone) => Transition::new(S::Removed, Clear),

        (S::Approved, E::Approve) => return Err(ALREADY_APPROVED),
        (S::Approved, E::ApproveAhead) => Transition::new(S::Approved, Add),
        (S::Approved, E::Pin) => Transition::new(S::Approved, Stay),
        (S::Approved, E::Disable) => Transition::new(S::Disabled, Clear),
        (S::Approved, E::Reset) => Transition::new(S::PendingReview, Clear),
        (S::Approved, E::Same) => Transition::new(S::Approved, Stay),
        (S::Approved, E::Changed(DriftAction::Keep)) => Transition::new(S::Approved, Add),
        (S::Approved, E::Changed(DriftAction::Review)) => Transition::new(S::PendingReview, Stay),
        (S::Approved, E::Changed(DriftAction::Disable)) => Transition::new(S::Disabled, Clear),
        (S::Approved, E::Pinned) => Transition::new(S::Approved, Add),
        (S::Approved, E::Gone) => Transition::new(S::Removed, Clear),

        (S::Disabled, E::Approve) => Transition::new(S::Approved, Add),
        (S::Disabled, E::ApproveAhead | E::Pin) => return Err(ENABLE_FIRST),
        (S::Disabled, E::Disable) => return Err(ALREADY_DISABLED),
        (S::Disabled, E::Reset) => Transition::new(S::PendingReview, Clear),
        (S::Disabled, E::Same) => Transition::new(S::Disabled, Stay),
        (S::Disabled, E::Changed(_)) => Transition::new(S::Disabled, Stay),
        (S::Disabled, E::Pinned) => Transition::new(S::Disabled, Stay),
        (S::Disabled, E::Gone) => Transition::new(S::Removed, Clear),

        (S::Removed, E::Approve | E::ApproveAhead | E::Disable | E::Reset) => return Err(REMOVED),
        (S::Removed, E::Pin) => Transition::new(S::Removed, Stay),
        (S::Removed, E::Same) => Transition::new(S::PendingReview, Clear),
        (S::Removed, E::Changed(_)) => Transition::new(S::PendingReview, Clear),
        (S::Removed, E::Pinned) => Transition::new(S::Approved, Add),
        (S::Removed, E::Gone) => Transition::new(S::Removed, Stay),
    };
    Ok(transition)
}
