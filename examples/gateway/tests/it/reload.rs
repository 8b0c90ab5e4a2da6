//! SIGHUP: the file is read again.

use serde_json::json;

use crate::world::{ANN, BEN, Site, until};

#[tokio::test]
async fn a_changed_file_counts_from_then_on_and_what_widens_access_is_logged_as_such() {
    let site = Site::new().await;
    let gateway = site.start().await;
    site.add("[grants.ben]\nprofile = \"look\"\ngrantee = { user = { issuer = \"local\", subject = \"ben\" } }\n");
    gateway.signal("HUP");
    let line = gateway.logged("access widens: user ben (local) gains `look` (2 tools)").await;
    assert_eq!((&line["level"], &line["widens"]), (&json!("WARN"), &json!(true)));
    gateway.logged("reloaded").await;
    assert_eq!(gateway.tools(BEN).await.len(), 2);
    // A second time there is nothing to do.
    let before = gateway.logged("reloaded").await["revision"].clone();
    gateway.signal("HUP");
    let reloads = async || {
        let log = gateway.log();
        let mut lines = log.into_iter().filter(|line| line["message"] == "reloaded");
        lines.nth(1)
    };
    let second = until("the second reload", reloads).await;
    assert_eq!((&second["steps"], &second["revision"]), (&json!(0), &before));
    gateway.stop().await;
}

#[tokio::test]
async fn a_file_with_a_fault_changes_nothing() {
    let site = Site::new().await;
    let gateway = site.start().await;
    site.add("[grants.ben]\nprofile = \"look\"\ngrantee = { user = { issuer = \"local\", subject = \"ben\" } }\nuntill = 5\n");
    gateway.signal("HUP");
    let line = gateway.logged("not reloaded, what was goes on").await;
    assert!(line["message"].as_str().unwrap().contains("did you mean `until`?"), "{line}");
    assert_eq!((gateway.tools(ANN).await.len(), gateway.tools(BEN).await.len()), (2, 0));
}

#[tokio::test]
async fn tokens_and_keys_are_replaced_and_what_takes_a_restart_is_named() {
    let site = Site::new().await;
    let gateway = site.start().await;
    site.write("ann.token", "another-token-of-ann");
    site.write("status.key", "no-longer-the-key");
    site.add("[log]\nformat = \"json\"\n");
    gateway.signal("HUP");
    gateway.logged("`log` has changed and takes a restart").await;
    gateway.logged("reloaded").await;
    let refused = gateway.post(Some(ANN), "tools/list", json!({})).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(gateway.tools("another-token-of-ann").await.len(), 2);
    let failed = gateway.call("another-token-of-ann", "status_list_pages", json!({})).await;
    assert_eq!(failed["result"]["_meta"]["io.github.mcp-govern/failure"]["kind"], "unauthorized", "{failed}");
}
