//! Every tool, and the exact request that it sends: the cases of the kit.

use mcp_govern_conformance::wire::Case;
use serde_json::{Value, json};
use stand_ins::PagerDutyStandIn;

use crate::setup::{SERVICE, Who};

const SINCE: &str = "2026-03-14T00:00:00Z";
const UNTIL: &str = "2026-03-28T00:00:00+01:00";
const RANGE: &str = "since=2026-03-14T00%3A00%3A00Z&until=2026-03-28T00%3A00%3A00%2B01%3A00";

/// Incidents of the stand-in, the same at every start.
struct Ids {
    triggered: String,
    acknowledged: String,
    resolved: String,
}

impl Ids {
    fn of(vendor: &PagerDutyStandIn) -> Self {
        let first = |status: &str| vendor.incident_ids(status).first().cloned().unwrap();
        Self { triggered: first("triggered"), acknowledged: first("acknowledged"), resolved: first("resolved") }
    }
}

/// What such a credential may do, each with the request that it must send; with a token every tool at least once. Written by hand from
/// the vendor's reference.
pub(crate) async fn cases(who: Who) -> Vec<Case> {
    let ids = Ids::of(&PagerDutyStandIn::start().await);
    let of_all = [account(), lists(), incidents(&ids), creations(), changes(&ids), many(&ids)];
    let of_all = of_all.into_iter().flatten();
    match who {
        Who::Account | Who::ReadOnly => of_all.collect(),
        Who::User => of_users(),
        Who::Token => of_all.chain(of_users()).collect(),
    }
}

fn account() -> Vec<Case> {
    vec![Case::new("list_abilities", json!({}), "GET", "/abilities")]
}

/// What an account's key may not do.
fn of_users() -> Vec<Case> {
    vec![
        Case::new("get_current_user", json!({}), "GET", "/users/me").answering("/id", json!("PUSMARI")),
        Case::new(
            "get_current_user",
            json!({"include": ["contact_methods", "calendar_urls"]}),
            "GET",
            "/users/me?include%5B%5D=contact_methods&include%5B%5D=calendar_urls",
        ),
    ]
}

fn lists() -> Vec<Case> {
    vec![
        Case::new("list_services", json!({}), "GET", "/services?limit=10"),
        Case::new(
            "list_services",
            json!({
                "query": "book & \"track\" #1", "team_ids": ["PTMPLAT", "PTMLOGI"], "time_zone": "Europe/Berlin", "sort_by": "name:desc",
                "include": ["teams", "integrations"], "limit": 2, "offset": 4, "total": true,
            }),
            "GET",
            "/services?query=book%20%26%20%22track%22%20%231&team_ids%5B%5D=PTMPLAT&team_ids%5B%5D=PTMLOGI&\
             time_zone=Europe%2FBerlin&sort_by=name%3Adesc&include%5B%5D=teams&include%5B%5D=integrations&limit=2&offset=4&total=true",
        ),
        Case::new("list_services", json!({"name": "Booking API"}), "GET", "/services?name=Booking%20API&limit=10"),
        Case::new("list_on_calls", json!({}), "GET", "/oncalls?limit=20"),
        Case::new(
            "list_on_calls",
            json!({
                "schedule_ids": ["PSCPLAT"], "escalation_policy_ids": ["PEPPLAT", "PEPLOGI"], "user_ids": ["PUSMARI"],
                "since": SINCE, "until": UNTIL, "earliest": true, "time_zone": "UTC", "include": ["users"], "limit": 100,
            }),
            "GET",
            format!(
                "/oncalls?schedule_ids%5B%5D=PSCPLAT&escalation_policy_ids%5B%5D=PEPPLAT&escalation_policy_ids%5B%5D=PEPLOGI&\
                 user_ids%5B%5D=PUSMARI&{RANGE}&earliest=true&time_zone=UTC&include%5B%5D=users&limit=100"
            ),
        ),
    ]
}

fn incidents(ids: &Ids) -> Vec<Case> {
    vec![
        Case::new("list_incidents", json!({}), "GET", "/incidents?limit=5"),
        Case::new(
            "list_incidents",
            json!({
                "statuses": ["triggered", "acknowledged"], "service_ids": [SERVICE, "PHLGATE"], "team_ids": ["PTMPLAT"],
                "user_ids": ["PUSMARI"], "urgencies": ["high"], "priority_ids": ["PPRIO02"], "incident_key": "a/b c",
                "since": SINCE, "until": UNTIL, "time_zone": "Asia/Tokyo", "sort_by": ["urgency:desc", "incident_number"],
                "include": ["services", "assignees"], "limit": 10, "offset": 20, "total": false,
            }),
            "GET",
            format!(
                "/incidents?statuses%5B%5D=triggered&statuses%5B%5D=acknowledged&service_ids%5B%5D={SERVICE}&service_ids%5B%5D=PHLGATE&\
                 team_ids%5B%5D=PTMPLAT&user_ids%5B%5D=PUSMARI&urgencies%5B%5D=high&priority_ids%5B%5D=PPRIO02&incident_key=a%2Fb%20c&\
                 {RANGE}&time_zone=Asia%2FTokyo&sort_by=urgency%3Adesc,incident_number&include%5B%5D=services&\
                 include%5B%5D=assignees&limit=10&offset=20&total=false"
            ),
        ),
        Case::new("list_incidents", json!({"date_range": "all"}), "GET", "/incidents?date_range=all&limit=5"),
        Case::new(
            "get_incident",
            json!({"incident_id": ids.triggered}),
            "GET",
            format!("/incidents/{}", ids.triggered),
        ),
        Case::new("get_incident", json!({"incident_id": "4134"}), "GET", "/incidents/4134"),
        Case::new(
            "get_incident",
            json!({"incident_id": ids.triggered, "include": ["custom_fields", "priorities"]}),
            "GET",
            format!("/incidents/{}?include%5B%5D=custom_fields&include%5B%5D=priorities", ids.triggered),
        ),
    ]
}

fn creations() -> Vec<Case> {
    let create = |arguments: Value, sent: Value| {
        Case::new("create_incident", arguments, "POST", "/incidents").json(json!({"incident": sent}))
    };
    vec![
        create(
            json!({"title": "Late", "service_id": SERVICE}),
            json!({"type": "incident", "title": "Late", "service": {"id": SERVICE, "type": "service_reference"}}),
        ),
        create(
            json!({
                "title": "Late", "service_id": SERVICE, "details": "Since 10:04.", "urgency": "low", "priority_id": "PPRIO01",
                "incident_key": "booking/late", "incident_type": "major_incident", "assignee_ids": ["PUSKOFI", "PUSLENA"],
                "conference_bridge": {"conference_url": "https://meet.example.com/1", "conference_number": "+1 415-555-1212,,,,1234#"},
            }),
            json!({
                "type": "incident", "title": "Late", "service": {"id": SERVICE, "type": "service_reference"},
                "body": {"type": "incident_body", "details": "Since 10:04."}, "urgency": "low",
                "priority": {"id": "PPRIO01", "type": "priority_reference"}, "incident_key": "booking/late",
                "incident_type": {"name": "major_incident"},
                "assignments": [
                    {"assignee": {"id": "PUSKOFI", "type": "user_reference"}}, {"assignee": {"id": "PUSLENA", "type": "user_reference"}},
                ],
                "conference_bridge": {"conference_url": "https://meet.example.com/1", "conference_number": "+1 415-555-1212,,,,1234#"},
            }),
        ),
        create(
            json!({"title": "Late", "service_id": SERVICE, "escalation_policy_id": "PEPLOGI"}),
            json!({
                "type": "incident", "title": "Late", "service": {"id": SERVICE, "type": "service_reference"},
                "escalation_policy": {"id": "PEPLOGI", "type": "escalation_policy_reference"},
            }),
        ),
    ]
}

fn changes(ids: &Ids) -> Vec<Case> {
    let change = |id: &str, fields: Value, sent: Value| {
        let (mut arguments, mut body) = (fields, sent);
        arguments["incident_id"] = json!(id);
        body["type"] = json!("incident_reference");
        Case::new("update_incident", arguments, "PUT", format!("/incidents/{id}")).json(json!({"incident": body}))
    };
    let (triggered, acknowledged) = (&ids.triggered, &ids.acknowledged);
    vec![
        change(triggered, json!({"status": "acknowledged"}), json!({"status": "acknowledged"}))
            .answering("/status", json!("acknowledged")),
        change(
            acknowledged,
            json!({"status": "resolved", "resolution": "Restarted."}),
            json!({"status": "resolved", "resolution": "Restarted."}),
        ),
        change(&ids.resolved, json!({"status": "triggered"}), json!({"status": "triggered"})),
        change(
            triggered,
            json!({"assignee_ids": ["PUSRAVI"], "service_id": "PHLTRAK", "priority_id": "PPRIO03", "title": "Later"}),
            json!({
                "assignments": [{"assignee": {"id": "PUSRAVI", "type": "user_reference"}}],
                "service": {"id": "PHLTRAK", "type": "service_reference"},
                "priority": {"id": "PPRIO03", "type": "priority_reference"}, "title": "Later",
            }),
        ),
        change(
            triggered,
            json!({"escalation_policy_id": "PEPLOGI", "escalation_level": 2, "urgency": "low", "incident_type": "outage"}),
            json!({
                "escalation_policy": {"id": "PEPLOGI", "type": "escalation_policy_reference"}, "escalation_level": 2,
                "urgency": "low", "incident_type": {"name": "outage"},
            }),
        ),
        change(
            triggered,
            json!({"conference_bridge": {"conference_number": "1"}}),
            json!({"conference_bridge": {"conference_number": "1"}}),
        ),
    ]
}

fn many(ids: &Ids) -> Vec<Case> {
    let (triggered, acknowledged) = (&ids.triggered, &ids.acknowledged);
    vec![
        Case::new(
            "update_incidents",
            json!({"incidents": [
                {"incident_id": triggered, "status": "acknowledged", "assignee_ids": ["PUSKOFI"]},
                {"incident_id": acknowledged, "status": "resolved", "resolution": "Over."},
            ]}),
            "PUT",
            "/incidents",
        )
        .json(json!({"incidents": [
            {
                "type": "incident_reference", "id": triggered, "status": "acknowledged",
                "assignments": [{"assignee": {"id": "PUSKOFI", "type": "user_reference"}}],
            },
            {"type": "incident_reference", "id": acknowledged, "status": "resolved", "resolution": "Over."},
        ]})),
        Case::new(
            "update_incidents",
            json!({
                "incidents": [{
                    "incident_id": triggered, "escalation_policy_id": "PEPLOGI", "priority_id": "PPRIO01", "incident_type": "outage",
                }],
                "limit": 50, "offset": 0, "total": true,
            }),
            "PUT",
            "/incidents?limit=50&offset=0&total=true",
        )
        .json(json!({"incidents": [{
            "type": "incident_reference", "id": triggered, "escalation_policy": {"id": "PEPLOGI", "type": "escalation_policy_reference"},
            "priority": {"id": "PPRIO01", "type": "priority_reference"}, "incident_type": {"name": "outage"},
        }]})),
    ]
}
