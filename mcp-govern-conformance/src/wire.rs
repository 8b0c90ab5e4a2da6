//! One call, the request that it must send, to the letter, and what it answers: for tests that walk through every tool of a provider.

use mcp_govern_core::{
    ProviderError, ProviderErrorKind, RequestPreview,
    governor::{CallError, CallSuccess},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

/// A call with the request that it must send and the answer that it must give.
#[derive(Debug, Clone)]
pub struct Case {
    tool: String,
    arguments: Value,
    before: Vec<(String, Value)>,
    method: String,
    target: String,
    body: Body,
    masked: Vec<String>,
    then: Vec<(String, String)>,
    looking_up: Vec<(String, String)>,
    failing: Option<ProviderErrorKind>,
    answering: Vec<(String, Value)>,
}

#[derive(Debug, Clone)]
enum Body {
    None,
    Json(Value),
    Form(String),
    /// With the boundary spelt as `BOUNDARY`.
    Multipart(String),
}

/// A case as a file says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    tool: String,
    #[serde(default)]
    arguments: Map<String, Value>,
    #[serde(default)]
    after: Vec<WrittenCall>,
    sends: String,
    body: Option<Value>,
    form: Option<String>,
    multipart: Option<String>,
    #[serde(default)]
    masking: Vec<String>,
    #[serde(default)]
    then: Vec<String>,
    #[serde(default)]
    looking_up: Vec<String>,
    failing: Option<ProviderErrorKind>,
    #[serde(default)]
    answering: Map<String, Value>,
}

/// A call that must have been made before.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCall {
    tool: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

/// A request as a vendor on loopback saw it.
#[derive(Debug, Clone)]
pub struct SentRequest {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What a transport adds by itself.
const OF_THE_TRANSPORT: [&str; 3] = ["host", "user-agent", "content-length"];

impl Case {
    /// A call that sends this method to this path and query, which are compared in their encoded form.
    pub fn new(
        tool: impl Into<String>,
        arguments: Value,
        method: impl Into<String>,
        target: impl Into<String>,
    ) -> Self {
        Self {
            tool: tool.into(),
            arguments,
            before: Vec::new(),
            method: method.into(),
            target: target.into(),
            body: Body::None,
            masked: Vec::new(),
            then: Vec::new(),
            looking_up: Vec::new(),
            failing: None,
            answering: Vec::new(),
        }
    }

    /// Reads the cases of a file in YAML, a list of
    ///
    /// ```yaml
    /// - tool: create_thing
    ///   arguments: {name: a}
    ///   sends: POST /things?x=1
    ///   body: {thing: {name: a}}
    /// ```
    ///
    /// with the members `form` or `multipart` (texts) instead of `body`, and `after` (a list of `tool` and `arguments`), `masking` (names),
    /// `then` and `looking_up` (lists of method and target), `failing` (a kind, such as `not_found`) and `answering` (values by their place) where the
    /// methods of this type have the same names.
    ///
    /// # Errors
    ///
    /// What is not of this form, with its place.
    pub fn read(yaml: &str) -> Result<Vec<Self>, String> {
        let written: Vec<Written> = serde_saphyr::from_str(yaml).map_err(|error| error.to_string())?;
        written.into_iter().map(Self::of).collect()
    }

    fn of(written: Written) -> Result<Self, String> {
        let fault = |what: &str| format!("{}: {what}", written.tool);
        let request = |text: &str| {
            let (method, target) =
                text.split_once(' ').ok_or_else(|| fault("expected a method, a space and a target"))?;
            Ok::<_, String>((method.to_owned(), target.to_owned()))
        };
        let (method, target) = request(&written.sends)?;
        let body = match (written.body, written.form, written.multipart) {
            (None, None, None) => Body::None,
            (Some(body), None, None) => Body::Json(body),
            (None, Some(form), None) => Body::Form(form),
            (None, None, Some(parts)) => Body::Multipart(parts),
            _ => return Err(fault("states more than one of `body`, `form` and `multipart`")),
        };
        let then = written.then.iter().map(|text| request(text)).collect::<Result<_, _>>()?;
        let looking_up = written.looking_up.iter().map(|text| request(text)).collect::<Result<_, _>>()?;
        Ok(Self {
            arguments: written.arguments.into(),
            before: written.after.into_iter().map(|call| (call.tool, call.arguments.into())).collect(),
            method,
            target,
            body,
            masked: written.masking,
            then,
            looking_up,
            failing: written.failing,
            answering: written.answering.into_iter().collect(),
            tool: written.tool,
        })
    }

    /// Needs this call to have been made before.
    #[must_use]
    pub fn after(mut self, tool: impl Into<String>, arguments: Value) -> Self {
        self.before.push((tool.into(), arguments));
        self
    }

    /// With this JSON body.
    #[must_use]
    pub fn json(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    /// With this form body, in its encoded form.
    #[must_use]
    pub fn form(mut self, body: impl Into<String>) -> Self {
        self.body = Body::Form(body.into());
        self
    }

    /// With this multipart body; its boundary is spelt as `BOUNDARY`.
    #[must_use]
    pub fn multipart(mut self, body: impl Into<String>) -> Self {
        self.body = Body::Multipart(body.into());
        self
    }

    /// With members of the JSON body that a preview masks, wherever they stand.
    #[must_use]
    pub fn masking(mut self, names: &[&str]) -> Self {
        self.masked = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Sends one more request, without a body, of this method to a target that begins like this: where the vendor accepts a request
    /// first and is asked later what became of it. The rest of the target is the vendor's own choice.
    #[must_use]
    pub fn then(mut self, method: impl Into<String>, target: impl Into<String>) -> Self {
        self.then.push((method.into(), target.into()));
        self
    }

    /// Reads something first, unless a call before it has done so: a request of this method to a target that begins like this. A preview
    /// says in words what such a read is for.
    #[must_use]
    pub fn looking_up(mut self, method: impl Into<String>, target: impl Into<String>) -> Self {
        self.looking_up.push((method.into(), target.into()));
        self
    }

    /// Fails in this way: the stand-in has nothing that the call could be about.
    #[must_use]
    pub fn failing(mut self, kind: ProviderErrorKind) -> Self {
        self.failing = Some(kind);
        self
    }

    /// With this value at this place of the result: a JSON Pointer, the empty text for the whole result.
    #[must_use]
    pub fn answering(mut self, place: impl Into<String>, value: Value) -> Self {
        self.answering.push((place.into(), value));
        self
    }

    /// The tool.
    pub fn tool(&self) -> &str {
        &self.tool
    }

    /// The arguments of the call.
    pub fn arguments(&self) -> Value {
        self.arguments.clone()
    }

    /// The calls that must have been made before.
    pub fn before(&self) -> &[(String, Value)] {
        &self.before
    }

    /// The method of the request.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Every tool that is called, that of the case last.
    pub fn tools(&self) -> Vec<&str> {
        self.before.iter().map(|(tool, _)| tool.as_str()).chain([self.tool.as_str()]).collect()
    }

    /// What differs between the request and what is expected of it. `headers` are all but those of the transport and of the
    /// body.
    pub fn faults(&self, sent: &SentRequest, headers: &[(&str, &str)]) -> Vec<String> {
        let mut faults = Vec::new();
        let mut demand = |what: &str, is: String, expected: String| {
            if is != expected {
                faults.push(format!("{}: {what} is `{is}`, expected `{expected}`", self.tool));
            }
        };
        let boundary = sent.boundary();
        let body = String::from_utf8_lossy(&sent.body).into_owned();
        demand("the method", sent.method.clone(), self.method.clone());
        demand("the target", sent.target.clone(), self.target.clone());
        demand("the headers", lines(&sent.own_headers()).replace(&boundary, "BOUNDARY"), lines(&self.headers(headers)));
        match &self.body {
            Body::None => demand("the body", body, String::new()),
            // Compared as trees, shown as texts.
            Body::Json(expected) if serde_json::from_str(&body).ok().as_ref() == Some(expected) => {}
            Body::Json(expected) => demand("the body", body, expected.to_string()),
            Body::Form(expected) => demand("the body", body, expected.clone()),
            Body::Multipart(expected) => {
                demand("the body", body.replace(&boundary, "BOUNDARY"), expected.clone());
            }
        }
        faults
    }

    /// What differs between all that was sent and what is expected of it. `headers` answers with the headers of a request of this
    /// method to this target, in its encoded form, all but those of the transport and of the body.
    pub fn all_faults(
        &self,
        sent: &[SentRequest],
        headers: impl Fn(&str, &str) -> Vec<(&'static str, String)>,
    ) -> Vec<String> {
        let is_lookup = |sent: &&SentRequest| {
            let mut known = self.looking_up.iter();
            known.any(|(method, target)| sent.method == *method && sent.target.starts_with(target))
        };
        let lookups = sent.iter().take_while(is_lookup).count();
        let sent = sent.get(lookups..).unwrap_or_default();
        let Some((first, further)) = sent.split_first() else {
            return vec![format!("{}: no request was sent", self.tool)];
        };
        let own = headers(&self.method, &self.target);
        let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut faults = self.faults(first, &own);
        if further.len() != self.then.len() {
            let shown: Vec<String> = further.iter().map(|sent| format!("{} {}", sent.method, sent.target)).collect();
            faults.push(format!(
                "{}: {} further requests were sent, expected {}: {shown:?}",
                self.tool,
                further.len(),
                self.then.len()
            ));
        }
        for (sent, (method, target)) in further.iter().zip(&self.then) {
            let due = headers(method, target).into_iter().map(|(name, value)| (name.to_owned(), value));
            let as_due = sent.method == *method && sent.target.starts_with(target) && sent.body.is_empty();
            if !as_due || lines(&sent.own_headers()) != lines(&due.collect::<Vec<_>>()) {
                faults.push(format!("{}: then {sent:?} was sent, expected `{method} {target}...`", self.tool));
            }
        }
        faults
    }

    /// What differs between the outcome of the call and what is expected of it.
    pub fn answer_faults(&self, answer: &Result<CallSuccess, CallError>) -> Vec<String> {
        let fault = |text: String| vec![format!("{}: {text}", self.tool)];
        match (answer, self.failing) {
            (Ok(success), None) => match success.output.to_value() {
                Ok(result) => self.result_faults(&result),
                Err(error) => fault(format!("its result is not a JSON: {error}")),
            },
            (Ok(success), Some(kind)) => fault(format!("succeeds, expected `{kind}`: {}", success.output.content)),
            (Err(error), Some(kind)) if error.provider_error().map(ProviderError::kind) == Some(kind) => Vec::new(),
            (Err(error), Some(kind)) => fault(format!("expected `{kind}`: {error}")),
            (Err(error), None) => fault(error.to_string()),
        }
    }

    fn result_faults(&self, result: &Value) -> Vec<String> {
        let differs = |(place, value): &&(String, Value)| result.pointer(place) != Some(value);
        let fault = |(place, value): &(String, Value)| {
            let is = result.pointer(place).map_or("absent".to_owned(), Value::to_string);
            format!("{}: `{place}` of the result is {is}, expected {value}", self.tool)
        };
        self.answering.iter().filter(differs).map(fault).collect()
    }

    /// What differs between the preview and what is expected of it.
    pub fn preview_faults(&self, base: &Url, preview: &RequestPreview) -> Vec<String> {
        let mut faults = Vec::new();
        let origin = base.origin().ascii_serialization();
        let is = format!("{} {}", preview.method, preview.url);
        let expected = format!("{} {origin}{}", self.method, self.target);
        if is != expected {
            faults.push(format!("{}: the preview shows `{is}`, expected `{expected}`", self.tool));
        }
        let fits = match &self.body {
            Body::None => preview.body.is_none(),
            Body::Json(_) if !self.looking_up.is_empty() => preview.body.as_ref().is_some_and(Value::is_object),
            Body::Json(body) => preview.body.as_ref() == Some(&self.masked(body)),
            Body::Form(_) | Body::Multipart(_) => preview.body.as_ref().is_some_and(Value::is_object),
        };
        if !fits {
            faults.push(format!("{}: the preview shows the body {:?}", self.tool, preview.body));
        }
        faults
    }

    fn headers(&self, headers: &[(&str, &str)]) -> Vec<(String, String)> {
        let content_type = match self.body {
            Body::None => None,
            Body::Json(_) => Some("application/json"),
            Body::Form(_) => Some("application/x-www-form-urlencoded"),
            Body::Multipart(_) => Some("multipart/form-data; boundary=BOUNDARY"),
        };
        let all = headers.iter().copied().chain(content_type.map(|kind| ("content-type", kind)));
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn masked(&self, body: &Value) -> Value {
        match body {
            Value::Object(members) => {
                let mask = |(name, value): (&String, &Value)| {
                    let shown = if self.masked.contains(name) { Value::from("***") } else { self.masked(value) };
                    (name.clone(), shown)
                };
                Value::Object(members.iter().map(mask).collect())
            }
            Value::Array(items) => items.iter().map(|item| self.masked(item)).collect(),
            other => other.clone(),
        }
    }
}

impl SentRequest {
    /// A request: its method, its path with the query, both encoded as they were sent, its headers with names in small letters,
    /// and its body.
    pub fn new(
        method: impl Into<String>,
        target: impl Into<String>,
        headers: impl IntoIterator<Item = (String, String)>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let headers = headers.into_iter().collect();
        Self { method: method.into(), target: target.into(), headers, body: body.into() }
    }

    fn own_headers(&self) -> Vec<(String, String)> {
        self.headers.iter().filter(|(name, _)| !OF_THE_TRANSPORT.contains(&name.as_str())).cloned().collect()
    }

    /// The boundary that the request chose; a text that stands nowhere when it chose none.
    fn boundary(&self) -> String {
        let kind = self.headers.iter().find(|(name, _)| name == "content-type");
        let chosen = kind.and_then(|(_, value)| value.split_once("boundary="));
        chosen.map_or("no boundary".to_owned(), |(_, boundary)| boundary.trim_matches('"').to_owned())
    }
}

fn lines(headers: &[(String, String)]) -> String {
    let mut lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    lines.sort();
    lines.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_of_cases_says_what_the_methods_say_and_nothing_else() {
        let read = Case::read(concat!(
            "- tool: make_thing\n  arguments: {a: 1}\n  sends: POST /things?x=1\n  body: {thing: {a: 1, key: k}}\n  masking: [key]\n",
            "- tool: find_thing\n  after: [{tool: make_thing, arguments: {a: 1}}]\n  sends: GET /things\n  then: [GET /more]\n",
            "  answering: {/id: x}\n- tool: lose_thing\n  sends: DELETE /things/1\n  failing: not_found\n",
        ));
        let expected = vec![
            case().masking(&["key"]),
            Case::new("find_thing", json!({}), "GET", "/things")
                .after("make_thing", json!({"a": 1}))
                .then("GET", "/more")
                .answering("/id", json!("x")),
            Case::new("lose_thing", json!({}), "DELETE", "/things/1").failing(ProviderErrorKind::NotFound),
        ];
        assert_eq!(format!("{:?}", read.unwrap()), format!("{expected:?}"));
        for (wrong, part) in [
            ("- tool: t\n  sends: GET /\n  answers: {}\n", "answers"),
            ("- tool: t\n  sends: GET\n", "t: expected a method"),
            ("- tool: t\n  sends: PUT /\n  body: {}\n  form: a=b\n", "more than one"),
            ("- tool: t\n  sends: PUT /\n  failing: sometimes\n", "sometimes"),
        ] {
            let fault = Case::read(wrong).unwrap_err();
            assert!(fault.contains(part), "{fault}");
        }
    }

    fn header(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn case() -> Case {
        Case::new("make_thing", json!({"a": 1}), "POST", "/things?x=1").json(json!({"thing": {"a": 1, "key": "k"}}))
    }

    #[test]
    fn a_request_as_expected_has_no_fault_and_every_other_has() {
        let headers = || [header("host", "here"), header("accept", "a/b"), header("content-type", "application/json")];
        let body = r#"{"thing":{"key":"k","a":1}}"#;
        let faults = |sent: &SentRequest| case().faults(sent, &[("accept", "a/b")]);
        assert_eq!(faults(&SentRequest::new("POST", "/things?x=1", headers(), body)), Vec::<String>::new());
        for (sent, part) in [
            (SentRequest::new("PUT", "/things?x=1", headers(), body), "the method"),
            (SentRequest::new("POST", "/things", headers(), body), "the target"),
            (SentRequest::new("POST", "/things?x=1", headers().into_iter().take(2), body), "the headers"),
            (SentRequest::new("POST", "/things?x=1", headers(), "{}"), "the body"),
        ] {
            let faults = faults(&sent);
            assert!(faults.len() == 1 && faults[0].contains(part), "{faults:?}");
        }
    }

    #[test]
    fn a_further_request_is_sent_where_the_case_says_so_and_nowhere_else() {
        let headers =
            |method: &str, _: &str| vec![("key", if method == "GET" { "reads" } else { "writes" }.to_owned())];
        let first = || {
            let headers = [header("key", "writes"), header("content-type", "application/json")];
            SentRequest::new("POST", "/things?x=1", headers, r#"{"thing":{"key":"k","a":1}}"#)
        };
        let poll = |key: &str, target: &str| SentRequest::new("GET", target, [header("key", key)], "");
        let polled = || case().then("GET", "/requests/");
        assert_eq!(case().all_faults(&[first()], headers), Vec::<String>::new());
        assert_eq!(polled().all_faults(&[first(), poll("reads", "/requests/r-1")], headers), Vec::<String>::new());
        for (case, sent, part) in [
            (case(), vec![], "no request was sent"),
            (case(), vec![first(), poll("reads", "/requests/r-1")], "1 further requests were sent, expected 0"),
            (polled(), vec![first()], "0 further requests were sent, expected 1"),
            (polled(), vec![first(), poll("writes", "/requests/r-1")], "expected `GET /requests/...`"),
            (polled(), vec![first(), poll("reads", "/elsewhere")], "expected `GET /requests/...`"),
        ] {
            let faults = case.all_faults(&sent, headers);
            assert!(faults.len() == 1 && faults[0].contains(part), "{faults:?}");
        }
    }

    #[test]
    fn a_lookup_may_come_first_and_nothing_else() {
        let case = || Case::new("ask", json!({}), "PUT", "/asked").looking_up("GET", "/users");
        let sent = |target: &str| {
            let method = if target == "/asked" { "PUT" } else { "GET" };
            SentRequest::new(method, target, [], "")
        };
        let faults = |all: &[&str]| {
            let all: Vec<SentRequest> = all.iter().map(|target| sent(target)).collect();
            case().all_faults(&all, |_, _| Vec::new())
        };
        assert_eq!(faults(&["/users?query=a", "/asked"]), Vec::<String>::new());
        assert_eq!(faults(&["/asked"]), Vec::<String>::new());
        assert!(!faults(&["/users"]).is_empty() && !faults(&["/teams", "/asked"]).is_empty());
        assert!(!faults(&["/asked", "/users"]).is_empty());
    }

    #[test]
    fn a_result_must_have_what_the_case_says_at_its_place() {
        let result = json!({"items": [{"id": "a"}], "next": null});
        let faults = |case: Case| case.result_faults(&result);
        assert_eq!(
            faults(case().answering("/items/0/id", json!("a")).answering("/next", json!(null))),
            Vec::<String>::new()
        );
        assert_eq!(faults(case().answering("", result.clone())), Vec::<String>::new());
        assert_eq!(faults(case().answering("/items/0/id", json!("b"))).len(), 1);
        assert_eq!(faults(case().answering("/items/1", json!(null))).len(), 1, "what is absent is not null");
    }

    #[test]
    fn a_preview_must_mask_what_the_case_says() {
        let base = Url::parse("http://127.0.0.1:1/v1").unwrap();
        let preview = |key: &str| {
            RequestPreview::new("POST", "http://127.0.0.1:1/things?x=1")
                .with_body(Some(json!({"thing": {"a": 1, "key": key}})))
        };
        let case = case().masking(&["key"]);
        assert!(case.preview_faults(&base, &preview("***")).is_empty());
        assert_eq!(case.preview_faults(&base, &preview("k")).len(), 1);
    }

    #[test]
    fn a_multipart_body_is_compared_without_its_boundary() {
        let case = Case::new("add_file", json!({}), "POST", "/files").multipart("--BOUNDARY--\r\n");
        let kind = header("content-type", "multipart/form-data; boundary=xyz");
        let sent = SentRequest::new("POST", "/files", [kind], "--xyz--\r\n");
        assert!(case.faults(&sent, &[]).is_empty(), "{:?}", case.faults(&sent, &[]));
    }
}
