//! The port through which an issuer's keys are read.

use std::fmt;

use async_trait::async_trait;
use url::Url;

/// Reads a JSON document from an issuer: its metadata, or its key set.
///
/// The server names no HTTP client; the application that embeds it has one already.
///
/// # Contract
///
/// - One GET; no redirects to another origin, no credentials, no cache of its own.
/// - Only `https`, plain `http` on loopback alone.
/// - At most 1 MiB is read. The caller gives up after ten seconds by dropping the future.
/// - An answer of another status than 200 is an error.
#[async_trait]
pub trait FetchJwks: fmt::Debug + Send + Sync + 'static {
    /// The document's bytes.
    ///
    /// # Errors
    ///
    /// When there is no such document, or it cannot be read now.
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, FetchJwksError>;
}

/// A document could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FetchJwksError {
    message: String,
}

impl FetchJwksError {
    /// With what went wrong, for the log.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// A key set that is known beforehand: for places without a network, and for tests. It answers every URL with the same
/// document, so configure the key set's URL ([`JwtAuthenticatorBuilder::with_jwks_url`](super::JwtAuthenticatorBuilder)).
#[derive(Debug, Clone)]
pub struct StaticJwks(Vec<u8>);

impl StaticJwks {
    /// The key set's JSON text (RFC 7517, section 5).
    pub fn new(document: impl Into<Vec<u8>>) -> Self {
        Self(document.into())
    }
}

#[async_trait]
impl FetchJwks for StaticJwks {
    async fn fetch(&self, _url: &Url) -> Result<Vec<u8>, FetchJwksError> {
        Ok(self.0.clone())
    }
}
