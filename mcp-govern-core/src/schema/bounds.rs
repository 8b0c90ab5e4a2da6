//! How large and how deep arguments may be, before anything else looks at them.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value};

use super::fault::escaped;
use crate::{denial::ArgumentFault, steps};

/// How many levels arguments may be nested, the object of all arguments being the first.
pub const MAX_DEPTH: usize = 64;

/// How many bytes the JSON text of all arguments may have.
pub const MAX_BYTES: usize = 1 << 20;

/// How many values all arguments may hold together: texts, numbers, lists, objects and their like, each counted wherever it is.
pub const MAX_VALUES: usize = 50_000;
/// How many bytes the names may have that lead to all values, those to each value counted for it. What is said of a value names its
/// place: long names over many values would come to the product of both.
const MAX_PLACES: usize = 8 << 20;
/// The largest integer that every JSON reader keeps exactly.
const SAFE: u64 = 1 << 53;

/// Says whether arguments are small enough to be looked at: 64 levels, 1 MiB, 50,000 values, no integer beyond 2^53 (it has no
/// canonical form, so that no digest of it could be put on record).
///
/// INVARIANT: the steps grow as the arguments do, and so do those of everything that looks at them afterwards
/// (`the_bounds_are_checked_in_steps_that_grow_as_the_arguments_do`).
pub(crate) fn bounded(arguments: &Map<String, Value>) -> Result<(), ArgumentFault> {
    let fault = |argument: &str, fault: String| Err(ArgumentFault { argument: escaped(argument), fault });
    let mut at_most = 2;
    let mut measure = Measure { values: 0, places: 0 };
    for (name, value) in arguments {
        match measure.measured(value, 2, name.len() + 1) {
            Ok(length) => at_most += text_length(name) + length,
            Err(Excess::Depth) => {
                return fault(name, format!("must not be nested deeper than {MAX_DEPTH} levels"));
            }
            Err(Excess::Values) => {
                return fault("", format!("all arguments together must not hold more than {MAX_VALUES} values"));
            }
            Err(Excess::Places) => {
                return fault(
                    name,
                    "holds too many values under long names or deep within lists: give fewer values, or shorter names"
                        .into(),
                );
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
pub(crate) fn fits(value: &impl Serialize, most: usize) -> bool {
    serde_json::to_writer(&mut Room(most), value).is_ok()
}

enum Excess {
    Depth,
    Number,
    Values,
    Places,
}

/// What was measured so far.
struct Measure {
    values: usize,
    places: usize,
}

impl Measure {
    /// Answers how many bytes the value's JSON text has at most, the mark behind it included. `place` is how long the names are that
    /// lead to it.
    fn measured(&mut self, value: &Value, depth: usize, place: usize) -> Result<usize, Excess> {
        steps::tick();
        self.values += 1;
        self.places = self.places.saturating_add(place);
        if self.values > MAX_VALUES {
            return Err(Excess::Values);
        }
        if self.places > MAX_PLACES {
            return Err(Excess::Places);
        }
        match value {
            Value::Array(_) | Value::Object(_) if depth > MAX_DEPTH => Err(Excess::Depth),
            Value::Array(items) => {
                items.iter().try_fold(3, |sum, item| Ok(sum + self.measured(item, depth + 1, place + INDEX)?))
            }
            Value::Object(map) => map.iter().try_fold(3, |sum, (name, item)| {
                Ok(sum + text_length(name) + self.measured(item, depth + 1, place + name.len() + 1)?)
            }),
            Value::Number(number) => match number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs)) {
                Some(size) if size > SAFE => Err(Excess::Number),
                Some(_) => Ok(18),
                None => Ok(number.to_string().len() + 1),
            },
            Value::String(text) => Ok(text_length(text)),
            Value::Null | Value::Bool(_) => Ok(6),
        }
    }
}

/// How long the place of an item within a list is written at most: so many digits, and what is before them.
const INDEX: usize = 6;

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
    }

    #[test]
    fn more_values_than_are_looked_at_are_refused_however_few_bytes_they_have() {
        assert!(bounded(&map(&json!({"list": vec![1; MAX_VALUES - 1]}))).is_ok());
        for many in [json!({"list": vec![1; MAX_VALUES]}), json!({"list": vec![json!([]); 300_000]})] {
            let fault = bounded(&map(&many)).unwrap_err();
            assert!(fault.argument.is_empty() && fault.fault.contains("50000 values"), "{}", fault.fault);
        }
    }

    #[test]
    fn a_long_name_over_many_values_is_refused() {
        let long = "n".repeat(500_000);
        let fault = bounded(&map(&json!({"open": {&long: vec![1; 10_000]}}))).unwrap_err();
        assert!(fault.argument == "open" && fault.fault.contains("shorter names"), "{}", fault.fault);
        let fault = bounded(&map(&json!({&long: 9_007_199_254_740_993_u64}))).unwrap_err();
        assert_eq!(fault.argument.len(), 128, "a name that a caller chose is cut");
        assert!(bounded(&map(&json!({"open": {&long: 1}}))).is_ok());
        assert!(bounded(&map(&json!({"open": {"n": vec![1; 10_000]}}))).is_ok());
    }

    #[test]
    fn the_bounds_are_checked_in_steps_that_grow_as_the_arguments_do() {
        let shapes: [fn(usize) -> Value; 3] = [
            |n| json!({"a": vec![1; n]}),
            |n| json!({"a": (0..n).map(|at| (at.to_string(), json!([]))).collect::<Map<_, _>>()}),
            |n| json!({"a": vec![nested(50); n / 50]}),
        ];
        for shape in shapes {
            steps::assert_linear(|n| steps::counted(|| bounded(&map(&shape(n))).is_ok()).1, 5_000);
        }
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
            assert!(
                Measure { values: 0, places: 0 }.measured(&value, 2, 0).is_ok_and(|at_most| at_most > length),
                "{value}"
            );
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
