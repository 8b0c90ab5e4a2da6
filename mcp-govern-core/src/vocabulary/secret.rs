//! A text that must not be shown.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A secret: wiped from memory when dropped, never printed, not serialisable.
///
/// There is no `Display`, no `Serialize` and no way to compare two of them by accident; `Debug` shows no part of it.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the text in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself. Call this only where the secret goes out to the vendor or into a vault; the caller answers
    /// for what becomes of it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether the secret is the empty text.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_part_of_the_secret() {
        let shown = format!("{:?}", Secret::new("canary-7c1"));
        assert_eq!(shown, "Secret(***)");
    }
}
