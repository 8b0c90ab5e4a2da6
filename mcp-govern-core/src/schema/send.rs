//! What a definition sends for arguments that are left out, held to its own schema.

use serde_json::{Map, Value, json};

use super::{
    fault::{MOST, faults},
    schemas::compile,
};
use crate::{denial::ArgumentFault, vocabulary::ToolDefinition};

/// What is wrong with the values that a definition sends for arguments that are left out; empty where nothing is.
///
/// Each must be the value of an argument that the tool has and that may be left out. It must fit the argument's schema, and the
/// schema must show it as the `default`, so that the model knows what is sent in its name. A provider calls this when it is
/// loaded: a definition with a fault here has calls that are refused although the caller did nothing wrong.
pub fn send_faults(definition: &ToolDefinition) -> Vec<ArgumentFault> {
    let schema = &*definition.input_schema;
    let found = definition.send().iter().flat_map(|(name, value)| of_one(schema, name, value));
    found.take(MOST).collect()
}

fn of_one(schema: &Value, name: &str, value: &Value) -> Vec<ArgumentFault> {
    let one = |fault: &str| vec![ArgumentFault { argument: name.to_owned(), fault: fault.to_owned() }];
    let Some(property) = schema.get("properties").and_then(|properties| properties.get(name)) else {
        return one("is not an argument of the tool");
    };
    let mut required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    if required.any(|required| required == name) {
        return one("is required, so that it is never left out");
    }
    let alone = json!({"type": "object", "properties": {name: property}});
    let validator = match compile(&alone) {
        Ok(validator) => validator,
        Err(reason) => return one(&format!("has a schema that cannot be used: {reason}")),
    };
    let given = Value::Object(Map::from_iter([(name.to_owned(), value.clone())]));
    let mut found = faults(validator.iter_errors(&given), &alone);
    if property.get("default") != Some(value) {
        found.extend(one("has a schema that does not show the value as its `default`"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::fixture::definition,
        vocabulary::{Binding, ToolDefinition},
    };

    fn sends(name: &str, value: Value) -> Vec<(String, String)> {
        let schema = json!({
            "type": "object", "required": ["page_id"], "additionalProperties": false,
            "properties": {
                "page_id": {"type": "string", "default": "p"},
                "notify": {"type": "boolean", "default": false},
                "limit": {"type": "integer", "maximum": 100, "default": 25},
                "name": {"type": "string"},
                "owner": {"type": ["string", "null"], "default": null},
            },
        });
        let mut definition: ToolDefinition = definition("create_incident", &schema);
        if let Binding::Operation(operation) = &mut definition.binding {
            operation.send.insert(name.to_owned(), value);
        }
        send_faults(&definition).into_iter().map(|fault| (fault.argument, fault.fault)).collect()
    }

    #[test]
    fn what_is_sent_unasked_is_the_shown_value_of_an_argument_that_may_be_left_out() {
        for (name, value) in [("notify", json!(false)), ("limit", json!(25)), ("owner", json!(null))] {
            assert_eq!(sends(name, value), []);
        }
        for (name, value, part) in [
            ("nofity", json!(false), "not an argument"),
            ("page_id", json!("p"), "never left out"),
            ("notify", json!(1), "must be of type boolean"),
            ("limit", json!(101), "must be at most 100"),
            ("notify", json!(true), "does not show"),
            ("name", json!("n"), "does not show"),
        ] {
            let found = sends(name, value.clone());
            assert!(
                found.iter().any(|(argument, fault)| argument == name && fault.contains(part)),
                "{name}: {found:?}"
            );
        }
    }
}
