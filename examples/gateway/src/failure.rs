//! Why the program ends early.

use std::{fmt, io, process::ExitCode};

use mcp_govern_core::{
    ParseIdError, RandomError,
    governor::{GovernError, GovernErrorKind},
    ports::{StoreError, StoreErrorKind},
    with_causes,
};
use mcp_govern_server::{ServerError, ServerErrorKind};
use mcp_govern_store::KeyError;

/// Why the program ends early. The kind decides its exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line, the file, or what they refer to is wrong: it has to be corrected.
    Config(String),
    /// The store cannot be used now.
    Store(String),
    /// Reading or writing failed.
    Io(io::Error),
    /// Anything else.
    Other(String),
}

impl Failure {
    pub(crate) fn config(text: impl Into<String>) -> Self {
        Self::Config(text.into())
    }

    /// The same failure, with where it happened in front.
    pub(crate) fn at(self, place: impl fmt::Display) -> Self {
        match self {
            Self::Config(text) => Self::Config(format!("{place}: {text}")),
            Self::Store(text) => Self::Store(format!("{place}: {text}")),
            Self::Io(error) => Self::Other(format!("{place}: {error}")),
            Self::Other(text) => Self::Other(format!("{place}: {text}")),
        }
    }

    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) => ExitCode::from(2),
            Self::Store(_) => ExitCode::from(4),
            Self::Io(_) | Self::Other(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(text) | Self::Store(text) | Self::Other(text) => f.write_str(text),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ParseIdError> for Failure {
    fn from(error: ParseIdError) -> Self {
        Self::Config(error.to_string())
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::Config(error.to_string())
    }
}

impl From<RandomError> for Failure {
    fn from(error: RandomError) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<GovernError> for Failure {
    fn from(error: GovernError) -> Self {
        let text = error.to_string();
        match error.kind() {
            GovernErrorKind::RolledBack => Self::Store(format!("{text}: `--accept-rollback REASON`")),
            GovernErrorKind::Unavailable | GovernErrorKind::Unknown | GovernErrorKind::Unreadable => Self::Store(text),
            GovernErrorKind::Invalid | GovernErrorKind::NotFound | GovernErrorKind::NotPossible => Self::Config(text),
            _ => Self::Other(text),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let text = with_causes(&error);
        match error.kind() {
            StoreErrorKind::Unavailable | StoreErrorKind::Unknown | StoreErrorKind::Corrupt => Self::Store(text),
            _ => Self::Other(text),
        }
    }
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        let text = with_causes(&error);
        match error.kind() {
            ServerErrorKind::Config => Self::Config(text),
            _ => Self::Other(text),
        }
    }
}
