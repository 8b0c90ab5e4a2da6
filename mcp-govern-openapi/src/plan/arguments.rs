//! What an operation states of its arguments beside their schemas.

use std::collections::BTreeSet;

use mcp_govern_core::{ToolDefinition, ToolName, check::send_faults};
use serde_json::{Map, Value};

/// What an operation states of the keys of its arguments.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// The arguments that keys of this operation stand for.
    pub(crate) stand_for: Vec<String>,
    /// The read that tells what a call replaces. What the call does not name is taken away, so that under a rule this is looked at
    /// first.
    pub(crate) replaces: Option<ToolName>,
}

/// An argument that takes the place of an empty value.
#[derive(Debug)]
pub(crate) struct Instead {
    pub(crate) argument: String,
    pub(crate) of: String,
    /// What is sent in its place; nothing at all when absent.
    pub(crate) send: Option<Value>,
    /// Whether one of the two must be given.
    pub(crate) needed: bool,
    /// The place in the body.
    pub(crate) place: String,
}

/// A range of two points in time.
#[derive(Debug)]
pub(crate) struct EndsNow {
    pub(crate) start: String,
    pub(crate) end: String,
}

/// The argument of a list that says which members of each item are wanted.
#[derive(Debug)]
pub(crate) struct Fields {
    pub(crate) argument: &'static str,
    /// The members that the document declares; nothing where it declares none.
    pub(crate) known: Option<BTreeSet<String>>,
}

impl Fields {
    /// The members that a call asks for.
    pub(crate) fn asked<'a>(&self, arguments: &'a Map<String, Value>) -> Option<BTreeSet<&'a str>> {
        let names = arguments.get(self.argument)?.as_array()?;
        Some(names.iter().filter_map(Value::as_str).collect())
    }
}

/// Holds what a definition sends unasked to the schemas of its arguments.
pub(crate) fn check_sent(definition: &ToolDefinition) -> Result<(), String> {
    let Some(fault) = send_faults(definition).into_iter().next() else { return Ok(()) };
    Err(format!("`send` of `{}`: the argument {}", fault.argument, fault.fault))
}
