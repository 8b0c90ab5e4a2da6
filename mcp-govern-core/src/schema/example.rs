//! The shape of a value that a schema admits, for a message.

use serde_json::{Map, Value, json};

/// How many levels of an example are written.
const LEVELS: usize = 3;

/// A value of the shape that the schema wants, as JSON text: the allowed values where it names them, placeholders otherwise. Its
/// size depends on the schema alone.
pub(super) fn example(schema: &Value) -> String {
    value(schema, LEVELS).to_string()
}

fn value(schema: &Value, levels: usize) -> Value {
    let first =
        |keyword: &str| schema.get(keyword).and_then(Value::as_array).and_then(|values| values.first()).cloned();
    if let Some(known) = schema.get("const").cloned().or_else(|| first("enum")) {
        return known;
    }
    let kind = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        other => other.and_then(Value::as_str),
    };
    match kind {
        Some("array") if levels > 0 => match schema.get("items") {
            Some(items) => json!([value(items, levels - 1)]),
            None => json!(["…"]),
        },
        Some("array") => json!([]),
        Some("object") if levels > 0 => members(schema, levels - 1),
        Some("object") => json!({}),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => json!(true),
        _ => json!("…"),
    }
}

/// The members that must be there, or else the first one.
fn members(schema: &Value, levels: usize) -> Value {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        return json!({"…": others.map_or_else(|| json!("…"), |others| value(others, levels))});
    };
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut named: Vec<&str> = required.filter(|name| properties.contains_key(*name)).collect();
    if named.is_empty() {
        named.extend(properties.keys().next().map(String::as_str));
    }
    let member = |name: &str| Some((name.to_owned(), value(properties.get(name)?, levels)));
    Value::Object(named.into_iter().filter_map(member).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_has_the_shape_that_the_schema_wants() {
        for (schema, shape) in [
            (
                json!({"type": "array", "items": {"type": "string", "enum": ["triggered", "resolved"]}}),
                r#"["triggered"]"#,
            ),
            (json!({"type": "array", "items": {"type": "string"}}), r#"["…"]"#),
            (json!({"type": "array"}), r#"["…"]"#),
            (json!({"type": ["null", "array"], "items": {"type": "integer", "minimum": 5}}), "[5]"),
            (
                json!({"type": "object", "required": ["b"], "properties": {"a": {}, "b": {"type": "boolean"}}}),
                r#"{"b":true}"#,
            ),
            (json!({"type": "object", "properties": {"a": {"const": 1}, "b": {}}}), r#"{"a":1}"#),
            (json!({"type": "object", "additionalProperties": {"type": "integer"}}), r#"{"…":1}"#),
            (json!({"type": "object"}), r#"{"…":"…"}"#),
        ] {
            assert_eq!(example(&schema), shape, "{schema}");
        }
    }

    #[test]
    fn an_example_of_a_deep_schema_ends() {
        let deep = (0..100).fold(json!({"type": "string"}), |inner, _| json!({"type": "array", "items": inner}));
        assert_eq!(example(&deep), "[[[[]]]]");
    }
}
