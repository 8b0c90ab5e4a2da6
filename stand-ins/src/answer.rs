//! The answer to one request, before it becomes bytes.

use std::time::Duration;

use serde_json::Value;
use wiremock::ResponseTemplate;
use wiremock::http::{HeaderName, HeaderValue};

/// Status, headers and body of an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
    delay: Option<Duration>,
}

#[derive(Debug, Clone)]
enum Body {
    Empty,
    Json(Value),
    Raw(Vec<u8>),
}

impl Answer {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self::with_body(status, Body::Json(body)).with_header("content-type", "application/json; charset=utf-8")
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self::with_body(status, Body::Empty)
    }

    pub(crate) fn raw(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::with_body(status, Body::Raw(body.into())).with_header("content-type", content_type)
    }

    /// Sets a header, in place of one of the same name.
    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// Replaces the body by what `change` makes of its JSON; other bodies stay as they are.
    pub(crate) fn map_json(mut self, change: impl FnOnce(Value) -> Value) -> Self {
        if let Body::Json(value) = self.body {
            self.body = Body::Json(change(value));
        }
        self
    }

    /// Keeps the first half of the body's bytes; the length header fits the half.
    pub(crate) fn cut_in_half(mut self) -> Self {
        let mut bytes = self.body.into_bytes();
        bytes.truncate(bytes.len() / 2);
        self.body = Body::Raw(bytes);
        self
    }

    /// Drops the body and keeps status and headers.
    pub(crate) fn without_body(mut self) -> Self {
        self.body = Body::Empty;
        self
    }

    /// INVARIANT: never panics, whatever a fault put into status and headers: what HTTP cannot carry is left out
    /// (`a_fault_that_http_cannot_carry_still_gets_an_answer`).
    pub(crate) fn into_template(self) -> ResponseTemplate {
        let status = if (200..=599).contains(&self.status) { self.status } else { 500 };
        let mut template = ResponseTemplate::new(status).set_body_bytes(self.body.into_bytes());
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
                template = template.append_header(name, value);
            }
        }
        match self.delay {
            Some(delay) => template.set_delay(delay),
            None => template,
        }
    }

    fn with_body(status: u16, body: Body) -> Self {
        Self { status, headers: Vec::new(), body, delay: None }
    }
}

impl Body {
    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Empty => Vec::new(),
            Self::Json(value) => value.to_string().into_bytes(),
            Self::Raw(bytes) => bytes,
        }
    }
}
