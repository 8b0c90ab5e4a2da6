//! Rules of administrators, held for the recipes as for the operations that they are made of.

use mcp_govern_conformance::Harness;
use mcp_govern_core::{
    ArgumentRule, Constraint, DenialCode, Label, ProviderErrorKind, Sent, ToolId, ToolName, ToolsetBinding,
    ToolsetContent, ToolsetEntry, journal::Action,
};
use mcp_provider_statuspage::ORGANIZATION_ID;
use serde_json::{Value, json};
use stand_ins::StatuspageStandIn;

use crate::setup::{PAGE, call, credential, failure, lines, provider, spec};

const SECOND: &str = StatuspageStandIn::SECOND_PAGE;
const TOOLS: [&str; 9] = [
    "add_page_access_group_components",
    "change_user_permissions",
    "create_component_group",
    "create_incident",
    "create_subscriber",
    "get_user_permissions",
    "replace_user_permissions",
    "schedule_maintenance",
    "update_incident",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Server,
    Binding,
    Entry,
}

const PLACES: [Place; 3] = [Place::Server, Place::Binding, Place::Entry];

/// A person who may call these tools, under a rule.
async fn open(place: Place, rule: ArgumentRule) -> (StatuspageStandIn, Harness) {
    let of = |wanted| if place == wanted { vec![rule.clone()] } else { Vec::new() };
    let vendor = StatuspageStandIn::start().await;
    let spec = spec(vendor.base_url()).with_config(ORGANIZATION_ID, StatuspageStandIn::ORGANIZATION);
    let builder = Harness::shared_builder(provider(), spec.with_rules(of(Place::Server)));
    let builder = builder.with_credential(credential(&vendor.good_key())).with_only(TOOLS);
    let harness = builder.open().await.unwrap();
    let tool = |name| ToolId::new(harness.server().clone(), ToolName::new(name).unwrap());
    let entries = TOOLS.map(|name| (tool(name), ToolsetEntry { rules: of(Place::Entry) })).into_iter().collect();
    let profile = || Harness::PROFILE.parse().unwrap();
    for action in [
        Action::CreateToolset {
            toolset: "ruled".parse().unwrap(),
            label: Label::new("Ruled"),
            content: ToolsetContent::Chosen(entries),
        },
        Action::UnbindToolset { profile: profile(), toolset: Harness::TOOLSET.parse().unwrap() },
        Action::BindToolset {
            profile: profile(),
            binding: ToolsetBinding { toolset: "ruled".parse().unwrap(), rules: of(Place::Binding) },
        },
    ] {
        harness.commit(action).await.unwrap();
    }
    (vendor, harness)
}

fn pages(pages: &[&str]) -> ArgumentRule {
    let pages = pages.iter().map(|page| json!(page)).collect();
    ArgumentRule::new("page_id", Constraint::OneOf(pages)).with_absent_allowed()
}

fn change(mut more: Value) -> Value {
    more["user_id"] = json!(StatuspageStandIn::USER);
    more
}

fn puts(vendor: &StatuspageStandIn) -> Vec<Value> {
    vendor.requests().iter().filter(|seen| seen.method() == "PUT").map(|seen| seen.json().unwrap()).collect()
}

#[tokio::test]
async fn rights_outside_of_a_rule_are_neither_shown_nor_taken_away_by_a_change() {
    for place in PLACES {
        let (vendor, harness) = open(place, pages(&[PAGE])).await;
        let arguments = change(json!({"set": {PAGE: {"maintenance_manager": true}}}));
        let failed = failure(&harness, "change_user_permissions", arguments).await;
        assert_eq!((failed.kind, failed.sent), (ProviderErrorKind::RuleViolated, Sent::Yes), "{place:?}");
        assert!(failed.message.contains("a rule does not allow it"), "{}", failed.message);
        assert!(!failed.message.contains(SECOND), "{}", failed.message);
        for whole in [json!({"pages": {PAGE: {}}}), json!({"no_pages": true})] {
            let failed = failure(&harness, "replace_user_permissions", change(whole)).await;
            assert_eq!(failed.kind, ProviderErrorKind::RuleViolated, "{place:?}");
        }
        assert!(puts(&vendor).is_empty());
    }
}

#[tokio::test]
async fn rights_on_pages_outside_of_a_rule_are_not_granted_revoked_or_replaced() {
    for place in PLACES {
        let (vendor, harness) = open(place, pages(&[PAGE])).await;
        for (tool, arguments) in [
            ("change_user_permissions", json!({"set": {SECOND: {"maintenance_manager": true}}})),
            ("change_user_permissions", json!({"set": {PAGE: {}, "elsewhere000": {}}})),
            ("change_user_permissions", json!({"revoke": [SECOND]})),
            ("replace_user_permissions", json!({"pages": {PAGE: {}, SECOND: {}}})),
        ] {
            let error = harness.call(tool, change(arguments.clone())).await.unwrap_err();
            assert_eq!(error.code(), Some(DenialCode::RuleViolated), "{place:?} {tool} {arguments}: {error}");
            assert!(error.to_string().contains("a rule on `page_id`"), "{error}");
        }
        assert_eq!(vendor.count(), 0, "{place:?}");
    }
}

#[tokio::test]
async fn rights_within_a_rule_are_changed_and_written_as_they_were_shown() {
    for place in PLACES {
        let (vendor, harness) = open(place, pages(&[PAGE, SECOND])).await;
        let mut arguments = change(json!({"set": {PAGE: {"maintenance_manager": true}}}));
        let shown = call(&harness, "change_user_permissions", arguments.clone()).await;
        arguments["confirm"] = shown["confirm"].clone();
        let done = call(&harness, "change_user_permissions", arguments).await;
        assert_eq!(done["applied"], json!(true), "{place:?}");
        let [written] = &*puts(&vendor) else { panic!("{:?}", lines(&vendor)) };
        assert!(written["pages"].get(SECOND).is_some() && written["pages"].get(PAGE).is_some(), "{written}");
    }
}

#[tokio::test]
async fn what_a_recipe_sets_by_itself_is_held_to_the_rules_of_the_server() {
    let window = json!({
        "page_id": PAGE, "name": "Database work", "component_ids": ["c13billing11"],
        "scheduled_for": "2031-03-14T22:00:00Z", "scheduled_until": "2031-03-14T23:30:00Z",
    });
    let impact =
        |value: &str| ArgumentRule::new("impact_override", Constraint::OneOf(vec![json!(value)])).with_absent_allowed();
    for place in PLACES {
        let (vendor, harness) = open(place, impact("minor")).await;
        let failed = failure(&harness, "schedule_maintenance", window.clone()).await;
        assert_eq!((failed.kind, failed.sent), (ProviderErrorKind::RuleViolated, Sent::No), "{place:?}");
        assert!(failed.message.contains("`impact_override` must be one of"), "{}", failed.message);
        assert_eq!(vendor.count(), 0, "{place:?}");
        let (vendor, harness) = open(place, impact("maintenance")).await;
        call(&harness, "schedule_maintenance", window.clone()).await;
        let posted = vendor.requests().pop().unwrap();
        assert_eq!(
            (posted.method(), &posted.json().unwrap()["incident"]["impact_override"]),
            ("POST", &json!("maintenance"))
        );
    }
}

/// Maps and lists of components name what `component_id` is elsewhere.
#[tokio::test]
async fn a_rule_on_components_holds_wherever_components_are_named() {
    let rule = || {
        let allowed = vec![json!("c02bookapi11"), json!("c13billing11")];
        ArgumentRule::new("component_id", Constraint::OneOf(allowed)).with_absent_allowed()
    };
    let of = |mut arguments: Value, fields: Value| {
        for (name, value) in fields.as_object().unwrap() {
            arguments[name] = value.clone();
        }
        arguments["page_id"] = json!(PAGE);
        arguments
    };
    let (incident, change) = (json!({"name": "Down"}), json!({"incident_id": "i7bookapi5xx"}));
    let window = json!({
        "name": "Database work", "scheduled_for": "2031-03-14T22:00:00Z", "scheduled_until": "2031-03-14T23:30:00Z",
    });
    let named = |id: &str| json!({"component_ids": [id]});
    let set = |id: &str| json!({"components": {id: "major_outage"}});
    for place in PLACES {
        let (vendor, harness) = open(place, rule()).await;
        for (tool, arguments) in [
            ("create_incident", of(incident.clone(), set("c-hidden"))),
            ("create_incident", of(incident.clone(), named("c-hidden"))),
            ("update_incident", of(change.clone(), set("c-hidden"))),
            ("create_component_group", of(json!({"name": "Europe"}), json!({"components": ["c-hidden"]}))),
            ("create_subscriber", of(json!({"email": "a@example.com"}), named("c-hidden"))),
            ("add_page_access_group_components", of(json!({"page_access_group_id": "g"}), named("c-hidden"))),
        ] {
            let error = harness.call(tool, arguments).await.unwrap_err();
            assert_eq!(error.code(), Some(DenialCode::RuleViolated), "{place:?} {tool}: {error}");
            assert!(!error.to_string().contains("c-hidden"), "{error}");
        }
        // The rows of a recipe are held to it too.
        assert!(harness.call("schedule_maintenance", of(window.clone(), named("c-hidden"))).await.is_err());
        assert!(vendor.requests().iter().all(|seen| seen.method() == "GET"), "{place:?}: {:?}", lines(&vendor));
        call(&harness, "create_incident", of(incident.clone(), set("c02bookapi11"))).await;
    }
}
