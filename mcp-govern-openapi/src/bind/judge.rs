//! What the vendor would refuse of arguments, found before anything is sent.

use std::borrow::Cow;

use mcp_govern_core::Timestamp;
use serde_json::{Map, Value};

use super::instead;
use crate::{
    plan::{Fields, Paging, Row, Shape},
    text::{number, one_line},
};

/// Judges the arguments of a row by what its schema cannot say: which of them exclude or need one another, how far a list can be read,
/// which members its items have. Answers with the arguments as they are meant: flags that are off say nothing.
///
/// INVARIANT: nothing is bound that was not judged here. A call of the row's own tool comes here before it is on record, and with
/// whatever else is sent as it is bound: the rows of a recipe, of a probe, of polling
/// (`a_recipe_that_makes_arguments_which_a_call_is_denied_for_sends_nothing`).
///
/// # Errors
///
/// Every fault, as a sentence.
pub(crate) fn judge<'a>(
    row: &Row,
    arguments: &'a Map<String, Value>,
    now: Timestamp,
) -> Result<Cow<'a, Map<String, Value>>, Vec<String>> {
    let arguments = instead::meant(&row.instead, arguments).map_err(|fault| vec![fault])?;
    let mut faults: Vec<String> = row.checks.iter().filter_map(|check| check.hold(&arguments, now).err()).collect();
    if let Shape::List(plan) = &row.output.shape {
        faults.extend(plan.page.check(&arguments).err());
        faults.extend(row.output.fields.as_ref().and_then(|fields| fields.check(&arguments).err()));
    }
    faults.dedup();
    if faults.is_empty() { Ok(arguments) } else { Err(faults) }
}

impl Paging {
    /// Refuses what the vendor would refuse, before anything is sent.
    pub(crate) fn check(&self, arguments: &Map<String, Value>) -> Result<(), String> {
        let Self::Offset { offset, limit, window: Some(window), usual } = self else { return Ok(()) };
        let size = number(arguments, limit).or(*usual).unwrap_or(0);
        let reach = number(arguments, offset).unwrap_or(0).saturating_add(size);
        if reach > *window {
            return Err(format!(
                "`{offset}` and `{limit}` together reach {reach}; {window} is allowed: narrow the question instead"
            ));
        }
        Ok(())
    }
}

impl Fields {
    /// Refuses names that no item has, as far as the document says what items have.
    pub(crate) fn check(&self, arguments: &Map<String, Value>) -> Result<(), String> {
        /// More names would only hide the one that is meant.
        const TOLD: usize = 30;
        let (Some(asked), Some(known)) = (self.asked(arguments), &self.known) else { return Ok(()) };
        let Some(unknown) = asked.into_iter().find(|name| !known.contains(*name)) else { return Ok(()) };
        let mut told: Vec<String> = known.iter().take(TOLD).map(|name| format!("`{name}`")).collect();
        if known.len() > TOLD {
            told.push("…".to_owned());
        }
        // A name is a text of the caller's: it is shown without what a terminal would obey.
        let unknown = one_line(unknown, 60);
        Err(format!("`{}` names `{unknown}`, which no item has; known are {}", self.argument, told.join(", ")))
    }
}
