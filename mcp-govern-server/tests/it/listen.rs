//! Who is told that a list has changed.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axum::{body::Body, extract::Request, middleware::Next};
use http_body_util::BodyExt;
use mcp_govern_core::{
    ClientType, Clock, Grantee, ManualClock, Settings, SystemClock,
    journal::{Action, KillScope},
};
use mcp_govern_server::{AuthError, Authenticate, FromMiddleware, Identity, McpServer, Presented};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::world::{Governed, PUBLIC, World, identity, modern, token, user};

/// An open stream of messages.
struct Stream {
    body: Body,
    text: String,
}

impl Stream {
    async fn open(app: &axum::Router, name: &str) -> Self {
        Self::open_for(app, name, true).await
    }

    /// A stream that is told of changes, or of nothing.
    async fn open_for(app: &axum::Router, name: &str, told: bool) -> Self {
        let wanted = if told { json!({"toolsListChanged": true}) } else { json!({}) };
        let request = modern(Some(&token(name)), "subscriptions/listen", json!({ "notifications": wanted }));
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let mut stream = Self { body: response.into_body(), text: String::new() };
        let first = stream.next().await.unwrap();
        assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
        stream
    }

    /// The next message; none at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                let data = event.lines().find_map(|line| line.strip_prefix("data:"));
                if let Some(message) = data.and_then(|data| serde_json::from_str(data.trim()).ok()) {
                    return Some(message);
                }
                continue;
            }
            let frame = self.body.frame().await?.unwrap();
            self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }

    /// Everything up to the end: methods of notifications, and `result`.
    async fn rest(mut self) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(message) = self.next().await {
            all.push(message["method"].as_str().unwrap_or("result").to_owned());
        }
        all
    }
}

const CHANGED: &str = "notifications/tools/list_changed";

fn grant(id: &str, profile: &str, name: &str, until: Option<mcp_govern_core::Timestamp>) -> Action {
    Action::GrantProfile {
        grant: id.try_into().unwrap(),
        profile: profile.try_into().unwrap(),
        grantee: Grantee::User(user(name)),
        until,
    }
}

#[tokio::test]
async fn only_those_are_told_whose_own_list_has_changed() {
    let world = World::new().await;
    let (mut ada, mut eve) = (Stream::open(&world.app, "ada").await, Stream::open(&world.app, "eve").await);
    world.commit(grant("eve-desk", "desk", "eve", None)).await;
    let told = eve.next().await.unwrap();
    assert_eq!(told["method"], CHANGED);
    assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
    // Nobody's list.
    let label = mcp_govern_core::Label::new("Empty");
    let content = mcp_govern_core::ToolsetContent::Chosen(std::collections::BTreeMap::new());
    world.commit(Action::CreateToolset { toolset: "empty".try_into().unwrap(), label, content }).await;
    world.commit(Action::DisableTools { tools: BTreeSet::from(["own/mine".parse().unwrap()]) }).await;
    assert_eq!(ada.next().await.unwrap()["method"], CHANGED);
    world.server.close();
    // Nothing that was not hers.
    assert_eq!(ada.rest().await, ["result"]);
    assert_eq!(eve.rest().await, ["result"]);
}

#[tokio::test]
async fn a_stream_ends_in_order_when_the_server_closes() {
    let world = World::new().await;
    let ada = Stream::open(&world.app, "ada").await;
    world.server.close();
    assert_eq!(ada.rest().await, ["result"]);
}

#[tokio::test]
async fn a_stream_ends_with_the_proof_of_identity() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let expires = clock.now().plus(Duration::from_millis(100));
    let ready = Governed::new(|builder| builder.with_clock(clock)).await;
    let builder = McpServer::builder(ready.governor.clone(), FromMiddleware, PUBLIC.parse().unwrap());
    let world = ready.serve(builder);
    let sign_in = move |mut request: Request, next: Next| {
        request.extensions_mut().insert(identity("ada").with_expiry(expires));
        next.run(request)
    };
    let app = world.app.clone().layer(axum::middleware::from_fn(sign_in));
    let began = Instant::now();
    assert_eq!(Stream::open(&app, "ada").await.rest().await, ["result"]);
    assert!(began.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn a_grant_that_ends_is_told_though_nobody_committed() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let ready = Governed::new(|builder| builder.with_clock(clock.clone())).await;
    let builder = McpServer::builder(ready.governor.clone(), crate::world::tokens(), PUBLIC.parse().unwrap());
    let world = ready.serve(builder.with_list_recheck(Duration::from_millis(10)));
    world.commit(grant("eve-desk", "desk", "eve", Some(clock.now().plus(Duration::from_secs(600))))).await;
    let mut eve = Stream::open(&world.app, "eve").await;
    clock.advance(Duration::from_secs(601));
    assert_eq!(eve.next().await.unwrap()["method"], CHANGED);
}

#[tokio::test]
async fn definitions_that_are_loaded_without_a_commit_are_told_of_too() {
    let ready = Governed::new(|builder| builder).await;
    let vendor = Arc::clone(&ready.vendor);
    let builder = McpServer::builder(ready.governor.clone(), crate::world::tokens(), PUBLIC.parse().unwrap());
    let world = ready.serve(builder.with_list_recheck(Duration::from_secs(3600)));
    let mut ada = Stream::open(&world.app, "ada").await;
    // What the node loads now is not what was reviewed: nothing of it can be called.
    vendor.changed.store(true, Ordering::SeqCst);
    world.governor.reload(&"acme".try_into().unwrap()).await.unwrap();
    assert_eq!(ada.next().await.unwrap()["method"], CHANGED);
}

#[tokio::test]
async fn a_client_that_goes_away_gives_its_stream_back() {
    let world = World::with(|builder| builder.with_subscriptions(1)).await;
    let first = Stream::open(&world.app, "ada").await;
    let request =
        modern(Some(&token("bob")), "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let refused = world.send(request).await;
    assert!(refused.text().contains("too many streams are open"), "{}", refused.text());
    drop(first);
    for _ in 0..1000 {
        let metrics = world.send(crate::world::get("/metrics")).await;
        if metrics.text().contains("mcp_govern_subscriptions 0") {
            Stream::open(&world.app, "bob").await;
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the stream was not given back");
}

/// Lets everybody in who has a token, until the tokens are taken back.
#[derive(Debug, Clone)]
struct Revocable(Arc<AtomicBool>);

#[async_trait]
impl Authenticate for Revocable {
    async fn authenticate(&self, request: &Presented<'_>) -> Result<Identity, AuthError> {
        if self.0.load(Ordering::SeqCst) {
            return Err(AuthError::invalid("the token was taken back"));
        }
        crate::world::tokens().authenticate(request).await
    }
}

#[tokio::test]
async fn a_stream_ends_when_its_token_is_taken_back() {
    for told in [true, false] {
        let ready = Governed::new(|builder| builder).await;
        let revocable = Revocable(Arc::default());
        let builder = McpServer::builder(ready.governor.clone(), revocable.clone(), PUBLIC.parse().unwrap());
        let world = ready.serve(builder.with_list_recheck(Duration::from_millis(10)));
        let mut ada = Stream::open_for(&world.app, "ada", told).await;
        if told {
            // It is looked at again and again, and goes on.
            world.commit(Action::DisableTools { tools: BTreeSet::from(["own/mine".parse().unwrap()]) }).await;
            assert_eq!(ada.next().await.unwrap()["method"], CHANGED);
        }
        revocable.0.store(true, Ordering::SeqCst);
        assert_eq!(ada.rest().await, ["result"]);
    }
}

#[tokio::test]
async fn a_stream_is_neither_opened_nor_kept_where_the_caller_may_not_come_in() {
    let world = World::new().await;
    let open =
        || modern(Some(&token("ada")), "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let killed = Action::Kill { scope: KillScope::Tenant };
    let ada = Stream::open(&world.app, "ada").await;
    world.commit(killed).await;
    assert_eq!(ada.rest().await, ["result"]);
    let refused = world.send(open()).await;
    assert!(refused.text().contains("tenant_killed"), "{}", refused.text());
    world.commit(Action::Release { scope: KillScope::Tenant }).await;
    // The same by where the caller comes from.
    let ada = Stream::open(&world.app, "ada").await;
    let mut settings = Settings::default().with_unmatched_client(ClientType::Personal);
    settings.sources = vec!["198.51.100.0/24".parse().unwrap()];
    world.commit(Action::ChangeSettings { settings }).await;
    assert_eq!(ada.rest().await, ["result"]);
    let refused = world.send(open()).await;
    assert!(refused.text().contains("source_not_allowed"), "{}", refused.text());
}

#[tokio::test]
async fn handshake_clients_have_no_subscriptions() {
    let world = World::new().await;
    let params = json!({"notifications": {"toolsListChanged": true}});
    let answer = world.legacy("ada", "2025-11-25", "subscriptions/listen", params).await;
    assert_eq!(answer.error()["code"], -32601);
}
