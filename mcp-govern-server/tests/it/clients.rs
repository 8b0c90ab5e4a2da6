//! Clients as they are: what real ones send is answered, and what cannot be read is refused for what it is. On raw bytes, in both eras, over
//! HTTP and on stdio.

use axum::body::Body;
use http::{Request, StatusCode, header};
use mcp_govern_server::McpServer;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{
    stdio::Client,
    world::{Answer, Governed, MODERN, World, message, modern, modern_message, post, send_to, token, tokens},
};

/// A request of Ada's with these bytes in it.
fn raw(body: &str, accept: Option<&str>, version: Option<&str>, method: Option<&str>) -> Request<Body> {
    let mut request = post(Some(&token("ada")));
    if let (Some(version), Some(method)) = (version, method) {
        request = request.header("mcp-protocol-version", version).header("mcp-method", method);
    }
    let mut request = request.body(Body::from(body.to_owned())).unwrap();
    request.headers_mut().remove(header::ACCEPT);
    if let Some(accept) = accept {
        request.headers_mut().insert(header::ACCEPT, accept.parse().unwrap());
    }
    request
}

fn accepting(mut request: Request<Body>, accept: &str) -> Request<Body> {
    request.headers_mut().insert(header::ACCEPT, accept.parse().unwrap());
    request
}

fn kind(answer: &Answer) -> &str {
    answer.headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap()).unwrap_or_default()
}

const BOTH: Option<&str> = Some("application/json, text/event-stream");

#[tokio::test]
async fn a_client_is_answered_in_what_it_accepts() {
    let world = World::new().await;
    let hello = message(
        "initialize",
        json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}),
    )
    .to_string();
    let list = modern_message("tools/list", json!({}), json!({})).to_string();
    for (body, version, method, member) in
        [(&hello, None, None, "protocolVersion"), (&list, Some(MODERN), Some("tools/list"), "tools")]
    {
        for (accept, expected) in [
            (None, "application/json"),
            (Some("*/*"), "application/json"),
            (Some("application/json"), "application/json"),
            (BOTH, "application/json"),
            (Some("text/event-stream"), "text/event-stream"),
            (Some("text/event-stream;q=0.9, text/html"), "text/event-stream"),
        ] {
            let answer = world.send(raw(body, accept, version, method)).await;
            assert_eq!((answer.status, kind(&answer)), (StatusCode::OK, expected), "{accept:?}: {}", answer.text());
            let told = if expected == "application/json" { answer.json() } else { answer.events().remove(0) };
            assert!(told["result"].get(member).is_some(), "{accept:?}: {told}");
        }
        let refused = world.send(raw(body, Some("text/html"), version, method)).await;
        assert_eq!((refused.status, kind(&refused)), (StatusCode::NOT_ACCEPTABLE, "application/json"));
        assert!(refused.error()["message"].as_str().unwrap().contains("text/event-stream"), "{}", refused.text());
    }
}

#[tokio::test]
async fn a_result_in_a_stream_is_the_vendors_text_whatever_ends_of_lines_are_in_it() {
    let world = World::new().await;
    *world.vendor.says.lock().unwrap() = Some("{\n  \"a\":\r\n 1.50,\r\"b\": \"x\" }".to_owned());
    let call = modern(Some(&token("ada")), "tools/call", json!({"name": "acme_free", "arguments": {}}));
    let answer = world.send(accepting(call, "text/event-stream")).await;
    assert_eq!(kind(&answer), "text/event-stream");
    let data: Vec<&str> = answer.text().lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let told: Value = serde_json::from_str(&data.join("\n")).unwrap();
    assert_eq!(told["result"]["structuredContent"], json!({"a": 1.5, "b": "x"}));
    assert!(answer.text().contains("1.50") && !answer.text().contains("verbatim-"), "{}", answer.text());
}

#[tokio::test]
async fn progress_is_told_to_those_who_take_more_than_one_message() {
    let world = World::new().await;
    let steps = || json!({"name": "acme_steps", "arguments": {}, "_meta": {"progressToken": 7}});
    for accept in ["application/json", "*/*"] {
        let call = accepting(modern(Some(&token("ada")), "tools/call", steps()), accept);
        let answer = world.send(call).await;
        assert_eq!(kind(&answer), "application/json", "{accept}");
        assert_eq!(answer.result()["structuredContent"], json!({"steps": 3}), "{accept}");
    }
    for accept in ["text/event-stream", "application/json, text/event-stream"] {
        let call = accepting(modern(Some(&token("ada")), "tools/call", steps()), accept);
        let events = world.send(call).await.events();
        assert!(events.len() > 1, "{accept}: {events:?}");
        assert_eq!(events.last().unwrap()["result"]["structuredContent"], json!({"steps": 3}), "{accept}");
    }
}

#[tokio::test]
async fn what_only_a_stream_can_answer_is_refused_to_those_who_take_none() {
    let world = World::new().await;
    let listen =
        || modern(Some(&token("ada")), "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let refused = world.send(accepting(listen(), "application/json")).await;
    assert_eq!((refused.status, kind(&refused)), (StatusCode::NOT_ACCEPTABLE, "application/json"));
    assert!(refused.error()["message"].as_str().unwrap().contains("subscriptions/listen"), "{}", refused.text());
    for accept in ["*/*", "text/event-stream"] {
        let answer = world.app.clone().oneshot(accepting(listen(), accept)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{accept}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream", "{accept}");
    }
}

#[tokio::test]
async fn a_slash_behind_the_path_is_served_as_the_path() {
    for public in [
        "https://tools.example.com",
        "https://tools.example.com/mcp",
        "https://tools.example.com/mcp/",
        "https://tools.example.com/a/b",
    ] {
        let ready = Governed::new(|builder| builder).await;
        let builder = McpServer::builder(ready.governor.clone(), tokens(), public.parse().unwrap());
        let world = ready.serve(builder);
        let path = public.trim_start_matches("https://tools.example.com").trim_end_matches('/');
        for spelled in [path.to_owned(), format!("{path}/")] {
            let ask = |who: Option<&str>| {
                let mut request = modern(who, "tools/list", json!({}));
                let uri = if spelled.is_empty() { "/" } else { &spelled };
                *request.uri_mut() = uri.parse().unwrap();
                request.headers_mut().insert(header::HOST, "tools.example.com".parse().unwrap());
                request
            };
            let answer = send_to(&world.app, ask(Some(&token("ada")))).await;
            assert!(answer.result()["tools"].is_array(), "{public} {spelled}");
            // Without a token, too: a client must learn that it needs one.
            let stranger = send_to(&world.app, ask(None)).await;
            assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{public} {spelled}");
            assert!(stranger.headers.contains_key(header::WWW_AUTHENTICATE), "{public} {spelled}");
        }
    }
}

/// Messages that cannot be read, with the code of the answer, whether it has an id, and words of the reason.
const UNREADABLE: [(&str, i64, bool, &str); 18] = [
    ("{", -32700, false, "as JSON"),
    (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"} x"#, -32700, false, "as JSON"),
    ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\u{1}\"}", -32700, false, "as JSON"),
    ("[]", -32600, false, "batches"),
    ("7", -32600, false, "a message is a JSON object"),
    (r#"{"jsonrpc":"1.0","id":1,"method":"tools/list"}"#, -32600, false, "`jsonrpc`"),
    (r#"{"jsonrpc":"2.0","id":{},"method":"tools/list"}"#, -32600, false, "`id`"),
    (r#"{"jsonrpc":"2.0","id":1}"#, -32600, false, "`method` is missing"),
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#,
        -32602,
        true,
        "`params.protocolVersion` is missing",
    ),
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":7}}"#,
        -32602,
        true,
        "`params.protocolVersion` must be a text and is a number",
    ),
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":{}}}"#,
        -32602,
        true,
        "`params.cursor` must be a text",
    ),
    (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":"x"}"#, -32602, true, "`params` must be an object"),
    (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#, -32602, true, "`params.name` is missing"),
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"acme_echo","arguments":"{}"}}"#,
        -32602,
        true,
        "`params.arguments` must be an object and is a text",
    ),
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"acme_echo","arguments":{"text":"x","te\u0078t":"y"}}}"#,
        -32602,
        true,
        "the arguments give `text` twice",
    ),
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"acme_echo","_meta":"x"}}"#,
        -32602,
        true,
        "`params._meta` must be an object",
    ),
    (r#"{"jsonrpc":"2.0","id":1,"method":"no/such/method","params":[1]}"#, -32601, true, "no/such/method"),
    (r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":7}}"#, -32601, true, "prompts/get"),
];

fn check(answer: &Value, expected: (&str, i64, bool, &str), place: &str) {
    let (text, code, has_id, words) = expected;
    assert_eq!(answer["error"]["code"], code, "{place} {text}: {answer}");
    assert_eq!(answer["id"], if has_id { json!(1) } else { Value::Null }, "{place} {text}");
    assert!(answer["error"]["message"].as_str().unwrap().contains(words), "{place} {text}: {answer}");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_alike_over_http_and_on_a_pipe() {
    let world = World::new().await;
    for expected in UNREADABLE {
        let answer = world.send(raw(expected.0, BOTH, None, None)).await;
        assert_eq!(kind(&answer), "application/json", "{}", expected.0);
        check(&answer.json(), expected, "HTTP");
    }
    // Before a handshake, and after it.
    let (mut fresh, mut greeted) = (Client::connect(&world, "ada"), Client::connect(&world, "ada"));
    greeted.shake_hands("2025-11-25").await;
    for expected in UNREADABLE {
        for (place, client) in [("before a handshake", &mut fresh), ("after a handshake", &mut greeted)] {
            client.write_line(expected.0.as_bytes()).await;
            check(&client.next().await, expected, place);
        }
    }
    // Both connections go on.
    assert!(greeted.ask(&message("tools/list", json!({}))).await["result"]["tools"].is_array());
    fresh.shake_hands("2025-06-18").await;
    assert!(fresh.ask(&message("tools/list", json!({}))).await["result"]["tools"].is_array());
    assert_eq!(world.vendor.begun.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_alike_since_2026_07_28() {
    let world = World::new().await;
    let mut pipe = Client::connect(&world, "ada");
    for (method, params, words) in [
        (
            "tools/call",
            r#"{"name":"acme_echo","arguments":[1],META}"#,
            "`params.arguments` must be an object and is a list",
        ),
        ("tools/list", r#"{"cursor":[],META}"#, "`params.cursor` must be a text and is a list"),
        (
            "subscriptions/listen",
            r#"{"notifications":{"toolsListChanged":"yes"},META}"#,
            "`params.notifications`: invalid type",
        ),
    ] {
        let meta = format!(
            r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"{MODERN}","io.modelcontextprotocol/clientCapabilities":{{}}}}"#
        );
        let text =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{}}}"#, params.replace("META", &meta));
        let expected = (text.as_str(), -32602, true, words);
        check(&world.send(raw(&text, BOTH, Some(MODERN), Some(method))).await.json(), expected, "HTTP");
        pipe.write_line(text.as_bytes()).await;
        check(&pipe.next().await, expected, "pipe");
    }
}

#[tokio::test]
async fn a_notification_that_cannot_be_read_is_answered_by_no_message_on_a_pipe() {
    let world = World::new().await;
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":7}"#;
    assert_eq!(world.send(raw(notification, BOTH, None, None)).await.status, StatusCode::BAD_REQUEST);
    let mut client = Client::connect(&world, "ada");
    client.shake_hands("2025-11-25").await;
    client.write_line(notification.as_bytes()).await;
    client.write_line(br#"{"jsonrpc":"2.0","method":"notifications/initialized","params":[]}"#).await;
    // The next answer is that of the next request.
    assert!(client.ask(&message("tools/list", json!({}))).await["result"]["tools"].is_array());
}

#[tokio::test]
async fn a_client_that_describes_itself_oddly_is_served() {
    let world = World::new().await;
    for odd in [
        r#""capabilities":{},"clientInfo":{"name":"c"}"#,
        r#""capabilities":{"experimental":{"x":true}},"clientInfo":{"name":"c","version":"1"}"#,
        r#""capabilities":[],"clientInfo":{"name":"c","version":"1"}"#,
        r#""capabilities":{},"clientInfo":{"name":"c","version":"1","icons":[{"src":"https://x.example/i.png","sizes":"48x48"}]}"#,
        r#""clientInfo":"c""#,
        r#""capabilities":{"elicitation":{"form":{},"url":[]},"experimental":{"codex/auth-change":{}}}"#,
    ] {
        let hello = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"2025-06-18",{odd}}}}}"#
        );
        let answer = world.send(raw(&hello, BOTH, None, None)).await;
        assert_eq!(answer.result()["protocolVersion"], "2025-06-18", "{odd}");
        let mut client = Client::connect(&world, "ada");
        client.write_line(hello.as_bytes()).await;
        assert_eq!(client.next().await["result"]["protocolVersion"], "2025-06-18", "{odd}");
        assert!(client.ask(&message("tools/list", json!({}))).await["result"]["tools"].is_array(), "{odd}");
    }
    // Since 2026-07-28 each request says it.
    let meta = format!(
        r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"{MODERN}","io.modelcontextprotocol/clientCapabilities":{{"experimental":{{"x":true}}}},"io.modelcontextprotocol/clientInfo":{{"name":"c"}}}}"#
    );
    let list = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{{meta}}}}}"#);
    assert!(world.send(raw(&list, BOTH, Some(MODERN), Some("tools/list"))).await.result()["tools"].is_array());
    let mut client = Client::connect(&world, "ada");
    client.write_line(list.as_bytes()).await;
    assert!(client.next().await["result"]["tools"].is_array());
}

#[tokio::test]
async fn arguments_that_were_left_out_are_none_however_that_is_written() {
    let world = World::new().await;
    for arguments in ["", r#","arguments":null"#, r#","arguments":[]"#, r#","arguments":{}"#] {
        let call =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"acme_free"{arguments}}}}}"#);
        let answer = world.send(raw(&call, BOTH, None, None)).await.result();
        assert_eq!((&answer["isError"], &answer["structuredContent"]), (&json!(false), &json!({"text": "nothing"})));
        let mut client = Client::connect(&world, "ada");
        client.shake_hands("2025-11-25").await;
        client.write_line(call.as_bytes()).await;
        assert_eq!(client.next().await["result"]["structuredContent"], json!({"text": "nothing"}), "{arguments}");
        let meta = modern_message("tools/call", json!({}), json!({}))["params"]["_meta"].to_string();
        let call = call.replace(r#""name":"#, &format!(r#""_meta":{meta},"name":"#));
        let mut request = raw(&call, BOTH, Some(MODERN), Some("tools/call"));
        request.headers_mut().insert("mcp-name", "acme_free".parse().unwrap());
        assert_eq!(world.send(request).await.result()["isError"], false, "{arguments}");
    }
}

#[tokio::test]
async fn a_refusal_by_host_or_origin_names_what_lets_it_in() {
    let ask = |name: header::HeaderName, value: &str| {
        let mut request = modern(Some(&token("ada")), "tools/list", json!({}));
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let plain = World::new().await;
    let hinted = World::with(|builder| builder.with_host_hint("Set `hosts`").with_origin_hint("Set `origins`")).await;
    for (name, value, default, own) in [
        (header::HOST, "evil.example:8700", "with_hosts", "Set `hosts`"),
        (header::ORIGIN, "https://evil.example", "with_origins", "Set `origins`"),
    ] {
        let told = plain.send(ask(name.clone(), value)).await;
        assert_eq!(told.status, StatusCode::FORBIDDEN);
        assert!(told.text().contains(default) && told.text().contains(value), "{}", told.text());
        let told = hinted.send(ask(name, value)).await;
        assert!(told.text().contains(own) && !told.text().contains(default), "{}", told.text());
    }
}
