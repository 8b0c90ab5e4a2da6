//! Every tool, sent through a governor to the stand-in: the request is compared to the letter.

use mcp_govern_conformance::Harness;
use mcp_govern_core::Effect;
use serde_json::{Value, json};
use stand_ins::StatuspageStandIn;

use crate::{
    cases::{Made, cases},
    setup::{PAGE, call, open, success},
    wire::Case,
};

/// Asks a stand-in for the identifiers that it made up.
async fn made() -> Made {
    let (_vendor, harness) = open().await;
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

async fn faults_of(case: &Case, vendor: &StatuspageStandIn, harness: &Harness) -> Vec<String> {
    let mut faults = Vec::new();
    for (tool, arguments) in &case.before {
        success(harness, tool, arguments.clone()).await;
    }
    vendor.forget_requests();
    match harness.governor().preview(harness.person(), harness.request(case.tool, case.arguments.clone())) {
        Ok(preview) => faults.extend(case.preview_faults(&vendor.base_url(), &preview)),
        Err(error) => faults.push(format!("{}: the preview fails: {error}", case.tool)),
    }
    assert_eq!(vendor.count(), 0, "the preview of `{}` sent something", case.tool);
    if let Err(error) = harness.call(case.tool, case.arguments.clone()).await {
        faults.push(format!("{}: {error}", case.tool));
    }
    let authorization = format!("OAuth {}", vendor.good_key());
    match vendor.requests().as_slice() {
        [seen] => {
            faults.extend(case.faults(seen, &[("accept", "application/json"), ("authorization", &authorization)]));
        }
        seen => faults.push(format!("{}: {} requests were sent", case.tool, seen.len())),
    }
    faults.extend(vendor.violations());
    faults
}

/// Reads leave the account as it was, so the next case can go on with it.
fn is_read(tool: &str) -> bool {
    let provider = mcp_provider_statuspage::provider().unwrap();
    provider.catalogue().tools.iter().any(|known| known.name.as_str() == tool && known.effect == Effect::Read)
}

#[tokio::test]
async fn every_tool_sends_exactly_its_request_and_its_preview_shows_it() {
    let mut faults = Vec::new();
    let mut untouched = None;
    for case in cases(&made().await) {
        let (vendor, harness) = match untouched.take() {
            Some(pair) => pair,
            None => open().await,
        };
        faults.extend(faults_of(&case, &vendor, &harness).await);
        if is_read(case.tool) && case.before.is_empty() {
            untouched = Some((vendor, harness));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
