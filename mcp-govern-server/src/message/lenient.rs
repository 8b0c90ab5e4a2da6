//! What a client says of itself: it informs, and nothing depends on its form.

use rmcp::model::{ClientCapabilities, Implementation};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::params::{Members, kind_of};

/// The capabilities under a name, without what cannot be read: a capability that is not understood is one that the client does not have.
pub(super) fn capabilities(within: &mut Members<'_>, name: &str) {
    let Some(stated) = within.get(name).filter(|stated| kind_of(stated) == "an object") else { return };
    if serde_json::from_str::<ClientCapabilities>(stated.get()).is_ok() {
        return;
    }
    let Ok(mut read) = serde_json::from_str::<Map<String, Value>>(stated.get()) else { return };
    read.values_mut().for_each(objects_for_empty_lists);
    for named in ["experimental", "extensions"] {
        if let Some(Value::Object(entries)) = read.get_mut(named) {
            entries.retain(|_, entry| entry.is_object());
        }
    }
    read.retain(|name, value| is_read::<ClientCapabilities>(&json!({ name.as_str(): &*value })));
    within.set(name, &read);
}

/// The client's name and version under a name, as texts, where more of it cannot be read.
pub(super) fn client_info(within: &mut Members<'_>, name: &str) {
    let Some(stated) = within.get(name) else { return };
    if serde_json::from_str::<Implementation>(stated.get()).is_ok() {
        return;
    }
    let stated: Value = serde_json::from_str(stated.get()).unwrap_or_default();
    let text = |name: &str| match stated.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    within.set(name, &json!({"name": text("name"), "version": text("version")}));
}

/// There are no lists in capabilities: an empty one is how some languages write an empty object.
fn objects_for_empty_lists(value: &mut Value) {
    match value {
        Value::Array(items) if items.is_empty() => *value = Value::Object(Map::new()),
        Value::Object(members) => members.values_mut().for_each(objects_for_empty_lists),
        _ => {}
    }
}

fn is_read<T: DeserializeOwned>(value: &Value) -> bool {
    serde_json::from_value::<T>(value.clone()).is_ok()
}
