//! The pages that people see: plain HTML, no script, nothing loaded from elsewhere.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use url::Url;

/// The style sheet of all pages.
pub(super) const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1.05rem/1.55 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.25rem}\
h1{font-size:1.5rem;line-height:1.25}\
label{display:block;margin:1rem 0 .35rem}\
input{font:inherit;width:100%;box-sizing:border-box;padding:.55rem .7rem}\
button,.button{font:inherit;display:inline-block;margin-top:1.1rem;padding:.6rem 1.2rem;border:0;border-radius:.4rem;\
background:#1553c0;color:#fff;text-decoration:none;cursor:pointer}\
.note{opacity:.75;font-size:.95rem}\
h2{font-size:1.15rem;margin:2rem 0 .2rem}\
";

/// A page: title and paragraphs are texts, escaped here; `more` is HTML of ours.
pub(super) struct Page<'a> {
    pub(super) status: StatusCode,
    pub(super) title: &'a str,
    pub(super) paragraphs: &'a [&'a str],
    pub(super) more: String,
    /// Where the browser goes by itself.
    pub(super) onward: Option<&'a Url>,
}

impl<'a> Page<'a> {
    pub(super) fn new(status: StatusCode, title: &'a str, paragraphs: &'a [&'a str]) -> Self {
        Self { status, title, paragraphs, more: String::new(), onward: None }
    }

    /// The answer with this page in it.
    pub(super) fn into_response(self, style: &str) -> Response {
        let title = escape(self.title);
        let refresh = self.onward.map_or_else(String::new, |url| {
            format!("<meta http-equiv=\"refresh\" content=\"0;url={}\">", escape(url.as_str()))
        });
        let mut paragraphs = String::new();
        for text in self.paragraphs {
            paragraphs.extend(["<p>", &escape(text), "</p>"]);
        }
        let html = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">{refresh}<title>{title}</title>\
             <link rel=\"stylesheet\" href=\"{}\"></head><body><main><h1>{title}</h1>{paragraphs}{}</main></body></html>",
            escape(style),
            self.more,
        );
        let mut response = (self.status, html).into_response();
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            ),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::X_FRAME_OPTIONS, "DENY"),
            // The link must not leave our own pages; `no-referrer` would also hide the origin that the form is checked by.
            (header::REFERRER_POLICY, "same-origin"),
            (header::CACHE_CONTROL, "no-store"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// The field in which a person proves who it is where nothing else does.
pub(super) const TOKEN: &str = "<label for=\"token\">Access token that your AI client uses here</label>\
    <input id=\"token\" name=\"token\" type=\"password\" autocomplete=\"off\" required>";

/// The form of the first page.
pub(super) fn form(action: &str, ticket: &str, asks_for_token: bool) -> String {
    let token = if asks_for_token { TOKEN } else { "" };
    format!(
        "<form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"ticket\" value=\"{}\">{token}\
         <button type=\"submit\">Continue</button></form>",
        escape(action),
        escape(ticket),
    )
}

/// A form with nothing to fill in.
pub(super) fn plain_form(action: &str, ticket: &str, label: &str) -> String {
    format!(
        "<form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"ticket\" value=\"{}\">\
         <button type=\"submit\">{}</button></form>",
        escape(action),
        escape(ticket),
        escape(label),
    )
}

/// A link that looks like a button.
pub(super) fn button(url: &Url, text: &str) -> String {
    format!("<p><a class=\"button\" rel=\"noreferrer\" href=\"{}\">{}</a></p>", escape(url.as_str()), escape(text))
}

/// Text as it may stand in HTML, in an attribute's quotes too.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        let hostile = "\"><script>alert('x')</script>&";
        assert_eq!(escape(hostile), "&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;");
        assert!(!form("/connect", hostile, true).contains("<script"));
        assert!(!plain_form(hostile, hostile, hostile).contains("<script"));
    }

    #[test]
    fn a_page_loads_nothing_from_elsewhere_and_stands_in_no_frame() {
        let response = Page::new(StatusCode::OK, "Title", &["Text"]).into_response("/connect/style.css");
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"));
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }
}
