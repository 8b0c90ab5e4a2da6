//! Arguments as they may be put on record.

use serde_json::{Map, Value};

use crate::steps;

/// What replaces a secret or personal value.
pub const REDACTED: &str = "[redacted]";

/// The value with everything replaced that its schema marks as secret (`writeOnly`, `format: password`) or personal
/// (`x-personal`).
///
/// In doubt it redacts: what is behind a reference, or under a name that the schema excludes, is replaced too. Where several
/// branches of a schema speak of a value, one that marks it is enough.
pub fn redact(schema: &Value, value: &Value) -> Value {
    let mut value = value.clone();
    redact_in_place(schema, &mut value);
    value
}

/// [`redact`] for a value that no other code needs.
pub(crate) fn redact_in_place(schema: &Value, value: &mut Value) {
    let Some(schema) = schema.as_object() else { return };
    steps::tick();
    if is_marked(schema) {
        *value = Value::String(REDACTED.to_owned());
        return;
    }
    match value {
        Value::Object(map) => redact_object(schema, map),
        Value::Array(items) => redact_array(schema, items),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    // What else speaks of the same value.
    for (key, part) in schema {
        match (key.as_str(), part) {
            ("allOf" | "anyOf" | "oneOf", Value::Array(branches)) => {
                for branch in branches {
                    redact_in_place(branch, value);
                }
            }
            ("if" | "then" | "else", branch) => redact_in_place(branch, value),
            ("dependentSchemas", Value::Object(branches)) => {
                for branch in branches.values() {
                    redact_in_place(branch, value);
                }
            }
            _ => {}
        }
    }
}

/// Whether a schema marks its value as secret or personal.
pub(super) fn is_marked(schema: &Map<String, Value>) -> bool {
    schema.iter().any(|(key, mark)| match key.as_str() {
        "writeOnly" | "x-personal" | "$ref" => *mark != Value::Bool(false),
        "format" => mark == "password",
        _ => false,
    })
}

/// Whether [`redact_in_place`] would change no value that fits the schema: nothing in it marks anything, and each part of it
/// speaks of values that must fit that part. False where that is not plain to see.
pub(super) fn redacts_nothing(schema: &Value) -> bool {
    let harmless = |(key, part): (&String, &Value)| match key.as_str() {
        // Marks; then what speaks of values that need not fit it.
        "writeOnly"
        | "x-personal"
        | "$ref"
        | "allOf"
        | "anyOf"
        | "oneOf"
        | "if"
        | "then"
        | "else"
        | "dependentSchemas"
        | "contains"
        | "patternProperties"
        | "unevaluatedProperties" => false,
        "format" => part != "password" && redacts_nothing(part),
        _ => redacts_nothing(part),
    };
    match schema {
        Value::Object(map) => map.iter().all(harmless),
        Value::Array(parts) => parts.iter().all(redacts_nothing),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn redact_object(schema: &Map<String, Value>, map: &mut Map<String, Value>) {
    let properties = schema.get("properties").and_then(Value::as_object);
    let patterns = schema.get("patternProperties").and_then(Value::as_object).filter(|patterns| !patterns.is_empty());
    let others = schema.get("additionalProperties").or_else(|| schema.get("unevaluatedProperties"));
    for (name, value) in map {
        match (properties.and_then(|properties| properties.get(name)), patterns, others) {
            (Some(known), ..) => redact_in_place(known, value),
            // Which pattern speaks of the name does not matter: one that marks its values is enough.
            (None, Some(patterns), _) => patterns.values().for_each(|pattern| redact_in_place(pattern, value)),
            (None, None, Some(Value::Bool(false))) => *value = Value::String(REDACTED.to_owned()),
            (None, None, Some(others)) => redact_in_place(others, value),
            (None, None, None) => {}
        }
    }
}

fn redact_array(schema: &Map<String, Value>, items: &mut [Value]) {
    let first = schema.get("prefixItems").and_then(Value::as_array);
    let rest = schema.get("items");
    let contained = schema.get("contains");
    for (at, item) in items.iter_mut().enumerate() {
        let own = first.and_then(|first| first.get(at)).or(rest);
        own.into_iter().chain(contained).for_each(|schema| redact_in_place(schema, item));
    }
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
    fn only_a_schema_without_any_mark_is_known_to_redact_nothing() {
        let plain = json!({"type": "object", "additionalProperties": false, "required": ["id"], "properties": {
            "id": {"type": "string", "format": "uuid"},
            "list": {"items": {"properties": {"role": {"enum": ["a", null]}}, "additionalProperties": {"type": "integer"}}},
            "pair": {"prefixItems": [{}, {"type": "number"}], "items": false},
        }});
        assert!(redacts_nothing(&plain));
        let value = json!({"id": "x", "list": [{"role": "a", "n": 1}], "pair": [1, 2.5]});
        assert_eq!(redact(&plain, &value), value);
        for part in [
            json!({"writeOnly": true}),
            json!({"x-personal": "contact"}),
            json!({"format": "password"}),
            json!({"$ref": "#/$defs/a"}),
            json!({"items": {"properties": {"deep": {"prefixItems": [{}, {"additionalProperties": {"writeOnly": true}}]}}}}),
            json!({"anyOf": [{"additionalProperties": false}, {}]}),
            json!({"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": false}),
            json!({"if": {"additionalProperties": false}}),
            json!({"dependentSchemas": {"a": {"additionalProperties": false}}}),
            json!({"contains": {"additionalProperties": false}}),
            json!({"patternProperties": {"^a": {"additionalProperties": false}}}),
        ] {
            assert!(!redacts_nothing(&json!({"properties": {"part": part}})), "{part}");
        }
    }

    #[test]
    fn what_stands_behind_a_reference_is_redacted() {
        let schema =
            json!({"properties": {"a": {"$ref": "#/$defs/a"}}, "patternProperties": {"^s": {"writeOnly": true}}});
        assert_eq!(redact(&schema, &json!({"a": 1, "s1": 2})), json!({"a": REDACTED, "s1": REDACTED}));
    }
}
