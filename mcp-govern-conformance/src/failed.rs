//! What a call failed with, on its way to the vendor or there.

use mcp_govern_core::{
    Exchange, ProviderErrorKind, Sent, VendorError,
    governor::{CallError, CallSuccess},
};
use serde_json::Value;

use crate::{Harness, failure::Failure};

/// What a call failed with, where it was not governance that refused it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Failed {
    /// What kind of failure it is.
    pub kind: ProviderErrorKind,
    /// The sentence.
    pub message: String,
    /// Whether the vendor may have acted.
    pub sent: Sent,
    /// The vendor's own words; empty where it said nothing.
    pub vendor: VendorError,
    /// The exchanges that were made.
    pub exchanges: Vec<Exchange>,
}

impl Failed {
    /// Takes the provider's error out of the result of a call.
    ///
    /// # Errors
    ///
    /// When the call succeeded or was denied.
    pub fn of(tool: &str, result: Result<CallSuccess, CallError>) -> Result<Self, Failure> {
        let error = match result {
            Ok(success) => return Err(Failure::new(format!("`{tool}` succeeds: {}", success.output.content))),
            Err(error) => error,
        };
        let Some(error) = error.provider_error() else {
            return Err(Failure::new(format!("`{tool}` is denied: {error}")));
        };
        Ok(Self {
            kind: error.kind(),
            message: error.message().to_owned(),
            sent: error.sent(),
            vendor: error.vendor().cloned().unwrap_or_default(),
            exchanges: error.exchanges().to_vec(),
        })
    }
}

impl Harness {
    /// The result of a call that succeeds, as a tree.
    ///
    /// # Errors
    ///
    /// When it does not succeed.
    pub async fn output(&self, tool: &str, arguments: Value) -> Result<Value, Failure> {
        let success = self.call(tool, arguments).await;
        let success = success.map_err(|error| Failure::new(format!("`{tool}`: {error}")))?;
        Ok(success.output.to_value()?)
    }

    /// What a call fails with.
    ///
    /// # Errors
    ///
    /// As [`Failed::of`].
    pub async fn failure(&self, tool: &str, arguments: Value) -> Result<Failed, Failure> {
        Failed::of(tool, self.call(tool, arguments).await)
    }
}
