//! A provider that plays the vendor: it answers as it is told to, and remembers what it was sent.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use mcp_govern_core::{
    ArgumentFault, ArgumentRule, AuthMethod, AuthMethodId, AuthorizedCall, CallContext, Catalogue, CatalogueVersion,
    CheckedArguments, Constraint, Credential, CredentialFacts, CredentialReport, CredentialVerdict, DiscoverContext,
    Exchange, ProbeContext, Provider, ProviderError, ProviderErrorKind, ProviderId, ProviderInfo, RequestPreview,
    SecretField, Sent, ServerConfig, SunsetNotice, ToolDefinition, ToolName, ToolOutput, ToolServer,
};
use serde_json::{Value, json, value::to_raw_value};
use tokio::sync::Semaphore;

/// What the vendor does with the next call.
#[derive(Debug, Clone)]
pub(crate) enum Turn {
    /// Says `arrived` once the request is on its way, then waits for `go`.
    Wait,
    /// As `Wait`, but before anything is sent.
    WaitBeforeSending,
    /// Two exchanges; waits between them.
    WaitBetweenExchanges,
    /// Refuses the credential after so many exchanges that went well.
    RefuseCredential(usize),
    /// Fails after sending.
    Fail(ProviderErrorKind, Sent),
    /// Fails after sending, or without having told of it, and states what was sent, or nothing of that.
    Break { told: bool, stated: Option<Sent> },
    /// Succeeds without having told that it sends.
    SucceedUntold,
}

/// One call as the vendor saw it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) tool: String,
    pub(crate) arguments: Value,
    /// The API key.
    pub(crate) key: Option<String>,
}

/// The vendor, shared by the test and the provider.
#[derive(Debug)]
pub(crate) struct Vendor {
    catalogue: Mutex<Arc<Catalogue>>,
    turns: Mutex<VecDeque<Turn>>,
    seen: Mutex<Vec<Seen>>,
    pub(crate) arrived: Semaphore,
    pub(crate) go: Semaphore,
    /// Keys that the vendor refuses.
    pub(crate) bad_keys: Mutex<Vec<String>>,
    /// Between how many nodes the last call was told to divide the vendor's rate.
    pub(crate) nodes: std::sync::atomic::AtomicUsize,
    /// What the server finds wrong with the arguments of every call.
    pub(crate) argument_faults: Mutex<Vec<ArgumentFault>>,
    /// What keeps every tool from working.
    pub(crate) obstacle: Mutex<Option<String>>,
    /// What a probe finds besides whose key it is.
    pub(crate) probe_finds: Mutex<CredentialFacts>,
    /// Why discovery fails, while it does.
    pub(crate) discovery_fails: Mutex<Option<String>>,
    pub(crate) discoveries: std::sync::atomic::AtomicUsize,
}

impl Vendor {
    pub(crate) fn new(catalogue: Catalogue) -> Arc<Self> {
        Arc::new(Self {
            catalogue: Mutex::new(Arc::new(catalogue)),
            turns: Mutex::default(),
            seen: Mutex::default(),
            arrived: Semaphore::new(0),
            go: Semaphore::new(0),
            bad_keys: Mutex::default(),
            nodes: std::sync::atomic::AtomicUsize::new(0),
            argument_faults: Mutex::default(),
            obstacle: Mutex::default(),
            probe_finds: Mutex::default(),
            discovery_fails: Mutex::default(),
            discoveries: std::sync::atomic::AtomicUsize::new(0),
        })
    }

    pub(crate) fn will(&self, turn: Turn) {
        self.turns.lock().unwrap().push_back(turn);
    }

    pub(crate) fn release(&self, catalogue: Catalogue) {
        *self.catalogue.lock().unwrap() = Arc::new(catalogue);
    }

    pub(crate) fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.lock().unwrap().clone()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until a call has arrived that waits.
    pub(crate) async fn arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    async fn pause(&self) {
        self.arrived.add_permits(1);
        self.go.acquire().await.unwrap().forget();
    }

    fn note(&self, call: &AuthorizedCall, credential: Option<&Credential>) {
        let key = credential.and_then(|credential| credential.field("api_key"));
        self.seen.lock().unwrap().push(Seen {
            tool: call.tool().name().as_str().to_owned(),
            arguments: Value::Object(call.arguments().as_map().clone()),
            key: key.map(|key| key.expose().to_owned()),
        });
    }
}

#[derive(Debug)]
pub(crate) struct Acme {
    info: ProviderInfo,
    pub(crate) vendor: Arc<Vendor>,
}

impl Acme {
    pub(crate) fn new(vendor: Arc<Vendor>) -> Self {
        let mut info = ProviderInfo::new(ProviderId::new("acme").unwrap(), "Acme");
        let mut method = AuthMethod::new(AuthMethodId::new("api_key").unwrap(), "API key");
        let mut renews = SecretField::new("refresh_token", "refresh token");
        renews.required = false;
        method.fields = vec![SecretField::new("api_key", "API key"), renews];
        info.auth_methods = vec![method];
        info.sunset = Some(SunsetNotice::new("2027-04-05", "Move to the next edition."));
        Self { info, vendor }
    }
}

impl Provider for Acme {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, server: &ServerConfig) -> Result<Arc<dyn ToolServer>, ProviderError> {
        if server.spec.config.contains_key("broken") {
            return Err(ProviderError::new(ProviderErrorKind::Config, "`broken` is not a setting of Acme"));
        }
        let pages = server.spec.config.get("pages").map(|pages| pages.split(',').map(Value::from).collect());
        Ok(Arc::new(AcmeServer { vendor: self.vendor.clone(), pages }))
    }
}

#[derive(Debug)]
struct AcmeServer {
    vendor: Arc<Vendor>,
    /// The pages that the server is configured for.
    pages: Option<Vec<Value>>,
}

fn exchange(status: u16) -> Exchange {
    Exchange {
        method: "GET".into(),
        path: "/pages/{page_id}".into(),
        status: Some(status),
        request_id: None,
        sent_bytes: 0,
        received_bytes: 2,
        latency_ms: 1,
        retries: 0,
    }
}

#[async_trait]
impl ToolServer for AcmeServer {
    fn rules(&self) -> Vec<ArgumentRule> {
        let rule =
            |pages: &Vec<Value>| ArgumentRule::new("page_id", Constraint::OneOf(pages.clone())).with_absent_allowed();
        self.pages.iter().map(rule).collect()
    }

    fn obstacle(&self, _: &ToolName) -> Option<String> {
        self.vendor.obstacle.lock().unwrap().clone()
    }

    fn check(&self, _: &ToolName, _: &CheckedArguments) -> Result<(), Vec<ArgumentFault>> {
        let faults = self.vendor.argument_faults.lock().unwrap().clone();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    async fn discover(&self, _: DiscoverContext<'_>) -> Result<Arc<Catalogue>, ProviderError> {
        self.vendor.discoveries.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if let Some(reason) = self.vendor.discovery_fails.lock().unwrap().clone() {
            return Err(ProviderError::new(ProviderErrorKind::Network, reason));
        }
        Ok(self.vendor.catalogue())
    }

    async fn invoke(&self, call: &AuthorizedCall, cx: CallContext<'_>) -> Result<ToolOutput, ProviderError> {
        self.vendor.nodes.store(cx.nodes.get(), std::sync::atomic::Ordering::SeqCst);
        let turn = self.vendor.turns.lock().unwrap().pop_front();
        if let Some(Turn::WaitBeforeSending) = turn {
            self.vendor.pause().await;
        }
        let untold = matches!(turn, Some(Turn::SucceedUntold | Turn::Break { told: false, .. }));
        if !untold {
            cx.observer.sending().await?;
        }
        self.vendor.note(call, cx.credential);
        match turn {
            Some(Turn::Wait) => self.vendor.pause().await,
            Some(Turn::WaitBetweenExchanges) => {
                self.vendor.pause().await;
                cx.observer.sending().await?;
                self.vendor.note(call, cx.credential);
            }
            Some(Turn::RefuseCredential(after)) => {
                let exchanges = std::iter::repeat_n(exchange(200), after).chain([exchange(401)]).collect();
                let error = ProviderError::new(ProviderErrorKind::Unauthorized, "the key is refused");
                return Err(error.with_sent(Sent::Yes).with_exchanges(exchanges));
            }
            Some(Turn::Fail(kind, sent)) => {
                return Err(ProviderError::new(kind, "it failed").with_sent(sent).with_exchanges(vec![exchange(500)]));
            }
            Some(Turn::Break { stated, .. }) => {
                let error = ProviderError::new(ProviderErrorKind::Internal, "it broke off");
                return Err(stated.into_iter().fold(error, ProviderError::with_sent));
            }
            Some(Turn::WaitBeforeSending | Turn::SucceedUntold) | None => {}
        }
        let content = to_raw_value(&json!({"did": call.tool().name(), "for": call.user().subject})).unwrap();
        Ok(ToolOutput::new(content, vec![exchange(200)]))
    }

    async fn probe(&self, cx: ProbeContext<'_>) -> Result<CredentialReport, ProviderError> {
        let key = cx.credential.field("api_key").unwrap().expose().to_owned();
        let mut facts = self.vendor.probe_finds.lock().unwrap().clone();
        if self.vendor.bad_keys.lock().unwrap().contains(&key) {
            let report = CredentialReport::new(CredentialVerdict::Rejected, facts);
            return Ok(report.with_remark("make a new key in Acme's settings"));
        }
        facts.authorized_as = Some(format!("{}@acme.test", key.len()));
        Ok(CredentialReport::new(CredentialVerdict::Accepted, facts))
    }

    fn preview(
        &self,
        tool: &ToolName,
        arguments: &CheckedArguments,
        _: &CredentialFacts,
    ) -> Result<RequestPreview, ProviderError> {
        let preview = RequestPreview::new("GET", format!("https://api.acme.test/{tool}"));
        Ok(preview.with_body(Some(Value::Object(arguments.as_map().clone()))))
    }
}

/// A tool definition, written as JSON so that a test sees all of it.
pub(crate) fn definition(name: &str, effect: &str, properties: &Value, uses: Option<&[&str]>) -> ToolDefinition {
    let binding = match uses {
        Some(uses) => json!({"kind": "recipe", "version": 1, "why": "two steps", "uses": uses}),
        None => json!({
            "kind": "operation", "method": if effect == "read" { "GET" } else { "POST" }, "origin": "api",
            "path": format!("/{name}"), "arguments": [], "fixed": [], "security": ["api_key"],
        }),
    };
    serde_json::from_value(json!({
        "name": name,
        "title": format!("Title of {name}"),
        "description": format!("Does {name} for the people of Acme."),
        "input_schema": {
            "type": "object", "properties": properties, "required": ["page_id"], "additionalProperties": false,
        },
        "annotations": {
            "readOnlyHint": effect == "read", "destructiveHint": effect == "destructive",
            "idempotentHint": effect == "read", "openWorldHint": true,
        },
        "effect": effect,
        "risk": "none",
        "binding": binding,
    }))
    .unwrap()
}

/// The first release: three operations, and a recipe over one of them.
pub(crate) fn release_one() -> Catalogue {
    let page = json!({"page_id": {"type": "string", "description": "The page."}});
    let with_secret = json!({
        "page_id": {"type": "string", "description": "The page."},
        "token": {"type": "string", "writeOnly": true, "description": "A secret."},
        "email": {"type": "string", "x-personal": true, "description": "A person."},
        "labels": {"type": "array", "items": {"type": "string"}, "description": "Words that stand on the page."},
        "draft": {"type": "boolean", "description": "Whether it is a draft."},
    });
    let tools = vec![
        definition("list_pages", "read", &page, None),
        definition("create_page", "write", &with_secret, None),
        definition("delete_page", "destructive", &page, None),
        definition("tidy_pages", "read", &page, Some(&["list_pages"])),
    ];
    Catalogue::new(CatalogueVersion(1), tools.into_iter().map(Arc::new).collect()).unwrap()
}

/// The second release: `list_pages` has another description.
pub(crate) fn release_two() -> Catalogue {
    let mut next = release_one();
    next.version = CatalogueVersion(2);
    for tool in &mut next.tools {
        if tool.name.as_str() == "list_pages" {
            Arc::make_mut(tool).description = "Lists the pages, drafts included.".into();
        }
    }
    next
}
