//! Keys and tokens: good, bad, limited; what a probe finds, what a preview shows, and where requests go.

use mcp_govern_conformance::Harness;
use mcp_govern_core::{
    Actor, ArgumentRule, CredentialOwner, CredentialReport, CredentialSharing, CredentialVerdict, DenialCode,
    ProviderErrorKind, ServerConfig, ServerId, ServerSpec, TenantId,
};
use mcp_provider_pagerduty::{ACTOR_EMAIL, REGION_EU, REGION_US};
use serde_json::json;
use stand_ins::PagerDutyStandIn;
use url::Url;

use crate::setup::{ACTOR, SERVICE, Who, call, failure, harness_at, open, open_as, provider};

async fn probed(vendor: &PagerDutyStandIn, who: Who, secret: &str) -> CredentialReport {
    let harness = Harness::shared_builder(provider(), who.spec(vendor.base_url())).open().await.unwrap();
    let (owner, prober) = if who == Who::Token {
        let user = harness.person().user.clone();
        (CredentialOwner::User(user.clone()), Actor::new(user, []))
    } else {
        (CredentialOwner::Shared, harness.admin().clone())
    };
    harness.governor().probe_with(&prober, harness.server(), &owner, &who.credential(secret)).await.unwrap()
}

#[tokio::test]
async fn a_probe_of_a_users_credential_names_the_user() {
    for who in [Who::User, Who::Token] {
        let vendor = PagerDutyStandIn::start().await;
        let report = probed(&vendor, who, &who.secret(&vendor)).await;
        assert_eq!((report.verdict, report.remarks.len()), (CredentialVerdict::Accepted, 0), "{report:?}");
        assert_eq!(report.facts.authorized_as.as_deref(), Some(ACTOR));
        let fact = |name: &str| report.facts.more.get(name).map(String::as_str);
        assert_eq!(
            (fact("user_id"), fact("user_name"), fact("role")),
            (Some("PUSMARI"), Some("Marit Visser"), Some("owner"))
        );
        assert_eq!((vendor.count(), vendor.violations()), (1, Vec::new()));
    }
}

#[tokio::test]
async fn a_probe_of_an_accounts_key_says_that_it_works_and_names_nobody() {
    for who in [Who::Account, Who::ReadOnly] {
        let vendor = PagerDutyStandIn::start().await;
        let report = probed(&vendor, who, &who.secret(&vendor)).await;
        assert_eq!((report.verdict, report.facts.authorized_as.as_deref()), (CredentialVerdict::Accepted, None));
        assert!(report.facts.scopes.contains("read"), "{report:?}");
        let sent: Vec<_> = vendor.requests().iter().map(|seen| seen.path().to_owned()).collect();
        assert_eq!((sent, vendor.violations()), (vec!["/users/me".to_owned(), "/abilities".to_owned()], Vec::new()));
    }
}

#[tokio::test]
async fn a_probe_of_a_refused_credential_is_a_report_that_mentions_the_region() {
    for who in [Who::Account, Who::Token] {
        let vendor = PagerDutyStandIn::start().await;
        let report = probed(&vendor, who, "not-the-secret").await;
        assert_eq!((report.verdict, vendor.count()), (CredentialVerdict::Rejected, 1));
        assert!(report.remarks.iter().any(|remark| remark.contains("check the region")), "{report:?}");
    }
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let vendor = PagerDutyStandIn::builder().with_token_scopes(&["incidents.read", "services.read"]).start().await;
    let harness = harness_at(vendor.base_url(), Who::Token, &vendor.user_token()).await;
    call(&harness, "list_incidents", json!({})).await;
    for (tool, arguments, scope) in [
        ("create_incident", json!({"title": "Late", "service_id": SERVICE}), "incidents.write"),
        ("update_incident", json!({"incident_id": "4134", "status": "resolved"}), "incidents.write"),
        ("list_on_calls", json!({}), "oncalls.read"),
        ("list_abilities", json!({}), "abilities.read"),
    ] {
        let failed = failure(&harness, tool, arguments).await;
        assert_eq!((failed.kind, failed.vendor.missing_scopes), (ProviderErrorKind::Forbidden, vec![scope.to_owned()]));
        assert!(failed.message.contains(&format!("missing scopes: {scope}")), "{}", failed.message);
    }
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_read_only_key_reads_and_is_told_that_it_cannot_write() {
    let (vendor, harness) = open_as(Who::ReadOnly).await;
    call(&harness, "list_incidents", json!({})).await;
    let failed = failure(&harness, "create_incident", json!({"title": "Late", "service_id": SERVICE})).await;
    assert_eq!(failed.kind, ProviderErrorKind::Forbidden);
    assert!(failed.message.contains("a read-only key"), "{}", failed.message);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn the_accounts_key_has_no_current_user_and_is_told_what_has() {
    let (_vendor, harness) = open().await;
    let failed = failure(&harness, "get_current_user", json!({})).await;
    assert_eq!(failed.kind, ProviderErrorKind::Forbidden);
    assert!(failed.message.contains("Use a user's key"), "{}", failed.message);
}

#[tokio::test]
async fn an_actor_whom_the_account_does_not_know_is_told_to_be_corrected() {
    let vendor = PagerDutyStandIn::start().await;
    let spec = Who::Account.spec(vendor.base_url()).with_config(ACTOR_EMAIL, "nobody@example.com");
    let credential = Who::Account.credential(&vendor.good_key());
    let harness = Harness::shared_builder(provider(), spec).with_credential(credential).open().await.unwrap();
    let failed = failure(&harness, "update_incident", json!({"incident_id": "4134", "status": "resolved"})).await;
    assert_eq!(failed.kind, ProviderErrorKind::InvalidArguments);
    assert!(failed.message.contains("Set actor_email"), "{}", failed.message);
}

fn opens(spec: ServerSpec) -> Result<(), (ProviderErrorKind, String)> {
    let config = ServerConfig::new(TenantId::new("t").unwrap(), ServerId::new("s").unwrap(), spec);
    let error = provider().open(&config).map(drop);
    error.map_err(|error| (error.kind(), error.message().to_owned()))
}

#[test]
fn a_server_with_a_key_must_name_its_actor_and_one_with_tokens_need_not() {
    let at = || Url::parse("https://pagerduty.example.com").unwrap();
    assert_eq!(opens(Who::Account.spec(at())), Ok(()));
    assert_eq!(opens(Who::Token.spec(at())), Ok(()));
    let mut nobody = Who::Account.spec(at());
    nobody.config.clear();
    let actor = |text: &str| Who::Account.spec(at()).with_config(ACTOR_EMAIL, text);
    let bad = ["", "marit", "a@b@c", "marit@example.com\r\nX-Injected: yes", "mârit@example.com"];
    for spec in [nobody].into_iter().chain(bad.iter().map(|text| actor(text))) {
        let shown = format!("{:?}", spec.config);
        let (kind, text) = opens(spec).unwrap_err();
        assert_eq!(kind, ProviderErrorKind::Config, "{shown}: {text}");
        assert!(text.contains("`actor_email`"), "{shown}: {text}");
    }
    let (kind, text) = opens(Who::Token.spec(at()).with_sharing(CredentialSharing::Shared)).unwrap_err();
    assert_eq!(kind, ProviderErrorKind::Config);
    assert!(text.contains("`oauth`"), "{text}");
}

async fn previewed(spec: ServerSpec) -> String {
    let builder = Harness::shared_builder(provider(), spec).with_credential(Who::Account.credential("some-key"));
    let harness = builder.open().await.unwrap();
    harness.governor().preview(harness.person(), harness.request("list_abilities", json!({}))).unwrap().url
}

#[tokio::test]
async fn the_region_decides_where_requests_go() {
    let without_address = || {
        let mut spec = Who::Account.spec(Url::parse("https://example.com").unwrap());
        spec.base_url = None;
        spec
    };
    assert_eq!(previewed(without_address()).await, "https://api.pagerduty.com/abilities");
    assert_eq!(previewed(without_address().with_region(REGION_US)).await, "https://api.pagerduty.com/abilities");
    assert_eq!(previewed(without_address().with_region(REGION_EU)).await, "https://api.eu.pagerduty.com/abilities");
}

#[tokio::test]
async fn tools_are_discovered_with_a_wrong_credential_and_the_first_call_says_that_it_is_wrong() {
    for who in [Who::Account, Who::Token] {
        let vendor = PagerDutyStandIn::start().await;
        let harness = harness_at(vendor.base_url(), who, "not-the-secret").await;
        let tools = harness.governor().list(harness.person()).unwrap();
        assert_eq!(tools.len(), mcp_provider_pagerduty::provider().unwrap().catalogue().tools.len());
        assert_eq!(vendor.count(), 0, "discovery asked the vendor");
        let refused = harness.call("list_incidents", json!({})).await.unwrap_err();
        match who {
            // A person's own is to be connected again.
            Who::Token => assert_eq!(refused.code(), Some(DenialCode::CredentialUnusable)),
            _ => assert_eq!(
                refused.provider_error().map(mcp_govern_core::ProviderError::kind),
                Some(ProviderErrorKind::Unauthorized)
            ),
        }
        assert!(refused.to_string().contains("does not accept the credential"), "{refused}");
        assert_eq!((vendor.count(), vendor.violations()), (1, Vec::new()));
    }
}

#[tokio::test]
async fn a_preview_masks_the_secret_and_says_in_whose_name_and_who_is_paged() {
    for (who, authorization, from) in [(Who::Account, "Token token=***", Some(ACTOR)), (Who::Token, "Bearer ***", None)]
    {
        let (vendor, harness) = open_as(who).await;
        let request = harness.request("create_incident", json!({"title": "Late", "service_id": SERVICE}));
        let preview = harness.governor().preview(harness.person(), request).unwrap();
        let header = |name: &str| {
            let all: Vec<_> =
                preview.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
            assert!(all.len() < 2, "{name}: {all:?}");
            all.first().copied()
        };
        assert_eq!((header("authorization"), header("from")), (Some(authorization), from));
        assert!(preview.notes.iter().any(|note| note.contains("people on call")), "{:?}", preview.notes);
        assert_eq!(vendor.count(), 0);
    }
}

#[tokio::test]
async fn rules_hold_a_server_to_one_service() {
    let vendor = PagerDutyStandIn::start().await;
    let rules = [
        json!({"argument": "service_id", "constraint": {"one_of": [SERVICE]}, "absent": "allow"}),
        json!({"argument": "service_ids", "constraint": {"subset": [SERVICE]}, "absent": "allow"}),
    ];
    let rules = rules.map(|rule| -> ArgumentRule { serde_json::from_value(rule).unwrap() });
    let spec = Who::Account.spec(vendor.base_url()).with_rules(rules);
    let credential = Who::Account.credential(&vendor.good_key());
    let harness = Harness::shared_builder(provider(), spec).with_credential(credential).open().await.unwrap();
    assert!(harness.call("create_incident", json!({"title": "Late", "service_id": SERVICE})).await.is_ok());
    assert!(harness.call("list_incidents", json!({"service_ids": [SERVICE]})).await.is_ok());
    for (tool, arguments) in [
        ("create_incident", json!({"title": "Late", "service_id": "PHLGATE"})),
        ("list_incidents", json!({"service_ids": [SERVICE, "PHLGATE"]})),
    ] {
        let error = harness.call(tool, arguments).await.unwrap_err();
        assert_eq!(error.code(), Some(DenialCode::RuleViolated), "{error}");
    }
    assert!(harness.call("list_incidents", json!({})).await.is_err(), "a list without the service shows the others");
    assert_eq!(vendor.count(), 2);
}
