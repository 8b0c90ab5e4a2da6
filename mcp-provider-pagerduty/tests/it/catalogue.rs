//! What the document says of the tools, and what the README says of them.

use std::{collections::BTreeSet, path::Path};

use mcp_govern_conformance::wire::Case;
use mcp_govern_core::{CredentialSharing, Effect, Provider, Risk};
use mcp_govern_openapi::OpenApiProvider;
use mcp_provider_pagerduty::{ACCESS_TOKEN_FIELD, API_KEY, API_KEY_FIELD, OAUTH, PROVIDER, provider};

use crate::requests::{Ids, all_cases};

#[test]
fn every_operation_states_its_effect_and_describes_itself() {
    assert_eq!(provider().unwrap().lint(), Vec::<String>::new());
}

#[test]
fn every_tool_is_sent_to_the_stand_in_by_a_case() {
    let sent: BTreeSet<&str> = all_cases(&Ids::default()).iter().map(Case::tool).collect();
    let provider = provider().unwrap();
    let tools: BTreeSet<&str> = provider.catalogue().tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(sent, tools);
}

#[test]
fn what_pages_people_is_sensitive_and_what_can_silence_them_is_destructive() {
    let provider = provider().unwrap();
    for tool in &provider.catalogue().tools {
        let (effect, least) = match tool.name.as_str() {
            "update_incidents" => (Effect::Destructive, Risk::Dangerous),
            "update_incident" => (Effect::Destructive, Risk::Sensitive),
            "create_incident" => (Effect::Write, Risk::Sensitive),
            "list_on_calls" | "get_current_user" => (Effect::Read, Risk::Sensitive),
            _ => (Effect::Read, Risk::None),
        };
        assert_eq!((tool.effect, tool.risk), (effect, least), "`{}`", tool.name);
        assert_eq!(tool.notifies.is_some(), effect != Effect::Read, "`{}`", tool.name);
    }
}

#[test]
fn a_key_may_be_shared_and_a_token_is_its_owners_alone() {
    let provider = provider().unwrap();
    let info = provider.info();
    assert_eq!(info.id.as_str(), PROVIDER);
    let methods: Vec<_> = info
        .auth_methods
        .iter()
        .map(|method| {
            let fields: Vec<&str> = method.fields.iter().map(|field| field.name.as_str()).collect();
            (method.id.as_str(), fields, method.sharing.contains(&CredentialSharing::Shared))
        })
        .collect();
    assert_eq!(methods, [(API_KEY, vec![API_KEY_FIELD], true), (OAUTH, vec![ACCESS_TOKEN_FIELD], false)]);
}

/// An empty list or map is seldom what was meant: none goes out unless an argument of its own says so.
#[test]
fn no_list_or_map_of_a_change_may_be_empty() {
    let provider = provider().unwrap();
    for tool in provider.catalogue().tools.iter().filter(|tool| tool.effect != Effect::Read) {
        for (name, property) in tool.input_schema["properties"].as_object().unwrap() {
            let is = |kind: &str| {
                property["type"] == kind || property["type"].as_array().is_some_and(|all| all.contains(&kind.into()))
            };
            let bounded = |key: &str| property[key].as_u64().is_some_and(|least| least > 0);
            assert!(!is("array") || bounded("minItems"), "`{}`: `{name}` may be an empty list", tool.name);
            assert!(!is("object") || bounded("minProperties"), "`{}`: `{name}` may be an empty map", tool.name);
        }
    }
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
