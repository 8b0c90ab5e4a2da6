//! Rules of server, binding and entry, wherever the arguments of a row come from.

use async_trait::async_trait;
use mcp_govern_conformance::Harness;
use mcp_govern_core::{
    ArgumentRule, Constraint, DenialCode, Effect, Label, Pattern, ProviderErrorKind, Risk, Sent, ServerSpec, ToolId,
    ToolsetBinding, ToolsetContent, ToolsetEntry, governor::CallError, journal::Action,
};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{Recipe, RecipeSpec, RowCaller};

const DESK: &str = r#"
openapi: 3.1.0
info: {title: Desk, version: "1"}
servers: [{url: "https://desk.example"}]
security: [{api_key: []}]
x-govern:
  scopes: [{argument: page, config: pages, others: open}]
components:
  securitySchemes:
    api_key: {type: apiKey, in: header, name: Authorization, x-govern: {config: [{name: pages, required: false, format: ids}]}}
paths:
  /pages:
    get: {operationId: list_pages, x-govern: {effect: read, output: {items: ""}, keep: [{argument: page, id: /id}]}}
  /pages/{page}:
    parameters: [{name: page, in: path, required: true, schema: {type: string}}]
    get: {operationId: get_page, x-govern: {effect: read}}
  /pages/{page}/notes:
    parameters: [{name: page, in: path, required: true, schema: {type: string}}]
    post:
      operationId: create_note
      requestBody:
        content:
          application/json:
            schema:
              type: object
              properties:
                impact: {type: string}
                count: {type: integer}
                tags: {type: array, items: {type: string}}
      x-govern: {effect: write}
  /rights:
    get: {operationId: get_rights, x-govern: {effect: read, keep: [{argument: page, at: [/pages]}]}}
    put:
      operationId: replace_rights
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [pages]
              properties: {pages: {type: object, additionalProperties: {type: object}}}
      x-govern: {effect: destructive, keys_of: {pages: page}, replaces: get_rights}
  /visits:
    post:
      operationId: note_visits
      requestBody:
        content:
          application/json:
            schema: {type: object, properties: {seen: {type: array, items: {type: string}}}}
      x-govern: {effect: write, keys_of: {seen: page}}
"#;

const ROWS: [&str; 6] = ["list_pages", "get_page", "create_note", "get_rights", "replace_rights", "note_visits"];

/// Calls the row that it is told to call, with arguments that no schema has seen.
#[derive(Debug)]
struct Relay;

fn relay_spec() -> RecipeSpec {
    let object = json!({"type": "object", "description": "The arguments."});
    RecipeSpec::new("relay", "Relay", "Calls a row with arguments of its own.", "It is made for this.")
        .with_uses(ROWS)
        .with_argument("row", json!({"type": "string", "description": "Which."}))
        .with_argument("with", object)
        .with_required(["row", "with"])
        .with_effect(Effect::Destructive, false)
        .with_risk(Risk::Dangerous, "It calls anything.")
}

#[async_trait]
impl Recipe for Relay {
    async fn run(
        &self,
        rows: &RowCaller<'_>,
        arguments: &Map<String, Value>,
        _cx: &CallContext<'_>,
    ) -> Result<Value, ProviderError> {
        let answer = rows.call(arguments["row"].as_str().unwrap(), map(arguments["with"].clone())).await?;
        Ok(json!({"narrowed": answer.is_narrowed, "answer": answer.to_value()?}))
    }

    fn first_request(&self, arguments: &Map<String, Value>) -> Option<(ToolName, Map<String, Value>)> {
        Some((ToolName::new(arguments["row"].as_str()?).ok()?, map(arguments["with"].clone())))
    }
}

/// A vendor with two pages, on both of which the person has rights.
#[derive(Debug, Default)]
struct Desk(Mutex<Vec<(String, Value)>>);

impl Desk {
    /// The requests so far, as `METHOD path body`.
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(line, body)| format!("{line} {body}").replace(" null", "")).collect()
    }
}

#[async_trait]
impl Transport for Desk {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _deadline: Instant,
    ) -> Result<http::Response<BodyStream>, TransportError> {
        let body = serde_json::from_slice(request.body()).unwrap_or_default();
        self.0.lock().unwrap().push((format!("{} {}", request.method(), request.uri().path()), body));
        let answer = match (request.method().as_str(), request.uri().path()) {
            ("GET", "/pages") => json!([{"id": "p1"}, {"id": "p2"}]),
            ("GET", "/rights") => json!({"pages": {"p1": {"read": true}, "p2": {"read": true}}}),
            _ => json!({"done": true}),
        };
        let mut response = http::Response::new(BodyStream::whole(Bytes::from(answer.to_string())));
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
        Ok(response)
    }
}

/// Where a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Server,
    Binding,
    Entry,
}

const PLACES: [Place; 3] = [Place::Server, Place::Binding, Place::Entry];

/// A person who may call everything, under these rules.
async fn open(rules: &[(Place, ArgumentRule)]) -> (Arc<Desk>, Harness) {
    let desk = Arc::new(Desk::default());
    let provider = OpenApiProvider::builder()
        .document(DESK)
        .transport(desk.clone())
        .recipe_as(relay_spec(), Relay)
        .build()
        .unwrap();
    let of = |wanted: Place| -> Vec<ArgumentRule> {
        rules.iter().filter(|(place, _)| *place == wanted).map(|(_, rule)| rule.clone()).collect()
    };
    let spec: ServerSpec = spec(&provider).with_rules(of(Place::Server));
    let harness = Harness::builder(provider, spec).with_credential(credential()).open().await.unwrap();
    let names = ROWS.into_iter().chain(["relay"]);
    let entry = |name| (ToolId::new(harness.server().clone(), ToolName::new(name).unwrap()), of(Place::Entry));
    let entries = names.map(entry).map(|(tool, rules)| (tool, ToolsetEntry { rules })).collect();
    let (toolset, profile) = ("chosen".parse().unwrap(), Harness::PROFILE.parse().unwrap());
    let content = ToolsetContent::Chosen(entries);
    for action in [
        Action::CreateToolset { toolset, label: Label::new("Chosen"), content },
        Action::UnbindToolset { profile, toolset: Harness::TOOLSET.parse().unwrap() },
        Action::BindToolset {
            profile: Harness::PROFILE.parse().unwrap(),
            binding: ToolsetBinding { toolset: "chosen".parse().unwrap(), rules: of(Place::Binding) },
        },
    ] {
        harness.commit(action).await.unwrap();
    }
    (desk, harness)
}

fn rule(argument: &str, constraint: Constraint) -> ArgumentRule {
    ArgumentRule::new(argument, constraint).with_absent_allowed()
}

fn one_of(argument: &str, values: &[&str]) -> ArgumentRule {
    rule(argument, Constraint::OneOf(values.iter().map(|value| json!(value)).collect()))
}

async fn relay(harness: &Harness, row: &str, with: Value) -> Result<Value, CallError> {
    let success = harness.call("relay", json!({"row": row, "with": with})).await?;
    Ok(success.output.to_value().unwrap())
}

#[tokio::test]
async fn what_a_recipe_reads_is_narrowed_by_every_rule() {
    for place in PLACES {
        let (_, harness) = open(&[(place, one_of("page", &["p1"]))]).await;
        let direct = harness.output("get_rights", json!({})).await.unwrap();
        let relayed = relay(&harness, "get_rights", json!({})).await.unwrap();
        assert_eq!(direct, json!({"pages": {"p1": {"read": true}}}), "{place:?}");
        assert_eq!(relayed, json!({"narrowed": true, "answer": direct}), "{place:?}");
        let list = relay(&harness, "list_pages", json!({})).await.unwrap();
        assert_eq!(list["answer"]["items"], json!([{"id": "p1"}]), "{place:?}");
    }
    let (_, harness) = open(&[]).await;
    assert_eq!(relay(&harness, "get_rights", json!({})).await.unwrap()["narrowed"], json!(false));
}

#[tokio::test]
async fn what_a_recipe_sends_beyond_a_rule_is_refused_before_it_is_sent() {
    for place in PLACES {
        let (desk, harness) = open(&[(place, one_of("impact", &["minor"]))]).await;
        for with in [json!({"page": "p1", "impact": "critical"}), json!({"page": "p1"})] {
            let error = relay(&harness, "create_note", with.clone()).await.unwrap_err();
            let failed = error.provider_error().unwrap();
            assert_eq!((failed.kind(), failed.sent()), (ProviderErrorKind::RuleViolated, Sent::No), "{place:?}");
            assert!(failed.message().contains("`create_note`: a rule does not allow it: `impact`"), "{failed}");
            assert!(!failed.message().contains("critical"), "{failed}");
            let request = harness.request("relay", json!({"row": "create_note", "with": with}));
            assert!(harness.governor().preview(harness.person(), request).is_err(), "{place:?}");
        }
        assert!(desk.lines().is_empty(), "{place:?}: {:?}", desk.lines());
        relay(&harness, "create_note", json!({"page": "p1", "impact": "minor"})).await.unwrap();
        assert_eq!(desk.lines(), [r#"POST /pages/p1/notes {"impact":"minor"}"#], "{place:?}");
    }
}

#[tokio::test]
async fn what_a_rule_fixes_is_filled_in_for_the_rows_of_a_recipe() {
    for place in PLACES {
        let (desk, harness) = open(&[(place, rule("impact", Constraint::Fixed(json!("minor"))))]).await;
        relay(&harness, "create_note", json!({"page": "p1"})).await.unwrap();
        assert_eq!(desk.lines(), [r#"POST /pages/p1/notes {"impact":"minor"}"#], "{place:?}");
        let error = relay(&harness, "create_note", json!({"page": "p1", "impact": "major"})).await.unwrap_err();
        assert!(error.to_string().contains("is set by a rule"), "{error}");
        assert_eq!(desk.lines().len(), 1);
    }
}

#[tokio::test]
async fn keys_that_stand_for_an_argument_are_held_to_its_rules_one_by_one() {
    for place in PLACES {
        let (desk, harness) = open(&[(place, one_of("page", &["p1"]))]).await;
        for seen in [json!(["p2"]), json!(["p1", "p2"]), json!(["P1"]), json!([""])] {
            let error = harness.call("note_visits", json!({"seen": seen})).await.unwrap_err();
            assert_eq!(error.code(), Some(DenialCode::RuleViolated), "{place:?} {seen}");
            let error = relay(&harness, "note_visits", json!({"seen": seen})).await.unwrap_err();
            assert_eq!(error.provider_error().map(ProviderError::kind), Some(ProviderErrorKind::RuleViolated));
        }
        for tool in ["replace_rights", "relay"] {
            let with = json!({"pages": {"p1": {}, "p2": {}}});
            let arguments = if tool == "relay" { json!({"row": "replace_rights", "with": with}) } else { with };
            assert!(harness.call(tool, arguments).await.is_err(), "{place:?} {tool}");
        }
        assert!(desk.lines().is_empty(), "{:?}", desk.lines());
        harness.call("note_visits", json!({"seen": ["p1"]})).await.unwrap();
        relay(&harness, "note_visits", json!({"seen": []})).await.unwrap();
        assert_eq!(desk.lines(), [r#"POST /visits {"seen":["p1"]}"#, r#"POST /visits {"seen":[]}"#]);
    }
}

#[tokio::test]
async fn what_lies_outside_of_a_rule_is_not_taken_away_by_a_whole_that_leaves_it_out() {
    let (desk, harness) = open(&[(Place::Binding, one_of("page", &["p1"]))]).await;
    for tool in ["replace_rights", "relay"] {
        let with = json!({"pages": {"p1": {}}});
        let arguments = if tool == "relay" { json!({"row": "replace_rights", "with": with}) } else { with };
        let error = harness.call(tool, arguments).await.unwrap_err();
        let failed = error.provider_error().unwrap();
        assert_eq!((failed.kind(), failed.sent()), (ProviderErrorKind::RuleViolated, Sent::Yes), "{tool}");
        assert!(failed.message().contains("would be taken away") && !failed.message().contains("p2"), "{failed}");
        assert_eq!(failed.exchanges().len(), 1, "{tool}");
    }
    assert_eq!(desk.lines(), ["GET /rights", "GET /rights"]);
    // With both pages within the rule the whole is the person's to replace; without a rule nothing is looked at.
    let (desk, harness) = open(&[(Place::Binding, one_of("page", &["p1", "p2"]))]).await;
    let success = harness.call("replace_rights", json!({"pages": {"p1": {}}})).await.unwrap();
    assert_eq!(success.output.exchanges.len(), 2);
    assert_eq!(desk.lines(), ["GET /rights", r#"PUT /rights {"pages":{"p1":{}}}"#]);
    let (desk, harness) = open(&[]).await;
    harness.call("replace_rights", json!({"pages": {"p1": {}}})).await.unwrap();
    assert_eq!(desk.lines(), [r#"PUT /rights {"pages":{"p1":{}}}"#]);
}

#[tokio::test]
async fn a_rule_that_denies_tools_without_its_argument_denies_recipes_over_them() {
    let strict = ArgumentRule::new("row", Constraint::OneOf(vec![json!("list_pages")]));
    for place in [Place::Server, Place::Binding] {
        let (desk, harness) = open(&[(place, strict.clone())]).await;
        let error = relay(&harness, "list_pages", json!({})).await.unwrap_err();
        assert_eq!(error.code(), Some(DenialCode::RuleViolated), "{place:?}");
        assert!(error.to_string().contains("which it uses, does not have"), "{error}");
        assert!(desk.lines().is_empty());
    }
    // A rule of the entry was made for the recipe, whose argument it is.
    let (desk, harness) = open(&[(Place::Entry, strict)]).await;
    relay(&harness, "list_pages", json!({})).await.unwrap();
    assert!(relay(&harness, "get_rights", json!({})).await.is_err());
    assert_eq!(desk.lines(), ["GET /pages"]);
}

/// A document in which something stands that `keys_of` and `replaces` cannot mean.
#[test]
fn keys_that_stand_for_nothing_are_a_fault_of_the_document() {
    for (from, to, part) in [
        ("keys_of: {seen: page}", "keys_of: {sean: page}", "`sean`, which is not an argument"),
        ("keys_of: {seen: page}", "keys_of: {seen: pega}", "`pega`, which is an argument of no operation"),
        ("keys_of: {seen: page}", "keys_of: {seen: seen}", "an argument of the operation itself"),
        ("replaces: get_rights", "replaces: get_wrongs", "`get_wrongs`, which is not an operation"),
        ("replaces: get_rights", "replaces: note_visits", "must be a plain read"),
        ("replaces: get_rights", "replaces: get_page", "needs `page`"),
        ("keys_of: {pages: page}, replaces", "replaces", "needs `keys_of`"),
        (", keep: [{argument: page, at: [/pages]}]", "", "no `keep` that tells `page`"),
    ] {
        assert!(DESK.contains(from), "{from}");
        let error = OpenApiProvider::from_document(&DESK.replace(from, to)).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

fn any_rule() -> impl Strategy<Value = (Place, ArgumentRule)> {
    let page = || prop::sample::subsequence(vec!["p1", "p2", "p3"], 1..=2);
    let texts = |values: Vec<&str>| Constraint::OneOf(values.into_iter().map(|value| json!(value)).collect());
    let of_page = prop_oneof![
        page().prop_map(texts),
        Just(Constraint::Fixed(json!("p1"))),
        Just(Constraint::Pattern(Pattern::new("p[12]").unwrap())),
        Just(Constraint::Subset(vec![json!("p1")])),
        Just(Constraint::Max(1.into())),
    ]
    .prop_map(|constraint| ("page", constraint));
    let of_impact = prop_oneof![
        Just(Constraint::Fixed(json!("minor"))),
        Just(Constraint::OneOf(vec![json!("minor"), json!("major")])),
        Just(Constraint::Pattern(Pattern::new("m.*").unwrap())),
    ]
    .prop_map(|constraint| ("impact", constraint));
    let of_count = prop_oneof![Just(Constraint::Max(5.into())), Just(Constraint::Fixed(json!(3)))]
        .prop_map(|constraint| ("count", constraint));
    let of_tags = Just(("tags", Constraint::Subset(vec![json!("a"), json!("b")])));
    let (place, absent) = (prop::sample::select(PLACES.to_vec()), prop::bool::weighted(0.9));
    (place, prop_oneof![3 => of_page, 2 => of_impact, 1 => of_count, 1 => of_tags], absent).prop_map(
        |(place, (argument, constraint), allowed)| {
            let rule = ArgumentRule::new(argument, constraint);
            (place, if allowed { rule.with_absent_allowed() } else { rule })
        },
    )
}

/// At most one rule on an argument at each place: more are refused where they are made.
fn any_rules() -> impl Strategy<Value = Vec<(Place, ArgumentRule)>> {
    prop::collection::vec(any_rule(), 0..4).prop_map(|mut rules| {
        let mut seen: Vec<(Place, String)> = Vec::new();
        rules.retain(|(place, rule)| {
            let key = (*place, rule.argument.clone());
            let fresh = !seen.contains(&key);
            seen.push(key);
            fresh
        });
        rules
    })
}

/// A row with arguments that its schema takes.
fn any_call() -> impl Strategy<Value = (&'static str, Value)> {
    let page = || prop::sample::select(vec!["p1", "p2", "p3", "P1"]);
    let note = (
        page(),
        prop::option::of(prop::sample::select(vec!["minor", "major", "none"])),
        prop::option::of(0..9_u8),
        prop::option::of(prop::sample::subsequence(vec!["a", "b", "c"], 0..=3)),
    );
    let note = note.prop_map(|(page, impact, count, tags)| {
        let mut note = map(json!({"page": page, "impact": impact, "count": count, "tags": tags}));
        note.retain(|_, value| !value.is_null());
        ("create_note", Value::Object(note))
    });
    let pages = || prop::sample::subsequence(vec!["p1", "p2", "p3"], 0..=3);
    prop_oneof![
        1 => Just(("list_pages", json!({}))),
        1 => Just(("get_rights", json!({}))),
        2 => page().prop_map(|page| ("get_page", json!({ "page": page }))),
        4 => note,
        3 => pages().prop_map(|pages| {
            let pages: Map<String, Value> = pages.into_iter().map(|page| (page.to_owned(), json!({}))).collect();
            ("replace_rights", json!({ "pages": pages }))
        }),
        2 => pages().prop_map(|pages| ("note_visits", json!({ "seen": pages }))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// INVARIANT: the rules of a call hold for whatever is sent on its behalf.
    #[test]
    fn nothing_is_sent_through_a_recipe_that_a_direct_call_would_have_been_denied(
        rules in any_rules(), (row, with) in any_call(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (desk, harness) = open(&rules).await;
            let direct = harness.call(row, with.clone()).await;
            let by_name = desk.lines();
            desk.0.lock().unwrap().clear();
            let relayed = relay(&harness, row, with.clone()).await;
            let by_recipe = desk.lines();
            match (&direct, &relayed) {
                (Ok(direct), Ok(relayed)) => {
                    prop_assert_eq!(&by_name, &by_recipe);
                    prop_assert_eq!(&direct.output.to_value().unwrap(), &relayed["answer"]);
                }
                // A recipe over rows that a rule denies altogether is denied itself, whatever it would call.
                (Ok(_), Err(error)) => {
                    prop_assert_eq!(error.code(), Some(DenialCode::RuleViolated), "{}", error);
                    prop_assert!(by_recipe.is_empty());
                }
                (Err(error), relayed) => {
                    prop_assert!(relayed.is_err(), "{} {} under {:?}: {}", row, with, rules, error);
                    let refused_by_look = error.provider_error().is_some();
                    prop_assert!(by_recipe.is_empty() || refused_by_look && by_recipe == by_name, "{:?}", by_recipe);
                }
            }
            Ok(())
        })?;
    }
}
