//! The kit finds what is wrong with a provider, and nothing wrong with one that is right.
#![cfg(test)]

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use mcp_govern_conformance::{
    kit::{self, Fixture, Home, ProviderKit, Seen},
    wire::{Case, SentRequest},
};
use mcp_govern_core::{
    Annotations, AuthMethod, AuthMethodId, AuthorizedCall, Binding, CallContext, Catalogue, CatalogueVersion,
    CheckedArguments, Credential, CredentialFacts, CredentialReport, CredentialVerdict, DiscoverContext, Effect,
    OperationBinding, ProbeContext, Provider, ProviderError, ProviderErrorKind, ProviderInfo, RequestPreview, Risk,
    Secret, SecretField, Sent, ServerConfig, ServerSpec, ToolDefinition, ToolName, ToolOutput, ToolPrefix, ToolServer,
};
use serde_json::{Value, json, value::to_raw_value};
use url::Url;

/// How the provider, or what is said of it, is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// A header is sent that nobody expects.
    Header,
    /// The preview sends the request.
    Preview,
    /// A request is sent twice.
    Twice,
    /// One tool has no case, and one case no tool.
    Cases,
    /// A case expects another answer.
    Answer,
    /// A list is said to be long, and is not.
    Lists,
}

/// The vendor: it holds things by name, and takes no name twice.
#[derive(Debug, Default)]
struct Vendor {
    requests: Vec<SentRequest>,
    things: Vec<String>,
}

type StandIn = Arc<Mutex<Vendor>>;

/// The kit, whose provider is connected to its one stand-in directly.
struct Things {
    stand_in: StandIn,
    flaw: Flaw,
}

#[derive(Debug, Clone)]
struct Api {
    info: ProviderInfo,
    stand_in: StandIn,
    flaw: Flaw,
}

fn things(flaw: Flaw) -> Things {
    Things { stand_in: StandIn::default(), flaw }
}

fn tool(name: &str, effect: Effect, schema: Value) -> Arc<ToolDefinition> {
    let method = if effect == Effect::Read { "GET" } else { "POST" };
    Arc::new(ToolDefinition {
        name: ToolName::new(name).unwrap(),
        title: "About | things".into(),
        description: "Does something about things, and tells nobody of it.".into(),
        input_schema: Arc::new(schema),
        output_schema: None,
        annotations: Annotations::of(effect, false),
        effect,
        risk: Risk::None,
        risk_reason: None,
        notifies: None,
        scopes: vec![],
        deprecated: false,
        area: Some(if effect == Effect::Read { "reading" } else { "writing" }.into()),
        binding: Binding::Operation(OperationBinding {
            method: method.into(),
            origin: "api".into(),
            path: "/things".into(),
            arguments: vec![],
            fixed: vec![],
            send: std::iter::empty().collect(),
            security: vec![],
            content_type: None,
            destination: None,
        }),
    })
}

fn catalogue() -> Arc<Catalogue> {
    let list = tool(
        "list_things",
        Effect::Read,
        json!({"type": "object", "additionalProperties": false, "properties": {
            "limit": {"type": "integer", "minimum": 1, "maximum": 100, "description": "How many."},
            "fields": {"type": "array", "items": {"type": "string"}, "minItems": 1, "description": "Which members."},
        }}),
    );
    let create = tool(
        "create_thing",
        Effect::Write,
        json!({"type": "object", "additionalProperties": false, "required": ["name"], "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 20, "description": "Its name."},
            "kind": {"type": "string", "enum": ["large", "small"], "description": "Its kind."},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3, "description": "Its tags."},
        }}),
    );
    Arc::new(Catalogue::new(CatalogueVersion(1), vec![list, create]).unwrap())
}

impl Api {
    fn send(&self, tool: &ToolName, arguments: &CheckedArguments, key: &str) -> Result<Value, ProviderError> {
        let mut headers = vec![("accept".to_owned(), "any".to_owned()), ("key".to_owned(), key.to_owned())];
        if self.flaw == Flaw::Header {
            headers.push(("x-more".to_owned(), "1".to_owned()));
        }
        let mut vendor = self.stand_in.lock().unwrap();
        if tool.as_str() == "list_things" {
            vendor.requests.push(SentRequest::new("GET", "/things", headers, ""));
            let items: Vec<Value> = vendor.things.iter().map(|name| json!({"name": name})).collect();
            return Ok(json!({"items": items, "has_more": false, "next": null}));
        }
        let name = arguments.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        let sent = SentRequest::new("POST", "/things", headers, json!({"name": name}).to_string());
        if self.flaw == Flaw::Twice {
            vendor.requests.push(sent.clone());
        }
        vendor.requests.push(sent);
        if vendor.things.contains(&name) {
            return Err(ProviderError::new(ProviderErrorKind::Conflict, "there is one").with_sent(Sent::Yes));
        }
        vendor.things.push(name.clone());
        Ok(json!({"name": name, "at": vendor.things.len()}))
    }
}

#[async_trait]
impl Provider for Api {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, _server: &ServerConfig) -> Result<Arc<dyn ToolServer>, ProviderError> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl ToolServer for Api {
    async fn discover(&self, _cx: DiscoverContext<'_>) -> Result<Arc<Catalogue>, ProviderError> {
        Ok(catalogue())
    }

    async fn invoke(&self, call: &AuthorizedCall, cx: CallContext<'_>) -> Result<ToolOutput, ProviderError> {
        cx.observer.sending().await?;
        let key = cx.credential.and_then(|credential| credential.field("key")).map(Secret::expose).unwrap_or_default();
        let answer = self.send(call.tool().name(), call.arguments(), key)?;
        Ok(ToolOutput::new(to_raw_value(&answer).unwrap(), vec![]))
    }

    async fn probe(&self, cx: ProbeContext<'_>) -> Result<CredentialReport, ProviderError> {
        Ok(CredentialReport::new(CredentialVerdict::Accepted, cx.credential.facts().clone()))
    }

    fn preview(
        &self,
        tool: &ToolName,
        arguments: &CheckedArguments,
        _facts: &CredentialFacts,
    ) -> Result<RequestPreview, ProviderError> {
        if self.flaw == Flaw::Preview {
            self.send(tool, arguments, "")?;
        }
        let is_list = tool.as_str() == "list_things";
        let body = arguments.get("name").map(|name| json!({"name": name}));
        Ok(RequestPreview::new(if is_list { "GET" } else { "POST" }, "http://127.0.0.1:9/things").with_body(body))
    }
}

fn method() -> AuthMethodId {
    AuthMethodId::new("key").unwrap()
}

#[async_trait]
impl ProviderKit for Things {
    type StandIn = StandIn;

    fn provider(&self) -> Arc<dyn Provider> {
        let mut info = ProviderInfo::new("things".parse().unwrap(), "Things");
        let mut of_key = AuthMethod::new(method(), "A key");
        of_key.fields.push(SecretField::new("key", "The key"));
        info.auth_methods.push(of_key);
        Arc::new(Api { info, stand_in: Arc::clone(&self.stand_in), flaw: self.flaw })
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        catalogue()
    }

    fn spec(&self, base_url: Url) -> ServerSpec {
        let prefix = ToolPrefix::new("things").unwrap();
        ServerSpec::new("things".parse().unwrap(), "Things", prefix, method()).with_base_url(base_url)
    }

    fn credential(&self, secret: &str) -> Credential {
        Credential::new(method()).with_field("key", Secret::new(secret))
    }

    async fn start(&self, _secret: &str) -> StandIn {
        Arc::clone(&self.stand_in)
    }

    fn seen(stand_in: &StandIn) -> Seen {
        let base_url = Url::parse("http://127.0.0.1:9").unwrap();
        Seen { base_url, requests: stand_in.lock().unwrap().requests.clone(), violations: Vec::new() }
    }

    fn reset(stand_in: &StandIn) {
        *stand_in.lock().unwrap() = Vendor::default();
    }

    fn read(&self) -> (String, Value) {
        ("list_things".to_owned(), json!({}))
    }

    fn long_lists(&self) -> usize {
        usize::from(self.flaw == Flaw::Lists)
    }

    async fn cases(&self) -> Vec<Case> {
        let create = |tool: &'static str| {
            Case::new(tool, json!({"name": "one"}), "POST", "/things").json(json!({"name": "one"}))
        };
        let first = if self.flaw == Flaw::Cases { "create_things" } else { "create_thing" };
        let at = if self.flaw == Flaw::Answer { 2 } else { 1 };
        vec![
            create(first).answering("/at", json!(at)),
            // Each of them is the first: a case that changes something is followed by a stand-in in its first state.
            create(first).answering("/at", json!(1)),
            Case::new("list_things", json!({}), "GET", "/things").answering("/items", json!([])),
            create(first).after(first, json!({"name": "one"})).failing(ProviderErrorKind::Conflict),
        ]
    }

    fn headers(&self, secret: &str, _method: &str, _target: &str) -> Vec<(&'static str, String)> {
        vec![("accept", "any".to_owned()), ("key", secret.to_owned())]
    }
}

async fn sent(flaw: Flaw) -> Result<(), String> {
    let walked = kit::every_tool_sends_exactly_its_request_and_its_preview_shows_it(&things(flaw)).await;
    walked.map_err(|failure| failure.to_string())
}

#[tokio::test]
async fn cases_share_one_governor_and_none_sees_what_another_has_changed() {
    assert_eq!(sent(Flaw::None).await, Ok(()));
}

#[tokio::test]
async fn every_difference_of_a_request_is_found() {
    for (flaw, words) in [
        (Flaw::Header, "the headers is"),
        (Flaw::Preview, "the preview sent something"),
        (Flaw::Twice, "1 further requests were sent, expected 0"),
        (Flaw::Answer, "`/at` of the result is 1, expected 2"),
    ] {
        let faults = sent(flaw).await.unwrap_err();
        assert!(faults.contains(words), "{flaw:?}: {faults}");
    }
}

#[tokio::test]
async fn a_tool_without_a_case_and_a_case_without_a_tool_are_found() {
    kit::every_tool_has_a_case(&things(Flaw::None)).await.unwrap();
    let faults = kit::every_tool_has_a_case(&things(Flaw::Cases)).await.unwrap_err().to_string();
    assert!(faults.contains("`create_thing` has no case"), "{faults}");
    assert!(faults.contains("`create_things`, which is not a tool"), "{faults}");
}

#[tokio::test]
async fn what_the_schemas_do_not_admit_is_denied_and_nothing_is_sent() {
    let kit = things(Flaw::None);
    kit::what_no_schema_admits_is_denied_and_not_sent(&kit).await.unwrap();
    assert!(kit.stand_in.lock().unwrap().requests.is_empty());
}

#[tokio::test]
async fn a_call_that_is_not_refused_or_in_other_words_is_found() {
    let refused = async |arguments: Value, words: &'static [&'static str]| {
        let rows = vec![("create_thing", arguments, words)];
        kit::each_is_refused(&things(Flaw::None), rows).await.map_err(|failure| failure.to_string())
    };
    assert_eq!(refused(json!({"kind": "odd", "name": "x"}), &["kind", "large"]).await, Ok(()));
    let faults = refused(json!({"name": "x"}), &[]).await.unwrap_err();
    assert!(faults.contains("it succeeds") && faults.contains("the stand-in saw 1 requests"), "{faults}");
    let faults = refused(json!({"name": ""}), &["colour"]).await.unwrap_err();
    assert!(faults.contains("`colour` is missing"), "{faults}");
}

#[tokio::test]
async fn lists_that_prove_nothing_are_found() {
    let read =
        async |flaw| kit::every_list_is_short_is_read_to_its_end_and_names_what_it_leaves_out(&things(flaw)).await;
    read(Flaw::None).await.unwrap();
    let faults = read(Flaw::Lists).await.unwrap_err().to_string();
    assert!(faults.contains("0 lists are longer than a page of one, expected 1"), "{faults}");
}

#[tokio::test]
async fn a_renewed_stand_in_has_forgotten_what_was_done() {
    let kit = things(Flaw::None);
    let fixture = Fixture::open(&kit).await.unwrap();
    kit::call(fixture.harness(), "create_thing", json!({"name": "one"})).await;
    assert_eq!(fixture.requests().len(), 1);
    fixture.renew().unwrap();
    assert!(fixture.requests().is_empty());
    kit::call(fixture.harness(), "create_thing", json!({"name": "one"})).await;
    let failed = kit::failure(fixture.harness(), "create_thing", json!({"name": "one"})).await;
    assert_eq!(failed.kind, ProviderErrorKind::Conflict);
}

#[test]
fn what_a_change_may_empty_is_found() {
    kit::no_list_or_map_of_a_change_may_be_empty(&catalogue()).unwrap();
    let schema = json!({"type": "object", "properties": {"ids": {"type": "array"}, "more": {"type": "object"}}});
    let tools = vec![tool("replace_things", Effect::Destructive, schema)];
    let faults = kit::no_list_or_map_of_a_change_may_be_empty(&Catalogue::new(CatalogueVersion(1), tools).unwrap());
    let faults = faults.unwrap_err().to_string();
    assert!(faults.contains("`ids` may be an empty list") && faults.contains("`more` may be an empty map"), "{faults}");
}

#[test]
fn the_tables_are_those_of_the_catalogue_and_every_difference_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    let home = Home::new(folder.path(), "https://example.com/things");
    let check = || kit::the_documentation_lists_every_tool(&catalogue(), &home).map_err(|failure| failure.to_string());
    let read = |path: &str| std::fs::read_to_string(at(path)).unwrap();
    std::fs::write(at("README.md"), "# Things\n").unwrap();
    assert!(check().unwrap_err().contains("README.md must have"), "marks are missing");

    std::fs::write(at("README.md"), "# Things\n\n<!-- tools -->\nold\n<!-- /tools -->\nthe end\n").unwrap();
    let faults = check().unwrap_err();
    for file in ["README.md", "docs/tools/reading.md", "docs/tools/writing.md"] {
        assert!(faults.contains(&format!("`{file}` is not that of the catalogue")), "{faults}");
    }
    assert_eq!(read("README.md").lines().count(), 6, "nothing is written unasked");

    kit::write_the_documentation(&catalogue(), &home).unwrap();
    check().unwrap();
    let readme = read("README.md");
    assert!(readme.starts_with("# Things\n") && readme.ends_with("<!-- /tools -->\nthe end\n"), "{readme}");
    assert!(
        readme.contains("| [writing](https://example.com/things/docs/tools/writing.md) | 1 | 0 | 1 | 0 | 0 | 0 |"),
        "{readme}"
    );
    assert!(readme.contains("| all | 2 | 1 | 1 | 0 | 0 | 0 |"), "{readme}");
    let row = "| `create_thing` | About \\| things | write |  |  | POST | `/things` |";
    assert!(read("docs/tools/writing.md").contains(row), "{}", read("docs/tools/writing.md"));

    std::fs::write(at("docs/tools/gone.md"), "old").unwrap();
    assert!(check().unwrap_err().contains("`docs/tools/gone.md` is of no area"), "what is stale is named");
    kit::write_the_documentation(&catalogue(), &home).unwrap();
    assert!(!Path::new(&at("docs/tools/gone.md")).exists());
}
