//! What is refused, and what may be known of it.

use std::collections::BTreeSet;

use mcp_govern_core::journal::{Action, KillScope};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_hidden_tool_is_answered_as_one_that_does_not_exist() {
    let world = World::new().await;
    for version in ["2026-07-28", "2025-11-25", "2024-11-05"] {
        let mut answers = Vec::new();
        // Hidden; of a server that she holds nothing of; no tool at all; no name at all.
        for name in ["acme_secret", "own_mine", "acme_nothing", "", "../../etc"] {
            let params = json!({"name": name, "arguments": {}});
            let answer = if version == "2026-07-28" {
                world.modern("eve", "tools/call", params).await
            } else {
                world.legacy("eve", version, "tools/call", params).await
            };
            answers.push((answer.status, answer.json()));
        }
        assert_eq!(answers[0].1["error"]["code"], -32602);
        assert_eq!(answers[0].1["error"]["message"], "there is no such tool; list the tools to see which there are");
        assert!(answers[0].1["error"].get("data").is_none());
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }
    // The record knows better.
    let denials: Vec<Value> =
        world.records().await.into_iter().filter(|entry| entry["record"] == "denial.v1").collect();
    assert_eq!(denials[0]["data"]["code"], "no_grant");
    assert_eq!(denials[2]["data"]["code"], "unknown_tool");
}

#[tokio::test]
async fn a_refusal_is_a_result_with_code_and_remedy() {
    let world = World::new().await;
    let result = world.call("eve", "acme_wanted", json!({})).await.result();
    assert_eq!(result["isError"], true);
    let denial = json!({"action": "request_access", "profiles": ["wanted"]});
    assert_eq!(result["structuredContent"]["denial"]["code"], "no_grant");
    assert_eq!(result["structuredContent"]["denial"]["remedy"], denial);
    assert_eq!(result["_meta"]["io.github.mcp-govern/denial"]["remedy"], denial);
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("The person can ask for the access profile `wanted`"), "{text}");
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "mcp-govern-server");
}

#[tokio::test]
async fn every_later_refusal_is_a_result_too() {
    let world = World::new().await;
    let code = |answer: crate::world::Answer| answer.result()["_meta"]["io.github.mcp-govern/denial"]["code"].clone();
    world.commit(Action::PauseServer { server: "acme".try_into().unwrap() }).await;
    assert_eq!(code(world.call("ada", "acme_free", json!({})).await), "server_paused");
    world.commit(Action::ResumeServer { server: "acme".try_into().unwrap() }).await;
    world.commit(Action::ResetTools { tools: BTreeSet::from(["acme/free".parse().unwrap()]) }).await;
    assert_eq!(code(world.call("ada", "acme_free", json!({})).await), "tool_pending");
    world.commit(Action::Kill { scope: KillScope::Tenant }).await;
    assert_eq!(code(world.call("ada", "acme_echo", json!({"text": "x"})).await), "tenant_killed");
}

#[tokio::test]
async fn a_tool_with_a_declared_form_is_refused_without_a_structured_result() {
    // Clients hold every structured result, errors too, to the declared form.
    let world = World::new().await;
    let result = world.call("ada", "acme_echo", json!({})).await.result();
    assert!(result.get("structuredContent").is_none());
    assert_eq!(result["_meta"]["io.github.mcp-govern/denial"]["code"], "invalid_arguments");
}

#[tokio::test]
async fn a_header_check_tells_nobody_of_a_hidden_tool() {
    // A header for an argument of a tool is only checked for tools that the caller sees.
    let world = World::new().await;
    let ask = |name: &'static str| {
        let mut request = crate::world::modern(
            Some(&crate::world::token("eve")),
            "tools/call",
            json!({"name": name, "arguments": {}}),
        );
        request.headers_mut().insert("mcp-param-x", "y".parse().unwrap());
        request
    };
    let hidden = world.send(ask("acme_secret")).await;
    let nothing = world.send(ask("acme_nothing")).await;
    assert_eq!((hidden.status, hidden.json()), (nothing.status, nothing.json()));
}
