//! Faults, and what is recorded beside them.

use std::time::Duration;

use serde_json::{Value, json};
use stand_ins::{Fault, OpsgenieStandIn, PagerDutyStandIn, StatuspageStandIn};

use crate::client::{Caller, Reply, reply};

const INCIDENTS: &str = "/pages/hb7k2m9qx4tz/incidents";

async fn started() -> (StatuspageStandIn, Caller) {
    let vendor = StatuspageStandIn::start().await;
    let caller = Caller::new(&vendor.base_url(), &format!("OAuth {}", vendor.good_key()));
    (vendor, caller)
}

async fn create(caller: &Caller) -> Reply {
    let body = json!({"incident": {"name": "Quay lights are out", "deliver_notifications": false}});
    caller.send("POST", INCIDENTS, &body).await
}

async fn how_many(caller: &Caller) -> usize {
    caller.get(INCIDENTS).await.json().as_array().unwrap().len()
}

#[tokio::test]
async fn faults_are_taken_in_order_and_once() {
    let (vendor, caller) = started().await;
    vendor.fail_times(2, &Fault::status(503));
    vendor.fail_next(Fault::Throttle { retry_after: Some(9) });
    assert_eq!(vendor.faults_left(), 3);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(caller.get("/pages").await.status);
    }
    assert_eq!(statuses, [503, 503, 420, 200]);
    assert_eq!((vendor.faults_left(), vendor.count()), (0, 4));
    vendor.forget_requests();
    assert_eq!(vendor.count(), 0);
}

#[tokio::test]
async fn a_fault_can_wait_for_its_request() {
    let (vendor, caller) = started().await;
    vendor.fail_next_on("POST", "/v1/pages", Fault::status(500));
    assert_eq!(caller.get("/pages").await.status, 200);
    assert_eq!(create(&caller).await.status, 500);
    assert_eq!(create(&caller).await.status, 201);
}

#[tokio::test]
async fn a_refused_request_does_nothing_and_a_lost_answer_hides_what_was_done() {
    let (vendor, caller) = started().await;
    let before = how_many(&caller).await;
    vendor.fail_next(Fault::status(500));
    assert_eq!(create(&caller).await.status, 500);
    assert_eq!(how_many(&caller).await, before);
    vendor.fail_next(Fault::AfterDoing(Box::new(Fault::status(500))));
    assert_eq!(create(&caller).await.status, 500);
    assert_eq!(how_many(&caller).await, before + 1);
}

#[tokio::test]
async fn a_fault_does_not_hide_a_violation() {
    let (vendor, caller) = started().await;
    vendor.fail_next(Fault::status(500));
    assert_eq!(caller.get("/pages?nmae=x").await.status, 500);
    assert_eq!(vendor.violations(), ["GET /v1/pages: query: `nmae` is not a parameter of this operation"]);
}

#[tokio::test]
async fn each_vendor_throttles_in_its_own_way() {
    let (statuspage, caller) = started().await;
    statuspage.fail_next(Fault::Throttle { retry_after: Some(7) });
    let answer = caller.get("/pages").await;
    assert_eq!((answer.status, answer.header("retry-after")), (420, Some("7")));

    let opsgenie = OpsgenieStandIn::start().await;
    let caller = Caller::new(&opsgenie.base_url(), &format!("GenieKey {}", opsgenie.good_key()));
    opsgenie.fail_next(Fault::Throttle { retry_after: Some(7) });
    let answer = caller.get("/v2/alerts").await;
    assert_eq!((answer.status, answer.header("x-ratelimit-state")), (429, Some("THROTTLED")));
    assert_eq!(answer.header("x-ratelimit-period-in-sec"), Some("7"));

    let pagerduty = PagerDutyStandIn::start().await;
    let caller = Caller::new(&pagerduty.base_url(), &format!("Token token={}", pagerduty.good_key()))
        .with("accept", "application/vnd.pagerduty+json;version=2");
    pagerduty.fail_next(Fault::Throttle { retry_after: Some(7) });
    let answer = caller.get("/services").await;
    assert_eq!((answer.status, answer.header("ratelimit-reset")), (429, Some("7")));
    pagerduty.fail_next(Fault::Throttle { retry_after: None });
    let answer = caller.get("/services").await;
    assert_eq!((answer.status, answer.header("ratelimit-reset")), (429, None));
}

#[tokio::test]
async fn answers_can_be_html_empty_cut_or_elsewhere() {
    let (vendor, caller) = started().await;
    vendor.fail_next(Fault::Html);
    let page = caller.get("/pages").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    vendor.fail_next(Fault::EmptyBody);
    let empty = caller.get("/pages").await;
    assert_eq!((empty.status, empty.text.as_str()), (200, ""));
    vendor.fail_next(Fault::CutJson);
    let cut = caller.get("/pages").await;
    assert!(!cut.text.is_empty() && serde_json::from_str::<Value>(&cut.text).is_err());
    vendor.fail_next(Fault::redirect("http://elsewhere.example.com/pages"));
    let moved = caller.get("/pages").await;
    assert_eq!((moved.status, moved.header("location")), (302, Some("http://elsewhere.example.com/pages")));
}

#[tokio::test]
async fn answers_can_have_wrong_types_nulls_and_unknown_fields() {
    let (vendor, caller) = started().await;
    vendor.fail_next(Fault::WrongTypes);
    assert!(caller.get("/pages").await.json()["0"]["id"].is_number());
    vendor.fail_next(Fault::Nulls);
    assert_eq!(caller.get("/pages").await.json()[0]["id"], Value::Null);
    vendor.fail_next(Fault::UnknownFields);
    let extended = caller.get("/pages").await.json();
    assert!(extended[0]["x_unheard_of"].is_object() && extended[0]["id"].is_string());
}

#[tokio::test]
async fn a_delayed_answer_comes_too_late_for_an_impatient_client_and_the_thing_is_done() {
    let (vendor, caller) = started().await;
    let before = how_many(&caller).await;
    vendor.fail_next_on("POST", &format!("/v1{INCIDENTS}"), Fault::Delay(Duration::from_secs(60)));
    let body = json!({"incident": {"name": "Quay lights are out"}});
    let mut answer = Box::pin(caller.request("POST", INCIDENTS).json(&body).send());
    let done = async { while how_many(&caller).await == before {} };
    tokio::select! {
        answer = &mut answer => panic!("it was not delayed: {answer:?}"),
        () = done => {}
    }
    // The client gives up.
    drop(answer);
    assert_eq!(how_many(&caller).await, before + 1);
}

#[tokio::test]
async fn a_fault_that_http_cannot_carry_still_gets_an_answer() {
    let (vendor, caller) = started().await;
    let headers = vec![
        ("bad name".to_owned(), "x".to_owned()),
        ("x-bad".to_owned(), "a\r\nb".to_owned()),
        ("x-good".to_owned(), "1".to_owned()),
    ];
    vendor.fail_next(Fault::Status { status: 99, headers, body: "plain".to_owned() });
    let answer = caller.get("/pages").await;
    assert_eq!((answer.status, answer.text.as_str(), answer.header("x-good")), (500, "plain", Some("1")));
    assert_eq!(answer.header("x-bad"), None);
    assert_eq!(caller.get("/pages").await.status, 200);
}

#[tokio::test]
async fn requests_are_kept_to_the_letter() {
    let (vendor, caller) = started().await;
    reply(caller.request("GET", "/pages/a%2Fb/components?page=1").header("x-trace", "t1")).await;
    let seen = vendor.last_request().unwrap();
    assert_eq!((seen.method(), seen.path(), seen.query()), ("GET", "/v1/pages/a%2Fb/components", Some("page=1")));
    assert_eq!(seen.header("X-Trace"), Some("t1"));
    assert_eq!(seen.query_pairs(), [("page".to_owned(), "1".to_owned())]);
    assert!(seen.body().is_empty() && seen.json().is_none());
    create(&caller).await;
    assert_eq!(vendor.last_request().unwrap().json().unwrap()["incident"]["name"], "Quay lights are out");
    assert!(!format!("{vendor:?} {:?}", vendor.requests()).contains(&vendor.good_key()));
}

#[tokio::test]
async fn a_body_or_a_key_where_none_belongs_is_a_violation() {
    let (vendor, caller) = started().await;
    reply(caller.request("GET", "/pages").body("{}")).await;
    caller.clone().with("x-key", &vendor.good_key()).get("/pages").await;
    let body = json!({"incident": {"name": vendor.good_key()}});
    caller.send("POST", INCIDENTS, &body).await;
    let violations = vendor.violations();
    let expected = ["body: `body` is not expected", "a key in the header `x-key`", "a key in the body"];
    assert_eq!(violations.len(), expected.len(), "{violations:?}");
    for (violation, expected) in violations.iter().zip(expected) {
        assert!(violation.contains(expected), "{violation}");
    }
}
