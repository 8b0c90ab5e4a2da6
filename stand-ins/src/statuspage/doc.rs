//! Reading and changing things that are kept as JSON. A member whose name starts with `_` is never shown.

use serde_json::Value;

use crate::moment::Moment;

pub(super) fn text<'d>(doc: &'d Value, name: &str) -> Option<&'d str> {
    doc.get(name).and_then(Value::as_str)
}

/// A text, or nothing where it is absent.
pub(super) fn word<'d>(doc: &'d Value, name: &str) -> &'d str {
    text(doc, name).unwrap_or_default()
}

pub(super) fn flag(doc: &Value, name: &str) -> Option<bool> {
    doc.get(name).and_then(Value::as_bool)
}

pub(super) fn time(doc: &Value, name: &str) -> Option<Moment> {
    text(doc, name).and_then(Moment::parse)
}

pub(super) fn ids(doc: &Value, name: &str) -> Option<Vec<String>> {
    let items = doc.get(name)?.as_array()?;
    Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Whether a list of ids holds this one.
pub(super) fn lists(doc: &Value, name: &str, id: &str) -> bool {
    doc.get(name).and_then(Value::as_array).is_some_and(|items| items.iter().any(|item| item == id))
}

pub(super) fn set(doc: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(members) = doc.as_object_mut() {
        members.insert(name.to_owned(), value.into());
    }
}

/// Takes a member away.
pub(super) fn take(doc: &mut Value, name: &str) -> Option<Value> {
    doc.as_object_mut()?.remove(name)
}

pub(super) fn strip(doc: &mut Value, names: &[&str]) {
    if let Some(members) = doc.as_object_mut() {
        members.retain(|name, _| !names.contains(&name.as_str()));
    }
}

/// Takes over the members of another object.
pub(super) fn merge(doc: &mut Value, other: &Value) {
    if let (Some(members), Some(others)) = (doc.as_object_mut(), other.as_object()) {
        members.extend(others.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
}

/// Takes the ids out of a list that do not fit.
pub(super) fn keep(doc: &mut Value, name: &str, fits: impl Fn(&str) -> bool) {
    if let Some(items) = doc.get_mut(name).and_then(Value::as_array_mut) {
        items.retain(|item| item.as_str().is_some_and(&fits));
    }
}

/// Puts an id into a list, once.
pub(super) fn put(doc: &mut Value, name: &str, id: &str) {
    if !lists(doc, name, id)
        && let Some(items) = doc.get_mut(name).and_then(Value::as_array_mut)
    {
        items.push(id.into());
    }
}

/// Whether a member is there and holds no more than white space.
pub(super) fn is_blank(doc: &Value, name: &str) -> bool {
    text(doc, name).is_some_and(|text| text.trim().is_empty())
}

/// Whether a member is absent or holds no more than white space.
pub(super) fn is_missing(doc: &Value, name: &str) -> bool {
    word(doc, name).trim().is_empty()
}

pub(super) fn shown(doc: &Value) -> Value {
    let mut shown = doc.clone();
    if let Some(members) = shown.as_object_mut() {
        members.retain(|name, _| !name.starts_with('_'));
    }
    shown
}
