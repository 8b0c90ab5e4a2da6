//! A provider whose tools do what a test needs.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mcp_govern_core::{
    Annotations, AuthMethod, AuthMethodId, AuthorizedCall, Binding, CallContext, Catalogue, CatalogueVersion,
    CheckedArguments, CredentialFacts, CredentialReport, CredentialSharing, CredentialVerdict, DiscoverContext, Effect,
    Exchange, OperationBinding, ProbeContext, Provider, ProviderError, ProviderErrorKind, ProviderId, ProviderInfo,
    RequestPreview, Risk, SecretField, Sent, ServerConfig, ToolDefinition, ToolName, ToolOutput, ToolServer,
    VendorError,
};
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};
use tokio::sync::Notify;

/// What the vendor has seen, and what it waits for.
#[derive(Debug, Default)]
pub(crate) struct Vendor {
    pub(crate) begun: AtomicUsize,
    pub(crate) dropped: AtomicUsize,
    pub(crate) ended: AtomicUsize,
    pub(crate) hanging: Notify,
    pub(crate) released: Notify,
    pub(crate) let_go: Notify,
    pub(crate) traces: std::sync::Mutex<Vec<String>>,
    /// The JSON text of every further result.
    pub(crate) says: std::sync::Mutex<Option<String>>,
    /// What the vendor refuses people's accounts after from now on: so many exchanges that went well.
    pub(crate) refuses: std::sync::Mutex<Option<usize>>,
    /// Whether the tools are described differently from now on.
    pub(crate) changed: AtomicBool,
}

#[derive(Debug)]
pub(crate) struct FakeProvider {
    info: ProviderInfo,
    vendor: Arc<Vendor>,
}

impl FakeProvider {
    pub(crate) fn new(vendor: Arc<Vendor>) -> Self {
        let mut info = ProviderInfo::new(ProviderId::new("fake").unwrap(), "Fake");
        let mut token = AuthMethod::new(AuthMethodId::new("token").unwrap(), "Token");
        token.fields = vec![SecretField::new("token", "Token")];
        token.sharing = vec![CredentialSharing::Shared, CredentialSharing::PerUser];
        info.auth_methods = vec![AuthMethod::new(AuthMethodId::new("none").unwrap(), "None"), token];
        Self { info, vendor }
    }
}

#[async_trait]
impl Provider for FakeProvider {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, server: &ServerConfig) -> Result<Arc<dyn ToolServer>, ProviderError> {
        let own = server.spec.sharing == CredentialSharing::PerUser;
        Ok(Arc::new(FakeServer { vendor: Arc::clone(&self.vendor), own }))
    }
}

#[derive(Debug)]
struct FakeServer {
    vendor: Arc<Vendor>,
    own: bool,
}

fn tool(name: &str, effect: Effect, input: Value, output: Option<Value>, security: &[&str]) -> ToolDefinition {
    let binding = Binding::Operation(OperationBinding {
        method: if effect == Effect::Read { "GET" } else { "POST" }.into(),
        origin: "api".into(),
        path: format!("/{name}"),
        arguments: Vec::new(),
        fixed: Vec::new(),
        send: BTreeMap::new(),
        security: security.iter().map(ToString::to_string).collect(),
        content_type: None,
        destination: None,
    });
    ToolDefinition {
        name: ToolName::new(name).unwrap(),
        title: format!("The tool {name}"),
        description: match name {
            // Other tools under the names that the vendor's side has for them.
            "steps" => {
                "What steps does. Read more with `echo`. For the hidden part use `secret`; it ends with `list`.".into()
            }
            _ => format!("What {name} does."),
        },
        input_schema: Arc::new(input),
        output_schema: output.map(Arc::new),
        annotations: Annotations::of(effect, effect == Effect::Read),
        effect,
        risk: Risk::None,
        risk_reason: None,
        notifies: None,
        scopes: Vec::new(),
        deprecated: false,
        area: None,
        binding,
    }
}

fn takes(properties: &Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn text_output() -> Value {
    json!({"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]})
}

#[async_trait]
impl ToolServer for FakeServer {
    async fn discover(&self, _cx: DiscoverContext<'_>) -> Result<Arc<Catalogue>, ProviderError> {
        let text = json!({"text": {"type": "string", "description": "What to say."}});
        let in_header =
            json!({"text": {"type": "string", "description": "What to say, as `echo` does.", "x-mcp-header": "Text"}});
        let nothing = || takes(&json!({}), &[]);
        let mut tools = if self.own {
            vec![
                tool("mine", Effect::Read, takes(&json!({"of": {"type": "integer"}}), &[]), None, &["token"]),
                tool("change", Effect::Write, nothing(), None, &["token"]),
            ]
        } else {
            vec![
                tool("echo", Effect::Read, takes(&text, &["text"]), Some(text_output()), &[]),
                tool("free", Effect::Write, takes(&in_header, &[]), None, &[]),
                tool("hang", Effect::Write, nothing(), None, &[]),
                tool("limited", Effect::Read, nothing(), None, &[]),
                tool("list", Effect::Read, nothing(), Some(json!({"type": "array"})), &[]),
                tool("misfit", Effect::Write, nothing(), Some(text_output()), &[]),
                tool("remove", Effect::Destructive, nothing(), None, &[]),
                tool("secret", Effect::Read, nothing(), None, &[]),
                tool("steps", Effect::Read, nothing(), None, &[]),
                tool("wanted", Effect::Read, nothing(), None, &[]),
            ]
        };
        if self.vendor.changed.load(Ordering::SeqCst) {
            for tool in &mut tools {
                tool.description.push_str(" And more.");
            }
        }
        Ok(Arc::new(Catalogue::new(CatalogueVersion(1), tools.into_iter().map(Arc::new).collect()).unwrap()))
    }

    async fn invoke(&self, call: &AuthorizedCall, cx: CallContext<'_>) -> Result<ToolOutput, ProviderError> {
        let text = call.arguments().get("text").and_then(Value::as_str).unwrap_or_default();
        let (told, text) = text.strip_prefix("untold ").map_or((true, text), |text| (false, text));
        if told {
            cx.observer.sending().await?;
        }
        if let Some(stated) = text.strip_prefix("broken off, sent ") {
            let error = ProviderError::new(ProviderErrorKind::Internal, "it broke off");
            let stated = serde_json::from_value(stated.into()).ok();
            return Err(stated.into_iter().fold(error, ProviderError::with_sent));
        }
        self.vendor.begun.fetch_add(1, Ordering::SeqCst);
        if let Some(trace) = cx.trace {
            self.vendor.traces.lock().unwrap().push(trace.traceparent().to_owned());
        }
        let guard = Dropped { vendor: Arc::clone(&self.vendor), done: false };
        let done = self.carry_out(call, &cx).await;
        guard.done();
        done
    }

    async fn probe(&self, cx: ProbeContext<'_>) -> Result<CredentialReport, ProviderError> {
        let token = cx.credential.field("token").map(|token| token.expose().to_owned()).unwrap_or_default();
        Ok(match token.strip_prefix("token-of-") {
            Some(whom) => {
                CredentialReport::new(CredentialVerdict::Accepted, CredentialFacts::new().with_authorized_as(whom))
            }
            None => CredentialReport::new(CredentialVerdict::Rejected, CredentialFacts::new()),
        })
    }

    fn preview(
        &self,
        tool: &ToolName,
        _arguments: &CheckedArguments,
        _facts: &CredentialFacts,
    ) -> Result<RequestPreview, ProviderError> {
        Ok(RequestPreview::new("GET", format!("https://fake.test/{tool}")))
    }
}

impl FakeServer {
    async fn carry_out(&self, call: &AuthorizedCall, cx: &CallContext<'_>) -> Result<ToolOutput, ProviderError> {
        let output = |value: &Value| Ok(ToolOutput::new(to_raw_value(value).unwrap(), Vec::new()));
        match call.tool().name().as_str() {
            "hang" => {
                cx.progress.report(1, None, "begun");
                self.vendor.hanging.notify_one();
                self.vendor.let_go.notified().await;
                output(&json!({"let": "go"}))
            }
            "limited" => {
                let mut vendor = VendorError::new();
                vendor.retry_after = Some(Duration::from_secs(7));
                Err(ProviderError::new(ProviderErrorKind::RateLimited, "too many requests")
                    .with_sent(Sent::Yes)
                    .with_vendor(vendor))
            }
            "list" => output(&json!([1, 2, 3])),
            "misfit" => output(&json!({"text": 7})),
            "steps" => {
                for step in 1..=3 {
                    cx.progress.report(step, Some(3), "working");
                    // The report is told while this waits.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Ok(ToolOutput::new(to_raw_value(&json!({"steps": 3})).unwrap(), Vec::new())
                    .with_note("2 were left out: see `echo`"))
            }
            "mine" | "change" if self.vendor.refuses.lock().unwrap().is_some() => {
                let before = self.vendor.refuses.lock().unwrap().unwrap_or_default();
                let exchanges = std::iter::repeat_n(exchange(200), before).chain([exchange(401)]).collect();
                Err(ProviderError::new(ProviderErrorKind::Unauthorized, "the vendor answered 401")
                    .with_sent(Sent::Yes)
                    .with_exchanges(exchanges))
            }
            "mine" => {
                let facts = cx.credential.map(mcp_govern_core::Credential::facts);
                output(
                    &json!({"whose": facts.and_then(|facts| facts.authorized_as.clone()), "user": call.user().subject}),
                )
            }
            "free" if call.arguments().get("text").is_some_and(|text| text == "gone") => {
                let text = "`free`: nothing is there. Look with `echo`. Or ask `secret`.";
                Err(ProviderError::new(ProviderErrorKind::NotFound, text).with_sent(Sent::Yes))
            }
            "free" if call.arguments().get("text").is_some_and(|text| text == "break") => {
                panic!("a fault of the provider")
            }
            _ => {
                if let Some(text) = self.vendor.says.lock().unwrap().clone() {
                    return Ok(ToolOutput::new(RawValue::from_string(text).unwrap(), Vec::new()));
                }
                let text = call.arguments().get("text").cloned().unwrap_or_else(|| "nothing".into());
                output(&json!({ "text": text }))
            }
        }
    }
}

fn exchange(status: u16) -> Exchange {
    Exchange {
        method: "GET".into(),
        path: "/mine".into(),
        status: Some(status),
        request_id: None,
        sent_bytes: 0,
        received_bytes: 2,
        latency_ms: 1,
        retries: 0,
    }
}

/// Counts vendor requests that were dropped before they ended.
struct Dropped {
    vendor: Arc<Vendor>,
    done: bool,
}

impl Dropped {
    fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        if self.done {
            self.vendor.ended.fetch_add(1, Ordering::SeqCst);
        } else {
            self.vendor.dropped.fetch_add(1, Ordering::SeqCst);
            self.vendor.released.notify_one();
        }
    }
}
