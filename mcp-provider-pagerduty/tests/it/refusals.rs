//! What is refused here, before anything is sent.

use mcp_govern_conformance::kit::{self, Refusal};
use serde_json::{Value, json};

use crate::{
    kit::PagerDuty,
    setup::{ACTOR, SERVICE, Who},
};

async fn each_is_refused(rows: Vec<Refusal>) {
    kit::each_is_refused(&PagerDuty(Who::Account), rows).await.unwrap();
}

#[tokio::test]
async fn a_change_changes_something_and_a_resolution_goes_with_resolving() {
    each_is_refused(vec![
        ("update_incident", json!({"incident_id": "1"}), &["at least one of", "status", "conference_bridge"]),
        ("update_incident", json!({"incident_id": "1", "resolution": "x"}), &["status"]),
        ("update_incident", json!({"incident_id": "1", "title": "y", "resolution": "x"}), &["resolution", "status"]),
        (
            "update_incident",
            json!({"incident_id": "1", "status": "acknowledged", "resolution": "x"}),
            &["resolution", "status"],
        ),
        ("update_incidents", json!({"incidents": [{"incident_id": "1"}]}), &["incidents"]),
    ])
    .await;
}

#[tokio::test]
async fn what_pagerduty_would_refuse_is_refused_here_with_the_field_named() {
    let create = |fields: Value| {
        let mut arguments = json!({"title": "x", "service_id": SERVICE});
        arguments.as_object_mut().unwrap().append(&mut fields.as_object().unwrap().clone());
        arguments
    };
    let many: Vec<Value> = (0..251).map(|at| json!({"incident_id": at.to_string(), "status": "resolved"})).collect();
    each_is_refused(vec![
        ("create_incident", json!({"title": "x"}), &["service_id"]),
        ("create_incident", json!({"service_id": SERVICE}), &["title"]),
        ("create_incident", create(json!({"title": ""})), &["title"]),
        ("create_incident", create(json!({"urgency": "severe"})), &["urgency", "high"]),
        ("create_incident", create(json!({"assignee_ids": [{"id": "P1"}]})), &["assignee_ids"]),
        (
            "create_incident",
            create(json!({"assignee_ids": ["P1"], "escalation_policy_id": "P2"})),
            &["assignee_ids", "escalation_policy_id"],
        ),
        ("create_incident", create(json!({"conference_bridge": {}})), &["conference_bridge"]),
        (
            "create_incident",
            create(json!({"conference_bridge": {"conference_url": "no address"}})),
            &["conference_bridge"],
        ),
        ("create_incident", create(json!({"service": {"id": SERVICE}})), &["service"]),
        ("create_incident", create(json!({"type": "incident"})), &["type"]),
        ("update_incident", json!({"incident_id": "1", "status": "closed"}), &["status", "resolved"]),
        ("update_incident", json!({"incident_id": "1", "escalation_level": 0}), &["escalation_level"]),
        ("update_incidents", json!({"incidents": []}), &["incidents"]),
        ("update_incidents", json!({"incidents": many}), &["incidents", "250"]),
        (
            "update_incidents",
            json!({"incidents": [{"incident_id": "1", "status": "resolved", "type": "incident"}]}),
            &["type"],
        ),
        ("update_incidents", json!({"incidents": [{"id": "1", "status": "resolved"}]}), &["id"]),
    ])
    .await;
}

#[tokio::test]
async fn a_list_is_asked_for_in_words_that_pagerduty_knows() {
    each_is_refused(vec![
        ("list_incidents", json!({"status": "triggered"}), &["status", "statuses"]),
        ("list_incidents", json!({"statuses": "triggered"}), &["statuses"]),
        ("list_incidents", json!({"statuses": ["open"]}), &["statuses", "triggered"]),
        ("list_incidents", json!({"until": "2026-01-01T00:00:00Z"}), &["`until` needs `since`"]),
        ("list_incidents", json!({"since": "2020-01-01T00:00:00Z"}), &["6 calendar months apart", "give an `until`"]),
        ("list_incidents", json!({"since": "2999-01-01T00:00:00Z"}), &["`since` lies in the future: give `until`"]),
        ("list_incidents", json!({"priorities": ["P1"]}), &["priorities"]),
        ("list_incidents", json!({"sort_by": ["title:asc"]}), &["`sort_by/0` must be incident_number, created_at"]),
        ("list_incidents", json!({"sort_by": ["created_at:down"]}), &["sort_by"]),
        (
            "list_incidents",
            json!({"since": "2026-01-01T00:00:00Z", "until": "2026-07-01T00:00:01Z"}),
            &["`since` and `until` may lie 6 calendar months apart at most"],
        ),
        ("list_incidents", json!({"sort_by": ["a:asc", "b:asc", "c:asc"]}), &["sort_by"]),
        ("list_incidents", json!({"since": "2026-03-14"}), &["since"]),
        (
            "list_incidents",
            json!({"since": "2026-03-14T00:00:00Z", "until": "2026-03-14T00:00:00+01:00"}),
            &["since", "until"],
        ),
        ("list_incidents", json!({"date_range": "all", "since": "2026-03-14T00:00:00Z"}), &["date_range", "since"]),
        ("list_incidents", json!({"date_range": "all", "until": "2026-03-14T00:00:00Z"}), &["date_range", "until"]),
        (
            "list_on_calls",
            json!({"since": "2026-03-15T00:00:00Z", "until": "2026-03-14T00:00:00Z"}),
            &["since", "until"],
        ),
        ("list_services", json!({"limit": 101}), &["limit", "100"]),
        ("list_services", json!({"limit": 0}), &["limit"]),
        ("list_services", json!({"offset": -1}), &["offset"]),
        ("list_services", json!({"offset": 9_991}), &["10001", "10000"]),
        ("list_on_calls", json!({"offset": 9_950, "limit": 51}), &["10001", "10000"]),
        ("list_services", json!({"include": ["users"]}), &["include", "teams"]),
    ])
    .await;
}

#[tokio::test]
async fn nobody_can_choose_in_whose_name_a_change_is_made() {
    let names = ["from", "From", "actor_email", "requester_id"];
    let row = |name: &&str| -> Refusal {
        let mut arguments = json!({"title": "x", "service_id": SERVICE});
        arguments[*name] = json!(ACTOR);
        ("create_incident", arguments, &["is not known"])
    };
    each_is_refused(names.iter().map(row).collect()).await;
}

#[tokio::test]
async fn an_identifier_cannot_leave_its_place_in_the_path() {
    let bad = ["", ".", "..", "a/b", "%2e%2e", "a%2Fb", "a\\b", "a\nb", "\u{0}", "a\r\nHost: elsewhere", "../users/me"];
    let row = |bad: &&str| -> Refusal { ("get_incident", json!({"incident_id": bad}), &["incident_id"]) };
    each_is_refused(bad.iter().map(row).collect()).await;
}
