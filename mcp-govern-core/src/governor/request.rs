//! What a call is asked with, and what comes back.

use std::{fmt, sync::Arc, time::Instant};

use serde_json::{Map, Value};

use crate::{
    audit::StatedClient,
    denial::{Denial, DenialCode},
    provider::{Progress, ProviderError, Sent, ToolOutput, TraceContext},
    vocabulary::{CallId, Digest, ToolDefinition, ToolId},
};

/// A tool, by the name that AI clients see or by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolRef {
    /// `<prefix>_<tool>`, as lists show it.
    Exposed(String),
    /// Server and name.
    Id(ToolId),
}

impl From<&str> for ToolRef {
    fn from(name: &str) -> Self {
        Self::Exposed(name.to_owned())
    }
}

impl From<String> for ToolRef {
    fn from(name: String) -> Self {
        Self::Exposed(name)
    }
}

impl From<ToolId> for ToolRef {
    fn from(id: ToolId) -> Self {
        Self::Id(id)
    }
}

impl From<&ToolId> for ToolRef {
    fn from(id: &ToolId) -> Self {
        Self::Id(id.clone())
    }
}

impl fmt::Display for ToolRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exposed(name) => f.write_str(name),
            Self::Id(id) => write!(f, "{id}"),
        }
    }
}

/// A call of a tool, as an AI client asks for it: nothing in it is trusted.
///
/// `Debug` shows the names of the arguments and not their values.
#[derive(Clone)]
pub struct CallRequest {
    pub(super) tool: ToolRef,
    pub(super) arguments: Map<String, Value>,
    pub(super) deadline: Option<Instant>,
    pub(super) trace: Option<TraceContext>,
    pub(super) stated_client: Option<StatedClient>,
    pub(super) progress: Option<Arc<dyn Progress>>,
}

impl CallRequest {
    /// A call without arguments.
    pub fn new(tool: impl Into<ToolRef>) -> Self {
        Self {
            tool: tool.into(),
            arguments: Map::new(),
            deadline: None,
            trace: None,
            stated_client: None,
            progress: None,
        }
    }

    /// With arguments, in place of those given before.
    #[must_use]
    pub fn with_arguments(mut self, arguments: Map<String, Value>) -> Self {
        self.arguments = arguments;
        self
    }

    /// With one more argument.
    #[must_use]
    pub fn with_argument(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.arguments.insert(name.into(), value.into());
        self
    }

    /// With a deadline for the vendor's side; the provider's own where absent.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// By a client that says this of itself: it is put on record as the client's own word, and nothing is decided by it.
    #[must_use]
    pub fn with_stated_client(mut self, client: Option<StatedClient>) -> Self {
        self.stated_client = client;
        self
    }

    /// Within a trace: its id is put on record, and the provider carries it on.
    #[must_use]
    pub fn with_trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// With a listener for how far a long call has come.
    #[must_use]
    pub fn with_progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = Some(progress);
        self
    }

    /// The tool.
    pub fn tool(&self) -> &ToolRef {
        &self.tool
    }
}

impl fmt::Debug for CallRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallRequest")
            .field("tool", &self.tool)
            .field("arguments", &self.arguments.keys().collect::<Vec<_>>())
            .field("deadline", &self.deadline)
            .field("trace", &self.trace)
            .finish_non_exhaustive()
    }
}

/// A call that the vendor carried out.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CallSuccess {
    /// The call's id, as its audit records name it.
    pub call: CallId,
    /// The tool.
    pub tool: ToolId,
    /// The definition under which the call was admitted: a result is held to its form, also where another one counts meanwhile.
    pub definition: Arc<ToolDefinition>,
    /// The digest of that definition.
    pub digest: Digest,
    /// The result.
    pub output: ToolOutput,
}

/// A call that was not carried out, or of which that is not known.
#[derive(Debug)]
pub struct CallError {
    call: CallId,
    cause: CallFailure,
    sent: Sent,
    repetition: Repetition,
}

/// Whether a call that was not carried out may be made once more as it is, without anything being done twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repetition {
    /// Nothing was done, or the tool only reads.
    Harmless,
    /// Something was done, or may have been: look first.
    Doubtful,
}

/// Why a call was not carried out.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallFailure {
    /// Governance did not let it through. This is what the caller may be shown; the record holds the true code.
    Denied(Denial),
    /// The vendor, or the way to it, failed.
    Provider(ProviderError),
}

impl CallError {
    pub(super) fn denied(call: CallId, denial: Denial) -> Self {
        Self::halted(call, denial, Sent::No)
    }

    pub(super) fn halted(call: CallId, denial: Denial, sent: Sent) -> Self {
        Self::refused(call, denial, sent, Repetition::after(sent))
    }

    pub(super) fn refused(call: CallId, denial: Denial, sent: Sent, repetition: Repetition) -> Self {
        Self { call, cause: CallFailure::Denied(denial), sent, repetition }
    }

    pub(super) fn failed(call: CallId, error: ProviderError) -> Self {
        let sent = error.sent();
        Self { call, cause: CallFailure::Provider(error), sent, repetition: Repetition::after(sent) }
    }

    /// The call's id, as its audit records name it.
    pub fn call(&self) -> &CallId {
        &self.call
    }

    /// Why.
    pub fn failure(&self) -> &CallFailure {
        &self.cause
    }

    /// The denial, where governance did not let the call through.
    pub fn denial(&self) -> Option<&Denial> {
        match &self.cause {
            CallFailure::Denied(denial) => Some(denial),
            CallFailure::Provider(_) => None,
        }
    }

    /// The denial's code, where governance did not let the call through.
    pub fn code(&self) -> Option<DenialCode> {
        self.denial().map(Denial::code)
    }

    /// The provider's error, where the vendor or the way to it failed.
    pub fn provider_error(&self) -> Option<&ProviderError> {
        match &self.cause {
            CallFailure::Denied(_) => None,
            CallFailure::Provider(error) => Some(error),
        }
    }

    /// Whether the vendor may have acted.
    pub fn sent(&self) -> Sent {
        self.sent
    }

    /// Whether the call may be made once more as it is. A vendor that answered with nothing but a refusal of the credential was sent
    /// something and has done nothing.
    pub fn repetition(&self) -> Repetition {
        self.repetition
    }
}

impl Repetition {
    fn after(sent: Sent) -> Self {
        if sent == Sent::No { Self::Harmless } else { Self::Doubtful }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            CallFailure::Denied(denial) => write!(f, "{denial}"),
            CallFailure::Provider(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for CallError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            CallFailure::Denied(denial) => Some(denial),
            CallFailure::Provider(error) => Some(error),
        }
    }
}
