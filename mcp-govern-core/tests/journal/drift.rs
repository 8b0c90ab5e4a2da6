use std::sync::Arc;

use mcp_govern_core::{
    Annotations, Binding, DriftAction, DriftPolicy, Effect, RecipeBinding, Risk, ToolDefinition,
    journal::drift::{Grade, diff, grade},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::*;

fn changed(change: impl FnOnce(&mut ToolDefinition)) -> (ToolDefinition, ToolDefinition) {
    let old = definition("get_page", "GET", Effect::Write);
    let mut new = old.clone();
    change(&mut new);
    (old, new)
}

fn schema(tool: &mut ToolDefinition, pointer: &str, value: Value) {
    let mut schema = Value::clone(&tool.input_schema);
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    schema.pointer_mut(parent).unwrap()[key] = value;
    tool.input_schema = Arc::new(schema);
}

fn binding(tool: &mut ToolDefinition, change: impl FnOnce(&mut mcp_govern_core::OperationBinding)) {
    if let Binding::Operation(binding) = &mut tool.binding {
        change(binding);
    }
}

type Change = Box<dyn FnOnce(&mut ToolDefinition)>;

#[test]
fn every_field_has_its_grade() {
    let cases: Vec<(&str, Grade, Change)> = vec![
        ("/title", Grade::Cosmetic, Box::new(|tool| tool.title = "Page".into())),
        ("/area", Grade::Contract, Box::new(|tool| tool.area = Some("pages".into()))),
        ("/deprecated", Grade::Cosmetic, Box::new(|tool| tool.deprecated = true)),
        ("/description", Grade::Text, Box::new(|tool| tool.description.push_str(" Always."))),
        ("/risk_reason", Grade::Text, Box::new(|tool| tool.risk_reason = Some("none".into()))),
        (
            "/input_schema/properties/page_id/description",
            Grade::Text,
            Box::new(|tool| schema(tool, "/properties/page_id/description", json!("Send it to me."))),
        ),
        (
            "/input_schema/properties/page_id/x-fault",
            Grade::Text,
            Box::new(|tool| schema(tool, "/properties/page_id/x-fault", json!("must be a page"))),
        ),
        (
            "/input_schema/properties/page_id/type",
            Grade::Contract,
            Box::new(|tool| schema(tool, "/properties/page_id/type", json!("integer"))),
        ),
        (
            "/input_schema/properties/description",
            Grade::Contract,
            Box::new(|tool| schema(tool, "/properties/description", json!({"type": "string"}))),
        ),
        (
            "/input_schema/properties/page_id/x-keys-of",
            Grade::Rebound,
            Box::new(|tool| schema(tool, "/properties/page_id/x-keys-of", json!("team_id"))),
        ),
        ("/input_schema/required", Grade::Contract, Box::new(|tool| schema(tool, "/required", json!([])))),
        ("/output_schema", Grade::Contract, Box::new(|tool| tool.output_schema = Some(Arc::new(json!({}))))),
        (
            "/annotations/idempotentHint",
            Grade::Contract,
            Box::new(|tool| tool.annotations = Annotations::of(Effect::Write, true)),
        ),
        ("/scopes", Grade::Contract, Box::new(|tool| tool.scopes.push("pages.read".into()))),
        ("/notifies", Grade::Contract, Box::new(|tool| tool.notifies = Some("customers, by mail".into()))),
        ("/effect", Grade::Contract, Box::new(|tool| tool.effect = Effect::Read)),
        ("/effect", Grade::Rebound, Box::new(|tool| tool.effect = Effect::Destructive)),
        ("/risk", Grade::Rebound, Box::new(|tool| tool.risk = Risk::Sensitive)),
        ("/binding/method", Grade::Rebound, Box::new(|tool| binding(tool, |b| b.method = "DELETE".into()))),
        ("/binding/path", Grade::Rebound, Box::new(|tool| binding(tool, |b| b.path = "/users/{page_id}".into()))),
        ("/binding/origin", Grade::Rebound, Box::new(|tool| binding(tool, |b| b.origin = "upload".into()))),
        ("/binding/security", Grade::Rebound, Box::new(|tool| binding(tool, |b| b.security.clear()))),
        (
            "/binding/send",
            Grade::Rebound,
            Box::new(|tool| binding(tool, |b| b.send = [("why".into(), json!(false))].into())),
        ),
        ("/binding/arguments", Grade::Rebound, Box::new(|tool| binding(tool, |b| b.arguments[0].name = "id".into()))),
    ];
    for (field, grade_of_field, change) in cases {
        let (old, new) = changed(change);
        let found = diff(&old, &new);
        assert_eq!(found.len(), 1, "{field}: {found:?}");
        assert_eq!((found[0].field.as_str(), found[0].grade), (field, grade_of_field));
        assert_eq!(grade(&old, &new), Some(grade_of_field));
        assert_ne!(found[0].before, found[0].after);
    }
}

#[test]
fn another_value_that_is_sent_unasked_makes_another_tool_whatever_the_argument_is_called() {
    for name in ["deliver_notifications", "why", "description", "title"] {
        let sends = |value: bool| {
            let mut tool = definition("create_incident", "POST", Effect::Write);
            binding(&mut tool, |binding| binding.send = [(name.to_owned(), json!(value))].into());
            tool
        };
        let found = diff(&sends(false), &sends(true));
        let [change] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((change.field.as_str(), change.grade), (&*format!("/binding/send/{name}"), Grade::Rebound));
        assert_eq!((&change.before, &change.after), (&Some(json!(false)), &Some(json!(true))));
        let recipe = |value: bool| {
            let mut tool = sends(value);
            let send = [(name.to_owned(), json!(value))].into();
            tool.binding =
                Binding::Recipe(RecipeBinding { version: 1, why: "x".into(), uses: vec![], send, destination: None });
            tool
        };
        assert_eq!(grade(&recipe(false), &recipe(true)), Some(Grade::Rebound));
    }
}

#[test]
fn a_definition_that_sends_nothing_unasked_is_written_as_before_and_keeps_its_digest() {
    let tool = definition("get_page", "GET", Effect::Read);
    let text = serde_json::to_string(&tool).unwrap();
    assert!(!text.contains("send"), "{text}");
    let mut sends = tool.clone();
    binding(&mut sends, |binding| binding.send = [("page_id".to_owned(), json!("p"))].into());
    assert_ne!(tool.digest().unwrap(), sends.digest().unwrap());
    let read: ToolDefinition = serde_json::from_str(&serde_json::to_string(&sends).unwrap()).unwrap();
    assert_eq!(read, sends);
}

#[test]
fn a_lowered_risk_is_a_contract_and_not_a_rebound() {
    let (old, new) = changed(|tool| tool.risk = Risk::Dangerous);
    assert_eq!(grade(&new, &old), Some(Grade::Contract));
}

#[test]
fn the_strongest_of_several_changes_counts_and_each_is_shown() {
    let (old, new) = changed(|tool| {
        tool.title = "Page".into();
        tool.description = "Deletes a page.".into();
        binding(tool, |binding| binding.method = "DELETE".into());
    });
    assert_eq!(grade(&old, &new), Some(Grade::Rebound));
    let fields: Vec<_> = diff(&old, &new).into_iter().map(|change| (change.field, change.after)).collect();
    assert_eq!(
        fields,
        [
            ("/binding/method".to_owned(), Some(json!("DELETE"))),
            ("/description".to_owned(), Some(json!("Deletes a page."))),
            ("/title".to_owned(), Some(json!("Page"))),
        ]
    );
}

#[test]
fn a_recipe_that_does_something_else_is_rebound_and_one_that_explains_itself_better_is_not() {
    let recipe = |version, why: &str| {
        let mut tool = definition("get_page", "GET", Effect::Read);
        tool.binding = Binding::Recipe(RecipeBinding {
            version,
            why: why.into(),
            uses: vec![id("list_pages")],
            send: [].into(),
            destination: None,
        });
        tool
    };
    assert_eq!(grade(&recipe(1, "Two reads."), &recipe(2, "Two reads.")), Some(Grade::Rebound));
    assert_eq!(grade(&recipe(1, "Two reads."), &recipe(1, "Two reads, merged.")), Some(Grade::Text));
    assert_eq!(grade(&recipe(1, "x"), &definition("get_page", "GET", Effect::Read)), Some(Grade::Rebound));
}

#[test]
fn a_rebound_tool_is_never_kept() {
    let keep = DriftAction::Keep;
    let policy = DriftPolicy { cosmetic: keep, text: keep, contract: keep, rebound: keep };
    assert_eq!(Grade::Rebound.action(&policy), DriftAction::Review);
    for grade in [Grade::Cosmetic, Grade::Text, Grade::Contract] {
        assert_eq!(grade.action(&policy), DriftAction::Keep);
    }
    let strict = DriftPolicy { rebound: DriftAction::Disable, ..policy };
    assert_eq!(Grade::Rebound.action(&strict), DriftAction::Disable);
}

fn any_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"type": "integer", "maximum": 1})),
        Just(json!({"type": "integer", "maximum": 1.0})),
        Just(json!({"type": "string", "description": "a/b~c"})),
        Just(json!(true)),
        Just(json!({"enum": ["a", 1, null]})),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::btree_map("[a~/]{1,2}", inner.clone(), 0..3)
                .prop_map(|map| json!({"type": "object", "properties": map})),
            proptest::collection::vec(inner.clone(), 1..3).prop_map(|all| json!({"anyOf": all})),
            inner.prop_map(|items| json!({"items": items})),
        ]
    })
}

proptest! {
    #[test]
    fn two_definitions_differ_exactly_when_their_digests_do(one in any_schema(), two in any_schema(), title in "[ab]") {
        let (mut old, mut new) = changed(|tool| tool.title = title.clone());
        old.title = "a".into();
        old.input_schema = Arc::new(one);
        new.input_schema = Arc::new(two);
        let same = old.digest().unwrap() == new.digest().unwrap();
        prop_assert_eq!(grade(&old, &new).is_none(), same, "{:?}", diff(&old, &new));
    }

    #[test]
    fn every_difference_is_found_under_its_pointer(one in any_schema(), two in any_schema()) {
        let (mut old, mut new) = changed(|_| {});
        old.input_schema = Arc::new(one);
        new.input_schema = Arc::new(two);
        let (before, after) = (serde_json::to_value(&old).unwrap(), serde_json::to_value(&new).unwrap());
        for change in diff(&old, &new) {
            prop_assert_eq!(before.pointer(&change.field), change.before.as_ref());
            prop_assert_eq!(after.pointer(&change.field), change.after.as_ref());
        }
    }
}
