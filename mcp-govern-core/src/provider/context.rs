//! What a call is given besides its arguments.

use std::{fmt, num::NonZeroUsize, time::Instant};

use async_trait::async_trait;

use super::{Credential, ProviderError};
use crate::vocabulary::UserId;

/// The W3C trace context of a call, carried to the audit record and the vendor request's span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    traceparent: String,
}

impl TraceContext {
    /// Takes a `traceparent` value of version 00 (W3C Trace Context, section 3.2): 55 characters of lower-case hexadecimal
    /// digits and dashes, neither id all zeros. Anything else is not a trace context.
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, len| text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let zero = |text: &str| text.bytes().all(|b| b == b'0');
        let valid = parts.next().is_none()
            && version == "00"
            && hex(trace, 32)
            && hex(span, 16)
            && hex(flags, 2)
            && !zero(trace)
            && !zero(span);
        valid.then(|| Self { traceparent: traceparent.to_owned() })
    }

    /// The header value.
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// The trace id: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.traceparent.get(3..35).unwrap_or_default()
    }
}

/// Told before each exchange with the vendor.
#[async_trait]
pub trait CallObserver: fmt::Debug + Send + Sync {
    /// An exchange is about to be sent, or something else that acts is about to be done.
    ///
    /// From here on a call that fails counts as one that may have acted, unless its error states otherwise. A tool that succeeds
    /// without this having been asked is logged, and counts as one that may have acted, whatever becomes of its
    /// further calls.
    ///
    /// # Errors
    ///
    /// When the call must not go on (it was killed, or its record is lost); nothing may be sent then.
    async fn sending(&self) -> Result<(), ProviderError>;
}

/// Lets every exchange go ahead: for discovery and probing, which are no tool calls.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

#[async_trait]
impl CallObserver for NoObserver {
    async fn sending(&self) -> Result<(), ProviderError> {
        Ok(())
    }
}

/// Told how far a long call has come (polling, paging).
pub trait Progress: fmt::Debug + Send + Sync {
    /// So many units are done, of `total` when that is known. Must not block.
    fn report(&self, done: u64, total: Option<u64>, message: &str);
}

/// Without a listener.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn report(&self, _done: u64, _total: Option<u64>, _message: &str) {}
}

/// What discovery is given.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct DiscoverContext<'a> {
    /// A credential, when there is one. It may be wrong.
    pub credential: Option<&'a Credential>,
    /// When to give up.
    pub deadline: Option<Instant>,
}

impl<'a> DiscoverContext<'a> {
    /// Without a credential.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a credential.
    #[must_use]
    pub fn with_credential(mut self, credential: &'a Credential) -> Self {
        self.credential = Some(credential);
        self
    }

    /// With a deadline.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }
}

/// What a probe is given.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ProbeContext<'a> {
    /// The credential in question.
    pub credential: &'a Credential,
    /// When to give up.
    pub deadline: Option<Instant>,
}

impl<'a> ProbeContext<'a> {
    /// For a credential.
    pub fn new(credential: &'a Credential) -> Self {
        Self { credential, deadline: None }
    }

    /// With a deadline.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }
}

/// What a call is given.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CallContext<'a> {
    /// The credential; absent only where the tool's binding names no security.
    pub credential: Option<&'a Credential>,
    /// When to give up.
    pub deadline: Option<Instant>,
    /// The trace that the call belongs to.
    pub trace: Option<&'a TraceContext>,
    /// The person on whose behalf the call is made: what a vendor lets be sent is shared fairly between people. Absent where it is
    /// no person's call.
    pub user: Option<&'a UserId>,
    /// How many nodes use the credential at the same time, this one included: what the vendor lets be sent is divided between
    /// them. One where nothing else is said.
    pub nodes: NonZeroUsize,
    /// Gets how far a long call has come.
    pub progress: &'a dyn Progress,
    /// Asked before each exchange.
    pub observer: &'a dyn CallObserver,
}

impl<'a> CallContext<'a> {
    /// With an observer and nothing else.
    pub fn new(observer: &'a dyn CallObserver) -> Self {
        let nodes = NonZeroUsize::MIN;
        Self { credential: None, deadline: None, trace: None, user: None, nodes, progress: &NoProgress, observer }
    }

    /// With the number of nodes that use the credential at the same time.
    #[must_use]
    pub fn with_nodes(mut self, nodes: NonZeroUsize) -> Self {
        self.nodes = nodes;
        self
    }

    /// With the person on whose behalf the call is made.
    #[must_use]
    pub fn with_user(mut self, user: &'a UserId) -> Self {
        self.user = Some(user);
        self
    }

    /// With a credential.
    #[must_use]
    pub fn with_credential(mut self, credential: Option<&'a Credential>) -> Self {
        self.credential = credential;
        self
    }

    /// With a deadline.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// With a trace.
    #[must_use]
    pub fn with_trace(mut self, trace: Option<&'a TraceContext>) -> Self {
        self.trace = trace;
        self
    }

    /// With a listener for progress.
    #[must_use]
    pub fn with_progress(mut self, progress: &'a dyn Progress) -> Self {
        self.progress = progress;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_traceparent_is_carried_on() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(TraceContext::parse(good).unwrap().trace_id(), "0af7651916cd43dd8448eb211c80319c");
        for bad in [
            "",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX: y",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert!(TraceContext::parse(bad).is_none(), "`{bad}` parsed");
        }
    }
}
