//! Keys: good, bad, of either kind, of either region; what a probe finds and what a preview shows.

use mcp_govern_conformance::Harness;
use mcp_govern_core::{
    Credential, CredentialOwner, CredentialReport, CredentialVerdict, ProviderErrorKind, ServerSpec,
};
use mcp_provider_opsgenie::{REGION_EU, REGION_US};
use serde_json::json;
use stand_ins::OpsgenieStandIn;
use url::Url;

use crate::setup::{OPEN, failure, harness_at, keys, open, provider, spec};

async fn probed(vendor: &OpsgenieStandIn, credential: Credential) -> CredentialReport {
    let harness = Harness::shared_builder(provider(), spec(vendor.base_url())).open().await.unwrap();
    let owner = CredentialOwner::Shared;
    harness.governor().probe_with(harness.admin(), harness.server(), &owner, &credential).await.unwrap()
}

fn remarked(report: &CredentialReport, words: &str) -> bool {
    report.remarks.iter().any(|remark| remark.contains(words))
}

#[tokio::test]
async fn a_probe_tries_both_keys_and_names_the_account() {
    let vendor = OpsgenieStandIn::start().await;
    let report = probed(&vendor, keys(&vendor.good_key(), Some(&vendor.integration_key()))).await;
    assert_eq!((report.verdict, report.remarks.len()), (CredentialVerdict::Accepted, 0), "{report:?}");
    assert_eq!(report.facts.authorized_as.as_deref(), Some("harbourline"));
    assert_eq!(report.facts.more.get("plan").map(String::as_str), Some("Standard"));
    assert!(report.facts.scopes.contains("read") && report.facts.scopes.contains("configuration_access"));
    let sent: Vec<_> = vendor.requests().iter().map(|seen| seen.path().to_owned()).collect();
    assert_eq!(sent, ["/v2/account", "/v2/alerts"]);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_probe_says_what_a_key_lacks() {
    let vendor = OpsgenieStandIn::start().await;
    let report = probed(&vendor, keys(&vendor.good_key(), None)).await;
    assert_eq!(report.verdict, CredentialVerdict::Accepted);
    assert!(remarked(&report, "`integration_key` is not filled in"), "{report:?}");

    let report = probed(&vendor, keys(&vendor.integration_key(), None)).await;
    assert_eq!(report.verdict, CredentialVerdict::Accepted);
    assert!(!report.facts.scopes.contains("configuration_access"), "{report:?}");

    let report = probed(&vendor, keys(&vendor.read_only_key(), None)).await;
    assert_eq!(report.verdict, CredentialVerdict::Accepted);
    assert!(report.facts.scopes.contains("configuration_access"), "{report:?}");
}

#[tokio::test]
async fn one_wrong_key_of_two_is_told() {
    let vendor = OpsgenieStandIn::start().await;
    for credential in
        [keys(&vendor.good_key(), Some("wrong")), keys("wrong", Some(&vendor.integration_key())), keys("wrong", None)]
    {
        let report = probed(&vendor, credential).await;
        assert_eq!(report.verdict, CredentialVerdict::Rejected);
        assert!(remarked(&report, "does not accept the key"), "{report:?}");
    }
}

#[tokio::test]
async fn a_key_of_the_other_region_is_refused_and_the_region_is_mentioned() {
    let (us, eu) = (OpsgenieStandIn::start().await, OpsgenieStandIn::start_eu().await);
    let harness = harness_at(eu.base_url(), keys(&us.good_key(), None)).await;
    let failed = failure(&harness, "list_alerts", json!({})).await;
    assert_eq!(failed.kind, ProviderErrorKind::Unauthorized);
    assert!(failed.message.contains("EU region"), "{}", failed.message);
    let report = probed(&eu, keys(&eu.good_key(), None)).await;
    assert_eq!(report.facts.authorized_as.as_deref(), Some("harbourline-europe"));
}

async fn previewed(spec: ServerSpec) -> String {
    let harness =
        Harness::shared_builder(provider(), spec).with_credential(keys("some-key", None)).open().await.unwrap();
    let preview = harness.governor().preview(harness.person(), harness.request("get_account", json!({})));
    preview.unwrap().url
}

#[tokio::test]
async fn the_region_decides_where_requests_go() {
    let without_address = || {
        let mut spec = spec(Url::parse("https://example.com").unwrap());
        spec.base_url = None;
        spec
    };
    assert_eq!(previewed(without_address()).await, "https://api.opsgenie.com/v2/account");
    assert_eq!(previewed(without_address().with_region(REGION_US)).await, "https://api.opsgenie.com/v2/account");
    assert_eq!(previewed(without_address().with_region(REGION_EU)).await, "https://api.eu.opsgenie.com/v2/account");
}

#[tokio::test]
async fn tools_are_discovered_with_a_wrong_key_and_the_first_call_says_that_it_is_wrong() {
    let vendor = OpsgenieStandIn::start().await;
    let harness = harness_at(vendor.base_url(), keys("wrong", None)).await;
    let tools = harness.governor().list(harness.person()).unwrap();
    assert_eq!(tools.len(), mcp_provider_opsgenie::provider().unwrap().catalogue().tools.len());
    assert_eq!(vendor.count(), 0, "discovery asked the vendor");
    let failed = failure(&harness, "list_alerts", json!({})).await;
    assert_eq!(failed.kind, ProviderErrorKind::Unauthorized);
    assert!(failed.message.contains("does not accept the key"), "{}", failed.message);
}

#[tokio::test]
async fn a_preview_masks_the_key_and_tells_of_the_wait_and_of_who_is_paged() {
    let (vendor, harness) = open().await;
    let request = harness.request("create_alert", json!({"message": "Late"}));
    let preview = harness.governor().preview(harness.person(), request).unwrap();
    let authorization: Vec<_> = preview.headers.iter().filter(|(name, _)| name == "authorization").collect();
    assert_eq!(authorization, [&("authorization".to_owned(), "GenieKey ***".to_owned())]);
    for words in ["get_alert_request_status", "people on call"] {
        assert!(preview.notes.iter().any(|note| note.contains(words)), "{:?}", preview.notes);
    }
    let request = harness.request("close_alert", json!({"identifier": OPEN}));
    let preview = harness.governor().preview(harness.person(), request).unwrap();
    assert!(preview.url.ends_with("/v2/alerts/booking-api%2Ferror-rate/close?identifierType=id"), "{}", preview.url);
    assert_eq!(vendor.count(), 0);
}
