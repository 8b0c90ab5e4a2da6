//! The result of a call as MCP shows it.

use mcp_govern_core::{Effect, governor::CallSuccess};
use rmcp::model::{CallToolResult, ContentBlock, MetaObject};
use serde_json::{Value, json};

use super::{
    meta_key,
    output::OutputSchemas,
    refusal::{OutputForm, error_result},
};
use crate::request_context::{Slot, is_plain};

/// What a result is shown by.
pub(super) struct Shape<'a> {
    pub(super) outputs: &'a OutputSchemas,
    pub(super) modern: bool,
    /// Names the tools in a note as the caller sees them.
    pub(super) told: &'a dyn Fn(&str) -> String,
    /// Where a result can wait that goes out as it is.
    pub(super) slot: Option<&'a Slot>,
}

/// The result: as a value for programs, as text for models, and notes as further text.
///
/// A result that is not of the form which the tool declares is an error for the client, with the vendor's answer in its text: a
/// model must not believe that nothing was done, and do it again.
pub(super) fn result(success: CallSuccess, shape: &Shape<'_>, mut meta: MetaObject) -> CallToolResult {
    meta.insert(meta_key("call"), success.call.as_str().into());
    let text = success.output.content.get();
    let mut content = vec![ContentBlock::text(text)];
    content.extend(success.output.notes.iter().map(|note| ContentBlock::text((shape.told)(note))));
    // Filled in below: which members are null that the declared form does not say can be.
    let mut nulls = Vec::new();
    // Before 2026-07-28 a structured result is an object.
    let structured = shape.modern || text.starts_with('{');
    let as_it_is = shape.slot.filter(|_| success.definition.output_schema.is_none() && is_plain(text));
    let value = if let Some(slot) = as_it_is {
        structured.then(|| slot.keep(success.output.content))
    } else {
        match checked(&success, shape) {
            Ok((value, found)) => {
                nulls = found;
                structured.then_some(value)
            }
            Err(fault) => return misshapen(&success, &fault, meta),
        }
    };
    content.extend(note_of_nulls(&nulls).map(ContentBlock::text));
    let mut result = CallToolResult::success(content);
    result.structured_content = value;
    result.meta = Some(meta);
    result
}

/// The result as a value, of the form that the tool declared when the call was admitted, whatever counts meanwhile.
fn checked(success: &CallSuccess, shape: &Shape<'_>) -> Result<(Value, Vec<String>), String> {
    let value = success.output.to_value().map_err(|error| format!("it cannot be read ({error})"))?;
    let nulls = shape.outputs.check(success.digest, &success.definition, &value)?;
    Ok((value, nulls))
}

/// Tells of members that are null although the declared form says what they hold.
fn note_of_nulls(places: &[String]) -> Option<String> {
    let named: Vec<String> = places.iter().map(|place| format!("`{place}`")).collect();
    (!named.is_empty()).then(|| {
        format!("The answer has null at {}, where the tool's description of its results has a value.", named.join(", "))
    })
}

fn misshapen(success: &CallSuccess, fault: &str, meta: MetaObject) -> CallToolResult {
    tracing::warn!(tool = %success.tool, call = %success.call, fault, "a result is not of the form that its tool declares");
    let done = match success.definition.effect {
        Effect::Read => "the vendor answered",
        Effect::Write | Effect::Destructive => "the call was carried out, do not repeat it",
    };
    let message =
        format!("{done}; but the result is not of the declared form: {fault}. The result as it came follows.");
    let facts = json!({"kind": "bad_output", "sent": "yes", "call": success.call.as_str()});
    let mut result = error_result(message, "failure", facts, OutputForm::Declared, meta);
    result.content.push(ContentBlock::text(success.output.content.get()));
    result.content.extend(success.output.notes.iter().map(ContentBlock::text));
    result
}
