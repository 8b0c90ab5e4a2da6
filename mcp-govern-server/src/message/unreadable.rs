//! Why a message was not read.

use std::fmt;

use axum::{
    body::Bytes,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use serde_json::{Value, json, value::RawValue};

/// JSON-RPC 2.0, section 5.1.
const PARSE_ERROR: i32 = -32_700;
const INVALID_REQUEST: i32 = -32_600;
const METHOD_NOT_FOUND: i32 = -32_601;
const INVALID_PARAMS: i32 = -32_602;

/// A message that is not handed to the protocol, and the answer to it.
#[derive(Debug, Clone)]
pub(crate) struct Unreadable {
    /// Of the request; none where it could not be read.
    id: Option<Box<RawValue>>,
    code: i32,
    message: String,
    of_meta: bool,
}

impl Unreadable {
    /// It is not JSON, or not JSON that can be read.
    pub(super) fn parse(reason: &dyn fmt::Display) -> Self {
        Self::new(None, PARSE_ERROR, format!("the message cannot be read as JSON: {reason}"))
    }

    /// It is JSON and no request.
    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self::new(None, INVALID_REQUEST, message.into())
    }

    /// Its parameters are not those of its method.
    pub(super) fn params(id: Option<Box<RawValue>>, message: String, of_meta: bool) -> Self {
        Self { of_meta, ..Self::new(id, INVALID_PARAMS, message) }
    }

    /// There is no such method.
    pub(super) fn method(id: Box<RawValue>, method: String) -> Self {
        Self::new(Some(id), METHOD_NOT_FOUND, method)
    }

    /// It is a request that the protocol library could not read.
    pub(crate) fn library(id: Option<Box<RawValue>>, reason: &dyn fmt::Display) -> Self {
        Self::new(id, INVALID_REQUEST, format!("the message cannot be read: {reason}"))
    }

    fn new(id: Option<Box<RawValue>>, code: i32, message: String) -> Self {
        Self { id, code, message, of_meta: false }
    }

    /// Whether a request is answered, and not a notification refused.
    pub(crate) fn is_about_a_request(&self) -> bool {
        self.id.is_some()
    }

    /// Whether what was wrong makes the message none: then even a message without an id is answered.
    pub(crate) fn is_no_message(&self) -> bool {
        matches!(self.code, PARSE_ERROR | INVALID_REQUEST)
    }

    /// The answer as a message.
    pub(crate) fn answer(&self) -> Bytes {
        let id = self.id.as_ref().and_then(|id| serde_json::from_str(id.get()).ok()).unwrap_or(Value::Null);
        json!({"jsonrpc": "2.0", "id": id, "error": {"code": self.code, "message": self.message}}).to_string().into()
    }

    /// The answer over HTTP. Clients read an error that belongs to a request from a plain 200, as they read one of the protocol; what is
    /// wrong with the message itself, or with what must stand in `_meta`, is a bad request.
    pub(crate) fn into_response(self, status: Option<StatusCode>) -> Response {
        let of_a_method = self.code == INVALID_PARAMS && self.id.is_some() && !self.of_meta;
        let status = status.unwrap_or(if of_a_method { StatusCode::OK } else { StatusCode::BAD_REQUEST });
        (status, [(header::CONTENT_TYPE, "application/json")], self.answer()).into_response()
    }
}
