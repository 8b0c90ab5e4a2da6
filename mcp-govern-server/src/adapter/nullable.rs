//! The form of results that clients are shown: as the tool declares it, and every member may be null.
//!
//! Vendors answer null for members that their documents call texts. A client that holds results to the declared form would refuse
//! the whole result for one of them.

use serde_json::{Map, Value, json};

/// The schema with null admitted for every member and item, at any depth. Whatever fits the schema fits this one too: a choice of
/// exactly one form becomes a choice of at least one, and what a schema says by negation or condition stays as it is.
pub(super) fn nullable(schema: &Value) -> Value {
    let Value::Object(node) = schema else { return schema.clone() };
    let mut relaxed = Map::new();
    for (keyword, value) in node {
        let (keyword, value) = match (keyword.as_str(), value) {
            ("properties" | "patternProperties", Value::Object(members)) => {
                (keyword.clone(), each(members, admit_null))
            }
            ("$defs" | "definitions" | "dependentSchemas", Value::Object(members)) => {
                (keyword.clone(), each(members, nullable))
            }
            ("items" | "additionalProperties", value) => (keyword.clone(), admit_null(value)),
            ("prefixItems", Value::Array(items)) => (keyword.clone(), items.iter().map(admit_null).collect()),
            // With null admitted, two branches may fit where one did.
            ("oneOf", Value::Array(branches)) if !node.contains_key("anyOf") => {
                ("anyOf".to_owned(), branches.iter().map(nullable).collect())
            }
            ("anyOf" | "allOf", Value::Array(branches)) => (keyword.clone(), branches.iter().map(nullable).collect()),
            ("then" | "else", branch) => (keyword.clone(), nullable(branch)),
            (_, value) => (keyword.clone(), value.clone()),
        };
        relaxed.insert(keyword, value);
    }
    Value::Object(relaxed)
}

fn each(members: &Map<String, Value>, relax: fn(&Value) -> Value) -> Value {
    Value::Object(members.iter().map(|(name, schema)| (name.clone(), relax(schema))).collect())
}

/// Keywords that may refuse null whatever the type.
const JUDGES: [&str; 8] = ["$ref", "$dynamicRef", "anyOf", "oneOf", "allOf", "not", "if", "const"];

/// The schema of a member, null admitted.
fn admit_null(schema: &Value) -> Value {
    let relaxed = nullable(schema);
    let Value::Object(mut node) = relaxed else { return relaxed };
    let null = || Value::from("null");
    if JUDGES.iter().any(|keyword| node.contains_key(*keyword)) {
        // What is said of the member stays where clients look for it.
        let told = ["title", "description"].map(|keyword| Some((keyword.to_owned(), node.get(keyword)?.clone())));
        let mut either: Map<String, Value> = told.into_iter().flatten().collect();
        either.insert("anyOf".to_owned(), json!([node, {"type": "null"}]));
        return Value::Object(either);
    }
    if let Some(Value::Array(values)) = node.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    match node.get_mut("type") {
        Some(Value::Array(types)) if !types.contains(&null()) => types.push(null()),
        Some(kind @ Value::String(_)) if *kind != null() => *kind = Value::Array(vec![kind.take(), null()]),
        _ => {}
    }
    Value::Object(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object", "required": ["id"], "additionalProperties": {"type": "integer"},
            "$defs": {"person": {"type": "object", "properties": {"name": {"type": "string"}}}},
            "properties": {
                "id": {"type": "string", "minLength": 1},
                "state": {"type": "string", "enum": ["open"], "description": "How it is."},
                "kind": {"const": "alert"},
                "owner": {"$ref": "#/$defs/person"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "either": {"oneOf": [
                    {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
                    {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}},
                ]},
                "at": {"type": ["string", "integer"]},
                "nothing": false,
            },
        })
    }

    fn fits(schema: &Value, value: &Value) -> bool {
        jsonschema::draft202012::is_valid(schema, value)
    }

    #[test]
    fn every_member_may_be_null_at_any_depth_and_the_whole_may_not() {
        let relaxed = nullable(&schema());
        for value in [
            json!({"id": null, "state": null, "kind": null, "owner": null, "tags": null, "either": null, "at": null, "x": null}),
            json!({"id": "a", "owner": {"name": null}, "tags": ["a", null], "either": {"a": null}}),
        ] {
            assert!(!fits(&schema(), &value) && fits(&relaxed, &value), "{value}");
        }
        for value in [
            json!(null),
            json!({}),
            json!({"id": 1}),
            json!({"id": "a", "nothing": null}),
            json!({"id": "a", "x": "y"}),
        ] {
            assert!(!fits(&relaxed, &value), "{value}");
        }
        assert_eq!(relaxed["properties"]["state"]["description"], "How it is.");
    }

    #[test]
    fn what_fits_the_declared_form_fits_the_relaxed_one() {
        let relaxed = nullable(&schema());
        for value in [
            json!({"id": "a"}),
            json!({"id": "a", "state": "open", "kind": "alert", "owner": {"name": "n"}, "tags": [], "at": 1, "x": 2}),
            json!({"id": "a", "either": {"a": "text"}}),
            json!({"id": "a", "either": {"a": 7}}),
        ] {
            assert!(fits(&schema(), &value) && fits(&relaxed, &value), "{value}");
        }
    }
}
