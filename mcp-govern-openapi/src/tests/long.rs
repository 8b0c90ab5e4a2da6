//! Long answers and long arguments: the same results as from short ones, in steps that grow as they do, and bounded.

use fuzzing::steps::{assert_linear, counted};
use http::StatusCode;
use mcp_govern_core::CallRules;
use serde_json::json;

use super::*;
use crate::{
    bind::bind,
    decode::{Kept, decode},
    plan::Row,
    redact::Redactor,
    server::reach::{Reach, Seen},
};

fn pets(count: usize) -> Value {
    let pet =
        |n: usize| json!({"id": format!("p{n}"), "internal": n, "token": "t", "text": "x".repeat(300), "note": SECRET});
    json!({"pets": (0..count).map(pet).collect::<Vec<_>>(), "more": false, "total": count})
}

/// A value of a size.
type Shaped = fn(usize) -> Value;

#[tokio::test]
async fn a_long_answer_is_decoded_as_a_short_one_is() {
    let limits = Limits::new().with_output_bytes(10 << 20);
    for (count, is_long) in [(3, false), (400, true)] {
        assert_eq!(pets(count).to_string().len() > crate::server::aside::LONG, is_long);
        let script = Script::new([json(200, pets(count))]);
        let provider = builder(PETS, &script).limits(limits.clone()).build().unwrap();
        let server = provider.open_server(&spec(&provider)).unwrap();
        let list = result(&server, "list_pets", json!({})).await;
        let items = list["items"].as_array().unwrap();
        assert_eq!((items.len(), &list["total"]), (count, &json!(count)));
        assert_eq!(
            items[count - 1],
            json!({"id": format!("p{}", count - 1), "token": "***", "text": "x".repeat(300), "note": "***"})
        );
    }
}

#[tokio::test]
async fn a_long_result_is_cut_and_says_so() {
    let script = Script::new([json(200, pets(2_000))]);
    let server = server(PETS, &script);
    let output = call(&server, "list_pets", json!({})).await.unwrap();
    assert!(output.content.get().len() <= 96 << 10);
    let list = output.to_value().unwrap();
    let kept = list["items"].as_array().unwrap().len();
    assert_eq!(list["next"], json!({"offset": kept}));
    assert!(output.notes[0].contains(&format!("{kept} of 2000 items")), "{:?}", output.notes);
}

#[tokio::test]
async fn an_answer_of_more_values_than_are_read_is_refused_whatever_its_bytes() {
    for many in [r#"{"id":"p1"},"#.repeat(100_001), "[],".repeat(100_001), "1,".repeat(200_001)] {
        let body = format!(r#"{{"pets":[{many}1]}}"#);
        let script = Script::new([plain(200, &[("content-type", "application/json")], &body)]);
        let error = failure(&server(PETS, &script), "list_pets", json!({})).await;
        assert_eq!(error.kind(), ProviderErrorKind::BadAnswer);
        assert!(error.to_string().contains("200000 values"), "{error}");
        assert_eq!(error.sent(), mcp_govern_core::Sent::Yes);
    }
    // Texts are one value each, however long.
    let script = Script::new([json(200, json!({"pets": [{"text": ",[{".repeat(1 << 20)}]}))]);
    assert!(call(&server(PETS, &script), "list_pets", json!({})).await.is_ok());
}

fn row<'s>(server: &'s OpenApiServer, tool: &str) -> &'s Row {
    server.shared.document.row(&ToolName::new(tool).unwrap()).unwrap()
}

#[test]
fn decoding_takes_steps_that_grow_as_the_answer_does() {
    let server = server(PETS, &Script::new([]));
    let credential = credential();
    let (reach, rules) = (Reach::default(), CallRules::default());
    let work = |tool: &str, body: &Value| {
        let kept = Kept { filter: &Seen { reach: &reach, rules: &rules }, values: usize::MAX };
        let redactor = Redactor::new(Some(&credential));
        decode(
            row(&server, tool),
            &Map::new(),
            StatusCode::OK,
            &HeaderMap::new(),
            body.to_string().as_bytes(),
            redactor,
            kept,
        )
    };
    let shapes: [(&str, Shaped); 4] = [
        ("list_pets", pets),
        ("list_pets", |n| json!({"pets": vec![json!([]); n], "more": vec![true; n], "token": vec![1; n]})),
        ("get_pet", |n| json!({"pet": {"n".repeat(n): "\u{7}%41\"".repeat(n)}})),
        ("get_status", |n| Value::from(vec![json!({"a": 1}); n])),
    ];
    for (tool, shape) in shapes {
        assert_linear(|n| counted(|| work(tool, &shape(n)).map(drop)).1, 300);
    }
}

#[test]
fn binding_takes_steps_that_grow_as_the_arguments_do() {
    let server = server(PETS, &Script::new([]));
    let shapes: [(&str, Shaped); 6] = [
        ("list_pets", |n| json!({"species": vec!["cat"; n]})),
        ("list_pets", |n| json!({"tags": vec!["a"; n], "q": "b".repeat(n)})),
        ("get_pet", |n| json!({"pet_id": "%25".repeat(n)})),
        ("set_owners", |n| json!({"pet_id": "p", "ids": vec!["a"; n]})),
        (
            "add_picture",
            |n| json!({"pet_id": "p", "file": "aGk=", "file_name": "a", "caption": "--mcp-govern-".repeat(n)}),
        ),
        ("create_pet", |n| json!({"name": vec![1.0; n], "alias": null})),
    ];
    for (tool, shape) in shapes {
        let work = |n: usize| {
            let arguments = map(shape(n));
            counted(|| bind(row(&server, tool), &arguments, server.base.as_str()).map(|bound| bound.body().len())).1
        };
        assert_linear(work, 500);
    }
}
