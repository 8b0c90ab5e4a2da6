//! Calls that go through, and how their results look.

use std::{sync::atomic::Ordering, time::Duration};

use mcp_govern_core::journal::{Action, KillScope};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::world::{World, modern, token};

#[tokio::test]
async fn a_result_is_a_value_and_a_text_in_every_version() {
    let world = World::new().await;
    let modern = world.call("ada", "acme_echo", json!({"text": "hello"})).await.result();
    assert_eq!(modern["structuredContent"], json!({"text": "hello"}));
    assert_eq!(modern["content"][0], json!({"type": "text", "text": r#"{"text":"hello"}"#}));
    assert_eq!(modern["isError"], false);
    assert_eq!(modern["resultType"], "complete");
    assert!(modern["_meta"]["io.github.mcp-govern/call"].as_str().unwrap().starts_with("call-"));
    for version in ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] {
        let params = json!({"name": "acme_echo", "arguments": {"text": "hello"}});
        let legacy = world.legacy("ada", version, "tools/call", params).await.result();
        assert_eq!(legacy["structuredContent"], json!({"text": "hello"}), "{version}");
        assert!(legacy.get("resultType").is_none(), "{version}");
    }
}

#[tokio::test]
async fn a_result_that_is_no_object_is_structured_since_2026_alone() {
    let world = World::new().await;
    let modern = world.call("ada", "acme_list", json!({})).await.result();
    assert_eq!(modern["structuredContent"], json!([1, 2, 3]));
    let params = json!({"name": "acme_list", "arguments": {}});
    let legacy = world.legacy("ada", "2025-11-25", "tools/call", params).await.result();
    assert!(legacy.get("structuredContent").is_none());
    assert_eq!(legacy["content"][0]["text"], "[1,2,3]");
}

#[tokio::test]
async fn a_result_goes_out_as_the_vendor_wrote_it() {
    let world = World::new().await;
    let says = |text: &str| *world.vendor.says.lock().unwrap() = Some(text.to_owned());
    let params = |meta: Value| json!({"name": "acme_free", "arguments": {}, "_meta": meta});
    let written = r#"{ "big":123456789012345678901234567890, "one":1.0,"path":"a\/b\u00e9" }"#;
    says(written);
    let plain = [
        world.modern("ada", "tools/call", params(json!({}))).await,
        world.legacy("ada", "2025-11-25", "tools/call", params(json!({}))).await,
    ];
    for answer in plain {
        assert!(answer.text().contains(&format!(r#""structuredContent":{written}"#)), "{}", answer.text());
        assert_eq!(answer.result()["content"][0]["text"], written);
        assert!(!answer.text().contains("verbatim-"), "{}", answer.text());
    }
    // A stream is not looked into, and what readers could read differently is read here.
    let told = world.modern("ada", "tools/call", params(json!({"progressToken": "p1"}))).await;
    assert!(told.text().contains(r#""path":"a/bé""#) && !told.text().contains("verbatim-"), "{}", told.text());
    says(r#"{"n":1e2}"#);
    let read = world.modern("ada", "tools/call", params(json!({}))).await;
    assert_eq!(read.result()["structuredContent"], json!({"n": 100.0}));
    says(r#"{"half":"\ud800"}"#);
    let unreadable = world.modern("ada", "tools/call", params(json!({}))).await;
    assert_eq!(unreadable.result()["_meta"]["io.github.mcp-govern/failure"]["kind"], "bad_output");
}

#[tokio::test]
async fn a_result_that_does_not_fit_its_declared_form_is_an_error_that_warns_of_repeating() {
    let world = World::new().await;
    let result = world.call("ada", "acme_misfit", json!({})).await.result();
    assert_eq!(result["isError"], true);
    assert!(result.get("structuredContent").is_none());
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("do not repeat it") && text.contains("`/text` does not fit"), "{text}");
    assert_eq!(result["content"][1]["text"], r#"{"text":7}"#);
    assert_eq!(result["_meta"]["io.github.mcp-govern/failure"]["kind"], "bad_output");
}

#[tokio::test]
async fn a_null_where_the_declared_form_has_a_text_is_told_and_the_result_fits_the_form_that_clients_know() {
    let world = World::new().await;
    *world.vendor.says.lock().unwrap() = Some(r#"{"text":null}"#.to_owned());
    let tools = world.modern("ada", "tools/list", json!({})).await.result();
    let tool = tools["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == "acme_echo").unwrap();
    for result in [
        world.modern("ada", "tools/call", json!({"name": "acme_echo", "arguments": {"text": "x"}})).await.result(),
        world.call("ada", "acme_echo", json!({"text": "x"})).await.result(),
    ] {
        assert_ne!(result["isError"], true, "{result}");
        assert_eq!(result["structuredContent"], json!({"text": null}));
        assert_eq!(result["content"][0]["text"], r#"{"text":null}"#);
        assert!(result["content"][1]["text"].as_str().unwrap().contains("null at `/text`"), "{result}");
        assert!(jsonschema::is_valid(&tool["outputSchema"], &result["structuredContent"]));
    }
}

#[tokio::test]
async fn a_read_whose_result_does_not_fit_may_be_repeated() {
    let world = World::new().await;
    *world.vendor.says.lock().unwrap() = Some(r#"{"text":7}"#.to_owned());
    let result = world.call("ada", "acme_echo", json!({"text": "x"})).await.result();
    assert_eq!(result["isError"], true);
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("`/text` does not fit") && !text.contains("repeat"), "{text}");
    assert_eq!(result["content"][1]["text"], r#"{"text":7}"#);
}

#[tokio::test]
async fn a_failure_of_the_vendor_says_what_happened() {
    let world = World::new().await;
    let result = world.call("ada", "acme_limited", json!({})).await.result();
    assert_eq!(result["isError"], true);
    assert_eq!(result["content"][0]["text"], "too many requests; try again in 7 s");
    let failure = &result["structuredContent"]["failure"];
    assert_eq!((&failure["kind"], &failure["sent"]), (&json!("rate_limited"), &json!("yes")));
    assert_eq!(failure["retry_after_seconds"], 7);
}

#[tokio::test]
async fn arguments_are_checked_and_the_vendor_is_not_asked() {
    let world = World::new().await;
    for arguments in [json!({}), json!({"text": 7}), json!({"text": "x", "txet": "y"})] {
        let result = world.call("ada", "acme_echo", arguments).await.result();
        assert_eq!(result["isError"], true);
        assert_eq!(result["_meta"]["io.github.mcp-govern/denial"]["code"], "invalid_arguments");
    }
    assert_eq!(world.vendor.begun.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn progress_is_told_to_who_asks_for_it_and_the_result_comes_last() {
    let world = World::new().await;
    let params = json!({"name": "acme_steps", "arguments": {}, "_meta": {"progressToken": "p1"}});
    let answer = world.modern("ada", "tools/call", params).await;
    let events = answer.events();
    let (last, steps) = events.split_last().unwrap();
    assert!(!steps.is_empty(), "{events:?}");
    let mut before = 0.0;
    for step in steps {
        assert_eq!(step["method"], "notifications/progress");
        assert_eq!(step["params"]["progressToken"], "p1");
        assert_eq!(step["params"]["total"], json!(3.0));
        let now = step["params"]["progress"].as_f64().unwrap();
        assert!(now > before, "{events:?}");
        before = now;
    }
    assert_eq!(last["result"]["structuredContent"], json!({"steps": 3}));
    assert_eq!(last["result"]["content"][1]["text"], "2 were left out: see `acme_echo`");
    // Nobody asked: one JSON body.
    let answer = world.call("ada", "acme_steps", json!({})).await;
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.result()["structuredContent"], json!({"steps": 3}));
}

#[tokio::test]
async fn the_trace_of_the_client_reaches_the_vendor_and_the_record() {
    let world = World::new().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let params =
        |trace: &str| json!({"name": "acme_echo", "arguments": {"text": "x"}, "_meta": {"traceparent": trace}});
    world.modern("ada", "tools/call", params(trace)).await.result();
    world.modern("ada", "tools/call", params("00-nonsense")).await.result();
    assert_eq!(*world.vendor.traces.lock().unwrap(), [trace]);
    let records = world.records().await;
    let intents: Vec<&Value> = records.iter().filter(|entry| entry["record"] == "intent.v1").collect();
    assert_eq!(intents[0]["data"]["caller"]["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert!(intents[1]["data"]["caller"].get("trace_id").is_none());
}

#[tokio::test]
async fn the_record_names_client_and_source() {
    let world = World::new().await;
    world.call("ada", "acme_echo", json!({"text": "x"})).await.result();
    let records = world.records().await;
    let caller = &records.iter().find(|entry| entry["record"] == "intent.v1").unwrap()["data"]["caller"];
    assert_eq!(caller["client"], "desktop (idp)");
    assert_eq!(caller["client_type"], "personal");
    assert_eq!(caller["source"], "127.0.0.1");
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_an_abandoned_record_and_no_vendor_request() {
    let world = World::new().await;
    let requests = [
        modern(Some(&token("ada")), "tools/call", json!({"name": "acme_hang", "arguments": {}})),
        crate::world::post(Some(&token("ada")))
            .header("mcp-protocol-version", "2025-11-25")
            .body(axum::body::Body::from(
                crate::world::message("tools/call", json!({"name": "acme_hang", "arguments": {}})).to_string(),
            ))
            .unwrap(),
    ];
    for (count, request) in (1..).zip(requests) {
        let call = tokio::spawn(world.app.clone().oneshot(request));
        world.vendor.hanging.notified().await;
        call.abort();
        world.vendor.released.notified().await;
        assert_eq!(world.vendor.dropped.load(Ordering::SeqCst), count);
        let outcomes = world.outcomes(count).await;
        assert_eq!(outcomes[count - 1]["result"], json!({"result": "abandoned", "sent": "maybe"}));
    }
}

#[tokio::test]
async fn a_kill_switch_stops_a_call_that_runs_and_the_client_reads_why() {
    let world = World::new().await;
    let request = modern(Some(&token("ada")), "tools/call", json!({"name": "acme_hang", "arguments": {}}));
    let app = world.app.clone();
    let call = tokio::spawn(async move { crate::world::send_to(&app, request).await });
    world.vendor.hanging.notified().await;
    world.commit(Action::Kill { scope: KillScope::Tool("acme/hang".parse().unwrap()) }).await;
    let result = call.await.unwrap().result();
    assert_eq!(result["isError"], true);
    assert_eq!(result["structuredContent"]["denial"]["code"], "call_killed");
    assert_eq!(world.vendor.dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_hangs_is_given_up() {
    let world = World::with(|builder| builder.with_call_deadline(Duration::from_secs(9))).await;
    let result = world.call("ada", "acme_hang", json!({})).await.result();
    assert_eq!(result["isError"], true);
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("did not end within 9 seconds") && text.contains("look before you try again"), "{text}");
    assert_eq!(world.vendor.dropped.load(Ordering::SeqCst), 1);
    assert_eq!(world.outcomes(1).await[0]["result"]["result"], "abandoned");
}

#[tokio::test]
async fn many_calls_of_many_people_never_mix() {
    let world = World::new().await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..200 {
        let name = ["ada", "bob"][number % 2];
        let text = format!("{name}-{number}");
        let request =
            modern(Some(&token(name)), "tools/call", json!({"name": "acme_echo", "arguments": {"text": text}}));
        let app = world.app.clone();
        calls.spawn(async move { (text, crate::world::send_to(&app, request).await.result()) });
    }
    while let Some(call) = calls.join_next().await {
        let (text, result) = call.unwrap();
        assert_eq!(result["structuredContent"]["text"], text.as_str());
    }
}

#[tokio::test]
async fn a_model_is_warned_wherever_the_vendor_may_have_committed() {
    let world = World::new().await;
    let mut calls = 0;
    for (told, stated, sent) in [
        ("", "unknown", "maybe"),
        ("", "no", "no"),
        ("", "maybe", "maybe"),
        ("", "yes", "yes"),
        ("untold ", "unknown", "no"),
        ("untold ", "no", "no"),
        ("untold ", "maybe", "maybe"),
        ("untold ", "yes", "yes"),
    ] {
        let text = format!("{told}broken off, sent {stated}");
        let result = world.call("ada", "acme_echo", json!({ "text": text })).await.result();
        // The tool declares the form of its results, to which clients hold structured errors, too.
        let failure = &result["_meta"]["io.github.mcp-govern/failure"];
        assert_eq!((&failure["kind"], &failure["sent"]), (&json!("internal"), &json!(sent)), "{text}");
        let shown = result["content"][0]["text"].as_str().unwrap();
        assert_eq!(shown.contains("look before you try again"), sent == "maybe", "{text}: {shown}");
        calls += 1;
        assert_eq!(world.outcomes(calls).await[calls - 1]["result"]["sent"], json!(sent), "{text}");
    }
    // A success that nothing was told of leaves the failures after it in doubt.
    world.call("ada", "acme_echo", json!({"text": "untold success"})).await.result();
    let text = "untold broken off, sent unknown";
    let result = world.call("ada", "acme_echo", json!({ "text": text })).await.result();
    assert_eq!(result["_meta"]["io.github.mcp-govern/failure"]["sent"], json!("maybe"));
}

#[tokio::test]
async fn a_fault_in_a_provider_ends_its_own_call_alone() {
    let world = World::new().await;
    let params = || json!({"name": "acme_free", "arguments": {"text": "break"}});
    let mut modern = modern(Some(&token("ada")), "tools/call", params());
    modern.headers_mut().insert("mcp-param-text", "break".parse().unwrap());
    let answers = [
        tokio::time::timeout(Duration::from_secs(20), world.send(modern)).await.expect("an answer"),
        tokio::time::timeout(Duration::from_secs(20), world.legacy("ada", "2025-11-25", "tools/call", params()))
            .await
            .expect("an answer"),
    ];
    for answer in answers {
        let result = answer.result();
        let failure = &result["structuredContent"]["failure"];
        assert_eq!(
            (&result["isError"], &failure["kind"], &failure["sent"]),
            (&json!(true), &json!("internal"), &json!("maybe"))
        );
        assert!(!answer.text().contains("a fault of the provider"), "{answer:?}");
    }
    assert_eq!(world.outcomes(2).await[1]["result"], json!({"result": "abandoned", "sent": "maybe"}));
    world.call("ada", "acme_echo", json!({"text": "x"})).await.result();
}

#[tokio::test]
async fn the_token_never_reaches_the_protocol_or_the_vendor() {
    let world = World::new().await;
    world.call("ada", "acme_echo", json!({"text": "x"})).await.result();
    world.call("ada", "acme_secret", json!({})).await.error();
    let records = serde_json::to_string(&world.records().await).unwrap();
    assert!(!records.contains("canary"), "{records}");
    assert!(!format!("{:?}", world.server).contains("canary"));
}
