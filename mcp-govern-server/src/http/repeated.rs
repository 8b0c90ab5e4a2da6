//! Names that stand twice in the arguments of a call.
//!
//! RFC 8259 leaves open which of two values counts. Most readers take the last one, and so does the protocol library; a proxy in
//! front that takes the first would have let another call through than the one that is made.

use std::{collections::HashSet, fmt};

use memchr::memmem;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Value, json, value::RawValue};

use crate::steps;

/// The answer to a call that has a name twice in one object of its arguments. None where there is no such name, and where the body
/// is no request: what is wrong with it otherwise is the protocol library's to say.
///
/// INVARIANT: such a call is not made (`a_call_that_gives_an_argument_twice_is_not_made`).
pub(super) fn refusal(body: &[u8]) -> Option<String> {
    let (id, name) = repeated(body)?;
    let shown: String = name.chars().take(LONGEST_NAME).collect();
    let message = format!("the arguments give `{shown}` twice in one object: give each name once");
    let error = json!({"code": INVALID_PARAMS, "message": message});
    Some(json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string())
}

/// A name that stands twice in one object of the arguments of a request.
#[cfg(test)]
pub(crate) fn repeated_name(body: &[u8]) -> Option<String> {
    repeated(body).map(|(_, name)| name)
}

/// The id of a request, and the name in its arguments that stands twice.
fn repeated(body: &[u8]) -> Option<(Value, String)> {
    // Few requests are calls: the others are not read twice.
    memmem::find(body, b"arguments")?;
    let message: Message<'_> = serde_json::from_slice(body).ok()?;
    // The parameters of a call have names: a list of them is not one.
    let params = message.params.map(RawValue::get).filter(|params| params.starts_with('{'))?;
    let params: Params = serde_json::from_str(params).ok()?;
    Some((message.id, params.arguments?.repeated?))
}

/// How many characters of a name are shown.
const LONGEST_NAME: usize = 128;
/// JSON-RPC 2.0, section 5.1.
const INVALID_PARAMS: i32 = -32_602;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(default)]
    id: Value,
    #[serde(default, borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Params {
    arguments: Option<Names>,
}

/// A value of any kind, of which only the names are looked at.
#[derive(Debug, Default)]
struct Names {
    /// The first that stands twice.
    repeated: Option<String>,
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        steps::tick();
        deserializer.deserialize_any(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
        let (mut seen, mut repeated) = (HashSet::new(), None);
        while let Some(name) = map.next_key::<String>()? {
            let within = map.next_value::<Names>()?.repeated;
            repeated = repeated.or_else(|| seen.contains(&name).then(|| name.clone())).or(within);
            seen.insert(name);
        }
        Ok(Names { repeated })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Names, A::Error> {
        let mut repeated = None;
        while let Some(names) = seq.next_element::<Names>()? {
            repeated = repeated.or(names.repeated);
        }
        Ok(Names { repeated })
    }

    fn visit_unit<E>(self) -> Result<Names, E> {
        Ok(Names::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Names, E> {
        Ok(Names::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Names, E> {
        Ok(Names::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Names, E> {
        Ok(Names::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Names, E> {
        Ok(Names::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Names, E> {
        Ok(Names::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeated(arguments: &str) -> Option<String> {
        let body = format!(r#"{{"id":1,"method":"tools/call","params":{{"name":"t","arguments":{arguments}}}}}"#);
        repeated_name(body.as_bytes())
    }

    #[test]
    fn a_name_that_stands_twice_is_found_at_any_depth_and_however_it_is_written() {
        assert_eq!(repeated(r#"{"page_id":"p1","page_id":"p2"}"#).as_deref(), Some("page_id"));
        assert_eq!(repeated(r#"{"page_id":"p1","page\u005fid":"p2"}"#).as_deref(), Some("page_id"));
        assert_eq!(repeated(r#"{"a":[1,{"b":{"c":1,"d":2,"c":null}}]}"#).as_deref(), Some("c"));
        for good in
            ["{}", "null", "[]", r#"{"a":{"a":{"a":[{"b":1},{"b":2}]}},"b":1}"#, r#"{"a":"b","A":1.5,"á":true}"#]
        {
            assert_eq!(repeated(good), None, "{good}");
        }
    }

    #[test]
    fn the_refusal_answers_the_request_and_names_what_stands_twice() {
        let body =
            r#"{"jsonrpc":"2.0","id":"x-1","method":"tools/call","params":{"name":"t","arguments":{"a":1,"a":2}}}"#;
        let refusal: Value = serde_json::from_str(&refusal(body.as_bytes()).unwrap()).unwrap();
        assert_eq!((&refusal["id"], &refusal["error"]["code"]), (&json!("x-1"), &json!(-32_602)));
        assert!(refusal["error"]["message"].as_str().unwrap().contains("`a` twice"), "{refusal}");
    }

    #[test]
    fn what_is_no_call_is_left_to_the_protocol_library() {
        for other in [
            "",
            "arguments",
            "[1]",
            r#"{"arguments":{"a":1,"a":2}}"#,
            r#"{"params":[{"arguments":{"a":1,"a":2}}]}"#,
            r#"{"params":{"arguments":{"a":1,"a":2}"#,
            r#"{"params":{"cursor":"arguments"}}"#,
        ] {
            assert_eq!(repeated_name(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    #[expect(clippy::format_collect, reason = "a test may ask for a little more memory")]
    fn names_are_looked_at_in_steps_that_grow_as_the_arguments_do() {
        let wide = |n: usize| (0..n).map(|at| format!("\"{at}\":[],")).collect::<String>();
        let counted = |n: usize| steps::counted(|| repeated(&format!("{{{}\"z\":1}}", wide(n)))).1;
        steps::assert_linear(counted, 1_000);
    }
}
