//! Rules on arguments, applied to one call.

use serde_json::{Map, Number, Value, map::Entry};

use super::redact::is_marked;
use crate::{
    denial::ArgumentFault,
    vocabulary::{AbsentArgument, ArgumentRule, Constraint},
};

/// The keyword of a property that names things of another argument: `"x-keys-of": "page_id"` says that each key of the map, or
/// each item of the list, is what `page_id` is elsewhere. A rule on `page_id` then holds for each of them.
///
/// It does not make the property that argument: what a rule says of tools without the argument
/// ([`AbsentArgument`]) stays in force, and a property that is left out names nothing.
pub const KEYS_OF: &str = "x-keys-of";

/// What a rule means for a tool whose schema is at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bearing {
    /// The tool has the argument.
    Applies,
    /// The tool never had it, and the rule leaves such tools alone.
    LeftAlone,
    /// The tool no longer has it: the rule guards something that moved.
    Stale,
    /// The tool never had it, and the rule denies such tools.
    Absent,
}

/// What a rule means for the tool.
pub(crate) fn bearing(rule: &ArgumentRule, has: impl Fn(&str) -> bool, once_had: impl Fn(&str) -> bool) -> Bearing {
    if has(&rule.argument) {
        Bearing::Applies
    } else if once_had(&rule.argument) {
        Bearing::Stale
    } else {
        match rule.absent {
            AbsentArgument::Deny => Bearing::Absent,
            AbsentArgument::Allow => Bearing::LeftAlone,
        }
    }
}

impl Constraint {
    /// Whether a value is allowed, compared exactly: `1`, `1.0` and `"1"` are three.
    pub fn allows(&self, value: &Value) -> bool {
        violation(self, value).is_none()
    }
}

/// A property of a tool's input schema.
pub(crate) fn property<'s>(schema: &'s Value, name: &str) -> Option<&'s Value> {
    schema.get("properties")?.get(name)
}

/// Everything in the arguments that a rule does not allow: the value of its argument, and keys of others that stand for it.
///
/// INVARIANT: a call and the rows of a recipe are judged by this one function
/// (`nothing_is_sent_through_a_recipe_that_a_direct_call_would_have_been_denied`).
pub(crate) fn violations(rule: &ArgumentRule, schema: &Value, arguments: &Map<String, Value>) -> Vec<ArgumentFault> {
    let mut faults = Vec::new();
    let mut add = |property: Option<&Value>, name: &str, fault: String| {
        // What a rule allows of a secret or personal argument is not told.
        let marked = property.and_then(Value::as_object).is_some_and(is_marked);
        let fault = if marked { "is outside of what a rule allows".to_owned() } else { fault };
        faults.push(ArgumentFault { argument: name.to_owned(), fault });
    };
    if let Some(own) = property(schema, &rule.argument) {
        let fault = match arguments.get(&rule.argument) {
            None => Some("is required by a rule".to_owned()),
            Some(value) => violation(&rule.constraint, value),
        };
        if let Some(fault) = fault {
            add(Some(own), &rule.argument, fault);
        }
    }
    for (name, keyed) in keyed(schema, &rule.argument) {
        let Some(value) = arguments.get(name) else { continue };
        if let Some(fault) = violation_of_keys(&rule.constraint, value) {
            add(
                Some(keyed),
                name,
                format!("names something that a rule on `{}` does not allow: each {fault}", rule.argument),
            );
        }
    }
    faults
}

/// The properties whose keys or items stand for an argument.
fn keyed<'s>(schema: &'s Value, argument: &str) -> impl Iterator<Item = (&'s String, &'s Value)> {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    properties.filter(move |(_, property)| property.get(KEYS_OF).and_then(Value::as_str) == Some(argument))
}

/// What is wrong with the first key of a map or item of a list that is not allowed. Anything else counts as it is.
fn violation_of_keys(constraint: &Constraint, value: &Value) -> Option<String> {
    let one = |key: &Value| match constraint {
        // A list is what the argument is elsewhere: here its items come one by one.
        Constraint::Subset(allowed) => (!allowed.contains(key)).then(|| format!("must be one of {}", listed(allowed))),
        Constraint::Fixed(fixed) => (key != fixed).then(|| "must be what the rule sets".to_owned()),
        other => violation(other, key),
    };
    match value {
        Value::Null => None,
        Value::Object(members) => members.keys().find_map(|key| one(&Value::from(key.as_str()))),
        Value::Array(items) => items.iter().find_map(one),
        plain => one(plain),
    }
}

/// What is wrong with a value under a constraint; none when it is allowed. Values are compared exactly: `1`, `1.0` and `"1"` are
/// three, and so are two texts that look alike.
pub(super) fn violation(constraint: &Constraint, value: &Value) -> Option<String> {
    match constraint {
        Constraint::Fixed(fixed) => (value != fixed).then(|| "is set by a rule; leave it out".to_owned()),
        Constraint::OneOf(allowed) => (!allowed.contains(value)).then(|| format!("must be one of {}", listed(allowed))),
        Constraint::Subset(allowed) => match value.as_array() {
            Some(items) if items.is_empty() => Some(format!("must not be empty: name some of {}", listed(allowed))),
            Some(items) if items.iter().all(|item| allowed.contains(item)) => None,
            _ => Some(format!("must be a list of some of {}", listed(allowed))),
        },
        Constraint::Max(max) => match value {
            Value::Number(number) if at_most(number, max) => None,
            _ => Some(format!("must be a number of at most {max}")),
        },
        Constraint::Pattern(pattern) => {
            let fits = value.as_str().is_some_and(|text| pattern.is_match(text));
            (!fits).then(|| format!("must be a text that matches `{}` as a whole", pattern.as_str()))
        }
    }
}

/// The values that rules fix of arguments that the schema has.
pub(super) fn fixed<'a>(
    rules: impl Iterator<Item = &'a ArgumentRule>,
    schema: &'a Value,
) -> impl Iterator<Item = (&'a str, &'a Value)> {
    rules.filter_map(move |rule| match &rule.constraint {
        Constraint::Fixed(value) if property(schema, &rule.argument).is_some() => Some((rule.argument.as_str(), value)),
        _ => None,
    })
}

/// Fills in the values that rules fix and answers with their names. What the caller gave otherwise is left for [`violation`] to
/// find.
pub(crate) fn fill_fixed<'a>(
    arguments: &mut Map<String, Value>,
    rules: impl Iterator<Item = &'a ArgumentRule>,
    schema: &'a Value,
) -> Vec<&'a str> {
    let mut filled = Vec::new();
    for (name, value) in fixed(rules, schema) {
        if let Entry::Vacant(place) = arguments.entry(name) {
            place.insert(value.clone());
            filled.push(name);
        }
    }
    filled
}

/// Whether `number` is at most `max`; false when they cannot be compared.
pub(super) fn at_most(number: &Number, max: &Number) -> bool {
    match (integer(number), integer(max)) {
        (Some(number), Some(max)) => number <= max,
        // Integers beyond 2^53 never get here as arguments, so that nothing is rounded that matters.
        _ => number.as_f64().zip(max.as_f64()).is_some_and(|(number, max)| number <= max),
    }
}

fn integer(number: &Number) -> Option<i128> {
    number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from))
}

/// Values for a message, cut where they are many or long.
pub(super) fn listed(values: &[Value]) -> String {
    const SHOWN: usize = 12;
    let shown = values.iter().take(SHOWN).map(|value| {
        let text = value.to_string();
        if text.chars().count() > 60 {
            format!("`{}…`", text.chars().take(60).collect::<String>())
        } else {
            format!("`{text}`")
        }
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if values.len() > SHOWN {
        text.push_str(", …");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::vocabulary::Pattern;

    fn allows(constraint: &Constraint, value: &Value) -> bool {
        violation(constraint, value).is_none()
    }

    #[test]
    fn one_of_compares_exactly() {
        let rule = Constraint::OneOf(vec![json!("prod"), json!(1), json!(["a"])]);
        for good in [json!("prod"), json!(1), json!(["a"])] {
            assert!(allows(&rule, &good), "{good}");
        }
        // The second `prod` is written with a Cyrillic letter.
        for bad in [json!("рrod"), json!("prod "), json!("PROD"), json!(1.0), json!("1"), json!(null), json!("a")] {
            assert!(!allows(&rule, &bad), "{bad}");
        }
    }

    #[test]
    fn subset_wants_a_list_that_is_not_empty() {
        let rule = Constraint::Subset(vec![json!("a"), json!("b")]);
        assert!(allows(&rule, &json!(["a"])) && allows(&rule, &json!(["b", "a", "a"])));
        for bad in [json!([]), json!(["a", "c"]), json!("a"), json!({"0": "a"}), json!(null), json!([["a"]])] {
            assert!(!allows(&rule, &bad), "{bad}");
        }
    }

    #[test]
    fn max_takes_numbers_alone_and_compares_them_as_numbers() {
        let rule = Constraint::Max(10.into());
        for good in [json!(10), json!(-5), json!(9.99), json!(10.0)] {
            assert!(allows(&rule, &good), "{good}");
        }
        for bad in [json!(11), json!(10.000_001), json!("5"), json!(null), json!([5]), json!(true)] {
            assert!(!allows(&rule, &bad), "{bad}");
        }
        let fraction = Constraint::Max(Number::from_f64(2.5).unwrap());
        assert!(allows(&fraction, &json!(2)) && !allows(&fraction, &json!(3)));
    }

    #[test]
    fn a_pattern_wants_a_text_and_matches_it_whole() {
        let rule = Constraint::Pattern(Pattern::new("prod-.*").unwrap());
        assert!(allows(&rule, &json!("prod-eu")));
        for bad in [json!("xprod-eu"), json!("prod"), json!("stage\nprod-eu"), json!(1), json!(["prod-eu"])] {
            assert!(!allows(&rule, &bad), "{bad}");
        }
    }

    #[test]
    fn a_fixed_value_is_filled_in_and_another_is_refused_without_being_told() {
        let rule = ArgumentRule::new("page", Constraint::Fixed(json!("hidden-page")));
        let schema = json!({"properties": {"page": {}}});
        let mut arguments = Map::new();
        let other = json!({"properties": {"other": {}}});
        assert!(fill_fixed(&mut arguments, [&rule].into_iter(), &other).is_empty());
        assert_eq!(fill_fixed(&mut arguments, [&rule].into_iter(), &schema), ["page"]);
        assert_eq!(arguments.get("page"), Some(&json!("hidden-page")));
        let fault = violation(&rule.constraint, &json!("other")).unwrap();
        assert!(!fault.contains("hidden-page") && !fault.contains("other"), "{fault}");
        let mut given = Map::from_iter([("page".to_owned(), json!("other"))]);
        assert!(fill_fixed(&mut given, [&rule].into_iter(), &schema).is_empty());
        assert_eq!(given.get("page"), Some(&json!("other")));
    }

    #[test]
    fn a_rule_on_an_argument_that_is_gone_is_stale_whatever_it_says_of_absence() {
        let rule = ArgumentRule::new("page", Constraint::Max(1.into()));
        let none = |_: &str| false;
        let all = |_: &str| true;
        assert_eq!(bearing(&rule, all, none), Bearing::Applies);
        assert_eq!(bearing(&rule, none, all), Bearing::Stale);
        assert_eq!(bearing(&rule, none, none), Bearing::Absent);
        let lenient = rule.with_absent_allowed();
        assert_eq!(bearing(&lenient, none, all), Bearing::Stale);
        assert_eq!(bearing(&lenient, none, none), Bearing::LeftAlone);
    }
}
