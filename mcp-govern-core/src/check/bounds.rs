//! How large and how deep arguments may be, before anything else looks at them.

use std::io::{self, Write};

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
    for (name, value) in arguments {
        match measured(value, 2) {
            Ok(()) => {}
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
    let mut room = Room(MAX_BYTES);
    if serde_json::to_writer(&mut room, arguments).is_err() {
        return fault("", format!("all arguments together must not be longer than {MAX_BYTES} bytes"));
    }
    Ok(())
}

enum Excess {
    Depth,
    Number,
}

fn measured(value: &Value, depth: usize) -> Result<(), Excess> {
    match value {
        Value::Array(_) | Value::Object(_) if depth > MAX_DEPTH => Err(Excess::Depth),
        Value::Array(items) => items.iter().try_for_each(|item| measured(item, depth + 1)),
        Value::Object(map) => map.values().try_for_each(|item| measured(item, depth + 1)),
        Value::Number(number) => {
            let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            if size.is_none_or(|size| size <= SAFE) { Ok(()) } else { Err(Excess::Number) }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
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
    }

    #[test]
    fn an_integer_that_has_no_canonical_form_is_refused_wherever_it_stands() {
        for value in [json!(9_007_199_254_740_993_u64), json!([-9_007_199_254_740_993_i64]), json!({"a": u64::MAX})] {
            assert!(bounded(&map(&json!({"n": value}))).is_err());
        }
        assert!(bounded(&map(&json!({"n": 9_007_199_254_740_992_u64, "x": 1e300}))).is_ok());
    }
}
