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

#[tokio::test]
async fn fields_shorten_the_items_of_a_list_and_are_not_sent() {
    let page = "output: {items: /data}, page: {style: number, page: page, size: per_page, default: 2, max: 100}";
    let items = json!({"data": [{"id": 1, "name": "a", "more": {"x": 1}}, {"id": 2, "extra": null}]});
    let script = Script::new([json(200, items.clone()), json(200, items)]);
    let server = server(&numbered(page), &script);
    let output = call(&server, "list_things", json!({"fields": ["id", "nmae"]})).await.unwrap();
    let result = output.to_value().unwrap();
    assert_eq!(result["items"], json!([{"id": 1}, {"id": 2}]));
    assert_eq!(result["left_out"], json!(["extra", "more", "name"]));
    assert_eq!(result["next"], json!({"page": 2}));
    assert_eq!(output.notes, ["No item has a member `nmae`."]);
    assert_eq!(script.only().uri, "https://t.example/things?per_page=2");
    let whole = call(&server, "list_things", json!({})).await.unwrap().to_value().unwrap();
    assert!(whole.get("left_out").is_none() && whole["items"][0].get("more").is_some());
}

#[tokio::test]
async fn a_list_whose_vendor_has_fields_of_its_own_keeps_them() {
    let page = "output: {items: /data}, page: {style: number, page: page, size: per_page, default: 2, max: 100}";
    let document = numbered(page).replace("name: cursor", "name: fields");
    let script = Script::new([json(200, json!({"data": [{"id": 1, "name": "a"}]}))]);
    let server = server(&document, &script);
    let output = result(&server, "list_things", json!({"fields": "all", "item_fields": ["name"]})).await;
    assert_eq!((&output["items"], &output["left_out"]), (&json!([{"name": "a"}]), &json!(["id"])));
    assert_eq!(script.only().uri, "https://t.example/things?per_page=2&fields=all");
}

#[tokio::test]
async fn names_of_members_are_checked_against_what_the_document_declares() {
    let page = "output: {items: /data}, page: {style: number, page: page, size: per_page, default: 2, max: 100}";
    let item = "{type: object, required: [id, name], properties: {id: {type: integer}, name: {type: string}}}";
    let responses = format!(
        "responses: {{'200': {{content: {{application/json: {{schema: {{type: object, properties: {{data: {{type: array, items: {item}}}}}}}}}}}}}}}"
    );
    let document = numbered(page).replace("      x-govern:", &format!("      {responses}\n      x-govern:"));
    let script = Script::new([json(200, json!({"data": [{"id": 1, "name": "a"}]}))]);
    let server = server(&document, &script);
    let error = failure(&server, "list_things", json!({"fields": ["nmae"]})).await;
    assert!(error.message().contains("`fields` names `nmae`, which no item has; known are `id`, `name`"), "{error}");
    let output = result(&server, "list_things", json!({"fields": ["id"]})).await;
    let row = server.shared.document.row(&ToolName::new("list_things").unwrap()).unwrap();
    let declared = row.definition.output_schema.clone().unwrap();
    assert!(declared["properties"]["items"]["items"].get("required").is_none(), "the result fits what is declared");
    assert_eq!(output["left_out"], json!(["name"]));
}

const LOG: &str = "openapi: 3.1.0
info: {title: Log, version: '1'}
servers: [{url: 'https://log.example'}]
paths:
  /entries:
    get:
      operationId: list_entries
      description: Lists the entries of a range of time.
      parameters:
        - {name: since, in: query, schema: {type: string, format: date-time}}
        - {name: until, in: query, schema: {type: string, format: date-time}}
        - {name: day, in: query, schema: {type: string, format: date}}
      x-govern:
        effect: read
        output: {items: ''}
        ends_now: [{start: since, end: until}]
        checks: [{kind: span, argument: since, other: until, months: 6}]
";

#[derive(Debug)]
struct Noon;

impl mcp_govern_core::Clock for Noon {
    fn now(&self) -> mcp_govern_core::Timestamp {
        "2026-07-01T12:00:00.750Z".parse().unwrap()
    }
}

#[tokio::test]
async fn a_range_with_a_start_alone_ends_now_and_is_held_to_what_the_vendor_answers() {
    let script = Script::new([json(200, json!([])), json(200, json!([])), json(200, json!([]))]);
    let provider = builder(LOG, &script).clock(Arc::new(Noon)).build().unwrap();
    let server = provider.open_server(&spec(&provider)).unwrap();
    for arguments in [
        json!({"since": "2026-06-01T00:00:00Z"}),
        json!({"since": "2026-06-01T00:00:00Z", "until": "2026-06-02T00:00:00Z"}),
        json!({"until": "2026-06-02T00:00:00Z"}),
    ] {
        call(&server, "list_entries", arguments).await.unwrap();
    }
    let sent: Vec<String> = script.seen().iter().map(|seen| seen.uri.replace("%3A", ":")).collect();
    assert_eq!(
        sent,
        [
            "https://log.example/entries?since=2026-06-01T00:00:00Z&until=2026-07-01T12:00:00Z",
            "https://log.example/entries?since=2026-06-01T00:00:00Z&until=2026-06-02T00:00:00Z",
            "https://log.example/entries?until=2026-06-02T00:00:00Z",
        ]
    );
    for (arguments, part) in [
        (json!({"since": "2025-12-01T00:00:00Z"}), "6 calendar months"),
        (json!({"since": "2026-07-01T12:00:01Z"}), "`since` lies in the future: give `until` as well"),
    ] {
        let error = failure(&server, "list_entries", arguments).await;
        assert!(error.message().contains(part), "{error}");
    }
    // What is filled in is reviewed.
    let row = server.shared.document.row(&ToolName::new("list_entries").unwrap()).unwrap();
    let mcp_govern_core::Binding::Operation(operation) = &row.definition.binding else { panic!("no operation") };
    let filled: Vec<_> = operation.fixed.iter().map(|fixed| (fixed.name.as_str(), fixed.value.clone())).collect();
    assert_eq!(filled, [("until", json!({"argument": "since", "value": "now"}))]);
    for (wrong, part) in
        [("start: sinze", "`sinze`, which is not an argument"), ("start: day", "format is not `date-time`")]
    {
        let error = builder(&LOG.replace("start: since", wrong), &script).build().unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}
