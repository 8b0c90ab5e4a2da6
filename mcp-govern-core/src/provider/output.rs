//! What comes back from a call, and what a call would send.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

/// One request to the vendor and its answer, for the audit record. Holds no value of an argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The HTTP method.
    pub method: Cow<'static, str>,
    /// The path template, with the names of its parameters instead of their values.
    pub path: Arc<str>,
    /// The HTTP status; absent when no answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The vendor's id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Bytes of the request body.
    pub sent_bytes: u64,
    /// Bytes of the answer's body.
    pub received_bytes: u64,
    /// Milliseconds from the first attempt to the end of the answer.
    pub latency_ms: u64,
    /// How many times it was tried again.
    pub retries: u32,
}

/// The result of a call.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ToolOutput {
    /// The structured result: the vendor's own bytes where they pass through unchanged.
    pub content: Box<RawValue>,
    /// Sentences for the model: what was left out, what the vendor warned of.
    pub notes: Vec<String>,
    /// The exchanges that were made.
    pub exchanges: Vec<Exchange>,
}

impl ToolOutput {
    /// A result with its exchanges.
    pub fn new(content: Box<RawValue>, exchanges: Vec<Exchange>) -> Self {
        Self { content, notes: Vec::new(), exchanges }
    }

    /// With a note for the model.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The result as a tree.
    ///
    /// # Errors
    ///
    /// When it nests deeper than `serde_json` reads.
    pub fn to_value(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_str(self.content.get())
    }
}

/// The exact request that a call would send. Secrets are shown as `***`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RequestPreview {
    /// The HTTP method.
    pub method: String,
    /// The URL with its query.
    pub url: String,
    /// The headers in the order in which they are sent.
    pub headers: Vec<(String, String)>,
    /// The body: JSON as it is, forms and parts as an object that names them.
    pub body: Option<Value>,
    /// What else would happen (polling afterwards, a further read first).
    pub notes: Vec<String>,
}

impl RequestPreview {
    /// A request without headers and body.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self { method: method.into(), url: url.into(), headers: Vec::new(), body: None, notes: Vec::new() }
    }

    /// With a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn with_body(mut self, body: Option<Value>) -> Self {
        self.body = body;
        self
    }

    /// With a note.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}
