//! Tools that can never work with a server as it is configured.

use mcp_govern_core::{Provider as _, ProviderErrorKind, ToolServer as _};

use super::*;

const SCOPED: &str = r#"
openapi: 3.1.0
info: {title: Scoped, version: "1"}
servers: [{url: "https://a.example"}]
security: [{api_key: []}, {oauth: []}]
x-govern: {asked_scopes: {config: oauth_scopes, covers: {read: ["*.read"]}}}
components:
  securitySchemes:
    api_key: {type: apiKey, in: header, name: Authorization}
    oauth: {type: oauth2, flows: {}, x-govern: {config: [{name: oauth_scopes, required: false, format: scopes}]}}
paths:
  /things:
    get: {operationId: list_things, x-govern: {effect: read}, security: [{api_key: []}, {oauth: [things.read]}]}
    post: {operationId: make_thing, x-govern: {effect: write, notifies: nobody}, security: [{api_key: []}, {oauth: [things.write]}]}
  /me:
    get: {operationId: get_me, x-govern: {effect: read}}
"#;

#[test]
fn a_tool_whose_scope_the_app_does_not_ask_for_has_an_obstacle_that_says_what_to_do() {
    let provider = provider(SCOPED, &Script::new([]));
    let open = |asked: Option<&str>| {
        let mut spec = spec(&provider).with_sharing(mcp_govern_core::CredentialSharing::PerUser);
        spec.auth_method = AuthMethodId::new("oauth").unwrap();
        let spec = asked.iter().fold(spec, |spec, asked| spec.with_config("oauth_scopes", *asked));
        provider.open_server(&spec).unwrap()
    };
    let obstacle = |server: &OpenApiServer, tool: &str| server.obstacle(&ToolName::new(tool).unwrap());
    let narrow = open(Some("things.read"));
    let told = obstacle(&narrow, "make_thing").unwrap();
    assert!(told.contains("`things.write`") && told.contains("`oauth_scopes`"), "{told}");
    assert_eq!((obstacle(&narrow, "list_things"), obstacle(&narrow, "get_me")), (None, None));
    let wide = open(Some("read"));
    assert!(obstacle(&wide, "list_things").is_none() && obstacle(&wide, "make_thing").is_some());
    // Where the configuration says nothing, nothing is known.
    assert_eq!(obstacle(&open(None), "make_thing"), None);
    // A key has no scopes, and no configuration of them.
    let key = provider.open_server(&spec(&provider)).unwrap();
    assert_eq!(obstacle(&key, "make_thing"), None);
    // Whoever asks for the scopes finds the configuration by the flows of the method.
    let flows = |method: &str| provider.info().auth_method(&AuthMethodId::new(method).unwrap()).unwrap().oauth.clone();
    assert_eq!(flows("oauth").unwrap().scopes_config.as_deref(), Some("oauth_scopes"));
    assert_eq!(flows("api_key"), None);
    let error = provider.open_server(&spec(&provider).with_config("oauth_things", "x")).unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Config);
}

#[test]
fn what_is_asked_for_is_a_configuration_of_that_format() {
    let wrong = SCOPED.replace("format: scopes", "format: ids");
    let error = builder(&wrong, &Script::new([])).build().unwrap_err();
    assert!(error.to_string().contains("`format: scopes`"), "{error}");
}
