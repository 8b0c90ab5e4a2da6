//! Tools of our own over several operations.

mod append_orchestration_rule;
mod who_is_on_call;

use mcp_govern_core::{ProviderError, ProviderErrorKind, ToolName};
use serde_json::{Map, Value};

pub(crate) use self::{append_orchestration_rule::AppendOrchestrationRule, who_is_on_call::WhoIsOnCall};

/// A refusal that names the recipe.
fn refuse(recipe: &str, kind: ProviderErrorKind, text: impl std::fmt::Display) -> ProviderError {
    ProviderError::new(kind, format!("`{recipe}`: {text}"))
}

/// The first request of a recipe, for its preview.
fn first(row: &str, arguments: Map<String, Value>) -> Option<(ToolName, Map<String, Value>)> {
    Some((ToolName::new(row).ok()?, arguments))
}

/// A member of an object, as text; empty where there is none.
fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a member that is a list.
fn items<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// The texts of an argument that is a list of them.
fn texts(arguments: &Map<String, Value>, name: &str) -> Vec<String> {
    let list = arguments.get(name).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}
