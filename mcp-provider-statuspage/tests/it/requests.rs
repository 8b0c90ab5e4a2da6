//! Every tool, and the exact request that it sends.

use serde_json::{Value, json};

use crate::{
    setup::{PAGE, open},
    wire::Case,
};

const FOR: &str = "2031-03-14T22:00:00Z";
const UNTIL: &str = "2031-03-14T23:30:00Z";

fn page(rest: &str) -> String {
    format!("/v1/pages/{PAGE}{rest}")
}

/// The arguments of a tool of the stand-in's first page.
fn of_page(mut arguments: Value) -> Value {
    arguments["page_id"] = json!(PAGE);
    arguments
}

/// Every tool at least once, each with the request that it must send.
pub(crate) fn cases() -> Vec<Case> {
    [pages(), components(), incidents(), maintenances(), changes()].into_iter().flatten().collect()
}

fn pages() -> Vec<Case> {
    vec![
        Case::new("list_pages", json!({}), "GET", "/v1/pages"),
        Case::new("get_page", of_page(json!({})), "GET", page("")),
    ]
}

fn components() -> Vec<Case> {
    let one = page("/components/c02bookapi11");
    let of = |fields: Value| {
        let mut arguments = of_page(fields);
        arguments["component_id"] = json!("c02bookapi11");
        arguments
    };
    vec![
        Case::new("list_components", of_page(json!({})), "GET", page("/components?per_page=25")),
        Case::new("list_components", of_page(json!({"page": 2, "per_page": 100})), "GET", page("/components?page=2&per_page=100")),
        Case::new("get_component", of(json!({})), "GET", one.clone()),
        Case::new("create_component", of_page(json!({"name": "Depot search"})), "POST", page("/components"))
            .json(json!({"component": {"name": "Depot search"}})),
        Case::new(
            "create_component",
            of_page(json!({
                "name": "Depot search", "status": "operational", "description": "Finds depots.", "group_id": "gbk4p0s8y2la",
                "showcase": true, "only_show_if_degraded": false, "start_date": "2026-03-14",
            })),
            "POST",
            page("/components"),
        )
        .json(json!({"component": {
            "name": "Depot search", "status": "operational", "description": "Finds depots.", "group_id": "gbk4p0s8y2la",
            "showcase": true, "only_show_if_degraded": false, "start_date": "2026-03-14",
        }})),
        Case::new("update_component", of(json!({"status": "major_outage"})), "PATCH", one.clone())
            .json(json!({"component": {"status": "major_outage"}})),
        // Given as null it is sent as null; left out it is not sent.
        Case::new("update_component", of(json!({"group_id": null})), "PATCH", one)
            .json(json!({"component": {"group_id": null}})),
        Case::new(
            "add_component_page_access_users",
            of(json!({"page_access_user_ids": ["pau1lotte000", "pau2kwame000"]})),
            "POST",
            page("/components/c02bookapi11/page_access_users"),
        )
        .form("page_access_user_ids%5B%5D=pau1lotte000&page_access_user_ids%5B%5D=pau2kwame000"),
    ]
}

fn incidents() -> Vec<Case> {
    let list = |path: &str| page(&format!("/incidents{path}?per_page=25"));
    vec![
        Case::new("list_incidents", of_page(json!({})), "GET", page("/incidents?limit=25")),
        Case::new(
            "list_incidents",
            of_page(json!({"q": "late & \"slow\" #1", "limit": 2, "page": 3})),
            "GET",
            page("/incidents?q=late%20%26%20%22slow%22%20%231&limit=2&page=3"),
        ),
        Case::new("list_unresolved_incidents", of_page(json!({})), "GET", list("/unresolved")),
        Case::new("list_scheduled_maintenances", of_page(json!({})), "GET", list("/scheduled")),
        Case::new("list_upcoming_maintenances", of_page(json!({})), "GET", list("/upcoming")),
        Case::new("list_active_maintenances", of_page(json!({})), "GET", list("/active_maintenance")),
        Case::new("get_incident", of_page(json!({"incident_id": "i7bookapi5xx"})), "GET", page("/incidents/i7bookapi5xx")),
    ]
}

fn maintenances() -> Vec<Case> {
    let create = |fields: Value, sent: Value| {
        Case::new("create_incident", of_page(fields), "POST", page("/incidents")).json(json!({"incident": sent}))
    };
    vec![
        create(json!({"name": "Late"}), json!({"name": "Late", "deliver_notifications": false})),
        create(
            json!({
                "name": "Late", "status": "identified", "body": "We are on it.", "impact_override": "minor",
                "components": {"c02bookapi11": "partial_outage"}, "component_ids": ["c02bookapi11"], "deliver_notifications": true,
                "reminder_intervals": "[1,5,7]", "metadata": {"jira": {"issue": "OPS-12"}},
            }),
            json!({
                "name": "Late", "status": "identified", "body": "We are on it.", "impact_override": "minor",
                "components": {"c02bookapi11": "partial_outage"}, "component_ids": ["c02bookapi11"], "deliver_notifications": true,
                "reminder_intervals": "[1,5,7]", "metadata": {"jira": {"issue": "OPS-12"}},
            }),
        ),
        create(
            json!({
                "name": "Upgrade", "status": "scheduled", "scheduled_for": FOR, "scheduled_until": UNTIL,
                "scheduled_remind_prior": true, "auto_transition_to_maintenance_state": true,
            }),
            json!({
                "name": "Upgrade", "status": "scheduled", "scheduled_for": FOR, "scheduled_until": UNTIL,
                "scheduled_remind_prior": true, "auto_transition_to_maintenance_state": true, "deliver_notifications": false,
            }),
        ),
        create(
            json!({"name": "Was late", "backfilled": true, "backfill_date": "2026-03-14"}),
            json!({"name": "Was late", "backfilled": true, "backfill_date": "2026-03-14", "deliver_notifications": false}),
        ),
    ]
}

fn changes() -> Vec<Case> {
    let change = |id: &str, fields: Value, sent: Value| {
        let mut arguments = of_page(fields);
        arguments["incident_id"] = json!(id);
        Case::new("update_incident", arguments, "PATCH", page(&format!("/incidents/{id}"))).json(json!({"incident": sent}))
    };
    vec![
        change(
            "i7bookapi5xx",
            json!({"status": "resolved", "body": "Over.", "components": {"c02bookapi11": "operational"}}),
            json!({
                "status": "resolved", "body": "Over.", "components": {"c02bookapi11": "operational"}, "deliver_notifications": false,
            }),
        ),
        change(
            "i6singapore0",
            json!({"reminder_intervals": null, "deliver_notifications": true}),
            json!({"reminder_intervals": null, "deliver_notifications": true}),
        ),
        change(
            "m4databasup0",
            json!({"scheduled_for": FOR, "scheduled_until": UNTIL}),
            json!({"scheduled_for": FOR, "scheduled_until": UNTIL, "deliver_notifications": false}),
        ),
        Case::new("delete_incident", of_page(json!({"incident_id": "i1gatewaydwn"})), "DELETE", page("/incidents/i1gatewaydwn")),
    ]
}

#[tokio::test]
async fn every_tool_sends_exactly_its_request_and_its_preview_shows_it() {
    let mut faults = Vec::new();
    for case in cases() {
        let (vendor, harness) = open().await;
        let preview = harness.governor().preview(harness.person(), harness.request(case.tool, case.arguments.clone()));
        match preview {
            Ok(preview) => faults.extend(case.preview_faults(&vendor.base_url(), &preview)),
            Err(error) => faults.push(format!("{}: the preview fails: {error}", case.tool)),
        }
        assert_eq!(vendor.count(), 0, "the preview of `{}` sent something", case.tool);
        if let Err(error) = harness.call(case.tool, case.arguments.clone()).await {
            faults.push(format!("{}: {error}", case.tool));
        }
        let authorization = format!("OAuth {}", vendor.good_key());
        match vendor.requests().as_slice() {
            [seen] => {
                faults.extend(case.faults(seen, &[("accept", "application/json"), ("authorization", &authorization)]));
            }
            seen => faults.push(format!("{}: {} requests were sent", case.tool, seen.len())),
        }
        faults.extend(vendor.violations());
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
