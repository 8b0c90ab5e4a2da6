//! The schema that a model is shown.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::{Map, Value, json};

use super::{
    narrowing::{Narrowing, common},
    redact::is_marked,
    rules::{Bearing, at_most, bearing},
};
use crate::{steps, vocabulary::ArgumentRule};

/// The schema that a model is shown: our own `x-` keywords stripped, each property narrowed by the rules of all paths.
///
/// `paths` holds the rules of each path, those of the server included; `once_had` says which arguments the tool once had. Fixed
/// arguments are left out when every path fixes the same value; `one of` becomes `enum`, `subset` an `enum` of the items, `max`
/// a `maximum`, a pattern an anchored `pattern`; what a rule names is required. What several paths leave is joined, or left open
/// where one word cannot say it: the schema may show more than a call is granted, never less. The root stays a plain object
/// without `anyOf` or `allOf`, because some model vendors refuse a whole list for one such schema.
pub fn narrow(schema: &Arc<Value>, paths: &[Vec<&ArgumentRule>], once_had: &dyn Fn(&str) -> bool) -> Arc<Value> {
    narrow_shown(schema, &stripped(schema), paths, once_had)
}

/// As [`narrow`], with the schema that was stripped before.
pub(crate) fn narrow_shown(
    schema: &Value,
    shown: &Arc<Value>,
    paths: &[Vec<&ArgumentRule>],
    once_had: &dyn Fn(&str) -> bool,
) -> Arc<Value> {
    let Some(properties) = shown.get("properties").and_then(Value::as_object) else {
        return Arc::clone(shown);
    };
    let stands = |rule: &&ArgumentRule| bearing(rule, |name| properties.contains_key(name), once_had);
    let dead = |bearing| matches!(bearing, Bearing::Stale | Bearing::Absent);
    // A path with a rule that cannot hold lets no call through, so that it has no say in what is shown.
    let live: Vec<_> = paths.iter().filter(|rules| !rules.iter().any(|rule| dead(stands(rule)))).collect();
    if live.iter().all(|rules| rules.is_empty()) {
        return Arc::clone(shown);
    }
    let mut of_paths = live.iter().map(|rules| of_path(rules));
    // What one path leaves open is open.
    let mut narrowed_by = of_paths.next().unwrap_or_default();
    for mut path in of_paths {
        let both = |(name, one): (_, Narrowing)| Some((name, one.or(path.remove(name)?)));
        narrowed_by = narrowed_by.into_iter().filter_map(both).collect();
    }
    let mut narrowed = Value::clone(shown);
    let (mut fixed, mut required) = (HashSet::new(), Vec::new());
    for name in properties.keys() {
        steps::tick();
        let Some(narrowing) = narrowed_by.remove(name.as_str()) else { continue };
        // What a rule allows of a secret or personal argument is secret or personal too.
        let marked = schema.pointer("/properties").and_then(|all| all.get(name)?.as_object()).is_some_and(is_marked);
        let narrowing = if marked { narrowing.untold() } else { narrowing };
        if narrowing.is_required() {
            required.push(name.as_str());
        }
        let own = narrowed.get_mut("properties").and_then(Value::as_object_mut);
        match (own, narrowing) {
            (Some(own), Narrowing::Fixed(_)) => {
                own.remove(name);
                fixed.insert(name.as_str());
            }
            (Some(own), narrowing) => {
                if let Some(property) = own.get_mut(name) {
                    narrow_property(property, narrowing);
                }
            }
            (None, _) => {}
        }
    }
    require(&mut narrowed, &fixed, &required);
    Arc::new(narrowed)
}

/// What the rules of one path leave of the arguments that they name.
fn of_path<'r>(rules: &[&'r ArgumentRule]) -> HashMap<&'r str, Narrowing> {
    let mut narrowed: HashMap<&str, Narrowing> = HashMap::new();
    for rule in rules {
        steps::tick();
        let next = Narrowing::of(&rule.constraint);
        let known = narrowed.remove(rule.argument.as_str());
        narrowed.insert(&rule.argument, known.map_or(next.clone(), |known| known.and(next)));
    }
    narrowed
}

/// The schema without keywords of our own, and closed where arguments of other names are refused; the same one where it is that
/// already.
///
/// INVARIANT: what is shown is never refused (`what_the_shown_schema_offers_is_never_refused`).
pub(crate) fn stripped(schema: &Arc<Value>) -> Arc<Value> {
    let open = !says_of_others(schema);
    if !open && !has_own_keyword(schema) {
        return Arc::clone(schema);
    }
    let mut shown = strip(schema);
    if let Some(shown) = shown.as_object_mut().filter(|_| open) {
        shown.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    Arc::new(shown)
}

/// Whether a schema says what arguments of other names mean. Where it does not, they are refused.
pub(super) fn says_of_others(schema: &Value) -> bool {
    ["additionalProperties", "patternProperties", "unevaluatedProperties"].iter().any(|key| schema.get(key).is_some())
}

fn narrow_property(property: &mut Value, narrowing: Narrowing) {
    if *property == Value::Bool(true) {
        *property = json!({});
    }
    let Some(map) = property.as_object_mut() else {
        return;
    };
    match narrowing {
        Narrowing::Open | Narrowing::Required | Narrowing::Fixed(_) => {}
        Narrowing::Enum(values) | Narrowing::Choice(values) => narrow_enum(map, values),
        Narrowing::Items(values) => {
            let items = map.entry("items").or_insert_with(|| json!({}));
            if items.as_object().is_none() {
                *items = json!({});
            }
            if let Some(items) = items.as_object_mut() {
                narrow_enum(items, values);
            }
            map.entry("minItems").or_insert_with(|| json!(1));
            map.remove("default");
        }
        Narrowing::Max(max) => {
            let smaller = map.get("maximum").and_then(Value::as_number).filter(|known| at_most(known, &max)).cloned();
            if map.get("default").and_then(Value::as_number).is_some_and(|default| !at_most(default, &max)) {
                map.remove("default");
            }
            map.insert("maximum".into(), Value::Number(smaller.unwrap_or(max)));
        }
        Narrowing::Pattern(pattern) => {
            map.insert("pattern".into(), Value::String(format!("^(?:{pattern})$")));
        }
    }
}

fn narrow_enum(map: &mut Map<String, Value>, mut values: Vec<Value>) {
    if let Some(known) = map.get("enum").and_then(Value::as_array) {
        let both = common(values.clone(), known);
        if !both.is_empty() {
            values = both;
        }
    }
    if map.get("default").is_some_and(|default| !values.contains(default)) {
        map.remove("default");
    }
    map.insert("enum".into(), Value::Array(values));
}

/// Takes out of `required` what is filled in, and adds what must be given.
fn require(schema: &mut Value, fixed: &HashSet<&str>, names: &[&str]) {
    let Some(schema) = schema.as_object_mut() else { return };
    if names.is_empty() && schema.get("required").is_none() {
        return;
    }
    let Some(required) = schema.entry("required").or_insert_with(|| json!([])).as_array_mut() else { return };
    steps::ticks(required.len() + names.len());
    required.retain(|name| !name.as_str().is_some_and(|name| fixed.contains(name)));
    let known: HashSet<String> = required.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
    required.extend(names.iter().filter(|name| !known.contains(**name)).map(|name| Value::from(*name)));
}

/// How the value of a keyword is read.
enum Holds {
    /// A schema, or a list of schemas.
    Schemas,
    /// Schemas by a name of the author's choice.
    Named,
    /// Data.
    Data,
}

fn holds(keyword: &str) -> Holds {
    match keyword {
        "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions" => Holds::Named,
        "items"
        | "prefixItems"
        | "additionalProperties"
        | "unevaluatedProperties"
        | "unevaluatedItems"
        | "contains"
        | "propertyNames"
        | "allOf"
        | "anyOf"
        | "oneOf"
        | "not"
        | "if"
        | "then"
        | "else"
        | "contentSchema"
        | "additionalItems" => Holds::Schemas,
        _ => Holds::Data,
    }
}

/// Whether a keyword is none of a client's business: those with `x-`, except the one by which MCP mirrors an argument in a header,
/// which must not stand on what is secret or personal.
fn is_own(keyword: &str, schema: &Map<String, Value>) -> bool {
    keyword.starts_with("x-") && (keyword != "x-mcp-header" || is_marked(schema))
}

fn has_own_keyword(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.iter().any(|(keyword, value)| {
            is_own(keyword, map)
                || match holds(keyword) {
                    Holds::Schemas => has_own_keyword(value),
                    Holds::Named => value.as_object().is_some_and(|named| named.values().any(has_own_keyword)),
                    Holds::Data => false,
                }
        }),
        Value::Array(items) => items.iter().any(has_own_keyword),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn strip(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let kept = map.iter().filter(|(keyword, _)| !is_own(keyword, map));
            let stripped = |value: &Value, keyword: &str| match (holds(keyword), value) {
                (Holds::Schemas, _) => strip(value),
                (Holds::Named, Value::Object(named)) => {
                    Value::Object(named.iter().map(|(name, schema)| (name.clone(), strip(schema))).collect())
                }
                (Holds::Named | Holds::Data, _) => value.clone(),
            };
            Value::Object(kept.map(|(keyword, value)| (keyword.clone(), stripped(value, keyword))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(strip).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::Constraint;

    #[test]
    fn a_schema_is_narrowed_in_steps_that_grow_as_it_and_the_rules_do() {
        /// A schema of so many parts, and the rules of each path.
        type Shape<'s> = &'s dyn Fn(usize) -> (Value, Vec<Vec<ArgumentRule>>);
        let texts = |n: usize| (0..n).map(|at| Value::from(format!("v{at}"))).collect::<Vec<_>>();
        let rule = |name: String, constraint| ArgumentRule::new(name, constraint);
        let shapes: [Shape<'_>; 4] = [
            &|n| {
                let named = |at: usize| (format!("a{at}"), json!({"type": "string"}));
                let properties: Map<String, Value> = (0..n).map(named).collect();
                let one = |at| rule(format!("a{at}"), Constraint::OneOf(vec!["x".into()]));
                (json!({"properties": properties}), vec![(0..n).map(one).collect()])
            },
            &|n| {
                let named = |at: usize| (format!("a{at}"), json!({"type": "string"}));
                let properties: Map<String, Value> = (0..n).map(named).collect();
                let required: Vec<_> = properties.keys().cloned().collect();
                let one = |at| rule(format!("a{at}"), Constraint::Fixed("x".into()));
                (json!({"properties": properties, "required": required}), vec![(0..n).map(one).collect()])
            },
            &|n| {
                let schema = json!({"properties": {"a": {"enum": texts(n)}}});
                (schema, vec![vec![rule("a".to_owned(), Constraint::OneOf(texts(n)))]])
            },
            &|n| {
                let path = || vec![rule("a".to_owned(), Constraint::Subset(texts(n)))];
                let again = rule("a".to_owned(), Constraint::Subset(texts(n + 1)));
                (json!({"properties": {"a": {"type": "array"}}}), vec![path(), vec![path().remove(0), again]])
            },
        ];
        for shape in shapes {
            let counted = |n| {
                let (schema, rules) = shape(n);
                let (schema, paths): (_, Vec<Vec<_>>) =
                    (Arc::new(schema), rules.iter().map(|rules| rules.iter().collect()).collect());
                let (narrowed, steps) = steps::counted(|| narrow(&schema, &paths, &|_| true));
                assert_ne!(narrowed, schema);
                steps
            };
            steps::assert_linear(counted, 1_000);
        }
    }

    #[test]
    fn an_argument_is_mirrored_in_a_header_unless_it_is_secret_or_personal() {
        let schema = json!({"additionalProperties": false, "properties": {
            "region": {"type": "string", "x-mcp-header": "Region", "x-unit": "none"},
            "contact": {"type": "string", "x-personal": true, "x-mcp-header": "Contact"},
            "token": {"type": "string", "writeOnly": true, "x-mcp-header": "Token"},
        }});
        let shown = json!({"additionalProperties": false, "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "contact": {"type": "string"},
            "token": {"type": "string", "writeOnly": true},
        }});
        assert_eq!(*stripped(&Arc::new(schema)), shown);
        let clean =
            Arc::new(json!({"properties": {"region": {"x-mcp-header": "Region"}}, "additionalProperties": false}));
        assert!(Arc::ptr_eq(&stripped(&clean), &clean));
    }
}
