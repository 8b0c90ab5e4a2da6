//! Values that no caller gives: read at the vendor before a request is made, and kept for the requests after it.

use mcp_govern_core::{AuthMethodId, ToolName};
use serde_json::{Map, Value};

use crate::pointer::Pointer;

/// One way to look a value up.
#[derive(Debug)]
pub(crate) struct LookupPlan {
    /// The read that holds it.
    pub(crate) row: ToolName,
    /// Only for this auth method.
    pub(crate) when: Option<AuthMethodId>,
    pub(crate) arguments: Map<String, Value>,
    /// Arguments that the server's configuration fills in: argument, configuration.
    pub(crate) config: Vec<(String, String)>,
    /// Which item of the list is meant, where the read is one: the one that has the configured value at this place, in whatever
    /// letters.
    pub(crate) matching: Option<(Pointer, String)>,
    /// Where the value is, in the item or in the result.
    pub(crate) value: Pointer,
}

impl LookupPlan {
    /// Whether a server with this auth method goes this way.
    pub(crate) fn is_for(&self, method: &AuthMethodId) -> bool {
        self.when.as_ref().is_none_or(|when| when == method)
    }
}
