//! A recipe's specification becomes the definition of a tool.

use std::sync::Arc;

use mcp_govern_core::{Annotations, Binding, RecipeBinding, Risk, ToolDefinition, ToolName};
use serde_json::Value;

use crate::plan::{Document, NOBODY, RecipeSpec, Row, check_sent};

/// The tool that a specification becomes over the rows of a document.
pub(super) fn definition(mut spec: RecipeSpec, document: &Document) -> Result<ToolDefinition, String> {
    let rows = spec.uses.iter().map(|name| used(document, name)).collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() {
        return Err("uses no row".to_owned());
    }
    borrow(&mut spec, document)?;
    for (name, value) in &spec.send {
        if let Some(Value::Object(property)) = spec.input_schema.pointer_mut(&format!("/properties/{name}")) {
            property.insert("default".to_owned(), value.clone());
        }
    }
    check_schema(&spec.input_schema)?;
    for row in &rows {
        let (effect, risk) = (row.definition.effect, row.definition.risk);
        if spec.effect < effect || spec.risk < risk {
            return Err(format!("has a lower effect or risk than `{}`, which it uses", row.name));
        }
    }
    if spec.risk != Risk::None && spec.risk_reason.is_none() {
        return Err("has a risk without a reason".to_owned());
    }
    let mut scopes: Vec<String> = rows.iter().flat_map(|row| row.definition.scopes.iter().cloned()).collect();
    scopes.sort();
    scopes.dedup();
    let definition = ToolDefinition {
        name: ToolName::new(&spec.name).map_err(|error| error.to_string())?,
        title: spec.title,
        description: spec.description,
        input_schema: Arc::new(spec.input_schema),
        output_schema: spec.output_schema.map(Arc::new),
        annotations: Annotations::of(spec.effect, spec.idempotent),
        effect: spec.effect,
        risk: spec.risk,
        risk_reason: spec.risk_reason,
        notifies: spec.notifies.filter(|who| who != NOBODY),
        scopes,
        deprecated: rows.iter().any(|row| row.definition.deprecated),
        area: spec.area,
        binding: Binding::Recipe(RecipeBinding {
            version: spec.version,
            why: spec.why,
            uses: rows.iter().map(|row| row.name.clone()).collect(),
            send: spec.send,
            destination: None,
        }),
    };
    check_sent(&definition)?;
    Ok(definition)
}

/// Puts the rows' arguments into the schema.
fn borrow(spec: &mut RecipeSpec, document: &Document) -> Result<(), String> {
    for (row, name) in &spec.borrowed {
        let definition = &used(document, row)?.definition;
        let schema = &definition.input_schema;
        let property = schema.pointer(&format!("/properties/{name}"));
        let property = property.ok_or_else(|| format!("borrows `{name}`, which is not an argument of `{row}`"))?;
        if let Some(properties) = spec.input_schema.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert(name.clone(), property.clone());
        }
        // An argument that the recipe requires is never left out; a value of the recipe's own stands before the row's.
        let mut required = spec.input_schema.get("required").and_then(Value::as_array).into_iter().flatten();
        if let Some(value) = definition.send().get(name)
            && !required.any(|required| required == name)
        {
            spec.send.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    Ok(())
}

fn used<'a>(document: &'a Document, name: &str) -> Result<&'a Row, String> {
    let parsed = ToolName::new(name).map_err(|error| error.to_string())?;
    let row =
        document.row(&parsed).ok_or_else(|| format!("uses `{name}`, which is not an operation of the document"))?;
    if row.hidden {
        return Err(format!("uses `{name}`, which is hidden: nobody could disable it"));
    }
    Ok(row)
}

fn check_schema(schema: &Value) -> Result<(), String> {
    fn refers(value: &Value) -> bool {
        match value {
            Value::Object(members) => members.contains_key("$ref") || members.values().any(refers),
            Value::Array(items) => items.iter().any(refers),
            _ => false,
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in required {
        if !properties.is_some_and(|properties| properties.contains_key(name)) {
            return Err(format!("requires `{name}`, which is none of its arguments"));
        }
    }
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    if schema.get("type") != Some(&Value::from("object")) || !closed || refers(schema) {
        return Err(
            "needs an input schema of type object, with `additionalProperties: false` and without `$ref`".to_owned()
        );
    }
    Ok(())
}
