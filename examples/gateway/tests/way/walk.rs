//! The way itself.

use std::time::Instant;

use rmcp::service::ClientLifecycleMode;
use serde_json::{Value, json};
use stand_ins::Fault;

use crate::{
    place::Place,
    world::{ANN, Gateway, call, content, eras, until},
};

const TOOL: &str = "status/create_incident";
const NAME: &str = "status_create_incident";
/// Approved in the moment in which the gateway is killed.
const LATE: &str = "status/get_page";
const LATE_NAME: &str = "status_get_page";

/// Walks it, and tells what was seen.
pub(crate) async fn walk(place: &Place) -> String {
    let (site, operator) = (&place.site, &place.operator);
    let mut gateway = place.start().await;
    let page = page(&gateway).await;
    let incident = json!({"page_id": page, "name": "Slow", "status": "investigating", "body": "We look into it."});

    // Nobody has looked at the tool: for the AI client there is none.
    assert_eq!(operator.tool(TOOL).await["state"], "pending_review");
    assert!(!gateway.tools(ANN).await.contains(&NAME.to_owned()));
    let hidden = gateway.call(ANN, NAME, incident.clone()).await;
    assert_eq!(hidden["error"]["code"], -32602, "{hidden}");
    assert!(incidents(place).is_empty(), "a tool that nobody approved was called");

    // What is named is shown first, and done with a yes, while the gateway runs.
    let seen = format!("{TOOL}@{}", operator.tool(TOOL).await["digest"].as_str().unwrap());
    let (code, asked) = operator.told(&["approve", &seen]).await;
    assert_eq!((code, &asked["outcome"]), (5, &json!("confirmation_needed")), "{asked}");
    assert!(asked["access"][0]["who"].to_string().contains("user ann (local)"), "{asked}");
    assert!(!gateway.tools(ANN).await.contains(&NAME.to_owned()));
    operator.done(&["approve", &seen, "--yes", "--reason", "seen"]).await;
    let approved = Instant::now();
    listed(&gateway, NAME).await;
    let listed_after = approved.elapsed();
    let [newest, handshake] = eras();
    called_by_a_client(&gateway, newest, &incident).await;
    called_by_a_client(&gateway, handshake, &incident).await;
    assert_eq!(incidents(place).len(), 2);
    operator.verify().await;

    // A call is at the vendor and another tool has just been approved when the gateway is killed.
    site.vendor.fail_next_on("POST", &incidents_path(&page), Fault::Delay(std::time::Duration::from_mins(5)));
    let calling = async {
        // The connection is cut: nothing comes of it.
        let params = json!({"name": NAME, "arguments": incident.clone()});
        let request = crate::world::client().post(gateway.url()).bearer_auth(ANN);
        let request = request.header("accept", "application/json, text/event-stream");
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        match request.json(&body).send().await {
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    };
    let killing = async {
        until("the request at the vendor", async || (incidents(place).len() == 3).then_some(())).await;
        operator.approve(LATE).await;
        gateway.signal("KILL");
    };
    let (answered, ()) = tokio::join!(calling, killing);
    assert_eq!(answered, "");
    assert_eq!(gateway.ended().await.code(), None, "it ended by itself");

    // The next life goes by what was decided in the last one, without anybody's help.
    let gateway = place.start().await;
    let names = gateway.tools(ANN).await;
    assert!(names.contains(&NAME.to_owned()) && names.contains(&LATE_NAME.to_owned()), "{names:?}");
    let tool = operator.tool(TOOL).await;
    assert_eq!((&tool["state"], &tool["approvals"]), (&json!("approved"), &json!([tool["digest"]])));
    let answered = gateway.call(ANN, NAME, incident).await;
    assert_eq!(answered["result"]["isError"], false, "{answered}");
    let answered = gateway.call(ANN, LATE_NAME, json!({"page_id": page})).await;
    assert_eq!(answered["result"]["structuredContent"]["id"], page, "{answered}");

    // Nothing is lost: the call that was cut has an intent and no end, and is told as such.
    let unknown = operator.done(&["audit", "unknown", "--older-than", "0s"]).await;
    let records = unknown["records"].as_array().unwrap();
    assert_eq!(records.len(), 1, "{unknown}");
    let entry = &records[0]["record"]["entry"];
    assert_eq!((&entry["record"], &entry["data"]["tool"]), (&json!("intent.v1"), &json!(TOOL)), "{unknown}");
    // It may still run, for all that is known of one that is so young.
    assert_eq!(operator.done(&["audit", "unknown"]).await["records"], json!([]));
    let table = operator.text(&["audit", "unknown", "--older-than", "0s"]).await;
    assert!(table.contains(TOOL) && table.contains("begins, grant ann"), "{table}");
    let ended = operator.done(&["audit", "query", "--tool", TOOL, "--kind", "outcome"]).await;
    assert_eq!(ended["records"].as_array().unwrap().len(), 3, "{ended}");
    assert_eq!(incidents(place).len(), 4);
    let chains = operator.verify().await;
    gateway.stop().await;
    assert_eq!(operator.verify().await, chains);
    assert_eq!(chains, 2, "one for each life");
    let commits = operator.done(&["audit", "commits", "-n", "100"]).await;
    assert_eq!(commits.to_string().matches("\"seen\"").count(), 2, "{commits}");
    assert_eq!(site.vendor.violations(), Vec::<String>::new());
    format!("listed {} ms after it was approved", listed_after.as_millis())
}

/// The id of the vendor's first page.
async fn page(gateway: &Gateway) -> String {
    let answered = gateway.call(ANN, "status_list_pages", json!({})).await;
    answered["result"]["structuredContent"]["items"][0]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{answered}"))
        .to_owned()
}

async fn listed(gateway: &Gateway, name: &str) {
    let found = async || gateway.tools(ANN).await.iter().any(|tool| tool == name).then_some(());
    until(&format!("`{name}` in the list"), found).await;
}

/// A real client lists the tool and calls it.
async fn called_by_a_client(gateway: &Gateway, era: ClientLifecycleMode, incident: &Value) {
    let client = gateway.client(Some(ANN), era).await;
    let tools = client.list_all_tools().await.unwrap();
    assert!(tools.iter().any(|tool| tool.name == NAME), "{tools:?}");
    let answered = client.call_tool(call(NAME, incident)).await.unwrap();
    assert_eq!(content(&answered)["name"], "Slow");
    client.cancel().await.unwrap();
}

/// The requests for a new incident that have reached the vendor.
fn incidents(place: &Place) -> Vec<String> {
    let requests = place.site.vendor.requests().into_iter();
    let posts = requests.filter(|seen| seen.method() == "POST" && seen.path().ends_with("/incidents"));
    posts.map(|seen| seen.path().to_owned()).collect()
}

fn incidents_path(page: &str) -> String {
    format!("/v1/pages/{page}/incidents")
}
