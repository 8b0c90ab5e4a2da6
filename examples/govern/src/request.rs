//! What a line of input asks for.

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

/// A call that a line asks for.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Comes back with the answer, as it was written.
    pub(crate) id: Option<Box<RawValue>>,
    pub(crate) tool: String,
    pub(crate) arguments: Map<String, Value>,
}

/// A line that asks for nothing that can be done.
#[derive(Debug)]
pub(crate) struct BadLine {
    /// The id, where at least that could be read.
    pub(crate) id: Option<Box<RawValue>>,
    pub(crate) reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(default)]
    id: Option<Box<RawValue>>,
    tool: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

#[derive(Deserialize)]
struct IdAlone {
    #[serde(default)]
    id: Option<Box<RawValue>>,
}

impl Asked {
    /// Reads a line; none where it is blank.
    pub(crate) fn read(line: &[u8]) -> Option<Result<Self, BadLine>> {
        if line.trim_ascii().is_empty() {
            return None;
        }
        let form: Result<Form, _> = serde_json::from_slice(line);
        Some(form.map(|Form { id, tool, arguments }| Self { id, tool, arguments }).map_err(|error| {
            let id = serde_json::from_slice(line).ok().and_then(|IdAlone { id }| id);
            BadLine { id, reason: format!("not `{{\"id\":…,\"tool\":…,\"arguments\":{{…}}}}`: {error}") }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(line: &str) -> BadLine {
        Asked::read(line.as_bytes()).unwrap().unwrap_err()
    }

    #[test]
    fn an_id_comes_through_as_it_was_written() {
        let asked = Asked::read(br#" {"tool":"t","id": 1.50e400 ,"arguments":{"a":[1]}} "#).unwrap().unwrap();
        assert_eq!(asked.id.unwrap().get(), "1.50e400");
        assert_eq!(asked.arguments.len(), 1);
        assert!(Asked::read(br#"{"tool":"t"}"#).unwrap().unwrap().id.is_none());
    }

    #[test]
    fn a_misspelt_member_is_refused_and_not_passed_over() {
        let refused = bad(r#"{"id":"x","tool":"list_alerts","argument":{"limit":1}}"#);
        assert_eq!(refused.id.unwrap().get(), "\"x\"");
        assert!(refused.reason.contains("`argument`"), "{}", refused.reason);
    }

    #[test]
    fn a_blank_line_asks_for_nothing_and_anything_else_must_be_an_object() {
        assert!(Asked::read(b" \t\r").is_none());
        for line in ["[", "[]", "7", "{}", r#"{"tool":1}"#, r#"{"tool":"t","arguments":[]}"#, "\u{feff}{}"] {
            bad(line);
        }
        assert!(Asked::read(b"\xff\xfe").unwrap().is_err());
    }
}
