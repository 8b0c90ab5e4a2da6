//! The kinds of rules, one by one.

use std::{collections::BTreeMap, time::Duration};

use mcp_govern_core::Timestamp;
use serde_json::{Map, Value};

use super::{
    place::Place,
    time::{Span, is_before, is_past, moment},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A rule, by its kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rule {
    /// At most one of them.
    Exclusive(Vec<String>),
    /// With each of the first, all of the others. `is`: the first count only where they have this value.
    Requires { names: Vec<String>, is: Option<Value>, needs: Vec<String> },
    /// Exactly one of them.
    OneOf(Vec<String>),
    /// At least one of them. One that is sent unasked counts with another value only.
    AnyOf(Vec<String>, BTreeMap<String, Value>),
    /// The first number is smaller than the second.
    Less(String, String),
    /// The first point in time lies before the second.
    Before(String, String),
    /// The point in time lies in the future.
    Future(String),
    /// The day or point in time does not lie in the future.
    Past(String),
    /// From the first day to the last it is no more than so many calendar months.
    Span(String, String, Span),
    /// No second since the epoch at this place lies further back than this.
    Age(String, Place, u32),
    /// The numbers of a list grow from one to the next.
    Growing(String),
    /// All texts and names in it have no more than so many characters together.
    Length(String, usize),
    /// Each item of the list has exactly one of the members that go with what it is.
    Variant(Variant),
}

/// What the items of a list name themselves by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Variant {
    pub(crate) argument: String,
    /// The member that says what an item is.
    pub(crate) by: String,
    pub(crate) members: BTreeMap<String, Vec<String>>,
}

impl Rule {
    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Self::Exclusive(names) | Self::OneOf(names) | Self::AnyOf(names, _) => {
                names.iter().map(String::as_str).collect()
            }
            Self::Requires { names, needs, .. } => names.iter().chain(needs).map(String::as_str).collect(),
            Self::Less(first, second) | Self::Before(first, second) | Self::Span(first, second, _) => {
                vec![first, second]
            }
            Self::Future(name)
            | Self::Past(name)
            | Self::Age(name, ..)
            | Self::Growing(name)
            | Self::Length(name, _)
            | Self::Variant(Variant { argument: name, .. }) => vec![name],
        }
    }

    pub(crate) fn hold(&self, arguments: &Map<String, Value>, now: Timestamp) -> Result<(), String> {
        let given = |name: &&String| arguments.contains_key(name.as_str());
        let count = |names: &[String]| names.iter().filter(given).count();
        let value = |name: &String| arguments.get(name);
        match self {
            Self::Exclusive(names) if count(names) > 1 => {
                Err(format!("{} exclude one another", list(names.iter().filter(given))))
            }
            Self::OneOf(names) if count(names) != 1 => Err(format!("give exactly one of {}", list(names))),
            Self::AnyOf(names, sent)
                if !names.iter().any(|name| value(name).is_some_and(|v| sent.get(name) != Some(v))) =>
            {
                Err(format!("give at least one of {}", list(names)))
            }
            Self::Exclusive(_) | Self::OneOf(_) | Self::AnyOf(..) => Ok(()),
            Self::Requires { names, is, needs } => {
                let counts = |name: &&String| value(name).is_some_and(|v| is.as_ref().is_none_or(|is| is == v));
                match names.iter().find(counts) {
                    Some(name) if count(needs) < needs.len() => {
                        Err(format!("`{name}` needs {}", list(needs.iter().filter(|name| !given(name)))))
                    }
                    _ => Ok(()),
                }
            }
            Self::Less(first, second) => match (number(value(first)), number(value(second))) {
                (Some(a), Some(b)) if a >= b => Err(format!("`{first}` must be smaller than `{second}`")),
                _ => Ok(()),
            },
            Self::Before(first, second) => match (value(first), value(second)) {
                (Some(a), Some(b)) if !is_before(a, b) => Err(format!("`{first}` must lie before `{second}`")),
                _ => Ok(()),
            },
            Self::Future(name) => match value(name).and_then(moment) {
                Some(time) if time <= now => Err(format!("`{name}` must lie in the future")),
                _ => Ok(()),
            },
            Self::Past(name) => match value(name) {
                Some(time) if !is_past(time, now) => Err(format!("`{name}` must not lie in the future")),
                _ => Ok(()),
            },
            Self::Span(first, last, span) => span.hold((first, value(first)), (last, value(last)), now),
            Self::Age(name, place, days) => match value(name) {
                Some(value) if place.find(value).into_iter().any(|second| is_older(second, *days, now)) => {
                    Err(format!("`{name}` holds a time that lies more than {days} days back"))
                }
                _ => Ok(()),
            },
            Self::Growing(name) => match value(name).and_then(numbers) {
                Some(numbers) if !numbers.is_sorted_by(|a, b| a < b) => {
                    Err(format!("the numbers of `{name}` must grow from one to the next"))
                }
                _ => Ok(()),
            },
            Self::Length(name, max) => match value(name).map(length) {
                Some(length) if length > *max => {
                    Err(format!("`{name}` holds {length} characters in all, names included; {max} are allowed"))
                }
                _ => Ok(()),
            },
            Self::Variant(variant) => variant.hold(value(&variant.argument)),
        }
    }
}

impl Variant {
    fn hold(&self, value: Option<&Value>) -> Result<(), String> {
        let items = value.and_then(Value::as_array).into_iter().flatten();
        for (at, item) in items.enumerate() {
            let Some(is) = item.get(&self.by).and_then(Value::as_str) else { continue };
            let Some(allowed) = self.members.get(is) else { continue };
            let known = |name: &&String| item.get(name.as_str()).is_some();
            let strange = self.members.values().flatten().find(|name| known(name) && !allowed.contains(name));
            if strange.is_some() || allowed.iter().filter(known).count() != 1 {
                let (argument, by) = (&self.argument, &self.by);
                let names = allowed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
                return Err(format!(
                    "`{argument}/{at}`: with `{by}`: \"{is}\" give exactly one of {names}, and no other"
                ));
            }
        }
        Ok(())
    }
}

/// How many characters all names and texts of a value have together.
fn length(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::String(text) => text.chars().count(),
        Value::Bool(_) | Value::Number(_) => value.to_string().len(),
        Value::Array(items) => items.iter().map(length).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| name.chars().count() + length(value)).sum(),
    }
}

fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn number(value: Option<&Value>) -> Option<f64> {
    value.and_then(Value::as_f64)
}

/// A list of numbers, or a text that spells one in JSON. What is neither is left to the schema.
fn numbers(value: &Value) -> Option<Vec<f64>> {
    match value {
        Value::Array(items) => items.iter().map(Value::as_f64).collect(),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

fn is_older(second: &Value, days: u32, now: Timestamp) -> bool {
    let Some(second) = second.as_i64() else { return false };
    let time = Timestamp::from_millis(second.saturating_mul(1000));
    now.since(time) > DAY.saturating_mul(days)
}
