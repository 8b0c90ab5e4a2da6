//! Tools over several operations.

use mcp_govern_core::ProviderErrorKind;
use serde_json::{Value, json};
use stand_ins::Fault;

use crate::setup::{SERVICE, Who, call, failure, open, open_as};

const ORCHESTRATION: &str = "PGENER1";

fn rule(conditions: &Value, service: &str) -> Value {
    json!({"event_orchestration_id": ORCHESTRATION, "service_id": service, "conditions": conditions, "label": "Databases"})
}

fn answer(body: &Value) -> Fault {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Fault::Status { status: 200, headers, body: body.to_string() }
}

#[tokio::test]
async fn who_is_on_call_has_flat_names_with_the_people_who_are_paged_first_in_front() {
    let (vendor, harness) = open().await;
    let all = call(&harness, "who_is_on_call", json!({})).await;
    let entries = all["on_call"].as_array().unwrap();
    assert!(entries.len() >= 4 && all["is_complete"] == json!(true), "{all}");
    for entry in entries {
        assert!(entry["name"].is_string() && entry["email"].as_str().unwrap().contains('@'), "{entry}");
        assert!(entry["escalation_policy"].is_string() && entry["level"].is_u64(), "{entry}");
    }
    let first = all["paged_first"].as_array().unwrap();
    let is_first = |entry: &&Value| entry["level"] == json!(1);
    assert!(entries.iter().filter(is_first).all(|entry| first.contains(&entry["name"])));
    assert_eq!(vendor.count(), 1);

    // Of a service: its policy is found first.
    let of_service = call(&harness, "who_is_on_call", json!({"service_ids": [SERVICE]})).await;
    let policies: Vec<&Value> =
        of_service["on_call"].as_array().unwrap().iter().map(|entry| &entry["escalation_policy_id"]).collect();
    assert!(!policies.is_empty() && policies.iter().all(|policy| *policy == policies[0]), "{of_service}");
    assert!(policies.len() < entries.len());

    // Of a team, at a time: a range that has an end.
    let at = json!({"team_ids": ["PTMPLAT"], "at": "2026-03-14T10:00:00+01:00"});
    assert!(!call(&harness, "who_is_on_call", at).await["on_call"].as_array().unwrap().is_empty());
    let asked = vendor.last_request().unwrap();
    let asked = asked.query().unwrap();
    assert!(
        asked.contains("since=2026-03-14T09%3A00%3A00") && asked.contains("until=2026-03-14T09%3A00%3A01"),
        "{asked}"
    );

    // Of a team without a policy, where the list of all would be the wrong answer.
    let none = json!({"escalation_policies": [], "limit": 100, "offset": 0, "more": false, "total": null});
    vendor.fail_next_on("GET", "/escalation_policies", answer(&none));
    let nobody = call(&harness, "who_is_on_call", json!({"team_ids": ["PNOTEAM"]})).await;
    assert_eq!((&nobody["on_call"], &nobody["paged_first"]), (&json!([]), &json!([])));
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_rule_is_added_behind_the_others_which_stay() {
    let (vendor, harness) = open().await;
    let which = json!({"event_orchestration_id": ORCHESTRATION});
    let before = call(&harness, "get_orchestration_router", which.clone()).await;
    let count = |router: &Value| router["sets"][0]["rules"].as_array().unwrap().len();
    for (added, service) in [(1, SERVICE), (2, "PHLGATE")] {
        let conditions = json!(["event.summary matches part 'db'", "event.source matches part 'pg'"]);
        let done = call(&harness, "append_orchestration_rule", rule(&conditions, service)).await;
        assert_eq!(done["added"]["route_to"], json!(service), "{done}");
        let after = call(&harness, "get_orchestration_router", which.clone()).await;
        assert_eq!(count(&after), count(&before) + added);
        assert_eq!(after["sets"][0]["rules"][0], before["sets"][0]["rules"][0]);
        assert_eq!(after["catch_all"], before["catch_all"]);
        let last = after["sets"][0]["rules"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["conditions"][1]["expression"], json!("event.source matches part 'pg'"));
    }
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_rule_is_not_added_to_a_router_that_changes_meanwhile() {
    let (vendor, harness) = open().await;
    let earlier = json!({"orchestration_path": {"sets": [{"id": "start", "rules": []}], "catch_all": {"actions": {}}}});
    let path = format!("/event_orchestrations/{ORCHESTRATION}/router");
    vendor.fail_next_on("GET", &path, answer(&earlier));
    let refused =
        failure(&harness, "append_orchestration_rule", rule(&json!(["event.class matches 'a'"]), SERVICE)).await;
    assert_eq!(refused.kind, ProviderErrorKind::Conflict);
    assert!(vendor.requests().iter().all(|seen| seen.method() == "GET"));
}

#[tokio::test]
async fn responders_are_asked_for_by_the_user_who_acts_and_no_argument_says_who() {
    for (who, lookups) in [(Who::Account, 1), (Who::Token, 1)] {
        let (vendor, harness) = open_as(who).await;
        let ask = json!({"incident_id": "4134", "message": "Please look", "targets": [{"id": "PUSKOFI", "type": "user_reference"}]});
        for _ in 0..2 {
            call(&harness, "create_incident_responder_request", ask.clone()).await;
        }
        let sent = vendor.requests();
        let writes: Vec<_> = sent.iter().filter(|seen| seen.method() == "POST").collect();
        assert_eq!((writes.len(), sent.len()), (2, 2 + lookups), "{who:?}");
        for write in writes {
            assert_eq!(write.json().unwrap()["requester_id"], json!("PUSMARI"), "{who:?}");
        }
        let mut as_another = ask;
        as_another["requester_id"] = json!("PUSLENA");
        harness.call("create_incident_responder_request", as_another).await.unwrap_err();
        assert_eq!(vendor.count(), 2 + lookups);
        assert_eq!(vendor.violations(), Vec::<String>::new());
    }
}
