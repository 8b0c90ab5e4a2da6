//! Seconds in a document: a number, or a duration as people write it.

use std::fmt;

use serde::{
    Deserializer,
    de::{Error, Visitor},
};

use crate::vocabulary::parse_duration;

/// Whole seconds: a number, or a duration such as `"8h"` ([`parse_duration`]). For `#[serde(deserialize_with)]`.
///
/// # Errors
///
/// When it is something else; the message says what is expected.
pub fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_any(Seconds)
}

/// As [`seconds`], for a field that may be left out (with `#[serde(default)]`).
///
/// # Errors
///
/// As [`seconds`].
pub fn optional_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    seconds(deserializer).map(Some)
}

struct Seconds;

impl Visitor<'_> for Seconds {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds as a number, or a duration such as \"45m\", \"8h\" or \"30d\"")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<u64, E> {
        Ok(seconds)
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<u64, E> {
        u64::try_from(seconds).map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(seconds), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        let duration = parse_duration(text).map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))?;
        Ok(duration.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Table {
        #[serde(deserialize_with = "seconds")]
        after: u64,
        #[serde(default, deserialize_with = "optional_seconds")]
        longest: Option<u64>,
    }

    #[test]
    fn seconds_are_a_number_or_a_duration_as_people_write_it() {
        let read = |json: &str| serde_json::from_str::<Table>(json);
        let table = read(r#"{"after": 90, "longest": "8h"}"#).unwrap();
        assert_eq!((table.after, table.longest), (90, Some(28_800)));
        assert_eq!(read(r#"{"after": "2w"}"#).unwrap().longest, None);
        for json in [r#"{"after": "8 hours"}"#, r#"{"after": -1}"#, r#"{"after": 1.5}"#, r#"{"after": true}"#] {
            assert!(read(json).unwrap_err().to_string().contains("\"8h\""), "{json}");
        }
    }
}
