//! APIs of one's own, whose documents others write and change.

use serde_json::json;

use crate::site::{Site, code, stderr, stdout};

const GOVERNANCE: &str = r#"
[servers.things]
provider = "things"
title = "Things"
prefix = "things"
auth_method = "token"
approve = ["dangerous"]
"#;

fn document(host: &str, description: &str) -> String {
    json!({
        "openapi": "3.1.0", "info": {"title": "Things", "version": "1"}, "servers": [{"url": host}],
        "security": [{"token": []}],
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "paths": {"/things": {
            "get": {"operationId": "listThings", "description": description},
            "options": {"operationId": "optionsThings"},
        }},
    })
    .to_string()
}

/// A store with the API, whose tool is approved; and the path of its document.
fn site() -> (Site, String) {
    let site = Site::empty();
    let api = site.write("things.json", &document("https://one.example", "Lists things."));
    let file = site.write("governance.toml", GOVERNANCE);
    let applied = site.run(&["apply", "--create", "--yes", &file, "--api", &api]);
    assert_eq!(code(&applied), 0, "{}", stderr(&applied));
    (site, api)
}

#[test]
fn a_document_that_changes_is_told_wherever_one_looks_and_reviewed_as_any_drift() {
    let (site, api) = site();
    let look = |verb: &[&str]| stdout(&site.run(&[verb, &["--api", &api]].concat()));
    assert!(!look(&["status"]).contains("not synced"));
    site.write("things.json", &document("https://one.example", "Lists things, and more."));
    for verb in [&["status"][..], &["servers"], &["tools", "--changed"], &["diff", "things/list_things"]] {
        assert!(
            look(verb).contains("1 of its tools are not as they were synced (`list_things`): sync the server"),
            "{verb:?}: {}",
            look(verb)
        );
    }
    let synced = site.json(&["sync", "--yes", "--api", &api]);
    let row = &synced["servers"][0];
    assert_eq!((&row["changed"], row["left_out"].as_array().unwrap().len()), (&json!(1), 1), "{synced}");
    assert!(row["left_out"][0].as_str().unwrap().contains("optionsThings"), "{synced}");
    assert_eq!(site.json(&["tools", "--changed"])["tools"][0]["changed"], "text");
    let digest = site.digest("things/list_things");
    site.json(&["approve", "--yes", &format!("things/list_things@{digest}")]);
    assert_eq!(site.json(&["tools"])["tools"][0]["state"], "approved");
    assert_eq!(site.json(&["sync", "--yes", "--api", &api])["servers"][0]["changed"], 0);
    assert!(!look(&["status"]).contains("not synced"));
}

#[test]
fn where_requests_go_is_shown_and_another_host_is_another_tool() {
    let (site, api) = site();
    assert_eq!(site.json(&["servers"])["servers"][0]["destination"], "https://one.example/");
    site.write("things.json", &document("https://two.example", "Lists things."));
    site.json(&["sync", "--yes", "--api", &api]);
    let diff = site.json(&["diff", "things/list_things"]);
    assert_eq!((&diff["state"], &diff["grade"]), (&json!("pending_review"), &json!("rebound")));
    assert_eq!(diff["changes"][0]["field"], "/binding/destination");
    assert!(stdout(&site.run(&["servers"])).contains("https://two.example"));
}

#[test]
fn a_document_that_cannot_be_used_is_told_and_keeps_nothing_else_from_being_done() {
    let (site, api) = site();
    site.write("things.json", "{");
    let looked = site.run(&["status", "--api", &api]);
    assert_eq!(code(&looked), 0);
    assert!(
        stderr(&looked).contains("things.json") && stdout(&looked).contains("no provider `things`"),
        "{}",
        stdout(&looked)
    );
}

#[test]
fn what_asks_the_record_alone_reads_no_document() {
    let (site, api) = site();
    // Whoever reads it says that it cannot be used.
    site.write("things.json", "{");
    let digest = site.digest("things/list_things");
    let seen = format!("things/list_things@{digest}");
    for verb in [
        &["audit", "tail"][..],
        &["audit", "verify"],
        &["requests"],
        &["grants"],
        &["profiles"],
        &["toolsets"],
        &["credentials"],
        &["kill", "server", "things"],
        &["unkill", "server", "things", "--yes"],
        &["servers", "pause", "things"],
        &["reset", "things/list_things"],
        &["approve", "--yes", &seen],
    ] {
        let done = site.run(&[verb, &["--api", &api]].concat());
        assert_eq!((code(&done), stderr(&done).as_str()), (0, ""), "{verb:?}: {}", stdout(&done));
    }
    for verb in [&["status"][..], &["servers"], &["tools"], &["diff", "things/list_things"]] {
        let looked = site.run(&[verb, &["--api", &api]].concat());
        assert!(stderr(&looked).contains("things.json"), "{verb:?}");
    }
}
