//! The caller's own credential in what a vendor sends back, in whatever form it is there.

use std::collections::VecDeque;

use mcp_govern_core::{Credential, Secret};

use crate::{steps, text::hex_digit};

/// What is put in place of a secret.
pub(crate) const MASK: &str = "***";

/// Takes the caller's own secrets out of whatever the vendor sends back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Redactor<'a> {
    credential: Option<&'a Credential>,
}

/// Shorter secrets are not looked for: they would mask ordinary words.
const SHORTEST: usize = 6;

impl<'a> Redactor<'a> {
    /// For the secrets of a credential, in every form in which a body may repeat them.
    pub(crate) fn new(credential: Option<&'a Credential>) -> Self {
        Self { credential }
    }

    /// The text without the secrets; `None` when it holds none.
    ///
    /// A secret is found as it is, with any of its characters escaped as JSON escapes them (`\u002B`, `\/`, `\n`), once or
    /// twice over, and with any of them percent-encoded, each by itself or in all: what a text says when it is read is
    /// compared, not how it is written. Each secret is looked for in a fixed number of passes over the text.
    ///
    /// INVARIANT: no form is passed over, and the steps grow as the text does (`a_secret_is_found_in_every_form_a_body_gives_it`,
    /// `the_redactor_takes_steps_that_grow_as_the_text_does`).
    pub(crate) fn redacts(self, text: &str) -> Option<String> {
        let secrets: Vec<&[u8]> = self.secrets().map(|secret| secret.expose().as_bytes()).collect();
        if secrets.is_empty() {
            return None;
        }
        steps::ticks(text.len());
        let is_escaped = text.bytes().any(|byte| matches!(byte, b'\\' | b'%'));
        let mut found = Vec::new();
        for secret in self.secrets() {
            found.extend(text.match_indices(secret.expose()).map(|(at, piece)| (at, at + piece.len())));
        }
        if is_escaped {
            for secret in secrets {
                let search = Search::new(secret);
                search.collect(unescaped(plain(text)), &mut found);
                search.collect(unescaped(unescaped(plain(text))), &mut found);
                search.collect(percent_decoded(plain(text)), &mut found);
                search.collect(percent_decoded(unescaped(plain(text))), &mut found);
            }
        }
        (!found.is_empty()).then(|| masked(text, found))
    }

    /// The text, redacted.
    pub(crate) fn clean(self, text: String) -> String {
        self.redacts(&text).unwrap_or(text)
    }

    fn secrets(self) -> impl Iterator<Item = &'a Secret> {
        let secrets = self.credential.into_iter().flat_map(|credential| credential.fields().values());
        secrets.filter(|secret| secret.expose().len() >= SHORTEST)
    }
}

/// The text with a mask in place of each of these stretches; those that touch are one.
fn masked(text: &str, mut found: Vec<(usize, usize)>) -> String {
    found.sort_unstable();
    let mut clean = String::with_capacity(text.len());
    let mut shown = 0;
    let mut behind_mask = false;
    for (start, end) in found {
        if start > shown || !behind_mask {
            clean.push_str(text.get(shown..start).unwrap_or_default());
            clean.push_str(MASK);
        }
        behind_mask = true;
        shown = shown.max(end);
    }
    clean.push_str(text.get(shown..).unwrap_or_default());
    clean
}

/// A byte that a reader of the text would see, and the stretch of the text that it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Read {
    byte: u8,
    start: usize,
    end: usize,
}

/// The bytes of a text as they are.
fn plain(text: &str) -> impl Iterator<Item = Read> {
    text.bytes().enumerate().map(|(at, byte)| Read { byte, start: at, end: at + 1 })
}

/// As a reader of JSON reads the text of a string.
fn unescaped(bytes: impl Iterator<Item = Read>) -> impl Iterator<Item = Read> {
    Escapes::new(bytes, json_escape)
}

/// As a reader of an address reads it.
fn percent_decoded(bytes: impl Iterator<Item = Read>) -> impl Iterator<Item = Read> {
    Escapes::new(bytes, percent_escape)
}

/// The longest escape: `\ud83d\ude00`.
const LONGEST_ESCAPE: usize = 12;

/// What an escape means, and how many bytes it is written with.
struct Escape {
    bytes: [u8; 4],
    count: usize,
    written: usize,
}

impl Escape {
    fn byte(byte: u8, written: usize) -> Self {
        Self { bytes: [byte, 0, 0, 0], count: 1, written }
    }

    fn character(character: char, written: usize) -> Self {
        let mut bytes = [0; 4];
        let count = character.encode_utf8(&mut bytes).len();
        Self { bytes, count, written }
    }
}

/// `%2B`.
fn percent_escape(ahead: &[u8]) -> Option<Escape> {
    let [b'%', high, low, ..] = ahead else { return None };
    Some(Escape::byte(hex_digit(*high)? << 4 | hex_digit(*low)?, 3))
}

/// `\u002B`, `\/`, `\n` and the others of RFC 8259, section 7.
fn json_escape(ahead: &[u8]) -> Option<Escape> {
    let [b'\\', kind, ..] = ahead else { return None };
    let byte = match kind {
        b'"' | b'\\' | b'/' => *kind,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return unicode_escape(ahead),
        _ => return None,
    };
    Some(Escape::byte(byte, 2))
}

fn unicode_escape(ahead: &[u8]) -> Option<Escape> {
    let unit = |at: usize| match ahead.get(at..at + 6)? {
        [b'\\', b'u', digits @ ..] => {
            digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | u16::from(hex_digit(*digit)?)))
        }
        _ => None,
    };
    let first = unit(0)?;
    if let Some(character) = char::from_u32(u32::from(first)) {
        return Some(Escape::character(character, 6));
    }
    // Half of a pair says nothing by itself.
    let character = char::decode_utf16([first, unit(6)?]).next()?.ok()?;
    Some(Escape::character(character, LONGEST_ESCAPE))
}

/// Bytes with their escapes decoded.
struct Escapes<I> {
    bytes: I,
    decode: fn(&[u8]) -> Option<Escape>,
    /// Read, and not yet looked at.
    ahead: VecDeque<Read>,
    /// The rest of a character of which the first byte was handed out.
    ready: VecDeque<Read>,
}

impl<I: Iterator<Item = Read>> Escapes<I> {
    fn new(bytes: I, decode: fn(&[u8]) -> Option<Escape>) -> Self {
        Self { bytes, decode, ahead: VecDeque::new(), ready: VecDeque::new() }
    }

    /// What the escape means that the next bytes may be; nothing is taken where they are none.
    fn decoded(&mut self, first: Read) -> Option<Read> {
        while self.ahead.len() < LONGEST_ESCAPE
            && let Some(next) = self.bytes.next()
        {
            self.ahead.push_back(next);
        }
        let mut written = [0; LONGEST_ESCAPE];
        written.iter_mut().zip(&self.ahead).for_each(|(place, read)| *place = read.byte);
        let escape = (self.decode)(written.get(..self.ahead.len())?)?;
        let end = self.ahead.drain(..escape.written).next_back()?.end;
        let bytes = escape.bytes.into_iter().take(escape.count);
        self.ready.extend(bytes.map(|byte| Read { byte, start: first.start, end }));
        self.ready.pop_front()
    }
}

impl<I: Iterator<Item = Read>> Iterator for Escapes<I> {
    type Item = Read;

    fn next(&mut self) -> Option<Read> {
        steps::tick();
        if let Some(read) = self.ready.pop_front() {
            return Some(read);
        }
        if self.ahead.is_empty() {
            let first = self.bytes.next()?;
            if !matches!(first.byte, b'\\' | b'%') {
                return Some(first);
            }
            self.ahead.push_back(first);
        }
        let first = *self.ahead.front()?;
        if matches!(first.byte, b'\\' | b'%')
            && let Some(decoded) = self.decoded(first)
        {
            return Some(decoded);
        }
        self.ahead.pop_front()
    }
}

/// Looks for one text in bytes that come one by one (Knuth, Morris and Pratt): no byte is looked at twice.
struct Search<'s> {
    wanted: &'s [u8],
    /// How long the longest beginning is that also ends at each place.
    borders: Vec<usize>,
}

impl<'s> Search<'s> {
    fn new(wanted: &'s [u8]) -> Self {
        let mut search = Self { wanted, borders: Vec::with_capacity(wanted.len()) };
        let mut matched = 0;
        for (at, byte) in wanted.iter().enumerate() {
            matched = if at == 0 { 0 } else { search.next(matched, *byte) };
            search.borders.push(matched);
        }
        search
    }

    /// Adds the stretches of the text that say what is wanted.
    fn collect(&self, bytes: impl Iterator<Item = Read>, found: &mut Vec<(usize, usize)>) {
        let mut matched = 0;
        // Where the last bytes began, as many as are wanted.
        let mut starts = VecDeque::with_capacity(self.wanted.len() + 1);
        for read in bytes {
            matched = self.next(matched, read.byte);
            starts.push_back(read.start);
            if starts.len() > self.wanted.len() {
                starts.pop_front();
            }
            if matched == self.wanted.len()
                && let Some(start) = starts.front()
            {
                found.push((*start, read.end));
            }
        }
    }

    /// How much is matched after one more byte.
    fn next(&self, mut matched: usize, byte: u8) -> usize {
        loop {
            steps::tick();
            if self.wanted.get(matched) == Some(&byte) {
                return matched + 1;
            }
            match matched.checked_sub(1).and_then(|last| self.borders.get(last)) {
                Some(shorter) => matched = *shorter,
                None => return 0,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::AuthMethodId;
    use proptest::prelude::*;

    use super::*;

    fn credential(secret: &str) -> Credential {
        Credential::new(AuthMethodId::new("api_key").unwrap()).with_field("token", Secret::new(secret))
    }

    fn redacted(secret: &str, text: &str) -> Option<String> {
        Redactor::new(Some(&credential(secret))).redacts(text)
    }

    #[test]
    fn a_secret_is_found_in_every_form_a_body_gives_it() {
        for text in [r#"{"a":"s3cr/t\"+x"}"#, r#"{"a":"s3cr\/t\"+x"}"#, "?apiKey=s3cr%2Ft%22%2Bx&b=1", "s3cr/t\"+x"] {
            let clean = redacted("s3cr/t\"+x", text).unwrap();
            assert!(clean.contains(MASK) && !clean.contains("s3cr"), "{clean}");
        }
        // A secret of which every character is written in another way somewhere.
        for text in [r#"{"a":"/\"/\"/\""}"#, r#"{"a":"\/\"\/\"\/\""}"#, "?k=%2F%22%2F%22%2F%22", "/\"/\"/\""] {
            assert!(redacted("/\"/\"/\"", text).is_some_and(|clean| clean.contains(MASK)), "{text}");
        }
    }

    #[test]
    fn a_secret_is_found_however_json_escapes_it() {
        let secret = "CANARY+key<1>";
        for (text, clean) in [
            (r#"{"a":"CANARY\u002Bkey\u003C1\u003E"}"#, r#"{"a":"***"}"#),
            (r#"{"a":"CANARY\u002bkey\u003c1\u003e","b":1}"#, r#"{"a":"***","b":1}"#),
            (r#"{"a":"\u0043\u0041\u004E\u0041RY+key<1>!"}"#, r#"{"a":"***!"}"#),
            (r#"{"a":"CANARY%2bkey%3C1%3e"}"#, r#"{"a":"***"}"#),
            (r#"{"a":"%43ANARY%2Bkey<1\u003E"}"#, r#"{"a":"***"}"#),
            (r#"{"a":"CANARY\u0025\u0032Bkey<1>"}"#, r#"{"a":"***"}"#),
            // A body within a body.
            (r#"{"a":"{\"b\":\"CANARY\\u002Bkey\\u003C1\\u003E\"}"}"#, r#"{"a":"{\"b\":\"***\"}"}"#),
            (r#"{"a":"\\","b":"CANARY+key<1>CANARY\u002Bkey<1>"}"#, r#"{"a":"\\","b":"***"}"#),
        ] {
            assert_eq!(redacted(secret, text).as_deref(), Some(clean), "{text}");
        }
        assert_eq!(
            redacted("grün\u{1f511}schlüssel", r#"["gr\u00fcn\uD83D\uDD11schl\u00FCssel"]"#).as_deref(),
            Some(r#"["***"]"#)
        );
        for secret in [r"a\b\u002Bc", "100%25 sure", "tab\there", r"a\b%25\u0041"] {
            let text = serde_json::Value::from(secret).to_string();
            assert_eq!(redacted(secret, &text).as_deref(), Some(r#""***""#), "{text}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        assert_eq!(redacted("s3cr/t\"+x", "nothing here"), None);
        assert_eq!(redacted("abc", "abc"), None);
        for text in ["CANARY\\u002", "CANARY%2", "%%%%%%%", r"\\\\\\", r"\ud83d\ud83d", r"\u00zz", "CANARY-key"] {
            assert_eq!(redacted("CANARY+key", text), None, "{text}");
        }
        assert_eq!(Redactor::new(None).redacts("anything"), None);
    }

    #[test]
    fn the_redactor_takes_steps_that_grow_as_the_text_does() {
        for unit in ["a", "aaaab", r"\u0061", "%61", r"\\u0061", r"\", "%", r"\ud83d", "é%2"] {
            for secret in ["aaaaaaaaaaaaaaaaaaab", "\\\\\\\\\\\\", "%%%%%%%%%2"] {
                let counted = |n: usize| steps::counted(|| redacted(secret, &unit.repeat(n))).1;
                steps::assert_linear(counted, 2_000);
            }
        }
    }

    /// A character in one of the forms that JSON and addresses have for it.
    #[expect(clippy::format_collect, reason = "a test may ask for a little more memory")]
    fn written(form: u8, character: char) -> String {
        let mut units = [0; 2];
        let units = character.encode_utf16(&mut units);
        match form % 5 {
            0 => units.iter().map(|unit| format!("\\u{unit:04x}")).collect(),
            1 => units.iter().map(|unit| format!("\\u{unit:04X}")).collect(),
            2 => character.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect(),
            3 => character.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect(),
            _ => {
                let text = serde_json::Value::from(character.to_string()).to_string();
                text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap().to_owned()
            }
        }
    }

    proptest! {
        #[test]
        fn no_mixture_of_forms_hides_a_secret(
            secret in "[a-zA-Z0-9+/<>&=\"\\\\é\u{1f511} -]{6,24}",
            forms in prop::collection::vec(any::<u8>(), 24),
            before in "[a-z\\\\]{0,4}\"", behind in "\"[a-z%]{0,4}",
        ) {
            let inner: String = secret.chars().zip(&forms).map(|(c, form)| written(*form, c)).collect();
            let clean = redacted(&secret, &format!("{before}{inner}{behind}"));
            prop_assert_eq!(clean, Some(format!("{before}{MASK}{behind}")));
        }

        #[test]
        fn whatever_is_sent_the_secret_does_not_stand_in_what_is_left(text in "[\\\\u0%41a-c]{0,60}") {
            let secret = "aaabbb";
            let clean = redacted(secret, &format!("{text}{secret}{text}")).unwrap();
            prop_assert!(!clean.contains(secret));
        }
    }
}
