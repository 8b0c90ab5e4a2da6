//! The transport, as a client that errs or means harm sees it.

use std::{
    pin::Pin,
    sync::atomic::Ordering,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes, HttpBody};
use http::{Method, Request, StatusCode, header};
use hyper::body::Frame;
use serde_json::{Value, json};

use crate::world::{MODERN, World, message, modern, modern_message, post, token};

#[tokio::test]
async fn both_eras_are_spoken_on_one_endpoint() {
    let world = World::new().await;
    let discovered = world.modern("ada", "server/discover", json!({})).await.result();
    let versions = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];
    assert_eq!(discovered["supportedVersions"], json!(versions));
    assert_eq!(discovered["capabilities"], json!({"tools": {"listChanged": true}}));
    for version in &versions[..4] {
        let hello = json!({
            "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        });
        let answer =
            world.send(post(Some(&token("ada"))).body(Body::from(message("initialize", hello).to_string())).unwrap());
        let answer = answer.await;
        assert!(answer.headers.get("mcp-session-id").is_none(), "no sessions");
        let result = answer.result();
        assert_eq!(result["protocolVersion"], *version);
        // There is no stream on which a handshake client could be told over HTTP.
        assert_eq!(result["capabilities"], json!({"tools": {}}));
        assert_eq!(result["serverInfo"]["name"], "mcp-govern-server");
    }
}

#[tokio::test]
async fn what_is_not_declared_answers_as_what_does_not_exist() {
    let world = World::new().await;
    for (method, params) in [
        ("prompts/list", json!({})),
        ("prompts/get", json!({"name": "x"})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({"uri": "x:y"})),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "x"}, "argument": {"name": "a", "value": ""}}),
        ),
        ("tasks/get", json!({"taskId": "x"})),
        ("skills/list", json!({})),
        ("no/such/method", json!({})),
    ] {
        let mut request = modern(Some(&token("ada")), method, params.clone());
        // What a request names stands in a header too.
        let named = ["uri", "taskId"].iter().find_map(|name| params.get(name)).and_then(Value::as_str);
        if let Some(named) = named {
            request.headers_mut().insert("mcp-name", named.parse().unwrap());
        }
        let answer = world.send(request).await;
        assert_eq!(answer.error()["code"], -32601, "{method}");
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method}");
        let legacy = world.legacy("ada", "2025-11-25", method, params).await;
        assert_eq!(legacy.error()["code"], -32601, "{method}");
    }
}

#[tokio::test]
async fn malformed_messages_are_refused_and_nothing_breaks() {
    let world = World::new().await;
    let bodies = [
        "",
        "{",
        "null",
        "[]",
        "7",
        "\"x\"",
        "{}",
        r#"{"jsonrpc":"1.0","id":1,"method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":{},"method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"acme_echo","arguments":"x"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        "\u{0}\u{1}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\u{feff}\"}",
    ];
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    for body in bodies.into_iter().chain([deep.as_str()]) {
        let request = post(Some(&token("ada"))).body(Body::from(body.to_owned())).unwrap();
        let answer = world.send(request).await;
        let refused = answer.status.is_client_error()
            || serde_json::from_slice::<Value>(&answer.body).is_ok_and(|message| message.get("error").is_some());
        assert!(refused, "{} {} for {}", answer.status, answer.text(), &body[..body.len().min(80)]);
        assert!(!answer.status.is_server_error(), "{}", answer.status);
    }
    let invalid_utf8 = post(Some(&token("ada"))).body(Body::from(vec![0xff, 0xfe, 0x80])).unwrap();
    assert!(world.send(invalid_utf8).await.status.is_client_error());
    assert_eq!(world.vendor.begun.load(Ordering::SeqCst), 0);
    world.call("ada", "acme_echo", json!({"text": "x"})).await.result();
}

#[tokio::test]
async fn a_batch_is_refused_whole() {
    let world = World::new().await;
    let call = modern_message("tools/call", json!({"name": "acme_echo", "arguments": {"text": "x"}}), json!({}));
    let batch = Value::Array(vec![call.clone(), call]);
    let request = post(Some(&token("ada"))).body(Body::from(batch.to_string())).unwrap();
    assert!(world.send(request).await.status.is_client_error());
    assert_eq!(world.vendor.begun.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn headers_and_body_must_agree() {
    let world = World::new().await;
    let params = || json!({"name": "acme_echo", "arguments": {"text": "x"}});
    let change: [(&str, Option<&str>); 6] = [
        ("mcp-method", Some("tools/list")),
        ("mcp-method", None),
        ("mcp-name", Some("acme_free")),
        ("mcp-name", None),
        ("mcp-protocol-version", Some("2025-11-25")),
        ("mcp-protocol-version", None),
    ];
    for (name, value) in change {
        let mut request = modern(Some(&token("ada")), "tools/call", params());
        request.headers_mut().remove(name);
        if let Some(value) = value {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let answer = world.send(request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name} {value:?}");
        assert_eq!(answer.error()["code"], -32020, "{name} {value:?}");
    }
    let mut doubled = modern(Some(&token("ada")), "tools/call", params());
    doubled.headers_mut().append("mcp-name", "acme_free".parse().unwrap());
    assert_eq!(world.send(doubled).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(world.vendor.begun.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_call_that_gives_an_argument_twice_is_not_made() {
    let world = World::new().await;
    for twice in
        [r#"{"text":"x","text":"y"}"#, r#"{"text":"x","te\u0078t":"y"}"#, r#"{"text":"x","more":[{"a":1,"a":1}]}"#]
    {
        let (parts, _) =
            modern(Some(&token("ada")), "tools/call", json!({"name": "acme_echo", "arguments": {}})).into_parts();
        let message = modern_message("tools/call", json!({"name": "acme_echo", "arguments": "here"}), json!({}));
        let body = message.to_string().replace(r#""here""#, twice);
        let answer = world.send(Request::from_parts(parts, Body::from(body))).await;
        assert_eq!(answer.error()["code"], -32602, "{twice}");
        assert!(answer.error()["message"].as_str().unwrap().contains("twice"), "{twice}");
    }
    assert_eq!(world.vendor.begun.load(Ordering::SeqCst), 0);
    assert_eq!(world.call("ada", "acme_echo", json!({"text": "x"})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_argument_that_stands_in_a_header_too_must_agree_with_it() {
    let world = World::new().await;
    let ask = |text: &str, header: Option<&str>| {
        let mut request =
            modern(Some(&token("ada")), "tools/call", json!({"name": "acme_free", "arguments": {"text": text}}));
        if let Some(header) = header {
            request.headers_mut().insert("mcp-param-text", header.parse().unwrap());
        }
        request
    };
    for (text, header) in
        [("Hello", "Hello"), ("Hello", "=?base64?SGVsbG8=?="), ("=?base64?SGVsbG8=", "=?base64?SGVsbG8=")]
    {
        let result = world.send(ask(text, Some(header))).await.result();
        assert_eq!(result["structuredContent"]["text"], text, "{header}");
    }
    let called = world.vendor.begun.load(Ordering::SeqCst);
    for header in [Some("Goodbye"), None, Some("=?base64?SGVsbG8?="), Some("=?base64?SGVs!!!bG8=?=")] {
        let answer = world.send(ask("Hello", header)).await;
        assert_eq!((answer.status, &answer.error()["code"]), (StatusCode::BAD_REQUEST, &json!(-32020)), "{header:?}");
    }
    assert_eq!(world.vendor.begun.load(Ordering::SeqCst), called);
}

#[tokio::test]
async fn unknown_versions_and_missing_metadata_are_refused_by_their_codes() {
    let world = World::new().await;
    let mut body = modern_message("tools/list", json!({}), json!({}));
    body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2099-01-01".into();
    let request = post(Some(&token("ada")))
        .header("mcp-protocol-version", "2099-01-01")
        .header("mcp-method", "tools/list")
        .body(Body::from(body.to_string()));
    let answer = world.send(request.unwrap()).await;
    assert_eq!((answer.status, &answer.error()["code"]), (StatusCode::BAD_REQUEST, &json!(-32022)));
    let request = post(Some(&token("ada")))
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/list")
        .body(Body::from(message("tools/list", json!({})).to_string()));
    let answer = world.send(request.unwrap()).await;
    assert_eq!((answer.status, &answer.error()["code"]), (StatusCode::BAD_REQUEST, &json!(-32602)));
}

#[tokio::test]
async fn media_types_and_methods_are_what_the_transport_demands() {
    let world = World::new().await;
    let mut accept = modern(Some(&token("ada")), "tools/list", json!({}));
    accept.headers_mut().insert(header::ACCEPT, "text/html".parse().unwrap());
    assert_eq!(world.send(accept).await.status, StatusCode::NOT_ACCEPTABLE);
    let mut kind = modern(Some(&token("ada")), "tools/list", json!({}));
    kind.headers_mut().insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    assert_eq!(world.send(kind).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for method in [Method::GET, Method::DELETE, Method::PUT, Method::HEAD] {
        let request = Request::builder()
            .method(method.clone())
            .uri("/mcp")
            .header(header::HOST, "127.0.0.1:8700")
            .header(header::ACCEPT, "text/event-stream")
            .header(header::AUTHORIZATION, format!("Bearer {}", token("ada")))
            .header("mcp-session-id", "somebody-elses")
            .body(Body::empty());
        assert_eq!(world.send(request.unwrap()).await.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
}

#[tokio::test]
async fn an_oversized_body_is_refused() {
    let world = World::with(|builder| builder.with_max_body_bytes(2000)).await;
    let long = json!({"name": "acme_echo", "arguments": {"text": "x".repeat(3000)}});
    assert_eq!(world.modern("ada", "tools/call", long).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    // Without a length stated beforehand, too.
    let request = post(Some(&token("ada"))).body(Body::new(Endless)).unwrap();
    assert_eq!(world.send(request).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    // Nobody reads the body of somebody unknown.
    let request = post(None).body(Body::new(Endless)).unwrap();
    assert_eq!(world.send(request).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_page_of_somebody_else_cannot_reach_the_server_through_a_browser() {
    let world =
        World::with(|builder| builder.with_origins(["https://app.example.com:443"]).with_hosts(["inner:8700"])).await;
    let ask = |host: &str, origin: Option<&str>| {
        let mut request = modern(Some(&token("ada")), "tools/list", json!({}));
        request.headers_mut().insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
        }
        request
    };
    for (host, origin, status) in [
        ("127.0.0.1:8700", None, StatusCode::OK),
        ("localhost:8700", None, StatusCode::OK),
        ("inner:8700", None, StatusCode::OK),
        ("127.0.0.1:8700", Some("http://127.0.0.1:8700"), StatusCode::OK),
        ("127.0.0.1:8700", Some("https://app.example.com"), StatusCode::OK),
        ("evil.example.com:8700", None, StatusCode::FORBIDDEN),
        ("evil.example.com", Some("http://evil.example.com"), StatusCode::FORBIDDEN),
        ("127.0.0.1:8700", Some("http://evil.example.com"), StatusCode::FORBIDDEN),
        ("127.0.0.1:8700", Some("https://app.example.com:8443"), StatusCode::FORBIDDEN),
        ("127.0.0.1:8700", Some("null"), StatusCode::FORBIDDEN),
        ("127.0.0.1:9999", None, StatusCode::FORBIDDEN),
    ] {
        assert_eq!(world.send(ask(host, origin)).await.status, status, "{host} {origin:?}");
    }
}

#[tokio::test]
async fn a_page_that_was_let_in_can_ask_beforehand_and_read_the_answers() {
    let world = World::with(|builder| builder.with_origins(["https://app.example.com"])).await;
    let ask = |origin: &str| {
        Request::options("/mcp")
            .header(header::HOST, "127.0.0.1:8700")
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(
                header::ACCESS_CONTROL_REQUEST_HEADERS,
                "authorization,content-type,mcp-method,mcp-protocol-version",
            )
            .body(Body::empty())
            .unwrap()
    };
    let allowed = |answer: &crate::world::Answer| {
        let origin = answer.headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN)?;
        Some(origin.to_str().unwrap().to_owned())
    };
    // Browsers ask without the token.
    let asked = world.send(ask("https://app.example.com")).await;
    assert_eq!((asked.status, allowed(&asked).as_deref()), (StatusCode::OK, Some("https://app.example.com")));
    let headers = asked.headers[header::ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
    assert!(headers.contains("authorization") && headers.contains("mcp-method"), "{headers}");
    assert_eq!(allowed(&world.send(ask("https://evil.example.com")).await), None);
    let from = |origin: &str, token: Option<&str>| {
        let mut request = modern(token, "tools/list", json!({}));
        request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
        request
    };
    let listed = world.send(from("https://app.example.com", Some(&token("ada")))).await;
    assert_eq!((listed.status, allowed(&listed).is_some()), (StatusCode::OK, true));
    // A page must be able to read where tokens come from.
    let refused = world.send(from("https://app.example.com", None)).await;
    assert_eq!((refused.status, allowed(&refused).is_some()), (StatusCode::UNAUTHORIZED, true));
    assert!(refused.headers[header::ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap().contains("www-authenticate"));
    let evil = world.send(from("https://evil.example.com", Some(&token("ada")))).await;
    assert_eq!((evil.status, allowed(&evil)), (StatusCode::FORBIDDEN, None));
    // Who is no page is told only that a page may be answered otherwise.
    let program = world.send(modern(Some(&token("ada")), "tools/list", json!({}))).await;
    assert_eq!((program.status, allowed(&program)), (StatusCode::OK, None));
    assert_eq!(program.headers[header::VARY], listed.headers[header::VARY]);
}

#[tokio::test]
async fn an_answer_to_a_request_that_was_never_made_is_refused() {
    let world = World::new().await;
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"action": "accept"}});
    let request = post(Some(&token("ada"))).body(Body::from(answer.to_string())).unwrap();
    assert_eq!(world.send(request).await.status, StatusCode::BAD_REQUEST);
}

/// A body that never stops coming.
struct Endless;

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 512])))))
    }
}
