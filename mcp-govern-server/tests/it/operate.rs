//! For whoever operates the server.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use mcp_govern_core::{
    ManualClock, Secret,
    governor::{CallLimits, CallRate},
};
use mcp_govern_server::{McpServer, ServerErrorKind};
use serde_json::json;

use crate::world::{Governed, PUBLIC, World, get, modern, send_to, token, tokens};

const KEY: &str = "a-key-of-at-least-32-bytes-0123456789";

#[tokio::test]
async fn health_says_alive_and_ready_and_nothing_else() {
    let world = World::new().await;
    assert_eq!(world.send(get("/healthz")).await.text(), "ok");
    let ready = world.send(get("/readyz")).await;
    assert_eq!(ready.status, StatusCode::OK);
    let body = ready.json();
    assert_eq!((&body["ready"], &body["rules"], &body["record"]), (&json!(true), &json!("fresh"), &json!("writable")));
    world.server.close();
    assert_eq!(world.send(get("/readyz")).await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_governor_that_follows_nothing_is_not_ready() {
    let world = World::new().await;
    world.governor.close().await;
    let ready = world.send(get("/readyz")).await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.send(get("/healthz")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn metrics_count_calls_and_name_nobody() {
    let world = World::new().await;
    world.call("ada", "acme_echo", json!({"text": "x"})).await.result();
    world.call("eve", "acme_secret", json!({})).await.error();
    world.call("ada", "acme_limited", json!({})).await.result();
    world.send(modern(None, "tools/list", json!({}))).await;
    let text = world.send(get("/metrics")).await.text().to_owned();
    for line in [
        "mcp_govern_calls_total{end=\"success\"} 1",
        "mcp_govern_calls_total{end=\"denied\"} 1",
        "mcp_govern_calls_total{end=\"failed\"} 1",
        "mcp_govern_denials_total{code=\"unknown_tool\"} 1",
        "mcp_govern_refused_requests_total{reason=\"missing\"} 1",
        "mcp_govern_calls_running 0",
        "mcp_govern_ready 1",
        "mcp_govern_rules_fresh 1",
        "mcp_govern_record_writable 1",
        "mcp_govern_tool_calls_total{server=\"acme\",class=\"read\",end=\"success\"} 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    for name in ["ada", "eve", "desktop", "echo", "canary"] {
        assert!(!text.contains(name), "{name}\n{text}");
    }
    assert!(text.contains("mcp_govern_build_info{version=\""), "{text}");
    is_open_metrics(&text);
}

/// That a text is of the `OpenMetrics` format: each sample belongs to the family before it, with a suffix that the type of the family
/// has, labels in quotes and a number, and the text ends as it must.
fn is_open_metrics(text: &str) {
    let (body, end) = text.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(end, "# EOF");
    let (mut family, mut kind) = (String::new(), String::new());
    let mut families = std::collections::BTreeSet::new();
    for line in body.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "HELP", name, help] => {
                assert!(!help.is_empty() && families.insert((*name).to_owned()), "{line}");
                (family, kind) = ((*name).to_owned(), String::new());
            }
            ["#", "TYPE", name, of] => {
                assert_eq!(*name, family, "{line}");
                kind = (*of).to_owned();
            }
            _ => {
                let (series, number) = line.rsplit_once(' ').unwrap();
                assert!(number.parse::<f64>().is_ok(), "{line}");
                let name = series.split('{').next().unwrap();
                let suffixes: &[&str] = match kind.as_str() {
                    "counter" => &["_total"],
                    "gauge" => &[""],
                    "info" => &["_info"],
                    "histogram" => &["_bucket", "_sum", "_count"],
                    other => panic!("{other}: {line}"),
                };
                assert!(suffixes.iter().any(|suffix| *name == format!("{family}{suffix}")), "{line}");
                if let Some(labels) = series.strip_prefix(name).filter(|labels| !labels.is_empty()) {
                    let labels = labels.strip_prefix('{').and_then(|labels| labels.strip_suffix('}')).unwrap();
                    for label in labels.split("\",") {
                        let (key, value) = label.trim_end_matches('"').split_once("=\"").unwrap();
                        assert!(!key.is_empty() && !value.contains('"'), "{line}");
                    }
                }
            }
        }
    }
    assert!(families.len() > 15, "{families:?}");
}

#[tokio::test]
async fn metrics_count_what_each_bound_denies_and_name_nobody() {
    let few = CallLimits::default()
        .with_rate_per_person(Some(CallRate::new(1, 2)))
        .with_recorded_denials_per_person(Some(CallRate::new(1, 1)));
    let ready = Governed::new(|builder| builder.with_call_limits(few).with_clock(Arc::<ManualClock>::default())).await;
    let builder = McpServer::builder(ready.governor.clone(), tokens(), PUBLIC.parse().unwrap());
    let world = ready.serve(builder);
    for _ in 0..2 {
        world.call("ada", "acme_echo", json!({"text": "x"})).await.result();
    }
    let denied = world.call("ada", "acme_echo", json!({"text": "x"})).await.result();
    let told = &denied["_meta"]["io.github.mcp-govern/denial"];
    assert_eq!(told["code"], "quota_exceeded");
    assert_eq!(told["remedy"], json!({"action": "retry_after", "milliseconds": 1000}));
    let text = denied["content"][0]["text"].as_str().unwrap();
    assert_eq!(text, "your calls may begin at a rate of 1 a second, which is used up; call again in 1000 ms");
    world.call("ada", "acme_echo", json!({"text": "x"})).await.result();
    world.call("bob", "acme_echo", json!({"text": "x"})).await.result();
    let text = world.send(get("/metrics")).await.text().to_owned();
    for line in [
        "mcp_govern_bound_denials_total{bound=\"person_rate\"} 2",
        "mcp_govern_bound_denials_total{bound=\"client_rate\"} 0",
        "mcp_govern_unrecorded_denials_total 1",
        "mcp_govern_denials_total{code=\"quota_exceeded\"} 2",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    for name in ["ada", "bob", "desktop", "echo"] {
        assert!(!text.contains(name), "{name}\n{text}");
    }
}

#[tokio::test]
async fn the_routes_stand_beside_the_applications_own() {
    let world = World::new().await;
    let own = axum::Router::new()
        .route("/", axum::routing::get(async || "the application"))
        .route("/mcp/own", axum::routing::get(async || "its own"));
    let app = own.merge(world.server.router());
    for (path, text) in [("/", "the application"), ("/mcp/own", "its own")] {
        assert_eq!(send_to(&app, get(path)).await.text(), text);
    }
    assert_eq!(send_to(&app, get("/elsewhere")).await.status, StatusCode::NOT_FOUND);
    let listed = send_to(&app, modern(Some(&token("ada")), "tools/list", json!({}))).await.result();
    assert_eq!(listed["tools"].as_array().unwrap().len(), 12);
    // The application's own routes are not behind the server's ingress, and the server's are.
    assert_eq!(send_to(&app, modern(None, "tools/list", json!({}))).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn nodes_with_one_key_take_each_others_cursors_and_others_do_not() {
    let world = World::with(|builder| builder.with_page_size(3).with_state_key(Secret::new(KEY))).await;
    let node = |key: &str| {
        let builder = McpServer::builder(world.governor.clone(), tokens(), PUBLIC.parse().unwrap());
        builder.with_page_size(3).with_state_key(Secret::new(key)).build().unwrap().router()
    };
    let (same, other) = (node(KEY), node("another-key-of-at-least-32-bytes-"));
    let first = world.modern("ada", "tools/list", json!({})).await.result();
    let next = || modern(Some(&token("ada")), "tools/list", json!({"cursor": first["nextCursor"]}));
    let second = send_to(&same, next()).await.result();
    assert_eq!(second["tools"][0]["name"], "acme_limited");
    assert_eq!(send_to(&other, next()).await.error()["code"], -32602);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_when_the_server_is_built() {
    let governor = Governed::new(|builder| builder).await.governor;
    let builder = |url: &str| McpServer::builder(governor.clone(), tokens(), url.parse().unwrap());
    let kinds = [
        builder("http://tools.example.com/mcp").build(),
        builder("https://tools.example.com/mcp#x").build(),
        builder(PUBLIC).with_page_size(0).build(),
        builder(PUBLIC).with_max_body_bytes(0).build(),
        builder(PUBLIC).with_origins(["app.example.com"]).build(),
        builder(PUBLIC).with_call_deadline(Duration::ZERO).build(),
        builder(PUBLIC).with_state_key(Secret::new("short")).build(),
    ];
    for built in kinds {
        assert_eq!(built.unwrap_err().kind(), ServerErrorKind::Config);
    }
}

#[test]
fn handles_and_futures_go_between_threads() {
    fn is_send<T: Send + Sync>() {}
    fn future_is_send<T: Send>(_: T) {}
    fn check(server: &McpServer, listener: tokio::net::TcpListener) {
        future_is_send(server.serve(listener, server.router(), std::future::pending()));
        future_is_send(server.serve_stdio(crate::world::identity("ada")));
    }
    is_send::<McpServer>();
    let _ = check;
}
