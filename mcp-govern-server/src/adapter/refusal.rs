//! A denied call as MCP shows it.

use mcp_govern_core::{CallId, Denial, DenialCode, Remedy};
use rmcp::{
    ErrorData,
    model::{CallToolResponse, CallToolResult, ContentBlock, MetaObject},
};
use serde_json::{Value, json};

use super::{
    access::{AccessRequests, way_to},
    meta_key,
};

/// Whether the tool's results are of a declared form: then clients hold a structured error to that form too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputForm {
    Declared,
    Free,
}

/// The answer to a denied call.
///
/// INVARIANT: a tool that the caller may not know of is answered as one that does not exist, byte for byte
/// (`a_hidden_tool_is_answered_as_one_that_does_not_exist`). What the core tells about both is the same; nothing is added here.
pub(super) fn answer(
    denial: &Denial,
    call: &CallId,
    form: OutputForm,
    requests: AccessRequests,
    meta: MetaObject,
) -> Result<CallToolResponse, ErrorData> {
    if denial.code() == DenialCode::UnknownTool {
        return Err(ErrorData::invalid_params(denial.message().to_owned(), None));
    }
    Ok(result(denial, call, form, requests, meta).into())
}

/// A denial as a result that a model can read.
pub(super) fn result(
    denial: &Denial,
    call: &CallId,
    form: OutputForm,
    requests: AccessRequests,
    meta: MetaObject,
) -> CallToolResult {
    let mut facts = facts(denial);
    if let Some(facts) = facts.as_object_mut() {
        facts.insert("call".to_owned(), call.as_str().into());
    }
    let mut text = denial.message().to_owned();
    if let Some(hint) = hint(denial.remedy(), &text, requests) {
        text.push_str(". ");
        text.push_str(&hint);
    }
    error_result(text, "denial", facts, form, meta)
}

/// An error that a model can read, with its facts for machines.
///
/// The facts stand in `_meta`, and in `structuredContent` where the tool declares no form of its results: a client that knows the
/// form refuses a structured result of another one, also where it is an error.
pub(super) fn error_result(
    text: String,
    kind: &str,
    mut facts: Value,
    form: OutputForm,
    mut meta: MetaObject,
) -> CallToolResult {
    // Some clients hand the structured content to the model and nothing else: the sentence stands in both.
    if let Some(facts) = facts.as_object_mut() {
        facts.insert("message".to_owned(), text.as_str().into());
    }
    let mut result = CallToolResult::error(vec![ContentBlock::text(text)]);
    if form == OutputForm::Free {
        result.structured_content = Some(json!({ kind: facts.clone() }));
    }
    meta.insert(meta_key(kind), facts);
    result.meta = Some(meta);
    result
}

/// Code and remedy, for machines.
pub(super) fn facts(denial: &Denial) -> Value {
    json!({"code": denial.code(), "remedy": denial.remedy()})
}

/// What to do, where the sentence does not say so already.
fn hint(remedy: &Remedy, sentence: &str, requests: AccessRequests) -> Option<String> {
    match remedy {
        Remedy::AskAdministrator => Some("Only an administrator can change that".to_owned()),
        Remedy::WaitForReview { .. } => Some("Calling again before that will not help".to_owned()),
        Remedy::RequestAccess { profiles } => Some(format!("The person {}", way_to(profiles, requests))),
        Remedy::ConnectAccount { url: Some(url), .. } if !sentence.contains(url.as_str()) => {
            Some(format!("Ask the person to open {url} and to call again afterwards"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::ProfileId;

    use super::*;

    fn shown(denial: &Denial, form: OutputForm) -> Value {
        let call = CallId::new("call-1").unwrap();
        serde_json::to_value(result(denial, &call, form, AccessRequests::Offered, MetaObject::new())).unwrap()
    }

    #[test]
    fn a_refusal_tells_people_models_and_machines_what_to_do() {
        let profiles = vec![ProfileId::new("on-call").unwrap()];
        let denial =
            Denial::new(DenialCode::NoGrant, "you hold no access profile with `x`", Remedy::RequestAccess { profiles });
        let facts = json!({
            "code": "no_grant",
            "remedy": {"action": "request_access", "profiles": ["on-call"]},
            "call": "call-1",
            "message": "you hold no access profile with `x`. The person can ask for the access profile `on-call`: call `request_access` \
                with it, if the person agrees",
        });
        let free = shown(&denial, OutputForm::Free);
        assert_eq!(free["isError"], true);
        assert_eq!(free["structuredContent"]["denial"], facts);
        assert_eq!(free["_meta"]["io.github.mcp-govern/denial"], facts);
        let text = free["content"][0]["text"].as_str().unwrap();
        assert_eq!(text, facts["message"]);
    }

    #[test]
    fn a_tool_with_a_declared_form_gets_no_structured_refusal() {
        let denial = Denial::new(DenialCode::ToolPending, "waits", Remedy::Retry);
        let declared = shown(&denial, OutputForm::Declared);
        assert!(declared.get("structuredContent").is_none());
        assert_eq!(declared["_meta"]["io.github.mcp-govern/denial"]["code"], "tool_pending");
    }
}
