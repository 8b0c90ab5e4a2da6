use serde_json::json;

use super::*;

fn show_with(components: Value, schema: &Value, side: Side) -> Checked<Shown> {
    let document = json!({ "components": { "schemas": components } });
    Schemas::new(Components::new(&document), side).show(schema)
}

fn show(schema: Value) -> Checked<Shown> {
    show_with(json!({}), &schema, Side::Input)
}

#[test]
fn references_are_replaced_and_what_stands_beside_them_wins() {
    let components = json!({"Name": {"type": "string", "maxLength": 9, "description": "old"}});
    let schema = json!({"type": "array", "items": {"$ref": "#/components/schemas/Name", "description": "new"}});
    let shown = show_with(components, &schema, Side::Input).unwrap();
    assert_eq!(
        shown.schema,
        json!({"type": "array", "items": {"type": "string", "maxLength": 9, "description": "new"}})
    );
    assert_eq!(shown.codec, Codec::Same);
}

#[test]
fn a_schema_that_contains_itself_is_an_error_as_input_and_cut_as_output() {
    let components =
        json!({"Tree": {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Tree"}}}});
    let schema = json!({"$ref": "#/components/schemas/Tree"});
    assert!(show_with(components.clone(), &schema, Side::Input).unwrap_err().contains("contains itself"));
    let shown = show_with(components, &schema, Side::Output).unwrap();
    assert_eq!(shown.schema["properties"]["child"], json!({}));
}

#[test]
fn a_schema_that_extends_itself_is_an_error_and_no_endless_loop() {
    let components = json!({
        "A": {"allOf": [{"$ref": "#/components/schemas/A"}, {"type": "object", "properties": {"x": {}}}]},
        "B": {"allOf": [{"$ref": "#/components/schemas/C"}]}, "C": {"allOf": [{"$ref": "#/components/schemas/B"}]}});
    for name in ["A", "B"] {
        let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        let error = show_with(components.clone(), &schema, Side::Input).unwrap_err();
        assert!(error.contains("contains itself"), "{error}");
        assert!(show_with(components.clone(), &schema, Side::Output).is_ok());
    }
}

#[test]
fn one_schema_may_be_used_twice_side_by_side() {
    let components = json!({"A": {"type": "string"}});
    let a = json!({"$ref": "#/components/schemas/A"});
    let schema = json!({"type": "object", "properties": {"x": a, "y": a}});
    assert!(show_with(components, &schema, Side::Input).is_ok());
}

#[test]
fn extensions_and_examples_are_not_shown_but_personal_data_stays_marked() {
    let shown = show(json!({"type": "string", "x-personal": true, "x-internal": 1, "example": "a"})).unwrap();
    assert_eq!(shown.schema, json!({"type": "string", "x-personal": true}));
}

#[test]
fn a_wrapped_object_is_shown_as_its_one_member() {
    let shown = show(json!({
        "type": ["object", "null"], "x-wraps": "id", "required": ["id", "type"], "description": "The service.",
        "properties": {"id": {"type": "string", "minLength": 1}, "type": {"type": "string", "x-fixed": "service_reference"}}}))
    .unwrap();
    assert_eq!(shown.schema, json!({"type": ["string", "null"], "minLength": 1, "description": "The service."}));
    assert_eq!(shown.codec.encode(&json!("P1")).unwrap(), json!({"id": "P1", "type": "service_reference"}));
    assert_eq!(shown.codec.encode(&Value::Null).unwrap(), Value::Null);
}

#[test]
fn a_wrapper_with_two_open_members_is_refused() {
    let error = show(json!({"type": "object", "x-wraps": "id", "properties": {"id": {}, "name": {}}})).unwrap_err();
    assert!(error.contains("x-fixed"), "{error}");
    let error = show(json!({"type": "object", "x-wraps": "id", "properties": {"name": {}}})).unwrap_err();
    assert!(error.contains("names no member"), "{error}");
}

#[test]
fn renamed_members_close_the_object_and_required_follows_the_new_name() {
    let shown = show(json!({"type": "object", "required": ["id"], "properties": {
        "id": {"type": "string", "x-argument": "incident_id"}, "kind": {"x-fixed": "incident"}}}))
    .unwrap();
    assert_eq!(
        shown.schema,
        json!({"type": "object", "required": ["incident_id"], "additionalProperties": false,
               "properties": {"incident_id": {"type": "string"}}})
    );
    assert_eq!(shown.codec.encode(&json!({"incident_id": "A"})).unwrap(), json!({"id": "A", "kind": "incident"}));
}

#[test]
fn a_map_is_rewritten_value_by_value() {
    let shown = show(json!({"type": "object", "additionalProperties": {
        "type": "object", "x-wraps": "id", "properties": {"id": {"type": "string"}}}}))
    .unwrap();
    assert_eq!(shown.schema["additionalProperties"], json!({"type": "string"}));
    assert_eq!(shown.codec.encode(&json!({"a": "1"})).unwrap(), json!({"a": {"id": "1"}}));
}

#[test]
fn branches_may_not_rewrite() {
    let branch = json!({"type": "object", "properties": {"a": {"x-argument": "b"}}});
    let error = show(json!({"oneOf": [branch, {"type": "string"}]})).unwrap_err();
    assert!(error.contains("cannot stand in a branch"), "{error}");
}

#[test]
fn all_of_objects_is_joined() {
    let components = json!({"Base": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}});
    let schema = json!({"allOf": [{"$ref": "#/components/schemas/Base"},
        {"type": "object", "required": ["b"], "properties": {"b": {"type": "integer"}}}], "description": "Both."});
    let shown = show_with(components, &schema, Side::Input).unwrap();
    assert_eq!(shown.schema["required"], json!(["a", "b"]));
    assert_eq!(shown.schema["properties"], json!({"a": {"type": "string"}, "b": {"type": "integer"}}));
    assert!(shown.schema.get("allOf").is_none());
}

#[test]
fn read_only_members_are_not_asked_for_and_write_only_ones_not_promised() {
    let schema = json!({"type": "object", "properties": {
        "id": {"type": "string", "readOnly": true}, "password": {"type": "string", "writeOnly": true}}});
    let input = show_with(json!({}), &schema, Side::Input).unwrap().schema;
    assert_eq!(input["properties"], json!({"password": {"type": "string", "writeOnly": true}}));
    let output = show_with(json!({}), &schema, Side::Output).unwrap().schema;
    assert_eq!(output["properties"], json!({"id": {"type": "string"}}));
}

#[test]
fn nullable_of_older_documents_becomes_a_type() {
    let shown = show(json!({"type": "string", "nullable": true, "enum": ["a"]})).unwrap();
    assert_eq!(shown.schema, json!({"type": ["string", "null"], "enum": ["a", null]}));
}

#[test]
fn a_required_name_without_a_property_and_a_local_definition_are_errors() {
    assert!(show(json!({"type": "object", "required": ["x"], "properties": {"y": {}}})).unwrap_err().contains("`x`"));
    assert!(show(json!({"$defs": {"A": {}}})).unwrap_err().contains("$defs"));
}

#[test]
fn nesting_without_end_is_refused() {
    let mut schema = json!({"type": "string"});
    for _ in 0..60 {
        schema = json!({"type": "array", "items": schema});
    }
    assert!(show(schema).unwrap_err().contains("nested deeper"));
}

#[test]
fn a_few_schemas_that_name_the_next_one_twice_do_not_come_to_millions_of_parts() {
    let twice = |depth: usize| {
        let schema = |at: usize| {
            let next = json!({"$ref": format!("#/components/schemas/S{}", at + 1)});
            (format!("S{at}"), json!({"type": "object", "properties": {"a": next, "b": next}}))
        };
        let mut components: Map<String, Value> = (0..depth).map(schema).collect();
        components.insert(format!("S{depth}"), json!({"type": "string"}));
        Value::Object(components)
    };
    let first = json!({"$ref": "#/components/schemas/S0"});
    let (error, steps) = steps::counted(|| show_with(twice(40), &first, Side::Input).unwrap_err());
    assert!(error.contains("20000 parts"), "{error}");
    assert!(steps < 30_000, "{steps}");
    // An answer is told as far as that goes.
    let (shown, steps) = steps::counted(|| show_with(twice(40), &first, Side::Output).unwrap());
    assert_eq!(shown.schema["type"], "object");
    assert!(steps < 100_000, "{steps}");
    assert!(show_with(twice(5), &first, Side::Input).is_ok());
}
