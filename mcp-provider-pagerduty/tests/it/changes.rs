//! An incident's life: opened, acknowledged, handed on, resolved, opened again; alone and together.

use mcp_govern_core::ProviderErrorKind as Kind;
use serde_json::{Value, json};
use stand_ins::Fault;

use crate::setup::{SERVICE, call, failure, open};

#[tokio::test]
async fn an_incident_is_opened_acknowledged_handed_on_resolved_and_opened_again() {
    let (vendor, harness) = open().await;
    let incident = call(
        &harness,
        "create_incident",
        json!({"title": "Late", "service_id": SERVICE, "details": "Since ten.", "assignee_ids": ["PUSLENA"]}),
    )
    .await;
    assert_eq!((&incident["status"], &incident["body"]["details"]), (&json!("triggered"), &json!("Since ten.")));
    assert_eq!(incident["assignments"][0]["assignee"]["id"], json!("PUSLENA"));
    let id = incident["id"].clone();
    for (change, pointer, is) in [
        (json!({"status": "acknowledged"}), "/acknowledgements/0/acknowledger/id", json!("PUSMARI")),
        (json!({"assignee_ids": ["PUSRAVI"]}), "/assignments/0/assignee/id", json!("PUSRAVI")),
        (json!({"escalation_policy_id": "PEPFINA"}), "/escalation_policy/id", json!("PEPFINA")),
        (json!({"status": "resolved", "resolution": "Restarted."}), "/status", json!("resolved")),
        (json!({"status": "triggered"}), "/status", json!("triggered")),
    ] {
        let mut arguments = change;
        arguments["incident_id"] = id.clone();
        let changed = call(&harness, "update_incident", arguments.clone()).await;
        assert_eq!(changed.pointer(pointer), Some(&is), "{arguments}: {changed}");
        let read = call(&harness, "get_incident", json!({"incident_id": id})).await;
        assert_eq!(read.pointer(pointer), Some(&is), "{arguments}");
    }
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_open_key_of_a_service_is_taken_and_is_free_again_once_resolved() {
    let (vendor, harness) = open().await;
    let create = |service: &str| json!({"title": "Late", "service_id": service, "incident_key": "late"});
    let first = call(&harness, "create_incident", create(SERVICE)).await;
    let failed = failure(&harness, "create_incident", create(SERVICE)).await;
    assert_eq!((failed.kind, vendor.count()), (Kind::Conflict, 2));
    assert!(failed.message.contains("has an open incident with this incident_key"), "{}", failed.message);
    call(&harness, "create_incident", create("PHLGATE")).await;
    call(&harness, "update_incident", json!({"incident_id": first["id"], "status": "resolved"})).await;
    let second = call(&harness, "create_incident", create(SERVICE)).await;
    assert_ne!(first["id"], second["id"]);
}

#[tokio::test]
async fn many_incidents_change_together() {
    let (vendor, harness) = open().await;
    let triggered = vendor.incident_ids("triggered");
    let all: Vec<Value> = triggered.iter().map(|id| json!({"incident_id": id, "status": "acknowledged"})).collect();
    let changed = call(&harness, "update_incidents", json!({"incidents": all})).await;
    let states: Vec<_> = changed["incidents"].as_array().unwrap().iter().map(|incident| &incident["status"]).collect();
    assert_eq!(states, vec![&json!("acknowledged"); triggered.len()]);
    assert_eq!((vendor.count(), vendor.incident_ids("triggered").len()), (1, 0));
}

#[tokio::test]
async fn when_one_of_many_is_refused_none_is_changed() {
    let (vendor, harness) = open().await;
    let (triggered, resolved) = (vendor.incident_ids("triggered"), vendor.incident_ids("resolved"));
    let changes = json!({"incidents": [
        {"incident_id": triggered[0], "status": "resolved"}, {"incident_id": resolved[0], "status": "resolved"},
    ]});
    let failed = failure(&harness, "update_incidents", changes).await;
    assert_eq!(failed.kind, Kind::Conflict);
    assert_eq!((vendor.incident_ids("triggered"), vendor.incident_ids("resolved")), (triggered, resolved));
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_without_a_body_says_that_it_is_done() {
    let (vendor, harness) = open().await;
    vendor.fail_next(Fault::EmptyBody);
    let result = call(&harness, "update_incident", json!({"incident_id": "4134", "status": "resolved"})).await;
    assert_eq!(result, json!({"done": true, "status": 200}));
    assert_eq!(call(&harness, "get_incident", json!({"incident_id": "4134"})).await["status"], json!("resolved"));
}
