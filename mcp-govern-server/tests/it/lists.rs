//! What is listed, to whom, in which pages.

use std::collections::BTreeSet;

use mcp_govern_core::journal::{Action, KillScope};
use serde_json::{Value, json};

use crate::world::{World, token};

fn names(result: &Value) -> Vec<String> {
    result["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

const DESK: [&str; 8] =
    ["acme_echo", "acme_free", "acme_hang", "acme_limited", "acme_list", "acme_misfit", "acme_remove", "acme_steps"];

#[tokio::test]
async fn everybody_gets_their_own_list_in_a_stable_order() {
    let world = World::new().await;
    let ada = names(&world.modern("ada", "tools/list", json!({})).await.result());
    let mut expected: Vec<&str> = DESK.to_vec();
    expected.extend(["acme_wanted", "own_change", "own_mine", "request_access"]);
    assert_eq!(ada, expected);
    assert_eq!(ada, names(&world.modern("ada", "tools/list", json!({})).await.result()));
    // Eve holds nothing; what she may ask for is listed and says so.
    let eve = world.modern("eve", "tools/list", json!({})).await.result();
    assert_eq!(names(&eve), ["acme_wanted", "request_access"]);
    let text = eve["tools"][0]["description"].as_str().unwrap();
    assert!(
        text.starts_with(
            "You cannot call this yet; the person can ask for the access profile `wanted`: call `request_access`"
        ),
        "{text}"
    );
    assert_eq!(eve["tools"][0]["_meta"]["io.github.mcp-govern/visibility"], "requestable");
}

#[tokio::test]
async fn a_list_is_private_and_soon_stale_and_says_who_serves_it() {
    let world = World::new().await;
    let modern = world.modern("ada", "tools/list", json!({})).await.result();
    assert_eq!((&modern["cacheScope"], &modern["ttlMs"]), (&json!("private"), &json!(10_000)));
    assert_eq!(modern["resultType"], "complete");
    assert_eq!(modern["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "mcp-govern-server");
    for version in ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] {
        let legacy = world.legacy("ada", version, "tools/list", json!({})).await.result();
        assert_eq!(names(&legacy).len(), 12);
        for key in ["cacheScope", "ttlMs", "resultType", "_meta"] {
            assert!(legacy.get(key).is_none(), "{version}: {key}");
        }
    }
}

#[tokio::test]
async fn a_tool_is_shown_as_governance_classifies_it() {
    let world = World::new().await;
    let tools = world.modern("ada", "tools/list", json!({})).await.result();
    let tool =
        |name: &str| tools["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == name).unwrap().clone();
    let hints = |tool: &Value| {
        let hint = |name: &str| tool["annotations"][name].as_bool().unwrap();
        (hint("readOnlyHint"), hint("destructiveHint"), hint("idempotentHint"))
    };
    assert_eq!(hints(&tool("acme_echo")), (true, false, true));
    assert_eq!(hints(&tool("acme_free")), (false, false, false));
    assert_eq!(hints(&tool("acme_remove")), (false, true, false));
    assert_eq!(tool("acme_remove")["_meta"]["io.github.mcp-govern/classification"], "destructive");
    assert_eq!(tool("acme_echo")["outputSchema"]["required"], json!(["text"]));
    assert_eq!(tool("acme_echo")["title"], "The tool echo");
    // An administrator calls it destructive: clients are told.
    let classify = Action::ClassifyTool {
        tool: "acme/free".parse().unwrap(),
        effect: Some(mcp_govern_core::Effect::Destructive),
        risk: None,
    };
    world.commit(classify).await;
    let tools = world.modern("ada", "tools/list", json!({})).await.result();
    let free = tools["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == "acme_free").unwrap();
    assert_eq!(hints(free), (false, true, false));
}

#[tokio::test]
async fn texts_name_tools_as_the_caller_sees_them_and_none_that_the_caller_lacks() {
    let world = World::new().await;
    for list in [
        world.modern("ada", "tools/list", json!({})).await.result(),
        world.legacy("ada", "2025-11-25", "tools/list", json!({})).await.result(),
    ] {
        let tools = list["tools"].as_array().unwrap();
        let tool = |name: &str| tools.iter().find(|tool| tool["name"] == name).unwrap();
        let text = "What steps does. Read more with `acme_echo`. It ends with `acme_list`.";
        assert_eq!(tool("acme_steps")["description"], text);
        let argument = &tool("acme_free")["inputSchema"]["properties"]["text"];
        assert_eq!(argument["description"], "What to say, as `acme_echo` does.");
    }
    let params = json!({"name": "acme_free", "arguments": {"text": "gone"}});
    let failed = world.legacy("ada", "2025-11-25", "tools/call", params).await.result();
    let text = "`acme_free`: nothing is there. Look with `acme_echo`.";
    assert_eq!(failed["content"][0]["text"], text);
    assert_eq!(failed["structuredContent"]["failure"]["message"], text);
}

#[tokio::test]
async fn before_2026_a_declared_result_is_an_object_or_not_declared() {
    let world = World::new().await;
    let schema = |result: Value| {
        let tools = result["tools"].as_array().unwrap().clone();
        tools.into_iter().find(|tool| tool["name"] == "acme_list").unwrap().get("outputSchema").cloned()
    };
    assert!(schema(world.modern("ada", "tools/list", json!({})).await.result()).is_some());
    assert!(schema(world.legacy("ada", "2025-11-25", "tools/list", json!({})).await.result()).is_none());
}

#[tokio::test]
async fn pages_hold_every_tool_once_also_when_the_list_changes_meanwhile() {
    let world = World::with(|builder| builder.with_page_size(3)).await;
    let mut seen = Vec::new();
    let mut params = json!({});
    loop {
        let page = world.modern("ada", "tools/list", params).await.result();
        seen.extend(names(&page));
        let Some(cursor) = page.get("nextCursor") else { break };
        params = json!({ "cursor": cursor });
        if seen.len() == 3 {
            // A tool that was shown goes; nothing that follows is left out for it.
            world.commit(Action::DisableTools { tools: BTreeSet::from(["acme/echo".parse().unwrap()]) }).await;
        }
    }
    assert_eq!(seen.len(), 12, "{seen:?}");
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 12);
}

#[tokio::test]
async fn a_cursor_is_good_for_the_one_who_got_it_alone() {
    let world = World::with(|builder| builder.with_page_size(3)).await;
    let page = world.modern("ada", "tools/list", json!({})).await.result();
    let cursor = page["nextCursor"].as_str().unwrap().to_owned();
    assert!(!cursor.contains("acme_hang"), "opaque");
    let refused = |answer: crate::world::Answer| {
        let error = answer.error();
        assert_eq!(error["code"], -32602);
        assert_eq!(error["message"], "the cursor is not valid: list again from the start");
    };
    refused(world.modern("bob", "tools/list", json!({ "cursor": cursor })).await);
    let mut tampered = cursor.clone();
    tampered.replace_range(10..11, if &cursor[10..11] == "A" { "B" } else { "A" });
    for bad in [tampered.as_str(), "", "acme_echo", &token("ada")] {
        refused(world.modern("ada", "tools/list", json!({ "cursor": bad })).await);
    }
    assert_eq!(names(&world.modern("ada", "tools/list", json!({ "cursor": cursor })).await.result()).len(), 3);
}

#[tokio::test]
async fn a_caller_whom_nothing_is_open_to_is_told_why_and_gets_no_empty_list() {
    let world = World::new().await;
    world.commit(Action::Kill { scope: KillScope::Tenant }).await;
    let error = world.modern("ada", "tools/list", json!({})).await.error();
    assert_eq!(error["code"], -31_000);
    assert_eq!(error["data"]["code"], "tenant_killed");
    assert_eq!(error["data"]["remedy"]["action"], "ask_administrator");
}
