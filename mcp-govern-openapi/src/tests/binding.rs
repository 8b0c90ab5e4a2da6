//! INVARIANT: whatever the arguments, the request stays where the document puts it.

use std::{borrow::Cow, sync::LazyLock};

use mcp_govern_core::ToolName;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use serde_json::json;
use url::Url;

use super::*;
use crate::bind::{BoundRequest, bind, with_sent};

static SERVER: LazyLock<OpenApiServer> = LazyLock::new(|| server(PETS, &Script::new([])));

/// The same where the API takes a slash within an identifier.
static SLASHED: LazyLock<OpenApiServer> = LazyLock::new(|| {
    server(&PETS.replace("{name: petId, in: path,", "{name: petId, in: path, x-slash: encoded,"), &Script::new([]))
});

fn bound(tool: &str, arguments: Value) -> Option<BoundRequest> {
    let row = SERVER.shared.document.row(&ToolName::new(tool).unwrap()).unwrap();
    bind(row, &with_sent(row, Cow::Owned(map(arguments))), SERVER.base.as_str()).ok()
}

/// Texts with everything that has ever broken out of somewhere.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("/".to_owned()),
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just("\\".to_owned()),
        Just("%2e".to_owned()),
        Just("%2f".to_owned()),
        Just("%252f".to_owned()),
        Just("\r\n".to_owned()),
        Just("\0".to_owned()),
        Just("?".to_owned()),
        Just("#".to_owned()),
        Just("&".to_owned()),
        Just("=".to_owned()),
        Just("@evil.example".to_owned()),
        Just("//evil.example".to_owned()),
        Just("\u{2044}".to_owned()),
        Just("\u{ff0f}".to_owned()),
        Just("\u{2025}".to_owned()),
        Just("\u{202e}".to_owned()),
        "[a-zA-Z0-9 _,;:+-]{1,6}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat())
}

/// Any JSON, nested, with numbers of every size.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        hostile().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(hostile(), inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// The whole address as a browser would read it.
fn url_of(request: &BoundRequest) -> Url {
    let uri: http::Uri = request.url.parse().unwrap();
    assert_eq!(uri.authority().unwrap().as_str(), "pets.example");
    let url = Url::parse(&request.url).unwrap();
    assert_eq!(url.path(), uri.path(), "the URL parser changes the path");
    assert_eq!(url.origin().ascii_serialization(), "https://pets.example");
    assert_eq!(url.fragment(), None);
    url
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_path_keeps_the_shape_of_its_template(id in anything()) {
        if let Some(request) = bound("add_picture", json!({"pet_id": id, "file": "aGk="})) {
            let url = url_of(&request);
            let segments: Vec<&str> = url.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 4);
            prop_assert_eq!((segments[0], segments[1], segments[3]), ("v1", "pets", "picture"));
            let decoded = percent_decode_str(segments[2]).decode_utf8().unwrap().into_owned();
            if let Some(id) = id.as_str() {
                prop_assert_eq!(&decoded, id);
            }
            prop_assert!(!decoded.is_empty() && decoded != "." && decoded != "..");
            prop_assert!(!decoded.contains(['/', '\\']) && !decoded.chars().any(char::is_control));
            prop_assert_eq!(url.query(), None);
        }
    }

    #[test]
    fn a_path_that_takes_slashes_keeps_the_shape_of_its_template_too(id in hostile()) {
        let row = SLASHED.shared.document.row(&ToolName::new("get_pet").unwrap()).unwrap();
        let request = bind(row, &map(json!({ "pet_id": id })), SLASHED.base.as_str()).ok();
        let bound = !id.is_empty() && !id.chars().any(char::is_control);
        // Other texts that are refused are steps of a path, once they are decoded.
        prop_assert!(request.is_none() || bound);
        if let Some(request) = request {
            let url = url_of(&request);
            let segments: Vec<&str> = url.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 3);
            prop_assert_eq!((segments[0], segments[1]), ("v1", "pets"));
            prop_assert_eq!(percent_decode_str(segments[2]).decode_utf8().unwrap(), id);
        }
    }

    #[test]
    fn a_query_decodes_to_exactly_the_arguments(
        species in prop::collection::vec(hostile(), 0..4),
        tags in prop::collection::vec(hostile(), 0..4),
        q in hostile(),
        offset in 0_u64..900,
    ) {
        let arguments = json!({"species": species, "tags": tags, "q": q, "offset": offset});
        let allowed = !species.is_empty()
            && !tags.is_empty()
            && tags.iter().all(|tag| !tag.is_empty() && !tag.contains(','));
        let request = bound("list_pets", arguments);
        prop_assert_eq!(request.is_some(), allowed);
        if let Some(request) = request {
            let url = url_of(&request);
            prop_assert_eq!(url.path(), "/v1/pets");
            let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            let mut expected: Vec<(String, String)> =
                species.iter().map(|species| ("species[]".to_owned(), species.clone())).collect();
            expected.push(("tags".into(), tags.join(",")));
            expected.push(("q".into(), q));
            expected.push(("offset".into(), offset.to_string()));
            expected.push(("limit".into(), "2".into()));
            prop_assert_eq!(pairs, expected);
        }
    }

    #[test]
    fn headers_keep_their_number_and_names(shop in anything(), q in anything()) {
        if let Some(request) = bound("list_pets", json!({"x_shop": shop, "q": q})) {
            let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
            prop_assert_eq!(names, ["accept", "x-client", "x-shop"]);
            prop_assert!(request.headers.iter().all(|(_, value)| value.to_str().is_ok()));
        }
    }

    #[test]
    fn a_json_body_has_its_own_keys_and_no_others(
        name in anything(), owner in anything(), alias in anything(), note in anything(),
    ) {
        let arguments = json!({"name": name, "owner_id": owner, "alias": alias, "note": note});
        let request = bound("create_pet", arguments).unwrap();
        prop_assert_eq!(request.url.as_str(), "https://pets.example/v1/pets");
        let body: Value = serde_json::from_slice(&request.body()).unwrap();
        let owner = if owner.is_null() { Value::Null } else { json!({"id": owner, "type": "owner_reference"}) };
        prop_assert_eq!(body, json!({"pet": {"name": name, "owner": owner, "alias": alias}, "note": note}));
    }

    #[test]
    fn a_form_decodes_to_exactly_the_arguments(ids in prop::collection::vec(hostile(), 1..4), why in hostile()) {
        let request = bound("set_owners", json!({"pet_id": "1", "ids": ids, "why": why})).unwrap();
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        let url = Url::parse(&format!("https://x/?{body}")).unwrap();
        let mut expected: Vec<(String, String)> = ids.into_iter().map(|id| ("ids[]".to_owned(), id)).collect();
        expected.push(("why".into(), why));
        prop_assert_eq!(url.query_pairs().into_owned().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_parts_of_a_multipart_body_cannot_be_forged(caption in hostile(), name in hostile(), file in prop::collection::vec(any::<u8>(), 0..40)) {
        use base64::Engine as _;
        let encoded = base64::prelude::BASE64_STANDARD.encode(&file);
        let request = bound("add_picture", json!({"pet_id": "1", "file": encoded, "file_name": name, "caption": caption}));
        if let Some(request) = request {
            let kind = request.headers.iter().find(|(name, _)| name == "content-type").unwrap().1.to_str().unwrap().to_owned();
            let boundary = format!("--{}", kind.split_once("boundary=").unwrap().1);
            let body = request.body();
            let count = body.windows(boundary.len()).filter(|window| *window == boundary.as_bytes()).count();
            prop_assert_eq!(count, 3, "two parts and the end");
            let heads = body.windows(20).filter(|window| *window == b"Content-Disposition:").count();
            prop_assert!(heads >= 2);
        }
    }
}

#[test]
fn look_alikes_of_a_slash_are_plain_characters_of_one_segment() {
    for id in ["a\u{2044}b", "a\u{ff0f}b", "\u{2025}", "a\u{202e}b"] {
        let request = bound("get_pet", json!({ "pet_id": id })).unwrap();
        assert_eq!(url_of(&request).path_segments().unwrap().count(), 3, "{id}");
    }
}

#[test]
fn huge_numbers_and_deep_nesting_do_no_harm() {
    let mut deep = json!("x");
    for _ in 0..100 {
        deep = json!([deep]);
    }
    assert!(bound("get_pet", json!({ "pet_id": deep })).is_none());
    assert!(bound("create_pet", json!({ "name": deep })).is_some());
    for (id, path) in [(json!(u64::MAX), "/v1/pets/18446744073709551615"), (json!(1e300), "/v1/pets/1e%2B300")] {
        assert_eq!(url_of(&bound("get_pet", json!({ "pet_id": id })).unwrap()).path(), path);
    }
}

#[tokio::test]
async fn a_member_that_repeats_a_part_of_the_path_is_no_argument_of_its_own() {
    let document = r#"
openapi: 3.1.0
info: {title: Notes, version: "1"}
servers: [{url: "https://a.example"}]
security: [{api_key: []}]
components: {securitySchemes: {api_key: {type: apiKey, in: header, name: Authorization}}}
paths:
  /things/{id}/notes:
    post:
      operationId: add_note
      x-govern: {effect: write}
      parameters: [{name: id, x-argument: thing_id, in: path, required: true, schema: {type: string}}]
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [thing, text], properties: {
        text: {type: string},
        thing: {type: object, x-wraps: id, x-same-as: thing_id, required: [id, type], properties: {id: {type: string},
          type: {type: string, x-fixed: thing}}}}}}}}
"#;
    let script = Script::new([json(200, json!({}))]);
    let server = server(document, &script);
    let tool = server.catalogue.tools[0].clone();
    assert_eq!(tool.arguments().collect::<Vec<_>>(), ["text", "thing_id"]);
    call(&server, "add_note", json!({"thing_id": "a b", "text": "x"})).await.unwrap();
    let seen = script.only();
    assert_eq!(seen.uri, "https://a.example/things/a%20b/notes");
    assert_eq!(seen.json(), json!({"text": "x", "thing": {"id": "a b", "type": "thing"}}));
}
