//! How large and how deep arguments may be, before anything else looks at them.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::denial::ArgumentFault;

/// How many levels arguments may be nested, the object of all arguments being the first.
pub const MAX_DEPTH: usize = 64;

/// How many bytes the JSON text of all arguments may have.
pub const MAX_BYTES: usize = 1 << 20;

/// The largest integer that every JSON reader keeps exactly.
const SAFE: u64 = 1 << 53;

/// Says whether arguments are small enough to be looked at: 64 levels, 1 MiB, no integer beyond 2^53 (it has no canonical form,
/// so that no digest of it could be put on record).
pub(super) fn bounded(arguments: &Map<String, Value>) -> Result<(), ArgumentFault> {
    let fault = |argument: &str, fault: String| Err(ArgumentFault { argument: argument.to_owned(), fault });
    let mut at_most = 2;
    for (name, value) in arguments {
        match measured(value, 2) {
            Ok(length) => at_most += text_length(name) + length,
            Err(Excess::Depth) => {
                return fault(name, format!("must not be nested deeper than {MAX_DEPTH} levels"));
            }
            Err(Excess::Number) => {
                return fault(
                    name,
                    "must not hold an integer beyond 2^53; give it as text if the tool takes one".into(),
                );
            }
        }
    }
    if at_most > MAX_BYTES && !fits(arguments, MAX_BYTES) {
        return fault("", format!("all arguments together must not be longer than {MAX_BYTES} bytes"));
    }
    Ok(())
}

/// Whether the JSON text of a value has at most so many bytes.
pub(super) fn fits(value: &impl Serialize, most: usize) -> bool {
    serde_json::to_writer(&mut Room(most), value).is_ok()
}

enum Excess {
    Depth,
    Number,
}

/// Answers how many bytes the value's JSON text has at most, the mark behind it included.
fn measured(value: &Value, depth: usize) -> Result<usize, Excess> {
    match value {
        Value::Array(_) | Value::Object(_) if depth > MAX_DEPTH => Err(Excess::Depth),
        Value::Array(items) => items.iter().try_fold(3, |sum, item| Ok(sum + measured(item, depth + 1)?)),
        Value::Object(map) => {
            map.iter().try_fold(3, |sum, (name, item)| Ok(sum + text_length(name) + measured(item, depth + 1)?))
        }
        Value::Number(number) => match number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs)) {
            Some(size) if size > SAFE => Err(Excess::Number),
            Some(_) => Ok(18),
            None => Ok(number.to_string().len() + 1),
        },
        Value::String(text) => Ok(text_length(text)),
        Value::Null | Value::Bool(_) => Ok(6),
    }
}

/// Every byte of a text may be written with six, for example as `\u0000`.
fn text_length(text: &str) -> usize {
    text.len() * 6 + 3
}

/// Takes so many bytes and no more.
struct Room(usize);

impl Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, _| json!([inner]))
    }

    #[test]
    fn arguments_of_sixty_four_levels_pass_and_of_sixty_five_do_not() {
        assert!(bounded(&map(&json!({"deep": nested(63)}))).is_ok());
        let fault = bounded(&map(&json!({"deep": nested(64)}))).unwrap_err();
        assert_eq!(fault.argument, "deep");
        assert!(fault.fault.contains("64 levels"), "{}", fault.fault);
        assert!(bounded(&map(&json!({"deep": nested(100)}))).is_err());
    }

    #[test]
    fn arguments_of_more_than_a_mebibyte_are_refused() {
        assert!(bounded(&map(&json!({"text": "a".repeat(MAX_BYTES - 11)}))).is_ok());
        assert!(bounded(&map(&json!({"text": "a".repeat(MAX_BYTES - 10)}))).is_err());
        assert!(bounded(&map(&json!({"text": "\u{1}".repeat(MAX_BYTES / 6)}))).is_err());
        assert!(bounded(&map(&json!({"text": "\u{1}".repeat(MAX_BYTES / 6 - 2)}))).is_ok());
        assert!(bounded(&map(&json!({"list": vec![false; MAX_BYTES / 6]}))).is_err());
    }

    #[test]
    fn no_json_text_is_longer_than_it_was_measured() {
        for value in [
            json!(null),
            json!(false),
            json!(-9_007_199_254_740_992_i64),
            json!([]),
            json!({}),
            json!(""),
            json!([-1.797_693_134_862_315_7e308, 5e-324, 0.1]),
            json!({"\u{0}\"\\": "\u{1f}\n/é", "": [[], {}, {"a": [true, null, "b"]}]}),
        ] {
            let length = value.to_string().len();
            assert!(measured(&value, 2).is_ok_and(|at_most| at_most > length), "{value}");
        }
    }

    #[test]
    fn an_integer_that_has_no_canonical_form_is_refused_wherever_it_stands() {
        for value in [json!(9_007_199_254_740_993_u64), json!([-9_007_199_254_740_993_i64]), json!({"a": u64::MAX})] {
            assert!(bounded(&map(&json!({"n": value}))).is_err());
        }
        assert!(bounded(&map(&json!({"n": 9_007_199_254_740_992_u64, "x": 1e300}))).is_ok());
    }
}
