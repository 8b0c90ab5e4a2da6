//! What comes back: lists and how they go on, and what is masked in them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stand_ins::Fault;

use crate::setup::{SERVICE, call, open, success};

fn ids(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_list_is_read_to_its_end_page_by_page() {
    let (vendor, harness) = open().await;
    let (mut found, mut next) = (Vec::new(), json!({}));
    loop {
        let mut arguments = next.clone();
        arguments["limit"] = json!(10);
        arguments["total"] = json!(true);
        let list = call(&harness, "list_incidents", arguments).await;
        found.extend(ids(&list));
        assert_eq!((&list["has_more"], &list["total"]), (&json!(!list["next"].is_null()), &json!(34)));
        if list["next"].is_null() {
            break;
        }
        next = list["next"].clone();
    }
    assert_eq!((found.len(), vendor.count()), (34, 4));
    let expected = ["triggered", "acknowledged", "resolved"].iter().flat_map(|status| vendor.incident_ids(status));
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected.collect());
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_page_that_ends_exactly_with_the_list_is_the_last() {
    let (_vendor, harness) = open().await;
    let list = call(&harness, "list_services", json!({"limit": 8})).await;
    assert_eq!((ids(&list).len(), &list["has_more"], &list["next"]), (8, &json!(false), &Value::Null));
    assert_eq!(list.get("total"), None, "nobody asked for the total");
    let beyond = call(&harness, "list_services", json!({"offset": 100})).await;
    assert_eq!(beyond, json!({"items": [], "has_more": false, "next": null}));
}

#[tokio::test]
async fn a_page_goes_on_by_what_came_and_not_by_what_was_asked_for() {
    let (vendor, harness) = open().await;
    let body =
        json!({"limit": 100, "offset": 7, "more": true, "total": null, "services": [{"id": "P1"}, {"id": "P2"}]});
    vendor.fail_next(Fault::Status { status: 200, headers: Vec::new(), body: body.to_string() });
    let list = call(&harness, "list_services", json!({"offset": 7, "limit": 100})).await;
    assert_eq!((&list["has_more"], &list["next"]), (&json!(true), &json!({"offset": 9})));
}

#[tokio::test]
async fn at_the_end_of_the_window_a_list_says_that_there_is_more_and_how_to_see_it() {
    let (vendor, harness) = open().await;
    let services: Vec<Value> = (0..25).map(|at| json!({"id": format!("P{at}")})).collect();
    let body = json!({"more": true, "services": services});
    vendor.fail_next(Fault::Status { status: 200, headers: Vec::new(), body: body.to_string() });
    let output = success(&harness, "list_services", json!({"offset": 9_975})).await.output;
    let list = output.to_value().unwrap();
    assert_eq!((&list["has_more"], &list["next"]), (&json!(true), &Value::Null));
    assert!(output.notes.iter().any(|note| note.contains("narrow the question")), "{:?}", output.notes);
    assert_eq!((vendor.count(), vendor.violations()), (1, Vec::new()));
}

#[tokio::test]
async fn filters_combine_and_each_of_several_values_counts() {
    let (vendor, harness) = open().await;
    let open = json!({"statuses": ["triggered", "acknowledged"], "sort_by": ["created_at:desc"]});
    let found = ids(&call(&harness, "list_incidents", open).await);
    let expected: BTreeSet<_> =
        vendor.incident_ids("triggered").into_iter().chain(vendor.incident_ids("acknowledged")).collect();
    assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), expected);
    let narrow = json!({"statuses": ["triggered", "acknowledged"], "service_ids": [SERVICE], "urgencies": ["high"]});
    let list = call(&harness, "list_incidents", narrow).await;
    assert_eq!(ids(&list), [vendor.incident_ids("triggered")[0].clone()]);
}

#[tokio::test]
async fn who_is_on_call_comes_with_addresses_when_users_are_included() {
    let (_vendor, harness) = open().await;
    let of_policy = |include: Value| json!({"escalation_policy_ids": ["PEPPLAT"], "include": include});
    let list = call(&harness, "list_on_calls", of_policy(json!(["users"]))).await;
    let levels: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|item| item["escalation_level"].clone()).collect();
    assert_eq!(levels, [json!(1), json!(2), json!(3)]);
    assert_eq!(list["items"][0]["user"]["email"], json!("marit.visser@example.com"));
    let list = call(&harness, "list_on_calls", of_policy(json!(["schedules"]))).await;
    assert_eq!(
        (&list["items"][0]["user"]["type"], &list["items"][0]["user"]["email"]),
        (&json!("user_reference"), &Value::Null)
    );
}

#[tokio::test]
async fn the_accounts_abilities_come_all_at_once() {
    let (_vendor, harness) = open().await;
    let list = call(&harness, "list_abilities", json!({})).await;
    assert_eq!((&list["items"][0], &list["has_more"], &list["next"]), (&json!("teams"), &json!(false), &Value::Null));
}

#[tokio::test]
async fn keys_and_calendar_addresses_are_masked_wherever_they_stand() {
    let key = "0123456789abcdef-canary";
    let user = json!({"name": "Marit", "http_cal_url": format!("https://x/{key}"), "web_cal_url": format!("webcal://x/{key}")});
    let service = json!({
        "name": "Booking API", "service_key": key,
        "integrations": [{"name": "Events", "integration_key": key, "integration_email": format!("{key}@example.com")}],
    });
    for (tool, arguments, body, kept) in [
        ("list_services", json!({}), json!({"services": [service], "more": false}), "Events"),
        ("list_on_calls", json!({}), json!({"oncalls": [{"user": user}], "more": false}), "Marit"),
        (
            "list_incidents",
            json!({}),
            json!({"incidents": [{"assignments": [{"assignee": user}], "service": {"integrations": [{"integration_key": key, "name": "Events"}]}}]}),
            "Events",
        ),
        (
            "get_incident",
            json!({"incident_id": "1"}),
            json!({"incident": {"assignments": [{"assignee": user}]}}),
            "Marit",
        ),
        ("get_current_user", json!({"include": ["calendar_urls"]}), json!({"user": user}), "Marit"),
    ] {
        let (vendor, harness) = open().await;
        vendor.fail_next(Fault::Status { status: 200, headers: Vec::new(), body: body.to_string() });
        let output = success(&harness, tool, arguments).await.output;
        let text = output.content.get();
        assert!(text.contains(kept) && !text.contains(key), "`{tool}`: {text}");
    }
}

#[tokio::test]
async fn an_answer_of_which_a_part_failed_shows_what_became_of_each() {
    let (vendor, harness) = open().await;
    let of_each = json!({"status": "partial_success", "associations": [
        {"id": SERVICE, "type": "service_reference", "status": "success"},
        {"id": "e1", "type": "event_orchestration_reference", "status": "failed", "errors": ["Not Found"]},
    ]});
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    vendor.fail_next(Fault::Status { status: 207, headers, body: of_each.to_string() });
    let association = |id: &str, kind: &str| json!({"id": id, "type": kind});
    let both = [association(SERVICE, "service_reference"), association("e1", "event_orchestration_reference")];
    let arguments = json!({"event_enrichment_id": "PGENER1", "associations": both});
    assert_eq!(call(&harness, "add_event_enrichment_associations", arguments).await, of_each);
    assert_eq!(vendor.count(), 1);
}
