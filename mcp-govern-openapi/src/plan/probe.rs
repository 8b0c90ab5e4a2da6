//! Reads that prove a credential.

use mcp_govern_core::{AuthMethodId, ToolName};
use serde_json::{Map, Value};

use crate::pointer::Pointer;

/// A read that proves a credential, and what it tells about it.
#[derive(Debug)]
pub(crate) struct ProbePlan {
    pub(crate) row: ToolName,
    pub(crate) arguments: Map<String, Value>,
    pub(crate) grants: Vec<String>,
    pub(crate) facts: Vec<(String, Fact)>,
    /// The scheme to prove; the operation's own when absent.
    pub(crate) scheme: Option<usize>,
    pub(crate) when: Option<AuthMethodId>,
    /// Asked for facts once the key is proved.
    pub(crate) more: bool,
    pub(crate) remark: Option<String>,
}

/// Where a probe finds a fact.
#[derive(Debug)]
pub(crate) enum Fact {
    At(Pointer),
    /// In every item of a list, joined by commas.
    Each {
        list: Pointer,
        item: Pointer,
    },
}
