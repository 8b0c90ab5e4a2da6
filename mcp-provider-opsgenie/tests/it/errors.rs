//! What goes wrong at the vendor and on the way, and what the caller is told.

use std::time::Duration;

use mcp_govern_core::{ProviderErrorKind as Kind, Sent};
use serde_json::{Value, json};
use stand_ins::{Behaviour, Fault, OpsgenieStandIn, RawServer};

use crate::setup::{OPEN, failure, failure_within, harness_at, keys, open, success};

fn answer(status: u16, headers: &[(&str, &str)], body: &Value) -> Fault {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Fault::Status { status, headers, body: body.to_string() }
}

#[tokio::test]
async fn every_refusal_has_its_kind_and_says_what_to_do() {
    let message = |text: &str| json!({"message": text, "took": 0.1, "requestId": "r-77"});
    let coded = |code: u32, text: &str| json!({"message": text, "code": code, "requestId": "r-77"});
    let table = [
        (400, message("cannot be parsed"), Kind::InvalidArguments, "cannot be parsed"),
        (401, message("Could not authenticate"), Kind::Unauthorized, "the region is the one of the account"),
        (402, message("no"), Kind::PlanLimit, "plan of this account"),
        (
            403,
            coded(40_301, "To perform this action, use an API key from an API integration."),
            Kind::Forbidden,
            "into the field integration_key",
        ),
        (403, coded(40_301, "You are not authorized"), Kind::Forbidden, "The key of a team's integration"),
        (
            403,
            message("API Key is not granted with configuration access"),
            Kind::Forbidden,
            "Give it configuration access",
        ),
        (403, coded(40_302, "Not supported"), Kind::InvalidArguments, "does not support it"),
        (404, message("Alert does not exist"), Kind::NotFound, "an alias finds open alerts only"),
        (409, message("taken"), Kind::Conflict, "taken"),
        (410, message("gone"), Kind::NotFound, "shut down"),
        (428, message("in use"), Kind::Conflict, "in use"),
        (500, message("oops"), Kind::VendorFailure, "oops"),
    ];
    for (status, body, kind, words) in table {
        let (vendor, harness) = open().await;
        vendor.fail_next(answer(status, &[], &body));
        let failed = failure(&harness, "create_alert", json!({"message": "Late"})).await;
        assert_eq!((failed.kind, failed.sent, vendor.count()), (kind, Sent::Yes, 1), "{status} {body}: {failed:?}");
        assert!(failed.message.contains(words), "{status} {body}: {}", failed.message);
        assert_eq!((failed.vendor.status, failed.vendor.request_id.as_deref()), (Some(status), Some("r-77")));
    }
}

#[tokio::test]
async fn a_refused_field_is_named() {
    let (vendor, harness) = open().await;
    let body = json!({"message": "Request body is not processable.", "errors": {"message": "is too long"}});
    vendor.fail_next(answer(422, &[], &body));
    let failed = failure(&harness, "create_alert", json!({"message": "Late"})).await;
    assert_eq!(failed.kind, Kind::InvalidArguments);
    assert!(
        failed.vendor.details.iter().any(|detail| detail.contains("message") && detail.contains("too long")),
        "{failed:?}"
    );
}

#[tokio::test]
async fn an_account_key_alone_cannot_act_on_alerts_and_is_told_which_key_can() {
    let vendor = OpsgenieStandIn::start().await;
    let harness = harness_at(vendor.base_url(), keys(&vendor.good_key(), None)).await;
    for (tool, arguments) in [
        ("create_alert", json!({"message": "Late"})),
        ("acknowledge_alert", json!({"identifier": OPEN, "identifier_type": "alias"})),
        ("close_alert", json!({"identifier": OPEN, "identifier_type": "alias"})),
    ] {
        let failed = failure(&harness, tool, arguments).await;
        assert_eq!((failed.kind, failed.vendor.code.as_deref()), (Kind::Forbidden, Some("40301")));
        assert!(failed.message.contains("integration_key"), "{}", failed.message);
    }
}

#[tokio::test]
async fn an_integration_key_alone_may_not_read_the_configuration_and_is_told_so() {
    let vendor = OpsgenieStandIn::start().await;
    let harness = harness_at(vendor.base_url(), keys(&vendor.integration_key(), None)).await;
    let failed = failure(&harness, "list_schedules", json!({})).await;
    assert_eq!(failed.kind, Kind::Forbidden);
    assert!(failed.message.contains("configuration access"), "{}", failed.message);
}

#[tokio::test]
async fn a_read_is_tried_again_after_a_failure() {
    let (vendor, harness) = open().await;
    vendor.fail_times(2, &Fault::status(503));
    let output = success(&harness, "get_account", json!({})).await.output;
    assert_eq!((vendor.count(), output.exchanges.len(), output.exchanges[0].retries), (3, 1, 2));
}

#[tokio::test]
async fn a_throttled_call_waits_as_long_as_it_is_told() {
    let (vendor, harness) = open().await;
    vendor.fail_next(Fault::Throttle { retry_after: Some(0) });
    success(&harness, "create_alert", json!({"message": "Late"})).await;
    assert_eq!(vendor.requests().iter().filter(|seen| seen.method() == "POST").count(), 2);

    for (fault, wait) in [(Fault::Throttle { retry_after: Some(90) }, 90), (Fault::Throttle { retry_after: None }, 60)]
    {
        let (vendor, harness) = open().await;
        vendor.fail_next(fault);
        let failed = failure(&harness, "create_alert", json!({"message": "Late"})).await;
        assert_eq!((failed.kind, failed.sent, vendor.count()), (Kind::RateLimited, Sent::No, 1), "{failed:?}");
        assert_eq!(failed.vendor.retry_after, Some(Duration::from_secs(wait)));
    }
}

#[tokio::test]
async fn a_throttled_domain_does_not_hold_up_another() {
    let (vendor, harness) = open().await;
    vendor.fail_next(Fault::Throttle { retry_after: Some(90) });
    failure(&harness, "list_alerts", json!({})).await;
    failure(&harness, "list_alerts", json!({})).await;
    assert_eq!(vendor.count(), 1, "the vendor asked for silence");
    success(&harness, "list_schedules", json!({})).await;
}

#[tokio::test]
async fn an_answer_that_says_throttled_is_passed_on_with_a_note() {
    let (vendor, harness) = open().await;
    assert!(success(&harness, "get_account", json!({})).await.output.notes.is_empty());
    vendor.show_throttling();
    let notes = success(&harness, "get_account", json!({})).await.output.notes;
    assert!(notes.iter().any(|note| note.contains("slowing this account down")), "{notes:?}");
}

#[tokio::test]
async fn what_is_no_answer_is_a_bad_answer() {
    let elsewhere = RawServer::start(Behaviour::NeverAnswers).await.unwrap();
    for fault in [Fault::Html, Fault::redirect(elsewhere.base_url()), Fault::CutJson, Fault::WrongTypes] {
        let (vendor, harness) = open().await;
        vendor.fail_next(fault.clone());
        let failed = failure(&harness, "list_alerts", json!({})).await;
        assert_eq!((failed.kind, vendor.count()), (Kind::BadAnswer, 1), "{fault:?}: {failed:?}");
    }
    assert_eq!(elsewhere.connections(), 0, "the redirect was followed");
}

#[tokio::test]
async fn a_creation_without_an_alias_that_breaks_off_is_sent_once() {
    for (behaviour, kind) in [(Behaviour::NeverAnswers, Kind::Timeout), (Behaviour::CutMidBody, Kind::Network)] {
        let mut tried = None;
        for time in [800, 8_000, 60_000].map(Duration::from_millis) {
            let vendor = RawServer::start(behaviour.clone()).await.unwrap();
            let harness = harness_at(vendor.base_url(), keys("some-key", None)).await;
            let failed = failure_within(&harness, "create_alert", json!({"message": "Late"}), time).await;
            let as_due = failed.kind == kind && !vendor.heads().is_empty();
            tried = Some((vendor, failed));
            // On a machine that is busy with other work the deadline may pass before the request has come as far as it will.
            if as_due {
                break;
            }
        }
        let (vendor, failed) = tried.unwrap();
        assert_eq!(failed.kind, kind, "{behaviour:?}: {failed:?}");
        assert_ne!(failed.sent, Sent::No, "{behaviour:?}: {failed:?}");
        assert_eq!(vendor.heads().len(), 1, "{behaviour:?}");
    }
}
