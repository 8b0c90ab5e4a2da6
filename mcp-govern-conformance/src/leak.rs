//! Searches everything that a program says for a planted secret.

use std::{
    fmt::{self, Write as _},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    dispatcher::DefaultGuard,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use crate::{
    CANARY,
    failure::{Failure, Verdict},
};

/// Collects log lines of this thread and texts that a test shows it, and finds [`CANARY`] in them.
///
/// The canary is also searched in the forms that software turns secrets into without noticing: percent-encoded, base64,
/// hexadecimal, escaped in JSON.
///
/// ```
/// use mcp_govern_conformance::{CANARY, LeakDetector};
///
/// let detector = LeakDetector::listen();
/// tracing::info!(status = 200, "answered");
/// detector.look("an error", "the key was refused");
/// assert!(detector.verdict().is_ok());
///
/// tracing::debug!("sending with {CANARY}");
/// assert!(detector.verdict().is_err());
/// ```
#[derive(Debug)]
pub struct LeakDetector {
    heard: Arc<Heard>,
    _listening: DefaultGuard,
}

impl LeakDetector {
    /// Listens to every log line and span of this thread, of every level and target, until it is dropped. Run asynchronous
    /// tests on a current-thread runtime, so that this thread is where everything happens.
    pub fn listen() -> Self {
        let heard = Arc::new(Heard::default());
        let dispatch = Dispatch::new(Listener { heard: Arc::clone(&heard), spans: AtomicU64::new(0) });
        Self { heard, _listening: tracing::dispatcher::set_default(&dispatch) }
    }

    /// Looks through a text: an error, a `Debug`, a record, an output.
    pub fn look(&self, what: &str, text: &str) {
        self.heard.take(what, text);
    }

    /// Looks through the `Debug` of a value, in both its forms.
    pub fn look_at(&self, what: &str, value: &dyn fmt::Debug) {
        self.heard.take(what, &format!("{value:?} {value:#?}"));
    }

    /// Looks through an error, its `Debug`, and all its causes.
    pub fn look_at_error(&self, what: &str, error: &(dyn std::error::Error + 'static)) {
        let mut next = Some(error);
        while let Some(error) = next {
            self.heard.take(what, &format!("{error} {error:?}"));
            next = error.source();
        }
    }

    /// How many texts were looked through: a test that planted nothing to look through has proved nothing.
    pub fn looked(&self) -> usize {
        self.heard.lock().looked
    }

    /// Whether the canary was found, and where.
    ///
    /// # Errors
    ///
    /// Each place where it stands.
    pub fn verdict(&self) -> Verdict {
        let state = self.heard.lock();
        if state.found.is_empty() { Ok(()) } else { Err(Failure::new(state.found.join("\n"))) }
    }
}

#[derive(Debug, Default)]
struct Heard(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    looked: usize,
    found: Vec<String>,
}

impl Heard {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, what: &str, text: &str) {
        let mut state = self.lock();
        state.looked += 1;
        if let Some(form) = forms().into_iter().find(|form| text.contains(form.as_str())) {
            let at = text.find(&form).unwrap_or(0);
            let around: String = text.chars().skip(at.saturating_sub(60)).take(120 + form.len()).collect();
            state.found.push(format!("the secret stands in {what}: `{around}`"));
        }
    }
}

/// The canary and what it becomes in other encodings. It holds no character that percent-encoding or JSON would change but `-`.
fn forms() -> Vec<String> {
    let hex = CANARY.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let mut forms = vec![CANARY.to_owned(), CANARY.replace('-', "%2D"), CANARY.replace('-', "\\u002d"), hex];
    // Base64 of a text in which the canary stands at any of the three possible offsets, without the ends that differ.
    for offset in 0..3 {
        let padded = [&b"xxx"[..offset], CANARY.as_bytes()].concat();
        let text = base64(&padded);
        forms.push(text.chars().skip(4).take(text.len() - 8).collect());
    }
    forms
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0u32, |word, (at, byte)| word | u32::from(*byte) << (16 - 8 * at));
        for digit in 0..=chunk.len() {
            let index = (word >> (18 - 6 * digit)) & 63;
            text.push(ALPHABET.get(index as usize).copied().map_or('=', char::from));
        }
    }
    text
}

#[derive(Debug)]
struct Listener {
    heard: Arc<Heard>,
    spans: AtomicU64,
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?} {value:#?}");
    }
}

impl Listener {
    fn take(&self, metadata: &Metadata<'_>, visit: impl FnOnce(&mut Fields<'_>)) {
        let mut text = format!("{}: {}", metadata.target(), metadata.name());
        visit(&mut Fields(&mut text));
        self.heard.take("a log line", &text);
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.take(span.metadata(), |fields| span.record(fields));
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _span: &Id, values: &Record<'_>) {
        let mut text = String::new();
        values.record(&mut Fields(&mut text));
        self.heard.take("a span", &text);
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.take(event.metadata(), |fields| event.record(fields));
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> bool {
        let detector = LeakDetector::listen();
        detector.look("a text", text);
        detector.verdict().is_err()
    }

    #[test]
    fn the_canary_is_found_in_every_form_that_software_gives_it() {
        assert!(found(&format!("a {CANARY} b")));
        assert!(found(&CANARY.replace('-', "%2D")));
        for prefix in ["", "k", "ke", "key:"] {
            assert!(found(&base64(format!("{prefix}{CANARY}-and-more").as_bytes())), "base64 after `{prefix}`");
        }
        assert!(!found("a canary in a cage"));
    }

    #[test]
    fn log_lines_and_spans_of_every_level_are_heard() {
        let detector = LeakDetector::listen();
        tracing::trace!(key = CANARY, "sent");
        assert!(detector.verdict().is_err());
        let detector = LeakDetector::listen();
        let _span = tracing::debug_span!("call", key = ?Some(CANARY)).entered();
        assert!(detector.verdict().is_err());
        assert_eq!(detector.looked(), 1);
    }

    #[test]
    fn the_causes_of_an_error_are_looked_through() {
        #[derive(Debug)]
        struct Outer(Failure);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("refused")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let detector = LeakDetector::listen();
        detector.look_at_error("an error", &Outer(Failure::new(CANARY)));
        assert!(detector.verdict().is_err());
    }
}
