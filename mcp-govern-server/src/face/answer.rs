//! The result of a call as MCP shows it.

use mcp_govern_core::governor::CallSuccess;
use rmcp::model::{CallToolResult, ContentBlock, MetaObject};
use serde_json::{Value, json};

use super::{
    meta_key,
    output::OutputSchemas,
    refusal::{OutputForm, error_result},
};

/// What a result is shown by.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    pub(super) outputs: &'a OutputSchemas,
    pub(super) modern: bool,
}

/// The result: as a value for programs, as text for models, and notes as further text.
///
/// A result that is not of the form which the tool declares is an error for the client, with the vendor's answer in its text: a
/// model must not believe that nothing was done, and do it again.
pub(super) fn result(success: &CallSuccess, shape: &Shape<'_>, mut meta: MetaObject) -> CallToolResult {
    meta.insert(meta_key("call"), success.call.as_str().into());
    let output = &success.output;
    let text = output.content.get();
    let value: Value = match output.to_value() {
        Ok(value) => value,
        Err(error) => return misshapen(success, &format!("it cannot be read ({error})"), meta),
    };
    // Held to the form that the tool declared when the call was admitted, whatever counts meanwhile.
    if let Err(fault) = shape.outputs.check(success.digest, &success.definition, &value) {
        return misshapen(success, &fault, meta);
    }
    let mut content = vec![ContentBlock::text(text)];
    content.extend(output.notes.iter().map(ContentBlock::text));
    let mut result = CallToolResult::success(content);
    // Before 2026-07-28 a structured result is an object.
    if shape.modern || value.is_object() {
        result.structured_content = Some(value);
    }
    result.meta = Some(meta);
    result
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
