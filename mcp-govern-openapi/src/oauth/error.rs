//! What goes wrong between us and an authorization server.

/// An authorization server refused, did not answer, or is not set up rightly. The message may be shown to the person: it holds no secret,
/// and of what the server answered nothing but its error code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct OAuthError {
    kind: OAuthErrorKind,
    message: String,
}

/// What the caller should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OAuthErrorKind {
    /// The code or the refresh token is refused, or what was granted is of no use: the person begins again.
    Refused,
    /// The client itself is refused: its id, its secret, or what it is registered for. An administrator corrects it; no person's grant is
    /// concerned.
    Client,
    /// It does not answer, or answers nothing that is an answer: try again later.
    Unavailable,
    /// It is not set up rightly on our side: an administrator corrects it.
    Config,
}

impl OAuthError {
    pub(super) fn new(kind: OAuthErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(super) fn unavailable(whose: &str, what: &dyn std::fmt::Display) -> Self {
        Self::new(OAuthErrorKind::Unavailable, format!("{whose} does not answer: {what}"))
    }

    /// What the caller should do.
    pub fn kind(&self) -> OAuthErrorKind {
        self.kind
    }
}
