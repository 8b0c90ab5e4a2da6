//! JSON pointers (RFC 6901) into the vendor's bytes, without building a tree.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, value::RawValue};

use crate::steps;

/// Bytes of a value that becomes a tree.
const LONGEST_VALUE: usize = 64 << 10;

/// A JSON pointer, parsed. The empty pointer is the whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pointer {
    tokens: Vec<String>,
}

impl Pointer {
    /// Parses a pointer such as `/data/0/id`, or the empty text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let rest =
            text.strip_prefix('/').ok_or_else(|| format!("`{text}` is not a JSON pointer: expected `/name/…`"))?;
        Ok(Self { tokens: rest.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect() })
    }

    pub(crate) fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// The text at the pointer; the last one where a name is there twice.
    ///
    /// # Errors
    ///
    /// When the text is not JSON.
    pub(crate) fn find<'a>(&self, json: &'a str) -> Result<Option<&'a str>, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let found = Seek { tokens: &self.tokens }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(found.map(RawValue::get))
    }

    /// The value at the pointer. What is not JSON holds nothing, and what is long is none of the marks, messages and counts that
    /// are looked for in this way.
    pub(crate) fn value(&self, json: &str) -> Option<Value> {
        let found = self.find(json).ok()??;
        if found.len() > LONGEST_VALUE {
            return None;
        }
        serde_json::from_str(found).ok()
    }

    /// The plain text at the pointer: texts as they are, numbers and booleans written out.
    pub(crate) fn text(&self, json: &str) -> Option<String> {
        let value = self.value(json)?;
        crate::text::scalar_text(&value).map(std::borrow::Cow::into_owned)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tokens.iter().try_for_each(|token| write!(f, "/{}", token.replace('~', "~0").replace('/', "~1")))
    }
}

/// Walks down one token per level; everything beside the path is skipped.
struct Seek<'t> {
    tokens: &'t [String],
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.tokens {
            [] => <&RawValue as serde::Deserialize>::deserialize(deserializer).map(Some),
            [_, ..] => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let Some((first, rest)) = self.tokens.split_first() else { return Ok(None) };
        while let Some(hit) = map.next_key_seed(Is(first))? {
            steps::tick();
            if hit {
                found = map.next_value_seed(Seek { tokens: rest })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let Some((first, rest)) = self.tokens.split_first() else { return Ok(None) };
        let wanted = first.parse::<usize>().ok();
        let mut found = None;
        let mut at = 0;
        loop {
            steps::tick();
            if Some(at) == wanted {
                match seq.next_element_seed(Seek { tokens: rest })? {
                    Some(element) => found = element,
                    None => return Ok(found),
                }
            } else if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(found);
            }
            at += 1;
        }
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Compares a key without keeping it.
struct Is<'t>(&'t str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pointer: &str, json: &str) -> Option<String> {
        Pointer::parse(pointer).unwrap().find(json).unwrap().map(str::to_owned)
    }

    #[test]
    fn the_vendors_bytes_are_found_as_they_stand() {
        let json = r#" {"a": {"b": [1, {"c": 1.10}]}, "x/y": "\u0041", "n": null} "#;
        assert_eq!(find("/a/b/1/c", json).as_deref(), Some("1.10"));
        assert_eq!(find("/x~1y", json).as_deref(), Some(r#""\u0041""#));
        assert_eq!(find("/n", json).as_deref(), Some("null"));
        assert_eq!(find("/a/b/7", json), None);
        assert_eq!(find("/a/b/c/d", json), None);
        assert_eq!(find("/n/x", json), None);
        assert_eq!(find("", "[1]").as_deref(), Some("[1]"));
        assert_eq!(find("/a", r#"{"a":1,"a":2}"#).as_deref(), Some("2"));
        assert_eq!(Pointer::parse("/x~1y").unwrap().text(json).as_deref(), Some("A"));
    }

    #[test]
    fn what_is_long_is_no_mark_and_a_place_is_found_in_steps_that_grow_as_the_text_does() {
        let long = format!(r#"{{"next":[{}1]}}"#, "1,".repeat(40_000));
        assert!(Pointer::parse("/next").unwrap().value(&long).is_none());
        assert!(find("/next", &long).is_some());
        for pointer in ["/a/b/c", "/items/7/id", ""] {
            let pointer = Pointer::parse(pointer).unwrap();
            let shapes: [fn(usize) -> String; 3] = [
                |n| format!("{{{}\"z\":1}}", r#""a":{"b":{"c":[1,2]}},"#.repeat(n)),
                |n| format!(r#"{{"items":[{}1]}}"#, r#"{"id":1},"#.repeat(n)),
                |n| format!("{}{}", r#"{"a":"#.repeat(n.min(100)), "}".repeat(n.min(100))),
            ];
            for shape in shapes {
                // What is skipped is skipped by the parser, which looks at no byte twice.
                let counted = |n: usize| steps::counted(|| drop(pointer.find(&shape(n)))).1 + shape(n).len() as u64;
                steps::assert_linear(counted, 500);
            }
        }
    }

    #[test]
    fn what_is_no_json_or_goes_on_after_its_end_is_an_error() {
        for json in ["{", "{\"a\":1} x", "<html>", "", "{\"a\":}"] {
            assert!(Pointer::parse("/a").unwrap().find(json).is_err(), "{json}");
        }
        assert!(Pointer::parse("a/b").is_err());
    }
}
