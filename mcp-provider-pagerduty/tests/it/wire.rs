//! One call, and the request that it must send, to the letter.

use mcp_govern_core::RequestPreview;
use serde_json::Value;
use stand_ins::Seen;
use url::Url;

/// A call with the request that it sends.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) tool: &'static str,
    pub(crate) arguments: Value,
    method: &'static str,
    target: String,
    body: Option<Value>,
}

impl Case {
    /// A call that sends this method to this path and query, which are compared in their encoded form.
    pub(crate) fn new(tool: &'static str, arguments: Value, method: &'static str, target: impl Into<String>) -> Self {
        Self { tool, arguments, method, target: target.into(), body: None }
    }

    /// With this JSON body.
    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Whether it changes something, and so must say in whose name.
    pub(crate) fn is_write(&self) -> bool {
        self.method != "GET"
    }

    /// What differs between the request and what is expected of it. `headers` are all but those of the transport and of
    /// the body.
    pub(crate) fn faults(&self, seen: &Seen, headers: &[(&str, &str)]) -> Vec<String> {
        let mut faults = Vec::new();
        let mut demand = |what: &str, is: String, expected: String| {
            if is != expected {
                faults.push(format!("{}: {what} is `{is}`, expected `{expected}`", self.tool));
            }
        };
        demand("the method", seen.method().to_owned(), self.method.to_owned());
        let query = seen.query().map(|query| format!("?{query}")).unwrap_or_default();
        demand("the target", format!("{}{query}", seen.path()), self.target.clone());
        let content_type = self.body.as_ref().map(|_| ("content-type", "application/json"));
        let expected = headers.iter().copied().chain(content_type);
        let expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        demand("the headers", lines(&own_headers(seen)), lines(&expected));
        match &self.body {
            None => demand("the body", String::from_utf8_lossy(seen.body()).into_owned(), String::new()),
            Some(body) if seen.json().as_ref() == Some(body) => {}
            Some(body) => demand("the body", String::from_utf8_lossy(seen.body()).into_owned(), body.to_string()),
        }
        faults
    }

    /// What differs between the preview and what is expected of it.
    pub(crate) fn preview_faults(&self, base: &Url, preview: &RequestPreview) -> Vec<String> {
        let mut faults = Vec::new();
        let origin = base.origin().ascii_serialization();
        let is = format!("{} {}", preview.method, preview.url);
        let expected = format!("{} {origin}{}", self.method, self.target);
        if is != expected {
            faults.push(format!("{}: the preview shows `{is}`, expected `{expected}`", self.tool));
        }
        if preview.body != self.body {
            faults.push(format!("{}: the preview shows the body {:?}", self.tool, preview.body));
        }
        faults
    }
}

/// The headers of a request that are not the transport's own.
fn own_headers(seen: &Seen) -> Vec<(String, String)> {
    let transport = ["host", "user-agent", "content-length"];
    seen.headers().iter().filter(|(name, _)| !transport.contains(&name.as_str())).cloned().collect()
}

fn lines(headers: &[(String, String)]) -> String {
    let mut lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    lines.sort();
    lines.join(", ")
}
