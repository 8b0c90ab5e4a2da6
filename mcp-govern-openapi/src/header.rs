//! Names and values of headers: what a document may set, and what an answer has.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Headers that belong to the connection, to this crate or to the credential.
const RESERVED: [&str; 16] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
];

/// Whether a text is made of visible ASCII characters and inner spaces, and nothing else.
pub(crate) fn is_header_text(text: &str) -> bool {
    let inner = !text.is_empty() && !text.starts_with(' ') && !text.ends_with(' ');
    inner && text.bytes().all(|b| (b' '..=b'~').contains(&b))
}

/// A header value of visible ASCII characters and inner spaces, and nothing else.
pub(crate) fn check_header_value(text: &str) -> Result<HeaderValue, &'static str> {
    if !is_header_text(text) {
        return Err("must be visible ASCII text without spaces around it: it goes into a header");
    }
    HeaderValue::from_str(text).map_err(|_| "cannot be part of a header")
}

/// The name of a header that a document may set.
pub(crate) fn check_header_name(name: &str) -> Result<HeaderName, String> {
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is not a valid header name"))?;
    if RESERVED.contains(&parsed.as_str()) {
        return Err(format!("the header `{name}` cannot be set by a document"));
    }
    Ok(parsed)
}

/// The name of a header of an answer.
pub(crate) fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is not a valid header name"))
}

/// Whether a header is there, with that value if one is wanted; capitals do not matter.
pub(crate) fn header_matches(headers: &HeaderMap, name: &HeaderName, wanted: Option<&str>) -> bool {
    headers.get_all(name).iter().any(|value| {
        wanted.is_none_or(|wanted| value.to_str().is_ok_and(|value| value.trim().eq_ignore_ascii_case(wanted)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_the_connection_and_the_credential_are_reserved() {
        for name in ["Authorization", "HOST", "cookie", "Transfer-Encoding", "content-length"] {
            assert!(check_header_name(name).is_err(), "{name}");
        }
        assert!(check_header_name("From").is_ok());
        assert!(check_header_name("a b").is_err());
    }
}
