//! The result of a call as MCP shows it.

use mcp_govern_core::governor::CallSuccess;
use rmcp::model::{CallToolResult, ContentBlock, MetaObject};
use serde_json::{Value, json};

use super::{
    Slot, meta_key,
    output::OutputSchemas,
    refusal::{OutputForm, error_result},
    verbatim::is_plain,
};

/// What a result is shown by.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    pub(super) outputs: &'a OutputSchemas,
    pub(super) modern: bool,
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
    content.extend(success.output.notes.iter().map(ContentBlock::text));
    // Before 2026-07-28 a structured result is an object.
    let structured = shape.modern || text.starts_with('{');
    let as_it_is = shape.slot.filter(|_| success.definition.output_schema.is_none() && is_plain(text));
    let value = if let Some(slot) = as_it_is {
        structured.then(|| slot.keep(success.output.content))
    } else {
        match checked(&success, shape) {
            Ok(value) => structured.then_some(value),
            Err(fault) => return misshapen(&success, &fault, meta),
        }
    };
    let mut result = CallToolResult::success(content);
    result.structured_content = value;
    result.meta = Some(meta);
    result
}

/// The result as a value, of the form that the tool declared when the call was admitted, whatever counts meanwhile.
fn checked(success: &CallSuccess, shape: &Shape<'_>) -> Result<Value, String> {
    let value = success.output.to_value().map_err(|error| format!("it cannot be read ({error})"))?;
    shape.outputs.check(success.digest, &success.definition, &value)?;
    Ok(value)
}

fn misshapen(success: &CallSuccess, fault: &str, meta: MetaObject) -> CallToolResult {
    tracing::warn!(tool = %success.tool, call = %success.call, fault, "a result is not of the form that its tool declares");
    let message = format!(
        "the call was carried out, do not repeat it; but the result is not of the declared form: {fault}. The result as it came follows."
    );
    let facts = json!({"kind": "bad_output", "sent": "yes", "call": success.call.as_str()});
    let mut result = error_result(message, "failure", facts, OutputForm::Declared, meta);
    result.content.push(ContentBlock::text(success.output.content.get()));
    result.content.extend(success.output.notes.iter().map(ContentBlock::text));
    result
}
