//! Keys: good, bad, absent; what a probe finds, what a preview shows, and that a key stands nowhere else.

use mcp_govern_conformance::{CANARY, Harness, LeakDetector};
use mcp_govern_core::{
    ArgumentRule, CredentialOwner, CredentialReport, CredentialVerdict, DenialCode, ProviderErrorKind,
};
use mcp_provider_statuspage::{ORGANIZATION_ID, PAGE_IDS};
use serde_json::{Value, json};
use stand_ins::{Fault, StatuspageStandIn};

use crate::setup::{PAGE, credential, failure, open_only, provider, spec};

async fn probed(vendor: &StatuspageStandIn, key: &str) -> CredentialReport {
    probed_with(vendor, key, &[]).await
}

async fn probed_with(vendor: &StatuspageStandIn, key: &str, config: &[(&str, &str)]) -> CredentialReport {
    let spec = config.iter().fold(spec(vendor.base_url()), |spec, (key, value)| spec.with_config(*key, *value));
    let harness = Harness::shared_builder(provider(), spec).with_only(["list_pages"]).open().await.unwrap();
    let (owner, key) = (CredentialOwner::Shared, credential(key));
    harness.governor().probe_with(harness.admin(), harness.server(), &owner, &key).await.unwrap()
}

#[tokio::test]
async fn a_probe_says_that_a_key_works_and_which_pages_it_sees() {
    let vendor = StatuspageStandIn::start().await;
    let report = probed(&vendor, &vendor.good_key()).await;
    assert_eq!(report.verdict, CredentialVerdict::Accepted);
    let fact = |name: &str| report.facts.more.get(name).map(String::as_str);
    let pages = format!("{PAGE}, {}", StatuspageStandIn::SECOND_PAGE);
    assert_eq!((fact("pages"), fact("page_names")), (Some(&*pages), Some("Harbourline, Harbourline Depots")));
    assert_eq!(fact("organization"), None, "nobody said which one");
    assert!(report.facts.scopes.contains("read"));
    assert!(report.remarks.iter().any(|remark| remark.contains("does not tell whose key")), "{report:?}");
    assert_eq!((vendor.count(), vendor.violations()), (1, Vec::new()));
}

#[tokio::test]
async fn a_probe_names_the_organization_where_it_is_configured() {
    let vendor = StatuspageStandIn::start().await;
    let config = [(ORGANIZATION_ID, StatuspageStandIn::ORGANIZATION)];
    let report = probed_with(&vendor, &vendor.good_key(), &config).await;
    let organization = report.facts.more.get("organization").map(String::as_str);
    assert_eq!(organization, Some(StatuspageStandIn::ORGANIZATION));
    assert!(!format!("{report:?}").contains('@'), "a probe needs nobody's address");
    assert_eq!((vendor.count(), vendor.violations()), (2, Vec::new()));

    // Organisations on Atlassian accounts do not tell; the key is good all the same.
    let vendor = StatuspageStandIn::builder().with_atlassian_accounts().start().await;
    let report = probed_with(&vendor, &vendor.good_key(), &config).await;
    assert_eq!((report.verdict, report.facts.more.get("organization")), (CredentialVerdict::Accepted, None));
    assert!(report.remarks.iter().any(|remark| remark.contains("list_organization_users")), "{report:?}");
}

#[tokio::test]
async fn a_probe_of_a_limited_server_tells_its_pages_alone_and_which_of_them_the_key_does_not_see() {
    let vendor = StatuspageStandIn::start().await;
    let config = [(PAGE_IDS, "hbv3n8r1c6wd, elsewhere000"), (ORGANIZATION_ID, StatuspageStandIn::ORGANIZATION)];
    let report = probed_with(&vendor, &vendor.good_key(), &config).await;
    let fact = |name: &str| report.facts.more.get(name).map(String::as_str);
    assert_eq!((fact("pages"), fact("page_names")), (Some("hbv3n8r1c6wd"), Some("Harbourline Depots")));
    assert!(report.remarks.iter().any(|remark| remark.contains("does not see") && remark.contains("elsewhere000")));
    assert_eq!((vendor.count(), fact("organization")), (1, None), "it does not reach beyond its pages");
}

#[tokio::test]
async fn a_probe_of_a_refused_key_is_a_report_that_says_what_to_do() {
    let vendor = StatuspageStandIn::start().await;
    let report = probed(&vendor, "not-the-key").await;
    assert_eq!(report.verdict, CredentialVerdict::Rejected);
    assert!(report.remarks.iter().any(|remark| remark.contains("Copy it again")), "{report:?}");
}

#[tokio::test]
async fn a_probe_of_a_key_that_may_read_nothing_says_so() {
    let vendor = StatuspageStandIn::start().await;
    vendor.fail_next(Fault::status(403));
    let report = probed(&vendor, &vendor.good_key()).await;
    assert_eq!(report.verdict, CredentialVerdict::Accepted);
    assert!(report.remarks.iter().any(|remark| remark.contains("may not do this")), "{report:?}");
}

#[tokio::test]
async fn tools_are_discovered_with_a_wrong_key_and_the_first_call_says_that_it_is_wrong() {
    let vendor = StatuspageStandIn::start().await;
    let builder =
        Harness::shared_builder(provider(), spec(vendor.base_url())).with_credential(credential("not-the-key"));
    let harness = builder.open().await.unwrap();
    let tools = harness.governor().list(harness.person()).unwrap();
    let all = mcp_provider_statuspage::provider().unwrap().catalogue().tools.len();
    assert_eq!(tools.len(), all - 8, "all but those of the public pages, of which none is configured");
    assert_eq!(vendor.count(), 0, "discovery asked the vendor");
    let failed = failure(&harness, "list_pages", json!({})).await;
    assert_eq!(failed.kind, ProviderErrorKind::Unauthorized);
    assert!(failed.message.contains("does not accept the API key"), "{}", failed.message);
    assert_eq!((vendor.count(), vendor.violations()), (1, Vec::new()));
}

#[tokio::test]
async fn a_preview_masks_the_key_and_names_who_is_told() {
    let (vendor, harness) = open_only(&["create_incident"]).await;
    let request = harness.request("create_incident", json!({"page_id": PAGE, "name": "Late"}));
    let preview = harness.governor().preview(harness.person(), request).unwrap();
    let authorization: Vec<_> = preview.headers.iter().filter(|(name, _)| name == "authorization").collect();
    assert_eq!(authorization, [&("authorization".to_owned(), "OAuth ***".to_owned())]);
    assert!(preview.notes.iter().any(|note| note.contains("subscribers")), "{:?}", preview.notes);
    assert_eq!(vendor.count(), 0);
}

#[tokio::test]
async fn a_rule_holds_a_server_to_one_page() {
    let vendor = StatuspageStandIn::start().await;
    let rule: ArgumentRule = serde_json::from_value(json!({
        "argument": "page_id", "constraint": {"one_of": [PAGE]}, "absent": "allow",
    }))
    .unwrap();
    let spec = spec(vendor.base_url()).with_rules([rule]);
    let builder = Harness::shared_builder(provider(), spec).with_credential(credential(&vendor.good_key()));
    let harness = builder.with_only(["get_page"]).open().await.unwrap();
    assert!(harness.call("get_page", json!({"page_id": PAGE})).await.is_ok());
    let error = harness.call("get_page", json!({"page_id": StatuspageStandIn::SECOND_PAGE})).await.unwrap_err();
    assert_eq!(error.code(), Some(DenialCode::RuleViolated), "{error}");
    assert_eq!(vendor.count(), 1);
}

#[tokio::test]
async fn a_secret_that_is_an_argument_stands_in_the_request_and_nowhere_else() {
    let detector = LeakDetector::listen();
    let (vendor, harness) = open_only(&["create_metric_provider"]).await;
    let of_page = |mut arguments: Value| {
        arguments["page_id"] = json!(PAGE);
        arguments
    };
    let provider = of_page(json!({
        "type": "Datadog", "api_key": CANARY, "application_key": CANARY, "metric_base_uri": "https://monitoring.example.com/api",
    }));
    let preview =
        harness.governor().preview(harness.person(), harness.request("create_metric_provider", provider.clone()));
    detector.look_at("the preview", &preview);
    let success = harness.call("create_metric_provider", provider.clone()).await.unwrap();
    detector.look_at("the result", &success);
    detector.look("the output", success.output.content.get());
    assert!(String::from_utf8_lossy(vendor.last_request().unwrap().body()).contains(CANARY));
    vendor.fail_next(Fault::Status { status: 422, headers: Vec::new(), body: json!({"error": "no"}).to_string() });
    let error = harness.call("create_metric_provider", provider).await.unwrap_err();
    detector.look_at_error("the error", &error);
    // Refused before anything is sent: the refusal names the argument and not its value.
    let wrong = of_page(json!({"type": "Datadog", "api_key": [CANARY], "metric_base_uri": "x"}));
    let error = harness.call("create_metric_provider", wrong).await.unwrap_err();
    detector.look_at_error("the refusal", &error);
    harness.close().await;
    for record in harness.records().await.unwrap() {
        detector.look("a record", &record);
    }
    assert!(detector.looked() > 5);
    detector.verdict().unwrap();
}

#[tokio::test]
async fn people_are_not_on_record_in_clear() {
    let (_vendor, harness) =
        open_only(&["create_page_access_user", "create_subscriber", "list_page_access_users", "list_subscribers"])
            .await;
    for (tool, arguments) in [
        ("create_subscriber", json!({"page_id": PAGE, "email": "ada@example.com"})),
        ("list_subscribers", json!({"page_id": PAGE, "q": "ada@example.com"})),
        ("list_page_access_users", json!({"page_id": PAGE, "email": "ada@example.com"})),
        (
            "create_page_access_user",
            json!({"page_id": PAGE, "email": "ada@example.com", "external_login": "ada.lovelace"}),
        ),
        ("create_subscriber", json!({"page_id": PAGE, "phone_country": "NL", "phone_number": "205550142"})),
    ] {
        crate::setup::success(&harness, tool, arguments).await;
    }
    harness.close().await;
    let records = harness.records().await.unwrap();
    assert!(records.iter().any(|record| record.contains("create_subscriber")), "{records:#?}");
    for record in records {
        for person in ["ada@example.com", "ada.lovelace", "205550142"] {
            assert!(!record.contains(person), "{record}");
        }
    }
}
