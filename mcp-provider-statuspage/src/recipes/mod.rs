//! Tools of our own over several operations.

mod change_user_permissions;
mod is_anything_down;
mod page;
mod post_incident_update;
mod rights;
mod schedule_maintenance;

use mcp_govern_core::{ProviderError, ProviderErrorKind, ToolName};
use serde_json::{Map, Value};

pub(crate) use self::{
    change_user_permissions::ChangeUserPermissions, is_anything_down::IsAnythingDown,
    post_incident_update::PostIncidentUpdate, schedule_maintenance::ScheduleMaintenance,
};

/// A refusal that names the recipe.
fn refuse(recipe: &str, kind: ProviderErrorKind, text: impl std::fmt::Display) -> ProviderError {
    ProviderError::new(kind, format!("`{recipe}`: {text}"))
}

fn invalid(recipe: &str, text: impl std::fmt::Display) -> ProviderError {
    refuse(recipe, ProviderErrorKind::InvalidArguments, text)
}

/// The given arguments among those named.
fn pick(arguments: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let given = names.iter().filter_map(|&name| Some((name.to_owned(), arguments.get(name)?.clone())));
    given.collect()
}

/// The first request of a recipe, for its preview.
fn first(row: &str, arguments: Map<String, Value>) -> Option<(ToolName, Map<String, Value>)> {
    Some((ToolName::new(row).ok()?, arguments))
}

/// A member of an object, as text; empty where there is none.
fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
