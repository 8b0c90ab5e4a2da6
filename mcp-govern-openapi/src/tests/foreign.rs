//! Documents that others write and change.

use mcp_govern_core::{
    Binding, Catalogue, CatalogueVersion, Provider as _, ProviderErrorKind,
    journal::drift::{Grade, diff, grade},
};
use serde_json::json;

use super::*;
use crate::ForeignDocument;

/// A document as vendors publish them: some of it is fine, some of it cannot be honoured.
const OTHERS: &str = r##"
openapi: 3.1.0
info: {title: T API, version: "1"}
servers: [{url: "https://api.example.com/v1"}]
security: [{api_key: []}]
components:
  securitySchemes:
    api_key: {type: http, scheme: bearer}
    in_query: {type: apiKey, in: query, name: key}
  schemas:
    "Page[Item]": {type: object, properties: {name: {type: string}}}
paths:
  /contacts:
    get: {operationId: listContacts, responses: {"200": {description: ok}}}
    options: {operationId: options_contacts, responses: {"204": {description: ok}}}
    post:
      operationId: create_contact
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Page%5BItem%5D"}}}}
  /contacts/imports:
    post:
      operationId: import_contacts
      requestBody: {content: {application/x-tar: {schema: {type: string, format: binary}}}}
  /session:
    get: {operationId: get_session, parameters: [{name: id, in: cookie, schema: {type: string}}]}
  /old:
    get: {operationId: get_old, security: [{in_query: []}]}
    delete: {operationId: delete_old, security: [{in_query: []}, {api_key: []}]}
  /elsewhere:
    servers: [{url: "https://uploads.example.com"}]
    put: {operationId: put_elsewhere}
  /here:
    servers: [{url: "https://api.example.com/v1"}]
    put: {operationId: put_here}
  /nameless:
    get: {}
  /prices/{id}:
    put:
      operationId: update_the_price_of_an_article_api_v1_prices__id__put
      parameters: [{name: id, in: path, required: true, schema: {type: integer, format: int64, minimum: -9223372036854775808}}]
      requestBody: {content: {application/json: {schema: {type: object, properties: {
        micros: {type: integer, format: int64, maximum: 9223372036854775807, default: 9223372036854775807}}}}}}
"##;

fn foreign(text: &str, how: ForeignDocument) -> OpenApiProvider {
    OpenApiProvider::builder().document(text).foreign(how).build().unwrap()
}

fn names(provider: &OpenApiProvider) -> Vec<&str> {
    provider.catalogue().tools.iter().map(|tool| tool.name.as_str()).collect()
}

fn told(provider: &OpenApiProvider) -> Vec<String> {
    provider.left_out().iter().map(ToString::to_string).collect()
}

#[test]
fn an_operation_that_cannot_be_honoured_is_left_out_and_told_and_the_others_are_there() {
    let provider = foreign(OTHERS, ForeignDocument::new());
    let names = names(&provider);
    for name in ["list_contacts", "create_contact", "delete_old", "put_here"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    assert_eq!(names.len(), 5, "{names:?}");
    let told = told(&provider);
    for (place, part) in [
        ("OPTIONS /contacts (options_contacts): ", "`options` is not supported"),
        ("POST /contacts/imports (import_contacts): ", "application/x-tar"),
        ("GET /session (get_session): ", "cookie"),
        ("GET /old (get_old): ", "`in_query`: `in: query` is not supported"),
        ("PUT /elsewhere (put_elsewhere): ", "`servers`"),
        ("GET /nameless: ", "`x-govern.name`"),
    ] {
        assert!(told.iter().any(|fault| fault.starts_with(place) && fault.contains(part)), "{place}{part}: {told:?}");
    }
    assert_eq!(told.len(), 6, "{told:?}");
    // As one of our own the same document is refused.
    let refused = OpenApiProvider::from_document(OTHERS).unwrap_err().to_string();
    assert!(refused.contains("in_query"), "{refused}");
}

#[test]
fn numbers_beyond_what_json_holds_exactly_are_drawn_in_and_the_tool_is_there() {
    let provider = foreign(OTHERS, ForeignDocument::new());
    let tool = provider.catalogue().tools.iter().find(|tool| tool.name.as_str().starts_with("update_the")).unwrap();
    let schema = &tool.input_schema["properties"];
    assert_eq!(schema["id"]["minimum"], json!(-9_007_199_254_740_991_i64));
    assert_eq!(schema["micros"]["maximum"], json!(9_007_199_254_740_991_i64));
    assert!(schema["micros"].get("default").is_none());
    assert!(tool.digest().is_ok());
}

#[test]
fn a_value_that_is_sent_and_has_no_digest_costs_its_operation_alone() {
    let text = OTHERS.replace("name: {type: string}", "name: {x-fixed: 18014398509481985}");
    let provider = foreign(&text, ForeignDocument::new());
    assert!(!names(&provider).contains(&"create_contact") && names(&provider).contains(&"list_contacts"));
    assert!(
        told(&provider).iter().any(|fault| fault.contains("create_contact") && fault.contains("2^53")),
        "{:?}",
        told(&provider)
    );
}

#[test]
fn the_operator_says_which_operations_are_meant_and_what_they_are_called() {
    let how = ForeignDocument::new()
        .with_operations(["GET *", "create_contact", "update*", "no_such"])
        .with_ignore(["get_session", "GET /old"])
        .with_name("GET /nameless", "get_nameless")
        .with_name("update_the_price_of_an_article_api_v1_prices__id__put", "set_price")
        .with_name("listContacts", "Not A Name");
    let provider = foreign(OTHERS, how);
    assert_eq!(names(&provider), ["create_contact", "get_nameless", "set_price"]);
    let told = told(&provider);
    assert!(told.iter().any(|fault| fault.starts_with("operations: `no_such` names no operation")), "{told:?}");
    assert!(told.iter().any(|fault| fault.contains("listContacts") && fault.contains("Not A Name")), "{told:?}");
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn a_name_stands_in_the_document_too_and_what_refers_to_the_operation_still_finds_it() {
    let named = OTHERS
        .replace("operationId: listContacts,", "operationId: listContacts, x-govern: {effect: read, name: people},");
    let probing = named.replace("info: {", "x-govern: {probe: [{operation: listContacts}]}\ninfo: {");
    let provider = foreign(&probing, ForeignDocument::new());
    assert!(names(&provider).contains(&"people") && !names(&provider).contains(&"list_contacts"));
    assert!(provider.proves(&AuthMethodId::new("api_key").unwrap()), "{:?}", told(&provider));
}

#[test]
fn a_probe_of_an_operation_that_is_left_out_is_told_and_keeps_nothing_from_being_served() {
    let probing = OTHERS.replace("info: {", "x-govern: {probe: [{operation: get_session}]}\ninfo: {");
    let provider = foreign(&probing, ForeignDocument::new());
    assert!(names(&provider).contains(&"list_contacts"));
    assert!(
        told(&provider).iter().any(|fault| fault.starts_with("x-govern.probe: `get_session`")),
        "{:?}",
        told(&provider)
    );
}

#[test]
fn a_shortened_name_stays_when_other_operations_come_and_go() {
    let long = |provider: &OpenApiProvider| {
        names(provider).into_iter().find(|name| name.starts_with("update_the")).map(str::to_owned)
    };
    let all = foreign(OTHERS, ForeignDocument::new());
    let alone = foreign(OTHERS, ForeignDocument::new().with_operations(["update*"]));
    assert!(long(&all).is_some_and(|name| name.len() <= 40));
    assert_eq!(long(&all), long(&alone));
}

#[test]
fn without_a_server_that_can_be_used_the_operators_base_url_is_asked_for() {
    for servers in [r#"[{url: "/api/v3"}]"#, r#"[{url: "https://{shop}.example"}]"#, r#"[{url: "http://api.example"}]"#]
    {
        let text = OTHERS.replacen(r#"[{url: "https://api.example.com/v1"}]"#, servers, 1);
        let provider = foreign(&text, ForeignDocument::new());
        let row = spec(&provider);
        let error = provider.open_server(&row).unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Config);
        assert!(error.message().contains("`base_url` is needed"), "{error}");
        let own = row.with_base_url("https://real.example/api".parse().unwrap());
        assert_eq!(provider.open_server(&own).unwrap().base, "https://real.example/api");
    }
}

#[test]
fn another_destination_is_another_tool_where_the_document_decides_it() {
    let moved = OTHERS.replacen("https://api.example.com/v1", "https://other.example.com/v1", 1);
    let tools = |text: &str, base: Option<&str>| -> Arc<Catalogue> {
        let provider = foreign(text, ForeignDocument::new());
        let row = spec(&provider);
        let row = base.map_or(row.clone(), |base| row.with_base_url(base.parse().unwrap()));
        provider.open_server(&row).unwrap().catalogue
    };
    let tool = |catalogue: &Catalogue| catalogue.tool(&ToolName::new("list_contacts").unwrap()).unwrap().clone();
    let (before, after) = (tool(&tools(OTHERS, None)), tool(&tools(&moved, None)));
    assert_eq!(grade(&before, &after), Some(Grade::Rebound));
    let changes = diff(&before, &after);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].field, "/binding/destination");
    assert_eq!(changes[0].after, Some(json!("https://other.example.com/v1")));
    // Where the operator's row decides, the document's servers are nobody's business.
    let base = Some("https://own.example.com");
    assert_eq!(tool(&tools(OTHERS, base)).digest(), tool(&tools(&moved, base)).digest());
    // A provider of our own decides by itself, and states nothing.
    let Binding::Operation(own) = tool_of_pets().binding.clone() else { panic!("no operation") };
    assert_eq!(own.destination, None);
}

fn tool_of_pets() -> Arc<mcp_govern_core::ToolDefinition> {
    let provider = OpenApiProvider::from_document(PETS).unwrap();
    let server = provider.open_server(&spec(&provider)).unwrap();
    server.catalogue.tool(&ToolName::new("list_pets").unwrap()).unwrap().clone()
}

#[test]
fn a_document_that_states_no_version_leaves_counting_to_the_journal() {
    let version = |text: &str| foreign(text, ForeignDocument::new()).catalogue().version;
    assert_eq!(version(OTHERS), CatalogueVersion::UNSTATED);
    assert_eq!(version(&OTHERS.replace("info: {", "x-govern: {catalogue: 7}\ninfo: {")), CatalogueVersion(7));
    assert_eq!(
        foreign(OTHERS, ForeignDocument::new()).info().base_url.as_ref().unwrap().as_str(),
        "https://api.example.com/v1"
    );
}

#[test]
fn tools_whose_effect_is_not_stated_are_counted() {
    let provider = foreign(
        &OTHERS.replace("operationId: listContacts,", "operationId: listContacts, x-govern: {effect: read},"),
        ForeignDocument::new(),
    );
    let unstated: Vec<&str> = provider.unstated_effects().map(ToolName::as_str).collect();
    assert_eq!(unstated.len(), 4);
    assert!(!unstated.contains(&"list_contacts"));
}
