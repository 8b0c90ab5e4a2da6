//! Percent-encoding, the text form of plain values, and texts of others on one line.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::steps;

/// Everything but the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The percent-encoded form.
pub(crate) fn percent(text: &str) -> PercentEncode<'_> {
    steps::ticks(text.len());
    utf8_percent_encode(text, RESERVED)
}

/// The value of a hexadecimal digit, capital or small.
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The text of a plain value: booleans in small letters, whole numbers without a fraction. `None` for null, lists and
/// objects.
pub(crate) fn scalar_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(true) => Some(Cow::Borrowed("true")),
        Value::Bool(false) => Some(Cow::Borrowed("false")),
        Value::Number(number) => {
            if let Some(count) = number.as_u64() {
                return Some(Cow::Owned(count.to_string()));
            }
            let whole = number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9_007_199_254_740_992.0);
            match whole.filter(|_| number.is_f64()) {
                Some(whole) => Some(Cow::Owned(format!("{whole:.0}"))),
                None => Some(Cow::Owned(number.to_string())),
            }
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The count that an argument gives, as a number or as a text.
pub(crate) fn number(arguments: &Map<String, Value>, name: &str) -> Option<u64> {
    let value = arguments.get(name)?;
    value.as_u64().or_else(|| scalar_text(value)?.parse().ok())
}

/// One line of bounded length, without control characters and without what is not seen: a text must not look other than it reads.
pub(crate) fn one_line(text: &str, longest: usize) -> String {
    let mut line = String::new();
    for (count, c) in text.chars().filter(|c| !is_format_control(*c)).enumerate() {
        if count == longest {
            line.push('…');
            break;
        }
        line.push(if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c });
    }
    line
}

/// Characters that turn the direction of a text around or are not seen at all (Unicode, general category Cf, and the tags).
fn is_format_control(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(percent("aZ9-._~").to_string(), "aZ9-._~");
        assert_eq!(percent("a+b c/d?é\r\n").to_string(), "a%2Bb%20c%2Fd%3F%C3%A9%0D%0A");
    }

    #[test]
    fn plain_values_have_one_text() {
        let text = |value: Value| scalar_text(&value).map(Cow::into_owned);
        assert_eq!(text(json!(1.0)).as_deref(), Some("1"));
        assert_eq!(text(json!(1.5)).as_deref(), Some("1.5"));
        assert_eq!(text(json!(u64::MAX)).as_deref(), Some("18446744073709551615"));
        assert_eq!(text(json!(false)).as_deref(), Some("false"));
        assert_eq!(text(json!(null)), None);
        assert_eq!(text(json!([])), None);
    }
}
