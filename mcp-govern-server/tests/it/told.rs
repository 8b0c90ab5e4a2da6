//! What is told of clients: what they say of themselves, on record; and refused tokens, in the log and the metrics.

use std::{
    io::Write,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{body::Body, extract::ConnectInfo};
use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;

use crate::{
    jwt::{ISSUER, Key, NOW, Scene, claims, with},
    stdio::Client,
    world::{World, get, message, modern, token},
};

/// What the record says that the clients of Ada's calls said of themselves, oldest first.
async fn stated(world: &World, kind: &str) -> Vec<Value> {
    let records = world.records().await;
    let kept = records.iter().filter(|entry| entry["record"] == kind);
    kept.map(|entry| entry["data"]["caller"]["stated_client"].clone()).collect()
}

fn echo() -> Value {
    json!({"name": "acme_echo", "arguments": {"text": "x"}})
}

#[tokio::test]
async fn what_a_client_says_of_itself_is_on_record_as_its_own_word() {
    let world = World::new().await;
    // Since 2026-07-28 in each request.
    let mut call = echo();
    call["_meta"] = json!({"io.modelcontextprotocol/clientInfo": {"name": "modern", "version": "1.2"}});
    world.modern("ada", "tools/call", call.clone()).await.result();
    world.modern("ada", "tools/call", echo()).await.result();
    // Before that in the handshake, once.
    let hello = |name: &str| json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": name, "version": "3"}});
    world.legacy("ada", "2025-11-25", "initialize", hello("handshake")).await.result();
    world.legacy("ada", "2025-11-25", "tools/call", echo()).await.result();
    // On a pipe.
    let mut pipe = Client::connect(&world, "ada");
    pipe.ask(&message("initialize", hello("pipe"))).await;
    pipe.ask(&message("tools/call", echo())).await;
    // Another person's client said nothing.
    world.legacy("bob", "2025-11-25", "tools/call", echo()).await.result();
    let names: Vec<Value> = stated(&world, "intent.v1").await.iter().map(|stated| stated["name"].clone()).collect();
    assert_eq!(names, [json!("modern"), Value::Null, json!("handshake"), json!("pipe"), Value::Null]);
    assert_eq!(stated(&world, "intent.v1").await[0], json!({"name": "modern", "version": "1.2"}));
    // Nothing is decided by it: the client of the token is the client.
    let records = world.records().await;
    assert!(
        records
            .iter()
            .filter(|entry| entry["record"] == "intent.v1")
            .all(|entry| { entry["data"]["caller"]["client"] == "desktop (idp)" })
    );
    // Denials say it, too.
    world.modern("eve", "tools/call", call).await;
    assert_eq!(stated(&world, "denial.v1").await[0]["name"], "modern");
}

#[tokio::test]
async fn what_a_client_says_of_itself_is_short_and_harmless_on_record() {
    let world = World::new().await;
    let mut call = echo();
    let name = format!("  a\u{1b}[2J\u{202e}\n'{}", "x".repeat(5000));
    call["_meta"] = json!({"io.modelcontextprotocol/clientInfo": {"name": name, "version": "\u{0}".repeat(300)}});
    world.modern("ada", "tools/call", call).await.result();
    let stated = stated(&world, "intent.v1").await[0].clone();
    let name = stated["name"].as_str().unwrap();
    assert!(name.starts_with(r"a\u{1b}[2J\u{202e}\n'xxx"), "{name}");
    assert!(name.chars().count() < 160 && stated["version"].as_str().unwrap().chars().count() <= 128 * 5, "{stated}");
    for odd in [json!({"name": " ", "version": "1"}), json!({"version": "1"}), json!("c")] {
        let mut call = echo();
        call["_meta"] = json!({"io.modelcontextprotocol/clientInfo": odd});
        world.modern("ada", "tools/call", call).await.result();
    }
    assert!(self::stated(&world, "intent.v1").await[1..].iter().all(Value::is_null));
}

/// The lines of the log, as JSON.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Logs what this thread does.
    fn begin() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn refusals(&self) -> Vec<Value> {
        let lines: Vec<Value> = self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.into_iter().filter(|line| line.get("reason").is_some()).collect()
    }
}

fn from(address: &str, mut request: Request<Body>) -> Request<Body> {
    request.extensions_mut().insert(ConnectInfo::<SocketAddr>(address.parse().unwrap()));
    request
}

#[tokio::test]
async fn refused_tokens_are_told_apart_in_the_log_and_the_metrics() {
    let (log, _guard) = Log::begin();
    let scene = Scene::new(|builder| builder.with_required_scopes(["mcp:tools"])).await;
    let sign = |change: Value| scene.key.sign(&with(&change));
    let tokens = [
        ("expired", sign(json!({"exp": NOW - 300}))),
        ("audience", sign(json!({"aud": ["https://elsewhere.example", "two"]}))),
        ("issuer", sign(json!({"iss": "https://evil.example\n"}))),
        ("malformed", "canary.garbage".to_owned()),
        ("signature", Key::new("one").sign(&claims())),
        ("not_yet_valid", sign(json!({"nbf": NOW + 300}))),
        ("bound", sign(json!({"cnf": {"jkt": "x"}}))),
        ("claims", sign(json!({"client_id": null}))),
        ("scope", sign(json!({"scope": "openid"}))),
    ];
    for (_, token) in &tokens {
        assert_ne!(scene.list(token).await.status, StatusCode::OK);
    }
    let told = log.refusals();
    let reasons: Vec<&str> = told.iter().map(|line| line["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, tokens.iter().map(|(reason, _)| *reason).collect::<Vec<_>>());
    assert!(told.iter().all(|line| line["address"] == "127.0.0.1" && line["level"] == "WARN"), "{told:?}");
    assert_eq!(told[1]["claimed_audience"], "https://elsewhere.example, two");
    assert!(told[1]["message"].as_str().unwrap().contains("must be `http://127.0.0.1:8700/mcp`"), "{}", told[1]);
    assert_eq!(
        (&told[2]["claimed_issuer"], &told[2]["claimed_key"]),
        (&json!("https://evil.example\u{fffd}"), &json!("one"))
    );
    assert_eq!(told[0]["claimed_issuer"], ISSUER);
    let text = log.text();
    for (_, token) in &tokens {
        assert!(!text.contains(token.as_str()), "a token is in the log");
        assert!(
            token.split('.').skip(1).all(|part| part.len() < 8 || !text.contains(part)),
            "a part of a token is in the log"
        );
    }
    let metrics = scene.world.send(get("/metrics")).await.text().to_owned();
    for (reason, _) in &tokens {
        assert!(
            metrics.contains(&format!("mcp_govern_refused_requests_total{{reason=\"{reason}\"}} 1")),
            "{reason}\n{metrics}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_are_told_of_once_a_minute_for_each_address_and_reason() {
    let (log, _guard) = Log::begin();
    let world = World::new().await;
    let ask = |token: Option<&str>, address: &str| from(address, modern(token, "tools/list", json!({})));
    for _ in 0..5 {
        world.send(ask(Some("a-token-of-nobody-at-all"), "192.0.2.1:1")).await;
        world.send(ask(Some("a-token-of-nobody-at-all"), "192.0.2.2:1")).await;
        // A client that looks for the way to a token is refused nothing that anybody must be told of.
        world.send(ask(None, "192.0.2.1:1")).await;
    }
    let mut basic = ask(None, "192.0.2.1:1");
    basic.headers_mut().insert(header::AUTHORIZATION, "Basic YTpi".parse().unwrap());
    world.send(basic).await;
    let told: Vec<(String, String, u64)> = log
        .refusals()
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            (text("reason"), text("address"), line["times"].as_u64().unwrap())
        })
        .collect();
    let line = |reason: &str, address: &str, times| (reason.to_owned(), address.to_owned(), times);
    assert_eq!(
        told,
        [line("unknown", "192.0.2.1", 1), line("unknown", "192.0.2.2", 1), line("malformed", "192.0.2.1", 1)]
    );
    tokio::time::advance(std::time::Duration::from_secs(61)).await;
    world.send(ask(Some("a-token-of-nobody-at-all"), "192.0.2.1:9")).await;
    assert_eq!(log.refusals().last().unwrap()["times"], 5);
    world.send(modern(Some(&token("ada")), "tools/list", json!({}))).await.result();
}
