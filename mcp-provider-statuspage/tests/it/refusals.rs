//! What is refused here, before anything is sent.

use mcp_govern_conformance::kit::{self, Refusal};
use mcp_govern_core::DenialCode;
use serde_json::{Value, json};

use crate::{
    kit::Statuspage,
    setup::{PAGE, open_only},
};

const FOR: &str = "2031-03-14T22:00:00Z";
const UNTIL: &str = "2031-03-14T23:30:00Z";

/// As the kit does it, with the page added.
async fn each_is_refused(mut rows: Vec<Refusal>) {
    for (_, arguments, _) in &mut rows {
        arguments["page_id"] = json!(PAGE);
    }
    kit::each_is_refused(&Statuspage, rows).await.unwrap();
}

#[tokio::test]
async fn an_incident_and_a_maintenance_do_not_mix() {
    each_is_refused(vec![
        ("create_incident", json!({"name": "x", "status": "scheduled"}), &["scheduled_for"]),
        ("create_incident", json!({"name": "x", "status": "in_progress", "scheduled_for": FOR}), &["scheduled_until"]),
        ("create_incident", json!({"name": "x", "status": "resolved", "scheduled_for": FOR, "scheduled_until": UNTIL}), &["status", "scheduled_for"]),
        ("create_incident", json!({"name": "x", "scheduled_until": UNTIL}), &["scheduled_for"]),
        (
            "create_incident",
            json!({"name": "x", "scheduled_for": FOR, "scheduled_until": UNTIL}),
            &["`status`: \"scheduled\""],
        ),
        ("create_incident", json!({"name": "x", "scheduled_auto_completed": true}), &["scheduled_auto_completed", "scheduled_for"]),
        (
            "create_incident",
            json!({"name": "x", "status": "scheduled", "scheduled_for": UNTIL, "scheduled_until": FOR}),
            &["scheduled_for", "scheduled_until"],
        ),
        (
            "create_incident",
            json!({"name": "x", "status": "scheduled", "scheduled_for": "2001-03-14T22:00:00Z", "scheduled_until": UNTIL}),
            &["scheduled_for", "future"],
        ),
        (
            "create_incident",
            json!({"name": "x", "status": "scheduled", "scheduled_for": FOR, "scheduled_until": UNTIL, "reminder_intervals": "4"}),
            &["reminder_intervals"],
        ),
        ("update_incident", json!({"incident_id": "i", "status": "resolved", "scheduled_until": UNTIL}), &["scheduled_until"]),
    ])
    .await;
}

#[tokio::test]
async fn a_past_incident_has_a_day_and_no_components() {
    each_is_refused(vec![
        ("create_incident", json!({"name": "x", "backfilled": true}), &["backfill_date"]),
        ("create_incident", json!({"name": "x", "backfill_date": "2026-03-14"}), &["backfilled"]),
        (
            "create_incident",
            json!({"name": "x", "backfilled": true, "backfill_date": "2026-02-30"}),
            &["`backfill_date` must be a date such as"],
        ),
        (
            "create_incident",
            json!({"name": "x", "backfilled": true, "backfill_date": "Oct 1 2026"}),
            &["`backfill_date` must be a date such as"],
        ),
        (
            "create_incident",
            json!({"name": "x", "backfilled": true, "backfill_date": "2026-03-14", "components": {"c": "operational"}}),
            &["backfilled", "components"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_statuspage_would_refuse_is_refused_here_with_the_field_named() {
    let long = "x".repeat(25_001);
    let name = "x".repeat(256);
    each_is_refused(vec![
        ("create_incident", json!({}), &["name"]),
        ("create_incident", json!({"name": ""}), &["name"]),
        ("create_incident", json!({"name": name}), &["name", "255"]),
        ("create_incident", json!({"name": "x", "body": long}), &["body", "25000"]),
        ("create_incident", json!({"name": "x", "status": "broken"}), &["status", "investigating"]),
        ("create_incident", json!({"name": "x", "components": {"c": "broken"}}), &["components"]),
        ("create_incident", json!({"name": "x", "components": {"c": ""}}), &["components"]),
        ("create_incident", json!({"name": "x", "reminder_intervals": "[1,25]"}), &["reminder_intervals"]),
        ("create_incident", json!({"name": "x", "metadata": {"a": 1}}), &["metadata"]),
        (
            "create_incident",
            json!({"name": "x", "status": "scheduled", "scheduled_for": "tomorrow", "scheduled_until": UNTIL}),
            &["scheduled_for"],
        ),
        ("update_component", json!({"component_id": "c", "start_date": "2026-02-30"}), &["start_date"]),
        ("list_components", json!({"per_page": 101}), &["per_page", "100"]),
        ("list_components", json!({"page": 0}), &["page"]),
        ("list_components", json!({"perpage": 5}), &["perpage", "per_page"]),
        (
            "add_component_page_access_users",
            json!({"component_id": "c", "page_access_user_ids": []}),
            &["page_access_user_ids"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_refused() {
    each_is_refused(vec![
        ("update_page", json!({}), &["name"]),
        ("update_component", json!({"component_id": "c"}), &["status"]),
        ("update_incident", json!({"incident_id": "i"}), &["status"]),
        ("update_incident", json!({"incident_id": "i", "deliver_notifications": true}), &["status"]),
        (
            "edit_incident_update",
            json!({"incident_id": "i", "incident_update_id": "u", "deliver_notifications": false}),
            &["body", "wants_twitter_update"],
        ),
        ("update_metric", json!({"metric_id": "m"}), &["name"]),
        ("update_metric_provider", json!({"metrics_provider_id": "p"}), &["metric_base_uri"]),
        ("update_page_access_user", json!({"page_access_user_id": "u"}), &["email"]),
        ("update_page_access_group", json!({"page_access_group_id": "g"}), &["name"]),
        ("update_status_embed_config", json!({}), &["position"]),
    ])
    .await;
}

#[tokio::test]
async fn a_subscriber_is_reached_in_one_way() {
    each_is_refused(vec![
        ("create_subscriber", json!({}), &["email", "phone_number"]),
        (
            "create_subscriber",
            json!({"email": "a@example.com", "phone_number": "1", "phone_country": "NL"}),
            &["email", "phone_number"],
        ),
        ("create_subscriber", json!({"phone_number": "1"}), &["phone_country"]),
        ("create_subscriber", json!({"phone_country": "NL", "email": "a@example.com"}), &["phone_number"]),
        ("create_subscriber", json!({"endpoint": "https://hooks.example.com"}), &["email"]),
        ("create_subscriber", json!({"email": "no address"}), &["email"]),
        ("create_subscriber", json!({"email": "a@example.com", "component_ids": []}), &["component_ids"]),
        ("create_incident_subscriber", json!({"incident_id": "i"}), &["email", "phone_number"]),
        ("create_page_access_user", json!({}), &["email", "external_login"]),
    ])
    .await;
}

#[tokio::test]
async fn many_subscribers_are_named_or_all_are_meant() {
    let many: Vec<String> = (0..101).map(|number| format!("s{number}")).collect();
    for tool in ["unsubscribe_subscribers", "reactivate_subscribers", "resend_confirmation_mails"] {
        each_is_refused(vec![
            (tool, json!({}), &["give `subscribers`, or `all`: true"]),
            (tool, json!({"subscribers": "all"}), &["`subscribers` was sent as text; send a JSON array"]),
            (tool, json!({"subscribers": []}), &["where all are meant, give `all`: true"]),
            (tool, json!({"subscribers": ["s"], "all": true}), &["exclude one another"]),
        ])
        .await;
    }
    // Statuspage bounds the list where people are unsubscribed, and nowhere else.
    each_is_refused(vec![("unsubscribe_subscribers", json!({"subscribers": many}), &["subscribers", "100"])]).await;
}

#[tokio::test]
async fn times_of_metrics_are_seconds_and_days_of_uptime_are_days() {
    let point = |timestamp: i64| json!({"metric_id": "m", "timestamp": timestamp, "value": 1});
    let uptime = |start: &str| json!({"component_id": "c", "start": start});
    each_is_refused(vec![
        ("add_metric_point", point(1_773_525_600_000), &["timestamp"]),
        ("add_metric_point", point(-1), &["timestamp"]),
        ("add_metric_points_in_bulk", json!({"points": {}}), &["points"]),
        ("add_metric_points_in_bulk", json!({"points": {"m": []}}), &["points"]),
        (
            "add_metric_points_in_bulk",
            json!({"points": {"m": [{"timestamp": 1, "value": 1, "unit": "ms"}]}}),
            &["points"],
        ),
        ("get_component_uptime", uptime("2026-02-30"), &["`start` is not a day, month or year that exists"]),
        ("get_component_uptime", uptime("1969"), &["`start` must be a year, a month or a day"]),
        ("get_component_uptime", uptime("2026-13"), &["start"]),
        ("get_component_uptime", uptime("2026-3"), &["start"]),
        ("get_component_uptime", uptime("2026-03-14T00:00:00Z"), &["start"]),
    ])
    .await;
}

#[tokio::test]
async fn what_belongs_together_is_given_together() {
    each_is_refused(vec![
        (
            "publish_postmortem",
            json!({"incident_id": "i", "custom_tweet": "Read on."}),
            &["custom_tweet", "notify_twitter"],
        ),
        ("create_metric_provider", json!({"type": "Datadog", "api_key": "k"}), &["metric_base_uri"]),
        ("create_metric_provider", json!({"type": "Librato", "email": "a@example.com"}), &["api_token"]),
        ("create_metric_provider", json!({"type": "Pingdom", "application_key": "k"}), &["api_token"]),
        ("create_metric_provider", json!({"type": "Nagios"}), &["type", "Datadog"]),
        ("create_component_group", json!({"name": "x"}), &["components"]),
        ("create_component_group", json!({"name": "x", "components": []}), &["components"]),
        ("create_incident_template", json!({"name": "x", "title": "y"}), &["body"]),
        ("list_subscribers", json!({"sort_field": "relevance"}), &["q"]),
    ])
    .await;
}

/// An empty list or map is seldom what was meant, and what it does is said by an argument of its own.
#[tokio::test]
async fn nothing_is_emptied_by_an_empty_list_or_map() {
    let user = |fields: Value| {
        let mut fields = fields;
        fields["page_access_user_id"] = json!("u");
        fields
    };
    let group = |fields: Value| {
        let mut fields = fields;
        fields["page_access_group_id"] = json!("g");
        fields
    };
    each_is_refused(vec![
        ("replace_page_access_user_components", user(json!({"component_ids": []})), &["`no_components`: true"]),
        ("replace_page_access_user_components", user(json!({})), &["`component_ids`", "`no_components`: true"]),
        ("replace_page_access_user_metrics", user(json!({"metric_ids": []})), &["`no_metrics`: true"]),
        ("update_page_access_user", user(json!({"page_access_group_ids": []})), &["`no_page_access_groups`: true"]),
        ("replace_page_access_group_components", group(json!({"component_ids": []})), &["`no_components`: true"]),
        ("update_page_access_group", group(json!({"metric_ids": []})), &["`no_metrics`: true"]),
        ("update_page_access_group", group(json!({"no_metrics": true, "metric_ids": ["m"]})), &["exclude one another"]),
        ("update_page_access_group", group(json!({"no_metrics": false})), &["give at least one of"]),
        ("update_subscriber", json!({"subscriber_id": "s"}), &["`component_ids`", "`everything`: true"]),
        ("update_subscriber", json!({"subscriber_id": "s", "component_ids": []}), &["`everything`: true"]),
        ("create_incident", json!({"name": "x", "components": {}}), &["`components` must not be empty"]),
        ("update_incident", json!({"incident_id": "i", "component_ids": []}), &["`component_ids` must not be empty"]),
    ])
    .await;
}

#[tokio::test]
async fn forgetting_the_pages_of_a_person_revokes_nothing() {
    let (vendor, harness) = open_only(&["replace_user_permissions"]).await;
    for pages in [json!({}), json!({"p": {"admin": true}}), json!({"p": {"incident_manager": "yes"}})] {
        let arguments = json!({"organization_id": "o", "user_id": "u", "pages": pages});
        let error = harness.call("replace_user_permissions", arguments).await.unwrap_err();
        assert_eq!(error.code(), Some(DenialCode::InvalidArguments), "{error}");
        assert!(error.to_string().contains("pages"), "{error}");
    }
    let error =
        harness.call("replace_user_permissions", json!({"organization_id": "o", "user_id": "u"})).await.unwrap_err();
    assert!(error.to_string().contains("give `pages`, or `no_pages`: true where that is meant"), "{error}");
    assert_eq!(vendor.count(), 0);
}

#[tokio::test]
async fn an_identifier_cannot_leave_its_place_in_the_path() {
    let bad = ["", ".", "a/b", "%2e%2e", "a%2Fb", "a\\b", "..", "a\nb", "\u{0}", "a\r\nHost: elsewhere"];
    each_is_refused(
        bad.iter()
            .map(|bad| -> Refusal { ("get_component", json!({"component_id": bad}), &["component_id"]) })
            .collect(),
    )
    .await;
}
