//! `gateway plan`.

use serde_json::{Value, json};

use crate::world::{ANN, Site, run, stderr, stdout};

async fn plan(site: &Site, arguments: &[&str]) -> (Option<i32>, String) {
    let flag = site.flag();
    let mut all = vec!["plan", flag.as_str()];
    all.extend(arguments);
    let output = run(&all, &[]).await;
    (output.status.code(), stdout(&output) + &stderr(&output))
}

#[tokio::test]
async fn the_first_plan_shows_everything_and_changes_nothing() {
    let site = Site::new().await;
    let (code, told) = plan(&site, &["--json"]).await;
    let plan: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &plan["changes"], &plan["widens"]), (Some(0), &json!(true), &json!(true)));
    let places: Vec<&str> =
        plan["steps"].as_array().unwrap().iter().map(|step| step["place"].as_str().unwrap()).collect();
    for place in ["settings", "servers.status", "toolsets.look", "profiles.look", "grants.ann", "governance"] {
        assert!(places.contains(&place), "{place} is not in {places:?}");
    }
    assert!(plan["synced"][0]["new"].as_u64().unwrap() > 50, "{plan}");
    let gained = plan["access"]
        .as_array()
        .unwrap()
        .iter()
        .any(|change| change["what"] == "user ann (local) gains `look` (2 tools)");
    assert!(gained, "{plan}");
    assert_eq!(site.names(), ["ann.token", "ben.token", "gateway.toml", "status.key"]);
    assert_eq!(site.vendor.count(), 0);
}

#[tokio::test]
async fn a_plan_beside_the_running_gateway_shows_what_the_changed_file_would_do() {
    let site = Site::new().await;
    let gateway = site.start().await;
    assert_eq!(plan(&site, &["--exit-code"]).await.0, Some(0));
    site.change("governance = \"activated\"", "governance = \"activated\"\nunnamed = \"remove\"");
    site.change("[\"list_*\"]", "[\"list_*\", \"get_page\"]");
    site.change("\"status/list_pages\", \"status/list_components\"", "\"status/list_pages\", \"status/get_page\"");
    let (code, told) = plan(&site, &["--exit-code"]).await;
    assert_eq!(code, Some(3), "{told}");
    for line in [
        "  + holders of `look` (1 grant) gain 1 tool\n      held by user ann (local)\n      status/get_page\n",
        "  - holders of `look` (1 grant) lose 1 tool\n      held by user ann (local)\n      status/list_components\n",
        "This widens access.",
        "servers.status",
    ] {
        assert!(told.contains(line), "{line:?} is not in {told}");
    }
    // Nothing has changed for those who call.
    assert_eq!(gateway.tools(ANN).await, ["status_list_components", "status_list_pages"]);
    gateway.stop().await;
}

#[tokio::test]
async fn two_files_are_compared_without_any_store() {
    let site = Site::new().await;
    site.write("old.toml", &site.text());
    let old = site.path().join("old.toml").display().to_string();
    assert_eq!(plan(&site, &["--against", &old, "--exit-code"]).await.0, Some(0));
    site.change("toolsets = [\"look\"]", "toolsets = [\"look\"]\n[profiles.look.rules]\nlook = [{ argument = \"per_page\", constraint = { max = 5 }, absent = \"allow\" }]");
    let (code, told) = plan(&site, &["--against", &old, "--exit-code"]).await;
    assert_eq!(code, Some(3));
    assert!(told.contains("under more rules") && told.contains("widens no access"), "{told}");
    // The other way round the rules are loosened.
    let new = site.file().display().to_string();
    let output = run(&["plan", "--config", &old, "--against", &new, "--json"], &[]).await;
    let plan: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(plan["widens"], true, "{plan}");
}

#[tokio::test]
async fn what_ends_is_shown_where_the_file_says_that_it_shall() {
    let site = Site::new().await;
    site.write("old.toml", &site.text());
    let old = site.path().join("old.toml").display().to_string();
    site.change(
        "[grants.ann]\nprofile = \"look\"\ngrantee = { user = { issuer = \"local\", subject = \"ann\" } }\n",
        "",
    );
    let (_, kept) = plan(&site, &["--against", &old]).await;
    assert!(kept.contains("Nothing to change."), "{kept}");
    let line = "  grants.ann: grant `ann`: `look` to user ann (local) (`unnamed = \"remove\"` takes it away)";
    assert!(kept.contains("Kept, not in the file\n") && kept.contains(line), "{kept}");
    site.change("governance = \"activated\"", "governance = \"activated\"\nunnamed = \"remove\"");
    let (_, told) = plan(&site, &["--against", &old]).await;
    assert!(told.contains("  - user ann (local) loses `look` (grant `ann`)"), "{told}");
}
