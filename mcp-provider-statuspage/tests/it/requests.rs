//! Every tool, sent through a governor to the stand-in: the request is compared to the letter.

use mcp_govern_conformance::wire::Case;
use mcp_govern_core::ProviderErrorKind;
use serde_json::{Value, json};
use stand_ins::Fault;

use crate::{
    cases::{Made, cases},
    setup::{PAGE, call, failure, open_only, sent, success},
};

/// Asks a stand-in for the identifiers that it made up.
async fn made() -> Made {
    let (_vendor, harness) = open_only(&["list_subscribers", "get_incident"]).await;
    let first = |list: &Value| list["items"][0]["id"].as_str().unwrap_or_default().to_owned();
    let of_state = |state: &'static str| call(&harness, "list_subscribers", json!({"page_id": PAGE, "state": state}));
    let incident = call(&harness, "get_incident", json!({"page_id": PAGE, "incident_id": "i7bookapi5xx"})).await;
    Made {
        subscriber: first(&of_state("active").await),
        unconfirmed: first(&of_state("unconfirmed").await),
        quarantined: first(&of_state("quarantined").await),
        update: incident["incident_updates"][0]["id"].as_str().unwrap_or_default().to_owned(),
    }
}

/// Makes the call at a stand-in of its own.
async fn faults_of(case: &Case) -> Vec<String> {
    let (vendor, harness) = open_only(&case.tools()).await;
    let (tool, mut faults) = (case.tool(), Vec::new());
    for (tool, arguments) in case.before() {
        success(&harness, tool, arguments.clone()).await;
    }
    vendor.forget_requests();
    match harness.governor().preview(harness.person(), harness.request(tool, case.arguments())) {
        Ok(preview) => faults.extend(case.preview_faults(&vendor.base_url(), &preview)),
        Err(error) => faults.push(format!("{tool}: the preview fails: {error}")),
    }
    assert_eq!(vendor.count(), 0, "the preview of `{tool}` sent something");
    if let Err(error) = harness.call(tool, case.arguments()).await {
        faults.push(format!("{tool}: {error}"));
    }
    let authorization = format!("OAuth {}", vendor.good_key());
    match vendor.requests().as_slice() {
        // The key never goes to the address of a public page.
        [seen] if seen.path().starts_with("/api/v2/") => {
            faults.extend(case.faults(&sent(seen), &[("accept", "application/json")]));
        }
        [seen] => {
            let headers = [("accept", "application/json"), ("authorization", authorization.as_str())];
            faults.extend(case.faults(&sent(seen), &headers));
        }
        seen => faults.push(format!("{tool}: {} requests were sent", seen.len())),
    }
    faults.extend(vendor.violations());
    faults
}

#[tokio::test]
async fn every_tool_sends_exactly_its_request_and_its_preview_shows_it() {
    let mut faults = Vec::new();
    for case in cases(&made().await) {
        faults.extend(faults_of(&case).await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A write that failed in the middle is the caller's to look after; one that was turned away was not done.
#[tokio::test]
async fn every_write_is_sent_once_after_a_failure_and_again_after_it_was_turned_away() {
    let made = made().await;
    let mut tried = 0;
    for case in cases(&made).into_iter().filter(|case| case.method() != "GET") {
        let (vendor, harness) = open_only(&case.tools()).await;
        for (tool, arguments) in case.before() {
            success(&harness, tool, arguments.clone()).await;
        }
        vendor.forget_requests();
        vendor.fail_next(Fault::status(503));
        let failed = failure(&harness, case.tool(), case.arguments()).await;
        assert_eq!((failed.kind, vendor.count()), (ProviderErrorKind::VendorFailure, 1), "`{}`", case.tool());
        assert!(failed.message.contains("look before you repeat it"), "{}", failed.message);
        vendor.fail_next(Fault::Throttle { retry_after: Some(0) });
        success(&harness, case.tool(), case.arguments()).await;
        assert_eq!(vendor.count(), 3, "`{}`", case.tool());
        tried += 1;
    }
    assert!(tried > 60, "{tried}");
}
