//! A governed world behind a server, and the requests that are sent to it.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use mcp_govern_core::{
    Actor, ClientId, CommandId, Governor, Role, Secret, TenantId, UserId,
    blueprint::Blueprint,
    governor::{CallLimits, GovernorBuilder},
    journal::{Action, Command},
    memory::MemoryStores,
    ports::{AuditFilter, Stores},
};
use mcp_govern_server::{Identity, McpServer, McpServerBuilder, StaticTokens};
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use crate::vendor::{FakeProvider, Vendor};

pub(crate) const PUBLIC: &str = "http://127.0.0.1:8700/mcp";
pub(crate) const MODERN: &str = "2026-07-28";

pub(crate) struct World {
    pub(crate) governor: Governor,
    pub(crate) stores: MemoryStores,
    pub(crate) vendor: Arc<Vendor>,
    pub(crate) server: McpServer,
    pub(crate) app: Router,
}

/// Ada, Bob and Eve, each with a token; Ada and Bob hold the profile `desk`, Ada `own` too.
pub(crate) fn tokens() -> StaticTokens {
    ["ada", "bob", "eve"]
        .into_iter()
        .fold(StaticTokens::new(), |tokens, name| tokens.with_token(&Secret::new(token(name)), identity(name)).unwrap())
}

pub(crate) fn token(name: &str) -> String {
    format!("{name}-token-canary-0123")
}

pub(crate) fn identity(name: &str) -> Identity {
    Identity::new(user(name), ClientId::new("idp", "desktop").unwrap())
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::new("idp", name).unwrap()
}

pub(crate) fn owner() -> Actor {
    Actor::new(user("root"), [Role::Owner])
}

pub(crate) fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn blueprint() -> Blueprint {
    let grantee = |name: &str| json!({"user": {"issuer": "idp", "subject": name}});
    serde_json::from_value(json!({
        "governance": "activated",
        "settings": {"unmatched_client": "personal", "list_requestable": "listed"},
        "servers": {
            "acme": {
                "provider": "fake", "title": "Acme", "prefix": "acme", "auth_method": "none",
                "approve": ["read", "write", "destructive"],
            },
            "own": {
                "provider": "fake", "title": "Own <Things>", "prefix": "own", "auth_method": "token",
                "sharing": "per_user", "approve": ["read", "write"],
            },
        },
        "toolsets": {
            "desk": {"title": "Desk", "tools": [
                "acme/echo", "acme/free", "acme/hang", "acme/limited", "acme/list", "acme/misfit", "acme/remove", "acme/steps",
            ]},
            "wanted": {"title": "Wanted", "tools": ["acme/wanted"]},
            "own": {"title": "Own", "follows": {"server": "own"}},
        },
        "profiles": {
            "desk": {"title": "Desk", "toolsets": ["desk"]},
            "wanted": {"title": "Wanted", "visibility": "everyone", "toolsets": ["wanted"]},
            "own": {"title": "Own", "toolsets": ["own"]},
        },
        "grants": {
            "ada-desk": {"profile": "desk", "grantee": grantee("ada")},
            "bob-desk": {"profile": "desk", "grantee": grantee("bob")},
            "ada-own": {"profile": "own", "grantee": grantee("ada")},
            "bob-own": {"profile": "own", "grantee": grantee("bob")},
        },
    }))
    .unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// With a server that is configured further.
    pub(crate) async fn with(configure: impl FnOnce(McpServerBuilder) -> McpServerBuilder) -> Self {
        let ready = Governed::new(|builder| builder).await;
        let builder = McpServer::builder(ready.governor.clone(), tokens(), PUBLIC.parse().unwrap());
        ready.serve(configure(builder))
    }

    /// The records of the audit, oldest first: each as `<kind>` and its data.
    pub(crate) async fn records(&self) -> Vec<Value> {
        let audit = self.stores.tenant(&tenant()).audit;
        let page = audit.query(&AuditFilter::new(), None, 10_000).await.unwrap();
        let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap()["entry"].clone();
        page.records.iter().rev().map(|(_, record)| read(&record.bytes)).collect()
    }

    /// The outcomes on record, once there are so many.
    pub(crate) async fn outcomes(&self, wanted: usize) -> Vec<Value> {
        for _ in 0..1000 {
            let records = self.records().await;
            let outcomes: Vec<Value> = records
                .into_iter()
                .filter(|entry| entry["record"] == "outcome.v1")
                .map(|entry| entry["data"].clone())
                .collect();
            if outcomes.len() >= wanted {
                return outcomes;
            }
            tokio::task::yield_now().await;
        }
        panic!("the outcome was never recorded");
    }

    pub(crate) async fn commit(&self, action: Action) {
        self.governor.commit(&owner(), Command::new(CommandId::random().unwrap(), action)).await.unwrap();
    }

    /// Sends a request as if from this machine.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        send_to(&self.app, request).await
    }

    /// A request of 2026-07-28 by somebody with a token.
    pub(crate) async fn modern(&self, name: &str, method: &str, params: Value) -> Answer {
        self.send(modern(Some(&token(name)), method, params)).await
    }

    /// A request of a handshake version.
    pub(crate) async fn legacy(&self, name: &str, version: &str, method: &str, params: Value) -> Answer {
        let request = post(Some(&token(name)))
            .header("mcp-protocol-version", version)
            .body(Body::from(message(method, params).to_string()));
        self.send(request.unwrap()).await
    }

    pub(crate) async fn call(&self, name: &str, tool: &str, arguments: Value) -> Answer {
        self.modern(name, "tools/call", json!({"name": tool, "arguments": arguments})).await
    }
}

/// A governor with everything in place, without a server yet.
pub(crate) struct Governed {
    pub(crate) governor: Governor,
    pub(crate) stores: MemoryStores,
    pub(crate) vendor: Arc<Vendor>,
}

impl Governed {
    pub(crate) async fn new(configure: impl FnOnce(GovernorBuilder) -> GovernorBuilder) -> Self {
        let stores = MemoryStores::new();
        let kept = stores.clone();
        Self::open(stores, |builder| configure(builder.with_stores(kept))).await
    }

    /// Over other stores: their records are not looked at.
    pub(crate) async fn with_stores(stores: impl Stores) -> Self {
        Self::open(MemoryStores::new(), |builder| builder.with_stores(stores)).await
    }

    async fn open(stores: MemoryStores, configure: impl FnOnce(GovernorBuilder) -> GovernorBuilder) -> Self {
        let vendor = Arc::<Vendor>::default();
        let builder = Governor::builder(tenant())
            .with_provider(FakeProvider::new(Arc::clone(&vendor)))
            .with_call_limits(CallLimits::unbounded());
        let (governor, driver) = configure(builder).open().await.unwrap();
        tokio::spawn(driver.run());
        governor.apply(&owner(), &blueprint()).await.unwrap();
        Self { governor, stores, vendor }
    }

    pub(crate) fn serve(self, builder: McpServerBuilder) -> World {
        let server = builder.build().unwrap();
        let app = server.router().merge(server.health_router()).merge(server.metrics_router());
        let Self { governor, stores, vendor } = self;
        World { governor, stores, vendor, server, app }
    }
}

/// An answer, read in full.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text()))
    }

    /// The result of a JSON-RPC answer.
    #[track_caller]
    pub(crate) fn result(&self) -> Value {
        let message = self.json();
        assert!(message.get("error").is_none(), "{message}");
        message["result"].clone()
    }

    /// The error of a JSON-RPC answer.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let message = self.json();
        assert!(message.get("result").is_none(), "{message}");
        message["error"].clone()
    }

    /// The messages of an event stream.
    pub(crate) fn events(&self) -> Vec<Value> {
        let lines = self.text().lines().filter_map(|line| line.strip_prefix("data:"));
        lines.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect()
    }
}

pub(crate) async fn send_to(app: &Router, mut request: Request<Body>) -> Answer {
    if request.extensions().get::<ConnectInfo<SocketAddr>>().is_none() {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 50_000))));
    }
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// A POST with the headers that every client sends.
pub(crate) fn post(token: Option<&str>) -> http::request::Builder {
    let builder = Request::builder()
        .method(Method::POST)
        .uri("/mcp")
        .header(header::HOST, "127.0.0.1:8700")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header(header::CONTENT_TYPE, "application/json");
    match token {
        Some(token) => builder.header(header::AUTHORIZATION, format!("Bearer {token}")),
        None => builder,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "every caller makes the value for this call")]
pub(crate) fn message(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// A message of 2026-07-28, with what it must carry.
#[expect(clippy::needless_pass_by_value, reason = "every caller makes the value for this call")]
pub(crate) fn modern_message(method: &str, params: Value, capabilities: Value) -> Value {
    let mut params = params.as_object().cloned().unwrap_or_else(Map::new);
    let meta = params.entry("_meta").or_insert_with(|| json!({}));
    meta["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
    meta["io.modelcontextprotocol/clientCapabilities"] = capabilities;
    message(method, Value::Object(params))
}

pub(crate) fn modern(token: Option<&str>, method: &str, params: Value) -> Request<Body> {
    modern_with(token, method, params, json!({}))
}

pub(crate) fn modern_with(token: Option<&str>, method: &str, params: Value, capabilities: Value) -> Request<Body> {
    let mut builder = post(token).header("mcp-protocol-version", MODERN).header("mcp-method", method);
    if let Some(name) = params.get("name").and_then(Value::as_str) {
        builder = builder.header("mcp-name", name);
    }
    builder.body(Body::from(modern_message(method, params, capabilities).to_string())).unwrap()
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::builder().uri(path).header(header::HOST, "127.0.0.1:8700").body(Body::empty()).unwrap()
}
