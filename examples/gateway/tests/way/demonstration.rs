//! The same with the demonstration, which has no file, as its page says: in the folder in which it was started.

use serde_json::{Value, json};

use crate::{
    operator::Operator,
    world::{ANN, Gateway, call, content, eras, until},
};

const TOOL: &str = "pagerduty/update_incidents";
const NAME: &str = "pagerduty_update_incidents";

/// Walks it, and tells what was seen.
pub(crate) async fn walk() -> String {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("mcp-govern-demo/gateway.db").display());
    let start = async || Gateway::start_in(folder.path(), &["--demo-token", ANN], &[]).await;
    let operator = Operator::on(&store).of_tenant("demo");
    let mut gateway = start().await;
    let pending = operator.done(&["tools", "--pending", "--server", "pagerduty"]).await;
    assert!(pending["tools"].as_array().unwrap().iter().any(|row| row["tool"] == TOOL), "{pending}");
    assert!(gateway.tools(ANN).await.iter().all(|tool| tool != NAME));
    operator.approve(TOOL).await;
    until("the approved tool", async || gateway.tools(ANN).await.iter().any(|tool| tool == NAME).then_some(())).await;
    operator.done(&["kill", "server", "opsgenie", "--reason", "drill"]).await;
    gateway.signal("KILL");
    assert_eq!(gateway.ended().await.code(), None);

    // Its vendors are played anew, at other addresses.
    let gateway = start().await;
    let after = gateway.tools(ANN).await;
    assert!(after.iter().any(|tool| tool == NAME), "{after:?}");
    assert_eq!(operator.tool(TOOL).await["state"], "approved");
    let answered = gateway.call(ANN, "pagerduty_list_incidents", json!({})).await;
    assert_eq!(answered["result"]["isError"], false, "{answered}");
    let killed = gateway.call(ANN, "opsgenie_list_schedules", json!({})).await;
    assert_eq!(crate::world::code(&killed), "server_killed");
    asked_for_and_called(&gateway, &operator).await;
    operator.verify().await;
    gateway.stop().await;
    operator.verify().await;
    "its vendors are played anew at each start".to_owned()
}

/// Denied, asked for by a real client's model, approved beside, called.
async fn asked_for_and_called(gateway: &Gateway, operator: &Operator) {
    for era in eras() {
        let client = gateway.client(Some(ANN), era).await;
        let call_of =
            async |tool: &'static str, arguments: &Value| client.call_tool(call(tool, arguments)).await.unwrap();
        let page = content(&call_of("statuspage_list_pages", &json!({})).await)["items"][0]["id"].clone();
        let listed = call_of("statuspage_list_incidents", &json!({"page_id": page})).await;
        let incident = json!({"page_id": page, "incident_id": content(&listed)["items"][0]["id"]});
        let denied = call_of("statuspage_delete_incident", &incident).await;
        let denial = &denied.structured_content.as_ref().unwrap()["denial"];
        assert_eq!((&denial["code"], &denial["remedy"]["profiles"]), (&json!("no_grant"), &json!(["housekeeping"])));
        assert!(denial["message"].as_str().unwrap().contains("`request_access`"), "{denial}");

        let wish = json!({"profile": "housekeeping", "justification": "a duplicate", "hours": 0.5});
        let asked = call_of("request_access", &wish).await;
        let request = content(&asked)["request"]["request"].as_str().unwrap().to_owned();
        let open = operator.done(&["requests"]).await;
        assert_eq!(
            (&open["requests"][0]["request"], &open["requests"][0]["seconds"]),
            (&json!(request), &json!(1_800))
        );

        let lead =
            ["--actor", "lea", "--role", "user", "--member-of", "leads", "requests", "approve", &request, "--yes"];
        operator.done(&lead).await;
        let held = async || {
            let told = call_of("request_access", &json!({})).await;
            let newest = content(&told)["requests"][0].clone();
            (newest["status"] == "approved").then_some(newest)
        };
        let newest = until("the approval", held).await;
        assert_eq!(newest["request"], json!(request));
        let called = call_of("statuspage_delete_incident", &incident).await;
        assert_ne!(called.is_error, Some(true), "{called:?}");
        let grant = newest["grant"].as_str().unwrap();
        operator.done(&["revoke", grant]).await;
        let taken_back = async || {
            let told = call_of("request_access", &json!({})).await;
            content(&told)["requests"][0].get("grant").is_none().then_some(())
        };
        until("the gateway to follow the revocation", taken_back).await;
        client.cancel().await.unwrap();
    }
}
