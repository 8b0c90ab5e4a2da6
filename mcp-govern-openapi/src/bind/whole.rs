//! Whole numbers that a model wrote with a fraction: `1.0` where the schema wants an integer.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::steps;

/// Below this, a floating-point number holds every integer exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The arguments with `1.0` as `1` wherever the schema wants an integer. To JSON Schema they are one number; to a vendor they need
/// not be.
pub(super) fn with_integers<'a>(schema: &Value, arguments: &'a Map<String, Value>) -> Cow<'a, Map<String, Value>> {
    if !arguments.values().any(holds_fraction) {
        return Cow::Borrowed(arguments);
    }
    let mut arguments = arguments.clone();
    if let Some(schema) = schema.as_object() {
        correct_members(schema, &mut arguments);
    }
    Cow::Owned(arguments)
}

fn holds_fraction(value: &Value) -> bool {
    steps::tick();
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(holds_fraction),
        Value::Object(members) => members.values().any(holds_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

fn correct(schema: &Value, value: &mut Value) {
    let Some(schema) = schema.as_object() else { return };
    steps::tick();
    match value {
        Value::Number(number) if wants_integer(schema) => {
            let whole = number.as_f64().filter(|n| number.is_f64() && n.fract() == 0.0 && n.abs() < EXACT);
            // Written without its fraction, which leads back to the same number.
            if let Some(integer) = whole.and_then(|whole| format!("{whole:.0}").parse::<i64>().ok()) {
                *value = Value::from(integer);
            }
        }
        Value::Array(items) => {
            let first = schema.get("prefixItems").and_then(Value::as_array);
            for (at, item) in items.iter_mut().enumerate() {
                if let Some(own) = first.and_then(|first| first.get(at)).or_else(|| schema.get("items")) {
                    correct(own, item);
                }
            }
        }
        Value::Object(members) => correct_members(schema, members),
        Value::Number(_) | Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
    for branches in ["allOf", "anyOf", "oneOf"].iter().filter_map(|key| schema.get(*key)?.as_array()) {
        for branch in branches {
            correct(branch, value);
        }
    }
}

fn correct_members(schema: &Map<String, Value>, members: &mut Map<String, Value>) {
    let properties = schema.get("properties").and_then(Value::as_object);
    let others = schema.get("additionalProperties");
    for (name, value) in members {
        if let Some(own) = properties.and_then(|properties| properties.get(name)).or(others) {
            correct(own, value);
        }
    }
}

fn wants_integer(schema: &Map<String, Value>) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == "integer",
        Some(Value::Array(kinds)) => {
            kinds.iter().any(|kind| kind == "integer") && kinds.iter().all(|kind| kind != "number")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_number_is_an_integer_where_the_schema_wants_one() {
        let schema = json!({"properties": {
            "n": {"type": "integer"}, "f": {"type": "number"}, "either": {"type": ["integer", "null"]},
            "list": {"items": {"properties": {"timestamp": {"type": "integer"}}}},
            "map": {"additionalProperties": {"anyOf": [{"type": "integer"}, {"type": "string"}]}},
        }});
        let given = json!({"n": 1_796_011_590.0, "f": 2.0, "either": -3.0, "list": [{"timestamp": 4.0}], "map": {"a": 5.0},
                           "free": 6.0});
        let sent = with_integers(&schema, given.as_object().unwrap()).into_owned();
        let expected = r#"{"either":-3,"f":2.0,"free":6.0,"list":[{"timestamp":4}],"map":{"a":5},"n":1796011590}"#;
        assert_eq!(Value::Object(sent).to_string(), expected);
    }

    #[test]
    fn what_is_no_whole_number_or_an_integer_already_stays() {
        let schema = json!({"properties": {"n": {"type": "integer"}}});
        for kept in [json!({"n": 1}), json!({"n": 1.5}), json!({"n": 1e300}), json!({"n": "1.0"})] {
            assert_eq!(Value::Object(with_integers(&schema, kept.as_object().unwrap()).into_owned()), kept);
        }
        let whole = json!({"n": 1});
        assert!(matches!(with_integers(&schema, whole.as_object().unwrap()), Cow::Borrowed(_)));
    }

    #[test]
    fn the_steps_grow_as_the_arguments_do() {
        let schema = json!({"properties": {"list": {"items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}}});
        let counted = |n: usize| {
            let arguments = json!({"list": vec![1.0; n]});
            steps::counted(|| with_integers(&schema, arguments.as_object().unwrap()).len()).1
        };
        steps::assert_linear(counted, 1_000);
    }
}
