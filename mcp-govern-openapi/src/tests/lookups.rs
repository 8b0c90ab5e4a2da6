//! Values that no caller gives and that are read at the vendor before a request is made.

use mcp_govern_core::{Binding, CredentialFacts, ProviderErrorKind, Sent};
use serde_json::json;

use super::*;

const REQUESTS: &str = r#"
openapi: 3.1.0
info: {title: Requests, version: "1"}
servers: [{url: "https://a.example"}]
security: [{api_key: []}, {oauth: []}]
x-govern:
  lookups:
    requester:
      - {operation: list_users, when: api_key, config: {query: actor_email}, matching: {at: /email, config: actor_email}, value: /id}
      - {operation: get_me, value: /id}
components:
  securitySchemes:
    api_key: {type: apiKey, in: header, name: Authorization, x-govern: {prefix: "Token token=", config: [{name: actor_email, format: email}]}}
    oauth: {type: oauth2, flows: {}, x-govern: {sharing: [shared]}}
paths:
  /requests:
    post:
      operationId: ask_for_help
      x-govern: {effect: write, notifies: nobody}
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [requester_id, message], properties: {
        requester_id: {type: string, x-lookup: requester}, message: {type: string, description: What for.}}}}}}
  /users:
    get:
      operationId: list_users
      x-govern: {effect: read, output: {items: /users}, page: {style: none}}
      parameters: [{name: query, in: query, description: Text., schema: {type: string}}]
  /users/me:
    get: {operationId: get_me, x-govern: {effect: read, output: {root: /user}}}
"#;

fn opened(script: &Arc<Script>) -> OpenApiServer {
    let provider = provider(REQUESTS, script);
    provider.open_server(&spec(&provider).with_config("actor_email", "Kim@example.com")).unwrap()
}

fn users() -> Step {
    let named = |id: &str, email: &str| json!({"id": id, "email": email});
    json(200, json!({"users": [named("U1", "kimi@example.com"), named("U2", "kim@example.com")]}))
}

#[tokio::test(start_paused = true)]
async fn what_is_looked_up_is_read_once_for_each_credential_and_no_argument_says_it() {
    let done = || json(200, json!({}));
    let script = Script::new([users(), done(), done(), json(200, json!({"user": {"id": "U9"}})), done()]);
    let server = opened(&script);
    for requests in [2, 1] {
        let output = call(&server, "ask_for_help", json!({"message": "fire"})).await.unwrap();
        assert_eq!(output.exchanges.len(), requests);
    }
    for name in ["requester", "requester_id"] {
        let error = failure(&server, "ask_for_help", json!({"message": "fire", name: "U1"})).await;
        assert_eq!(error.kind(), ProviderErrorKind::InvalidArguments, "{name}");
        assert_eq!(script.seen().len(), 3);
    }
    let seen = script.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].uri, "https://a.example/users?query=Kim%40example.com");
    for sent in &seen[1..] {
        assert_eq!(sent.json(), json!({"message": "fire", "requester_id": "U2"}));
    }
    // With a token the user is the token's own.
    let provider = provider(REQUESTS, &script);
    let mut of_token = spec(&provider);
    of_token.auth_method = AuthMethodId::new("oauth").unwrap();
    let server = provider.open_server(&of_token).unwrap();
    let token = Credential::new(of_token.auth_method.clone()).with_field("access_token", Secret::new("t-1"));
    let cx = CallContext::new(&NoObserver).with_credential(Some(&token));
    let tool = ToolName::new("ask_for_help").unwrap();
    server.execute(&tool, &map(json!({"message": "x"})), &CallRules::default(), &cx).await.unwrap();
    assert_eq!(script.seen()[4].json(), json!({"message": "x", "requester_id": "U9"}));
}

#[tokio::test(start_paused = true)]
async fn without_the_value_nothing_is_changed_and_the_error_names_the_configuration() {
    let script =
        Script::new([json(200, json!({"users": [{"id": "U1", "email": "kimi@example.com"}]})), json(500, json!({}))]);
    let server = opened(&script);
    let error = failure(&server, "ask_for_help", json!({"message": "fire"})).await;
    assert_eq!((error.kind(), error.sent(), error.exchanges().len()), (ProviderErrorKind::Config, Sent::Yes, 1));
    assert!(error.message().contains("`actor_email`"), "{error}");
    assert_eq!(script.seen().len(), 1);
}

#[test]
fn a_preview_says_that_the_value_is_looked_up_and_the_schema_has_no_argument_for_it() {
    let script = Script::new([]);
    let server = opened(&script);
    let tool = ToolName::new("ask_for_help").unwrap();
    let rules = CallRules::default();
    let preview = server.show(&tool, &map(json!({"message": "x"})), &rules, &CredentialFacts::new()).unwrap();
    let body = preview.body.unwrap();
    assert_eq!(body["requester_id"], "(looked up when it is called)");
    let definition = server.catalogue.tool(&tool).unwrap();
    assert_eq!(definition.arguments().collect::<Vec<_>>(), ["message"]);
    let Binding::Operation(binding) = &definition.binding else { panic!("no operation") };
    assert_eq!(binding.fixed.last().map(|fixed| fixed.value.clone()), Some(json!({"lookup": "requester"})));
}

#[test]
fn a_lookup_that_cannot_be_made_is_a_fault_of_the_document() {
    for (from, to, part) in [
        ("x-lookup: requester", "x-lookup: other", "`x-lookup: other` is not among"),
        ("operation: get_me", "operation: nothing", "`nothing` is not an operation"),
        ("operation: get_me", "operation: ask_for_help", "not a plain read"),
        ("config: {query: actor_email}", "config: {q: actor_email}", "no argument `q`"),
        ("config: {query: actor_email}", "config: {query: actor}", "`actor` is not a configuration"),
        (", matching: {at: /email, config: actor_email}", "", "`matching` goes with a list"),
    ] {
        let error = builder(&REQUESTS.replace(from, to), &Script::new([])).build().unwrap_err();
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}
