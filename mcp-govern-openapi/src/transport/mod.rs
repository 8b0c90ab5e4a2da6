//! The port through which requests leave the process.

mod body;
mod reqwest;

use std::{fmt, time::Instant};

use async_trait::async_trait;
use bytes::Bytes;
use mcp_govern_core::Sent;

pub use self::{
    body::{BodySource, BodyStream},
    reqwest::ReqwestTransport,
};

/// Sends one request and gives its answer back.
///
/// Implement it to go through a proxy, to trust a private certificate authority, to show a client certificate, or to
/// play a vendor in a test.
///
/// # Contract
///
/// - One request in, one answer out: no retries, no redirects, no cookies, no cache. The caller retries.
/// - Nothing is sent over plain `http` except to the loopback interface.
/// - The answer's body is a stream: it is read as the caller asks for it, and dropping it ends the transfer.
/// - The caller enforces the deadline by dropping the future; `deadline` is given so that an implementation can pass it on.
/// - An error says truthfully whether the request can have reached the vendor ([`TransportError::sent`]), and its message
///   holds no header value, query or body.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends the request.
    ///
    /// # Errors
    ///
    /// When no answer came. An answer of any status is not an error.
    async fn send(
        &self,
        request: http::Request<Bytes>,
        deadline: Instant,
    ) -> Result<http::Response<BodyStream>, TransportError>;
}

/// Why no answer came, or why its body broke off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportError {
    message: String,
    sent: Sent,
}

impl TransportError {
    /// Nothing left the process: no address, no connection, no trust, or a request that must not be sent.
    pub fn not_sent(message: impl Into<String>) -> Self {
        Self { message: message.into(), sent: Sent::No }
    }

    /// The request was on its way: it is unknown whether the vendor acted.
    pub fn maybe_sent(message: impl Into<String>) -> Self {
        Self { message: message.into(), sent: Sent::Maybe }
    }

    /// Whether the request can have reached the vendor.
    pub fn sent(&self) -> Sent {
        self.sent
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TransportError {}
