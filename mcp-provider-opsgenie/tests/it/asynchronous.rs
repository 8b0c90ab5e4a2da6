//! Requests that are accepted first and carried out later.

use std::time::{Duration, Instant};

use mcp_govern_core::{ProviderErrorKind as Kind, Sent};
use serde_json::json;
use stand_ins::Fault;

use crate::setup::{ACKNOWLEDGED, OPEN, call, failure, open, open_with, success};

const STATUS: &str = "/v2/alerts/requests/";

#[tokio::test]
async fn an_accepted_request_is_followed_until_it_is_applied() {
    let (vendor, harness) = open_with(2).await;
    let output = success(&harness, "create_alert", json!({"message": "Late", "alias": "late"})).await.output;
    let result = output.to_value().unwrap();
    assert_eq!(result["state"], "applied");
    assert_eq!((&result["result"]["isSuccess"], &result["result"]["alias"]), (&json!(true), &json!("late")));
    assert!(result["request_id"].is_string());
    assert_eq!((vendor.count(), output.exchanges.len()), (4, 4));
    let alert = call(&harness, "get_alert", json!({"identifier": "late", "identifier_type": "alias"})).await;
    assert_eq!((&alert["message"], &alert["id"]), (&json!("Late"), &result["result"]["alertId"]));
}

#[tokio::test]
async fn what_opsgenie_refuses_later_is_rejected_with_its_reason() {
    let (_vendor, harness) = open().await;
    for (tool, alias, reason) in [
        ("acknowledge_alert", ACKNOWLEDGED, "Alert is already acknowledged"),
        ("close_alert", "no-such-alias", "Alert does not exist"),
        // An alias finds open alerts only.
        ("close_alert", "webhooks/failures", "Alert does not exist"),
    ] {
        let failed = failure(&harness, tool, json!({"identifier": alias, "identifier_type": "alias"})).await;
        assert_eq!((failed.kind, failed.sent), (Kind::Rejected, Sent::Yes), "{failed:?}");
        assert!(failed.message.contains(reason), "{}", failed.message);
        assert_eq!(failed.vendor.message.as_deref(), Some(reason));
        assert_eq!(failed.exchanges.len(), 2);
    }
}

#[tokio::test]
async fn what_stays_open_is_a_pending_result_that_can_be_followed_up() {
    let (vendor, harness) = open_with(1_000).await;
    let arguments = json!({"identifier": OPEN, "identifier_type": "alias"});
    let mut answer = None;
    for time in [1_300, 13_000, 60_000].map(Duration::from_millis) {
        answer = Some(harness.call_until("close_alert", arguments.clone(), Instant::now() + time).await);
        // On a machine that is busy with other work the deadline may pass before the vendor has accepted the request.
        if matches!(answer, Some(Ok(_))) {
            break;
        }
    }
    let output = answer.unwrap().unwrap().output;
    let result = output.to_value().unwrap();
    assert_eq!(result["state"], "pending");
    assert!(result.get("result").is_none());
    assert!(output.notes.iter().any(|note| note.contains("get_alert_request_status")), "{:?}", output.notes);

    let follow = json!({"request_id": result["request_id"]});
    let failed = failure(&harness, "get_alert_request_status", follow.clone()).await;
    assert_eq!(failed.kind, Kind::Conflict);
    assert!(failed.message.contains("not worked on it yet"), "{}", failed.message);
    vendor.settle();
    let status = call(&harness, "get_alert_request_status", follow).await;
    assert_eq!((&status["isSuccess"], &status["status"]), (&json!(true), &json!("Closed alert")));
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_failing_question_does_not_hide_that_the_request_was_accepted() {
    let (vendor, harness) = open().await;
    vendor.fail_next_on("GET", STATUS, Fault::status(501));
    let output = success(&harness, "create_alert", json!({"message": "Late"})).await.output;
    assert_eq!(output.to_value().unwrap()["state"], "pending");

    let (vendor, harness) = open().await;
    vendor.fail_next_on("GET", STATUS, Fault::status(503));
    let output = success(&harness, "create_alert", json!({"message": "Late"})).await.output;
    assert_eq!(output.to_value().unwrap()["state"], "applied");
}

#[tokio::test]
async fn a_creation_with_an_alias_is_repeated_after_an_ambiguous_failure_and_makes_one_alert() {
    let (vendor, harness) = open().await;
    vendor.fail_next(Fault::AfterDoing(Box::new(Fault::status(502))));
    let arguments = json!({"message": "Late", "alias": "late"});
    assert_eq!(call(&harness, "create_alert", arguments).await["state"], "applied");
    let posts = vendor.requests().iter().filter(|seen| seen.method() == "POST").count();
    assert_eq!(posts, 2);
    let alert = call(&harness, "get_alert", json!({"identifier": "late", "identifier_type": "alias"})).await;
    assert_eq!(alert["count"], json!(2));
}

#[tokio::test]
async fn a_creation_without_an_alias_is_never_sent_twice() {
    let (vendor, harness) = open().await;
    vendor.fail_next(Fault::AfterDoing(Box::new(Fault::status(502))));
    let failed = failure(&harness, "create_alert", json!({"message": "Late"})).await;
    assert_eq!((failed.kind, failed.sent, vendor.count()), (Kind::VendorFailure, Sent::Yes, 1));
}
