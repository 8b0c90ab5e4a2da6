//! The path: the parameters of its template are filled in segment by segment.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Map, Value};

use crate::{
    plan::{ConfigSegment, PathParam, PathTemplate, Piece, Slash},
    steps,
    text::{hex_digit, percent, scalar_text},
};

impl PathTemplate {
    /// Writes the path with its parameters filled in, each percent-encoded, behind what stands in `target`.
    pub(crate) fn write(
        &self,
        arguments: &Map<String, Value>,
        configured: &BTreeMap<String, String>,
        target: &mut String,
    ) -> Result<(), String> {
        for pieces in &self.segments {
            target.push('/');
            let start = target.len();
            for piece in pieces {
                match piece {
                    Piece::Literal(literal) => target.push_str(literal),
                    Piece::Param(param) => target.extend(percent(&param.text(arguments)?)),
                    Piece::Config(ConfigSegment { key, .. }) => {
                        let value = configured.get(key);
                        let value = value.ok_or_else(|| format!("`{key}` is missing in the server's configuration"))?;
                        target.push_str(value);
                    }
                }
            }
            // Several parameters in one segment could make one up together that none of them holds: `.` and `.`, `%2` and `f`.
            if pieces.len() > 1 {
                let segment = fully_decoded(target.get(start..).unwrap_or_default().as_bytes());
                let slash = if pieces.iter().any(Piece::may_hold_slash) { Slash::Encoded } else { Slash::Refused };
                check_decoded(&segment, slash)
                    .map_err(|fault| format!("a part of `{}` with its values {fault}", self.template()))?;
            }
        }
        Ok(())
    }
}

impl Piece {
    fn may_hold_slash(&self) -> bool {
        matches!(self, Self::Param(param) if param.slash == Slash::Encoded)
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

    fn check(&self, text: &str) -> Result<(), &'static str> {
        check_decoded(&fully_decoded(text.as_bytes()), self.slash)
    }
}

/// A configured value as it stands in a path: percent-encoded, one segment or a part of it.
///
/// # Errors
///
/// What is wrong with it, as the end of a sentence.
pub(crate) fn segment(text: &str) -> Result<String, &'static str> {
    check_decoded(&fully_decoded(text.as_bytes()), Slash::Refused)?;
    Ok(percent(text).collect())
}

/// Whether a text, encoded, stays one segment of the path.
///
/// Encoding leaves `.` and `..` as they are, and every reader of addresses takes them for steps; a segment without anything in it
/// is another path. What else a text holds is encoded. But there are servers that decode a path before they look for its
/// separators, and some decode it more than once: to these an encoded `/` or `\` ends a segment, so that one tool would reach
/// what another one is for. Where the document does not say that the API takes them (`x-slash: encoded`), they are refused.
fn check_decoded(decoded: &[u8], slash: Slash) -> Result<(), &'static str> {
    let text = String::from_utf8_lossy(decoded);
    match &*text {
        "" => return Err("must not be empty"),
        "." | ".." => return Err("must not be `.` or `..`, which are steps of a path"),
        _ => {}
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters");
    }
    match slash {
        Slash::Refused if text.contains('/') => {
            Err("must not contain `/`, also not percent-encoded: this API takes none in its path")
        }
        Slash::Refused if text.contains('\\') => {
            Err("must not contain `\\`, also not percent-encoded: this API takes none in its path")
        }
        Slash::Encoded | Slash::Refused => Ok(()),
    }
}

/// A text percent-decoded until nothing changes any more, in one pass: what is decoded can only be the end of another
/// `%XX`, so that each byte is written once and taken back once at most.
///
/// INVARIANT: the steps grow as the text does (`a_text_is_decoded_to_its_end_in_steps_that_grow_as_it_does`).
fn fully_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded: Vec<u8> = Vec::with_capacity(text.len());
    for &byte in text {
        steps::tick();
        decoded.push(byte);
        while let [.., b'%', high, low] = decoded.as_slice()
            && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
        {
            steps::tick();
            decoded.truncate(decoded.len() - 3);
            decoded.push(high << 4 | low);
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn param(name: &str, slash: Slash) -> PathParam {
        PathParam { name: name.into(), argument: name.into(), slash }
    }

    fn bind(template: &str, slash: Slash, value: Value) -> Result<String, String> {
        let template = PathTemplate::parse(template, &[param("id", slash)], &[]).unwrap();
        let mut path = String::new();
        template.write(json!({ "id": value }).as_object().unwrap(), &BTreeMap::new(), &mut path).map(|()| path)
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
        for (value, segment) in [
            ("https://shop.example.com/health", "https%3A%2F%2Fshop.example.com%2Fhealth"),
            ("/var/lib/../log/", "%2Fvar%2Flib%2F..%2Flog%2F"),
            ("C:\\disk\\d..1", "C%3A%5Cdisk%5Cd..1"),
            ("E://", "E%3A%2F%2F"),
            ("a//b", "a%2F%2Fb"),
            ("...", "..."),
            ("https%3A%2F%2Fa", "https%253A%252F%252Fa"),
        ] {
            assert_eq!(bind("/a/{id}/b", Slash::Encoded, json!(value)).as_deref(), Ok(&*format!("/a/{segment}/b")));
        }
    }

    #[test]
    fn a_refusal_says_what_is_wrong_with_the_value() {
        for (slash, value, part) in [
            (Slash::Encoded, "", "must not be empty"),
            (Slash::Encoded, ".", "steps of a path"),
            (Slash::Encoded, "..", "steps of a path"),
            (Slash::Encoded, "%2e%2e", "steps of a path"),
            (Slash::Encoded, "a\n", "control characters"),
            (Slash::Refused, "https://a.example", "must not contain `/`"),
            (Slash::Refused, "a%2fb", "must not contain `/`, also not percent-encoded"),
            (Slash::Refused, "a\\b", "must not contain `\\`"),
        ] {
            let fault = bind("/a/{id}", slash, json!(value)).unwrap_err();
            assert!(fault.starts_with("`id` ") && fault.contains(part), "{value}: {fault}");
        }
    }

    #[test]
    fn two_parameters_of_one_segment_cannot_step_upwards_together() {
        let params = [param("a", Slash::Refused), param("b", Slash::Refused)];
        let template = PathTemplate::parse("/x/{a}.{b}", &params, &[]).unwrap();
        assert!(
            template
                .write(json!({"a": "", "b": ""}).as_object().unwrap(), &BTreeMap::new(), &mut String::new())
                .is_err()
        );
        let template = PathTemplate::parse("/x/{a}{b}", &params, &[]).unwrap();
        assert!(
            template
                .write(json!({"a": "x", "b": "y"}).as_object().unwrap(), &BTreeMap::new(), &mut String::new())
                .is_ok()
        );
        for (a, b) in [(".", "."), ("%2", "f"), ("%2", "e"), ("%", "2e"), ("%25", "2f"), ("%5", "c")] {
            let arguments = json!({"a": a, "b": b});
            let written = template.write(arguments.as_object().unwrap(), &BTreeMap::new(), &mut String::new());
            assert!(written.is_err(), "`{a}` and `{b}` made `{a}{b}`");
        }
    }

    #[test]
    fn a_text_is_decoded_to_its_end_in_steps_that_grow_as_it_does() {
        for unit in ["25", "%25", "%2", "%%35", "a", "%", "%2525", "é%"] {
            let counted = |n: usize| {
                let text = format!("%{}", unit.repeat(n));
                steps::counted(|| fully_decoded(text.as_bytes())).1
            };
            steps::assert_linear(counted, 2_000);
        }
    }

    /// What decoding comes to, turn by turn.
    fn decoded_turn_by_turn(mut text: Vec<u8>) -> Vec<u8> {
        loop {
            let decoded: Vec<u8> = percent_encoding::percent_decode(&text).collect();
            if decoded == text {
                return text;
            }
            text = decoded;
        }
    }

    proptest::proptest! {
        #[test]
        fn decoding_in_one_pass_is_decoding_until_nothing_changes(text in "[%25fFcCaA/.é]{0,40}") {
            proptest::prop_assert_eq!(fully_decoded(text.as_bytes()), decoded_turn_by_turn(text.into_bytes()));
        }
    }

    #[test]
    fn a_configured_value_stays_the_segment_that_it_fills_in() {
        let cloud = ConfigSegment { name: "cloudId".to_owned(), key: "cloud_id".to_owned() };
        let template = PathTemplate::parse("/ops/{cloudId}/v1/{id}", &[param("id", Slash::Refused)], &[cloud]).unwrap();
        let written = |value: &str| {
            let values = BTreeMap::from([("cloud_id".to_owned(), segment(value)?)]);
            let mut path = String::new();
            template.write(json!({"id": 7}).as_object().unwrap(), &values, &mut path).unwrap();
            assert_eq!(template.configured(&values).unwrap(), path.strip_suffix("/v1/7").unwrap());
            Ok::<_, &'static str>(path)
        };
        assert_eq!(written("a-1").unwrap(), "/ops/a-1/v1/7");
        assert_eq!(written("a b?#@").unwrap(), "/ops/a%20b%3F%23%40/v1/7");
        for value in ["", ".", "..", "%2e%2e", "a/b", "a%2fb", "a\\b", "a\n"] {
            assert!(written(value).is_err(), "`{value}` was taken");
        }
        let missing = template.write(json!({"id": 7}).as_object().unwrap(), &BTreeMap::new(), &mut String::new());
        assert!(missing.unwrap_err().contains("`cloud_id` is missing"));
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
            let error = PathTemplate::parse(template, params, &[]).unwrap_err();
            assert!(error.contains(part), "{template}: {error}");
        }
    }
}
