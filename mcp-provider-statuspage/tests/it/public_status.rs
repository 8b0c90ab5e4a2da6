//! Public pages, read from their own addresses without a key.

use mcp_govern_conformance::Harness;
use mcp_govern_core::{DenialCode, ProviderErrorKind, Sent};
use mcp_provider_statuspage::PUBLIC_PAGES;
use serde_json::{Value, json};
use stand_ins::{Fault, StatuspageStandIn};

use crate::setup::{call, failure, open_configured, open_only, provider, spec, with_public_page};

#[tokio::test]
async fn a_public_page_tells_how_it_is_doing_and_sees_no_key() {
    let (vendor, harness) = open_only(&["get_public_summary", "list_public_components", "get_public_status"]).await;
    let summary = call(&harness, "get_public_summary", json!({})).await;
    assert_eq!((&summary["page"]["name"], &summary["status"]["indicator"]), (&json!("Harbourline"), &json!("major")));
    assert_eq!(summary["incidents"].as_array().map(Vec::len), Some(2));
    let components = call(&harness, "list_public_components", json!({})).await;
    assert_eq!((components["items"].as_array().map(Vec::len), &components["has_more"]), (Some(25), &json!(false)));
    assert!(vendor.requests().iter().all(|seen| seen.header("authorization").is_none()));
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn no_key_is_needed_for_it() {
    let vendor = StatuspageStandIn::start().await;
    let spec = with_public_page(spec(vendor.base_url()), &vendor);
    let harness = Harness::shared_builder(provider(), spec).with_only(["get_public_status"]).open().await.unwrap();
    let status = call(&harness, "get_public_status", json!({})).await;
    assert_eq!(status["status"]["indicator"], json!("major"));
}

#[tokio::test]
async fn what_is_open_planned_and_in_progress_can_be_told_apart_there_too() {
    let tools = [
        ("list_public_unresolved_incidents", vec!["i7bookapi5xx", "i6singapore0"]),
        ("list_public_upcoming_maintenances", vec!["m4databasup0"]),
        ("list_public_active_maintenances", vec!["m5aisfeedmov"]),
    ];
    let (_vendor, harness) = open_only(&tools.each_ref().map(|(tool, _)| *tool)).await;
    for (tool, ids) in tools {
        let list = call(&harness, tool, json!({})).await;
        let found: Vec<&str> = list["items"].as_array().unwrap().iter().filter_map(|i| i["id"].as_str()).collect();
        assert_eq!(found, ids, "{tool}");
    }
}

#[tokio::test]
async fn a_server_without_public_pages_has_no_tool_for_them() {
    let (vendor, harness) = open_configured(&[]).await;
    let error = harness.call("get_public_summary", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Some(DenialCode::UnknownTool));
    assert_eq!(vendor.count(), 0);
}

#[tokio::test]
async fn only_the_configured_addresses_are_asked() {
    let other = StatuspageStandIn::start().await;
    let (vendor, harness) = open_configured(&[(PUBLIC_PAGES, "status.example.com, status.example.org")]).await;
    let listed = harness.governor().list(harness.person()).unwrap();
    let tool = listed.iter().find(|tool| tool.id.name().as_str() == "get_public_summary").unwrap();
    let shown = &tool.input_schema["properties"]["page_host"]["enum"];
    assert_eq!(*shown, json!(["status.example.com", "status.example.org"]));
    let elsewhere = other.public_url().origin().ascii_serialization();
    for host in
        [elsewhere.as_str(), "169.254.169.254", "status.example.com@127.0.0.1", "status.example.com/..", "localhost"]
    {
        let error = harness.call("get_public_summary", json!({"page_host": host})).await.unwrap_err();
        assert_eq!((error.code(), error.sent()), (Some(DenialCode::RuleViolated), Sent::No), "{host}");
    }
    let preview = harness
        .governor()
        .preview(harness.person(), harness.request("get_public_summary", json!({"page_host": "status.example.org"})));
    let preview = preview.unwrap();
    assert_eq!(preview.url, "https://status.example.org/api/v2/summary.json");
    assert!(preview.headers.iter().all(|(name, _)| name != "authorization"), "{preview:?}");
    assert_eq!((vendor.count(), other.count()), (0, 0));
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_when_the_server_is_opened() {
    let vendor = StatuspageStandIn::start().await;
    for bad in ["http://status.example.com", "status.example.com/api", "a b", ""] {
        let spec = spec(vendor.base_url()).with_config(PUBLIC_PAGES, bad);
        let tenant = mcp_govern_core::TenantId::new("t").unwrap();
        let config = mcp_govern_core::ServerConfig::new(tenant, "s".parse().unwrap(), spec);
        let error = provider().open(&config).unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Config, "{bad}");
        assert!(error.to_string().contains("`public_pages`"), "{error}");
    }
}

#[tokio::test]
async fn a_private_page_and_a_page_without_the_list_say_so_in_their_own_words() {
    let answer = |status| Fault::Status { status, headers: Vec::new(), body: Value::Null.to_string() };
    for (status, kind, words) in [
        (401, ProviderErrorKind::Forbidden, "page is private"),
        (403, ProviderErrorKind::Forbidden, "does not let everybody in"),
        (404, ProviderErrorKind::NotFound, "get_public_summary works"),
    ] {
        let (vendor, harness) = open_only(&["list_public_unresolved_incidents"]).await;
        vendor.fail_next(answer(status));
        let failed = failure(&harness, "list_public_unresolved_incidents", json!({})).await;
        assert_eq!(failed.kind, kind, "{failed:?}");
        assert!(failed.message.contains(words) && !failed.message.contains("API key"), "{}", failed.message);
    }
}
