//! Admission: the one way to a call.

use std::sync::Arc;

use super::{caller::Caller, permit::Permit, snapshot::Snapshot, tool_view::ToolNumber};
use crate::{denial::DenialCode, vocabulary::Timestamp};

/// When a question is asked, and whether the rules at hand can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The largest of the clock, the last commit and the last time seen.
    pub now: Timestamp,
    /// Whether the rules at hand are known to be current.
    pub freshness: Freshness,
}

impl Moment {
    /// A moment at which the rules at hand are current.
    pub fn fresh(now: Timestamp) -> Self {
        Self { now, freshness: Freshness::Fresh }
    }

    /// A moment.
    pub fn new(now: Timestamp, freshness: Freshness) -> Self {
        Self { now, freshness }
    }
}

/// Whether the rules at hand are known to be current.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Freshness {
    /// They are.
    Fresh,
    /// This node cannot confirm it: every call is denied with `state_stale`.
    Stale,
    /// The journal cannot be read in full: every call is denied with `state_unreadable`.
    Unreadable,
}

/// The answer to whether a call may be made.
///
/// A third answer, that a person must approve this very call, will come; the list is open for it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Admission {
    /// The call may be made, given arguments that pass [`check`](crate::check::check).
    Permit(Permit),
    /// The call must not be made.
    Deny(Refused),
}

impl Admission {
    /// The permit, or why there is none.
    ///
    /// # Errors
    ///
    /// The first check that failed.
    pub fn into_result(self) -> Result<Permit, Refused> {
        match self {
            Self::Permit(permit) => Ok(permit),
            Self::Deny(refused) => Err(refused),
        }
    }
}

/// The first check that failed. [`Snapshot::denial`] makes a sentence and a remedy of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    pub(super) code: DenialCode,
    pub(super) tool: Option<ToolNumber>,
    /// The tool that is to blame, where the asked one uses it.
    pub(super) blamed: Option<ToolNumber>,
}

impl Refused {
    /// The code: the true one, also where the caller must get `unknown_tool`.
    pub fn code(&self) -> DenialCode {
        self.code
    }

    /// The tool that was asked for; none where a check failed that comes before the tool, or there is no such tool.
    pub fn tool(&self) -> Option<ToolNumber> {
        self.tool
    }

    fn early(code: DenialCode) -> Self {
        Self { code, tool: None, blamed: None }
    }
}

/// Whether the caller may call the tool now. Synchronous, without allocation on a permit.
///
/// The checks, in this order; the first that fails names the code: state readable · tenant activated · tenant kill switch ·
/// snapshot fresh · source address · client known, open, not killed · client type allowed by the tenant · tool exists · server
/// not paused · server kill switch · tool kill switch · tool approved under the loaded digest · client type allowed for the
/// tool · grant. An unreadable state comes first, because nothing else that it says can be believed. After these a call is held to
/// what the person and the client may use of the node, which no snapshot knows.
pub fn admit(snapshot: &Arc<Snapshot>, caller: &Caller, tool: ToolNumber, moment: &Moment) -> Admission {
    match snapshot.examine(caller, tool, moment) {
        Ok(()) => Admission::Permit(Permit::new(caller, tool, moment.now)),
        Err(refused) => Admission::Deny(refused),
    }
}

impl Snapshot {
    /// The checks that come before the tool: whether the caller may ask for anything at all.
    ///
    /// # Errors
    ///
    /// The first check that failed.
    pub fn entry(&self, caller: &Caller, moment: &Moment) -> Result<(), Refused> {
        let caller = &*caller.inner;
        let code = if moment.freshness == Freshness::Unreadable {
            DenialCode::StateUnreadable
        } else if !self.gates.activated {
            DenialCode::TenantInactive
        } else if self.gates.killed {
            DenialCode::TenantKilled
        } else if moment.freshness == Freshness::Stale || !std::ptr::eq(Arc::as_ptr(&caller.snapshot), self) {
            // INVARIANT: a caller that was looked up elsewhere gets nothing
            // (`a_caller_of_another_snapshot_is_denied_as_stale`).
            DenialCode::StateStale
        } else if let Some(code) = caller.fault {
            code
        } else {
            return Ok(());
        };
        Err(Refused::early(code))
    }

    /// What a caller is answered who asked for a tool that does not exist: the same checks as for one that does.
    pub fn refuse_unknown(&self, caller: &Caller, moment: &Moment) -> Refused {
        self.entry(caller, moment).err().unwrap_or(Refused::early(DenialCode::UnknownTool))
    }

    /// All checks of admission, without the permit.
    pub(super) fn examine(&self, caller: &Caller, tool: ToolNumber, moment: &Moment) -> Result<(), Refused> {
        self.entry(caller, moment)?;
        let row = if tool.tool_index == self.tool_index.stamp { self.tool_index.row(tool.index) } else { None };
        let row = row.ok_or(Refused::early(DenialCode::UnknownTool))?;
        let refuse = |code, blamed| Err(Refused { code, tool: Some(tool), blamed });
        if let Some(fault) = row.verdict(tool.index) {
            let blamed = (fault.blamed != tool.index).then(|| self.index(fault.blamed));
            return refuse(fault.code, blamed);
        }
        let caller = &*caller.inner;
        if row.client_types & caller.type_bit == 0 {
            return refuse(DenialCode::ToolClientTypeNotAllowed, None);
        }
        let mut had = false;
        for held in &*caller.grants {
            if row.profiles.contains(held.profile) {
                if held.until.holds(moment.now) {
                    return Ok(());
                }
                had = true;
            }
        }
        refuse(if had { DenialCode::GrantExpired } else { DenialCode::NoGrant }, None)
    }
}
