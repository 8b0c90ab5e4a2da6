//! What operations are called as tools.

use std::collections::HashMap;

use mcp_govern_core::ToolName;
use serde_json::{Map, Value};

use super::{
    Faulty,
    foreign::{ForeignDocument, Label},
    govern::{self, OperationGovern},
    names::{LONGEST_NAME, shortened, to_snake},
    refs::Checked,
};
use crate::plan::Document;

/// What the operations of a document are called: by `x-govern.name` or a name that was given beside the document, else by their
/// `operationId`.
#[derive(Debug, Default)]
pub(crate) struct Naming {
    foreign: Option<ForeignDocument>,
    /// The names that are not those of the id, by the id in snake case: what refers to an operation does so by its id.
    given: HashMap<String, String>,
}

impl Naming {
    /// Looks at every operation, before any of them is compiled.
    pub(crate) fn new<'a>(
        operations: impl IntoIterator<Item = (&'a Label, &'a Map<String, Value>)>,
        foreign: Option<&ForeignDocument>,
        first: Option<&Document>,
    ) -> Self {
        let mut naming = Self { foreign: foreign.cloned(), given: HashMap::new() };
        for (label, node) in operations {
            let stated = || govern::read(node).ok().and_then(|stated: OperationGovern| stated.name);
            let given = foreign.and_then(|foreign| foreign.name(label)).map(str::to_owned).or_else(stated);
            // In another edition an operation is called as in the first.
            let there = || Some(first?.ids.get(&to_snake(id_of(node)?))?.to_string());
            let given = given.or_else(there);
            if let (Some(given), Some(id)) = (given, id_of(node)) {
                naming.given.insert(to_snake(id), given);
            }
        }
        naming
    }

    /// The name of an operation's tool.
    pub(crate) fn name(&self, label: &Label, node: &Map<String, Value>) -> Checked<ToolName> {
        let stated: OperationGovern = govern::read(node)?;
        let of_file = self.foreign.as_ref().and_then(|foreign| foreign.name(label));
        if let Some(name) = of_file {
            return ToolName::new(name).map_err(|error| format!("the name that it is given: {error}"));
        }
        if let Some(name) = stated.name {
            return ToolName::new(name).map_err(|error| format!("`x-govern.name`: {error}"));
        }
        let id = id_of(node).ok_or("has no `operationId`, which gives the tool its name, and no `x-govern.name`")?;
        self.of_id(id)
            .map_err(|error| format!("`operationId: {id}`: {error}; `x-govern: {{name: …}}` gives it another name"))
    }

    /// The name of the operation that another one refers to.
    pub(crate) fn referred(&self, id: &str) -> Checked<ToolName> {
        self.of_id(id)
    }

    /// What operations are called, by their `operationId` in snake case. One that cannot be named is left out.
    pub(crate) fn ids<'a>(
        &self,
        operations: impl IntoIterator<Item = (&'a Label, &'a Map<String, Value>)>,
    ) -> HashMap<String, ToolName> {
        let named = operations
            .into_iter()
            .filter_map(|(label, node)| Some((to_snake(id_of(node)?), self.name(label, node).ok()?)));
        named.collect()
    }

    fn of_id(&self, id: &str) -> Checked<ToolName> {
        let name = to_snake(id);
        if let Some(given) = self.given.get(&name) {
            return ToolName::new(given).map_err(|error| error.to_string());
        }
        // A document of our own has an id that is short enough.
        let shorten = name.len() > LONGEST_NAME && self.faulty() == Faulty::LeftOut;
        ToolName::new(if shorten { shortened(id) } else { name }).map_err(|error| error.to_string())
    }

    fn faulty(&self) -> Faulty {
        if self.foreign.is_some() { Faulty::LeftOut } else { Faulty::Refused }
    }
}

fn id_of(node: &Map<String, Value>) -> Option<&str> {
    node.get("operationId").and_then(Value::as_str).filter(|id| !id.trim().is_empty())
}
