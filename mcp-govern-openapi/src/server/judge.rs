//! What is wrong with the arguments of a call, found before the call is on record.

use std::borrow::Cow;

use mcp_govern_core::{ArgumentFault, CallRules, ToolName};
use serde_json::{Map, Value};

use super::{OpenApiServer, Tool};
use crate::{
    bind::{fits, instead, judge},
    plan::Row,
};

impl OpenApiServer {
    /// The faults of a tool's arguments that its schema cannot tell: everything that a call would refuse to bind, found without a
    /// credential.
    ///
    /// A recipe has none here: it makes the arguments of its rows by itself, and those are judged as they are bound.
    ///
    /// # Errors
    ///
    /// The faults.
    pub(crate) fn judge(
        &self,
        tool: &ToolName,
        arguments: &Map<String, Value>,
        rules: &CallRules,
    ) -> Result<(), Vec<ArgumentFault>> {
        // A tool that is not there is refused by name when it is called.
        let Ok(Tool::Row(row)) = self.tool(tool) else { return Ok(()) };
        let filled = self.filled(row, Cow::Borrowed(arguments), rules).map_err(|fault| vec![of_all(fault)])?;
        let meant = judge(row, &filled, self.shared.clock.now());
        let meant = meant.map_err(|faults| faults.into_iter().map(of_all).collect::<Vec<_>>())?;
        let site = self.site_of(row, &meant).map_err(|fault| vec![of_all(fault.to_owned())])?;
        fits(row, &instead::sent(&row.instead, &meant), site).map_err(|fault| vec![of_one(row, fault)])
    }
}

/// A fault of the arguments together.
fn of_all(fault: String) -> ArgumentFault {
    ArgumentFault { argument: String::new(), fault }
}

/// A fault of binding: its sentence begins with the argument that it is about.
fn of_one(row: &Row, fault: String) -> ArgumentFault {
    let named = fault.strip_prefix('`').and_then(|rest| rest.split_once("` ")).filter(|(name, _)| row.takes(name));
    match named {
        Some((argument, fault)) => ArgumentFault { argument: argument.to_owned(), fault: fault.to_owned() },
        None => of_all(fault),
    }
}
