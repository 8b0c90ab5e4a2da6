//! What goes wrong between us and a vendor.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::Exchange;

/// Whether the vendor may have acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// Nothing left the process, or the vendor proved that it did nothing.
    No,
    /// The request was on its way when the call ended: it is unknown.
    Maybe,
    /// The vendor answered.
    Yes,
}

/// What kind of failure it is. Each kind says what the caller should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProviderErrorKind {
    /// The server's row does not fit the provider: correct the row.
    Config,
    /// The server has no such tool: discover again.
    UnknownTool,
    /// The arguments cannot be bound, or the vendor calls them wrong: correct them.
    InvalidArguments,
    /// A rule on the call does not allow what the tool would send by itself; nothing of that was sent. Give arguments that lead
    /// elsewhere, or ask the person who made the rule.
    RuleViolated,
    /// The vendor refuses the credential: replace it.
    Unauthorized,
    /// The credential may not do this: use another key or ask for the rights named in the message.
    Forbidden,
    /// The account's plan does not include this: change the plan.
    PlanLimit,
    /// There is no such thing at the vendor: check the identifier.
    NotFound,
    /// The vendor's state forbids it (exists already, in use by something else, changed meanwhile): look and decide.
    Conflict,
    /// Too many requests; wait as long as [`VendorError::retry_after`] says.
    RateLimited,
    /// The vendor failed: try again later.
    VendorFailure,
    /// The vendor accepted the request and later reported that it failed.
    Rejected,
    /// No connection, or it broke: try again later; look at [`ProviderError::sent`] first.
    Network,
    /// The deadline passed: look at [`ProviderError::sent`] before trying again.
    Timeout,
    /// The vendor sent something that is not an answer to the request (HTML, a redirect, broken JSON, too many bytes).
    BadAnswer,
    /// The call was stopped from our side.
    Cancelled,
    /// A fault of ours: report it.
    Internal,
}

impl ProviderErrorKind {
    /// The kind's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::UnknownTool => "unknown_tool",
            Self::InvalidArguments => "invalid_arguments",
            Self::RuleViolated => "rule_violated",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::PlanLimit => "plan_limit",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::RateLimited => "rate_limited",
            Self::VendorFailure => "vendor_failure",
            Self::Rejected => "rejected",
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::BadAnswer => "bad_answer",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ProviderErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the vendor said, in its own words, cut to a bounded size.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VendorError {
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The vendor's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The vendor's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Single faults, with the field where the vendor names one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// OAuth scopes that the credential lacks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_scopes: Vec<String>,
    /// How long to wait before trying again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
    /// The vendor's id of the request, for its support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl VendorError {
    /// Nothing known yet.
    pub fn new() -> Self {
        Self::default()
    }
}

/// A failed discovery, call or probe.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    kind: ProviderErrorKind,
    message: String,
    /// As it was stated; absent where what is known of sending is the observer's to say.
    sent: Option<Sent>,
    exchanges: Vec<Exchange>,
    vendor: Option<Box<VendorError>>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ProviderError {
    /// A failure. Whether anything was sent is left to what the governor saw: [`Sent::Maybe`] from the moment at which
    /// [`CallObserver::sending`](super::CallObserver::sending) let the call through, [`Sent::No`] before it.
    pub fn new(kind: ProviderErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), sent: None, exchanges: Vec::new(), vendor: None, source: None }
    }

    /// With what the provider knows about sending, which is taken for true: [`Sent::No`] only where it is certain that the vendor
    /// did nothing, such as when no connection came about.
    #[must_use]
    pub fn with_sent(mut self, sent: Sent) -> Self {
        self.sent = Some(sent);
        self
    }

    /// With another sentence, everything else as it is.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The same error, with what is `known` about sending where it states nothing.
    #[must_use]
    pub(crate) fn settled(mut self, known: Sent) -> Self {
        self.sent.get_or_insert(known);
        self
    }

    /// The same error, as the end of a call of which an earlier attempt had failed with `first`.
    #[must_use]
    pub(crate) fn after(mut self, first: &Self) -> Self {
        if self.exchanges.is_empty() {
            // It was ended on our side: what the vendor said is not to be covered by that.
            self.message = format!("{}; before that: {}", self.message, first.message);
        }
        self.sent = self.sent.map(|sent| first.sent.map_or(sent, |first| first.max(sent)));
        self.exchanges.splice(0..0, first.exchanges.iter().cloned());
        self
    }

    /// With the exchanges made so far.
    #[must_use]
    pub fn with_exchanges(mut self, exchanges: Vec<Exchange>) -> Self {
        self.exchanges = exchanges;
        self
    }

    /// With the vendor's words.
    #[must_use]
    pub fn with_vendor(mut self, vendor: VendorError) -> Self {
        self.vendor = Some(Box::new(vendor));
        self
    }

    /// With its cause, which must hold no secret.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ProviderErrorKind {
        self.kind
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the vendor may have acted. In the error of a governed call it is always known; elsewhere it is what the provider
    /// stated, and `No` where it stated nothing.
    pub fn sent(&self) -> Sent {
        self.sent.unwrap_or(Sent::No)
    }

    /// What the provider stated about sending: for code that makes another error of this one.
    pub fn stated_sent(&self) -> Option<Sent> {
        self.sent
    }

    /// The exchanges made before the failure, the failed one last.
    pub fn exchanges(&self) -> &[Exchange] {
        &self.exchanges
    }

    /// What the vendor said.
    pub fn vendor(&self) -> Option<&VendorError> {
        self.vendor.as_deref()
    }

    /// Whether the vendor refused the credential, so that a refreshed one is worth one more try.
    pub fn credential_rejected(&self) -> bool {
        self.kind == ProviderErrorKind::Unauthorized
    }
}
