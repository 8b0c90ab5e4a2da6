//! How many values a text of JSON holds, counted before anything is built of them.

use memchr::memchr2;

use crate::steps;

/// Whether a text of JSON holds no more than so many values. A value takes up to fifty times its text in memory: bytes alone bound
/// nothing. The parser refuses what is not JSON.
pub(crate) fn holds_at_most(json: &[u8], most: usize) -> bool {
    let (mut rest, mut values) = (json, 1_usize);
    while let Some((byte, behind)) = rest.split_first() {
        steps::tick();
        rest = behind;
        match byte {
            b'"' => rest = behind_string(rest),
            // Each stands before a value; that of an empty list or object stands for the room that it takes.
            b',' | b'[' | b'{' => {
                values += 1;
                if values > most {
                    return false;
                }
            }
            _ => {}
        }
    }
    true
}

/// What follows a string of which the opening quote was read.
fn behind_string(mut rest: &[u8]) -> &[u8] {
    while let Some((before, found)) = memchr2(b'"', b'\\', rest).and_then(|at| rest.split_at_checked(at)) {
        steps::ticks(before.len());
        match found {
            [b'"', behind @ ..] => return behind,
            [_, _, behind @ ..] => rest = behind,
            _ => break,
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_wherever_they_stand_and_texts_are_one() {
        for (json, values) in [
            ("1", 1),
            (r#"{"a":1,"b":[2,3]}"#, 5),
            ("[[],[],{}]", 7),
            (r#"["a,b,c[[[{{{\",\"[","\\"]"#, 3),
            (r#"{"a":"unfinished,,,,"#, 2),
        ] {
            assert!(holds_at_most(json.as_bytes(), values), "{json} has more than {values}");
            assert!(values == 1 || !holds_at_most(json.as_bytes(), values - 1), "{json} has fewer than {values}");
        }
    }

    #[test]
    fn the_count_takes_steps_that_grow_as_the_text_does() {
        for unit in ["[],", r#""a\"b","#, r"\", "\"", r#"{"id":"p1"},"#] {
            let counted = |n: usize| steps::counted(|| holds_at_most(unit.repeat(n).as_bytes(), usize::MAX)).1;
            steps::assert_linear(counted, 1_000);
        }
    }
}
