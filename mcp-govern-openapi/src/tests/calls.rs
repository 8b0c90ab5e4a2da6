//! What a call sends and what it gives back.

use mcp_govern_core::{
    AuthMethodId, CallContext, Credential, CredentialFacts, NoObserver, ProviderErrorKind, Secret, Sent, ToolName,
    ToolServer as _,
};
use serde_json::json;

use super::*;

#[tokio::test]
async fn a_read_sends_exactly_what_the_document_says() {
    let script = Script::new([json(200, json!({"pets": [{"id": 1}], "more": false}))]);
    let server = server(PETS, &script);
    let arguments = json!({"species": ["cat", "dog & co"], "tags": ["a", "b"], "q": "x=1&y", "x_shop": "north"});
    call(&server, "list_pets", arguments).await.unwrap();
    let seen = script.only();
    let query = "species%5B%5D=cat&species%5B%5D=dog%20%26%20co&tags=a,b&q=x%3D1%26y&limit=2";
    assert_eq!(seen.uri, format!("https://pets.example/v1/pets?{query}"));
    assert_eq!(seen.method, Method::GET);
    let headers: Vec<_> = seen.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(
        headers,
        [
            ("accept", "application/json"),
            ("x-client", "governed"),
            ("x-shop", "north"),
            ("authorization", "Key canary-4f9a1c77")
        ]
    );
    assert!(seen.body.is_empty());
}

#[tokio::test]
async fn a_write_wraps_renames_and_keeps_explicit_nulls() {
    let script = Script::new([json(201, json!({"pet": {"id": 7, "price": 1.10}}))]);
    let server = server(PETS, &script);
    let arguments = json!({"name": "Mia", "born_on": "2026-01-02", "owner_id": "o1", "alias": null, "note": "n"});
    let output = call(&server, "create_pet", arguments).await.unwrap();
    let pet =
        json!({"name": "Mia", "bornOn": "2026-01-02", "alias": null, "owner": {"id": "o1", "type": "owner_reference"}});
    assert_eq!(script.only().json(), json!({"pet": pet, "note": "n"}));
    assert_eq!(output.content.get(), r#"{"id":7,"price":1.1}"#);
    assert_eq!(output.exchanges.len(), 1);
    let exchange = &output.exchanges[0];
    assert_eq!((&*exchange.method, &*exchange.path, exchange.status), ("POST", "/pets", Some(201)));
    assert!(exchange.sent_bytes > 0 && exchange.received_bytes > 0 && exchange.retries == 0);
}

#[tokio::test]
async fn the_vendors_bytes_pass_through_untouched() {
    let body = "{ \"pet\" : {\"n\":12345678901234567890123, \"price\": 1.10, \"a\":\"\\u00e9\"} }";
    let script = Script::new([plain(200, &[("content-type", "application/json; charset=utf-8")], body)]);
    let output = call(&server(PETS, &script), "get_pet", json!({"pet_id": "x"})).await.unwrap();
    assert_eq!(output.content.get(), "{\"n\":12345678901234567890123, \"price\": 1.10, \"a\":\"\\u00e9\"}");
}

#[tokio::test]
async fn forms_files_and_fixed_values_go_out_as_the_document_says() {
    let script = Script::new([plain(204, &[], ""), plain(201, &[], "")]);
    let server = server(PETS, &script);
    let output = call(&server, "set_owners", json!({"pet_id": "7", "ids": ["a b", "c"], "why": "é"})).await.unwrap();
    assert_eq!(output.content.get(), r#"{"done":true,"status":204}"#);
    call(&server, "add_picture", json!({"pet_id": "7", "file": "aGVsbG8=", "file_name": "m.png", "caption": "Mia"}))
        .await
        .unwrap();
    let seen = script.seen();
    assert!(seen[0].uri.ends_with("/pets/7/owners?mode=replace%20all"));
    assert_eq!(seen[0].headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(seen[0].body, "ids%5B%5D=a%20b&ids%5B%5D=c&why=%C3%A9");
    let body = String::from_utf8(seen[1].body.to_vec()).unwrap();
    assert!(body.contains("name=\"file\"; filename=\"m.png\"\r\nContent-Type: image/png\r\n\r\nhello\r\n"), "{body}");
    assert!(body.contains("name=\"caption\"\r\n\r\nMia\r\n"), "{body}");
}

#[tokio::test]
async fn what_an_argument_may_not_be_is_refused_before_anything_is_sent() {
    let script = Script::new([]);
    let server = server(PETS, &script);
    for (tool, arguments, part) in [
        ("get_pet", json!({"pet_id": "../admin"}), "`pet_id`"),
        ("get_pet", json!({}), "`pet_id` is missing"),
        ("get_pet", json!({"pet_id": "a", "petId": "b"}), "`petId` is not an argument"),
        ("list_pets", json!({"specis": ["cat"]}), "`specis`"),
        ("list_pets", json!({"species": []}), "leave it out"),
        ("list_pets", json!({"q": null}), "`q` is null"),
        ("list_pets", json!({"x_shop": "a\r\nX-Evil: 1"}), "`x_shop`"),
        ("list_pets", json!({"offset": 999, "limit": 2}), "together reach 1001"),
        ("create_pet", json!({"born_on": "x"}), "`name` is missing"),
        ("set_owners", json!({"pet_id": "1", "ids": []}), "empty"),
        ("add_picture", json!({"pet_id": "1", "file": "%%%"}), "base64"),
    ] {
        let error = failure(&server, tool, arguments.clone()).await;
        assert_eq!(error.kind(), ProviderErrorKind::InvalidArguments, "{arguments}");
        assert_eq!(error.sent(), Sent::No);
        assert!(error.exchanges().is_empty());
        assert!(error.message().contains(part), "{arguments}: {error}");
    }
    assert!(script.seen().is_empty());
    let error = failure(&server, "no_such_tool", json!({})).await;
    assert_eq!(error.kind(), ProviderErrorKind::UnknownTool);
}

#[tokio::test]
async fn without_a_usable_credential_nothing_is_sent_and_the_message_says_so() {
    let script = Script::new([json(200, json!({"ok": true}))]);
    let server = server(PETS, &script);
    let name = ToolName::new("list_pets").unwrap();
    let empty = Credential::new(AuthMethodId::new("api_key").unwrap());
    let broken = empty.clone().with_field("api_key", Secret::new("canary\r\nX: y"));
    let other = Credential::new(AuthMethodId::new("oauth").unwrap()).with_field("access_token", Secret::new("t"));
    for (credential, kind, part) in [
        (None, ProviderErrorKind::Unauthorized, "no credential"),
        (Some(&empty), ProviderErrorKind::Unauthorized, "`api_key`, which is not filled in"),
        (Some(&broken), ProviderErrorKind::Unauthorized, "characters that no header can carry"),
        (Some(&other), ProviderErrorKind::Config, "`oauth`"),
    ] {
        let cx = CallContext::new(&NoObserver).with_credential(credential);
        let error = server.execute(&name, &map(json!({})), &CallRules::default(), &cx).await.unwrap_err();
        assert_eq!((error.kind(), error.sent()), (kind, Sent::No));
        assert!(error.message().contains(part) && !error.message().contains("canary"), "{error}");
    }
    assert!(script.seen().is_empty());
    // What the document opens to everybody needs none, and shows none.
    let cx = CallContext::new(&NoObserver).with_credential(Some(&empty));
    server.execute(&ToolName::new("get_status").unwrap(), &map(json!({})), &CallRules::default(), &cx).await.unwrap();
    assert!(!script.only().headers.contains_key("authorization"));
}

#[tokio::test]
async fn secrets_in_results_are_masked_and_the_callers_own_is_never_repeated() {
    let pets = json!({"pets": [{"id": 1, "token": "t-1", "internal": 1, "x": {"token": "t-2"}, "link": format!("/?key={SECRET}")}]});
    let script = Script::new([json(200, pets), json(401, json!({"message": format!("bad key {SECRET}")}))]);
    let server = server(PETS, &script);
    let output = result(&server, "list_pets", json!({})).await;
    assert_eq!(output["items"], json!([{"id": 1, "token": "***", "x": {"token": "***"}, "link": "/?key=***"}]));
    let error = failure(&server, "list_pets", json!({})).await;
    assert_eq!(error.kind(), ProviderErrorKind::Unauthorized);
    assert!(error.credential_rejected());
    assert_eq!(error.vendor().unwrap().message.as_deref(), Some("bad key ***"));
}

#[tokio::test]
async fn a_secret_that_comes_back_in_a_header_is_not_kept() {
    let echo = [("x-request-id", SECRET)];
    let script = Script::new([json_with(200, &echo, json!({"pet": {}})), json_with(404, &echo, json!({}))]);
    let server = server(PETS, &script);
    let output = call(&server, "get_pet", json!({"pet_id": "1"})).await.unwrap();
    assert_eq!(output.exchanges[0].request_id.as_deref(), Some("***"));
    let error = failure(&server, "get_pet", json!({"pet_id": "1"})).await;
    assert_eq!(error.exchanges()[0].request_id.as_deref(), Some("***"));
}

#[tokio::test]
async fn a_credential_that_is_welcome_but_not_needed_is_shown_when_there_is_one() {
    let document = PETS.replace("      security: []\n", "      security: [{}, {api_key: []}]\n");
    let script = Script::new([json(200, json!({})), json(200, json!({}))]);
    let server = server(&document, &script);
    call(&server, "get_status", json!({})).await.unwrap();
    let cx = CallContext::new(&NoObserver);
    server.execute(&ToolName::new("get_status").unwrap(), &map(json!({})), &CallRules::default(), &cx).await.unwrap();
    let shown: Vec<bool> = script.seen().iter().map(|seen| seen.headers.contains_key("authorization")).collect();
    assert_eq!(shown, [true, false]);
}

#[tokio::test]
async fn answers_that_nest_without_end_do_no_harm() {
    let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    let bodies = [
        ("get_pet", format!("{{\"pet\":{}}}", deep(100_000))),
        ("list_pets", format!("{{\"pets\":{}}}", deep(100_000))),
        ("list_pets", format!("{{\"pets\":[{{\"token\":{}}}]}}", deep(100_000))),
        ("get_status", deep(200_000)),
        ("get_status", "[".repeat(1_000_000)),
    ];
    for (tool, body) in bodies {
        let script = Script::new([plain(200, &[("content-type", "application/json")], &body)]);
        let arguments = if tool == "get_pet" { json!({"pet_id": "1"}) } else { json!({}) };
        match call(&server(PETS, &script), tool, arguments).await {
            Ok(output) => assert!(output.content.get().len() <= 96 << 10, "{tool}"),
            Err(error) => assert_eq!(error.kind(), ProviderErrorKind::BadAnswer, "{tool}: {error}"),
        }
    }
}

#[tokio::test]
async fn texts_and_files_come_as_objects() {
    let document = PETS.replace(
        "      security: []\n",
        "      security: []\n      responses: {\"200\": {content: {text/calendar: {}}}}\n",
    );
    let script = Script::new([plain(200, &[("content-type", "text/calendar")], "BEGIN:VCALENDAR")]);
    let output = result(&server(&document, &script), "get_status", json!({})).await;
    assert_eq!(output, json!({"text": "BEGIN:VCALENDAR"}));
    assert_eq!(script.only().headers["accept"], "text/calendar");
    let script = Script::new([plain(200, &[("content-type", "image/png")], "hello")]);
    let output =
        result(&server(&document.replace("text/calendar", "image/png"), &script), "get_status", json!({})).await;
    assert_eq!(output, json!({"content_type": "image/png", "base64": "aGVsbG8="}));
}

#[tokio::test]
async fn refusals_carry_the_vendors_words_and_the_remedy() {
    let body = json!({"message": "No.", "code": 7, "errors": {"name": "too long"}});
    let script = Script::new([
        json_with(403, &[("x-request-id", "r-9")], body),
        plain(302, &[("location", "https://evil.example/")], ""),
    ]);
    let server = server(PETS, &script);
    let error = failure(&server, "get_pet", json!({"pet_id": "1"})).await;
    assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::Forbidden, Sent::Yes));
    assert_eq!(error.message(), "`get_pet`: Pet Shop answered 403 (code 7): No. [name: too long]. Ask for the right.");
    assert_eq!(error.vendor().unwrap().request_id.as_deref(), Some("r-9"));
    assert_eq!(error.exchanges()[0].request_id.as_deref(), Some("r-9"));
    let error = failure(&server, "get_pet", json!({"pet_id": "1"})).await;
    assert_eq!(error.kind(), ProviderErrorKind::BadAnswer);
    assert!(error.message().contains("redirects are not followed") && !error.message().contains("evil"), "{error}");
}

#[tokio::test]
async fn answers_that_are_none_are_told_apart() {
    let cases = [
        (
            "get_pet",
            plain(200, &[("content-type", "text/html")], "<html>login</html>"),
            "`text/html` where JSON is due",
        ),
        ("get_pet", plain(200, &[], "<html>"), "not JSON"),
        ("get_pet", plain(200, &[("content-type", "application/json")], "{\"pet\":"), "ends too early"),
        ("get_pet", plain(200, &[("content-type", "application/json")], "{\"pet\": nope}"), "broken syntax"),
        ("get_pet", plain(200, &[("content-type", "application/json")], ""), "empty body"),
        ("get_pet", json(200, json!({"pet": null})), "nothing at `/pet`"),
        ("get_pet", json(200, json!([1])), "nothing at `/pet`"),
        ("list_pets", json(200, json!({"pets": null})), "list at `/pets`"),
        ("list_pets", json(200, json!({"pets": {"a": 1}})), "list at `/pets`"),
        ("list_pets", json(200, json!("pets")), "list at `/pets`"),
    ];
    for (tool, step, part) in cases {
        let script = Script::new([step]);
        let error =
            failure(&server(PETS, &script), tool, if tool == "get_pet" { json!({"pet_id": "1"}) } else { json!({}) })
                .await;
        assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::BadAnswer, Sent::Yes), "{part}");
        assert!(error.message().contains(part), "{error}");
        assert_eq!(error.exchanges().len(), 1);
    }
    let script = Script::new([Step::Answer {
        status: 200,
        headers: vec![("content-type", "application/json".into())],
        body: Bytes::from_static(b"{\"pet\":\"\xff\"}"),
    }]);
    assert!(failure(&server(PETS, &script), "get_pet", json!({"pet_id": "1"})).await.message().contains("UTF-8"));
}

#[tokio::test]
async fn a_change_that_is_answered_in_words_is_a_success_with_these_words() {
    let (text, html, declared) =
        ([("content-type", "text/plain")], [("content-type", "text/html")], [("content-type", "application/json")]);
    let echo = format!("removed by {SECRET}");
    let page = "<html><head><style>p {}</style></head><body><p>Removed</p></body></html>";
    for (step, told) in [
        (plain(200, &text, "ok\n"), Some("ok")),
        (plain(200, &[], "ok"), Some("ok")),
        (plain(201, &declared, "OK"), Some("OK")),
        (plain(200, &html, page), Some("Removed")),
        (plain(200, &text, &echo), Some("removed by ***")),
        (plain(200, &[("content-type", "image/png")], "\u{0}PNG"), None),
        (plain(200, &text, "  "), None),
    ] {
        let status = if let Step::Answer { status, .. } = &step { *status } else { 0 };
        let done = result(&server(PETS, &Script::new([step])), "delete_pet", json!({"pet_id": "1"})).await;
        let mut due = json!({"done": true, "status": status});
        if let Some(told) = told {
            due["text"] = json!(told);
        }
        assert_eq!(done, due);
    }
    let long = plain(200, &text, &"x".repeat(100_000));
    let done = result(&server(PETS, &Script::new([long])), "delete_pet", json!({"pet_id": "1"})).await;
    assert_eq!(done["text"].as_str().unwrap().chars().count(), 2_001);
    // JSON stays what it is.
    let body = json(200, json!({"id": 1}));
    let done = result(&server(PETS, &Script::new([body])), "delete_pet", json!({"pet_id": "1"})).await;
    assert_eq!(done, json!({"id": 1}));
}

#[tokio::test]
async fn words_where_json_is_promised_stand_beside_the_complaint() {
    for (tool, arguments, repeated) in [
        ("create_pet", json!({"name": "Mia"}), "look before you repeat it"),
        ("get_pet", json!({"pet_id": "1"}), "where JSON is due: ok ***"),
        // A read has nothing to tell but its answer.
        ("get_status", json!({}), "where JSON is due: ok ***"),
    ] {
        let answer = plain(200, &[("content-type", "text/plain")], &format!("ok {SECRET}"));
        let error = failure(&server(PETS, &Script::new([answer])), tool, arguments).await;
        assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::BadAnswer, Sent::Yes));
        let text = error.message();
        assert!(text.contains("`text/plain` where JSON is due: ok ***") && text.contains(repeated), "{text}");
        assert_eq!(text.contains("repeat"), tool == "create_pet", "{text}");
    }
}

#[tokio::test]
async fn a_warning_in_the_headers_becomes_a_note() {
    let script = Script::new([json_with(200, &[("x-state", "THROTTLED")], json!({"pet": {}}))]);
    let output = call(&server(PETS, &script), "get_pet", json!({"pet_id": "1"})).await.unwrap();
    assert_eq!(output.notes, ["The shop is slow today."]);
}

#[tokio::test]
async fn a_long_result_is_cut_with_a_note() {
    let pets: Vec<_> = (0..100).map(|id| json!({"id": id, "text": "x".repeat(5_000)})).collect();
    let script = Script::new([json(200, json!({"pets": pets, "more": false}))]);
    let output = call(&server(PETS, &script), "list_pets", json!({"limit": 100})).await.unwrap();
    assert!(output.content.get().len() <= 96 << 10);
    let value = output.to_value().unwrap();
    let kept = value["items"].as_array().unwrap().len();
    assert_eq!((&value["has_more"], &value["next"]), (&json!(true), &json!({"offset": kept})));
    assert!(output.notes[0].contains(&format!("{kept} of 100 items")), "{:?}", output.notes);
}

#[tokio::test]
async fn discovery_needs_no_credential_and_sends_nothing() {
    let script = Script::new([]);
    let server = server(PETS, &script);
    let wrong = credential();
    for cx in [mcp_govern_core::DiscoverContext::new(), mcp_govern_core::DiscoverContext::new().with_credential(&wrong)]
    {
        let catalogue = server.discover(cx).await.unwrap();
        assert_eq!(catalogue.version.0, 3);
        assert_eq!(catalogue.tools.len(), 7);
    }
    assert!(script.seen().is_empty());
}

#[test]
fn a_preview_is_the_request_with_the_secret_masked() {
    let script = Script::new([]);
    let server = server(PETS, &script);
    let mut facts = CredentialFacts::new();
    facts.fields.insert("api_key".into());
    let show = |tool: &str, arguments| {
        server.show(&ToolName::new(tool).unwrap(), &map(arguments), &CallRules::default(), &facts)
    };
    let preview = show("create_pet", json!({"name": "Mia"})).unwrap();
    assert_eq!((preview.method.as_str(), preview.url.as_str()), ("POST", "https://pets.example/v1/pets"));
    assert!(preview.headers.contains(&("authorization".into(), "Key ***".into())));
    assert!(preview.headers.contains(&("content-type".into(), "application/json".into())));
    assert_eq!(preview.body, Some(json!({"pet": {"name": "Mia"}})));
    let picture = show("add_picture", json!({"pet_id": "1", "file": "aGVsbG8=", "file_name": "m.png"})).unwrap();
    assert_eq!(picture.body.unwrap()["file"], json!({"file_name": "m.png", "content_type": "image/png", "bytes": 5}));
    let error = show("get_pet", json!({"pet_id": ".."})).unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::InvalidArguments);
    facts.fields.clear();
    facts.fields.insert("other".into());
    let preview = server
        .show(&ToolName::new("get_pet").unwrap(), &map(json!({"pet_id": "1"})), &CallRules::default(), &facts)
        .unwrap();
    assert!(preview.notes.iter().any(|note| note.contains("`api_key` is not filled in")), "{:?}", preview.notes);
    assert!(script.seen().is_empty());
}
