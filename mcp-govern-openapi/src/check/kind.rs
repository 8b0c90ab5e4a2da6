//! The kinds of rules, one by one.

use std::time::Duration;

use mcp_govern_core::Timestamp;
use serde_json::{Map, Value};

use super::{
    Arguments,
    place::Place,
    time::{Span, is_before, is_past, moment},
};
use crate::document::{
    govern::{CheckGovern, CheckKindGovern},
    refs::Checked,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rule {
    /// At most one of them.
    Exclusive(Vec<String>),
    /// With each of the first, all of the others. `is`: the first count only where they have this value.
    Requires { names: Vec<String>, is: Option<Value>, needs: Vec<String> },
    /// Exactly one of them.
    OneOf(Vec<String>),
    /// At least one of them.
    AnyOf(Vec<String>),
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
}

impl Rule {
    pub(super) fn parse(stated: &CheckGovern, arguments: Arguments<'_>) -> Checked<Self> {
        let argument = || stated.argument.clone().ok_or("a check of this kind needs `argument`".to_owned());
        let other = || stated.other.clone().ok_or("a check of this kind needs `other`".to_owned());
        let several = || match stated.arguments.len() {
            0 | 1 => Err("a check of this kind needs `arguments` with at least two names".to_owned()),
            _ => Ok(stated.arguments.clone()),
        };
        if stated.is.is_some() && stated.kind != CheckKindGovern::Requires {
            return Err("`is` belongs to `requires` alone".to_owned());
        }
        Ok(match stated.kind {
            CheckKindGovern::Exclusive => Self::Exclusive(several()?),
            CheckKindGovern::OneOf => Self::OneOf(several()?),
            // Without names: something must be changed at all.
            CheckKindGovern::AnyOf if stated.arguments.is_empty() => {
                let changes: Vec<String> = arguments.changes.iter().map(|&name| name.to_owned()).collect();
                if changes.is_empty() {
                    return Err("`any_of` without `arguments` needs a body with arguments".to_owned());
                }
                Self::AnyOf(changes)
            }
            CheckKindGovern::AnyOf => Self::AnyOf(several()?),
            CheckKindGovern::Requires if stated.needs.is_empty() => return Err("`requires` needs `needs`".to_owned()),
            CheckKindGovern::Requires => {
                let names = match stated.arguments.as_slice() {
                    [] => vec![argument()?],
                    names => names.to_vec(),
                };
                Self::Requires { names, is: stated.is.clone(), needs: stated.needs.clone() }
            }
            CheckKindGovern::Less => Self::Less(argument()?, other()?),
            CheckKindGovern::Before => Self::Before(argument()?, other()?),
            CheckKindGovern::Future => Self::Future(argument()?),
            CheckKindGovern::Past => Self::Past(argument()?),
            CheckKindGovern::Span => {
                let months = stated.months.ok_or("`span` needs `months`")?;
                Self::Span(argument()?, other()?, Span::of_months(months))
            }
            CheckKindGovern::Age => {
                let days = stated.days.ok_or("`age` needs `days`")?;
                Self::Age(argument()?, Place::parse(stated.at.as_deref().unwrap_or_default())?, days)
            }
            CheckKindGovern::Growing => Self::Growing(argument()?),
        })
    }

    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Exclusive(names) | Self::OneOf(names) | Self::AnyOf(names) => {
                names.iter().map(String::as_str).collect()
            }
            Self::Requires { names, needs, .. } => names.iter().chain(needs).map(String::as_str).collect(),
            Self::Less(first, second) | Self::Before(first, second) | Self::Span(first, second, _) => {
                vec![first, second]
            }
            Self::Future(name) | Self::Past(name) | Self::Age(name, ..) | Self::Growing(name) => vec![name],
        }
    }

    pub(super) fn hold(&self, arguments: &Map<String, Value>, now: Timestamp) -> Result<(), String> {
        let given = |name: &&String| arguments.contains_key(name.as_str());
        let count = |names: &[String]| names.iter().filter(given).count();
        let value = |name: &String| arguments.get(name);
        match self {
            Self::Exclusive(names) if count(names) > 1 => {
                Err(format!("{} exclude one another", list(names.iter().filter(given))))
            }
            Self::OneOf(names) if count(names) != 1 => Err(format!("give exactly one of {}", list(names))),
            Self::AnyOf(names) if count(names) == 0 => Err(format!("give at least one of {}", list(names))),
            Self::Exclusive(_) | Self::OneOf(_) | Self::AnyOf(_) => Ok(()),
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
        }
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
