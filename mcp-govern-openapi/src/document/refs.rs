//! `$ref`, which may point to the document's components and nowhere else.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// A finding without its place; the caller adds the place.
pub(crate) type Checked<T> = Result<T, String>;

/// The components of a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Components<'a> {
    root: &'a Value,
}

/// How many references may follow one another before it counts as a cycle.
const LONGEST_CHAIN: usize = 16;

impl<'a> Components<'a> {
    /// The components of `document`.
    pub(crate) fn new(document: &'a Value) -> Self {
        Self { root: document }
    }

    /// The target of a reference such as `#/components/schemas/Thing`.
    pub(crate) fn target(self, reference: &str) -> Checked<&'a Value> {
        let refuse = || format!("`$ref: {reference}` is not supported: expected `#/components/<section>/<name>`");
        let path = reference.strip_prefix("#/components/").ok_or_else(refuse)?;
        let (section, name) = path.split_once('/').ok_or_else(refuse)?;
        if name.is_empty() || name.contains('/') {
            return Err(refuse());
        }
        let name = name.replace("~1", "/").replace("~0", "~");
        let target = self.root.get("components").and_then(|all| all.get(section)).and_then(|all| all.get(&name));
        target.ok_or_else(|| format!("`$ref: {reference}` points to nothing"))
    }

    /// The object that a node stands for: itself, or the target of its `$ref` with the keys that stand beside the
    /// `$ref` in place of the target's.
    pub(crate) fn object(self, node: &'a Value) -> Checked<Cow<'a, Map<String, Value>>> {
        let mut node = node.as_object().ok_or_else(|| format!("expected an object, found `{}`", short(node)))?;
        let mut beside = Map::new();
        for _ in 0..LONGEST_CHAIN {
            let Some(reference) = node.get("$ref") else {
                if beside.is_empty() {
                    return Ok(Cow::Borrowed(node));
                }
                let mut owned = node.clone();
                owned.extend(beside);
                return Ok(Cow::Owned(owned));
            };
            let reference = reference.as_str().ok_or("`$ref` is no text")?;
            for (key, value) in node.iter().filter(|(key, _)| *key != "$ref") {
                beside.entry(key.clone()).or_insert_with(|| value.clone());
            }
            let target = self.target(reference)?;
            node = target.as_object().ok_or_else(|| format!("`{reference}` is no object"))?;
        }
        Err("`$ref` leads in a circle".to_owned())
    }
}

/// A value for a message, cut to a readable length.
pub(crate) fn short(value: &Value) -> String {
    let text = value.to_string();
    let mut cut: String = text.chars().take(60).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_stands_beside_a_reference_replaces_what_the_target_says() {
        let document = json!({"components": {"parameters": {
            "A": {"name": "a", "description": "old"}, "B": {"$ref": "#/components/parameters/A", "in": "query"}}}});
        let node = json!({"$ref": "#/components/parameters/B", "description": "new"});
        let components = Components::new(&document);
        let object = components.object(&node).unwrap();
        assert_eq!(Value::Object(object.into_owned()), json!({"name": "a", "description": "new", "in": "query"}));
    }

    #[test]
    fn a_reference_elsewhere_or_to_nothing_or_in_a_circle_is_an_error_that_names_it() {
        let document = json!({"components": {"schemas": {"A": {"$ref": "#/components/schemas/A"}}}});
        let components = Components::new(&document);
        for (reference, part) in [
            ("other.yaml#/A", "not supported"),
            ("#/paths/~1x", "not supported"),
            ("#/components/schemas/B/items", "not supported"),
            ("#/components/schemas/B", "points to nothing"),
            ("#/components/schemas/A", "circle"),
        ] {
            let node = json!({ "$ref": reference });
            let error = components.object(&node).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
