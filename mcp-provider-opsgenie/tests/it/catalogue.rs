//! What the document says of the tools, and what the README says of them.

use std::{collections::BTreeSet, path::Path};

use mcp_govern_conformance::wire::Case;
use mcp_govern_core::{Effect, Provider, Risk};
use mcp_govern_openapi::OpenApiProvider;
use mcp_provider_opsgenie::provider;

use crate::requests::cases;

#[test]
fn every_operation_states_its_effect_and_describes_itself() {
    assert_eq!(provider().unwrap().lint(), Vec::<String>::new());
}

#[test]
fn every_tool_is_sent_to_the_stand_in_by_a_case() {
    let sent: BTreeSet<&str> = cases().iter().map(Case::tool).collect();
    let provider = provider().unwrap();
    let tools: BTreeSet<&str> = provider.catalogue().tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(sent, tools);
}

#[test]
fn what_pages_people_or_shows_them_is_sensitive() {
    let provider = provider().unwrap();
    for tool in &provider.catalogue().tools {
        let sensitive = tool.effect != Effect::Read || tool.name.as_str() == "get_on_calls";
        assert_eq!(tool.risk, if sensitive { Risk::Sensitive } else { Risk::None }, "`{}`", tool.name);
    }
    let create = provider.catalogue().tools.iter().find(|tool| tool.name.as_str() == "create_alert").unwrap();
    assert!(create.notifies.is_some());
}

#[test]
fn the_end_of_the_api_is_announced() {
    let provider = provider().unwrap();
    assert_eq!(provider.info().sunset.as_ref().map(|sunset| sunset.date.as_str()), Some("2027-04-05"));
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
