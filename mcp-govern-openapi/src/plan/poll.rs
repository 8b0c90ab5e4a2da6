//! How to wait for what an accepted request promised.

use std::time::Duration;

use http::HeaderName;
use mcp_govern_core::ToolName;

use crate::pointer::Pointer;

/// How to wait for what a 202 promised.
#[derive(Debug)]
pub(crate) struct PollPlan {
    /// The row to ask.
    pub(crate) row: ToolName,
    /// Where the answer says what to ask for.
    pub(crate) id: Pointer,
    /// The argument of the row that takes it.
    pub(crate) argument: String,
    pub(crate) pending: Pending,
    pub(crate) success: Pointer,
    pub(crate) message: Option<Pointer>,
    pub(crate) result: Option<Pointer>,
    pub(crate) wait: Duration,
    pub(crate) every: Duration,
}

/// How the vendor says "not yet".
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) status: u16,
    pub(crate) header: Option<(HeaderName, Option<String>)>,
}
