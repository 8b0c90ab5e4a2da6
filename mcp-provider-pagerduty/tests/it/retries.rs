//! What is sent again and what is not, and how long a call waits.

use std::time::Duration;

use mcp_govern_core::{ProviderErrorKind as Kind, Sent};
use serde_json::{Value, json};
use stand_ins::{Behaviour, Fault, PagerDutyStandIn, RawServer};

use crate::setup::{SERVICE, Who, call, failure, failure_within, harness_at, open, success};

fn create(key: Option<&str>) -> Value {
    let mut arguments = json!({"title": "Late", "service_id": SERVICE});
    if let Some(key) = key {
        arguments["incident_key"] = json!(key);
    }
    arguments
}

#[tokio::test]
async fn a_read_is_tried_again_after_a_failure() {
    let (vendor, harness) = open().await;
    vendor.fail_next(Fault::status(503));
    vendor.fail_next(Fault::status(408));
    let output = success(&harness, "list_incidents", json!({})).await.output;
    assert_eq!((vendor.count(), output.exchanges.len(), output.exchanges[0].retries), (3, 1, 2));
}

#[tokio::test]
async fn a_creation_without_a_key_is_never_sent_twice() {
    let (vendor, harness) = open().await;
    let before = vendor.incident_ids("triggered").len();
    vendor.fail_next(Fault::AfterDoing(Box::new(Fault::status(502))));
    let failed = failure(&harness, "create_incident", create(None)).await;
    assert_eq!((failed.kind, failed.sent, vendor.count()), (Kind::VendorFailure, Sent::Yes, 1));
    assert_eq!(vendor.incident_ids("triggered").len(), before + 1);
}

#[tokio::test]
async fn a_creation_with_a_key_is_sent_again_and_makes_one_incident() {
    let (vendor, harness) = open().await;
    let before = vendor.incident_ids("triggered").len();
    // The request was not carried out: the second one is.
    vendor.fail_next(Fault::status(503));
    call(&harness, "create_incident", create(Some("first"))).await;
    assert_eq!((vendor.count(), vendor.incident_ids("triggered").len()), (2, before + 1));
    // It was carried out and the answer was lost: the second one meets the incident of the first.
    vendor.fail_next(Fault::AfterDoing(Box::new(Fault::status(503))));
    let failed = failure(&harness, "create_incident", create(Some("second"))).await;
    assert_eq!((failed.kind, vendor.count()), (Kind::Conflict, 4));
    assert!(failed.message.contains("list_incidents"), "{}", failed.message);
    let found = call(&harness, "list_incidents", json!({"incident_key": "second"})).await;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn the_vendors_own_words_for_a_taken_key_are_understood() {
    let (vendor, harness) = open().await;
    let body = json!({"error": {"code": 2_002, "message": "Arguments Caused Error", "errors": [
        "Open incident with matching dedup key already exists on this service",
    ]}});
    vendor.fail_next(Fault::Status { status: 400, headers: Vec::new(), body: body.to_string() });
    let failed = failure(&harness, "create_incident", create(Some("taken"))).await;
    assert_eq!(failed.kind, Kind::Conflict);
    assert!(failed.message.contains("has an open incident with this incident_key"), "{}", failed.message);
}

#[tokio::test]
async fn a_change_is_sent_again_and_a_repeated_resolution_is_told_as_done() {
    let (vendor, harness) = open().await;
    vendor.fail_next(Fault::AfterDoing(Box::new(Fault::status(500))));
    let changed = call(&harness, "update_incident", json!({"incident_id": "4134", "title": "Later"})).await;
    assert_eq!((&changed["title"], vendor.count()), (&json!("Later"), 2));
    vendor.fail_next(Fault::AfterDoing(Box::new(Fault::status(500))));
    let failed = failure(&harness, "update_incident", json!({"incident_id": "4134", "status": "resolved"})).await;
    assert_eq!((failed.kind, vendor.count()), (Kind::Conflict, 4));
    assert!(failed.message.contains("there is nothing left to do"), "{}", failed.message);
    assert_eq!(call(&harness, "get_incident", json!({"incident_id": "4134"})).await["status"], json!("resolved"));
}

#[tokio::test]
async fn a_throttled_write_was_not_done_and_is_sent_again_after_the_wait() {
    let (vendor, harness) = open().await;
    vendor.fail_next(Fault::Throttle { retry_after: Some(0) });
    success(&harness, "create_incident", create(None)).await;
    let bodies: Vec<_> = vendor.requests().iter().map(|seen| seen.json().unwrap()).collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_told_and_not_waited_for() {
    let reset = |name: &str, seconds: &str| Fault::Status {
        status: 429,
        headers: vec![(name.to_owned(), seconds.to_owned())],
        body: json!({"error": {"code": 2_020, "message": "Rate Limit Exceeded"}}).to_string(),
    };
    for (fault, wait) in [
        (Fault::Throttle { retry_after: Some(3_600) }, 3_600),
        (reset("ratelimit-reset", "41"), 41),
        (reset("Retry-After", "90"), 90),
        // It may come without any header, and without a body.
        (Fault::Throttle { retry_after: None }, 5),
        (Fault::Status { status: 429, headers: Vec::new(), body: String::new() }, 5),
    ] {
        let (vendor, harness) = open().await;
        vendor.fail_next(fault);
        let failed = failure_within(&harness, "create_incident", create(None), Duration::from_secs(4)).await;
        assert_eq!((failed.kind, failed.sent, vendor.count()), (Kind::RateLimited, Sent::No, 1), "{failed:?}");
        assert_eq!(failed.vendor.retry_after, Some(Duration::from_secs(wait)));
        assert!(failed.message.contains(&format!("try again in {wait} s")), "{}", failed.message);
    }
}

#[tokio::test]
async fn after_the_vendors_limit_the_next_call_is_kept_back() {
    let vendor = PagerDutyStandIn::builder().with_rate_limit(2).start().await;
    let harness = harness_at(vendor.base_url(), Who::Account, &vendor.good_key()).await;
    for _ in 0..2 {
        success(&harness, "list_abilities", json!({})).await;
    }
    for count in [3, 3] {
        let failed = failure_within(&harness, "list_abilities", json!({}), Duration::from_secs(20)).await;
        assert_eq!((failed.kind, failed.sent, vendor.count()), (Kind::RateLimited, Sent::No, count), "{failed:?}");
        assert!(failed.vendor.retry_after.is_some_and(|wait| wait > Duration::from_secs(30)), "{failed:?}");
    }
}

#[tokio::test]
async fn a_write_that_breaks_off_is_sent_once_and_nobody_says_that_it_was_not() {
    for (behaviour, kind) in [
        (Behaviour::NeverAnswers, Kind::Timeout),
        (Behaviour::CutAfterHeaders, Kind::Network),
        (Behaviour::CutMidBody, Kind::Network),
        (Behaviour::GarbageStatusLine, Kind::Network),
    ] {
        let mut tried = None;
        for time in [800, 8_000, 60_000].map(Duration::from_millis) {
            let vendor = RawServer::start(behaviour.clone()).await.unwrap();
            let harness = harness_at(vendor.base_url(), Who::Account, "some-key").await;
            let failed = failure_within(&harness, "create_incident", create(None), time).await;
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
