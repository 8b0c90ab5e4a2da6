//! Names that stand twice in the arguments of a call.
//!
//! RFC 8259 leaves open which of two values counts. Most readers take the last one, and so does the protocol library; a proxy in
//! front that takes the first would have let another call through than the one that is made.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

use crate::steps;

/// How many characters of a name are shown.
const LONGEST_NAME: usize = 128;

/// A name that stands twice in one object of the arguments of a call, as far as it is shown. None where there is no such name, and where the
/// text cannot be read: what is wrong with it otherwise is said elsewhere.
///
/// INVARIANT: such a call is not made (`a_call_that_gives_an_argument_twice_is_not_made`).
pub(super) fn name_in(arguments: &str) -> Option<String> {
    let names: Names = serde_json::from_str(arguments).ok()?;
    names.repeated.map(|name| name.chars().take(LONGEST_NAME).collect())
}

/// A name that is twice in one object of the arguments of a request.
#[cfg(test)]
pub(crate) fn repeated_name(body: &[u8]) -> Option<String> {
    use serde_json::value::RawValue;

    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(default, borrow)]
        params: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Params<'a> {
        #[serde(borrow)]
        arguments: Option<&'a RawValue>,
    }
    let message: Message<'_> = serde_json::from_slice(body).ok()?;
    let params = message.params.map(RawValue::get).filter(|params| params.starts_with('{'))?;
    name_in(serde_json::from_str::<Params<'_>>(params).ok()?.arguments?.get())
}

/// A value of any kind, of which only the names are looked at.
#[derive(Debug, Default)]
struct Names {
    /// The first that is there twice.
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
