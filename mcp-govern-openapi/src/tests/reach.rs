//! Servers that are limited to values and hosts.

use async_trait::async_trait;
use mcp_govern_core::{
    Binding, CredentialFacts, Effect, ProbeContext, ProviderErrorKind, Sent, ServerSpec, ToolServer as _,
};
use serde_json::json;

use super::*;
use crate::{Recipe, RecipeSpec, RowCaller, catalog_line};

const SHOPS: &str = r#"
openapi: 3.1.0
info: {title: Shops, version: "1"}
servers: [{url: "https://api.example/v1"}]
security: [{api_key: []}]
x-govern:
  scopes:
    - {argument: shop_id, config: shop_ids}
    - {argument: owner_id, config: owner_id, others: open}
  origin_roles:
    window: {config: windows, argument: window_host, description: Which window.}
  remedies:
    - {status: 404, remedy: Look at the list of shops.}
    - {status: 404, origin: window, remedy: The window is shut.}
  pages:
    standard: {style: number, page: page, size: per_page, default: 2, max: 10}
  probe:
    - {operation: list_shops, facts: {shops: "/*/name", first: "/0/id"}, grants: [read], remark: It tells nothing more.}
    - {operation: get_owner, more: true, facts: {owner: /name}}
components:
  securitySchemes:
    api_key:
      {type: apiKey, in: header, name: Authorization, x-govern: {config: [
        {name: shop_ids, required: false, format: ids}, {name: owner_id, required: false, format: ids},
        {name: windows, required: false, format: hosts}]}}
paths:
  /shops:
    get: {operationId: list_shops, x-govern: {effect: read, output: {items: ""}, keep: [{argument: shop_id, id: /id}]}}
  /shops/{shop_id}:
    parameters: [{name: shop_id, in: path, required: true, description: Which., schema: {type: string}}]
    get: {operationId: get_shop, x-govern: {effect: read}}
    delete: {operationId: delete_shop, x-govern: {effect: destructive}}
  /shops/{shop_id}/pets:
    parameters: [{name: shop_id, in: path, required: true, description: Which., schema: {type: string}}]
    get:
      operationId: list_pets
      parameters:
        - {name: page, in: query, schema: {type: integer}}
        - {name: per_page, in: query, schema: {type: integer}}
      x-govern: {effect: read, output: {items: ""}, page: standard}
  /rights:
    get: {operationId: get_rights, x-govern: {effect: read, keep: [{argument: shop_id, at: [/data/shops, /shops], id: /shop/id}]}}
  /owners/{owner_id}:
    parameters: [{name: owner_id, in: path, required: true, description: Whose., schema: {type: string}}]
    get: {operationId: get_owner, x-govern: {effect: read, keep: [{argument: shop_id, at: [/shops]}]}}
  /bills:
    get: {operationId: list_bills, x-govern: {effect: read}}
  /view.json:
    get: {operationId: get_view, security: [], x-govern: {effect: read, origin: window}}
"#;

/// Deletes the shop that it is told to, whatever the arguments say.
#[derive(Debug)]
struct CloseShop;

fn close_shop() -> RecipeSpec {
    RecipeSpec::new("close_shop", "Close a shop", "Closes a shop for good, after a look at its pets.", "Two steps.")
        .with_uses(["list_pets", "delete_shop"])
        .with_row_arguments("delete_shop", ["shop_id"])
        .with_argument("other", json!({"type": "string", "description": "Another one."}))
        .with_required(["shop_id"])
        .with_effect(Effect::Destructive, false)
}

#[async_trait]
impl Recipe for CloseShop {
    async fn run(
        &self,
        rows: &RowCaller<'_>,
        arguments: &Map<String, Value>,
        _cx: &CallContext<'_>,
    ) -> Result<Value, ProviderError> {
        let shop = |id: &Value| map(json!({ "shop_id": id }));
        let pets = rows.list("list_pets", shop(&arguments["shop_id"]), 12).await?;
        let id = arguments.get("other").unwrap_or(&arguments["shop_id"]);
        rows.call("delete_shop", shop(id)).await?;
        Ok(json!({"pets": pets.items, "all": pets.is_complete}))
    }
}

fn opened(script: &Arc<Script>, config: &[(&str, &str)]) -> Result<OpenApiServer, ProviderError> {
    let provider = builder(SHOPS, script).recipe_as(close_shop(), CloseShop).build().unwrap();
    let spec = config.iter().fold(spec(&provider), |spec: ServerSpec, (key, value)| spec.with_config(*key, *value));
    provider.open_server(&spec)
}

fn limited(script: &Arc<Script>, config: &[(&str, &str)]) -> OpenApiServer {
    opened(script, config).unwrap()
}

fn names(server: &OpenApiServer) -> Vec<&str> {
    server.catalogue.tools.iter().map(|tool| tool.name.as_str()).collect()
}

#[test]
fn a_limited_server_offers_what_lies_within_and_names_the_values() {
    let script = Script::new([]);
    let server = limited(&script, &[]);
    assert_eq!(
        names(&server),
        ["close_shop", "delete_shop", "get_owner", "get_rights", "get_shop", "list_bills", "list_pets", "list_shops"]
    );
    let server = limited(&script, &[("shop_ids", "a, b"), ("owner_id", "o1"), ("windows", "w.example")]);
    assert_eq!(
        names(&server),
        ["close_shop", "delete_shop", "get_owner", "get_rights", "get_shop", "get_view", "list_pets", "list_shops"]
    );
    assert_eq!(
        json!(server.rules()),
        json!([
            {"argument": "shop_id", "constraint": {"one_of": ["a", "b"]}, "absent": "allow"},
            {"argument": "owner_id", "constraint": {"fixed": "o1"}, "absent": "allow"},
            {"argument": "window_host", "constraint": {"fixed": "w.example"}, "absent": "allow"},
        ])
    );
    let unlimited = limited(&script, &[]);
    assert!(unlimited.rules().is_empty());
    let name = ToolName::new("get_shop").unwrap();
    assert_eq!(server.catalogue.tool(&name), unlimited.catalogue.tool(&name), "what was reviewed stays reviewed");
}

#[tokio::test(start_paused = true)]
async fn a_limited_server_sends_nothing_beyond_its_limit() {
    let script = Script::new([json(200, json!({"id": "a"})), json(200, json!([1])), json(200, json!({"id": "a"}))]);
    let server = limited(&script, &[("shop_ids", "a,b")]);
    for (tool, arguments) in [
        ("get_shop", json!({"shop_id": "c"})),
        ("get_shop", json!({"shop_id": "A"})),
        ("delete_shop", json!({"shop_id": ["a"]})),
        ("get_shop", json!({})),
    ] {
        let error = failure(&server, tool, arguments.clone()).await;
        assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::InvalidArguments, Sent::No), "{arguments}");
        assert!(error.to_string().contains("`shop_id` must be `a` or `b`"), "{error}");
        let name = ToolName::new(tool).unwrap();
        assert!(server.show(&name, &map(arguments), &CallRules::default(), &CredentialFacts::new()).is_err());
    }
    for tool in ["list_bills", "get_view"] {
        assert_eq!(failure(&server, tool, json!({})).await.kind(), ProviderErrorKind::UnknownTool, "{tool}");
    }
    assert!(script.seen().is_empty());
    result(&server, "get_shop", json!({"shop_id": "a"})).await;
    // A recipe reaches no farther than the server.
    let error = failure(&server, "close_shop", json!({"shop_id": "a", "other": "c"})).await;
    assert!(error.to_string().contains("`shop_id` must be"), "{error}");
    assert_eq!(script.seen().len(), 2, "the look at the pets alone");
}

#[tokio::test(start_paused = true)]
async fn what_is_limited_to_one_value_is_filled_in() {
    let script = Script::new([json(200, json!({"id": "a"}))]);
    let server = limited(&script, &[("shop_ids", "a")]);
    result(&server, "get_shop", json!({})).await;
    assert_eq!(script.only().uri, "https://api.example/v1/shops/a");
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_to_the_limit_in_every_form() {
    let shops = json!([{"id": "a", "n": 1}, {"id": "c"}, {"name": "none"}, {"id": "b"}]);
    let list = json!({"data": {"shops": [{"shop": {"id": "c"}}, {"shop": {"id": "b"}}]}});
    let bare = json!({"shops": {"a": {"read": true}, "c": {}}, "user": 1});
    let script = Script::new([shops.clone(), list, bare, shops].map(|body| json(200, body)));
    let server = limited(&script, &[("shop_ids", "a,b")]);
    let kept = result(&server, "list_shops", json!({})).await;
    assert_eq!(kept["items"], json!([{"id": "a", "n": 1}, {"id": "b"}]));
    let rights = result(&server, "get_rights", json!({})).await;
    assert_eq!(rights, json!({"data": {"shops": [{"shop": {"id": "b"}}]}}));
    let rights = result(&server, "get_rights", json!({})).await;
    assert_eq!(rights, json!({"shops": {"a": {"read": true}}, "user": 1}));
    let whole = result(&limited(&script, &[]), "list_shops", json!({})).await;
    assert_eq!(whole["items"].as_array().map(Vec::len), Some(4), "a server without limits keeps everything");
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_which_nothing_can_be_told_is_not_shown() {
    let script = Script::new([json(200, json!({"result": {"c": {}}}))]);
    let error = failure(&limited(&script, &[("shop_ids", "a")]), "get_rights", json!({})).await;
    assert_eq!(error.kind(), ProviderErrorKind::BadAnswer);
}

#[tokio::test(start_paused = true)]
async fn another_host_is_one_of_the_configuration_and_sees_no_credential() {
    let script = Script::new([json(404, json!({}))]);
    let server = limited(&script, &[("windows", "w.example")]);
    let error = failure(&server, "get_view", json!({})).await;
    assert!(error.to_string().contains("window is shut") && !error.to_string().contains("list of shops"), "{error}");
    let script = Script::new([json(200, json!({"open": true}))]);
    let server = limited(&script, &[("windows", "w.example, https://x.example:8443")]);
    let shown = server.show(
        &ToolName::new("get_view").unwrap(),
        &map(json!({"window_host": "w.example"})),
        &CallRules::default(),
        &CredentialFacts::new(),
    );
    assert_eq!(shown.unwrap().url, "https://w.example/view.json");
    for bad in ["evil.example", "https://w.example", "x.example", "w.example/../", ""] {
        let error = failure(&server, "get_view", json!({"window_host": bad})).await;
        assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::InvalidArguments, Sent::No), "{bad}");
    }
    result(&server, "get_view", json!({"window_host": "https://x.example:8443"})).await;
    let seen = script.only();
    assert_eq!(seen.uri, "https://x.example:8443/view.json");
    assert!(!seen.headers.contains_key("authorization"), "{seen:?}");
    let tool = server.catalogue.tool(&ToolName::new("get_view").unwrap()).unwrap();
    assert!(matches!(&tool.binding, Binding::Operation(operation) if operation.origin == "window"));
    let line = catalog_line(tool, &"shops".parse().unwrap());
    assert!(line["outside"].as_str().unwrap().contains("/view.json") && line.get("path").is_none(), "{line}");
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused_by_name() {
    let script = Script::new([]);
    for (key, value, part) in [
        ("shop_ids", "", "commas"),
        ("shop_ids", "a,,b", "commas"),
        ("shop_ids", "a, a", "twice"),
        ("shop_ids", "a/b", "`a/b`"),
        ("windows", "http://w.example", "plain http"),
        ("windows", "w.example/path", "path"),
        ("windows", "user@w.example", "user name"),
    ] {
        let error = opened(&script, &[(key, value)]).unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Config);
        assert!(error.to_string().contains(part) && error.to_string().contains(key), "{value}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_is_read_over_its_pages_until_there_is_enough() {
    let ten = || Value::from(vec![7; 10]);
    let pages = [ten(), ten(), json!({"gone": true})].map(|body| json(200, body));
    let script = Script::new(pages);
    let closed = result(&limited(&script, &[]), "close_shop", json!({"shop_id": "a"})).await;
    assert_eq!(closed, json!({"pets": vec![7; 20], "all": false}));
    let uris: Vec<String> = script.seen().iter().take(2).map(|seen| seen.uri.clone()).collect();
    assert_eq!(
        uris,
        ["https://api.example/v1/shops/a/pets?per_page=10", "https://api.example/v1/shops/a/pets?page=2&per_page=10"],
        "as many as the vendor gives at once"
    );
    let script = Script::new([json(200, json!([1])), json(200, json!({}))]);
    let closed = result(&limited(&script, &[]), "close_shop", json!({"shop_id": "a"})).await;
    assert_eq!(closed, json!({"pets": [1], "all": true}));
}

#[tokio::test(start_paused = true)]
async fn a_probe_tells_what_lies_within_and_asks_on_where_it_is_told_to() {
    let shops = json!([{"id": "a", "name": "Anna"}, {"id": "c", "name": "Carl"}]);
    let script = Script::new([json(200, shops.clone()), json(200, json!({"name": "Olga", "shops": []}))]);
    let server = limited(&script, &[("shop_ids", "a, b"), ("owner_id", "o1")]);
    let credential = credential();
    let report = server.prove(ProbeContext::new(&credential)).await.unwrap();
    assert_eq!(report.facts.more["shops"], "Anna");
    assert_eq!((report.facts.more["first"].as_str(), report.facts.more["owner"].as_str()), ("a", "Olga"));
    let remarks = [
        "The credential does not see the `shop_id` `b`, to which the server is limited.",
        "It tells nothing more.",
        "The credential does not see the `shop_id` `a`, to which the server is limited.",
        "The credential does not see the `shop_id` `b`, to which the server is limited.",
    ];
    assert_eq!(report.remarks, remarks);
    // Without the configuration there is no owner to ask for; a refusal there settles nothing.
    let script = Script::new([json(200, shops.clone())]);
    let report = limited(&script, &[]).prove(ProbeContext::new(&credential)).await.unwrap();
    assert_eq!((report.facts.more["shops"].as_str(), report.facts.more.get("owner")), ("Anna, Carl", None));
    let script = Script::new([json(200, shops), json(403, json!({"message": "not yours"}))]);
    let report = limited(&script, &[("owner_id", "o1")]).prove(ProbeContext::new(&credential)).await.unwrap();
    assert_eq!(report.verdict, mcp_govern_core::CredentialVerdict::Accepted);
    assert!(report.remarks[1].contains("not yours"), "{:?}", report.remarks);
}

#[test]
fn a_document_that_limits_in_the_wrong_place_is_refused() {
    for (from, to, part) in [
        ("{argument: owner_id, config", "{argument: owner, config", "`owner` is an argument of no"),
        ("config: shop_ids}", "config: windows}", "of the format `ids`"),
        ("window: {config: windows", "window: {config: shop_ids", "of the format `hosts`"),
        ("window: {config: windows", "api: {config: windows", "own base URL"),
        ("security: [], x-govern", "x-govern", "security: []"),
        ("keep: [{argument: shop_id, id: /id}]", "keep: [{argument: shop, id: /id}]", "none of the document's"),
        (
            "output: {items: \"\"}, page: standard",
            "output: {items: \"\"}, page: standard, keep: [{argument: shop_id}]",
            "come whole",
        ),
    ] {
        assert!(SHOPS.contains(from), "{from}");
        let error = OpenApiProvider::from_document(&SHOPS.replace(from, to)).unwrap_err();
        assert!(error.to_string().contains(part), "{to}: {error}");
    }
    let borrowed = |spec: RecipeSpec| {
        #[derive(Debug)]
        struct Nothing;
        #[async_trait]
        impl Recipe for Nothing {
            async fn run(
                &self,
                _: &RowCaller<'_>,
                _: &Map<String, Value>,
                _: &CallContext<'_>,
            ) -> Result<Value, ProviderError> {
                Ok(json!({}))
            }
        }
        OpenApiProvider::builder().document(SHOPS).recipe_as(spec, Nothing).build().unwrap_err().to_string()
    };
    let spec =
        || RecipeSpec::new("look_twice", "Look twice", "Looks at a shop two times.", "Two.").with_uses(["get_shop"]);
    assert!(borrowed(spec().with_row_arguments("get_shop", ["nope"])).contains("`nope`"));
    assert!(borrowed(spec().with_required(["nope"])).contains("requires `nope`"));
}
