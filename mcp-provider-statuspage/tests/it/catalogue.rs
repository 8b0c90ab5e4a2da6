//! What the document says of the tools.

use mcp_govern_core::{Binding, Effect, Risk};
use mcp_govern_openapi::OpenApiProvider;
use mcp_provider_statuspage::provider;

#[test]
fn every_operation_states_its_effect_and_describes_itself() {
    assert_eq!(provider().unwrap().lint(), Vec::<String>::new());
}

/// What each of them does is asked for in `recipes.rs`.
#[test]
fn the_tools_over_several_operations_are_classified_at_least_as_high_as_those() {
    let provider = provider().unwrap();
    let catalogue = provider.catalogue();
    let recipes: Vec<_> = catalogue.tools.iter().filter(|tool| !tool.uses().is_empty()).collect();
    let names: Vec<&str> = recipes.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["change_user_permissions", "is_anything_down", "post_incident_update", "schedule_maintenance"]);
    for recipe in recipes {
        for row in recipe.uses().iter().map(|name| catalogue.tool(name).unwrap()) {
            assert!(recipe.effect >= row.effect && recipe.risk >= row.risk, "`{}` over `{}`", recipe.name, row.name);
            assert!(recipe.notifies.is_some() || row.notifies.is_none(), "`{}` tells nobody", recipe.name);
        }
    }
}

/// What hands out access, hands out credentials, or cannot be taken back.
const DANGEROUS: [&str; 22] = [
    "add_component_page_access_groups",
    "add_component_page_access_users",
    "add_page_access_group_components",
    "add_page_access_user_components",
    "add_page_access_user_metrics",
    "change_user_permissions",
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
        let Binding::Operation(operation) = &tool.binding else { continue };
        if operation.method == "DELETE" || tool.name.as_str().starts_with("replace_") {
            assert_eq!(tool.effect, Effect::Destructive, "`{}`", tool.name);
        }
    }
}

/// Method and path of every operation of the Manage API.
fn operations(provider: &OpenApiProvider) -> Vec<(&str, &str, &str)> {
    let tools = provider.catalogue().tools.iter();
    let operations = tools.filter_map(|tool| match &tool.binding {
        Binding::Operation(operation) if operation.origin == "api" => {
            Some((tool.name.as_str(), operation.method.as_str(), operation.path.as_str()))
        }
        _ => None,
    });
    operations.collect()
}

#[test]
fn the_verbs_of_page_access_say_what_is_done_and_not_what_http_calls_it() {
    let provider = provider().unwrap();
    let lists = operations(&provider).into_iter().filter(|(.., path)| {
        path.contains("page_access") && (path.ends_with("/components") || path.ends_with("/metrics"))
    });
    let mut seen = 0;
    for (name, method, path) in lists {
        let verb = name.split('_').next().unwrap_or_default();
        let due = match method {
            "POST" => "replace",
            "PATCH" => "add",
            "DELETE" => "remove",
            _ => "list",
        };
        assert_eq!(verb, due, "`{name}`: {method} {path}");
        seen += 1;
    }
    assert_eq!(seen, 12);
}

#[test]
fn of_two_operations_that_are_one_the_patch_is_offered() {
    let provider = provider().unwrap();
    let puts = operations(&provider).into_iter().filter(|(_, method, _)| *method == "PUT");
    let puts: Vec<&str> = puts.map(|(name, ..)| name).collect();
    let due = ["publish_postmortem", "replace_user_permissions", "save_postmortem_draft", "unpublish_postmortem"];
    assert_eq!(puts, due);
}

/// Statuspage mails and posts by default; what is said for the caller here is silence. Its own defaults are random.
#[test]
fn what_is_sent_unasked_is_silence_and_the_size_of_a_page() {
    let provider = provider().unwrap();
    for tool in &provider.catalogue().tools {
        let properties = tool.input_schema["properties"].as_object().unwrap();
        let shown =
            properties.iter().filter_map(|(name, property)| Some((name.clone(), property.get("default")?.clone())));
        assert_eq!(*tool.send(), shown.collect(), "`{}` shows what it does not send", tool.name);
        for (name, sent) in tool.send() {
            let due = match name.as_str() {
                // Incidents come with all their updates: few of them fill an answer.
                "per_page" | "limit"
                    if ["_incidents", "_maintenances"].iter().any(|end| tool.name.as_str().ends_with(end)) =>
                {
                    serde_json::json!(5)
                }
                "per_page" | "limit" => serde_json::json!(25),
                // Leaving without a mail about it; a window that opens and closes by itself and tells nobody.
                "skip_unsubscription_notification" | "automatic" => serde_json::json!(true),
                _ => serde_json::json!(false),
            };
            assert_eq!(*sent, due, "`{}`: `{name}`", tool.name);
        }
    }
}

#[test]
fn maps_are_maps_and_name_no_identifier_of_an_example() {
    let provider = provider().unwrap();
    let catalogue = provider.catalogue();
    for (tool, argument) in [
        ("create_incident", "components"),
        ("update_incident", "components"),
        ("create_incident", "metadata"),
        ("add_metric_points_in_bulk", "points"),
        ("replace_user_permissions", "pages"),
        ("change_user_permissions", "set"),
    ] {
        let tool = catalogue.tool(&tool.parse().unwrap()).unwrap();
        let map = &tool.input_schema["properties"][argument];
        assert!(map["additionalProperties"].is_object() && map.get("properties").is_none(), "`{}`: {map}", tool.name);
    }
}

#[test]
fn the_tools_that_the_vendor_gives_up_say_so() {
    let provider = provider().unwrap();
    let deprecated: Vec<&str> =
        provider.catalogue().tools.iter().filter(|tool| tool.deprecated).map(|tool| tool.name.as_str()).collect();
    assert_eq!(deprecated, ["create_organization_user", "delete_organization_user", "list_organization_users"]);
    for name in deprecated {
        let tool = provider.catalogue().tool(&name.parse().unwrap()).unwrap();
        assert_eq!(tool.risk, Risk::Dangerous, "`{name}`");
        assert!(tool.risk_reason.as_ref().unwrap().contains("Atlassian accounts"), "`{name}`: {:?}", tool.risk_reason);
    }
}
