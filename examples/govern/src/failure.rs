//! Why the program ends early.

use std::{fmt, io, process::ExitCode};

use example_vendors::AccountError;
use mcp_govern_core::{
    ParseIdError, ProviderErrorKind, RandomError,
    blueprint::BlueprintError,
    governor::{GovernError, GovernErrorKind},
    journal::{Refusal, RefusalKind},
    ports::{StoreError, StoreErrorKind},
    with_causes,
};
use mcp_govern_openapi::DocumentError;
use mcp_govern_store::KeyError;

/// Why the program ends early. The kind decides its exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line or the environment is wrong.
    Usage(String),
    /// The rules or the state do not allow it.
    Refused(String),
    /// The vendor or the store did not answer.
    NoAnswer(String),
    /// What is on record does not hold, or cannot be read.
    Broken(String),
    /// Reading or writing failed.
    Io(io::Error),
    /// Anything else.
    Other(String),
}

impl Failure {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self::Refused(text.into())
    }

    /// The same failure, with where it happened in front.
    pub(crate) fn at(&self, place: impl fmt::Display) -> Self {
        self.told(format!("{place}: {self}"))
    }

    /// The same failure, to be reported once more.
    pub(crate) fn again(&self) -> Self {
        self.told(self.to_string())
    }

    /// A failure of the same kind in other words.
    fn told(&self, text: String) -> Self {
        match self {
            Self::Usage(_) => Self::Usage(text),
            Self::Refused(_) => Self::Refused(text),
            Self::NoAnswer(_) => Self::NoAnswer(text),
            Self::Broken(_) => Self::Broken(text),
            Self::Io(_) | Self::Other(_) => Self::Other(text),
        }
    }

    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::NoAnswer(_) => ExitCode::from(3),
            Self::Broken(_) => ExitCode::from(4),
            Self::Refused(_) | Self::Io(_) | Self::Other(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Refused(text) | Self::NoAnswer(text) | Self::Broken(text) | Self::Other(text) => {
                f.write_str(text)
            }
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<GovernError> for Failure {
    fn from(error: GovernError) -> Self {
        match error.kind() {
            // A base URL, a region, an actor's address.
            GovernErrorKind::Invalid => Self::Usage(error.to_string()),
            GovernErrorKind::Provider => match error.provider_error().map(mcp_govern_core::ProviderError::kind) {
                Some(ProviderErrorKind::Config) => Self::Usage(error.to_string()),
                _ => Self::NoAnswer(error.to_string()),
            },
            GovernErrorKind::Unavailable | GovernErrorKind::Unknown => Self::NoAnswer(with_causes(&error)),
            GovernErrorKind::RolledBack => {
                let how = "`--accept-rollback REASON`; `govern audit verify` says more";
                Self::Broken(format!("{error}: {how}"))
            }
            GovernErrorKind::Unreadable => Self::Broken(with_causes(&error)),
            _ => Self::Refused(error.to_string()),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal.kind() {
            RefusalKind::Invalid => Self::Usage(refusal.to_string()),
            _ => Self::Refused(refusal.to_string()),
        }
    }
}

impl From<BlueprintError> for Failure {
    fn from(error: BlueprintError) -> Self {
        match &error {
            BlueprintError::Refused { refusal, .. } if refusal.kind() != RefusalKind::Invalid => {
                Self::Refused(error.to_string())
            }
            _ => Self::Usage(error.to_string()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let text = with_causes(&error);
        match error.kind() {
            StoreErrorKind::Unavailable | StoreErrorKind::Unknown => Self::NoAnswer(text),
            StoreErrorKind::Corrupt => Self::Broken(text),
            StoreErrorKind::Invalid => Self::Usage(text),
            _ => Self::Refused(text),
        }
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<RandomError> for Failure {
    fn from(error: RandomError) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<DocumentError> for Failure {
    fn from(error: DocumentError) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<ParseIdError> for Failure {
    fn from(error: ParseIdError) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        // Writing JSON to a pipe that is gone says so here.
        if error.is_io() { Self::Io(error.into()) } else { Self::Other(error.to_string()) }
    }
}
