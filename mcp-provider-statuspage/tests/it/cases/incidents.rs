//! Incidents and maintenances, their updates, templates and postmortems.

use mcp_govern_conformance::wire::Case;
use serde_json::{Value, json};

use super::{Made, of, of_page, page};

const FOR: &str = "2031-03-14T22:00:00Z";
const UNTIL: &str = "2031-03-14T23:30:00Z";

pub(super) fn lists() -> Vec<Case> {
    let list = |path: &str| page(&format!("/incidents{path}?per_page=5"));
    vec![
        Case::new("list_incidents", of_page(json!({})), "GET", page("/incidents?limit=5")),
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
        Case::new(
            "get_incident",
            of_page(json!({"incident_id": "i7bookapi5xx"})),
            "GET",
            page("/incidents/i7bookapi5xx"),
        ),
    ]
}

/// Every message that was not asked for is switched off in so many words.
fn quiet(mut fields: Value) -> Value {
    for switch in [
        "deliver_notifications",
        "scheduled_remind_prior",
        "auto_transition_deliver_notifications_at_start",
        "auto_transition_deliver_notifications_at_end",
        "auto_tweet_on_creation",
        "auto_tweet_one_hour_before",
        "auto_tweet_at_beginning",
        "auto_tweet_on_completion",
    ] {
        if fields.get(switch).is_none() {
            fields[switch] = json!(false);
        }
    }
    fields
}

pub(super) fn creations() -> Vec<Case> {
    let create = |fields: Value| {
        let sent = json!({"incident": quiet(fields.clone())});
        Case::new("create_incident", of_page(fields), "POST", page("/incidents")).json(sent)
    };
    vec![
        create(json!({"name": "Late"})),
        create(json!({
            "name": "Late", "status": "identified", "body": "We are on it.", "impact_override": "minor",
            "components": {"c02bookapi11": "partial_outage"}, "component_ids": ["c02bookapi11"], "deliver_notifications": true,
            "reminder_intervals": "[1,5,7]", "metadata": {"jira": {"issue": "OPS-12"}},
        })),
        create(json!({
            "name": "Upgrade", "status": "scheduled", "scheduled_for": FOR, "scheduled_until": UNTIL,
            "scheduled_remind_prior": true, "auto_transition_to_maintenance_state": true,
        })),
        create(json!({"name": "Was late", "backfilled": true, "backfill_date": "2026-03-14"})),
    ]
}

pub(super) fn changes(made: &Made) -> Vec<Case> {
    let change = |id: &str, fields: Value| {
        let mut sent = fields.clone();
        if sent.get("deliver_notifications").is_none() {
            sent["deliver_notifications"] = json!(false);
        }
        let target = page(&format!("/incidents/{id}"));
        Case::new("update_incident", of("incident_id", id, fields), "PATCH", target).json(json!({"incident": sent}))
    };
    let edited = json!({"incident_id": "i7bookapi5xx", "incident_update_id": made.update, "body": "One in fifty."});
    vec![
        change(
            "i7bookapi5xx",
            json!({"status": "resolved", "body": "Over.", "components": {"c02bookapi11": "operational"}}),
        ),
        Case::new(
            "update_incident",
            of("incident_id", "i6singapore0", json!({"usual_reminders": true, "deliver_notifications": true})),
            "PATCH",
            page("/incidents/i6singapore0"),
        )
        .json(json!({"incident": {"reminder_intervals": null, "deliver_notifications": true}})),
        // What was chosen earlier is not undone: only the message of this very change is switched off.
        change("m4databasup0", json!({"scheduled_for": FOR, "scheduled_until": UNTIL})),
        Case::new(
            "delete_incident",
            of_page(json!({"incident_id": "i1gatewaydwn"})),
            "DELETE",
            page("/incidents/i1gatewaydwn"),
        ),
        Case::new(
            "edit_incident_update",
            of_page(edited),
            "PATCH",
            page(&format!("/incidents/i7bookapi5xx/incident_updates/{}", made.update)),
        )
        .json(json!({"incident_update": {
            "body": "One in fifty.", "deliver_notifications": false, "wants_twitter_update": false,
        }})),
    ]
}

pub(super) fn postmortems() -> Vec<Case> {
    const ID: &str = "i2webhooksdl";
    let of = |fields: Value| of("incident_id", ID, fields);
    let one = page("/incidents/i2webhooksdl/postmortem");
    let draft = json!({"body_draft": "## What happened"});
    let drafted = |case: Case| case.after("save_postmortem_draft", of(json!({"body_draft": "x"})));
    vec![
        Case::new("save_postmortem_draft", of(draft.clone()), "PUT", one.clone()).json(json!({"postmortem": draft})),
        drafted(Case::new("get_postmortem", of(json!({})), "GET", one.clone())),
        drafted(Case::new("delete_postmortem", of(json!({})), "DELETE", one.clone())),
        drafted(Case::new("publish_postmortem", of(json!({})), "PUT", format!("{one}/publish")))
            .json(json!({"postmortem": {"notify_subscribers": false, "notify_twitter": false}})),
        drafted(Case::new(
            "publish_postmortem",
            of(json!({"notify_subscribers": true, "notify_twitter": true, "custom_tweet": "Read on."})),
            "PUT",
            format!("{one}/publish"),
        ))
        .json(json!({"postmortem": {"notify_subscribers": true, "notify_twitter": true, "custom_tweet": "Read on."}})),
        drafted(Case::new("unpublish_postmortem", of(json!({})), "PUT", format!("{one}/revert")))
            .after("publish_postmortem", of(json!({}))),
    ]
}

pub(super) fn templates() -> Vec<Case> {
    let fields = json!({
        "name": "Slow", "title": "Answers are slow", "body": "We are on it.", "update_status": "investigating",
        "component_ids": ["c02bookapi11"],
    });
    let mut sent = fields.clone();
    sent["should_send_notifications"] = json!(false);
    sent["should_tweet"] = json!(false);
    vec![
        Case::new("list_incident_templates", of_page(json!({})), "GET", page("/incident_templates?per_page=25")),
        Case::new("create_incident_template", of_page(fields), "POST", page("/incident_templates"))
            .json(json!({"template": sent})),
    ]
}
