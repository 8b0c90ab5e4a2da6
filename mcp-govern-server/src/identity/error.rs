//! Why a caller was not authenticated.

use std::fmt;

use crate::cleaned;

/// The caller was not authenticated. The message is shown to the client: it says what is wrong, and nothing about other callers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AuthError {
    kind: AuthErrorKind,
    reason: RefusalReason,
    message: String,
    scopes: Vec<String>,
    claimed: Option<Box<Claimed>>,
}

/// Why a proof of identity was refused: for metrics and the log, where [`AuthErrorKind`] says what the client should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalReason {
    /// Nothing was presented.
    Missing,
    /// It is of no form that is known: no bearer token, no signed JWT.
    Malformed,
    /// It is of the right form and belongs to no caller.
    Unknown,
    /// It has ended.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It is of another issuer.
    Issuer,
    /// It was made for another audience.
    Audience,
    /// Its key is none of the issuer's, or its signature is wrong.
    Signature,
    /// It is of another type, or signed in another way, than is accepted.
    Type,
    /// It is bound to a key of its client.
    Bound,
    /// It lacks a claim that is needed, or has one that is not understood.
    Claims,
    /// It lacks a scope.
    Scope,
    /// It comes from a place from which nothing is accepted.
    Place,
    /// It cannot be decided now.
    Unavailable,
    /// Something else.
    Other,
}

/// What a refused token says of itself. Nothing of it was proven; it is for the operator of the server, and contains no part of the token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claimed {
    /// Its claim `iss`.
    pub issuer: Option<String>,
    /// Its claim `aud`, several with commas between them.
    pub audience: Option<String>,
    /// The key that it names in its header, `kid`.
    pub key: Option<String>,
}

impl Claimed {
    /// With what a token says, cut to 200 characters each and without what would control a terminal or a log.
    pub fn new(issuer: Option<&str>, audience: Option<&str>, key: Option<&str>) -> Self {
        let cleaned = |text: Option<&str>| text.map(|text| cleaned(text, 200));
        Self { issuer: cleaned(issuer), audience: cleaned(audience), key: cleaned(key) }
    }
}

impl RefusalReason {
    /// The reason's word, as metrics and the log show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Signature => "signature",
            Self::Type => "type",
            Self::Bound => "bound",
            Self::Claims => "claims",
            Self::Scope => "scope",
            Self::Place => "place",
            Self::Unavailable => "unavailable",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the client should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// Nothing was presented: get a token. Answered 401.
    Missing,
    /// What was presented is not valid (expired, forged, for another server): get another. Answered 401.
    Invalid,
    /// The token is good and not enough: get one with the scopes that are named. Answered 403.
    InsufficientScope,
    /// It cannot be decided now: try again. Answered 503.
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

    /// What was presented is not valid.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(AuthErrorKind::Invalid, message)
    }

    /// The token is good, and lacks scopes.
    pub fn insufficient_scope(scopes: impl IntoIterator<Item = String>) -> Self {
        let error = Self::new(AuthErrorKind::InsufficientScope, "the token lacks a scope");
        Self { scopes: scopes.into_iter().collect(), ..error }
    }

    /// It cannot be decided now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(AuthErrorKind::Unavailable, message)
    }

    fn new(kind: AuthErrorKind, message: impl Into<String>) -> Self {
        let reason = match kind {
            AuthErrorKind::Missing => RefusalReason::Missing,
            AuthErrorKind::Invalid => RefusalReason::Other,
            AuthErrorKind::InsufficientScope => RefusalReason::Scope,
            AuthErrorKind::Unavailable => RefusalReason::Unavailable,
        };
        Self { kind, reason, message: message.into(), scopes: Vec::new(), claimed: None }
    }

    /// With the reason, as metrics and log show it.
    #[must_use]
    pub fn with_reason(mut self, reason: RefusalReason) -> Self {
        self.reason = reason;
        self
    }

    /// With what the token says of itself, for the log. Clients are not shown it.
    #[must_use]
    pub fn with_claimed(mut self, claimed: Claimed) -> Self {
        self.claimed = Some(Box::new(claimed));
        self
    }

    /// Why, for metrics and the log.
    pub fn reason(&self) -> RefusalReason {
        self.reason
    }

    /// What the token says of itself, where there is one.
    pub fn claimed(&self) -> Option<&Claimed> {
        self.claimed.as_deref()
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
