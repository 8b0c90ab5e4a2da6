//! What the vendor refuses, in all the shapes that it uses for it, and what the caller is told.

use mcp_govern_core::{DenialCode, ProviderErrorKind as Kind, Sent};
use serde_json::{Value, json};
use stand_ins::{Behaviour, Fault, RawServer};

use crate::setup::{SERVICE, Who, failure, harness_at, open, success};

fn write() -> (&'static str, Value) {
    ("create_incident", json!({"title": "Late", "service_id": SERVICE}))
}

fn answer(status: u16, body: &Value) -> Fault {
    Fault::Status { status, headers: vec![("X-Request-Id".into(), "r-77".into())], body: body.to_string() }
}

async fn each_is_told(table: Vec<(u16, Value, Kind, &str)>) {
    for (status, body, kind, words) in table {
        let (vendor, harness) = open().await;
        vendor.fail_next(answer(status, &body));
        let (tool, arguments) = write();
        let failed = failure(&harness, tool, arguments).await;
        assert_eq!((failed.kind, failed.sent), (kind, Sent::Yes), "{status} {body}: {failed:?}");
        assert!(failed.message.contains(words), "{status} {body}: {}", failed.message);
        assert_eq!((failed.vendor.status, failed.vendor.request_id.as_deref()), (Some(status), Some("r-77")));
        assert_eq!((failed.exchanges.len(), vendor.count()), (1, 1), "{failed:?}");
    }
}

fn coded(code: u32, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

#[tokio::test]
async fn every_refusal_has_its_kind_and_says_what_to_do() {
    each_is_told(vec![
        (400, coded(1_001, "Incident Already Resolved"), Kind::Conflict, "is resolved already"),
        (400, coded(1_002, "Incident Already Acknowledged"), Kind::Conflict, "has acknowledged the incident already"),
        (400, coded(1_005, "Data Updated"), Kind::Conflict, "changed it meanwhile"),
        (400, coded(1_008, "Requester User Not Found"), Kind::InvalidArguments, "Set actor_email"),
        (400, coded(2_002, "Arguments Caused Error"), Kind::InvalidArguments, "Arguments Caused Error"),
        (401, coded(2_006, "Authentication failed"), Kind::Unauthorized, "a credential of the EU region"),
        (402, coded(2_014, "Account Missing Ability"), Kind::PlanLimit, "plan of this account does not include"),
        (403, coded(2_010, "Access Denied"), Kind::Forbidden, "a read-only key"),
        (404, coded(2_100, "Not Found"), Kind::NotFound, "Take identifiers from the list tools"),
        (408, coded(2_016, "Timeout"), Kind::VendorFailure, "code 2016"),
        (409, coded(2_008, "Locked"), Kind::Conflict, "Locked"),
        (413, coded(2_001, "Too large"), Kind::InvalidArguments, "250 are allowed"),
        (422, coded(2_001, "Unprocessable"), Kind::InvalidArguments, "Unprocessable"),
        (500, coded(2_000, "Internal Error"), Kind::VendorFailure, "Internal Error"),
        (503, json!({}), Kind::VendorFailure, "503"),
    ])
    .await;
}

#[tokio::test]
async fn an_error_is_read_in_every_shape_that_the_vendor_gives_it() {
    let invalid =
        |errors: Value| json!({"error": {"code": 2_001, "message": "Invalid Input Provided", "errors": errors}});
    each_is_told(vec![
        (
            400,
            invalid(json!(["Title cannot be empty", "Service is gone"])),
            Kind::InvalidArguments,
            "[Title cannot be empty; Service is gone]",
        ),
        (400, invalid(json!("Title cannot be empty")), Kind::InvalidArguments, "[Title cannot be empty]"),
        (400, json!({"error": ["one", "two"]}), Kind::InvalidArguments, "one; two"),
        (400, json!({"error": "An account-level access token cannot do this"}), Kind::Forbidden, "Use a user's key"),
        (
            400,
            json!({"message": "no", "errors": {"title": ["is too long"]}}),
            Kind::InvalidArguments,
            "[title: is too long]",
        ),
        (
            403,
            json!({"error": {"message": "No", "required_scopes": "a.read b.write"}}),
            Kind::Forbidden,
            "missing scopes: a.read, b.write",
        ),
        (
            403,
            json!({"error": {"message": "No", "required_scopes": ["a.read"]}}),
            Kind::Forbidden,
            "missing scopes: a.read",
        ),
        (400, json!([1, null]), Kind::InvalidArguments, "answered 400"),
    ])
    .await;
}

#[tokio::test]
async fn an_error_without_json_is_told_by_its_status() {
    for (body, words) in [
        ("upstream is away", "upstream is away"),
        ("<html><body>Sorry</body></html>", "answered 502"),
        ("", "answered 502"),
    ] {
        let (vendor, harness) = open().await;
        vendor.fail_next(Fault::Status { status: 502, headers: Vec::new(), body: body.to_owned() });
        let (tool, arguments) = write();
        let failed = failure(&harness, tool, arguments).await;
        assert_eq!((failed.kind, vendor.count()), (Kind::VendorFailure, 1));
        assert!(failed.message.contains(words) && !failed.message.contains('<'), "{}", failed.message);
    }
}

#[tokio::test]
async fn unknown_identifiers_are_told_apart() {
    let (vendor, harness) = open().await;
    for (tool, arguments, kind, words) in [
        ("get_incident", json!({"incident_id": "no such#one"}), Kind::NotFound, "list tools"),
        ("update_incident", json!({"incident_id": "Q0", "status": "resolved"}), Kind::NotFound, "list tools"),
        ("create_incident", json!({"title": "x", "service_id": "P0"}), Kind::InvalidArguments, "Service not found"),
        (
            "create_incident",
            json!({"title": "x", "service_id": SERVICE, "assignee_ids": ["P0"]}),
            Kind::InvalidArguments,
            "1007",
        ),
        (
            "create_incident",
            json!({"title": "x", "service_id": SERVICE, "escalation_policy_id": "P0"}),
            Kind::InvalidArguments,
            "1014",
        ),
        (
            "create_incident",
            json!({"title": "x", "service_id": SERVICE, "priority_id": "P0"}),
            Kind::InvalidArguments,
            "1020",
        ),
    ] {
        let failed = failure(&harness, tool, arguments).await;
        assert_eq!(failed.kind, kind, "{failed:?}");
        assert!(failed.message.contains(words), "{}", failed.message);
    }
    assert!(vendor.requests().iter().any(|seen| seen.path() == "/incidents/no%20such%23one"));
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_no_answer_is_a_bad_answer() {
    let elsewhere = RawServer::start(Behaviour::NeverAnswers).await.unwrap();
    for fault in [Fault::Html, Fault::redirect(elsewhere.base_url()), Fault::CutJson, Fault::WrongTypes] {
        let (vendor, harness) = open().await;
        vendor.fail_next(fault.clone());
        let failed = failure(&harness, "list_incidents", json!({})).await;
        assert_eq!((failed.kind, vendor.count()), (Kind::BadAnswer, 1), "{fault:?}: {failed:?}");
    }
    assert_eq!(elsewhere.connections(), 0, "the redirect was followed");
}

#[tokio::test]
async fn a_refused_token_is_told_to_be_connected_again() {
    let (vendor, _) = open().await;
    let harness = harness_at(vendor.base_url(), Who::Token, "expired").await;
    let refused = harness.call("list_incidents", json!({})).await.unwrap_err();
    assert_eq!(refused.code(), Some(DenialCode::CredentialUnusable));
    let told = refused.to_string();
    assert!(told.contains("must be connected again") && told.contains("(code 2006)"), "{told}");
}

#[tokio::test]
async fn an_object_in_unexpected_dress_passes_through() {
    let (vendor, harness) = open().await;
    let read = || success(&harness, "get_incident", json!({"incident_id": "4134"}));
    vendor.fail_next(Fault::UnknownFields);
    assert_eq!(read().await.output.to_value().unwrap()["x_a_number"], json!(9_007_199_254_740_993_u64));
    vendor.fail_next(Fault::Nulls);
    assert_eq!(read().await.output.to_value().unwrap()["title"], Value::Null);
    vendor.fail_next(Fault::WrongTypes);
    assert_eq!(read().await.output.to_value().unwrap()["incident_number"], json!("4134"));
}
