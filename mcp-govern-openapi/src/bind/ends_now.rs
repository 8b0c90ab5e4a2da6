//! Ends of ranges of time that are filled in.

use std::borrow::Cow;

use mcp_govern_core::Timestamp;
use serde_json::{Map, Value};

use crate::plan::EndsNow;

impl EndsNow {
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
