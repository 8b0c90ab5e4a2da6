//! What comes back: lists and how they go on, whole objects, and what never comes back.

use serde_json::{Value, json};
use stand_ins::Fault;

use crate::setup::{OPEN, call, open, success};

#[tokio::test]
async fn a_list_is_read_to_its_end_and_no_link_with_a_key_is_passed_on() {
    let (vendor, harness) = open().await;
    let (mut found, mut arguments) = (Vec::new(), json!({"sort": "createdAt"}));
    loop {
        let output = success(&harness, "list_alerts", arguments.clone()).await.output;
        let text = output.content.get();
        assert!(!text.contains("apiKey") && !text.contains(&vendor.good_key()) && !text.contains("paging"), "{text}");
        let list = output.to_value().unwrap();
        found.extend(list["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
        assert_eq!(list["has_more"], json!(!list["next"].is_null()));
        let Some(offset) = list["next"].get("offset") else { break };
        arguments["offset"] = offset.clone();
    }
    assert_eq!((found.len(), vendor.count()), (30, 2));
    found.sort_by_key(Value::to_string);
    found.dedup();
    assert_eq!(found.len(), 30);
}

#[tokio::test]
async fn schedules_come_all_at_once() {
    let (_vendor, harness) = open().await;
    let list = call(&harness, "list_schedules", json!({})).await;
    assert_eq!(
        (list["items"].as_array().unwrap().len(), &list["has_more"], &list["next"]),
        (3, &json!(false), &Value::Null)
    );
}

#[tokio::test]
async fn who_is_on_call_comes_as_logins_or_as_a_tree() {
    let (_vendor, harness) = open().await;
    let flat =
        call(&harness, "get_on_calls", json!({"identifier": "Platform on-call", "identifier_type": "name"})).await;
    assert_eq!(flat["onCallRecipients"].as_array().map(Vec::len), Some(1), "{flat}");
    let tree = json!({"identifier": "Platform on-call", "identifier_type": "name", "flat": false});
    assert_eq!(call(&harness, "get_on_calls", tree).await["onCallParticipants"][0]["type"], json!("user"));
}

#[tokio::test]
async fn an_attachment_arrives_with_its_bytes() {
    let (vendor, harness) = open().await;
    // Every byte value, so that nothing is taken for text on the way.
    let bytes: Vec<u8> = (0..=255).collect();
    let arguments = json!({
        "identifier": OPEN, "identifier_type": "alias", "file": base64(&bytes), "file_name": "all.bin",
    });
    assert_eq!(call(&harness, "add_alert_attachment", arguments).await["name"], json!("all.bin"));
    let seen = vendor.last_request().unwrap();
    assert!(seen.body().windows(bytes.len()).any(|window| window == bytes));
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_passes_through_whatever_it_holds() {
    let (vendor, harness) = open().await;
    let arguments = json!({"identifier": OPEN, "identifier_type": "alias"});
    vendor.fail_next(Fault::UnknownFields);
    assert_eq!(call(&harness, "get_alert", arguments.clone()).await["x_a_number"], json!(9_007_199_254_740_993_u64));
    vendor.fail_next(Fault::Nulls);
    assert_eq!(call(&harness, "get_alert", arguments).await["message"], Value::Null);
    vendor.fail_next(Fault::Nulls);
    let list = call(&harness, "list_alerts", json!({})).await;
    assert_eq!((&list["has_more"], &list["next"]), (&json!(false), &Value::Null));
}

#[tokio::test]
async fn people_are_not_on_record_in_clear() {
    let (_vendor, harness) = open().await;
    let arguments = json!({
        "message": "Late", "user": "Marit Visser", "responders": [{"type": "user", "username": "ravi.menon@example.com"}],
    });
    success(&harness, "create_alert", arguments).await;
    harness.close().await;
    let records = harness.records().await.unwrap();
    assert!(records.iter().any(|record| record.contains("create_alert")), "{records:#?}");
    for record in records {
        assert!(!record.contains("Marit Visser") && !record.contains("ravi.menon"), "{record}");
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0_u32, |word, (at, byte)| word | (u32::from(*byte) << (16 - 8 * at)));
        for digit in 0..4 {
            let index = ((word >> (18 - 6 * digit)) & 63) as usize;
            text.push(if digit <= chunk.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    text
}
