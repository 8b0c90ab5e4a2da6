//! Every tool, and the exact request that it sends.

use mcp_govern_conformance::wire::Case;
use mcp_govern_core::ProviderErrorKind;
use serde_json::{Value, json};
use stand_ins::OpsgenieStandIn;

use crate::setup::{OPEN, failure, harness_at, keys, open, success};

/// Every tool at least once, each with the request that it must send. Written by hand from the vendor's reference.
pub(crate) fn cases() -> Vec<Case> {
    [reads(), attachments(), actions(), follow_up()].into_iter().flatten().collect()
}

/// Finds nothing at a fresh stand-in; a follow-up that finds something stands among the tests of asynchronous requests.
fn follow_up() -> Vec<Case> {
    let case = Case::new("get_alert_request_status", json!({"request_id": "r-1"}), "GET", "/v2/alerts/requests/r-1");
    vec![case.failing(ProviderErrorKind::NotFound)]
}

fn reads() -> Vec<Case> {
    vec![
        Case::new("list_alerts", json!({}), "GET", "/v2/alerts?limit=15"),
        Case::new(
            "list_alerts",
            json!({"query": "status: open AND tag: \"api\"", "offset": 20, "limit": 50, "sort": "lastOccurredAt", "order": "asc"}),
            "GET",
            "/v2/alerts?query=status%3A%20open%20AND%20tag%3A%20%22api%22&offset=20&limit=50&sort=lastOccurredAt&order=asc",
        ),
        Case::new(
            "get_alert",
            json!({"identifier": OPEN, "identifier_type": "alias"}),
            "GET",
            "/v2/alerts/booking-api%2Ferror-rate?identifierType=alias",
        ),
        Case::new(
            "get_alert",
            json!({"identifier": "1830", "identifier_type": "tiny"}),
            "GET",
            "/v2/alerts/1830?identifierType=tiny",
        ),
        Case::new("list_schedules", json!({}), "GET", "/v2/schedules"),
        Case::new("list_schedules", json!({"expand": ["rotation"]}), "GET", "/v2/schedules?expand=rotation"),
        Case::new(
            "get_on_calls",
            json!({"identifier": "Night watch / EDI", "identifier_type": "name", "flat": false, "date": "2026-03-14T22:00:00+01:00"}),
            "GET",
            "/v2/schedules/Night%20watch%20%2F%20EDI/on-calls?scheduleIdentifierType=name&flat=false&date=2026-03-14T22%3A00%3A00%2B01%3A00",
        ),
        Case::new(
            "get_on_calls",
            json!({"identifier": OpsgenieStandIn::SCHEDULE, "identifier_type": "name"}),
            "GET",
            "/v2/schedules/Platform%20on-call/on-calls?scheduleIdentifierType=name&flat=true",
        ),
        Case::new("get_account", json!({}), "GET", "/v2/account").answering("/name", json!("harbourline")),
    ]
}

fn attachments() -> Vec<Case> {
    vec![
        Case::new(
            "add_alert_attachment",
            json!({
                "identifier": OPEN, "identifier_type": "alias", "file": "bGluZSAxCmxpbmUgMgo=", "file_name": "app 1.log",
                "user": "Marit", "index_file": "index.html",
            }),
            "POST",
            "/v2/alerts/booking-api%2Ferror-rate/attachments?alertIdentifierType=alias",
        )
        .multipart(concat!(
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"app 1.log\"\r\n",
            "Content-Type: application/octet-stream\r\n\r\nline 1\nline 2\n\r\n",
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"indexFile\"\r\n\r\nindex.html\r\n",
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nMarit\r\n--BOUNDARY--\r\n",
        )),
    ]
}

fn actions() -> Vec<Case> {
    let whole = json!({
        "message": "Disk is full", "alias": "db-1/disk", "description": "Since noon.", "priority": "P1",
        "responders": [{"type": "team", "name": "Platform"}, {"type": "user", "username": "marit.visser@example.com"}],
        "actions": ["Restart"], "tags": ["db"], "details": {"host": "db-1"}, "entity": "db-1", "source": "prober",
        "user": "Marit", "note": "First.",
    });
    let mut arguments = whole.clone();
    arguments["visible_to"] = json!([{"type": "team", "id": "t1"}]);
    let mut sent = whole;
    sent["visibleTo"] = json!([{"type": "team", "id": "t1"}]);
    let step = |tool: &'static str, path: &str, fields: Value| {
        let mut arguments = fields.clone();
        arguments["identifier"] = json!(OPEN);
        arguments["identifier_type"] = json!("alias");
        let target = format!("/v2/alerts/booking-api%2Ferror-rate/{path}?identifierType=alias");
        applied(Case::new(tool, arguments, "POST", target).json(fields))
    };
    let create =
        |arguments: Value, sent: Value| applied(Case::new("create_alert", arguments, "POST", "/v2/alerts").json(sent));
    vec![
        create(json!({"message": "Late"}), json!({"message": "Late"})),
        create(arguments, sent),
        step("acknowledge_alert", "acknowledge", json!({})),
        step("acknowledge_alert", "acknowledge", json!({"note": "On it.", "user": "Marit", "source": "chat"})),
        step("close_alert", "close", json!({})),
        step("close_alert", "close", json!({"note": "Over."})),
    ]
}

/// What was accepted is asked for.
fn applied(case: Case) -> Case {
    case.then("GET", "/v2/alerts/requests/").answering("/state", json!("applied"))
}

#[tokio::test]
async fn a_saved_search_is_named_by_id_or_by_name() {
    let (vendor, harness) = open().await;
    failure(&harness, "list_alerts", json!({"search_identifier": "Open P1", "search_identifier_type": "name"})).await;
    let seen = vendor.last_request().unwrap();
    assert_eq!(seen.query(), Some("searchIdentifier=Open%20P1&searchIdentifierType=name&limit=15"));
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn one_key_alone_serves_every_tool_that_it_may() {
    let (vendor, _) = open().await;
    let harness = harness_at(vendor.base_url(), keys(&vendor.integration_key(), None)).await;
    for (tool, arguments) in [
        ("create_alert", json!({"message": "Late"})),
        ("list_alerts", json!({})),
        ("acknowledge_alert", json!({"identifier": OPEN, "identifier_type": "alias"})),
    ] {
        success(&harness, tool, arguments).await;
    }
    let expected = format!("GenieKey {}", vendor.integration_key());
    assert!(vendor.requests().iter().all(|seen| seen.header("authorization") == Some(&expected)));
}
