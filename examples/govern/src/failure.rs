//! Why the program ends early.

use std::{fmt, io, process::ExitCode};

use example_vendors::AccountError;
use mcp_govern_core::{
    ParseIdError, ProviderErrorKind,
    governor::{GovernError, GovernErrorKind},
};
use mcp_govern_openapi::DocumentError;

/// Why the program ends early. The kind decides its exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line or the environment is wrong.
    Usage(String),
    /// The vendor did not answer.
    NoAnswer(String),
    /// Reading or writing failed.
    Io(io::Error),
    /// Anything else.
    Other(String),
}

impl Failure {
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::NoAnswer(_) => ExitCode::from(3),
            Self::Io(_) | Self::Other(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::NoAnswer(text) | Self::Other(text) => f.write_str(text),
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
            _ => Self::Other(error.to_string()),
        }
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
