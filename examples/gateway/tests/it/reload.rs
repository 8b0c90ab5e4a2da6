//! SIGHUP: the file is read again.

use mcp_govern_store::VaultKeys;
use serde_json::json;
use stand_ins::Fault;

use crate::world::{ANN, BEN, Site, code, until};

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
    site.vendor.revoke_key("the-next-key");
    site.write("status.key", "the-next-key");
    site.add("[log]\nformat = \"json\"\n");
    gateway.signal("HUP");
    gateway.logged("`log` has changed and takes a restart").await;
    gateway.logged("reloaded").await;
    let refused = gateway.post(Some(ANN), "tools/list", json!({})).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(gateway.tools("another-token-of-ann").await.len(), 2);
    assert_eq!(gateway.call("another-token-of-ann", "status_list_pages", json!({})).await["result"]["isError"], false);
}

#[tokio::test]
async fn a_key_that_the_vendor_refuses_does_not_replace_the_one_in_place() {
    let site = Site::new().await;
    let gateway = site.start().await;
    site.write("status.key", "canary-that-is-no-key");
    gateway.signal("HUP");
    let line = gateway.logged("the vendor refuses the new one").await;
    assert_eq!((&line["level"], &line["server"]), (&json!("ERROR"), &json!("status")), "{line}");
    assert!(line["message"].as_str().unwrap().contains("the one that was in place goes on"), "{line}");
    let told = gateway.logged("reloaded").await;
    assert_eq!((&told["credentials"], &told["not_replaced"]), (&json!(0), &json!(1)), "{told}");
    let answered = gateway.call(ANN, "status_list_pages", json!({})).await;
    assert_eq!(answered["result"]["isError"], false, "{answered}");

    // A vendor that gives no answer to the question has not accepted it either.
    site.vendor.fail_next(Fault::Html);
    gateway.signal("HUP");
    let line = gateway.logged("whether the new one works could not be found out").await;
    assert_eq!(line["level"], "ERROR", "{line}");
    assert_eq!(site.vendor.faults_left(), 0);
    assert_eq!(gateway.call(ANN, "status_list_pages", json!({})).await["result"]["isError"], false);
    assert!(!format!("{:?}", gateway.log()).contains("canary"), "a secret is in the log");
    gateway.stop().await;

    // A start replaces no more than a reload does, and serves.
    let gateway = site.start().await;
    gateway.logged("the vendor refuses the new one").await;
    assert_eq!(gateway.call(ANN, "status_list_pages", json!({})).await["result"]["isError"], false);
    // Corrected, it is put in place.
    site.vendor.revoke_key("the-next-key");
    site.write("status.key", "the-next-key");
    gateway.signal("HUP");
    gateway.logged("the shared credential is in place").await;
    assert_eq!(gateway.call(ANN, "status_list_pages", json!({})).await["result"]["isError"], false);
    gateway.stop().await;
}

/// A document without any read that could prove a credential.
#[tokio::test]
async fn a_key_of_which_cannot_be_found_out_whether_it_works_is_put_in_place_and_said_so() {
    let site = Site::new().await;
    let document = include_str!("../../../custom-provider/api.yaml");
    let (head, paths) = document.split_once("  probe:\n    - operation: list_shelves\n").unwrap();
    let (before, list) = paths.split_once("  /shelves:\n").unwrap();
    let (_, writes) = list.split_once("  /shelves/{shelf}/items:\n").unwrap();
    site.write("pantry.yaml", &format!("{head}{before}  /shelves/{{shelf}}/items:\n{writes}"));
    site.write("pantry.key", "the-first-key");
    site.change("governance = \"activated\"\n", "governance = \"activated\"\napis = [\"pantry.yaml\"]\n");
    site.add(
        "[servers.pantry]\nprovider = \"pantry\"\ntitle = \"Pantry\"\nprefix = \"pantry\"\nauth_method = \"token\"\n\
         base_url = \"http://127.0.0.1:9\"\n[credentials.pantry]\ntoken = { file = \"pantry.key\" }\n",
    );
    let gateway = site.start().await;
    site.write("pantry.key", "the-second-key");
    gateway.signal("HUP");
    let line = gateway.logged("it was not verified that it works").await;
    assert_eq!((&line["level"], &line["server"]), (&json!("WARN"), &json!("pantry")), "{line}");
    assert_eq!(gateway.logged("reloaded").await["credentials"], 1);
    gateway.stop().await;
}

#[tokio::test]
async fn a_changed_key_file_or_document_is_told_to_take_a_restart() {
    let site = Site::new().await;
    site.write("pantry.yaml", include_str!("../../../custom-provider/api.yaml"));
    site.change("governance = \"activated\"\n", "governance = \"activated\"\napis = [\"pantry.yaml\"]\n");
    let gateway = site.start().await;
    // As they were, nothing is said of them.
    gateway.signal("HUP");
    gateway.logged("reloaded").await;
    assert!(!format!("{:?}", gateway.log()).contains("takes a restart"));
    let keys = VaultKeys::from_file(site.path().join("vault.keys")).unwrap();
    let next = keys.with_current(&VaultKeys::generate().unwrap()).to_text();
    site.write("vault.keys", next.expose());
    let document = std::fs::read_to_string(site.path().join("pantry.yaml")).unwrap();
    site.write("pantry.yaml", &format!("{document}\n# another line\n"));
    gateway.signal("HUP");
    gateway.logged("the content of `store.vault_keys` has changed and takes a restart").await;
    gateway.logged("the content of the document `pantry.yaml` has changed and takes a restart").await;
    assert!(!format!("{:?}", gateway.log()).contains(next.expose().trim()), "a secret is in the log");
    gateway.stop().await;
}

/// As where one of several nodes was given a key of its own.
#[tokio::test]
async fn a_credential_that_other_vault_keys_sealed_is_not_replaced() {
    let site = Site::new().await;
    site.start().await.stop().await;
    let keys = std::fs::read_to_string(site.path().join("vault.keys")).unwrap();
    site.write("vault.keys", VaultKeys::generate().unwrap().to_text().expose());
    let gateway = site.start().await;
    let line = gateway.logged("cannot be opened with the vault keys of this node, and was not replaced").await;
    assert_eq!((&line["level"], &line["server"]), (&json!("ERROR"), &json!("status")), "{line}");
    assert!(line["message"].as_str().unwrap().contains("`govern credentials remove status --shared`"), "{line}");
    let denied = gateway.call(ANN, "status_list_pages", json!({})).await;
    assert_eq!(code(&denied), "credential_unusable");
    gateway.stop().await;
    site.write("vault.keys", &keys);
    let gateway = site.start().await;
    assert_eq!(gateway.call(ANN, "status_list_pages", json!({})).await["result"]["isError"], false);
    gateway.stop().await;
}
