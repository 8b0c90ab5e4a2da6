//! `multipart/form-data` (RFC 7578), with a boundary that cannot be known beforehand and names that cannot break out.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::{BufMut as _, Bytes, BytesMut};
use serde_json::{Value, json};

use crate::steps;

/// One part.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    name: String,
    file: Option<(String, String)>,
    content: Vec<u8>,
}

impl Part {
    /// A plain field.
    pub(crate) fn field(name: String, text: String) -> Self {
        Self { name, file: None, content: text.into_bytes() }
    }

    /// A file from its base64 form.
    pub(crate) fn file(name: &str, file_name: &str, content_type: &str, value: &Value) -> Result<Self, &'static str> {
        let text = value.as_str().ok_or("must be a text in base64")?;
        let content = BASE64_STANDARD.decode(text).map_err(|_| "is not base64 (RFC 4648, section 4, with padding)")?;
        Ok(Self { name: name.to_owned(), file: Some((file_name.to_owned(), content_type.to_owned())), content })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The part for a preview: text as it is, a file by name and size.
    pub(crate) fn show(&self) -> Value {
        match &self.file {
            None => Value::from(String::from_utf8_lossy(&self.content).into_owned()),
            Some((name, kind)) => json!({"file_name": name, "content_type": kind, "bytes": self.content.len()}),
        }
    }
}

/// A file name that can stand in a header and names no directory.
pub(crate) fn file_name(name: &str) -> Result<String, &'static str> {
    let bad = |c: char| c.is_control() || matches!(c, '"' | '\\' | '/');
    if name.is_empty() || name.len() > 255 || name.chars().any(bad) || matches!(name, "." | "..") {
        return Err("must be a file name of 1 to 255 bytes without quotes, slashes and control characters");
    }
    Ok(name.to_owned())
}

/// A boundary of 128 random bits: no part holds it, because it could not be known when the parts were written.
pub(crate) fn boundary() -> Result<String, String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| format!("the operating system gives no random bytes: {error}"))?;
    Ok(format!("mcp-govern-{:032x}", u128::from_ne_bytes(bytes)))
}

/// The body.
pub(crate) fn encode(parts: &[Part], boundary: &str) -> Bytes {
    let size = parts.iter().map(|part| part.content.len() + part.name.len() + 256).sum();
    let mut body = BytesMut::with_capacity(size);
    for part in parts {
        body.put_slice(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(&part.name)).as_bytes(),
        );
        if let Some((file_name, content_type)) = &part.file {
            let line = format!("; filename=\"{}\"\r\nContent-Type: {content_type}", quoted(file_name));
            body.put_slice(line.as_bytes());
        }
        body.put_slice(b"\r\n\r\n");
        steps::ticks(part.content.len());
        body.put_slice(&part.content);
        body.put_slice(b"\r\n");
    }
    body.put_slice(format!("--{boundary}--\r\n").as_bytes());
    body.freeze()
}

/// As browsers write it (WHATWG HTML, multipart/form-data encoding algorithm): quote and line ends percent-encoded.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_is_in_no_part() {
        let made: std::collections::BTreeSet<String> = (0..100).map(|_| boundary().unwrap()).collect();
        assert_eq!(made.len(), 100, "a boundary came twice, so that a part could hold it");
        for boundary in made {
            assert!(boundary.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && boundary.len() <= 70);
        }
    }

    #[test]
    fn a_name_cannot_end_its_header() {
        let body = encode(&[Part::field("a\"\r\nX: y".into(), "v".into())], "b");
        assert_eq!(body, "--b\r\nContent-Disposition: form-data; name=\"a%22%0D%0AX: y\"\r\n\r\nv\r\n--b--\r\n");
        for name in ["", "a\"b", "a\r\n", "../a", "a/b", "a\\b", "..", "a\0"] {
            assert!(file_name(name).is_err(), "{name:?}");
        }
        assert_eq!(file_name("bericht zur störung.log").unwrap(), "bericht zur störung.log");
    }
}
