//! Ranges of time that end now where their end is left out.
//!
//! Some vendors end a range without an end somewhere of their own choice, a month after its start for example, and say nothing of
//! it in the answer. A caller who gives a start alone means everything since then.

use std::borrow::Cow;

use mcp_govern_core::{BoundArgument, FixedValue, Timestamp};
use serde_json::{Map, Value, json};

use super::{govern::OperationGovern, parameter::Argument, refs::Checked};

/// A range of two points in time.
#[derive(Debug)]
pub(crate) struct EndsNow {
    start: String,
    end: String,
}

/// Reads `ends_now`.
pub(super) fn read(govern: &OperationGovern, arguments: &[Argument]) -> Checked<Vec<EndsNow>> {
    let moment = |name: &String| {
        let argument = arguments.iter().find(|argument| argument.name == *name);
        let argument = argument.ok_or_else(|| format!("`ends_now` names `{name}`, which is no argument"))?;
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

    fn fill(&self, arguments: &mut Cow<'_, Map<String, Value>>, now: Timestamp) -> Result<(), String> {
        let Self { start, end } = self;
        if arguments.contains_key(end) {
            return Ok(());
        }
        let Some(begins) = arguments.get(start).and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok())
        else {
            return Ok(());
        };
        if begins >= now {
            return Err(format!("`{start}` lies in the future: give `{end}` as well"));
        }
        // Whole seconds: vendors differ in what they make of parts of one.
        let Ok(now) = jiff::Timestamp::from_second(now.as_millis().div_euclid(1_000)) else { return Ok(()) };
        arguments.to_mut().insert(end.clone(), Value::from(now.to_string()));
        Ok(())
    }
}

/// Fills in the ends of ranges that have a start alone.
///
/// # Errors
///
/// When the start lies in the future, so that the range cannot end now.
pub(crate) fn fill<'a>(
    ranges: &[EndsNow],
    mut arguments: Cow<'a, Map<String, Value>>,
    now: Timestamp,
) -> Result<Cow<'a, Map<String, Value>>, String> {
    for range in ranges {
        range.fill(&mut arguments, now)?;
    }
    Ok(arguments)
}
