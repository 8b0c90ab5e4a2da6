//! `$ref`, which may point to any place of the document and nowhere else.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// A finding without its place; the caller adds the place.
pub(crate) type Checked<T> = Result<T, String>;

/// The components of a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Components<'a> {
    root: &'a Value,
}

/// How many references may follow one another before it counts as a cycle.
pub(super) const LONGEST_CHAIN: usize = 16;

impl<'a> Components<'a> {
    /// The components of `document`.
    pub(crate) fn new(document: &'a Value) -> Self {
        Self { root: document }
    }

    /// The target of a reference such as `#/components/schemas/Thing`. The fragment is a JSON pointer in the form of a URI: what is
    /// percent-encoded in it is decoded before `~1` and `~0` are (RFC 6901, section 6).
    pub(crate) fn target(self, reference: &str) -> Checked<&'a Value> {
        let pointer = reference.strip_prefix('#').filter(|pointer| pointer.starts_with('/')).ok_or_else(|| {
            format!("`$ref: {reference}` is not supported: expected a place of this document, `#/components/<section>/<name>`")
        })?;
        let pointer = percent_decode_str(pointer).decode_utf8();
        let pointer = pointer.map_err(|_| format!("`$ref: {reference}` is not a text once it is decoded"))?;
        self.root.pointer(&pointer).ok_or_else(|| format!("`$ref: {reference}` points to nothing"))
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
            let reference = reference.as_str().ok_or("`$ref` is not a text")?;
            for (key, value) in node.iter().filter(|(key, _)| *key != "$ref") {
                beside.entry(key.clone()).or_insert_with(|| value.clone());
            }
            let target = self.target(reference)?;
            node = target.as_object().ok_or_else(|| format!("`{reference}` is not an object"))?;
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
    fn a_reference_is_decoded_before_it_is_looked_up() {
        let names = ["Page[Item]", "a/b", "a~b", "100%", "Größe", "~1"];
        let schemas: Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), json!({"title": name}))).collect();
        let document =
            json!({"components": {"schemas": schemas}, "paths": {"/a/{id}": {"get": {"x": {"title": "deep"}}}}});
        let components = Components::new(&document);
        for (reference, title) in [
            ("#/components/schemas/Page%5BItem%5D", "Page[Item]"),
            ("#/components/schemas/Page[Item]", "Page[Item]"),
            ("#/components/schemas/a~1b", "a/b"),
            ("#/components/schemas/a%7E1b", "a/b"),
            ("#/components/schemas/a~0b", "a~b"),
            ("#/components/schemas/100%25", "100%"),
            ("#/components/schemas/Gr%C3%B6%C3%9Fe", "Größe"),
            ("#/components/schemas/~01", "~1"),
            ("#/paths/~1a~1%7Bid%7D/get/x", "deep"),
        ] {
            assert_eq!(components.target(reference).unwrap()["title"], title, "{reference}");
        }
    }

    #[test]
    fn a_reference_elsewhere_or_to_nothing_or_in_a_circle_is_an_error_that_names_it() {
        let document = json!({"components": {"schemas": {"A": {"$ref": "#/components/schemas/A"}}}});
        let components = Components::new(&document);
        for (reference, part) in [
            ("other.yaml#/A", "not supported"),
            ("#A", "not supported"),
            ("#/paths/~1x", "points to nothing"),
            ("#/components/schemas/A/items", "points to nothing"),
            ("#/components/schemas/%FF", "is not a text"),
            ("#/components/schemas/B", "points to nothing"),
            ("#/components/schemas/A", "circle"),
        ] {
            let node = json!({ "$ref": reference });
            let error = components.object(&node).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
