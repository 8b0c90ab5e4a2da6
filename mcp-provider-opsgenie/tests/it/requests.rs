//! Every tool, and the exact request that it sends.

use mcp_govern_conformance::{Harness, wire::Case};
use mcp_govern_core::ProviderErrorKind;
use serde_json::{Value, json};
use stand_ins::OpsgenieStandIn;

use crate::setup::{OPEN, failure, keys, open, sent};

/// Whose key authorises a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Account,
    Integration,
}

/// Every tool at least once, each with the request that it must send.
pub(crate) fn cases() -> Vec<Case> {
    rows().into_iter().map(|(case, _)| case).chain([follow_up()]).collect()
}

/// Finds nothing at a fresh stand-in; a follow-up that finds something stands among the tests of asynchronous requests.
fn follow_up() -> Case {
    Case::new("get_alert_request_status", json!({"request_id": "r-1"}), "GET", "/v2/alerts/requests/r-1")
}

fn rows() -> Vec<(Case, Key)> {
    let reads = reads().into_iter().map(|case| (case, Key::Account));
    let attachments = attachments().into_iter().map(|case| (case, Key::Account));
    let actions = actions().into_iter().map(|case| (case, Key::Integration));
    reads.chain(attachments).chain(actions).collect()
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
        Case::new("get_account", json!({}), "GET", "/v2/account"),
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
        Case::new(tool, arguments, "POST", target).json(fields)
    };
    vec![
        Case::new("create_alert", json!({"message": "Late"}), "POST", "/v2/alerts").json(json!({"message": "Late"})),
        Case::new("create_alert", arguments, "POST", "/v2/alerts").json(sent),
        step("acknowledge_alert", "acknowledge", json!({})),
        step("acknowledge_alert", "acknowledge", json!({"note": "On it.", "user": "Marit", "source": "chat"})),
        step("close_alert", "close", json!({})),
        step("close_alert", "close", json!({"note": "Over."})),
    ]
}

async fn faults_of(case: &Case, key: Key, vendor: &OpsgenieStandIn, harness: &Harness) -> Vec<String> {
    let mut faults = Vec::new();
    match harness.governor().preview(harness.person(), harness.request(case.tool(), case.arguments())) {
        Ok(preview) => faults.extend(case.preview_faults(&vendor.base_url(), &preview)),
        Err(error) => faults.push(format!("{}: the preview fails: {error}", case.tool())),
    }
    assert_eq!(vendor.count(), 0, "the preview of `{}` sent something", case.tool());
    if let Err(error) = harness.call(case.tool(), case.arguments()).await {
        faults.push(format!("{}: {error}", case.tool()));
    }
    let secret = match key {
        Key::Account => vendor.good_key(),
        Key::Integration => vendor.integration_key(),
    };
    let authorization = format!("GenieKey {secret}");
    let requests = vendor.requests();
    let Some(seen) = requests.first() else { return faults };
    faults.extend(case.faults(&sent(seen), &[("accept", "application/json"), ("authorization", &authorization)]));
    // What was accepted is asked for, with the key that may read.
    let polls = usize::from(key == Key::Integration);
    if requests.len() != 1 + polls {
        faults.push(format!("{}: {} requests were sent", case.tool(), requests.len()));
    }
    for poll in requests.iter().skip(1) {
        let is_poll = poll.method() == "GET" && poll.path().starts_with("/v2/alerts/requests/");
        let own_key = poll.header("authorization") == Some(&format!("GenieKey {}", vendor.good_key()));
        if !is_poll || !own_key {
            faults.push(format!("{}: then {poll:?} was sent", case.tool()));
        }
    }
    faults.extend(vendor.violations());
    faults
}

#[tokio::test]
async fn every_tool_sends_exactly_its_request_and_its_preview_shows_it() {
    let mut faults = Vec::new();
    for (case, key) in rows() {
        let (vendor, harness) = open().await;
        faults.extend(faults_of(&case, key, &vendor, &harness).await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn the_status_of_a_request_is_asked_for_with_the_key_that_may_read() {
    let (vendor, harness) = open().await;
    let case = follow_up();
    let failed = failure(&harness, case.tool(), case.arguments()).await;
    assert_eq!(failed.kind, ProviderErrorKind::NotFound);
    let authorization = format!("GenieKey {}", vendor.good_key());
    let headers = [("accept", "application/json"), ("authorization", authorization.as_str())];
    assert_eq!(case.faults(&sent(&vendor.last_request().unwrap()), &headers), Vec::<String>::new());
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
    let harness = crate::setup::harness_at(vendor.base_url(), keys(&vendor.integration_key(), None)).await;
    for (tool, arguments) in [
        ("create_alert", json!({"message": "Late"})),
        ("list_alerts", json!({})),
        ("acknowledge_alert", json!({"identifier": OPEN, "identifier_type": "alias"})),
    ] {
        crate::setup::success(&harness, tool, arguments).await;
    }
    let expected = format!("GenieKey {}", vendor.integration_key());
    assert!(vendor.requests().iter().all(|seen| seen.header("authorization") == Some(&expected)));
}
