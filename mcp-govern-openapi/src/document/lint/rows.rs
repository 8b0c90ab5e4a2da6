//! What each row must also have.

use mcp_govern_core::{Effect, Risk, ToolDefinition};
use serde_json::Value;

use crate::plan::{Document, Row};

/// Said of a change that names neither people nor `nobody`.
pub(super) const SILENT: &str =
    "changes something and states no `notifies`: name the people who are notified, or write `nobody`";

/// Everything that a careful author would still add to a row, as sentences that name the operation.
pub(super) fn lint(document: &Document, remarks: &mut Vec<String>) {
    for row in &document.rows {
        let mut say = |remark: &str| remarks.push(format!("{}: {remark}", row.place));
        lint_row(row, &mut say);
        lint_definition(&row.definition, &mut say);
    }
}

fn lint_row(row: &Row, say: &mut dyn FnMut(&str)) {
    if row.stated.effect.is_none() {
        say("states no `effect`");
    }
    if row.stated.risk.is_some_and(|risk| risk != Risk::None) && row.definition.risk_reason.is_none() {
        say("states a `risk` without `why`");
    }
    if !row.stated.description {
        say("has no `summary` or no `description`");
    }
    if row.stated.effect.is_some_and(|effect| effect != Effect::Read) && !row.stated.notifies {
        say(SILENT);
    }
    if row.stated.effect == Some(Effect::Destructive) && row.definition.risk < Risk::Sensitive {
        say("is destructive and its risk is below `sensitive`");
    }
    if row.method == http::Method::GET && row.definition.effect != Effect::Read {
        say("is a GET that is not a read");
    }
    if row.method == http::Method::DELETE && row.definition.effect != Effect::Destructive {
        say("is a DELETE that is not destructive");
    }
}

fn lint_definition(definition: &ToolDefinition, say: &mut dyn FnMut(&str)) {
    let length = definition.description.chars().count();
    if !(20..=1024).contains(&length) {
        say(&format!("has a description of {length} characters, expected 20 to 1024"));
    }
    if !definition.name.as_str().contains('_') {
        say("has a name of one word, expected a verb and an object");
    }
    if definition.area.is_none() {
        say("has no tag");
    }
    describe(&definition.input_schema, "", say);
}

/// Names every property without a description.
fn describe(schema: &Value, path: &str, say: &mut dyn FnMut(&str)) {
    let empty =
        |schema: &Value| schema.get("description").and_then(Value::as_str).is_none_or(|text| text.trim().is_empty());
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if empty(property) {
            say(&format!("does not describe `{path}`"));
        }
        describe(property, &path, say);
    }
    if let Some(items) = schema.get("items") {
        describe(items, &format!("{path}[]"), say);
    }
}
