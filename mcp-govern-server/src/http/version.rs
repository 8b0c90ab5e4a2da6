//! Versions of the protocol that are not spoken.

use axum::body::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rmcp::{ErrorData, model::ProtocolVersion};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The header in which a request states its version.
const HEADER: &str = "mcp-protocol-version";

/// The version that a request states in its header, where it is none that is spoken.
pub(super) fn unknown(headers: &HeaderMap) -> Option<HeaderValue> {
    let stated = headers.get(HEADER)?;
    let known = ProtocolVersion::KNOWN_VERSIONS.iter().any(|known| known.as_str().as_bytes() == stated.as_bytes());
    (!known).then(|| stated.clone())
}

/// The protocol library refuses such a version in plain text, where the revision of 2026-07-28 wants `UnsupportedProtocolVersionError`: that
/// error, in the place of the library's answer. None where the library has said something else.
pub(super) fn refusal(status: StatusCode, answer: &HeaderMap, stated: &HeaderValue, request: &[u8]) -> Option<Bytes> {
    #[derive(Deserialize)]
    struct Asked {
        #[serde(default)]
        id: Value,
    }
    #[derive(Serialize)]
    struct Refused {
        jsonrpc: &'static str,
        id: Value,
        error: ErrorData,
    }
    if status != StatusCode::BAD_REQUEST || answer.contains_key(header::CONTENT_TYPE) {
        return None;
    }
    let requested: ProtocolVersion = serde_json::from_value(stated.to_str().ok()?.into()).ok()?;
    let error = ErrorData::unsupported_protocol_version(requested, ProtocolVersion::KNOWN_VERSIONS);
    let id = serde_json::from_slice(request).map_or(Value::Null, |asked: Asked| asked.id);
    serde_json::to_vec(&Refused { jsonrpc: "2.0", id, error }).ok().map(Bytes::from)
}
