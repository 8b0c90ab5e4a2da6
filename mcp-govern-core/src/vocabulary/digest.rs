//! SHA-256 digests, over exact bytes and over canonical JSON.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::hash;

/// A SHA-256 digest, written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Digest([u8; 32]);

/// Why no digest could be made or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// The text is not a digest.
    #[error("`{0}` is not a valid digest: expected `sha256:` and 64 hexadecimal digits")]
    Malformed(String),
    /// A number in the value cannot be written canonically: an integer beyond 2^53 would change in other readers.
    #[error("the number `{0}` is beyond 2^53 and has no canonical JSON form")]
    Number(String),
    /// The value is nested deeper than 128 levels.
    #[error("the value is nested deeper than 128 levels")]
    Depth,
    /// The value could not be serialised.
    #[error("the value has no JSON form: {0}")]
    Json(String),
}

impl Digest {
    /// The digest before the first record of a chain.
    pub const ZERO: Self = Self([0; 32]);

    /// The digest of exactly these bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(hash::sha256(bytes))
    }

    /// The digest of the RFC 8785 canonical JSON form of `value`.
    ///
    /// # Errors
    ///
    /// When the value has no JSON form, is nested too deep or holds an integer beyond 2^53.
    pub fn of_json(value: &impl Serialize) -> Result<Self, DigestError> {
        let value = serde_json::to_value(value).map_err(|error| DigestError::Json(error.to_string()))?;
        let mut bytes = Vec::new();
        write_canonical(&value, form(&value, 0)?, &mut bytes)?;
        Ok(Self::of_bytes(&bytes))
    }

    /// Whether [`Digest::of_json`] makes a digest of `value`, for a fraction of its cost.
    ///
    /// # Errors
    ///
    /// As [`Digest::of_json`].
    pub fn check_json(value: &impl Serialize) -> Result<(), DigestError> {
        let value = serde_json::to_value(value).map_err(|error| DigestError::Json(error.to_string()))?;
        form(&value, 0).map(drop)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Hands out the text. Every audit record holds several digests: writing them digit by digit was a tenth of the cost of a
    /// record.
    pub(crate) fn with_text<T>(&self, read: impl FnOnce(&str) -> T) -> T {
        let mut text = *b"sha256:0000000000000000000000000000000000000000000000000000000000000000";
        if let Some((_, hex)) = text.split_first_chunk_mut::<7>() {
            write_hex(hex, self.0);
        }
        read(str::from_utf8(&text).unwrap_or_default())
    }

    /// From 32 bytes that were computed elsewhere.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// Writes two hexadecimal digits for each byte.
pub(super) fn write_hex(places: &mut [u8], bytes: impl IntoIterator<Item = u8>) {
    for (place, byte) in places.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *place = PAIRS.get(usize::from(byte)).copied().unwrap_or_default();
    }
}

/// The two digits of each byte.
#[expect(
    clippy::indexing_slicing,
    reason = "made when this is compiled: an index out of bounds would be an error then"
)]
const PAIRS: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
};

/// Writes the RFC 8785 canonical JSON form of an object behind what `bytes` holds already.
pub(crate) fn write_canonical_object(map: &Map<String, Value>, bytes: &mut Vec<u8>) -> Result<(), DigestError> {
    write_canonical(map, form_of_object(map, 0)?, bytes)
}

fn write_canonical(value: &impl Serialize, form: Form, bytes: &mut Vec<u8>) -> Result<(), DigestError> {
    let written = match form {
        Form::Plain => serde_json::to_writer(bytes, value),
        Form::Any => serde_json_canonicalizer::to_writer(value, bytes),
    };
    written.map_err(|error| DigestError::Json(error.to_string()))
}

/// How a value gets its canonical form.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// It is written canonically as it is: names in order and in ASCII, no fractions. Most arguments of calls are.
    Plain,
    Any,
}

impl Form {
    fn and(self, other: Self) -> Self {
        if self == Self::Plain { other } else { self }
    }
}

fn form(value: &Value, depth: usize) -> Result<Form, DigestError> {
    const SAFE: u64 = 1 << 53;
    if depth > 128 {
        return Err(DigestError::Depth);
    }
    match value {
        Value::Number(number) => {
            let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            match whole {
                None => Ok(Form::Any),
                Some(whole) if whole <= SAFE => Ok(Form::Plain),
                Some(_) => Err(DigestError::Number(number.to_string())),
            }
        }
        Value::Array(items) => items.iter().try_fold(Form::Plain, |found, item| Ok(found.and(form(item, depth + 1)?))),
        Value::Object(map) => form_of_object(map, depth),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(Form::Plain),
    }
}

fn form_of_object(map: &Map<String, Value>, depth: usize) -> Result<Form, DigestError> {
    let in_order = map.keys().is_sorted() && map.keys().all(|name| name.is_ascii());
    let own = if in_order { Form::Plain } else { Form::Any };
    map.values().try_fold(own, |found, item| Ok(found.and(form(item, depth + 1)?)))
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || DigestError::Malformed(text.chars().take(80).collect());
        let digits = text.strip_prefix("sha256:").filter(|d| d.len() == 64 && d.is_ascii()).ok_or_else(refuse)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| refuse())?;
            if pair.bytes().any(|b| b.is_ascii_uppercase() || b == b'+') {
                return Err(refuse());
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| refuse())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_a_digest_is_found_without_making_it() {
        let deep = (0..130).fold(serde_json::json!(1), |value, _| serde_json::json!([value]));
        for value in [serde_json::json!({"b": [1.5, "é"], "a": null}), serde_json::json!(1_u64 << 60), deep] {
            assert_eq!(Digest::check_json(&value), Digest::of_json(&value).map(drop), "{value}");
        }
        assert!(Digest::check_json(&serde_json::json!(1_u64 << 60)).is_err());
    }

    #[test]
    fn key_order_does_not_change_a_digest() {
        let one: Value = serde_json::from_str(r#"{"b":1,"a":[true,null]}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{ "a" : [true, null], "b" : 1.0 }"#).unwrap();
        assert_eq!(Digest::of_json(&one).unwrap(), Digest::of_json(&two).unwrap());
        assert_ne!(Digest::of_json(&one).unwrap(), Digest::of_json(&json!({"a": [true], "b": 1})).unwrap());
    }

    proptest! {
        #[test]
        fn the_short_way_to_the_canonical_form_leads_to_the_same_bytes(value in json_values()) {
            let canonical = serde_json_canonicalizer::to_vec(&value).unwrap();
            let mut written = Vec::new();
            write_canonical(&value, form(&value, 0).unwrap(), &mut written).unwrap();
            prop_assert_eq!(written, canonical);
        }
    }

    fn json_values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-(1_i64 << 53)..=1 << 53).prop_map(Value::from),
            any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\\x00-\\x7f]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner.clone(), 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
                prop::collection::btree_map("[\\x00-\\x7f]{0,4}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn integers_beyond_two_to_the_53rd_are_refused() {
        assert!(Digest::of_json(&json!({"n": 1u64 << 53})).is_ok());
        assert!(matches!(Digest::of_json(&json!([(1u64 << 53) + 1])), Err(DigestError::Number(_))));
        assert!(matches!(Digest::of_json(&json!(i64::MIN)), Err(DigestError::Number(_))));
    }

    #[test]
    fn a_digest_is_read_as_it_was_written_and_in_no_other_way() {
        let digest = Digest::of_bytes(b"abc");
        assert_eq!(digest.to_string(), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
        assert!("sha256:00".parse::<Digest>().is_err());
    }
}
