//! Why an account was not connected.

/// An account was not connected. The message is shown to the person: it holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConnectError {
    kind: ConnectErrorKind,
    message: String,
}

/// What the person should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// The vendor refused: begin again, perhaps with another account.
    Refused,
    /// The vendor does not answer: try again later.
    Unavailable,
    /// It is not set up rightly: tell an administrator.
    Config,
}

impl ConnectError {
    /// An error of a kind.
    pub fn new(kind: ConnectErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What the person should do.
    pub fn kind(&self) -> ConnectErrorKind {
        self.kind
    }
}
