//! Who is let in, and what is remembered of how.

use std::net::SocketAddr;

use axum::{extract::ConnectInfo, extract::Request, middleware::Next};
use http::{HeaderName, StatusCode, header};
use mcp_govern_core::{ClientRule, ClientType, Settings, journal::Action};
use mcp_govern_server::{FixedIdentity, FromMiddleware, McpServer, TrustedProxies};
use serde_json::{Value, json};

use crate::world::{Governed, PUBLIC, World, get, identity, modern, send_to, token};

#[tokio::test]
async fn nobody_is_served_without_a_good_token() {
    let world = World::new().await;
    let answer = world.send(modern(None, "tools/list", json!({}))).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    // Static tokens come from no authorization server: a client is not sent to look for one.
    assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
    assert_eq!(world.send(get("/.well-known/oauth-protected-resource")).await.status, StatusCode::NOT_FOUND);
    let answer = world.send(modern(Some("bad-token-0123456789"), "tools/list", json!({}))).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let challenge = answer.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert_eq!(challenge, "Bearer error=\"invalid_token\", error_description=\"the token is not known\"");
    let mut twice = modern(Some(&token("ada")), "tools/list", json!({}));
    twice.headers_mut().append(header::AUTHORIZATION, format!("Bearer {}", token("bob")).parse().unwrap());
    assert_eq!(world.send(twice).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_applications_own_sign_in_is_taken_from_the_request() {
    let ready = Governed::new(|builder| builder).await;
    let builder = McpServer::builder(ready.governor.clone(), FromMiddleware, PUBLIC.parse().unwrap());
    let world = ready.serve(builder);
    assert_eq!(world.send(modern(None, "tools/list", json!({}))).await.status, StatusCode::UNAUTHORIZED);
    let sign_in = async |mut request: Request, next: Next| {
        request.extensions_mut().insert(identity("ada"));
        next.run(request).await
    };
    let app = world.app.layer(axum::middleware::from_fn(sign_in));
    let result = send_to(&app, modern(None, "tools/list", json!({}))).await.result();
    assert_eq!(result["tools"].as_array().unwrap().len(), 12);
}

#[tokio::test]
async fn without_tokens_only_this_machine_is_served() {
    let ready = Governed::new(|builder| builder).await;
    let builder =
        McpServer::builder(ready.governor.clone(), FixedIdentity::new(identity("ada")), PUBLIC.parse().unwrap());
    let world = ready.serve(builder);
    world.send(modern(None, "tools/list", json!({}))).await.result();
    let mut far = modern(None, "tools/list", json!({}));
    far.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 1))));
    assert_eq!(world.send(far).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn rules_on_sources_see_through_trusted_proxies_alone() {
    let header = HeaderName::from_static("x-forwarded-for");
    let proxies = TrustedProxies::new(header, ["127.0.0.1/32".parse().unwrap()]);
    let world = World::with(|builder| builder.with_trusted_proxies(proxies)).await;
    let mut settings = Settings::default().with_unmatched_client(ClientType::Personal);
    settings.sources = vec!["198.51.100.0/24".parse().unwrap()];
    world.commit(Action::ChangeSettings { settings }).await;
    let code = async |peer: [u8; 4], forwarded: Option<&str>| {
        let params = json!({"name": "acme_free", "arguments": {}});
        let mut request = modern(Some(&token("ada")), "tools/call", params);
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((peer, 1))));
        if let Some(forwarded) = forwarded {
            request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
        }
        let result = world.send(request).await.result();
        result["_meta"]["io.github.mcp-govern/denial"]["code"].clone()
    };
    assert_eq!(code([127, 0, 0, 1], Some("198.51.100.7")).await, Value::Null);
    assert_eq!(code([127, 0, 0, 1], Some("198.51.100.7, 203.0.113.1")).await, "source_not_allowed");
    assert_eq!(code([127, 0, 0, 1], None).await, "source_not_allowed");
    assert_eq!(code([203, 0, 113, 1], Some("198.51.100.7")).await, "source_not_allowed");
    assert_eq!(code([198, 51, 100, 9], None).await, Value::Null);
}

#[tokio::test]
async fn a_client_that_no_rule_knows_is_told_so() {
    let world = World::new().await;
    let rule: ClientRule =
        serde_json::from_value(json!({"client": {"exactly": "another"}, "type": "personal"})).unwrap();
    world.commit(Action::ChangeSettings { settings: Settings::default().with_client_rules([rule]) }).await;
    let result = world.call("ada", "acme_free", json!({})).await.result();
    assert_eq!(result["structuredContent"]["denial"]["code"], "client_unknown");
}
