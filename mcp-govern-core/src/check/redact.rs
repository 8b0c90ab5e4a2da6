//! Arguments as they may be put on record.

use serde_json::{Map, Value};

/// What stands in place of a secret or personal value.
pub const REDACTED: &str = "[redacted]";

/// The value with everything replaced that its schema marks as secret (`writeOnly`, `format: password`) or personal
/// (`x-personal`).
///
/// In doubt it redacts: what stands behind a reference, or under a name that the schema excludes, is replaced too. Where several
/// branches of a schema speak of a value, one that marks it is enough.
pub fn redact(schema: &Value, value: &Value) -> Value {
    match value {
        Value::Object(map) => redact_arguments(schema, map),
        Value::Array(items) => {
            unless_marked(schema, || value.clone(), |schema| Value::Array(redact_array(schema, items)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            unless_marked(schema, || value.clone(), |_| value.clone())
        }
    }
}

/// [`redact`] for the arguments of a call.
pub(crate) fn redact_arguments(schema: &Value, arguments: &Map<String, Value>) -> Value {
    let (plain, own) = (|| Value::Object(arguments.clone()), |schema| Value::Object(redact_object(schema, arguments)));
    unless_marked(schema, plain, own)
}

fn unless_marked<'s>(
    schema: &'s Value,
    plain: impl FnOnce() -> Value,
    own: impl FnOnce(&'s Map<String, Value>) -> Value,
) -> Value {
    match schema.as_object() {
        None => plain(),
        Some(schema) if is_marked(schema) => Value::String(REDACTED.to_owned()),
        Some(schema) => branches(schema).fold(own(schema), |value, branch| redact(branch, &value)),
    }
}

/// Whether a schema marks its value as secret or personal.
pub(super) fn is_marked(schema: &Map<String, Value>) -> bool {
    let says = |key: &str| schema.get(key).is_some_and(|mark| *mark != Value::Bool(false));
    says("writeOnly") || says("x-personal") || says("$ref") || schema.get("format").is_some_and(|f| f == "password")
}

fn redact_object(schema: &Map<String, Value>, map: &Map<String, Value>) -> Map<String, Value> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let patterns = schema.get("patternProperties").and_then(Value::as_object);
    let others = schema.get("additionalProperties").or_else(|| schema.get("unevaluatedProperties"));
    let entry = |(name, value): (&String, &Value)| {
        let known = properties.and_then(|properties| properties.get(name));
        let redacted = match (known, others) {
            (Some(known), _) => redact(known, value),
            // Which pattern speaks of the name does not matter: one that marks its values is enough.
            (None, _) if patterns.is_some_and(|patterns| !patterns.is_empty()) => {
                let patterns = patterns.into_iter().flat_map(Map::values);
                patterns.fold(value.clone(), |value, pattern| redact(pattern, &value))
            }
            (None, Some(Value::Bool(false))) => Value::String(REDACTED.to_owned()),
            (None, Some(others)) => redact(others, value),
            (None, None) => value.clone(),
        };
        (name.clone(), redacted)
    };
    map.iter().map(entry).collect()
}

fn redact_array(schema: &Map<String, Value>, items: &[Value]) -> Vec<Value> {
    let first = schema.get("prefixItems").and_then(Value::as_array);
    let rest = schema.get("items");
    let contained = schema.get("contains");
    let redacted = |(at, item): (usize, &Value)| {
        let own = first.and_then(|first| first.get(at)).or(rest);
        let item = own.map_or_else(|| item.clone(), |schema| redact(schema, item));
        contained.map_or_else(|| item.clone(), |schema| redact(schema, &item))
    };
    items.iter().enumerate().map(redacted).collect()
}

/// The schemas that speak of the same value.
fn branches(schema: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let lists = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
    let conditions = ["if", "then", "else"].into_iter().filter_map(|key| schema.get(key));
    let dependent = schema.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(Map::values);
    lists.chain(conditions).chain(dependent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secret_and_personal_values_are_replaced_wherever_they_stand() {
        let schema = json!({"type": "object", "additionalProperties": false, "properties": {
            "name": {"type": "string"},
            "key": {"type": "string", "writeOnly": true},
            "password": {"type": "string", "format": "password"},
            "people": {"type": "array", "items": {"properties": {"email": {"x-personal": true}, "role": {}}}},
            "labels": {"type": "object", "additionalProperties": {"x-personal": "contact"}},
            "either": {"anyOf": [{"type": "integer"}, {"properties": {"token": {"writeOnly": true}}}]},
            "pair": {"prefixItems": [{}, {"x-personal": true}]},
        }});
        let value = json!({
            "name": "a", "key": "k", "password": ["p"], "people": [{"email": "e", "role": "r"}],
            "labels": {"x": "y"}, "either": {"token": "t", "other": 1}, "pair": [1, 2], "unknown": "u",
        });
        assert_eq!(
            redact(&schema, &value),
            json!({
                "name": "a", "key": REDACTED, "password": REDACTED,
                "people": [{"email": REDACTED, "role": "r"}], "labels": {"x": REDACTED},
                "either": {"token": REDACTED, "other": 1}, "pair": [1, REDACTED], "unknown": REDACTED,
            })
        );
    }

    #[test]
    fn a_mark_that_says_false_and_an_open_object_redact_nothing() {
        let schema = json!({"properties": {"a": {"writeOnly": false, "x-personal": false}}});
        let value = json!({"a": 1, "b": {"c": [null, true]}});
        assert_eq!(redact(&schema, &value), value);
    }

    #[test]
    fn what_stands_behind_a_reference_is_redacted() {
        let schema =
            json!({"properties": {"a": {"$ref": "#/$defs/a"}}, "patternProperties": {"^s": {"writeOnly": true}}});
        assert_eq!(redact(&schema, &json!({"a": 1, "s1": 2})), json!({"a": REDACTED, "s1": REDACTED}));
    }
}
