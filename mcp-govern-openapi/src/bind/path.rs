//! The path: a template whose parameters are filled in segment by segment.

use std::{borrow::Cow, sync::Arc};

use mcp_govern_core::{BoundArgument, Location};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::encode::{percent, scalar_text};

/// A path template, taken apart at load.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PathTemplate {
    template: Arc<str>,
    segments: Vec<Vec<Piece>>,
}

/// A path parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PathParam {
    pub(crate) name: String,
    pub(crate) argument: String,
    /// Whether a `/` in the value is sent as `%2F` instead of being refused (`x-slash: encoded`).
    pub(crate) slash: Slash,
}

/// What becomes of a `/` within the value of a path parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slash {
    Refused,
    Encoded,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Literal(String),
    Param(PathParam),
}

impl PathTemplate {
    /// Takes a template such as `/pages/{page_id}` apart; every parameter must be declared and used once.
    pub(crate) fn parse(template: &str, params: &[PathParam]) -> Result<Self, String> {
        let rest =
            template.strip_prefix('/').ok_or_else(|| format!("the path `{template}` does not start with `/`"))?;
        let mut used = Vec::new();
        let mut segments = Vec::new();
        for segment in rest.split('/') {
            let pieces =
                parse_segment(segment, params, &mut used).map_err(|e| format!("the path `{template}`: {e}"))?;
            segments.push(pieces);
        }
        if let Some(param) = params.iter().find(|param| !used.contains(&param.name)) {
            return Err(format!("the path `{template}` has no place for the parameter `{}`", param.name));
        }
        Ok(Self { template: Arc::from(template), segments })
    }

    /// The template with the names of its parameters.
    pub(crate) fn template(&self) -> &Arc<str> {
        &self.template
    }

    /// The parameters in the order of the template.
    pub(crate) fn params(&self) -> impl Iterator<Item = &PathParam> {
        self.segments.iter().flatten().filter_map(|piece| match piece {
            Piece::Param(param) => Some(param),
            Piece::Literal(_) => None,
        })
    }

    /// How the parameters are bound.
    pub(crate) fn bindings(&self) -> Vec<BoundArgument> {
        let bound = |param: &PathParam| BoundArgument {
            argument: param.argument.clone(),
            location: Location::Path,
            name: param.name.clone(),
        };
        self.params().map(bound).collect()
    }

    /// Writes the path with its parameters filled in, each percent-encoded, behind what stands in `target`.
    pub(crate) fn write(&self, arguments: &Map<String, Value>, target: &mut String) -> Result<(), String> {
        for pieces in &self.segments {
            target.push('/');
            let start = target.len();
            for piece in pieces {
                match piece {
                    Piece::Literal(literal) => target.push_str(literal),
                    Piece::Param(param) => target.extend(percent(&param.text(arguments)?)),
                }
            }
            // Several parameters in one segment could make one up that steps upwards.
            if matches!(target.get(start..), Some("." | "..")) {
                return Err(format!("`{}` does not name anything", self.template));
            }
        }
        Ok(())
    }
}

impl PathParam {
    fn text<'a>(&self, arguments: &'a Map<String, Value>) -> Result<Cow<'a, str>, String> {
        let name = &self.argument;
        let value = arguments.get(name).ok_or_else(|| format!("`{name}` is missing"))?;
        let text = scalar_text(value).ok_or_else(|| format!("`{name}` must be a text, number or boolean"))?;
        self.check(&text).map_err(|fault| format!("`{name}` {fault}"))?;
        Ok(text)
    }

    /// Looks at the text, and at what a careless server would make of it by decoding it once more, and again.
    fn check(&self, text: &str) -> Result<(), &'static str> {
        let mut text = Cow::Borrowed(text);
        loop {
            let mut pieces = match self.slash {
                Slash::Refused if text.contains('/') => return Err("must not contain `/`"),
                Slash::Refused | Slash::Encoded => text.split('/'),
            };
            if text.contains('\\') {
                return Err("must not contain `\\`");
            }
            if text.chars().any(char::is_control) {
                return Err("must not contain control characters");
            }
            if pieces.any(|piece| matches!(piece, "" | "." | "..")) {
                return Err("must not be empty, `.` or `..`");
            }
            if !text.contains('%') {
                return Ok(());
            }
            let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
            if decoded == text {
                return Ok(());
            }
            text = Cow::Owned(decoded);
        }
    }
}

fn parse_segment(segment: &str, params: &[PathParam], used: &mut Vec<String>) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = segment;
    while let Some((literal, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').ok_or("`{` without `}`")?;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(check_literal(literal)?));
        }
        if used.iter().any(|other| other == name) {
            return Err(format!("`{{{name}}}` stands twice"));
        }
        let param = params.iter().find(|param| param.name == name);
        let param = param.ok_or_else(|| format!("`{{{name}}}` has no definition among the parameters"))?;
        used.push(name.to_owned());
        pieces.push(Piece::Param(param.clone()));
        rest = tail;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(check_literal(rest)?));
    }
    match pieces.as_slice() {
        [Piece::Literal(literal)] if matches!(literal.as_str(), "." | "..") => {
            Err("has a segment `.` or `..`".to_owned())
        }
        _ => Ok(pieces),
    }
}

fn check_literal(literal: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%".contains(&b);
    if literal.bytes().all(plain) {
        return Ok(literal.to_owned());
    }
    Err(format!("`{literal}` holds a character that a path cannot have as it is"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn param(name: &str, slash: Slash) -> PathParam {
        PathParam { name: name.into(), argument: name.into(), slash }
    }

    fn bind(template: &str, slash: Slash, value: Value) -> Result<String, String> {
        let template = PathTemplate::parse(template, &[param("id", slash)]).unwrap();
        let mut path = String::new();
        template.write(json!({ "id": value }).as_object().unwrap(), &mut path).map(|()| path)
    }

    #[test]
    fn a_value_is_one_segment_percent_encoded() {
        assert_eq!(bind("/a/{id}/b", Slash::Refused, json!("x y#?@é")).unwrap(), "/a/x%20y%23%3F%40%C3%A9/b");
        assert_eq!(bind("/a/{id}.json", Slash::Refused, json!(7)).unwrap(), "/a/7.json");
        assert_eq!(bind("/a/{id}", Slash::Refused, json!("100% sure")).unwrap(), "/a/100%25%20sure");
    }

    #[test]
    fn what_could_leave_the_segment_is_refused() {
        for value in
            ["", ".", "..", "a/b", "/", "a\\b", "a\0", "a\r\nX: y", "%2e%2e", "%2E", "a%2fb", "%252e%252e", "%00"]
        {
            assert!(bind("/a/{id}", Slash::Refused, json!(value)).is_err(), "`{value}` was bound");
        }
        assert!(bind("/a/{id}", Slash::Refused, json!(null)).is_err());
        assert!(bind("/a/{id}", Slash::Refused, json!(["x"])).is_err());
    }

    #[test]
    fn where_the_document_allows_it_a_slash_is_encoded() {
        assert_eq!(bind("/a/{id}", Slash::Encoded, json!("db-1/full")).unwrap(), "/a/db-1%2Ffull");
        for value in ["a/../b", "a//b", "/a", "a/", "a/./b", "%2e%2e/x"] {
            assert!(bind("/a/{id}", Slash::Encoded, json!(value)).is_err(), "`{value}` was bound");
        }
    }

    #[test]
    fn two_parameters_of_one_segment_cannot_step_upwards_together() {
        let params = [param("a", Slash::Refused), param("b", Slash::Refused)];
        let template = PathTemplate::parse("/x/{a}.{b}", &params).unwrap();
        assert!(template.write(json!({"a": "", "b": ""}).as_object().unwrap(), &mut String::new()).is_err());
        let template = PathTemplate::parse("/x/{a}{b}", &params).unwrap();
        assert!(template.write(json!({"a": "x", "b": "y"}).as_object().unwrap(), &mut String::new()).is_ok());
    }

    #[test]
    fn a_template_and_its_parameters_must_agree() {
        let id = [param("id", Slash::Refused)];
        for (template, params, part) in [
            ("a/{id}", &id[..], "does not start"),
            ("/a", &id[..], "no place"),
            ("/a/{id}/{other}", &id[..], "no definition"),
            ("/a/{id}/{id}", &id[..], "twice"),
            ("/a/{id", &id[..], "without `}`"),
            ("/a/../{id}", &id[..], "`..`"),
            ("/a?x={id}", &id[..], "cannot have"),
        ] {
            let error = PathTemplate::parse(template, params).unwrap_err();
            assert!(error.contains(part), "{template}: {error}");
        }
    }
}
