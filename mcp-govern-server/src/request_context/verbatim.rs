//! Results as the vendor wrote them.
//!
//! The protocol library holds a result as a tree of values. To build that tree from the vendor's text and to write it out again costs more than
//! the rest of an answer, and digits are lost on the way. Where a text can go out as it is, a mark goes through the library instead, and
//! the ingress puts the text in its place.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use axum::body::Bytes;
use memchr::memmem;
use serde_json::{Value, value::RawValue};

use crate::{ServerError, message::behind_string, seal::random_bytes, steps};

/// How deep a text may be nested to go out as it is: every reader of JSON can follow it there.
const DEEPEST: u32 = 64;
/// How many digits a number may have for that: none of them is beyond what a reader can take in.
const MOST_DIGITS: u32 = 32;

/// The mark that replaces results. It is random, so that no vendor and no client can write it.
///
/// INVARIANT: it never leaves the process (`a_result_goes_out_as_the_vendor_wrote_it`).
#[derive(Clone)]
pub(crate) struct Mark(Arc<str>);

/// Where the result of a request waits until the request's answer is written.
pub(crate) struct Slot {
    mark: Mark,
    text: Mutex<Option<Box<RawValue>>>,
}

impl Mark {
    pub(crate) fn random() -> Result<Self, ServerError> {
        let bytes = random_bytes::<16>()?;
        Ok(Self(format!("verbatim-{:032x}", u128::from_ne_bytes(bytes)).into()))
    }

    /// A slot for one request.
    pub(crate) fn slot(&self) -> Slot {
        Slot { mark: self.clone(), text: Mutex::new(None) }
    }
}

impl Slot {
    /// Takes a result in; answers the mark that replaces it.
    pub(crate) fn keep(&self, text: Box<RawValue>) -> Value {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        Value::from(&*self.mark.0)
    }

    /// The result that was taken in.
    pub(crate) fn take(&self) -> Option<Box<RawValue>> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// An answer with a result in the place of its mark. Results stand behind their texts for models: the mark is looked for from the end.
    pub(crate) fn put_into(&self, answer: Bytes, text: &RawValue) -> Bytes {
        let mark = [b"\"", self.mark.0.as_bytes(), b"\""].concat();
        let place = memmem::rfind(&answer, &mark).and_then(|at| answer.split_at_checked(at));
        let Some((before, behind)) = place.and_then(|(before, at)| Some((before, at.strip_prefix(&*mark)?))) else {
            return answer;
        };
        [before, text.get().as_bytes(), behind].concat().into()
    }
}

/// Whether every reader of JSON reads a text alike, so that it can go out as it is: no half of a pair of surrogates, no exponents, no
/// number of many digits, no deep nesting.
pub(crate) fn is_plain(text: &str) -> bool {
    if text.contains(r"\ud") || text.contains(r"\uD") {
        return false;
    }
    let (mut rest, mut depth, mut digits) = (text.as_bytes(), 0_u32, 0);
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        steps::tick();
        match byte {
            b'0'..=b'9' if digits == MOST_DIGITS => return false,
            b'0'..=b'9' => digits += 1,
            b'.' => {}
            b'e' | b'E' if digits > 0 => return false,
            b'{' | b'[' if depth == DEEPEST => return false,
            other => {
                digits = 0;
                match other {
                    b'"' => rest = behind_string(rest),
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
            }
        }
    }
    true
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mark(***)")
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot(***)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;

    use super::*;

    #[test]
    fn a_text_takes_the_place_of_its_mark_and_of_nothing_else() {
        let mark = Mark::random().unwrap();
        let slot = mark.slot();
        let stands = slot.keep(to_raw_value(&[1, 2]).unwrap()).to_string();
        let text = slot.take().unwrap();
        assert!(slot.take().is_none());
        let answer = format!(r#"{{"text":"\"{}\"","value":{stands},"more":1}}"#, "verbatim-0");
        let whole = slot.put_into(answer.clone().into(), &text);
        assert_eq!(whole, answer.replace(&stands, "[1,2]"));
        let without = Bytes::from_static(b"{}");
        assert_eq!(slot.put_into(without.clone(), &text), without);
        let other = Mark::random().unwrap().slot();
        assert_eq!(other.put_into(answer.clone().into(), &text), answer);
    }

    #[test]
    fn what_readers_may_read_differently_is_not_plain() {
        let digits = "1".repeat(32);
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        for plain in [
            "{}",
            "true",
            "-0.5",
            r#"{"a":[1,2.25,true,false,null,"1e5","\\","\"[[[","\u00e9"],"1e999":{}}"#,
            &digits,
            &deep(64),
            &format!("[{},{}]", deep(63), deep(63)),
        ] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in [
            "1e999",
            "[1.5E3]",
            r#"{"a":"\ud800"}"#,
            r#""\uDEAD""#,
            &format!("{digits}1"),
            &format!("0.{digits}"),
            &deep(65),
            &format!(r#"["a",{}]"#, deep(64)),
        ] {
            assert!(!is_plain(other), "{other}");
        }
    }

    #[test]
    fn a_mark_is_not_shown() {
        let mark = Mark::random().unwrap();
        let shown = format!("{mark:?} {:?}", mark.slot());
        assert!(!shown.contains(&*mark.0), "{shown}");
    }
}
