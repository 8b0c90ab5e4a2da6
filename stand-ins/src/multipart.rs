//! Reading `multipart/form-data` (RFC 7578), strictly and without any leniency for sloppy senders.

/// One part of a multipart body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) filename: Option<String>,
    pub(crate) content: Vec<u8>,
}

/// The boundary that a `multipart/form-data` content type names.
pub(crate) fn boundary_of(content_type: &str) -> Option<String> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let boundary = parameter.trim().strip_prefix("boundary=")?.trim_matches('"');
        (!boundary.is_empty()).then(|| boundary.to_owned())
    })
}

/// The parts of a body, or `None` where the frame is broken.
pub(crate) fn parts_of(body: &[u8], boundary: &str) -> Option<Vec<Part>> {
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(format!("--{boundary}").as_bytes())?;
    let mut parts = Vec::new();
    loop {
        if let Some(end) = rest.strip_prefix(b"--") {
            return (end.is_empty() || end == b"\r\n").then_some(parts);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let end = position(rest, delimiter.as_bytes())?;
        let (part, after) = rest.split_at_checked(end)?;
        parts.push(part_of(part)?);
        rest = after.get(delimiter.len()..)?;
    }
}

fn part_of(raw: &[u8]) -> Option<Part> {
    let head_end = position(raw, b"\r\n\r\n")?;
    let (head, content) = raw.split_at_checked(head_end)?;
    let content = content.get(4..)?.to_vec();
    let head = std::str::from_utf8(head).ok()?;
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then(|| value.trim())
    })?;
    let parameters = disposition.strip_prefix("form-data")?;
    Some(Part { name: parameter(parameters, "name")?, filename: parameter(parameters, "filename"), content })
}

/// Reads `; name="value"`; a quote inside the value is escaped as `\"` or `%22`.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let start = format!("; {name}=\"");
    let at = parameters.find(&start)?;
    let mut value = String::new();
    let mut escaped = false;
    for letter in parameters.get(at + start.len()..)?.chars() {
        match letter {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return Some(value.replace("%22", "\"")),
            _ => {
                value.push(letter);
                escaped = false;
            }
        }
    }
    None
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"--b0\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nana\r\n--b0\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".log\"\r\nContent-Type: text/plain\r\n\r\n\
        one\r\n--b\r\ntwo\r\n--b0--\r\n";

    #[test]
    fn parts_come_out_with_names_filenames_and_exact_bytes() {
        let parts = parts_of(BODY, "b0").unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].name.as_str(), parts[0].filename.as_deref()), ("user", None));
        assert_eq!(parts[1].filename.as_deref(), Some("a \"b\".log"));
        assert_eq!(parts[1].content, b"one\r\n--b\r\ntwo");
    }

    #[test]
    fn a_broken_frame_is_refused() {
        let unclosed = BODY.strip_suffix(b"\r\n--b0--\r\n").unwrap();
        assert_eq!(parts_of(unclosed, "b0"), None);
        assert_eq!(parts_of(BODY, "another"), None);
        assert_eq!(parts_of(b"", "b0"), None);
    }

    #[test]
    fn the_boundary_is_read_with_and_without_quotes() {
        assert_eq!(boundary_of("multipart/form-data; boundary=xyz").as_deref(), Some("xyz"));
        assert_eq!(boundary_of("multipart/form-data; charset=utf-8; boundary=\"x y\"").as_deref(), Some("x y"));
        assert_eq!(boundary_of("multipart/form-data"), None);
    }
}
