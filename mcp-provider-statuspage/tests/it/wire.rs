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
    /// Calls that must have been made before.
    pub(crate) before: Vec<(&'static str, Value)>,
    method: &'static str,
    target: String,
    body: Body,
}

#[derive(Debug)]
enum Body {
    None,
    Json(Value),
    Form(&'static str),
}

impl Case {
    /// A call that sends this method to this path and query, which are compared in their encoded form.
    pub(crate) fn new(tool: &'static str, arguments: Value, method: &'static str, target: impl Into<String>) -> Self {
        Self { tool, arguments, method, before: Vec::new(), target: target.into(), body: Body::None }
    }

    /// Needs this call to have been made before.
    pub(crate) fn after(mut self, tool: &'static str, arguments: Value) -> Self {
        self.before.push((tool, arguments));
        self
    }

    /// With this JSON body.
    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    /// With this form body, in its encoded form.
    pub(crate) fn form(mut self, body: &'static str) -> Self {
        self.body = Body::Form(body);
        self
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
        demand("the headers", lines(&own_headers(seen)), lines(&self.headers(headers)));
        match &self.body {
            Body::None => demand("the body", String::from_utf8_lossy(seen.body()).into_owned(), String::new()),
            Body::Json(body) => demand("the body", seen.json().unwrap_or_default().to_string(), body.to_string()),
            Body::Form(body) => {
                demand("the body", String::from_utf8_lossy(seen.body()).into_owned(), (*body).to_owned());
            }
        }
        faults
    }

    /// What differs between the preview and what is expected of it.
    pub(crate) fn preview_faults(&self, base: &Url, preview: &RequestPreview) -> Vec<String> {
        let mut faults = Vec::new();
        let origin = base.origin().ascii_serialization();
        let (is, expected) =
            (format!("{} {}", preview.method, preview.url), format!("{} {origin}{}", self.method, self.target));
        if is != expected {
            faults.push(format!("{}: the preview shows `{is}`, expected `{expected}`", self.tool));
        }
        let body = match &self.body {
            Body::None => preview.body.is_none(),
            Body::Json(body) => preview.body.as_ref() == Some(&masked(body)),
            Body::Form(_) => preview.body.as_ref().is_some_and(Value::is_object),
        };
        if !body {
            faults.push(format!("{}: the preview shows the body {:?}", self.tool, preview.body));
        }
        faults
    }

    fn headers(&self, headers: &[(&str, &str)]) -> Vec<(String, String)> {
        let content_type = match self.body {
            Body::None => None,
            Body::Json(_) => Some(("content-type", "application/json")),
            Body::Form(_) => Some(("content-type", "application/x-www-form-urlencoded")),
        };
        let all = headers.iter().copied().chain(content_type);
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

/// The body as a preview shows it: what an argument hands over in secret is masked.
fn masked(body: &Value) -> Value {
    match body {
        Value::Object(members) => {
            let mask = |(name, value): (&String, &Value)| match name.as_str() {
                "password" | "api_key" | "api_token" | "application_key" => (name.clone(), Value::from("***")),
                _ => (name.clone(), masked(value)),
            };
            Value::Object(members.iter().map(mask).collect())
        }
        other => other.clone(),
    }
}

/// The headers of a request that are not the transport's own.
fn own_headers(seen: &Seen) -> Vec<(String, String)> {
    let own =
        seen.headers().iter().filter(|(name, _)| !matches!(name.as_str(), "host" | "user-agent" | "content-length"));
    own.cloned().collect()
}

fn lines(headers: &[(String, String)]) -> String {
    let mut lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    lines.sort();
    lines.join(", ")
}
