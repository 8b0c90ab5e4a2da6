//! Headers that arguments and configuration fill in.

use http::{HeaderName, HeaderValue};
use serde_json::Value;

use super::encode::scalar_text;

/// A header parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeaderParam {
    pub(crate) name: HeaderName,
    pub(crate) argument: String,
}

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

impl HeaderParam {
    pub(crate) fn bind(&self, value: &Value) -> Result<HeaderValue, String> {
        let argument = &self.argument;
        let text = match value {
            Value::Array(items) => {
                let items: Option<Vec<_>> = items.iter().map(scalar_text).collect();
                let items = items.filter(|items| !items.is_empty() && !items.iter().any(|item| item.contains(',')));
                items.map(|items| items.join(","))
            }
            value => scalar_text(value).map(std::borrow::Cow::into_owned),
        };
        let text = text.ok_or_else(|| format!("`{argument}` has a form that a header cannot hold"))?;
        check_header_value(&text).map_err(|fault| format!("`{argument}` {fault}"))
    }
}

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
    HeaderValue::from_str(text).map_err(|_| "cannot stand in a header")
}

/// The name of a header that a document may set.
pub(crate) fn check_header_name(name: &str) -> Result<HeaderName, String> {
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header name"))?;
    if RESERVED.contains(&parsed.as_str()) {
        return Err(format!("the header `{name}` cannot be set by a document"));
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_cannot_end_the_header() {
        let param = HeaderParam { name: HeaderName::from_static("x-a"), argument: "a".into() };
        for value in ["a\r\nX: y", "a\n", "\0", "é", "", " a", "a\t"] {
            assert!(param.bind(&json!(value)).is_err(), "`{value:?}` was bound");
        }
        assert_eq!(param.bind(&json!("a b")).unwrap(), "a b");
        assert_eq!(param.bind(&json!(["a", 1])).unwrap(), "a,1");
        assert!(param.bind(&json!(["a,b"])).is_err());
        assert!(param.bind(&json!({"a": 1})).is_err());
    }

    #[test]
    fn headers_of_the_connection_and_the_credential_are_reserved() {
        for name in ["Authorization", "HOST", "cookie", "Transfer-Encoding", "content-length"] {
            assert!(check_header_name(name).is_err(), "{name}");
        }
        assert!(check_header_name("From").is_ok());
        assert!(check_header_name("a b").is_err());
    }
}
