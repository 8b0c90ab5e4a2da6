//! What comes back: lists and how they go on, whole objects, answers in unexpected dress, and what the vendor did.

use serde_json::{Value, json};
use stand_ins::Fault;

use crate::setup::{PAGE, call, open, success};

#[tokio::test]
async fn a_list_is_read_to_its_end_page_by_page() {
    let (vendor, harness) = open().await;
    let (mut found, mut next) = (Vec::new(), json!({}));
    loop {
        let mut arguments = next.clone();
        arguments["page_id"] = json!(PAGE);
        arguments["per_page"] = json!(10);
        let list = call(&harness, "list_components", arguments).await;
        found.extend(list["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
        assert_eq!(list["has_more"], json!(!list["next"].is_null()));
        if list["next"].is_null() {
            break;
        }
        next = list["next"].clone();
    }
    let expected: Vec<Value> = vendor.component_ids().into_iter().map(Value::from).collect();
    assert_eq!(found, expected);
    assert_eq!(vendor.count(), 3);
}

#[tokio::test]
async fn a_full_last_page_is_followed_by_an_empty_one_that_ends_the_list() {
    let (_vendor, harness) = open().await;
    let list = call(&harness, "list_components", json!({"page_id": PAGE})).await;
    assert_eq!((list["items"].as_array().unwrap().len(), &list["next"]), (25, &json!({"page": 2})));
    let list = call(&harness, "list_components", json!({"page_id": PAGE, "page": 2})).await;
    assert_eq!(list, json!({"items": [], "has_more": false, "next": null}));
}

#[tokio::test]
async fn what_is_open_upcoming_and_active_can_be_told_apart() {
    let (_vendor, harness) = open().await;
    for (tool, ids) in [
        ("list_unresolved_incidents", vec!["i7bookapi5xx", "i6singapore0"]),
        ("list_upcoming_maintenances", vec!["m4databasup0"]),
        ("list_active_maintenances", vec!["m5aisfeedmov"]),
    ] {
        let list = call(&harness, tool, json!({"page_id": PAGE})).await;
        let found: Vec<&str> = list["items"].as_array().unwrap().iter().filter_map(|item| item["id"].as_str()).collect();
        assert_eq!(found, ids, "{tool}");
    }
}

#[tokio::test]
async fn nobody_gets_mail_unless_it_was_asked_for() {
    let (vendor, harness) = open().await;
    let quiet = json!({"page_id": PAGE, "name": "Late", "components": {"c02bookapi11": "partial_outage"}});
    let incident = call(&harness, "create_incident", quiet).await;
    let id = incident["id"].as_str().unwrap().to_owned();
    call(&harness, "update_incident", json!({"page_id": PAGE, "incident_id": id, "status": "identified"})).await;
    assert_eq!(vendor.mails_sent(), Vec::new());
    let loud = json!({"page_id": PAGE, "incident_id": id, "status": "resolved", "deliver_notifications": true});
    call(&harness, "update_incident", loud).await;
    let mails: Vec<_> = vendor.mails_sent().iter().map(|mail| (mail.incident().to_owned(), mail.status().to_owned())).collect();
    assert_eq!(mails, [(id, "resolved".to_owned())]);
}

#[tokio::test]
async fn an_answer_passes_through_as_it_came_whatever_it_holds() {
    let (vendor, harness) = open().await;
    let arguments = json!({"page_id": PAGE, "component_id": "c02bookapi11"});
    vendor.fail_next(Fault::UnknownFields);
    let component = call(&harness, "get_component", arguments.clone()).await;
    assert_eq!(component["x_a_number"], json!(9_007_199_254_740_993_u64));
    vendor.fail_next(Fault::Nulls);
    assert_eq!(call(&harness, "get_component", arguments.clone()).await["name"], Value::Null);
    vendor.fail_next(Fault::WrongTypes);
    assert_eq!(call(&harness, "get_component", arguments).await["showcase"], json!("true"));
}

#[tokio::test]
async fn a_deleted_incident_is_shown_once_more_and_then_gone() {
    let (_vendor, harness) = open().await;
    let arguments = json!({"page_id": PAGE, "incident_id": "i1gatewaydwn"});
    let output = success(&harness, "delete_incident", arguments.clone()).await.output;
    assert_eq!(output.to_value().unwrap()["id"], json!("i1gatewaydwn"));
    assert_eq!(output.exchanges[0].path, "/pages/{page_id}/incidents/{incident_id}");
    assert!(harness.call("get_incident", arguments).await.is_err());
}

#[tokio::test]
async fn an_answer_without_a_body_says_that_it_is_done() {
    let (vendor, harness) = open().await;
    vendor.fail_next(Fault::EmptyBody);
    let result = call(&harness, "delete_incident", json!({"page_id": PAGE, "incident_id": "i1gatewaydwn"})).await;
    assert_eq!(result, json!({"done": true, "status": 200}));
}
