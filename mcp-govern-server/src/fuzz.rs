//! Hostile requests, cursors and states.

use std::time::Duration;

use fuzzing::{Target, steps};
use mcp_govern_core::Secret;
use rmcp::model::ClientJsonRpcMessage;
use serde_json::{Value, json};

use crate::{
    message::{read, repeated_name},
    request_context::is_plain,
    seal::{Purpose, Sealer},
};

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");
const HOUR: Duration = Duration::from_secs(3600);

/// As `repeated_name` should answer, from a reader that keeps every name.
fn stands_twice(text: &str) -> Option<bool> {
    #[derive(serde::Deserialize)]
    struct Message {
        params: Option<Params>,
    }
    #[derive(serde::Deserialize)]
    struct Params {
        arguments: Option<Box<serde_json::value::RawValue>>,
    }
    let arguments = serde_json::from_str::<Message>(text).ok()?.params?.arguments?;
    let last: Value = serde_json::from_str(arguments.get()).ok()?;
    // Written again, what stood twice stands once: fewer names are left.
    Some(count_names(arguments.get()) > count_names(&last.to_string()))
}

/// How many names a text of JSON holds: a colon follows each.
fn count_names(json: &str) -> usize {
    let (mut is_text, mut is_escaped, mut names) = (false, false, 0);
    for c in json.chars() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_text => is_escaped = true,
            '"' => is_text = !is_text,
            ':' if !is_text => names += 1,
            _ => {}
        }
    }
    names
}

#[test]
fn fuzz_requests() {
    let call = |arguments: Value| {
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "t", "arguments": arguments}})
            .to_string()
    };
    Target::new(PACKAGE, "requests")
        .with_seeds([
            call(json!({"a": 1, "b": [{"c": "d"}], "e": {"f": null}})),
            call(json!({})).replace("{}", r#"{"a":1,"\u0061":2}"#),
            json!({"jsonrpc": "2.0", "id": "x", "method": "tools/list", "params": {"cursor": "c"}}).to_string(),
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}).to_string(),
        ])
        .with_words([
            "\"arguments\":{",
            "\"params\":",
            "\"a\":1,",
            "\"_meta\":{",
            "\"id\":",
            "\"method\":\"tools/call\"",
        ])
        .run(|input| {
            let text = String::from_utf8_lossy(input);
            let (repeated, steps) = steps::counted(|| repeated_name(text.as_bytes()));
            assert!(steps <= text.len() as u64 + 10, "{} bytes took {steps} steps", text.len());
            if let Some(stands_twice) = stands_twice(&text) {
                assert_eq!(repeated.is_some(), stands_twice, "{repeated:?}");
            }
            let (plain, steps) = steps::counted(|| is_plain(&text));
            assert!(steps <= 2 * text.len() as u64 + 10, "{} bytes took {steps} steps", text.len());
            // What the protocol library reads it writes so that it reads it again.
            let message: Option<ClientJsonRpcMessage> = serde_json::from_str(&text).ok();
            if let Some(message) = &message {
                let written = serde_json::to_string(message).unwrap();
                serde_json::from_str::<ClientJsonRpcMessage>(&written).unwrap();
            }
            // What passes is read by the library, and a served method never becomes an unknown one.
            let (read, steps) = steps::counted(|| read(&axum::body::Bytes::copy_from_slice(input)));
            assert!(steps <= 3 * text.len() as u64 + 10, "{} bytes took {steps} steps", text.len());
            let passed = read.is_ok();
            if let Ok(read) = read
                && let Some(request) = read.request.filter(|request| request.is_served() && request.states_version)
                && let Ok(ClientJsonRpcMessage::Request(known)) = serde_json::from_slice(&read.text)
            {
                let is_custom = matches!(known.request, rmcp::model::ClientRequest::CustomRequest(_));
                assert!(!is_custom, "{request:?} {text}");
            }
            (repeated.is_some(), plain, message.is_some(), passed)
        });
}

#[test]
fn fuzz_sealed_texts() {
    let sealer = Sealer::new(Some(&Secret::new("0123456789abcdef0123456789abcdef"))).unwrap();
    let parts = ["local", "ann", "local", "client"];
    let seal = |purpose| sealer.seal(purpose, &parts, HOUR, &"after-this").unwrap();
    let texts = [seal(Purpose::Cursor), seal(Purpose::RequestState), seal(Purpose::Link), seal(Purpose::Visitor)];
    let own = texts[0].clone();
    Target::new(PACKAGE, "sealed").with_seeds(texts).with_words(["=", ".", "-", "_", "AAAA"]).run(|input| {
        let text = String::from_utf8_lossy(input);
        let opened: Option<String> = sealer.open(Purpose::Cursor, &parts, &text);
        // Nothing opens but what was sealed, for its own purpose and its own holder.
        assert_eq!(opened.as_deref(), (text == own).then_some("after-this"), "{text}");
        let others: Option<String> = sealer.open(Purpose::Cursor, &["local", "bob", "local", "client"], &text);
        assert_eq!(others, None, "{text}");
        (opened.is_some(), text.len().min(64))
    });
}
