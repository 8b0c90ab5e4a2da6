//! What is looked at before a message is, and what a body may cost.

use std::sync::{Arc, atomic::Ordering};

use axum::body::{Body, Bytes};
use http::{Request, StatusCode, header};
use hyper::body::Frame;
use mcp_govern_server::{ConnectAccounts, McpServer};
use serde_json::{Value, json};

use crate::{
    connect::Account,
    world::{Governed, PUBLIC, World, get, message, modern, modern_with, post, token},
};

/// A body that fails the test when it is read.
struct Unread;

impl hyper::body::Body for Unread {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        panic!("the body was read");
    }
}

fn with_header(mut request: Request<Body>, name: header::HeaderName, value: &str) -> Request<Body> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

#[tokio::test]
async fn every_route_answers_under_the_servers_own_names_alone() {
    let account = Account::start().await;
    let world = World::with(|builder| builder.with_connect(ConnectAccounts::new(account)).with_hosts(["inner"])).await;
    for path in ["/healthz", "/readyz", "/metrics", "/mcp", "/connect", "/connect/callback/own", "/connect/style.css"] {
        for (host, refused) in
            [("127.0.0.1:8700", false), ("inner:1", false), ("evil.example:8700", true), ("evil.example", true)]
        {
            let answer = world.send(with_header(get(path), header::HOST, host)).await;
            assert_eq!(answer.status == StatusCode::FORBIDDEN, refused, "{path} {host}: {}", answer.status);
        }
        let mut twice = get(path);
        twice.headers_mut().append(header::HOST, "127.0.0.1:8700".parse().unwrap());
        assert_eq!(world.send(twice).await.status, StatusCode::BAD_REQUEST, "{path}");
        let user = with_header(get(path), header::HOST, "me@127.0.0.1:8700");
        assert_eq!(world.send(user).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
    // A form of our own page, sent by a page that reached the server under a name of its own.
    let form = Request::post("/connect")
        .header(header::HOST, "evil.example")
        .header(header::ORIGIN, "http://127.0.0.1:8700")
        .body(Body::new(Unread))
        .unwrap();
    assert_eq!(world.send(form).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn host_and_origin_are_looked_at_before_the_token_and_the_token_before_the_body() {
    let world = World::new().await;
    let unread = |token: Option<&str>| post(token).body(Body::new(Unread)).unwrap();
    let ada = token("ada");
    for token in [None, Some("a-token-of-nobody-at-all"), Some(ada.as_str())] {
        for (name, value) in [(header::HOST, "evil.example"), (header::ORIGIN, "https://evil.example")] {
            let answer = world.send(with_header(unread(token), name.clone(), value)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{token:?} {name}");
        }
    }
    for token in [None, Some("a-token-of-nobody-at-all")] {
        assert_eq!(world.send(unread(token)).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_body_may_be_as_long_as_the_arguments_of_a_call_and_a_little_more() {
    let world = World::new().await;
    let call = |length: usize| json!({"name": "acme_echo", "arguments": {"text": "x".repeat(length)}});
    let answer = world.modern("ada", "tools/call", call((1 << 20) - 100)).await;
    assert_eq!((answer.status, answer.result()["isError"].as_bool()), (StatusCode::OK, Some(false)));
    let begun = world.vendor.begun.load(Ordering::SeqCst);
    // Beyond what arguments may have, yet within the body: refused by governance, in words for a model.
    let refused = world.modern("ada", "tools/call", call((1 << 20) + 100)).await;
    assert_eq!((refused.status, refused.result()["isError"].as_bool()), (StatusCode::OK, Some(true)));
    let refused = world.modern("ada", "tools/call", call((1 << 20) + (64 << 10))).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(world.vendor.begun.load(Ordering::SeqCst), begun);
}

#[tokio::test]
async fn a_body_of_very_many_values_is_refused_before_a_tree_is_built_of_it() {
    let world = World::new().await;
    let call =
        |values: usize| json!({"name": "acme_echo", "arguments": {"list": vec![Value::Array(Vec::new()); values]}});
    let answer = world.modern("eve", "tools/call", call(100_000)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.text().contains("JSON values"), "{}", answer.text());
    let records = world.records().await;
    assert!(records.iter().all(|entry| entry["record"] != "intent.v1"), "{records:?}");
    // As many as a call may need are taken in, also where the body is long enough to be read aside.
    let answer = world.modern("eve", "tools/call", call(20_000)).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_long_body_is_answered_like_a_short_one() {
    let world = World::new().await;
    for length in [10, 200_000] {
        let text = "x".repeat(length);
        assert_eq!(
            world.call("ada", "acme_echo", json!({ "text": text })).await.result()["structuredContent"]["text"],
            text
        );
        let hidden = world.call("eve", "acme_echo", json!({ "text": text })).await;
        assert_eq!(hidden.error()["code"], -32602);
    }
    // A caller who goes away while a long body is read takes the call along.
    let call = json!({"name": "acme_hang", "arguments": {}, "_meta": {"pad": "x".repeat(200_000)}});
    let request = modern(Some(&token("ada")), "tools/call", call);
    let hangs = tokio::spawn({
        let app = world.app.clone();
        async move { crate::world::send_to(&app, request).await }
    });
    world.vendor.hanging.notified().await;
    hangs.abort();
    world.vendor.released.notified().await;
}

#[tokio::test]
async fn bodies_beyond_the_bound_of_all_are_refused_for_a_while_and_short_ones_still_fit() {
    let ready = Governed::new(|builder| builder).await;
    let builder = McpServer::builder(ready.governor.clone(), crate::world::tokens(), PUBLIC.parse().unwrap());
    let world = Arc::new(ready.serve(builder.with_max_body_bytes(40_000).with_max_body_bytes_in_flight(50_000)));
    let call = |tool: &str| json!({"name": tool, "arguments": {}, "_meta": {"pad": "x".repeat(30_000)}});
    let (first, params) = (Arc::clone(&world), call("acme_hang"));
    let hangs = tokio::spawn(async move { first.modern("ada", "tools/call", params).await });
    world.vendor.hanging.notified().await;
    let refused = world.modern("bob", "tools/call", call("acme_free")).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(world.call("bob", "acme_free", json!({})).await.status, StatusCode::OK);
    world.vendor.let_go.notify_one();
    assert_eq!(hangs.await.unwrap().status, StatusCode::OK);
    assert_eq!(world.modern("bob", "tools/call", call("acme_free")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_version_that_is_not_spoken_is_refused_by_its_code_wherever_it_stands() {
    let world = World::new().await;
    for version in ["1.0", "2099-01-01"] {
        let request = post(Some(&token("ada")))
            .header("mcp-protocol-version", version)
            .body(Body::from(message("tools/list", json!({})).to_string()));
        let answer = world.send(request.unwrap()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
        let (error, id) = (answer.error(), answer.json()["id"].clone());
        assert_eq!((&error["code"], &id), (&json!(-32022), &json!(1)));
        assert_eq!(error["data"]["requested"], version);
        assert!(error["data"]["supported"].as_array().unwrap().contains(&json!("2026-07-28")));
    }
    // Where something else is wrong, that is what is said.
    let request = post(Some(&token("ada"))).header("mcp-protocol-version", "1.0").body(Body::from("{"));
    let broken = world.send(request.unwrap()).await;
    assert_eq!((broken.status, &broken.error()["code"]), (StatusCode::BAD_REQUEST, &json!(-32700)));
    let fine = modern_with(Some(&token("ada")), "tools/list", json!({}), json!({}));
    world.send(fine).await.result();
}
