//! What the document says of the tools, and what the README says of them.

use std::{collections::BTreeSet, path::Path};

use mcp_govern_core::{Binding, Effect, Risk};
use mcp_govern_openapi::OpenApiProvider;
use mcp_provider_statuspage::provider;

use crate::cases::{Made, cases};

#[test]
fn every_operation_states_its_effect_and_describes_itself() {
    assert_eq!(provider().unwrap().lint(), Vec::<String>::new());
}

#[test]
fn every_tool_is_sent_to_the_stand_in_by_a_case() {
    let cases = cases(&Made::default());
    let sent: BTreeSet<&str> = cases.iter().map(|case| case.tool).collect();
    let provider = provider().unwrap();
    let tools: BTreeSet<&str> = provider.catalogue().tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(sent, tools);
}

/// What hands out access, hands out credentials, or cannot be taken back.
const DANGEROUS: [&str; 21] = [
    "add_component_page_access_groups",
    "add_component_page_access_users",
    "add_page_access_group_components",
    "add_page_access_user_components",
    "add_page_access_user_metrics",
    "create_metric_provider",
    "create_organization_user",
    "create_page_access_group",
    "create_page_access_user",
    "delete_metric_data",
    "delete_organization_user",
    "list_organization_users",
    "replace_page_access_group_components",
    "replace_page_access_user_components",
    "replace_page_access_user_metrics",
    "replace_user_permissions",
    "unsubscribe_subscribers",
    "update_metric_provider",
    "update_page",
    "update_page_access_group",
    "update_page_access_user",
];

#[test]
fn what_hands_out_access_or_cannot_be_taken_back_is_dangerous() {
    let provider = provider().unwrap();
    let dangerous = provider.catalogue().tools.iter().filter(|tool| tool.risk == Risk::Dangerous);
    let dangerous: Vec<&str> = dangerous.map(|tool| tool.name.as_str()).collect();
    assert_eq!(dangerous, DANGEROUS);
}

#[test]
fn every_change_but_that_of_a_draft_is_at_least_sensitive() {
    let provider = provider().unwrap();
    let harmless =
        provider.catalogue().tools.iter().filter(|tool| tool.effect != Effect::Read && tool.risk == Risk::None);
    let harmless: Vec<&str> = harmless.map(|tool| tool.name.as_str()).collect();
    assert_eq!(harmless, ["save_postmortem_draft"]);
}

#[test]
fn what_the_vendor_deletes_is_destructive() {
    let provider = provider().unwrap();
    for tool in &provider.catalogue().tools {
        let Binding::Operation(operation) = &tool.binding else { panic!("`{}` is no operation", tool.name) };
        if operation.method == "DELETE" || tool.name.as_str().starts_with("replace_") {
            assert_eq!(tool.effect, Effect::Destructive, "`{}`", tool.name);
        }
    }
}

#[test]
fn the_tools_that_the_vendor_gives_up_say_so() {
    let provider = provider().unwrap();
    let deprecated: Vec<&str> =
        provider.catalogue().tools.iter().filter(|tool| tool.deprecated).map(|tool| tool.name.as_str()).collect();
    assert_eq!(deprecated, ["create_organization_user", "delete_organization_user", "list_organization_users"]);
}

/// Run with `UPDATE=1` to write the table anew.
#[test]
fn the_readme_lists_every_tool() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let is = std::fs::read_to_string(&path).unwrap();
    let due = with_table(&is, &table(&provider().unwrap()));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &due).unwrap();
    } else {
        assert!(is == due, "the table in README.md is not that of the rows: run the tests with UPDATE=1");
    }
}

fn with_table(readme: &str, table: &str) -> String {
    let (before, rest) = readme.split_once("<!-- tools -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- /tools -->").unwrap();
    format!("{before}<!-- tools -->\n{table}<!-- /tools -->{after}")
}

fn table(provider: &OpenApiProvider) -> String {
    let tools = provider.catalogue().tools.iter().map(|tool| {
        let effect = serde_json::to_value(tool.effect).unwrap();
        let risk =
            if tool.risk == Risk::None { serde_json::json!("") } else { serde_json::to_value(tool.risk).unwrap() };
        let (effect, risk) = (effect.as_str().unwrap_or_default(), risk.as_str().unwrap_or_default());
        let area = tool.area.as_deref().unwrap_or_default();
        format!("| {area} | `{}` | {effect} | {risk} | {} |\n", tool.name, tool.title)
    });
    let mut rows: Vec<String> = tools.collect();
    rows.sort();
    format!("| area | tool | effect | risk | what it does |\n|---|---|---|---|---|\n{}", rows.concat())
}
