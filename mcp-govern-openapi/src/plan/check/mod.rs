//! Rules that hold across the arguments of one call.

mod kind;
mod place;
mod time;

#[cfg(test)]
mod tests;

use mcp_govern_core::Timestamp;
use serde_json::{Map, Value};

pub(crate) use self::{
    kind::{Rule, Variant},
    place::Place,
    time::Span,
};

/// A rule across arguments. An argument counts as given when it is there after what the row sends for those left out
/// has been filled in, `null` included.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Check {
    pub(crate) rule: Rule,
    /// The rule applies only while each of these arguments has one of these values.
    pub(crate) when: Vec<(String, Vec<Value>)>,
    /// What is said instead of the rule's own sentence.
    pub(crate) text: Option<String>,
}

impl Check {
    /// Holds the rule against the arguments.
    ///
    /// # Errors
    ///
    /// A sentence that names the arguments and says what is expected.
    pub(crate) fn hold(&self, arguments: &Map<String, Value>, now: Timestamp) -> Result<(), String> {
        let applies = self.when.iter().all(|(name, values)| arguments.get(name).is_some_and(|v| values.contains(v)));
        if !applies {
            return Ok(());
        }
        self.rule.hold(arguments, now).map_err(|fault| match &self.text {
            Some(text) => text.clone(),
            None => format!("{fault}{}", self.because()),
        })
    }

    fn because(&self) -> String {
        let condition = |(name, values): &(String, Vec<Value>)| {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            format!("`{name}` is {}", values.join(" or "))
        };
        match self.when.as_slice() {
            [] => String::new(),
            when => format!(" when {}", when.iter().map(condition).collect::<Vec<_>>().join(" and ")),
        }
    }
}
