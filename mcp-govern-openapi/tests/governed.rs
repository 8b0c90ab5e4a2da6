//! A document as web frameworks write it, behind a real governor: what is sent is what was asked for.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use async_trait::async_trait;
use mcp_govern_conformance::Harness;
use mcp_govern_core::{
    ArgumentFault, ArgumentRule, AuthMethodId, Binding, CallContext, Constraint, Credential, Denial, DenialCode,
    Effect, Provider as _, ProviderError, ProviderErrorKind, Remedy, Secret, Sent, ServerSpec, ToolDefinition,
    ToolPrefix, ToolsetBinding, ToolsetId,
    governor::{CallError, CallSuccess},
    journal::Action,
};
use mcp_govern_openapi::{OpenApiProvider, Recipe, RecipeSpec, RowCaller};
use serde_json::{Map, Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

/// Defaults on every member of a change, empty lists and null among them; one row states what it sends unasked.
const LAMPS: &str = r##"
openapi: 3.1.0
info: {title: Lamps, version: "1"}
servers: [{url: "https://lamps.example"}]
security: [{key: []}]
components:
  securitySchemes:
    key: {type: http, scheme: bearer}
  schemas:
    Lamp:
      type: object
      properties:
        name: {type: string}
        archived: {type: boolean, default: true}
        enabled: {type: boolean, default: false}
        retries: {type: integer, default: 3}
        tags: {type: array, items: {type: string}, default: []}
        owner: {anyOf: [{type: string}, {type: "null"}], default: null}
        place: {type: object, properties: {floor: {type: integer, default: 1}}, default: {floor: 1}}
paths:
  /lamps:
    get:
      operationId: list_lamps
      parameters:
        - {name: tags, in: query, schema: {type: array, items: {type: string}, default: []}}
        - {name: owner, in: query, schema: {anyOf: [{type: string}, {type: "null"}], default: null}}
        - {name: sort, in: query, schema: {type: string, default: name}}
        - {name: X-Trace, x-argument: trace, in: header, schema: {type: [string, "null"], default: null}}
        - {name: X-Rooms, x-argument: rooms, in: header, schema: {type: array, items: {type: string}, default: []}}
      responses: {"200": {description: The lamps.}}
    post:
      operationId: announce_lamp
      requestBody:
        content:
          application/json:
            schema:
              type: object
              properties:
                name: {type: string}
                notify: {type: boolean, default: true}
      responses: {"200": {description: Announced.}}
      x-govern: {send: {notify: false}}
  /lamps/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string, default: all}}]
    patch:
      operationId: update_lamp
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Lamp"}}}}
      responses: {"200": {description: The lamp.}}
    put:
      operationId: replace_lamp
      requestBody: {content: {application/x-www-form-urlencoded: {schema: {$ref: "#/components/schemas/Lamp"}}}}
      responses: {"200": {description: The lamp.}}
"##;

/// Mistakes of several kinds are possible here: across arguments, in a place of the path, among the members of a list's items.
const ROOMS: &str = r#"
openapi: 3.1.0
info: {title: Rooms, version: "1"}
servers: [{url: "https://rooms.example"}]
security: [{key: []}]
components: {securitySchemes: {key: {type: http, scheme: bearer}}}
paths:
  /rooms:
    get:
      operationId: list_rooms
      responses:
        "200":
          description: The rooms.
          content:
            application/json:
              schema: {type: array, items: {type: object, properties: {id: {type: string}}}}
      x-govern: {effect: read, output: {items: ""}}
    post:
      operationId: book_room
      requestBody:
        content:
          application/json:
            schema:
              type: object
              properties:
                from: {type: string, format: date-time}
                until: {type: string, format: date-time}
                day: {type: string, format: date}
      responses: {"200": {description: Booked.}}
      x-govern:
        effect: write
        checks:
          - {kind: before, argument: from, other: until}
          - {kind: exclusive, arguments: [day, from]}
  /rooms/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get:
      operationId: get_room
      responses: {"200": {description: The room.}}
      x-govern: {effect: read}
    put:
      operationId: furnish_room
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema: {type: object, properties: {chairs: {type: array, items: {type: string}}}}
      responses: {"200": {description: The room.}}
      x-govern: {effect: write}
"#;

/// Books a room from its end to its beginning.
#[derive(Debug)]
struct BookBackwards;

fn book_backwards() -> RecipeSpec {
    RecipeSpec::new("book_backwards", "Book backwards", "Books a room backwards.", "It turns times around.")
        .with_uses(["book_room"])
        .with_effect(Effect::Write, false)
}

#[async_trait]
impl Recipe for BookBackwards {
    async fn run(
        &self,
        rows: &RowCaller<'_>,
        _: &Map<String, Value>,
        _: &CallContext<'_>,
    ) -> Result<Value, ProviderError> {
        rows.call("book_room", backwards().as_object().unwrap().clone()).await?.to_value()
    }
}

fn backwards() -> Value {
    json!({"from": "2031-03-14T12:00:00Z", "until": "2031-03-14T11:00:00Z"})
}

struct World {
    vendor: MockServer,
    harness: Harness,
}

impl World {
    async fn open() -> Self {
        Self::of(OpenApiProvider::from_document(LAMPS).unwrap()).await
    }

    async fn of(provider: OpenApiProvider) -> Self {
        let vendor = MockServer::start().await;
        let answer = ResponseTemplate::new(200).set_body_json(json!({"done": true}));
        Mock::given(any()).respond_with(answer).mount(&vendor).await;
        let method = AuthMethodId::new("key").unwrap();
        let mut spec =
            ServerSpec::new(provider.info().id.clone(), "Lamps", ToolPrefix::new("lamps").unwrap(), method.clone());
        spec.base_url = Some(vendor.uri().parse().unwrap());
        let credential = Credential::new(method).with_field("token", Secret::new("canary"));
        let harness = Harness::builder(provider, spec).with_credential(credential).open().await.unwrap();
        Self { vendor, harness }
    }

    async fn with_rules(rules: Vec<ArgumentRule>) -> Self {
        let world = Self::open().await;
        let toolset = ToolsetId::new(Harness::TOOLSET).unwrap();
        let profile = Harness::PROFILE.parse().unwrap();
        let binding = ToolsetBinding { toolset, rules };
        world.harness.commit(Action::BindToolset { profile, binding }).await.unwrap();
        world
    }

    async fn call(&self, tool: &str, arguments: Value) -> Result<CallSuccess, CallError> {
        self.harness.call(tool, arguments).await
    }

    /// The denial of a call.
    async fn denied(&self, tool: &str, arguments: Value) -> Denial {
        self.call(tool, arguments).await.unwrap_err().denial().unwrap().clone()
    }

    /// The one request that a call sends.
    async fn sent(&self, tool: &str, arguments: Value) -> Request {
        self.vendor.reset().await;
        let answer = ResponseTemplate::new(200).set_body_json(json!({"done": true}));
        Mock::given(any()).respond_with(answer).mount(&self.vendor).await;
        self.call(tool, arguments).await.unwrap();
        let mut requests = self.vendor.received_requests().await.unwrap();
        assert_eq!(requests.len(), 1);
        requests.remove(0)
    }
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

#[tokio::test]
async fn a_change_sends_the_members_that_the_caller_gave_and_no_other() {
    let world = World::open().await;
    for (given, due) in [
        (json!({"name": "x"}), json!({"name": "x"})),
        (json!({}), json!({})),
        (json!({"tags": [], "owner": null}), json!({"tags": [], "owner": null})),
        (json!({"place": {}}), json!({"place": {}})),
    ] {
        let mut arguments = given.clone();
        arguments["id"] = json!("1");
        assert_eq!(body(&world.sent("update_lamp", arguments).await), due, "{given}");
    }
    let form = world.sent("replace_lamp", json!({"id": "1", "name": "x"})).await;
    assert_eq!(String::from_utf8(form.body).unwrap(), "name=x");
    let form = world.sent("replace_lamp", json!({"id": "1"})).await;
    assert_eq!(String::from_utf8(form.body).unwrap(), "");
}

#[tokio::test]
async fn a_list_whose_parameters_default_to_nothing_is_asked_without_them() {
    let world = World::open().await;
    let request = world.sent("list_lamps", json!({})).await;
    assert_eq!((request.url.path(), request.url.query()), ("/lamps", None));
    assert!(!request.headers.contains_key("x-trace") && !request.headers.contains_key("x-rooms"));
    let request = world.sent("list_lamps", json!({"tags": ["a"], "rooms": ["b"]})).await;
    assert_eq!(request.url.query(), Some("tags=a"));
}

#[tokio::test]
async fn a_rule_judges_what_a_row_sends_unasked_and_a_default_satisfies_none() {
    let only =
        |name: &str, value: Value| vec![ArgumentRule::new(name, Constraint::OneOf(vec![value])).with_absent_allowed()];
    let world = World::with_rules(only("notify", json!(false))).await;
    assert_eq!(body(&world.sent("announce_lamp", json!({"name": "x"})).await), json!({"name": "x", "notify": false}));
    let denied = world.denied("announce_lamp", json!({"name": "x", "notify": true})).await;
    assert_eq!(denied.code(), DenialCode::RuleViolated);

    let world = World::with_rules(only("notify", json!(true))).await;
    assert_eq!(world.denied("announce_lamp", json!({"name": "x"})).await.code(), DenialCode::RuleViolated);

    let world = World::with_rules(only("archived", json!(true))).await;
    let denial = world.denied("update_lamp", json!({"id": "1", "name": "x"})).await;
    assert!(denial.to_string().contains("`archived` is required by a rule"), "{denial}");
    assert_eq!(world.vendor.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn the_reviewer_the_model_and_the_preview_see_what_is_sent_unasked() {
    let world = World::open().await;
    let state = world.harness.governor().state();
    let definition = |name: &str| -> ToolDefinition {
        let id = format!("{}/{name}", Harness::SERVER).parse().unwrap();
        ToolDefinition::clone(state.tools()[&id].definition())
    };
    let announce = definition("announce_lamp");
    assert_eq!(json!(announce.send()), json!({"notify": false}));
    assert_eq!(serde_json::to_value(&announce).unwrap()["binding"]["send"], json!({"notify": false}));
    // The vendor's own default is true; what happens when nothing is said is what is shown.
    assert_eq!(announce.input_schema["properties"]["notify"]["default"], json!(false));
    let update = definition("update_lamp");
    assert!(matches!(&update.binding, Binding::Operation(operation) if operation.send.is_empty()));
    assert_eq!(update.input_schema["properties"]["archived"]["default"], json!(true));
    let governor = world.harness.governor();
    let preview = |tool: &str, arguments: Value| {
        governor.preview(world.harness.person(), world.harness.request(tool, arguments)).unwrap()
    };
    let shown = preview("announce_lamp", json!({}));
    assert_eq!(shown.body, Some(json!({"notify": false})));
    let shown = preview("update_lamp", json!({"id": "1"}));
    assert_eq!(shown.body, Some(json!({})));
}

#[tokio::test]
async fn a_mistake_in_arguments_is_the_same_denial_in_a_call_and_in_a_preview_and_leaves_no_intent() {
    let world = World::of(OpenApiProvider::from_document(ROOMS).unwrap()).await;
    let mut twice = backwards();
    twice["day"] = json!("2031-03-14");
    let (order, both) = (("", "`from` must lie before `until`"), ("", "`day`, `from` exclude one another"));
    let slash = "must not contain `/`, also not percent-encoded: this API takes none in its path";
    let member = "`fields` names `nmae`, which no item has; known are `id`";
    for (tool, arguments, faults) in [
        ("book_room", backwards(), vec![order]),
        ("book_room", twice, vec![order, both]),
        ("get_room", json!({"id": "a/b"}), vec![("id", slash)]),
        (
            "furnish_room",
            json!({"id": "1", "chairs": []}),
            vec![("chairs", "is empty, which a form cannot say: leave it out, or give at least one element")],
        ),
        ("list_rooms", json!({"fields": ["nmae"]}), vec![("", member)]),
    ] {
        let fault = |(argument, fault): (&str, &str)| ArgumentFault { argument: argument.into(), fault: fault.into() };
        let faults: Vec<ArgumentFault> = faults.into_iter().map(fault).collect();
        let called = world.denied(tool, arguments.clone()).await;
        assert_eq!(called.code(), DenialCode::InvalidArguments, "{called}");
        assert_eq!(called.remedy(), &Remedy::CorrectArguments { faults });
        let request = world.harness.request(tool, arguments);
        let previewed = world.harness.governor().preview(world.harness.person(), request).unwrap_err();
        assert_eq!(previewed.denial(), Some(&called));
    }
    assert!(world.vendor.received_requests().await.unwrap().is_empty());
    world.harness.close().await;
    let records = world.harness.records().await.unwrap();
    let of = |tag: &str| records.iter().filter(|record| record.contains(tag)).count();
    assert_eq!((of("denial.v1"), of("intent.v1")), (5, 0), "{records:?}");
}

#[tokio::test]
async fn a_recipe_that_makes_arguments_which_a_call_is_denied_for_sends_nothing() {
    let provider =
        OpenApiProvider::builder().document(ROOMS).recipe_as(book_backwards(), BookBackwards).build().unwrap();
    let world = World::of(provider).await;
    let error = world.call("book_backwards", json!({})).await.unwrap_err();
    let failed = error.provider_error().unwrap();
    assert_eq!((failed.kind(), failed.sent()), (ProviderErrorKind::InvalidArguments, Sent::No), "{error}");
    assert!(failed.message().contains("`from` must lie before `until`"), "{error}");
    assert!(world.vendor.received_requests().await.unwrap().is_empty());
    // The row by its own name is denied for the same.
    let denial = world.denied("book_room", backwards()).await;
    assert!(denial.message().contains("`from` must lie before `until`"), "{denial}");
}
