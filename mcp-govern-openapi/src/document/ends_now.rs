//! Ranges of time that end now where their end is left out.
//!
//! Some vendors end a range without an end somewhere of their own choice, a month after its start for example, and say nothing of
//! it in the answer. A caller who gives a start alone means everything since then.

use mcp_govern_core::{BoundArgument, FixedValue};
use serde_json::{Value, json};

use super::{govern::OperationGovern, parameter::Argument, refs::Checked};
use crate::plan::EndsNow;

/// Reads `ends_now`.
pub(super) fn read(govern: &OperationGovern, arguments: &[Argument]) -> Checked<Vec<EndsNow>> {
    let moment = |name: &String| {
        let argument = arguments.iter().find(|argument| argument.name == *name);
        let argument = argument.ok_or_else(|| format!("`ends_now` names `{name}`, which is not an argument"))?;
        match argument.schema.get("format").and_then(Value::as_str) {
            Some("date-time") => Ok(name.clone()),
            _ => Err(format!("`ends_now` names `{name}`, whose format is not `date-time`")),
        }
    };
    let one = |stated: &super::govern::EndsNowGovern| {
        Ok(EndsNow { start: moment(&stated.start)?, end: moment(&stated.end)? })
    };
    govern.ends_now.iter().map(one).collect()
}

impl EndsNow {
    /// The value as a reviewer sees it.
    pub(super) fn stated(&self, bound: &[BoundArgument]) -> Option<FixedValue> {
        let end = bound.iter().find(|bound| bound.argument == self.end)?;
        let value = json!({"argument": self.start, "value": "now"});
        Some(FixedValue { location: end.location, name: end.name.clone(), value })
    }
}
