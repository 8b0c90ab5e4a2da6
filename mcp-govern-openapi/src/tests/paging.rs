//! Lists from page to page.

use serde_json::json;

use super::*;

fn numbered(extra: &str) -> String {
    format!(
        "openapi: 3.1.0
info: {{title: T, version: '1'}}
servers: [{{url: 'https://t.example'}}]
paths:
  /things:
    get:
      operationId: list_things
      description: Lists the things that there are.
      parameters:
        - {{name: page, in: query, schema: {{type: integer}}}}
        - {{name: per_page, in: query, schema: {{type: integer}}}}
        - {{name: cursor, in: query, schema: {{type: string}}}}
      x-govern: {{effect: read, {extra}}}
"
    )
}

#[tokio::test]
async fn every_page_of_a_list_is_reached_by_next_and_none_twice() {
    let page = "output: {items: ''}, page: {style: number, page: page, size: per_page, first: 1, default: 2, max: 100}";
    let script = Script::new([json(200, json!([1, 2])), json(200, json!([3, 4])), json(200, json!([5]))]);
    let server = server(&numbered(page), &script);
    let mut arguments = json!({});
    let mut all = Vec::new();
    loop {
        let output = result(&server, "list_things", arguments.clone()).await;
        all.extend(output["items"].as_array().unwrap().clone());
        if output["has_more"] == json!(false) {
            assert_eq!(output["next"], json!(null));
            break;
        }
        arguments = output["next"].clone();
    }
    assert_eq!(json!(all), json!([1, 2, 3, 4, 5]));
    let uris: Vec<_> = script.seen().iter().map(|seen| seen.uri.clone()).collect();
    assert_eq!(uris[0], "https://t.example/things?per_page=2");
    assert_eq!(uris[2], "https://t.example/things?page=3&per_page=2");
}

#[tokio::test]
async fn a_cursor_goes_back_percent_encoded() {
    let page = "output: {items: /data}, page: {style: cursor, cursor: cursor, limit: per_page, next: /next_cursor, default: 5}";
    let script = Script::new([
        json(200, json!({"data": [1], "next_cursor": "a+b/c="})),
        json(200, json!({"data": [], "next_cursor": null})),
    ]);
    let server = server(&numbered(page), &script);
    let output = result(&server, "list_things", json!({})).await;
    assert_eq!(output["next"], json!({"cursor": "a+b/c="}));
    result(&server, "list_things", output["next"].clone()).await;
    assert!(script.seen()[1].uri.contains("cursor=a%2Bb%2Fc%3D"));
}

#[tokio::test]
async fn a_list_without_paging_and_a_bare_list_have_the_same_form() {
    let script = Script::new([json(200, json!([1])), json(200, json!([2])), json(200, json!("text"))]);
    let stated = server(&numbered("output: {items: ''}, page: {style: none}"), &script);
    assert_eq!(result(&stated, "list_things", json!({})).await, json!({"items": [1], "has_more": false, "next": null}));
    let unstated = server(&numbered("risk: none"), &script);
    assert_eq!(
        result(&unstated, "list_things", json!({})).await,
        json!({"items": [2], "has_more": false, "next": null})
    );
    assert_eq!(result(&unstated, "list_things", json!({})).await, json!({"value": "text"}));
}

#[tokio::test(start_paused = true)]
async fn a_page_size_that_the_vendor_states_is_not_sent_and_tells_a_full_page_all_the_same() {
    let page = "output: {items: ''}, page: {style: number, page: page, size: per_page}";
    let document =
        numbered(page).replace("per_page, in: query, schema: {", "per_page, in: query, schema: {default: 2, ");
    let script = Script::new([json(200, json!([1, 2])), json(200, json!([3]))]);
    let server = server(&document, &script);
    assert_eq!(result(&server, "list_things", json!({})).await["next"], json!({"page": 2}));
    assert_eq!(result(&server, "list_things", json!({"page": 2})).await["has_more"], json!(false));
    assert!(script.seen().iter().all(|seen| !seen.uri.contains("per_page")), "{:?}", script.seen());
}

#[test]
fn the_default_and_largest_page_are_shown_to_the_model() {
    let page = "output: {items: ''}, page: {style: number, page: page, size: per_page, default: 25, max: 100}";
    let provider = provider(&numbered(page), &Script::new([]));
    let schema = &provider.catalogue().tools[0].input_schema["properties"]["per_page"];
    assert_eq!(*schema, json!({"type": "integer", "default": 25, "maximum": 100, "minimum": 1}));
}
