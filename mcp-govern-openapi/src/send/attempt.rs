//! How far an exchange has come: its attempts, and the answer or error that it ends with.

use std::{borrow::Cow, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use mcp_govern_core::{Exchange, ProviderError, ProviderErrorKind, Sent, VendorError};
use tokio::time::Instant;

use super::{Answer, Outgoing};
use crate::{plan::Throttle, transport::TransportError};

/// How far an exchange has come.
#[derive(Debug)]
pub(super) struct State {
    pub(super) attempts: u32,
    pub(super) sent: Sent,
    pub(super) begun: Option<Instant>,
    pub(super) exchange: Exchange,
    /// Why a further attempt that would have been right was not made.
    pub(super) unrepeated: Option<String>,
}

/// An answer as it came, its body read.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) throttle: Throttle,
}

pub(super) enum Attempt {
    Answered(Head),
    Broken(Fault),
    /// Not to be tried again.
    Final(ProviderErrorKind, String),
}

pub(super) enum Fault {
    Transport(TransportError),
    /// The head of an answer came and its body broke off.
    Body(String),
}

impl Fault {
    pub(super) fn sent(&self) -> Sent {
        match self {
            Self::Transport(fault) => fault.sent(),
            Self::Body(_) => Sent::Yes,
        }
    }
}

impl State {
    pub(super) fn new(out: &Outgoing<'_>) -> Self {
        let exchange = Exchange {
            method: name_of(out.method),
            path: Arc::clone(out.template),
            status: None,
            request_id: None,
            sent_bytes: u64::try_from(out.body.len()).unwrap_or(u64::MAX),
            received_bytes: 0,
            latency_ms: 0,
            retries: 0,
        };
        Self { attempts: 0, sent: Sent::No, begun: None, exchange, unrepeated: None }
    }

    /// An attempt has ended.
    pub(super) fn ended(&mut self, out: &Outgoing<'_>, begun: Instant) {
        let now = Instant::now();
        self.exchange.latency_ms = millis(now - *self.begun.get_or_insert(begun));
        tracing::debug!(
            method = %out.method,
            path = &**out.template,
            status = self.exchange.status,
            ms = millis(now - begun),
            "exchange"
        );
    }

    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        if self.attempts == 0 { Vec::new() } else { vec![self.exchange.clone()] }
    }

    pub(super) fn error(&self, kind: ProviderErrorKind, text: impl Into<String>) -> ProviderError {
        ProviderError::new(kind, text).with_sent(self.sent).with_exchanges(self.exchanges())
    }

    /// Not sent, because the vendor's rate leaves no room before the deadline.
    pub(super) fn limited(&self, wait: Duration, text: &str) -> ProviderError {
        let mut vendor = VendorError::new();
        vendor.retry_after = Some(wait);
        self.error(ProviderErrorKind::RateLimited, text).with_vendor(vendor)
    }

    pub(super) fn finish(self, outcome: Attempt) -> Result<Answer, ProviderError> {
        match outcome {
            Attempt::Answered(head) => {
                let Head { status, headers, body, throttle } = head;
                let unrepeated = self.unrepeated;
                Ok(Answer { status, headers, body, throttle, sent: self.sent, exchange: self.exchange, unrepeated })
            }
            other => {
                let error = self.fail(other);
                match &self.unrepeated {
                    Some(why) => {
                        let text = unrepeated(error.message(), why);
                        Err(error.with_message(text))
                    }
                    None => Err(error),
                }
            }
        }
    }

    fn fail(&self, outcome: Attempt) -> ProviderError {
        match outcome {
            Attempt::Final(kind, text) => self.error(kind, format!("the vendor {text}")),
            Attempt::Broken(Fault::Transport(fault)) => {
                let text = format!("the vendor could not be reached: {fault}");
                self.error(ProviderErrorKind::Network, text).with_source(fault)
            }
            Attempt::Broken(Fault::Body(fault)) => {
                self.error(ProviderErrorKind::Network, format!("the vendor's answer broke off: {fault}"))
            }
            Attempt::Answered(_) => self.error(ProviderErrorKind::Internal, "an answer was taken for a failure"),
        }
    }
}

/// A failure after which another attempt would have been right, with why none was made.
pub(crate) fn unrepeated(text: &str, why: &str) -> String {
    let text = text.trim_end_matches('.');
    format!("{text}. It was not tried again: {why}")
}

fn name_of(method: &Method) -> Cow<'static, str> {
    match *method {
        Method::GET => Cow::Borrowed("GET"),
        Method::POST => Cow::Borrowed("POST"),
        Method::PUT => Cow::Borrowed("PUT"),
        Method::PATCH => Cow::Borrowed("PATCH"),
        Method::DELETE => Cow::Borrowed("DELETE"),
        _ => Cow::Owned(method.to_string()),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
