//! What the operations of a document share, and one of them as it is stated.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{edition::Inherited, foreign::Label, govern::PageGovern, naming::Naming, refs::Components};
use crate::plan::{Document, Policy, Schemes, Scopes};

/// What operations share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared<'a> {
    pub(crate) components: Components<'a>,
    pub(crate) schemes: &'a Schemes,
    pub(crate) policy: &'a Policy,
    pub(crate) scopes: &'a Scopes,
    /// The paging styles that have a name.
    pub(crate) pages: &'a BTreeMap<String, PageGovern>,
    /// The document's own `security`.
    pub(crate) security: Option<&'a Value>,
    /// The document's own `servers`.
    pub(crate) servers: Option<&'a Value>,
    pub(crate) naming: &'a Naming,
    /// The document of the provider's first edition, where this is a further one.
    pub(crate) first: Option<&'a Document>,
}

impl<'a> Shared<'a> {
    /// What an operation takes from the first edition.
    pub(crate) fn inherited(&self, node: &Map<String, Value>) -> Inherited<'a> {
        Inherited::of(self.first, node.get("operationId").and_then(Value::as_str))
    }
}

/// One operation as it stands in the document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stands<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// The parameters of the path.
    pub(crate) of_path: Option<&'a Value>,
    /// The `servers` of the path.
    pub(crate) servers: Option<&'a Value>,
    pub(crate) node: &'a Map<String, Value>,
    /// What it is called by.
    pub(crate) label: &'a Label,
    pub(crate) place: &'a str,
}
