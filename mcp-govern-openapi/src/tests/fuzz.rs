//! Hostile documents, arguments and answers. What holds for each of them: no panic, steps in proportion, and what the crate promises.

use std::{borrow::Cow, sync::LazyLock};

use fuzzing::{Target, steps};
use http::StatusCode;
use mcp_govern_core::{CallRules, ToolName};
use serde_json::json;

use super::*;
use crate::{
    bind::{bind, with_sent},
    decode::{Kept, decode, error, trim},
    plan::{Row, Shape},
    redact::Redactor,
    server::reach::{Reach, Seen},
};

static SERVER: LazyLock<OpenApiServer> = LazyLock::new(|| server(PETS, &Script::new([])));

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

/// How many steps work over so many bytes may take: so many for each, whatever the bytes are.
fn assert_in_proportion(steps: u64, bytes: usize, each: u64, what: &str) {
    let most = each * bytes as u64 + 20_000;
    assert!(steps <= most, "{what} of {bytes} bytes took {steps} steps, more than {most}");
}

fn row(tool: &str) -> &'static Row {
    SERVER.shared.document.row(&ToolName::new(tool).unwrap()).unwrap()
}

#[test]
fn fuzz_documents() {
    let twice = |n: usize| {
        let each = |at: usize| {
            format!(
                "    s{at}: {{properties: {{a: {{$ref: '#/components/schemas/s{}'}}, b: {{$ref: '#/components/schemas/s{}'}}}}}}\n",
                at + 1,
                at + 1
            )
        };
        let schemas: String = (0..n).map(each).collect();
        PETS.replace("components:\n", &format!("components:\n  schemas:\n{schemas}    s{n}: {{type: string}}\n"))
            .replace("schema: {type: integer}}", "schema: {type: array, items: {$ref: '#/components/schemas/s0'}}}")
    };
    Target::new(PACKAGE, "documents")
        .with_seeds([PETS.to_owned(), twice(3), twice(40), "{}".to_owned(), "openapi: 3.1.0\npaths: {}\n".to_owned()])
        .with_words([
            "$ref: '#/components/schemas/s1'",
            "x-govern: ",
            "allOf: [",
            "x-fixed: 1",
            "x-wraps: id",
            "{}",
            "&a ",
            "*a",
            "\n  ",
        ])
        .run(|input| {
            let text = String::from_utf8_lossy(input);
            let (built, steps) = steps::counted(|| OpenApiProvider::builder().document(text.as_ref()).build());
            // Each operation may come to that many parts.
            assert_in_proportion(steps, text.len(), 2_000, "a document");
            match built {
                Ok(provider) => {
                    let spec = spec(&provider);
                    (0, provider.open_server(&spec).map_or(0, |server| server.catalogue.tools.len()))
                }
                Err(error) => {
                    assert!(!error.faults().is_empty());
                    assert!(
                        error.faults().iter().all(|fault| fault.message.len() <= 4 * text.len() + 2_000),
                        "{error}"
                    );
                    (1, error.faults().len())
                }
            }
        });
}

#[test]
fn fuzz_arguments() {
    let tools = ["list_pets", "create_pet", "get_pet", "delete_pet", "add_picture", "set_owners"];
    Target::new(PACKAGE, "arguments")
        .with_seeds([
            r#"{"species[]":["cat"],"species":["a"],"tags":["b"],"q":"a b&c","offset":0,"limit":2.0,"x_shop":"s"}"#,
            r#"{"name":"Tom","bornOn":"2020-01-01","owner_id":"o","alias":null,"note":"n"}"#,
            r#"{"pet_id":"%2e%2e"}"#,
            r#"{"pet_id":"p","file":"aGk=","file_name":"a.png","caption":"c"}"#,
            r#"{"pet_id":"p","ids":["a","b"],"why":"x"}"#,
        ])
        .with_words(["\"pet_id\":", "\"ids\":[", "%2525", "\\u0000", "../", "\"q\":\"", "\r\nX-A: b"])
        .run(|input| {
            let Ok(Value::Object(arguments)) = serde_json::from_slice(input) else { return Vec::new() };
            tools
                .iter()
                .map(|tool| {
                    let row = row(tool);
                    // Only what the tool knows, so that what lies behind the names is reached.
                    let known = row.definition.input_schema["properties"].as_object().unwrap();
                    let mut own = arguments.clone();
                    own.retain(|name, _| known.contains_key(name));
                    let filled = with_sent(row, Cow::Borrowed(&own));
                    let (bound, steps) =
                        steps::counted(|| bind(row, &filled, SERVER.base.as_str()).map(|bound| (bound.body(), bound)));
                    assert_in_proportion(steps, input.len(), 50, "binding");
                    let Ok((body, bound)) = bound else { return 1 };
                    let url = url::Url::parse(&bound.url).unwrap();
                    assert_eq!(url.origin(), url::Url::parse(&SERVER.base).unwrap().origin());
                    let segments = |path: &str| path.split('/').count();
                    let template = segments("/v1") + segments(row.path.template()) - 1;
                    assert_eq!(segments(url.path()), template, "{} left {}", bound.url, row.path.template());
                    assert!(url.fragment().is_none() && bound.url.len() <= 40 * input.len() + 400);
                    assert!(body.len() <= 40 * input.len() + 2_000, "{} bytes from {}", body.len(), input.len());
                    assert!(bound.headers.iter().all(|(_, value)| value.to_str().is_ok()));
                    2 + u8::from(!body.is_empty())
                })
                .collect()
        });
}

/// Every text within a result.
fn assert_without_secret(value: &Value) {
    match value {
        Value::String(text) => assert!(!text.contains(SECRET), "the secret stands in `{text}`"),
        Value::Array(items) => items.iter().for_each(assert_without_secret),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            assert!(!name.contains(SECRET), "the secret stands in the name `{name}`");
            assert_without_secret(value);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
#[expect(clippy::format_collect, reason = "a test may ask for a little more memory")]
fn fuzz_answers() {
    let escaped: String = SECRET.chars().map(|c| format!("\\u{:04X}", u32::from(c))).collect();
    let percent: String = SECRET.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let half = SECRET.replace('-', "\\u002d");
    Target::new(PACKAGE, "answers")
        .with_seeds([
            json!({"pets": [{"id": "p1", "internal": 1, "token": "t"}, {"id": "p2"}], "more": true, "total": 7})
                .to_string(),
            json!({"pet": {"name": "Tom", "key": SECRET, "deep": [[[["a"]]]], "n": [1, -2.5, 1e30]}}).to_string(),
            json!({"pets": vec![json!({"id": "p1"}); 100]}).to_string(),
            format!(r#"{{"pet":{{"a":"{escaped}","b":"{percent}","c":"{half}","{half}":1}}}}"#),
            "[]".to_owned(),
        ])
        .with_words([
            SECRET.to_owned(),
            escaped.clone(),
            percent.clone(),
            half.clone(),
            "\"pets\":[".to_owned(),
            "\"token\":".to_owned(),
        ])
        .run(|input| {
            let credential = credential();
            let redactor = Redactor::new(Some(&credential));
            let headers = HeaderMap::new();
            let (reach, rules) = (Reach::default(), CallRules::default());
            let outcomes = ["list_pets", "get_pet", "get_status", "create_pet"].map(|tool| {
                let row = row(tool);
                let kept = Kept { filter: &Seen { reach: &reach, rules: &rules }, values: 2_000 };
                let work = || decode(row, &Map::new(), StatusCode::OK, &headers, input, redactor, kept);
                let (decoded, steps) = steps::counted(work);
                assert_in_proportion(steps, input.len(), 80, "decoding");
                let Ok(decoded) = decoded else { return 1 };
                let content = decoded.content.get();
                assert!(content.starts_with('{') && content.len() <= 2 * input.len() + 500, "{content}");
                if let Ok(value) = serde_json::from_str::<Value>(content) {
                    assert_without_secret(&value);
                }
                let paging = match &row.output.shape {
                    Shape::List(plan) => Some(&plan.page),
                    Shape::Whole | Shape::Root(_) => None,
                };
                let (trimmed, steps) = steps::counted(|| trim(&decoded.content, 300, paging, &Map::new()));
                assert_in_proportion(steps, input.len(), 40, "cutting");
                match trimmed {
                    Ok(None) => 2,
                    Ok(Some(trimmed)) => {
                        assert!(trimmed.content.get().len() <= 300, "{}", trimmed.content);
                        serde_json::from_str::<Value>(trimmed.content.get()).unwrap();
                        3
                    }
                    Err(_) => 4,
                }
            });
            let policy = &SERVER.shared.document.policy;
            let work = || {
                error::read(
                    &policy.errors,
                    policy.remedies(None),
                    false,
                    StatusCode::BAD_REQUEST,
                    &headers,
                    input,
                    redactor,
                )
            };
            let (refusal, steps) = steps::counted(work);
            assert_in_proportion(steps, input.len(), 80, "reading an error");
            assert!(refusal.text.len() <= 40_000 && !refusal.text.contains(char::is_control), "{}", refusal.text);
            assert!(!refusal.text.contains(SECRET), "{}", refusal.text);
            (outcomes, refusal.vendor.message.is_some(), refusal.vendor.details.len())
        });
}
