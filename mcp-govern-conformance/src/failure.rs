//! What a check found wrong.

use std::fmt;

use mcp_govern_core::{Denial, ParseIdError, ProviderError, ports::StoreError};

/// What a check found wrong: a sentence for the person who writes the implementation. `Debug` shows it as it reads, so that a test
/// may unwrap a [`Verdict`].
pub struct Failure(String);

/// The answer of a check.
pub type Verdict = Result<(), Failure>;

impl Failure {
    /// A failure with its sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// A failure of all these sentences, a line each, where there are any.
    ///
    /// # Errors
    ///
    /// When there are.
    pub fn unless_none(faults: &[String]) -> Verdict {
        if faults.is_empty() { Ok(()) } else { Err(Self(faults.join("\n"))) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}

macro_rules! from {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self(format!("unexpected error: {error} ({error:?})"))
            }
        })*
    };
}

from!(StoreError, ParseIdError, ProviderError, Denial, serde_json::Error);

/// Ends the check with a failure unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::failure::Failure::new(format!($($message)+)));
        }
    };
}

pub(crate) use ensure;
