//! The catalogue as text: one JSON object per tool, for checks and for people who read diffs.

use mcp_govern_core::{Binding, ProviderId, ToolDefinition};
use serde_json::{Map, Value, json};

use crate::plan::OWN_ORIGIN;

/// One tool as one JSON object: what it is, how it is classified, and where each argument goes.
///
/// An operation has `method`, `path`, `bindings` and, where something is always sent, `fixed`. A recipe has `outside`
/// (why it answers to no single operation) and `uses` instead; an operation of another origin has `outside` too. Both have `send`
/// where something is sent for arguments that are left out.
pub fn catalog_line(definition: &ToolDefinition, provider: &ProviderId) -> Value {
    let mut line = Map::new();
    let mut put = |key: &str, value: Value| {
        line.insert(key.to_owned(), value);
    };
    put("provider", json!(provider));
    put("name", json!(definition.name));
    put("title", json!(definition.title));
    put("description", json!(definition.description));
    put("input_schema", json!(definition.input_schema));
    put("output_schema", json!(definition.output_schema));
    put("annotations", json!(definition.annotations));
    put("classification", json!(definition.classification()));
    put("requires", json!(definition.scopes));
    put("deprecated", json!(definition.deprecated));
    match &definition.binding {
        Binding::Operation(operation) if operation.origin != OWN_ORIGIN => {
            let (origin, method, path) = (&operation.origin, &operation.method, &operation.path);
            put("bindings", json!([]));
            put("outside", json!(format!("It asks another API of the vendor, `{origin}`: {method} {path}.")));
        }
        Binding::Operation(operation) => {
            put("method", json!(operation.method));
            put("path", json!(operation.path));
            put("bindings", json!(operation.arguments));
            if !operation.fixed.is_empty() {
                put("fixed", json!(operation.fixed));
            }
        }
        Binding::Recipe(recipe) => {
            put("bindings", json!([]));
            put("outside", json!(recipe.why));
            put("uses", json!(recipe.uses));
        }
        // A binding of a kind that this release does not know is shown as it is.
        other => put("binding", json!(other)),
    }
    if let Some(destination) = definition.destination() {
        put("destination", json!(destination));
    }
    if !definition.send().is_empty() {
        put("send", json!(definition.send()));
    }
    Value::Object(line)
}
