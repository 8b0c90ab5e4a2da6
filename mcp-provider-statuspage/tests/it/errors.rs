//! What goes wrong at the vendor and on the way, and what the caller is told.

use std::time::Duration;

use mcp_govern_core::{ProviderErrorKind as Kind, Sent};
use serde_json::{Value, json};
use stand_ins::{Behaviour, Fault, RawServer, StatuspageStandIn};

use crate::setup::{PAGE, failure, failure_within, harness_at, open_only, success};

fn read() -> (&'static str, Value) {
    ("list_components", json!({"page_id": PAGE}))
}

fn write() -> (&'static str, Value) {
    ("create_incident", json!({"page_id": PAGE, "name": "Late"}))
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn answer(status: u16, body: &Value) -> Fault {
    Fault::Status { status, headers: Vec::new(), body: body.to_string() }
}

#[tokio::test]
async fn every_refusal_has_its_kind_and_says_what_to_do() {
    let table = [
        (400, json!({"error": "bad"}), Kind::InvalidArguments, "bad"),
        (402, json!({"message": "Upgrade"}), Kind::PlanLimit, "Upgrade"),
        (403, json!({"error": "Forbidden"}), Kind::Forbidden, "the role on the page does not allow it"),
        (404, json!({"error": "Not found"}), Kind::NotFound, "list_pages"),
        (409, json!({"error": "taken"}), Kind::Conflict, "taken"),
        (
            422,
            json!({"error": ["Name can't be blank", "Body is too long"]}),
            Kind::InvalidArguments,
            "Name can't be blank; Body is too long",
        ),
        (422, json!({"errors": {"name": ["is too long"]}}), Kind::InvalidArguments, "is too long"),
        (422, json!({"message": "no"}), Kind::InvalidArguments, "refused its content"),
        (500, json!({"error": "oops"}), Kind::VendorFailure, "oops"),
    ];
    for (status, body, kind, words) in table {
        let (vendor, harness) = open_only(&["create_incident", "list_pages"]).await;
        vendor.fail_next(answer(status, &body));
        let (tool, arguments) = write();
        let failed = failure(&harness, tool, arguments).await;
        assert_eq!((failed.kind, failed.sent), (kind, Sent::Yes), "{status} {body}: {failed:?}");
        assert!(failed.message.contains(words), "{status} {body}: {}", failed.message);
        assert_eq!((failed.vendor.status, failed.exchanges.len(), vendor.count()), (Some(status), 1, 1), "{failed:?}");
    }
}

#[tokio::test]
async fn an_unknown_identifier_is_not_found() {
    let (vendor, harness) = open_only(&["get_component"]).await;
    let failed = failure(&harness, "get_component", json!({"page_id": PAGE, "component_id": "no such#one"})).await;
    assert_eq!(failed.kind, Kind::NotFound);
    assert_eq!(vendor.last_request().unwrap().path(), format!("/v1/pages/{PAGE}/components/no%20such%23one"));
}

#[tokio::test]
async fn data_for_a_metric_of_another_provider_is_a_conflict_that_names_the_right_one() {
    let (_vendor, harness) = open_only(&["add_metric_point"]).await;
    let arguments =
        json!({"page_id": PAGE, "metric_id": StatuspageStandIn::DATADOG_METRIC, "timestamp": now(), "value": 1});
    let failed = failure(&harness, "add_metric_point", arguments).await;
    assert_eq!((failed.kind, failed.vendor.status), (Kind::Conflict, Some(405)));
    assert!(failed.message.contains("type Self"), "{}", failed.message);
}

#[tokio::test]
async fn a_person_who_is_there_already_is_a_conflict() {
    let (_vendor, harness) = open_only(&["create_page_access_user"]).await;
    let arguments = json!({"page_id": PAGE, "email": "lotte@customer.example.com"});
    let failed = failure(&harness, "create_page_access_user", arguments).await;
    assert_eq!((failed.kind, failed.vendor.status), (Kind::Conflict, Some(409)));
    assert!(failed.message.contains("Find it in the list"), "{}", failed.message);
}

#[tokio::test]
async fn what_plan_or_accounts_do_not_allow_is_forbidden() {
    let vendor = StatuspageStandIn::builder().with_atlassian_accounts().start().await;
    let harness =
        harness_at(vendor.base_url(), &vendor.good_key(), &["list_organization_users", "list_page_access_users"]).await;
    let arguments = json!({"organization_id": StatuspageStandIn::ORGANIZATION});
    assert_eq!(failure(&harness, "list_organization_users", arguments).await.kind, Kind::Forbidden);
    let failed = failure(&harness, "list_page_access_users", json!({"page_id": StatuspageStandIn::SECOND_PAGE})).await;
    assert_eq!(failed.kind, Kind::Forbidden);
    assert!(failed.message.contains("not in every plan"), "{}", failed.message);
}

#[tokio::test]
async fn a_read_is_tried_again_after_a_failure_and_a_write_is_not() {
    let (vendor, harness) = open_only(&["create_incident", "list_components"]).await;
    vendor.fail_times(2, &Fault::status(503));
    let (tool, arguments) = read();
    let output = success(&harness, tool, arguments).await.output;
    assert_eq!((vendor.count(), output.exchanges.len(), output.exchanges[0].retries), (3, 1, 2));

    let (vendor, harness) = open_only(&["create_incident", "list_components"]).await;
    vendor.fail_next(Fault::AfterDoing(Box::new(Fault::status(502))));
    let (tool, arguments) = write();
    let failed = failure(&harness, tool, arguments).await;
    assert_eq!((failed.kind, failed.sent, vendor.count()), (Kind::VendorFailure, Sent::Yes, 1));
}

#[tokio::test]
async fn a_throttled_write_was_not_done_and_is_sent_again_after_the_wait() {
    let (vendor, harness) = open_only(&["create_incident"]).await;
    vendor.fail_next(Fault::Throttle { retry_after: Some(0) });
    let (tool, arguments) = write();
    success(&harness, tool, arguments).await;
    assert_eq!(vendor.count(), 2);
    let names: Vec<_> = vendor.requests().iter().map(|seen| seen.json().unwrap()).collect();
    assert_eq!(names[0], names[1]);
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_told_and_not_waited_for() {
    for (fault, wait) in [
        (Fault::Throttle { retry_after: Some(3_600) }, 3_600),
        (Fault::Throttle { retry_after: None }, 60),
        (Fault::Status { status: 429, headers: vec![("Retry-After".into(), "90".into())], body: "{}".into() }, 90),
    ] {
        let (vendor, harness) = open_only(&["create_incident"]).await;
        vendor.fail_next(fault);
        let (tool, arguments) = write();
        let failed = failure(&harness, tool, arguments).await;
        assert_eq!((failed.kind, failed.sent, vendor.count()), (Kind::RateLimited, Sent::No, 1), "{failed:?}");
        assert_eq!(failed.vendor.retry_after, Some(Duration::from_secs(wait)));
        assert!(failed.message.contains(&format!("try again in {wait} s")), "{}", failed.message);
    }
}

#[tokio::test]
async fn sixty_requests_a_minute_are_kept_to_beforehand_and_one_person_leaves_a_quarter() {
    let vendor = StatuspageStandIn::builder().with_rate_limit().start().await;
    // One window for all tools and pages.
    let calls = [
        ("list_pages", json!({})),
        ("list_components", json!({"page_id": PAGE})),
        ("get_page", json!({"page_id": StatuspageStandIn::SECOND_PAGE})),
        ("update_component", json!({"page_id": PAGE, "component_id": "c02bookapi11", "status": "operational"})),
    ];
    let harness = harness_at(vendor.base_url(), &vendor.good_key(), &calls.each_ref().map(|(tool, _)| *tool)).await;
    for (tool, arguments) in calls.iter().cycle().take(45) {
        success(&harness, tool, arguments.clone()).await;
    }
    for (tool, arguments) in calls.clone() {
        let failed = failure_within(&harness, tool, arguments, Duration::from_secs(20)).await;
        assert_eq!((failed.kind, failed.sent), (Kind::RateLimited, Sent::No), "{tool}");
    }
    let failed = failure_within(&harness, "list_pages", json!({}), Duration::from_secs(20)).await;
    assert!(failed.vendor.retry_after.is_some(), "{failed:?}");
    assert_eq!(vendor.count(), 45, "what others may need was sent");
}

#[tokio::test]
async fn what_is_no_answer_is_a_bad_answer() {
    let elsewhere = RawServer::start(Behaviour::NeverAnswers).await.unwrap();
    for fault in [Fault::Html, Fault::redirect(elsewhere.base_url()), Fault::CutJson] {
        let (vendor, harness) = open_only(&["list_components"]).await;
        vendor.fail_next(fault.clone());
        let (tool, arguments) = read();
        let failed = failure(&harness, tool, arguments).await;
        assert_eq!((failed.kind, vendor.count()), (Kind::BadAnswer, 1), "{fault:?}: {failed:?}");
    }
    assert_eq!(elsewhere.connections(), 0, "the redirect was followed");
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
            let harness = harness_at(vendor.base_url().join("v1").unwrap(), "some-key", &["create_incident"]).await;
            let (tool, arguments) = write();
            let failed = failure_within(&harness, tool, arguments, time).await;
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
