//! What an empty list or map would do is said in so many words, a value can stand in two places, and what a schema says of a value.

use mcp_govern_core::{Binding, CredentialFacts, ProviderErrorKind};
use serde_json::json;

use super::*;

const RIGHTS: &str = r#"
openapi: 3.1.0
info: {title: Rights, version: "1"}
servers: [{url: "https://rights.example/v1"}]
paths:
  /people/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    put:
      operationId: replace_rights
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [rights]
              properties:
                rights:
                  type: object
                  required: [pages]
                  properties:
                    pages: {type: object, additionalProperties: {type: object}}
                    groups: {type: array, items: {type: string}}
                    note: {type: string}
                note: {type: string, x-same-as: note}
      x-govern:
        unwrap: rights
        instead:
          - {argument: no_pages, of: pages, send: {}, description: Takes every page away.}
          - {argument: no_groups, of: groups, send: [], description: Takes out of every group.}
    patch:
      operationId: subscribe
      requestBody:
        content:
          application/json:
            schema: {type: object, properties: {parts: {type: array, items: {type: string}}}}
      x-govern:
        instead: [{argument: everything, of: parts, description: All parts.}]
        checks: [{kind: any_of, arguments: [parts, everything]}]
"#;

async fn body(tool: &str, arguments: Value) -> Value {
    let script = Script::new([json(200, json!({}))]);
    call(&server(RIGHTS, &script), tool, arguments).await.unwrap();
    script.only().json()
}

#[tokio::test]
async fn a_flag_sends_the_empty_value_in_whose_place_it_is_given() {
    for (arguments, due) in [
        (json!({"pages": {"a": {}}}), json!({"rights": {"pages": {"a": {}}}})),
        (json!({"no_pages": true}), json!({"rights": {"pages": {}}})),
        (json!({"no_pages": true, "no_groups": true}), json!({"rights": {"pages": {}, "groups": []}})),
        (
            json!({"pages": {"a": {}}, "no_pages": false, "groups": ["g"]}),
            json!({"rights": {"pages": {"a": {}}, "groups": ["g"]}}),
        ),
    ] {
        let mut arguments = arguments;
        arguments["id"] = json!("1");
        assert_eq!(body("replace_rights", arguments.clone()).await, due, "{arguments}");
    }
    assert_eq!(body("subscribe", json!({"id": "1", "parts": ["a"]})).await, json!({"parts": ["a"]}));
    assert_eq!(body("subscribe", json!({"id": "1", "everything": true})).await, json!({}));
}

#[tokio::test]
async fn neither_nothing_nor_both_is_taken_for_an_answer() {
    let server = server(RIGHTS, &Script::new([]));
    for (tool, arguments, text) in [
        ("replace_rights", json!({}), "give `pages`, or `no_pages`: true where that is meant"),
        ("replace_rights", json!({"no_pages": false}), "give `pages`, or `no_pages`: true where that is meant"),
        ("replace_rights", json!({"no_pages": true, "pages": {"a": {}}}), "`pages` and `no_pages` exclude one another"),
        ("subscribe", json!({}), "give `parts`, or `everything`: true where that is meant"),
    ] {
        let mut arguments = arguments;
        arguments["id"] = json!("1");
        let error = failure(&server, tool, arguments).await;
        assert_eq!(error.kind(), ProviderErrorKind::InvalidArguments);
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn the_reviewer_and_the_model_see_what_a_flag_does() {
    let server = server(RIGHTS, &Script::new([]));
    let tool = server.catalogue.tool(&ToolName::new("replace_rights").unwrap()).unwrap();
    let Binding::Operation(operation) = &tool.binding else { panic!("no operation") };
    assert_eq!(
        json!(operation.fixed),
        json!([
            {"in": "body", "name": "rights.pages", "value": {"argument": "no_pages", "value": {}}},
            {"in": "body", "name": "rights.groups", "value": {"argument": "no_groups", "value": []}},
        ])
    );
    let schema = &tool.input_schema;
    assert_eq!(schema["required"], json!(["id"]));
    assert_eq!(schema["properties"]["no_pages"], json!({"type": "boolean", "description": "Takes every page away."}));
    assert_eq!(
        (&schema["properties"]["pages"]["minProperties"], &schema["properties"]["groups"]["minItems"]),
        (&json!(1), &json!(1))
    );
    let fault = schema["properties"]["pages"]["x-fault"].as_str().unwrap();
    assert!(fault.contains("`no_pages`: true"), "{fault}");
    let shown = server
        .show(&tool.name, &map(json!({"id": "1", "no_pages": true})), &CallRules::default(), &CredentialFacts::new())
        .unwrap();
    assert_eq!(shown.body, Some(json!({"rights": {"pages": {}}})));
}

#[tokio::test]
async fn one_argument_can_stand_in_two_places_of_a_body() {
    let sent = body("replace_rights", json!({"id": "1", "no_pages": true, "note": "n"})).await;
    assert_eq!(sent, json!({"rights": {"pages": {}, "note": "n"}, "note": "n"}));
    let server = server(RIGHTS, &Script::new([]));
    let tool = server.catalogue.tool(&ToolName::new("replace_rights").unwrap()).unwrap();
    let Binding::Operation(operation) = &tool.binding else { panic!("no operation") };
    let places = operation.arguments.iter().filter(|bound| bound.argument == "note").map(|bound| bound.name.as_str());
    assert_eq!(places.collect::<Vec<_>>(), ["rights.note", "note"]);
}

#[test]
fn a_flag_for_what_has_no_empty_form_is_an_error() {
    for (from, to, part) in [
        ("of: pages, send: {}", "of: page, send: {}", "`instead.of: page`"),
        ("of: pages, send: {}", "of: id, send: {}", "`instead.of: id`"),
        ("of: pages, send: {}", "of: note, send: {}", "must be a list or a map"),
        ("of: pages, send: {}", "of: pages, send: []", "must be a list or a map"),
        ("of: pages, send: {}", "of: pages, send: {a: 1}", "must be a list or a map"),
        ("argument: no_pages", "argument: groups", "become the argument `groups`"),
    ] {
        let error = OpenApiProvider::from_document(&RIGHTS.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("replace_rights"), "{error}");
    }
}

#[tokio::test]
async fn a_base_url_without_the_path_of_the_api_is_told_where_everything_is_not_found() {
    let answer = || Script::new([json(404, json!({"error": "not found"}))]);
    let at = |base: &str| {
        let script = answer();
        let provider = provider(RIGHTS, &script);
        let mut spec = spec(&provider);
        spec.base_url = Some(base.parse().unwrap());
        provider.open_server(&spec).unwrap()
    };
    let arguments = json!({"id": "1", "everything": true});
    let error = failure(&at("https://rights.example"), "subscribe", arguments.clone()).await.to_string();
    assert!(error.contains("below `/v1`") && error.contains("`https://rights.example`"), "{error}");
    for base in ["https://rights.example/v1", "https://proxy.example/rights/v1/"] {
        let error = failure(&at(base), "subscribe", arguments.clone()).await.to_string();
        assert!(!error.contains("/v1`"), "{error}");
    }
}

const SUBSCRIBERS: &str = r#"
openapi: 3.1.0
info: {title: Subscribers, version: "1"}
servers: [{url: "https://subscribers.example/v1"}]
paths:
  /remind:
    post:
      operationId: remind
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [subscribers]
              properties:
                subscribers: {type: array, items: {type: string}}
                group: {type: string}
      x-govern:
        instead:
          - {argument: all, of: subscribers, send: everybody, description: All of them.}
          - {argument: no_group, of: group, send: null, description: None.}
"#;

#[tokio::test]
async fn a_flag_stands_for_a_word_among_identifiers_and_for_null() {
    let sent = async |arguments: Value| {
        let script = Script::new([json(200, json!({}))]);
        call(&server(SUBSCRIBERS, &script), "remind", arguments).await.unwrap();
        script.only().json()
    };
    assert_eq!(sent(json!({"all": true})).await, json!({"subscribers": "everybody"}));
    let both = json!({"subscribers": ["a"], "no_group": true});
    assert_eq!(sent(both).await, json!({"subscribers": ["a"], "group": null}));
    let server = server(SUBSCRIBERS, &Script::new([]));
    for (arguments, part) in [
        (json!({}), "give `subscribers`, or `all`: true where that is meant"),
        (json!({"subscribers": ["a"], "all": true}), "exclude one another"),
        (json!({"all": true, "group": "g", "no_group": true}), "exclude one another"),
    ] {
        assert!(failure(&server, "remind", arguments).await.message().contains(part), "{part}");
    }
    let row = server.shared.document.row(&ToolName::new("remind").unwrap()).unwrap();
    let properties = &row.definition.input_schema["properties"];
    assert_eq!((&properties["subscribers"]["type"], &properties["group"]["type"]), (&json!("array"), &json!("string")));
    let Binding::Operation(operation) = &row.definition.binding else { panic!("no operation") };
    let flags: Vec<Value> = operation.fixed.iter().map(|fixed| fixed.value.clone()).collect();
    assert_eq!(
        flags,
        [json!({"argument": "all", "value": "everybody"}), json!({"argument": "no_group", "value": null})]
    );
}
