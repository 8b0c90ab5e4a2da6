//! The exact request that a call would send. Nothing is sent, and no secret is at hand.

use std::borrow::Cow;

use mcp_govern_core::{CallRules, CredentialFacts, ProviderError, RequestPreview, ToolName};
use serde_json::{Map, Value};

use super::{OpenApiServer, Tool, authorize::Scheme, lookup::LATER};
use crate::{bind::Payload, plan::Row, redact::MASK, send::seconds};

impl OpenApiServer {
    /// Shows what a tool would send.
    pub(crate) fn show(
        &self,
        name: &ToolName,
        arguments: &Map<String, Value>,
        rules: &CallRules,
        facts: &CredentialFacts,
    ) -> Result<RequestPreview, ProviderError> {
        let recipe = match self.tool(name)? {
            Tool::Row(row) => return self.show_row(row, arguments, rules, facts),
            Tool::Recipe(recipe) => recipe,
        };
        let uses: Vec<String> = recipe.uses().iter().map(|row| format!("`{row}`")).collect();
        let note = format!("`{name}` is made of several requests, one after the other: {}.", uses.join(", "));
        match recipe.first_request(arguments) {
            Some((row, arguments)) => {
                let preview = self.show(&row, &arguments, rules, facts)?;
                Ok(preview.with_note(note).with_note("Only the first of them is shown."))
            }
            None => Ok(RequestPreview::new("", &self.base).with_note(note)),
        }
    }

    fn show_row(
        &self,
        row: &Row,
        arguments: &Map<String, Value>,
        rules: &CallRules,
        facts: &CredentialFacts,
    ) -> Result<RequestPreview, ProviderError> {
        let arguments = self.hold(row, Cow::Borrowed(arguments), rules)?;
        let arguments = arguments.masked(|arguments| hide_secrets(&row.definition.input_schema, arguments));
        let later = row.looked_up().iter();
        let arguments = later.fold(arguments, |arguments, name| arguments.with(name, Value::from(LATER)));
        let bound = self.bind(row, &arguments)?;
        let mut preview = RequestPreview::new(row.method.as_str(), bound.url);
        for (name, value) in &bound.headers {
            preview = preview.with_header(name.as_str(), value.to_str().unwrap_or(MASK));
        }
        preview = self.show_credential(row, facts, preview)?;
        if let Some(payload) = &bound.payload {
            preview = preview.with_body(Some(payload.show()));
            if let Payload::Multipart { boundary, .. } = payload {
                preview = preview.with_note(format!("The parts are separated by `{boundary}`."));
            }
        }
        if let Some(poll) = &row.poll {
            let wait = seconds(poll.wait);
            preview = preview.with_note(format!(
                "When the vendor answers 202, `{}` is asked for the outcome for up to {wait} s.",
                poll.row
            ));
        }
        if let Some(who) = &row.definition.notifies {
            preview = preview.with_note(format!("Tells: {who}"));
        }
        Ok(preview)
    }

    fn show_credential(
        &self,
        row: &Row,
        facts: &CredentialFacts,
        mut preview: RequestPreview,
    ) -> Result<RequestPreview, ProviderError> {
        let mut alternatives = self.alternatives(row, &Scheme::Own);
        let first = alternatives.clone().next();
        let filled = |alternative: &&[usize]| self.schemes(alternative).all(|scheme| scheme.masked(facts).1);
        let Some(alternative) = alternatives.find(filled).or(first) else {
            return self.needs_none(row).map(|()| preview);
        };
        for scheme in self.schemes(alternative) {
            let (value, known) = scheme.masked(facts);
            preview = preview.with_header(scheme.header.as_str(), value);
            if !known {
                preview =
                    preview.with_note(format!("The credential's field `{}` is not filled in.", scheme.own_field()));
            }
        }
        Ok(preview)
    }
}

/// Puts a mask in place of every argument that its schema marks as secret (`writeOnly`, `format: password`), at any depth.
fn hide_secrets(schema: &Value, members: &mut Map<String, Value>) {
    let properties = schema.get("properties").and_then(Value::as_object);
    let others = schema.get("additionalProperties").filter(|others| others.is_object());
    for (name, value) in members {
        if let Some(schema) = properties.and_then(|properties| properties.get(name)).or(others) {
            hide_secret(schema, value);
        }
    }
}

fn hide_secret(schema: &Value, value: &mut Value) {
    let is_secret = schema.get("writeOnly") == Some(&Value::Bool(true))
        || schema.get("format").is_some_and(|format| format == "password");
    match value {
        Value::Null => {}
        _ if is_secret => *value = Value::from(MASK),
        Value::Object(members) => hide_secrets(schema, members),
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items {
                    hide_secret(schema, item);
                }
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secret_arguments_are_masked_at_any_depth_and_nothing_else_is() {
        let schema = json!({"properties": {
            "name": {"type": "string"},
            "key": {"type": "string", "writeOnly": true},
            "absent": {"type": ["string", "null"], "writeOnly": true},
            "people": {"type": "array", "items": {"properties": {"password": {"format": "password"}, "role": {}}}},
            "keys": {"additionalProperties": {"writeOnly": true}},
        }});
        let mut arguments = json!({
            "name": "a", "key": "s", "absent": null, "people": [{"password": "s", "role": "r"}], "keys": {"x": "s"},
        });
        hide_secrets(&schema, arguments.as_object_mut().unwrap());
        let shown = json!({
            "name": "a", "key": "***", "absent": null, "people": [{"password": "***", "role": "r"}], "keys": {"x": "***"},
        });
        assert_eq!(arguments, shown);
    }
}
