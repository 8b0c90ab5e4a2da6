//! Tools over several rows.

use async_trait::async_trait;
use mcp_govern_core::{Binding, CredentialFacts, Effect, ProviderErrorKind, Risk, Sent};
use serde_json::json;

use super::*;
use crate::{DocumentErrorKind, Recipe, RecipeSpec, RowCaller};

/// Reads a pet and makes another like it.
#[derive(Debug)]
struct ClonePet;

fn spec() -> RecipeSpec {
    RecipeSpec::new(
        "clone_pet",
        "Clone a pet",
        "Reads a pet and puts one like it into the shop.",
        "Two operations, one after the other.",
    )
    .with_uses(["get_pet", "create_pet"])
    .with_input_schema(json!({"type": "object", "required": ["pet_id"], "additionalProperties": false,
            "properties": {"pet_id": {"type": "string", "description": "Which."}}}))
    .with_effect(Effect::Write, false)
}

#[async_trait]
impl Recipe for ClonePet {
    async fn run(
        &self,
        rows: &RowCaller<'_>,
        arguments: &Map<String, Value>,
        _cx: &CallContext<'_>,
    ) -> Result<Value, ProviderError> {
        let pet = rows.call("get_pet", arguments.clone()).await?.to_value()?;
        if pet["name"] == "forbidden" {
            rows.call("delete_pet", arguments.clone()).await?;
        }
        let made = rows.call("create_pet", map(json!({"name": pet["name"]}))).await?;
        Ok(json!({"from": pet["id"], "made": made.to_value()?}))
    }

    fn first_request(&self, arguments: &Map<String, Value>) -> Option<(ToolName, Map<String, Value>)> {
        Some((ToolName::new("get_pet").unwrap(), arguments.clone()))
    }
}

fn with_recipe(script: &Arc<Script>) -> OpenApiServer {
    let provider = builder(PETS, script).recipe_as(spec(), ClonePet).build().unwrap();
    provider.open_server(&super::spec(&provider)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_recipe_runs_its_rows_and_its_record_holds_them_all() {
    let script = Script::new([
        json_with(200, &[("x-state", "THROTTLED")], json!({"pet": {"id": 1, "name": "Mia"}})),
        json(201, json!({"pet": {"id": 2}})),
    ]);
    let output = call(&with_recipe(&script), "clone_pet", json!({"pet_id": "1"})).await.unwrap();
    assert_eq!(output.to_value().unwrap(), json!({"from": 1, "made": {"id": 2}}));
    let paths: Vec<_> = output.exchanges.iter().map(|e| (&*e.method, &*e.path)).collect();
    assert_eq!(paths, [("GET", "/pets/{petId}"), ("POST", "/pets")]);
    assert_eq!(output.notes, ["The shop is slow today."]);
}

#[tokio::test(start_paused = true)]
async fn a_recipe_that_fails_half_way_says_what_was_sent() {
    let script =
        Script::new([json(200, json!({"pet": {"id": 1, "name": "Mia"}})), json(422, json!({"message": "no"}))]);
    let error = failure(&with_recipe(&script), "clone_pet", json!({"pet_id": "1"})).await;
    assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::InvalidArguments, Sent::Yes));
    assert_eq!(error.exchanges().len(), 2);
    let script = Script::new([json(200, json!({"pet": {"id": 1, "name": "Mia"}})), Step::Hang]);
    let error = failure(&with_recipe(&script), "clone_pet", json!({"pet_id": "1"})).await;
    assert_eq!(error.kind(), ProviderErrorKind::Timeout);
    assert_eq!(&*error.exchanges()[0].path, "/pets/{petId}");
}

#[tokio::test(start_paused = true)]
async fn a_recipe_cannot_call_a_row_that_it_did_not_name() {
    let script = Script::new([json(200, json!({"pet": {"id": 1, "name": "forbidden"}}))]);
    let error = failure(&with_recipe(&script), "clone_pet", json!({"pet_id": "1"})).await;
    assert_eq!(error.kind(), ProviderErrorKind::Internal);
    assert_eq!(script.seen().len(), 1);
}

/// Puts two pets into the shop, one after the other.
#[derive(Debug)]
struct TwoPets;

/// Finds the same many pets every time, and says that these are all.
#[derive(Debug)]
struct AllPets {
    pets: usize,
}

fn without_arguments(name: &str, uses: &str, effect: Effect) -> RecipeSpec {
    RecipeSpec::new(name, "Pets", "Something with pets.", "One operation, several times.")
        .with_uses([uses])
        .with_input_schema(json!({"type": "object", "additionalProperties": false, "properties": {}}))
        .with_effect(effect, false)
}

#[async_trait]
impl Recipe for TwoPets {
    async fn run(
        &self,
        rows: &RowCaller<'_>,
        _arguments: &Map<String, Value>,
        _cx: &CallContext<'_>,
    ) -> Result<Value, ProviderError> {
        for name in ["Mia", "Leo"] {
            rows.call("create_pet", map(json!({"name": name}))).await?;
        }
        Ok(json!({}))
    }
}

#[async_trait]
impl Recipe for AllPets {
    async fn run(
        &self,
        _rows: &RowCaller<'_>,
        _arguments: &Map<String, Value>,
        _cx: &CallContext<'_>,
    ) -> Result<Value, ProviderError> {
        Ok(json!({"is_complete": true, "pets": vec![json!({"name": "x".repeat(1000)}); self.pets]}))
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_recipe_has_carried_out_is_named_when_it_fails_afterwards() {
    let two_pets = |script: &Arc<Script>| {
        let provider = builder(PETS, script)
            .recipe_as(without_arguments("two_pets", "create_pet", Effect::Write), TwoPets)
            .build()
            .unwrap();
        provider.open_server(&super::spec(&provider)).unwrap()
    };
    let refused = || json(422, json!({"message": "no"}));
    for (step, kind) in [(refused(), ProviderErrorKind::InvalidArguments), (Step::Hang, ProviderErrorKind::Timeout)] {
        let script = Script::new([json(201, json!({"pet": {"id": 2}})), step]);
        let error = failure(&two_pets(&script), "two_pets", json!({})).await;
        assert_eq!(error.kind(), kind);
        assert!(error.message().ends_with(". Before that, `create_pet` was carried out and stays so"), "{error}");
        assert_ne!(error.sent(), Sent::No);
    }
    let error = failure(&two_pets(&Script::new([refused()])), "two_pets", json!({})).await;
    assert!(!error.message().contains("Before that"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_result_that_was_cut_does_not_say_that_it_is_complete() {
    for (pets, complete) in [(2, true), (500, false)] {
        let script = Script::new([]);
        let provider = builder(PETS, &script)
            .recipe_as(without_arguments("all_pets", "list_pets", Effect::Read), AllPets { pets })
            .build()
            .unwrap();
        let server = provider.open_server(&super::spec(&provider)).unwrap();
        let output = call(&server, "all_pets", json!({})).await.unwrap();
        assert_eq!(output.to_value().unwrap()["is_complete"], json!(complete));
        assert_eq!(output.notes.is_empty(), complete, "{:?}", output.notes);
    }
}

#[test]
fn a_recipe_is_one_tool_whose_preview_shows_the_first_request() {
    let server = with_recipe(&Script::new([]));
    let name = ToolName::new("clone_pet").unwrap();
    let definition = server.catalogue.tool(&name).unwrap();
    assert!(matches!(&definition.binding, Binding::Recipe(recipe) if recipe.uses.len() == 2));
    let preview =
        server.show(&name, &map(json!({"pet_id": "7"})), &CallRules::default(), &CredentialFacts::new()).unwrap();
    assert!(preview.url.ends_with("/pets/7") && preview.notes.len() == 2, "{preview:?}");
    let line = crate::catalog_line(definition, &"pet-shop".parse().unwrap());
    assert_eq!(line["uses"], json!(["get_pet", "create_pet"]));
    assert!(line.get("method").is_none() && line["outside"].is_string());
}

#[test]
fn what_a_recipe_sends_unasked_is_its_own_word_or_that_of_the_row_it_borrows_from() {
    let pets = PETS.replace(
        "x-govern: {effect: write, unwrap: pet,",
        "x-govern: {effect: write, unwrap: pet, send: {note: by the shop, alias: x},",
    );
    let definition = |spec: RecipeSpec| {
        let provider = builder(&pets, &Script::new([])).recipe_as(spec, ClonePet).build()?;
        Ok::<_, crate::DocumentError>(provider.catalogue().tool(&ToolName::new("clone_pet").unwrap()).unwrap().clone())
    };
    let borrowing = || spec().with_row_arguments("create_pet", ["note", "alias"]);
    let made = definition(borrowing().with_sent("alias", json!(null)).with_required(["pet_id"])).unwrap();
    assert_eq!(json!(made.send()), json!({"note": "by the shop", "alias": null}));
    assert_eq!(made.input_schema["properties"]["note"]["default"], json!("by the shop"));
    assert_eq!(made.input_schema["properties"]["alias"]["default"], json!(null));
    let line = crate::catalog_line(&made, &"pet-shop".parse().unwrap());
    assert_eq!(line["send"], json!({"note": "by the shop", "alias": null}));
    // What the recipe requires is never left out.
    let required = definition(borrowing().with_required(["pet_id", "note"])).unwrap();
    assert_eq!(json!(required.send()), json!({"alias": "x"}));
    for (spec, part) in [
        (borrowing().with_sent("nothing", json!(1)), "`nothing`: the argument is not an argument"),
        (borrowing().with_sent("note", json!(1)), "must be of type string"),
        (spec().with_sent("pet_id", json!("1")), "never left out"),
    ] {
        let error = definition(spec).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn a_recipe_must_fit_its_rows() {
    let with = |spec: RecipeSpec| builder(PETS, &Script::new([])).recipe_as(spec, ClonePet).build().map(|_| ());
    for (spec, part) in [
        (spec().with_effect(Effect::Read, true), "lower effect or risk than `create_pet`"),
        (spec().with_uses(["get_pet", "delete_pet"]).with_effect(Effect::Destructive, false), "than `delete_pet`"),
        (spec().with_uses(["get_nothing"]), "`get_nothing`"),
        (spec().with_uses(Vec::<String>::new()), "uses no row"),
        (spec().with_input_schema(json!({"type": "object"})), "additionalProperties"),
        (
            spec().with_input_schema(
                json!({"type": "object", "additionalProperties": false, "properties": {"a": {"$ref": "#/x"}}}),
            ),
            "$ref",
        ),
    ] {
        let error = with(spec).unwrap_err();
        assert_eq!(error.kind(), DocumentErrorKind::Recipe);
        assert!(error.to_string().contains(part), "{error}");
    }
    let twice = builder(PETS, &Script::new([])).recipe_as(spec(), ClonePet).recipe_as(spec(), ClonePet).build();
    assert!(twice.unwrap_err().to_string().contains("name of another tool"));
    assert!(
        with(
            spec().with_uses(["delete_pet"]).with_effect(Effect::Destructive, false).with_risk(Risk::Sensitive, "gone")
        )
        .is_ok()
    );
}
