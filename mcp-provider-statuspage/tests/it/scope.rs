//! Servers that are limited to some of the pages.

use mcp_govern_conformance::Harness;
use mcp_govern_core::{ArgumentRule, Constraint, DenialCode, Pattern, ProviderErrorKind, Sent, journal::Action};
use mcp_provider_statuspage::{ORGANIZATION_ID, PAGE_IDS};
use serde_json::{Value, json};
use stand_ins::{PermissionsForm, StatuspageStandIn};

use crate::setup::{PAGE, call, credential, failure, open_configured, open_only, provider, spec};

const SECOND: &str = StatuspageStandIn::SECOND_PAGE;

/// The schema of a tool's arguments as the person's model sees it.
fn shown(harness: &Harness, tool: &str) -> Value {
    let listed = harness.governor().list(harness.person()).unwrap();
    let found = listed.iter().find(|listed| listed.id.name().as_str() == tool);
    Value::clone(&found.unwrap_or_else(|| panic!("`{tool}` is not listed")).input_schema)
}

#[tokio::test]
async fn a_limited_server_shows_its_pages_to_the_model_and_no_tool_that_reaches_beyond_them() {
    let pages = format!("{PAGE}, {SECOND}");
    let (_vendor, harness) = open_configured(&[(PAGE_IDS, &pages)]).await;
    let listed = harness.governor().list(harness.person()).unwrap();
    let names: Vec<&str> = listed.iter().map(|tool| tool.id.name().as_str()).collect();
    for beyond in [
        "replace_user_permissions",
        "change_user_permissions",
        "list_organization_users",
        "create_organization_user",
        "delete_organization_user",
    ] {
        assert!(!names.contains(&beyond), "`{beyond}` is listed");
        let error = harness.call(beyond, json!({})).await.unwrap_err();
        assert_eq!(error.code(), Some(DenialCode::UnknownTool), "{beyond}");
    }
    for tool in listed.iter().filter(|tool| !matches!(tool.id.name().as_str(), "list_pages" | "get_user_permissions")) {
        assert_eq!(tool.input_schema["properties"]["page_id"]["enum"], json!([PAGE, SECOND]), "`{}`", tool.name);
    }
    assert!(names.contains(&"is_anything_down") && names.contains(&"list_pages"), "{names:?}");
}

#[tokio::test]
async fn nothing_is_sent_for_another_page_by_whatever_tool() {
    let pages = format!("{PAGE}, another0page");
    let (vendor, harness) = open_configured(&[(PAGE_IDS, &pages)]).await;
    let listed = harness.governor().list(harness.person()).unwrap();
    let with_page = listed.iter().filter(|tool| tool.input_schema["properties"].get("page_id").is_some());
    let mut tried = 0;
    for tool in with_page {
        for page in
            [json!(SECOND), json!([PAGE]), json!(""), json!(PAGE.to_uppercase()), json!(format!("{PAGE}/../{SECOND}"))]
        {
            let request = || harness.request(tool.id.name().as_str(), json!({ "page_id": page }));
            let error = harness.governor().call(harness.person(), request()).await.unwrap_err();
            let refused = [Some(DenialCode::InvalidArguments), Some(DenialCode::RuleViolated)].contains(&error.code());
            assert!(refused && error.sent() == Sent::No, "{} {page}: {error}", tool.name);
            assert!(harness.governor().preview(harness.person(), request()).is_err());
            tried += 1;
        }
    }
    assert!(tried > 450, "{tried}");
    assert_eq!(vendor.count(), 0);
}

#[tokio::test]
async fn the_only_page_need_not_be_named() {
    let (vendor, harness) = open_configured(&[(PAGE_IDS, SECOND)]).await;
    let schema = shown(&harness, "list_components");
    assert_eq!(schema["properties"].get("page_id"), None, "the model need not know of it: {schema}");
    let list = call(&harness, "list_components", json!({})).await;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(3));
    call(&harness, "is_anything_down", json!({})).await;
    assert!(vendor.requests().iter().all(|seen| seen.path().starts_with(&format!("/v1/pages/{SECOND}/"))));
}

#[tokio::test]
async fn the_list_of_pages_is_kept_to_those_of_the_server() {
    let (_vendor, harness) = open_configured(&[(PAGE_IDS, SECOND)]).await;
    let list = call(&harness, "list_pages", json!({})).await;
    let ids: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|page| &page["id"]).collect();
    assert_eq!(ids, [&json!(SECOND)]);
    let (_vendor, harness) = open_only(&["list_pages"]).await;
    assert_eq!(call(&harness, "list_pages", json!({})).await["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn the_rights_of_a_person_are_kept_to_those_pages_in_every_form() {
    for form in [PermissionsForm::Wrapped, PermissionsForm::Bare, PermissionsForm::Mapped] {
        let vendor = StatuspageStandIn::builder().with_permissions_form(form).start().await;
        let spec = spec(vendor.base_url()).with_config(PAGE_IDS, PAGE);
        let spec = spec.with_config(ORGANIZATION_ID, StatuspageStandIn::ORGANIZATION);
        let builder = Harness::shared_builder(provider(), spec).with_credential(credential(&vendor.good_key()));
        let harness = builder.with_only(["get_user_permissions"]).open().await.unwrap();
        let rights = call(&harness, "get_user_permissions", json!({"user_id": StatuspageStandIn::USER})).await;
        let text = rights.to_string();
        assert!(text.contains(PAGE) && text.contains("incident_manager") && !text.contains(SECOND), "{text}");
    }
}

#[tokio::test]
async fn a_rule_narrows_the_pages_of_a_server_further() {
    let vendor = StatuspageStandIn::start().await;
    let rule = |pages: Vec<Value>| ArgumentRule::new("page_id", Constraint::OneOf(pages)).with_absent_allowed();
    let spec = spec(vendor.base_url())
        .with_config(PAGE_IDS, format!("{PAGE},{SECOND}"))
        .with_rules([rule(vec![json!(SECOND), json!("elsewhere000")])]);
    let builder = Harness::shared_builder(provider(), spec).with_credential(credential(&vendor.good_key()));
    let harness = builder.with_only(["get_page", "is_anything_down"]).open().await.unwrap();
    for tool in ["get_page", "is_anything_down"] {
        let page = &shown(&harness, tool)["properties"]["page_id"];
        assert_eq!(page["enum"], json!([SECOND]), "{tool}: {page}");
        call(&harness, tool, json!({"page_id": SECOND})).await;
    }
    let sent = vendor.count();
    for page in [PAGE, "elsewhere000"] {
        let error = harness.call("get_page", json!({"page_id": page})).await.unwrap_err();
        let code = error.code();
        assert!(matches!(code, Some(DenialCode::RuleViolated | DenialCode::InvalidArguments)), "{page}: {error}");
    }
    assert_eq!(vendor.count(), sent);
}

#[tokio::test]
async fn the_organization_of_a_server_need_not_be_named_and_no_other_is_asked() {
    let (vendor, harness) = open_configured(&[(ORGANIZATION_ID, StatuspageStandIn::ORGANIZATION)]).await;
    call(&harness, "get_user_permissions", json!({"user_id": StatuspageStandIn::USER})).await;
    let other = json!({"user_id": StatuspageStandIn::USER, "organization_id": "org-of-others"});
    let error = harness.call("get_user_permissions", other).await.unwrap_err();
    assert_eq!((error.code(), vendor.count()), (Some(DenialCode::RuleViolated), 1));
    // The pages are not limited by it.
    call(&harness, "get_page", json!({"page_id": SECOND})).await;
}

#[tokio::test]
async fn a_configuration_without_a_page_reaches_no_page_instead_of_all() {
    for bad in ["", " ", "a,,b", "a/b"] {
        let spec = spec("https://api.example.com/v1".parse().unwrap()).with_config(PAGE_IDS, bad);
        let tenant = mcp_govern_core::TenantId::new("t").unwrap();
        let config = mcp_govern_core::ServerConfig::new(tenant, "s".parse().unwrap(), spec);
        let error = provider().open(&config).unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Config, "`{bad}`");
        assert!(error.to_string().contains("`page_ids`"), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_kept_to_the_pages_is_not_shown() {
    let (vendor, harness) = open_configured(&[(PAGE_IDS, PAGE)]).await;
    let body = json!({"statuspages": [{"id": SECOND}]}).to_string();
    vendor.fail_next(stand_ins::Fault::Status { status: 200, headers: Vec::new(), body });
    let failed = failure(&harness, "list_pages", json!({})).await;
    assert_eq!((failed.kind, failed.sent), (ProviderErrorKind::BadAnswer, Sent::Yes));
    assert!(!failed.message.contains(SECOND), "{}", failed.message);
}

#[tokio::test]
async fn a_rule_on_pages_denies_the_list_of_all_pages_unless_it_says_otherwise() {
    let vendor = StatuspageStandIn::start().await;
    let rule = ArgumentRule::new("page_id", Constraint::Fixed(json!(PAGE)));
    for (rule, code) in [(rule.clone(), Some(DenialCode::RuleViolated)), (rule.with_absent_allowed(), None)] {
        let spec = spec(vendor.base_url()).with_rules([rule]);
        let builder = Harness::shared_builder(provider(), spec).with_credential(credential(&vendor.good_key()));
        let harness = builder.with_only(["list_pages"]).open().await.unwrap();
        let answer = harness.call("list_pages", json!({})).await;
        assert_eq!(answer.err().and_then(|error| error.code()), code);
    }
    assert_eq!(vendor.count(), 1);
}

#[tokio::test]
async fn what_a_rule_lets_be_listed_is_kept_to_the_pages_of_the_rule() {
    let one_of = |pages: &[&str]| Constraint::OneOf(pages.iter().map(|page| json!(page)).collect());
    let (fixed, pattern) = (Constraint::Fixed(json!(SECOND)), Constraint::Pattern(Pattern::new(SECOND).unwrap()));
    let both = format!("{PAGE},{SECOND}");
    for (config, constraint, due) in [
        (None, fixed, &[SECOND][..]),
        (None, one_of(&[PAGE, SECOND]), &[PAGE, SECOND]),
        (None, one_of(&["elsewhere000"]), &[]),
        (Some(both.as_str()), pattern, &[SECOND]),
        (Some(PAGE), one_of(&[SECOND]), &[]),
    ] {
        let vendor = StatuspageStandIn::start().await;
        let told = format!("{config:?} {constraint:?}");
        let rule = ArgumentRule::new("page_id", constraint).with_absent_allowed();
        let spec = spec(vendor.base_url()).with_config(ORGANIZATION_ID, StatuspageStandIn::ORGANIZATION);
        let spec = match config {
            Some(pages) => spec.with_config(PAGE_IDS, pages),
            None => spec,
        };
        let builder = Harness::shared_builder(provider(), spec.with_rules([rule]));
        let builder = builder.with_credential(credential(&vendor.good_key()));
        let harness = builder.with_only(["list_pages", "get_user_permissions"]).open().await.unwrap();
        let list = call(&harness, "list_pages", json!({})).await;
        let ids: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|page| &page["id"]).collect();
        assert_eq!(json!(ids), json!(due), "{told}");
        let rights =
            call(&harness, "get_user_permissions", json!({"user_id": StatuspageStandIn::USER})).await.to_string();
        for page in [PAGE, SECOND] {
            assert_eq!(rights.contains(page), due.contains(&page), "{told}: {rights}");
        }
    }
}

#[tokio::test]
async fn another_list_of_pages_counts_at_once_and_needs_no_other_review() {
    let vendor = StatuspageStandIn::start().await;
    let spec = spec(vendor.base_url());
    let builder = Harness::shared_builder(provider(), spec.clone().with_config(PAGE_IDS, PAGE));
    let builder = builder.with_credential(credential(&vendor.good_key())).with_only(["get_page"]);
    let harness = builder.open().await.unwrap();
    let code = async |page: &str| harness.call("get_page", json!({"page_id": page})).await.err().and_then(|e| e.code());
    assert_eq!((code(PAGE).await, code(SECOND).await), (None, Some(DenialCode::RuleViolated)));
    let server = harness.server().clone();
    harness
        .commit(Action::ChangeServer { server: server.clone(), spec: spec.with_config(PAGE_IDS, SECOND) })
        .await
        .unwrap();
    assert!(code(PAGE).await.is_some(), "the page that was taken away is still reached");
    harness.governor().sync(harness.admin(), &server).await.unwrap();
    assert_eq!((code(PAGE).await, code(SECOND).await), (Some(DenialCode::RuleViolated), None));
    assert_eq!(vendor.count(), 2);
}
