//! What documents become, and what is wrong with some.

use mcp_govern_core::{
    Binding, Classification, CredentialSharing, Effect, Provider as _, ProviderErrorKind, Risk, ToolDefinition,
};
use serde_json::json;

use super::*;
use crate::{DocumentError, catalog_line, merge_documents};

fn load(text: &str) -> Result<OpenApiProvider, DocumentError> {
    OpenApiProvider::from_document(text)
}

fn tool(provider: &OpenApiProvider, name: &str) -> Arc<ToolDefinition> {
    provider.catalogue().tool(&ToolName::new(name).unwrap()).unwrap().clone()
}

#[test]
fn a_definition_holds_everything_that_a_reviewer_must_see() {
    let provider = load(PETS).unwrap();
    let create = tool(&provider, "create_pet");
    assert_eq!(
        (create.effect, create.risk, create.classification()),
        (Effect::Write, Risk::None, Classification::Write)
    );
    assert_eq!(
        *create.input_schema,
        json!({"type": "object", "additionalProperties": false, "required": ["name"], "properties": {
            "name": {"type": "string", "description": "Its name."},
            "born_on": {"type": "string", "description": "The day."},
            "owner_id": {"type": "string", "description": "The owner."},
            "alias": {"type": ["string", "null"], "description": "A key."},
            "note": {"type": "string", "description": "For the log."}}})
    );
    let line = catalog_line(&create, &provider.info().id);
    assert_eq!(line["provider"], "pet-shop");
    assert_eq!((&line["method"], &line["path"]), (&json!("POST"), &json!("/pets")));
    assert!(
        line["bindings"]
            .as_array()
            .unwrap()
            .contains(&json!({"argument": "owner_id", "in": "body", "name": "pet.owner.id"}))
    );
    let fixed = line["fixed"].as_array().unwrap();
    assert!(fixed.contains(&json!({"in": "body", "name": "pet.owner.type", "value": "owner_reference"})));
    assert!(fixed.contains(&json!({"in": "header", "name": "X-Client", "value": "governed"})));
    let delete = tool(&provider, "delete_pet");
    assert_eq!(delete.classification(), Classification::Sensitive);
    assert!(delete.annotations.destructive_hint && !delete.annotations.read_only_hint);
    let Binding::Operation(binding) = &delete.binding else { panic!("no operation") };
    assert_eq!(binding.security, ["api_key"]);
    assert!(provider.lint().is_empty(), "{:?}", provider.lint());
}

#[test]
fn json_and_yaml_give_the_same_catalogue_and_the_same_digests() {
    let yaml = load(PETS).unwrap();
    let value = merge_documents([("pets.yaml", PETS)]).unwrap();
    let json = load(&value.to_string()).unwrap();
    assert_eq!(yaml.catalogue(), json.catalogue());
    for (a, b) in yaml.catalogue().tools.iter().zip(&json.catalogue().tools) {
        assert_eq!(a.digest().unwrap(), b.digest().unwrap());
    }
}

#[test]
fn what_changes_on_the_wire_changes_the_digest() {
    let digest = |text: &str, name: &str| tool(&load(text).unwrap(), name).digest().unwrap();
    let before = digest(PETS, "set_owners");
    for (from, to) in [
        ("value: replace all", "value: add"),
        ("/pets/{petId}/owners:", "/pets/{petId}/keepers:"),
        ("X-Client: governed", "X-Client: other"),
        ("why: {type: string, description: Reason.}", "why: {type: string, description: Do it now.}"),
    ] {
        assert_ne!(before, digest(&PETS.replacen(from, to, 1), "set_owners"), "{from}");
    }
    assert_eq!(before, digest(&PETS.replacen("operationId: get_status", "operationId: read_status", 1), "set_owners"));
}

const FOREIGN: &str = r#"{"openapi": "3.1.0", "info": {"title": "My API", "version": "1"},
  "servers": [{"url": "https://my.example/api"}],
  "paths": {"/users/{userId}": {
    "parameters": [{"name": "userId", "in": "path", "required": true, "schema": {"type": "string"}}],
    "get": {"operationId": "getUser", "summary": "Get one", "responses": {"200": {"description": "ok", "content": {
      "application/json": {"schema": {"type": "object", "properties": {"id": {"type": "string"}}}}}}}},
    "delete": {"operationId": "deleteUser", "responses": {"204": {"description": "gone"}}}}}}"#;

#[test]
fn a_document_of_somebody_else_works_and_counts_as_dangerous() {
    let provider = load(FOREIGN).unwrap();
    let get = tool(&provider, "get_user");
    assert_eq!((get.risk, get.classification()), (Risk::Dangerous, Classification::Dangerous));
    assert!(get.risk_reason.as_deref().unwrap().contains("does not say"));
    assert!(!get.annotations.read_only_hint && get.annotations.destructive_hint);
    assert_eq!(get.title, "Get one");
    assert!(get.output_schema.is_some());
    assert_eq!(get.arguments().collect::<Vec<_>>(), ["user_id"]);
    let lint = provider.lint();
    assert!(lint.iter().any(|remark| remark.contains("GET /users/{userId} (getUser): states no `effect`")), "{lint:?}");
}

/// Puts a line into the list operation and says what the loader says.
fn faulty(from: &str, to: &str) -> String {
    assert!(PETS.contains(from), "{from}");
    load(&PETS.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn every_fault_names_its_operation() {
    for (from, to, part) in [
        ("operationId: get_status", "operationId: list_pets", "the name `list_pets` is taken"),
        ("operationId: get_status", "description2: x", "has no `operationId`"),
        ("operationId: get_status", "operationId: état", "tool name"),
        ("      security: []\n", "      security: [{other: []}]\n", "`other`, which is not a scheme"),
        ("      security: []\n", "      servers: []\n", "`servers`"),
        ("      x-govern: {effect: read}\n", "      x-govern: {efect: read}\n", "efect"),
        ("      x-govern: {effect: read}\n", "      x-govern: {effect: read, page: {style: none}}\n", "`page` needs"),
        ("      x-govern: {effect: read}\n", "      x-govern: {effect: read, output: {items: a}}\n", "JSON pointer"),
        ("      x-govern: {effect: read}\n", "      x-govern: {effect: read, output: {items: /a, root: /b}}\n", "both"),
        ("      x-govern: {effect: read}\n", "      x-govern: {effect: read, unwrap: a}\n", "without `requestBody`"),
        ("      x-govern: {effect: read}\n", "      x-govern: {effect: read, secret_output: [a]}\n", "not a place"),
        (
            "      x-govern: {effect: read}\n",
            "      x-govern: {effect: read, idempotent: {with: a}}\n",
            "`a`, which is not an argument",
        ),
        (
            "      x-govern: {effect: read}\n",
            "      x-govern: {effect: read, fixed: [{in: path, name: a, value: b}]}\n",
            "cannot stand in the path",
        ),
        (
            "      x-govern: {effect: read}\n",
            "      x-govern: {effect: read, fixed: [{in: body, name: a, value: b}]}\n",
            "needs a `requestBody`",
        ),
        (
            "      x-govern: {effect: read}\n",
            "      x-govern: {effect: read, fixed: [{in: header, name: Host, value: b}]}\n",
            "`Host`",
        ),
    ] {
        let error = faulty(from, to);
        assert!(error.contains(part) && error.contains("GET /status"), "{to}: {error}");
    }
    for (send, part) in [
        ("nothing: 1", "`send` names `nothing`, which is not an argument"),
        ("bornOn: x", "`send` names `bornOn`, which is not an argument"),
        ("type: x", "`send` names `type`, which is not an argument"),
        ("kind: x", "`send` names `kind`, which is fixed"),
        ("name: x", "`send` of `name`: the argument is required"),
        ("note: 1", "`send` of `note`: the argument must be of type string"),
        ("note: null", "`send` of `note`"),
    ] {
        let to =
            format!("{{effect: write, unwrap: pet, fixed: [{{in: body, name: kind, value: dog}}], send: {{{send}}},");
        let error = faulty("{effect: write, unwrap: pet,", &to);
        assert!(error.contains(part) && error.contains("POST /pets (create_pet)"), "{to}: {error}");
    }
    for (from, to, part) in [
        ("style: offset, offset: offset", "style: offset, offset: from", "`page` names `from`"),
        ("name: tags, in: query", "name: q, in: query", "the parameter `q` is defined twice"),
        ("name: tags, in: query", "name: Q, in: query", "the argument `q`"),
        ("name: q, in: query", "name: q, in: cookie", "cookie"),
    ] {
        let error = faulty(from, to);
        assert!(error.contains(part) && error.contains("GET /pets (list_pets)"), "{to}: {error}");
    }
    let error = faulty(
        "{name: petId, in: path, required: true, description: Which., schema: {type: string}}]\n      x-govern: {effect: read",
        "]\n      x-govern: {effect: read",
    );
    assert!(error.contains("`{petId}` has no definition"), "{error}");
    let error = faulty("effect: destructive", "effect: read");
    assert!(error.contains("contradicts the method DELETE"), "{error}");
    let error = faulty("name: X-Shop", "name: \"X-Pet[]\", x-argument: bornOn");
    assert!(error.contains("x-argument"), "{error}");
}

#[test]
fn faults_of_the_whole_document_are_named_too() {
    for (from, to, part) in [
        ("openapi: 3.1.0", "openapi: 3.0.3", "3.0.3"),
        ("openapi: 3.1.0", "swagger: '2.0'", "not an OpenAPI document"),
        ("openapi: 3.1.0", "openapi: 3.1", "is not a text"),
        ("title: Pet Shop", "title2: Pet Shop", "no `title`"),
        ("catalogue: 3", "catalogue: 0", "1 or higher"),
        ("catalogue: 3", "catalog: 3", "catalog"),
        ("catalogue: 3", "origin_roles: {b: {config: x, argument: host, description: d}}", "`config: x`"),
        ("catalogue: 3", "scopes: [{argument: pet_id, config: x}]", "`config: x`"),
        ("catalogue: 3", "pages: {standard: {style: nmber}}", "nmber"),
        ("page: {style: offset", "origin: elsewhere\n        page: {style: offset", "`origin: elsewhere`"),
        (
            "page: {style: offset, offset: offset, limit: limit, default: 2, max: 100, window: 1000, more: /more, total: /total}",
            "page: standard",
            "`page: standard`",
        ),
        ("type: apiKey, in: header", "type: apiKey, in: query", "in: query"),
        ("X-Client: governed", "Cookie: a", "Cookie"),
        ("  catalogue: 3", "  probe: [{operation: get_nothing}]", "`get_nothing` is not an operation"),
        ("  catalogue: 3", "  probe: [{operation: get_pet}]", "needs the argument `pet_id`"),
        ("  catalogue: 3", "  probe: [{operation: create_pet, arguments: {name: a}}]", "is not a read"),
    ] {
        let error = faulty(from, to);
        assert!(error.contains(part), "{to}: {error}");
    }
    assert_eq!(load("{").unwrap_err().kind(), crate::DocumentErrorKind::Syntax);
    assert_eq!(load("a: [").unwrap_err().kind(), crate::DocumentErrorKind::Syntax);
    assert!(load("[]").unwrap_err().to_string().contains("not an object"));
    assert!(OpenApiProvider::builder().build().unwrap_err().to_string().contains("no document"));
}

#[test]
fn faults_of_several_operations_come_together_with_their_files() {
    let a = "paths: {/a: {get: {operationId: get_a, x-govern: {efect: read}}}}";
    let b = "paths: {/b: {head: {operationId: get_b}}, /c: {get: {operationId: get_c, x-govern: {ignore: true, page: {style: none}}}}}";
    let main = "openapi: 3.1.0\ninfo: {title: T, version: '1'}";
    let merged = merge_documents([("main.yaml", main), ("a.yaml", a), ("b.yaml", b)]).unwrap();
    let error = load(&merged.to_string()).unwrap_err();
    assert_eq!(error.faults().len(), 2, "{error}");
    let text = error.to_string();
    assert!(text.contains("GET /a (get_a) in a.yaml: ") && text.contains("HEAD /b (get_b) in b.yaml: "), "{text}");
}

#[test]
fn a_server_row_must_fit_its_provider() {
    let script = Script::new([]);
    let two = PETS.replace(
        "servers: [{url: \"https://pets.example/v1\"}]",
        "servers: [{url: \"https://us.example\", x-region: us}, {url: \"https://eu.example\", x-region: eu}]",
    );
    let provider = provider(&two, &script);
    let good = spec(&provider);
    assert_eq!(provider.open_server(&good).unwrap().base, "https://us.example");
    assert_eq!(provider.open_server(&good.clone().with_region("eu")).unwrap().base, "https://eu.example");
    let own = good.clone().with_base_url("http://127.0.0.1:9/x/".parse().unwrap());
    assert_eq!(provider.open_server(&own).unwrap().base, "http://127.0.0.1:9/x");
    let mut method = good.clone();
    method.auth_method = AuthMethodId::new("oauth").unwrap();
    let mut other = good.clone();
    other.provider = "other".parse().unwrap();
    for (row, part) in [
        (good.clone().with_region("mars"), "`mars`: expected `us` or `eu`"),
        (good.clone().with_base_url("http://pets.example".parse().unwrap()), "plain http"),
        (good.clone().with_base_url("https://u:p@pets.example".parse().unwrap()), "user name"),
        (good.clone().with_base_url("https://pets.example/?a=b".parse().unwrap()), "query"),
        (good.clone().with_config("actor", "a"), "`actor` is not a configuration"),
        (method, "no auth method `oauth`: expected `api_key`"),
        (other, "`other`"),
    ] {
        let error = provider.open_server(&row).unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Config);
        assert!(error.message().contains(part), "{error}");
    }
    assert!(provider.open_server(&good.with_sharing(CredentialSharing::PerUser)).is_ok());
}

const ACTORS: &str = r#"
openapi: 3.1.0
info: {title: Actors, version: "1"}
servers: [{url: "https://a.example"}]
security: [{api_key: []}, {oauth: [things.write]}]
components:
  securitySchemes:
    api_key: {type: apiKey, in: header, name: Authorization, x-govern: {prefix: "Token token=", config: [{name: actor_email, format: email}]}}
    oauth: {type: oauth2, flows: {}}
  parameters:
    From: {name: From, in: header, required: true, x-config: actor_email, x-when: api_key, schema: {type: string}}
paths:
  /things:
    post: {operationId: make_thing, parameters: [{$ref: '#/components/parameters/From'}], x-govern: {effect: write}}
    get: {operationId: list_things, security: [{api_key: []}], x-govern: {effect: read}}
"#;

#[tokio::test(start_paused = true)]
async fn configuration_fills_a_header_for_its_own_method_alone() {
    let script = Script::new([json(200, json!({})), json(200, json!({}))]);
    let provider = provider(ACTORS, &script);
    let row = spec(&provider);
    let error = provider.open_server(&row).unwrap_err();
    assert!(error.message().contains("`actor_email` is missing"), "{error}");
    for bad in ["kim", "kim@", "a@b\r\nX: y", "a b@c"] {
        assert!(provider.open_server(&row.clone().with_config("actor_email", bad)).is_err(), "{bad}");
    }
    let server = provider.open_server(&row.clone().with_config("actor_email", "kim@example.com")).unwrap();
    call(&server, "make_thing", json!({})).await.unwrap();
    assert_eq!(script.seen()[0].headers["from"], "kim@example.com");

    let mut oauth = row.with_sharing(CredentialSharing::PerUser);
    oauth.auth_method = AuthMethodId::new("oauth").unwrap();
    let server = provider.open_server(&oauth).unwrap();
    let token = Credential::new(oauth.auth_method.clone()).with_field("access_token", Secret::new("t-1"));
    let cx = CallContext::new(&NoObserver).with_credential(Some(&token));
    server.execute(&ToolName::new("make_thing").unwrap(), &map(json!({})), &CallRules::default(), &cx).await.unwrap();
    let seen = &script.seen()[1];
    assert!(!seen.headers.contains_key("from"));
    assert_eq!(seen.headers["authorization"], "Bearer t-1");
    // What the method cannot call is not offered.
    assert_eq!(server.catalogue.tools.len(), 1);
    assert_eq!(provider.catalogue().tools.len(), 2);
    let make = tool(&provider, "make_thing");
    assert_eq!(make.scopes, ["things.write"]);
    let Binding::Operation(binding) = &make.binding else { panic!("no operation") };
    assert_eq!(binding.fixed[0].value, json!({"config": "actor_email", "when": "api_key"}));
    assert_eq!(binding.security, ["api_key", "oauth"]);
}

#[test]
fn debug_of_a_server_shows_no_document_and_no_secret() {
    let server = server(PETS, &Script::new([]));
    let shown = format!("{server:?}");
    assert!(shown.len() < 200 && shown.contains("https://pets.example/v1"), "{shown}");
}

#[test]
fn the_forms_of_results_are_declared_unless_answers_are_not_held_to_the_document() {
    let declared = PETS.replace(
        "      security: []\n",
        "      security: []\n      responses: {\"200\": {content: {application/json: {schema: {type: object, properties: {a: {type: string}}}}}}}\n",
    );
    let form = |forms: crate::ResultForms| {
        let provider = builder(&declared, &Script::new([])).result_forms(forms).build().unwrap();
        let tool = provider.catalogue().tool(&ToolName::new("get_status").unwrap()).unwrap().clone();
        tool.output_schema.is_some()
    };
    assert!(form(crate::ResultForms::Declared) && !form(crate::ResultForms::Undeclared));
}
