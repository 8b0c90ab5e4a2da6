//! What a vendor says in an answer that is not JSON, as one line that people can read.

use std::borrow::Cow;

use http::{HeaderMap, header};

use crate::{plan::MOST_READ, redact::Redactor, steps, text::one_line};

/// The words of a body: a text as it is, a page without its tags, the credential masked in every form. Nothing where there are
/// none, or where the body is something other than a text.
pub(super) fn said(headers: &HeaderMap, body: &[u8], redactor: Redactor<'_>, longest: usize) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("text/plain");
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_text = kind.starts_with("text/") || ["json", "xml", "html"].iter().any(|part| kind.ends_with(part));
    if !is_text {
        return None;
    }
    let text = str::from_utf8(body).ok()?;
    let text = redactor.redacts(text).map_or(Cow::Borrowed(text), Cow::Owned);
    let most = (0..=MOST_READ.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let text = text.get(..most).unwrap_or_default().trim();
    let is_page = kind.ends_with("html") || kind.ends_with("xml") || text.starts_with('<');
    // What a tag divided may be one word without it: the credential is looked for once more.
    let text = if is_page { redactor.clean(without_tags(text)) } else { text.to_owned() };
    let line = one_line(text.split_whitespace().collect::<Vec<_>>().join(" ").as_str(), longest);
    (!line.is_empty()).then_some(line)
}

/// The text between tags, scripts and styles left out.
fn without_tags(page: &str) -> String {
    let mut text = String::new();
    let mut rest = page;
    while let Some((before, tag)) = rest.split_once('<') {
        steps::ticks(before.len() + 1);
        text.push_str(before);
        text.push(' ');
        let silent = ["script", "style"]
            .into_iter()
            .find(|name| tag.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name)));
        let end = match silent {
            Some(name) => find_closing(tag, name),
            None => tag.find('>').map(|at| at + 1),
        };
        steps::ticks(end.unwrap_or(tag.len()));
        rest = end.and_then(|end| tag.get(end..)).unwrap_or_default();
    }
    steps::ticks(rest.len());
    text.push_str(rest);
    for (entity, character) in
        [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
    {
        text = text.replace(entity, character);
    }
    text
}

/// Where the closing tag of this name ends.
fn find_closing(text: &str, name: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find("</")) {
        let tag = from + at + 2;
        if text.get(tag..tag + name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name)) {
            return text.get(tag..).and_then(|rest| rest.find('>')).map(|end| tag + end + 1);
        }
        from = tag;
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn told(kind: &'static str, body: &[u8], longest: usize) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        said(&headers, body, Redactor::new(None), longest)
    }

    #[test]
    fn the_words_of_texts_and_pages_are_one_line() {
        for (kind, body, line) in [
            ("text/plain; charset=utf-8", " ok\r\n", "ok"),
            ("text/plain", "a\u{202e}b\u{0}c", "ab c"),
            (
                "text/html",
                "<html><title>Done</title><script>x<1</script><STYLE>a>b</STYLE><p class='a'>Saved &amp; sent</p>",
                "Done Saved & sent",
            ),
            ("application/json", "ok", "ok"),
            ("application/xml", "<a><b>fine</b></a>", "fine"),
            ("text/plain", "<p>page</p>", "page"),
        ] {
            assert_eq!(told(kind, body.as_bytes(), 100).as_deref(), Some(line), "{kind}");
        }
        assert_eq!(told("text/plain", "abcdef".as_bytes(), 3).as_deref(), Some("abc…"));
        let long = "é".repeat(MOST_READ);
        assert!(told("text/plain", long.as_bytes(), 10).is_some());
    }

    #[test]
    fn what_is_no_text_says_nothing() {
        assert_eq!(told("image/png", b"abc", 100), None);
        assert_eq!(told("text/plain", b"\xff\xfe\x00", 100), None);
        assert_eq!(told("text/html", b"<script>x", 100), None);
        assert_eq!(told("text/plain", b"  ", 100), None);
    }

    #[test]
    fn a_page_is_read_in_steps_that_grow_as_it_does() {
        for unit in ["<", "<script>", "</", "<a>b", "<script></", "&amp;lt;"] {
            let counted = |n: usize| steps::counted(|| told("text/html", unit.repeat(n).as_bytes(), 100)).1;
            steps::assert_linear(counted, 1_000);
        }
    }
}
