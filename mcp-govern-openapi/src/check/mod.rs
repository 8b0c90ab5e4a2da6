//! Rules that hold across the arguments of one call, as the document states them.

mod kind;
mod place;
mod time;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use mcp_govern_core::Timestamp;
use serde_json::{Map, Value};

use self::kind::Rule;
use crate::document::{govern::CheckGovern, refs::Checked};

/// A rule across arguments. An argument counts as given when it is there after what the row sends for those left out
/// has been filled in, `null` included.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Check {
    rule: Rule,
    /// The rule applies only while each of these arguments has one of these values.
    when: Vec<(String, Vec<Value>)>,
    /// What is said instead of the rule's own sentence.
    text: Option<String>,
}

/// The arguments of the operation that a rule is stated for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arguments<'a> {
    /// All of them.
    pub(crate) all: &'a [&'a str],
    /// Those of the body that nothing fills in by itself: what a change is about.
    pub(crate) changes: &'a [&'a str],
    /// What is sent for those that are left out.
    pub(crate) send: &'a BTreeMap<String, Value>,
}

impl Check {
    /// Reads a rule.
    ///
    /// # Errors
    ///
    /// When something that the kind needs is missing, or an argument is named that the operation does not have.
    pub(crate) fn parse(stated: &CheckGovern, arguments: Arguments<'_>) -> Checked<Self> {
        let rule = Rule::parse(stated, arguments)?;
        let values = |value: &Value| match value {
            Value::Array(values) => values.clone(),
            value => vec![value.clone()],
        };
        let when = stated.when.iter().map(|(name, value)| (name.clone(), values(value))).collect();
        let check = Self { rule, when, text: stated.text.clone() };
        let named = check.rule.names().into_iter().chain(check.when.iter().map(|(name, _)| name.as_str()));
        match named.into_iter().find(|name| !arguments.all.contains(name)) {
            Some(name) => Err(format!("a check names `{name}`, which is no argument")),
            None => Ok(check),
        }
    }

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
