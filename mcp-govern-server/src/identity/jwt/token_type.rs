//! The type that a token states in its header.

use std::fmt;

/// A media type as `typ` states it, in lower case and without `application/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TokenType(String);

/// RFC 9068, section 2.1.
const ACCESS_TOKEN: &str = "at+jwt";

/// RFC 7519, section 5.1: what a token is that states nothing.
const PLAIN: &str = "jwt";

impl TokenType {
    /// The type that a token is of which states this.
    pub(super) fn of(stated: Option<&str>) -> Self {
        let text = stated.unwrap_or(PLAIN).to_ascii_lowercase();
        Self(text.strip_prefix("application/").map(str::to_owned).unwrap_or(text))
    }

    /// An access token by RFC 9068.
    pub(super) fn access_token() -> Self {
        Self(ACCESS_TOKEN.to_owned())
    }

    pub(super) fn is_access_token(&self) -> bool {
        self.0 == ACCESS_TOKEN
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
