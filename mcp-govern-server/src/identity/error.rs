//! Why nobody was authenticated.

use std::fmt;

/// Nobody was authenticated. The message is shown to the client: it says what is wrong and nothing about anybody else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AuthError {
    kind: AuthErrorKind,
    message: String,
    scopes: Vec<String>,
}

/// What the client should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// Nothing was presented: get a token. Answered 401.
    Missing,
    /// What was presented is no good (expired, forged, for somebody else): get another. Answered 401.
    Invalid,
    /// The token is good and not enough: get one with the scopes that are named. Answered 403.
    InsufficientScope,
    /// Nobody can tell now: try again. Answered 503.
    Unavailable,
}

impl AuthErrorKind {
    /// The kind's word, as metrics show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::InsufficientScope => "insufficient_scope",
            Self::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for AuthErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AuthError {
    /// Nothing was presented.
    pub fn missing() -> Self {
        Self::new(AuthErrorKind::Missing, "a bearer token is needed")
    }

    /// What was presented is no good.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(AuthErrorKind::Invalid, message)
    }

    /// The token is good, and lacks scopes.
    pub fn insufficient_scope(scopes: impl IntoIterator<Item = String>) -> Self {
        let error = Self::new(AuthErrorKind::InsufficientScope, "the token lacks a scope");
        Self { scopes: scopes.into_iter().collect(), ..error }
    }

    /// Nobody can tell now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(AuthErrorKind::Unavailable, message)
    }

    fn new(kind: AuthErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), scopes: Vec::new() }
    }

    /// What the client should do.
    pub fn kind(&self) -> AuthErrorKind {
        self.kind
    }

    /// All scopes that the token should have.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }
}
