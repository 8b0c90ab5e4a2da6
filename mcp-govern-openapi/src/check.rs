//! Rules that hold across the arguments of one call, as the document states them.

use mcp_govern_core::Timestamp;
use serde_json::{Map, Value};

use crate::document::{
    govern::{CheckGovern, CheckKindGovern},
    refs::Checked,
};

/// A rule across arguments. An argument counts as given when it is there after defaults, `null` included.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Check {
    rule: Rule,
    /// The rule applies only while each of these arguments has one of these values.
    when: Vec<(String, Vec<Value>)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    /// At most one of them.
    Exclusive(Vec<String>),
    /// With the first, all of the others.
    Requires(String, Vec<String>),
    /// Exactly one of them.
    OneOf(Vec<String>),
    /// At least one of them.
    AnyOf(Vec<String>),
    /// The first point in time lies before the second.
    Before(String, String),
    /// The point in time lies in the future.
    Future(String),
}

impl Check {
    /// Reads a rule; `known` says which arguments the operation has.
    pub(crate) fn parse(stated: &CheckGovern, known: &dyn Fn(&str) -> bool) -> Checked<Self> {
        let argument = || stated.argument.clone().ok_or("a check of this kind needs `argument`".to_owned());
        let arguments = || match stated.arguments.len() {
            0 | 1 => Err("a check of this kind needs `arguments` with at least two names".to_owned()),
            _ => Ok(stated.arguments.clone()),
        };
        let rule = match stated.kind {
            CheckKindGovern::Exclusive => Rule::Exclusive(arguments()?),
            CheckKindGovern::OneOf => Rule::OneOf(arguments()?),
            CheckKindGovern::AnyOf => Rule::AnyOf(arguments()?),
            CheckKindGovern::Requires if stated.needs.is_empty() => return Err("`requires` needs `needs`".to_owned()),
            CheckKindGovern::Requires => Rule::Requires(argument()?, stated.needs.clone()),
            CheckKindGovern::Before => Rule::Before(argument()?, stated.other.clone().ok_or("`before` needs `other`")?),
            CheckKindGovern::Future => Rule::Future(argument()?),
        };
        let values = |value: &Value| match value {
            Value::Array(values) => values.clone(),
            value => vec![value.clone()],
        };
        let when = stated.when.iter().map(|(name, value)| (name.clone(), values(value))).collect();
        let check = Self { rule, when };
        if let Some(name) = check.names().find(|name| !known(name)) {
            return Err(format!("a check names `{name}`, which is no argument"));
        }
        Ok(check)
    }

    /// Holds the rule against the arguments.
    pub(crate) fn hold(&self, arguments: &Map<String, Value>, now: Timestamp) -> Result<(), String> {
        let applies = self.when.iter().all(|(name, values)| arguments.get(name).is_some_and(|v| values.contains(v)));
        if !applies {
            return Ok(());
        }
        let given = |name: &String| arguments.contains_key(name);
        let count = |names: &[String]| names.iter().filter(|name| given(name)).count();
        let because = self.because();
        match &self.rule {
            Rule::Exclusive(names) if count(names) > 1 => {
                Err(format!("{} exclude one another{because}", list(names.iter().filter(|name| given(name)))))
            }
            Rule::OneOf(names) if count(names) != 1 => Err(format!("give exactly one of {}{because}", list(names))),
            Rule::AnyOf(names) if count(names) == 0 => Err(format!("give at least one of {}{because}", list(names))),
            Rule::Requires(name, needs) if given(name) && count(needs) < needs.len() => {
                Err(format!("`{name}` needs {}{because}", list(needs.iter().filter(|name| !given(name)))))
            }
            Rule::Before(first, second) => match (arguments.get(first), arguments.get(second)) {
                (Some(a), Some(b)) if !is_before(a, b) => Err(format!("`{first}` must lie before `{second}`{because}")),
                _ => Ok(()),
            },
            Rule::Future(name) => match arguments.get(name).and_then(moment) {
                Some(time) if time <= now => Err(format!("`{name}` must lie in the future{because}")),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        let (list, pair): (&[String], Vec<&String>) = match &self.rule {
            Rule::Exclusive(names) | Rule::OneOf(names) | Rule::AnyOf(names) => (names, Vec::new()),
            Rule::Requires(name, needs) => (needs, vec![name]),
            Rule::Before(first, second) => (&[], vec![first, second]),
            Rule::Future(name) => (&[], vec![name]),
        };
        list.iter().chain(pair).chain(self.when.iter().map(|(name, _)| name))
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

fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Two points in time, or two plain dates. What is neither is left to the schema's format.
fn is_before(first: &Value, second: &Value) -> bool {
    match (moment(first), moment(second), first.as_str(), second.as_str()) {
        (Some(a), Some(b), ..) => a < b,
        (None, None, Some(a), Some(b)) if is_date(a) && is_date(b) => a < b,
        _ => true,
    }
}

fn moment(value: &Value) -> Option<Timestamp> {
    value.as_str().and_then(|text| text.parse().ok())
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(stated: Value) -> Checked<Check> {
        let stated: CheckGovern = serde_json::from_value(stated).unwrap();
        Check::parse(&stated, &|name| ["a", "b", "c", "status"].contains(&name))
    }

    fn holds(stated: Value, arguments: Value) -> Result<(), String> {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        check(stated).unwrap().hold(arguments.as_object().unwrap(), now)
    }

    #[test]
    fn each_kind_accepts_and_refuses() {
        let exclusive = json!({"kind": "exclusive", "arguments": ["a", "b"]});
        assert!(holds(exclusive.clone(), json!({"a": 1})).is_ok());
        assert!(holds(exclusive, json!({"a": 1, "b": null})).unwrap_err().contains("`a`, `b` exclude"));
        let requires = json!({"kind": "requires", "argument": "a", "needs": ["b", "c"]});
        assert!(holds(requires.clone(), json!({"c": 1})).is_ok());
        assert_eq!(holds(requires, json!({"a": 1, "c": 1})).unwrap_err(), "`a` needs `b`");
        let one_of = json!({"kind": "one_of", "arguments": ["a", "b"]});
        assert!(holds(one_of.clone(), json!({"b": 1})).is_ok());
        assert!(holds(one_of.clone(), json!({})).is_err() && holds(one_of, json!({"a": 1, "b": 1})).is_err());
        let any_of = json!({"kind": "any_of", "arguments": ["a", "b"]});
        assert!(holds(any_of.clone(), json!({"a": 1, "b": 1})).is_ok());
        assert!(holds(any_of, json!({"c": 1})).is_err());
    }

    #[test]
    fn times_are_compared_as_times_and_not_as_text() {
        let before = json!({"kind": "before", "argument": "a", "other": "b"});
        assert!(holds(before.clone(), json!({"a": "2026-01-01T12:00:00+02:00", "b": "2026-01-01T11:00:00Z"})).is_ok());
        assert!(holds(before.clone(), json!({"a": "2026-01-01T11:00:00Z", "b": "2026-01-01T12:00:00+02:00"})).is_err());
        assert!(holds(before.clone(), json!({"a": "2026-01-02", "b": "2026-01-01"})).is_err());
        assert!(holds(before, json!({"a": "2026-01-02"})).is_ok());
        let future = json!({"kind": "future", "argument": "a"});
        assert!(holds(future.clone(), json!({"a": "2026-11-21T11:30:00+01:00"})).is_ok());
        assert!(holds(future, json!({"a": "2026-11-21T09:59:59Z"})).is_err());
    }

    #[test]
    fn a_condition_limits_the_rule_to_the_values_it_names() {
        let stated = json!({"kind": "requires", "argument": "status", "needs": ["a"], "when": {"status": ["x", "y"]}});
        assert!(holds(stated.clone(), json!({"status": "z"})).is_ok());
        let error = holds(stated, json!({"status": "y"})).unwrap_err();
        assert_eq!(error, "`status` needs `a` when `status` is \"x\" or \"y\"");
        let stated = json!({"kind": "exclusive", "arguments": ["a", "b"], "when": {"a": true}});
        assert!(holds(stated.clone(), json!({"a": false, "b": 1})).is_ok());
        assert!(holds(stated, json!({"a": true, "b": 1})).is_err());
    }

    #[test]
    fn a_check_that_makes_no_sense_is_an_error() {
        for (stated, part) in [
            (json!({"kind": "exclusive", "arguments": ["a"]}), "at least two"),
            (json!({"kind": "requires", "argument": "a"}), "needs"),
            (json!({"kind": "before", "argument": "a"}), "other"),
            (json!({"kind": "future", "argument": "nope"}), "`nope`"),
            (json!({"kind": "future", "argument": "a", "when": {"nope": 1}}), "`nope`"),
        ] {
            assert!(check(stated).unwrap_err().contains(part));
        }
    }
}
