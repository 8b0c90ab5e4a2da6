//! Reading the members of a body that has passed its check.

use serde_json::{Map, Value};

/// The object under the single root key of a body.
pub(super) fn wrapped(body: &Value, wrapper: &str) -> Map<String, Value> {
    whole(body.get(wrapper).unwrap_or(&Value::Null))
}

/// The members of a body that has no root key.
pub(super) fn whole(body: &Value) -> Map<String, Value> {
    body.as_object().cloned().unwrap_or_default()
}

pub(super) fn text<'f>(fields: &'f Map<String, Value>, name: &str) -> Option<&'f str> {
    fields.get(name).and_then(Value::as_str)
}

pub(super) fn flag(fields: &Map<String, Value>, name: &str) -> Option<bool> {
    fields.get(name).and_then(Value::as_bool)
}

pub(super) fn ids(fields: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let items = fields.get(name)?.as_array()?;
    Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Whether a member is there and holds no more than white space.
pub(super) fn is_blank(fields: &Map<String, Value>, name: &str) -> bool {
    text(fields, name).is_some_and(|text| text.trim().is_empty())
}

/// Whether a member is absent or holds no more than white space.
pub(super) fn is_missing(fields: &Map<String, Value>, name: &str) -> bool {
    text(fields, name).is_none_or(|text| text.trim().is_empty())
}
