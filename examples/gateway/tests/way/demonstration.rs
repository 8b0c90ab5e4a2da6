//! The same with the demonstration, which has no file, as its page says: in the folder in which it was started.

use serde_json::json;

use crate::{
    operator::Operator,
    world::{ANN, Gateway, until},
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
    assert_eq!((pending["tools"].as_array().unwrap().len(), &pending["tools"][0]["tool"]), (1, &json!(TOOL)));
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
    operator.verify().await;
    gateway.stop().await;
    operator.verify().await;
    "its vendors are played anew at each start".to_owned()
}
