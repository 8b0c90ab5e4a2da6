//! Arguments that stand in a header too (`x-mcp-header`, 2026-07-28).

use serde_json::Value;

/// Deeper than this no argument is looked for: the core bounds arguments to the same depth.
const DEEPEST: usize = 64;

/// Whether an argument of this schema is in a header too. The annotation counts on a path of `properties` alone.
pub(super) fn is_named(schema: &Value) -> bool {
    names_one(schema, DEEPEST)
}

fn names_one(schema: &Value, left: usize) -> bool {
    let properties = schema.get("properties").and_then(Value::as_object);
    left > 0
        && properties
            .into_iter()
            .flat_map(serde_json::Map::values)
            .any(|property| property.get("x-mcp-header").is_some() || names_one(property, left - 1))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_annotation_is_found_at_any_depth_of_properties() {
        let annotated = json!({"type": "string", "x-mcp-header": "Region"});
        assert!(is_named(&json!({"properties": {"region": annotated}})));
        assert!(is_named(&json!({"properties": {"where": {"properties": {"region": annotated}}}})));
        assert!(!is_named(&json!({"properties": {"region": {"type": "string"}}, "x-mcp-header": "Region"})));
        assert!(!is_named(&json!({"anyOf": [{"properties": {"region": annotated}}]})));
        assert!(!is_named(&json!(true)));
    }
}
