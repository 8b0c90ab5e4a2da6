//! What is refused here, before anything is sent.

use mcp_govern_conformance::kit::{self, Refusal};
use serde_json::json;

use crate::{
    kit::Opsgenie,
    setup::{OPEN, call, open},
};

async fn each_is_refused(rows: Vec<Refusal>) {
    kit::each_is_refused(&Opsgenie, rows).await.unwrap();
}

#[tokio::test]
async fn what_opsgenie_would_refuse_is_refused_here_with_the_field_named() {
    each_is_refused(vec![
        ("create_alert", json!({}), &["message"]),
        ("create_alert", json!({"message": ""}), &["message"]),
        ("create_alert", json!({"message": "x".repeat(131)}), &["message", "130"]),
        ("create_alert", json!({"message": "x", "alias": "x".repeat(513)}), &["alias", "512"]),
        ("create_alert", json!({"message": "x", "priority": "P6"}), &["priority", "P5"]),
        ("create_alert", json!({"message": "x", "tags": vec!["t"; 21]}), &["tags", "20"]),
        ("create_alert", json!({"message": "x", "details": {"a": 1}}), &["details"]),
        ("create_alert", json!({"message": "x", "details": {"a": "x".repeat(8_000)}}), &["details", "8001", "8000"]),
        ("create_alert", json!({"message": "x", "details": {}}), &["`details` must not be empty"]),
        (
            "create_alert",
            json!({"message": "x", "responders": [{"type": "team"}]}),
            &["`responders/0`", "`id` or `name`"],
        ),
        (
            "create_alert",
            json!({"message": "x", "responders": [{"type": "team", "id": "a"}, {"type": "user", "name": "Ann"}]}),
            &["`responders/1`", "`id` or `username`"],
        ),
        (
            "create_alert",
            json!({"message": "x", "visible_to": [{"type": "team", "username": "ann@example.com"}]}),
            &["`visible_to/0`", "`id` or `name`"],
        ),
        ("create_alert", json!({"message": "x", "responders": [{"type": "all", "id": "x"}]}), &["responders"]),
        (
            "create_alert",
            json!({"message": "x", "responders": [{"type": "team", "id": "a", "name": "b"}]}),
            &["responders"],
        ),
        ("get_alert", json!({"identifier": "x", "identifier_type": "name"}), &["identifier_type", "alias"]),
        ("get_on_calls", json!({"identifier": "x", "date": "yesterday"}), &["date"]),
        ("list_alerts", json!({"search_identifier_type": "name"}), &["search_identifier"]),
        ("list_alerts", json!({"limit": 101}), &["limit", "100"]),
        ("list_alerts", json!({"Query": "status: open"}), &["Query"]),
        ("list_schedules", json!({"expand": ["rotation", "rotation"]}), &["expand"]),
    ])
    .await;
}

#[tokio::test]
async fn a_list_cannot_be_asked_for_beyond_its_window() {
    each_is_refused(vec![("list_alerts", json!({"offset": 19_986}), &["20001", "20000"])]).await;
    let (vendor, harness) = open().await;
    assert!(harness.call("list_alerts", json!({"offset": 19_985})).await.is_ok());
    assert_eq!((vendor.count(), vendor.violations()), (1, Vec::new()));
}

#[tokio::test]
async fn an_identifier_keeps_its_slashes_and_cannot_leave_its_place_in_the_path() {
    let bad = ["", ".", "..", "%2e%2e", "a\r\nHost: elsewhere"];
    each_is_refused(
        bad.iter().map(|bad| -> Refusal { ("get_alert", json!({"identifier": bad}), &["identifier"]) }).collect(),
    )
    .await;
    // Aliases are made of addresses and paths. Each is one segment.
    for (alias, segment) in [
        ("https://shop.example.com/health", "https%3A%2F%2Fshop.example.com%2Fhealth"),
        ("E://", "E%3A%2F%2F"),
        ("disk /var/lib/../log/", "disk%20%2Fvar%2Flib%2F..%2Flog%2F"),
        ("C:\\temp\\a..b", "C%3A%5Ctemp%5Ca..b"),
    ] {
        let (vendor, harness) = open().await;
        let alert = json!({"message": "Down", "alias": alias});
        call(&harness, "create_alert", alert).await;
        let named = json!({"identifier": alias, "identifier_type": "alias"});
        assert_eq!(call(&harness, "get_alert", named.clone()).await["alias"], alias);
        call(&harness, "acknowledge_alert", named).await;
        let target = format!("/v2/alerts/{segment}/acknowledge?identifierType=alias");
        assert!(vendor.requests().iter().any(|seen| seen.target() == target), "{target}");
        assert_eq!(vendor.violations(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_file_keeps_the_name_that_people_gave_it() {
    let (vendor, harness) = open().await;
    for name in ["log (1).txt", "Größe.log", "a&b=c;d, 100 %.log", "報告.pdf"] {
        let arguments = json!({"identifier": OPEN, "identifier_type": "alias", "file": "bGluZQ==", "file_name": name});
        assert_eq!(call(&harness, "add_alert_attachment", arguments).await["name"], json!(name));
        let sent = String::from_utf8_lossy(vendor.last_request().unwrap().body()).into_owned();
        assert!(sent.contains(&format!("filename=\"{name}\"")), "{sent}");
    }
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_attachment_is_base64_of_bounded_size_with_a_plain_name() {
    let with = |file: &str, name: &str| json!({"identifier": "x", "file": file, "file_name": name});
    each_is_refused(vec![
        ("add_alert_attachment", with("not base64!", "a.log"), &["file"]),
        ("add_alert_attachment", with("bGluZQ==", "../a.log"), &["file_name"]),
        ("add_alert_attachment", with("bGluZQ==", "a\"b.log"), &["file_name"]),
        ("add_alert_attachment", with("bGluZQ==", "a\r\nb.log"), &["file_name"]),
        ("add_alert_attachment", with("bGluZQ==", ".htaccess"), &["`file_name` must be a plain file name"]),
        ("add_alert_attachment", with(&"QUFB".repeat(250_001), "a.log"), &["file"]),
    ])
    .await;
}
