//! Why the governor did not do what was asked, calls aside.

use crate::{
    RandomError,
    blueprint::BlueprintError,
    journal::{CommitError, Refusal, RefusalKind},
    ports::{StoreError, StoreErrorKind},
    provider::{ProviderError, ProviderErrorKind},
};

/// Something was not done. [`CallError`](super::CallError) is the one of calls.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct GovernError {
    kind: GovernErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What the caller should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GovernErrorKind {
    /// The actor may not: a person with another role must send it.
    NotAllowed,
    /// The command would let its sender hold a profile, or obtain one alone, that no other person gave: another person must grant it,
    /// or send the command.
    AnotherPersonNeeded,
    /// Something that was named does not exist: correct the id.
    NotFound,
    /// The id of the new thing is taken: choose another.
    AlreadyExists,
    /// What the request was based on has moved: read again, decide again.
    Conflict,
    /// The command's id was used before, for another command or by another person: send it under an id of its own.
    CommandIdUsed,
    /// The state does not allow it; the message says what is possible.
    NotPossible,
    /// The request makes no sense, whatever the state: correct it.
    Invalid,
    /// The vendor refuses the credential: use another one. Nothing was stored.
    CredentialRejected,
    /// The provider failed; the source is its [`ProviderError`].
    Provider,
    /// A store cannot be reached, or other writers kept it busy. Nothing was done: try again.
    Unavailable,
    /// A store broke off while it was writing: it may have been done. Send the same command, with the same id, again.
    Unknown,
    /// The store is behind what was known of it, or is another one: put the newest in its place, or accept it on record
    /// ([`GovernorBuilder::accepting_rollback`](super::GovernorBuilder::accepting_rollback)).
    RolledBack,
    /// The journal, or an entry of the vault, cannot be read in full by this release. Nothing is done until that is mended.
    Unreadable,
}

impl GovernErrorKind {
    /// Whether the state prevents it: of another state the same command may be accepted.
    pub fn is_of_the_state(self) -> bool {
        matches!(self, Self::AlreadyExists | Self::Conflict | Self::CommandIdUsed | Self::NotFound | Self::NotPossible)
    }

    /// The kind's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::AnotherPersonNeeded => "another_person_needed",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Conflict => "conflict",
            Self::CommandIdUsed => "command_id_used",
            Self::NotPossible => "not_possible",
            Self::Invalid => "invalid",
            Self::CredentialRejected => "credential_rejected",
            Self::Provider => "provider",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
            Self::RolledBack => "rolled_back",
            Self::Unreadable => "unreadable",
        }
    }
}

impl std::fmt::Display for GovernErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl GovernError {
    pub(super) fn new(kind: GovernErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    fn caused(kind: GovernErrorKind, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { kind, message: source.to_string(), source: Some(Box::new(source)) }
    }

    pub(super) fn not_found(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(GovernErrorKind::NotFound, format!("there is no {what} `{id}`"))
    }

    /// What the caller should do.
    pub fn kind(&self) -> GovernErrorKind {
        self.kind
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The provider's error, where the kind is [`GovernErrorKind::Provider`].
    pub fn provider_error(&self) -> Option<&ProviderError> {
        self.source.as_deref().and_then(|source| source.downcast_ref())
    }
}

impl From<crate::journal::CheckpointError> for GovernError {
    fn from(error: crate::journal::CheckpointError) -> Self {
        Self::new(GovernErrorKind::Unreadable, error.to_string())
    }
}

impl From<crate::audit::RecordError> for GovernError {
    fn from(error: crate::audit::RecordError) -> Self {
        Self::new(GovernErrorKind::Unreadable, error.to_string())
    }
}

impl From<Refusal> for GovernError {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal.kind() {
            RefusalKind::NotAllowed => GovernErrorKind::NotAllowed,
            RefusalKind::AnotherPersonNeeded => GovernErrorKind::AnotherPersonNeeded,
            RefusalKind::NotFound => GovernErrorKind::NotFound,
            RefusalKind::AlreadyExists => GovernErrorKind::AlreadyExists,
            RefusalKind::Conflict => GovernErrorKind::Conflict,
            RefusalKind::CommandIdUsed => GovernErrorKind::CommandIdUsed,
            RefusalKind::NotPossible => GovernErrorKind::NotPossible,
            RefusalKind::Invalid => GovernErrorKind::Invalid,
        };
        Self::caused(kind, refusal)
    }
}

impl From<StoreError> for GovernError {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind() {
            StoreErrorKind::Unavailable => GovernErrorKind::Unavailable,
            StoreErrorKind::Unknown => GovernErrorKind::Unknown,
            StoreErrorKind::Corrupt | StoreErrorKind::Unsealable => GovernErrorKind::Unreadable,
            StoreErrorKind::Conflict => GovernErrorKind::Conflict,
            StoreErrorKind::Invalid => GovernErrorKind::Invalid,
        };
        Self::caused(kind, error)
    }
}

impl From<CommitError> for GovernError {
    fn from(error: CommitError) -> Self {
        let kind = match error {
            CommitError::Unwritable(_) => GovernErrorKind::Invalid,
            CommitError::Unreadable { .. }
            | CommitError::Tampered { .. }
            | CommitError::Broken { .. }
            | CommitError::Missing { .. }
            | CommitError::Seal { .. } => GovernErrorKind::Unreadable,
        };
        Self::caused(kind, error)
    }
}

impl From<ProviderError> for GovernError {
    fn from(error: ProviderError) -> Self {
        let kind = match error.kind() {
            ProviderErrorKind::Config => GovernErrorKind::Invalid,
            _ => GovernErrorKind::Provider,
        };
        Self::caused(kind, error)
    }
}

impl From<BlueprintError> for GovernError {
    fn from(error: BlueprintError) -> Self {
        let kind = match &error {
            BlueprintError::Refused { refusal, .. } => Self::from(refusal.clone()).kind,
            BlueprintError::Invalid { .. } | BlueprintError::Several(_) => GovernErrorKind::Invalid,
        };
        Self::caused(kind, error)
    }
}

impl From<RandomError> for GovernError {
    fn from(error: RandomError) -> Self {
        Self::caused(GovernErrorKind::Unavailable, error)
    }
}
