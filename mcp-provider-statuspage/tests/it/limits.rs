//! Limits of the vendor that are held here, at both of their ends, with the field named. Nothing is sent: previews go through
//! the same checks as calls.

use std::sync::Arc;

use mcp_govern_conformance::Harness;
use mcp_govern_core::{ManualClock, Timestamp};
use mcp_provider_statuspage::builder;
use serde_json::{Value, json};

use crate::setup::{PAGE, credential, spec};

/// 2026-11-21T10:00:00Z in seconds.
const NOW: i64 = 1_795_255_200;
const DAY: i64 = 24 * 60 * 60;

struct Limits(Harness);

impl Limits {
    async fn of(tools: &[&str]) -> Self {
        let clock = ManualClock::new(Timestamp::from_millis(NOW * 1000));
        let provider = builder().clock(Arc::new(clock)).build().unwrap();
        let spec = spec("https://api.example.com/v1".parse().unwrap());
        let harness = Harness::builder(provider, spec).with_credential(credential("a-key-that-is-not-used"));
        Self(harness.with_only(tools.iter().copied()).open().await.unwrap())
    }

    fn look(&self, tool: &str, arguments: &Value) -> Result<(), String> {
        let mut arguments = arguments.clone();
        arguments["page_id"] = json!(PAGE);
        let preview = self.0.governor().preview(self.0.person(), self.0.request(tool, arguments));
        preview.map(drop).map_err(|error| error.to_string())
    }

    fn accepts(&self, tool: &str, arguments: impl IntoIterator<Item = Value>) {
        for arguments in arguments {
            assert_eq!(self.look(tool, &arguments), Ok(()), "`{tool}` {arguments}");
        }
    }

    fn refuses(&self, tool: &str, words: &[&str], arguments: impl IntoIterator<Item = Value>) {
        for arguments in arguments {
            let Err(text) = self.look(tool, &arguments) else { panic!("`{tool}` takes {arguments}") };
            for word in words {
                assert!(text.contains(word), "`{tool}` {arguments}: `{word}` is missing in `{text}`");
            }
        }
    }
}

#[tokio::test]
async fn a_name_has_255_characters_and_a_text_25000() {
    let limits = Limits::of(&["create_incident", "update_incident", "edit_incident_update"]).await;
    let text = |character: &str, count: usize| json!(character.repeat(count));
    limits
        .accepts("create_incident", [json!({"name": text("é", 255)}), json!({"name": "x", "body": text("€", 25_000)})]);
    limits.refuses("create_incident", &["`name`", "255"], [json!({"name": text("é", 256)})]);
    limits.refuses("create_incident", &["`body`", "25000"], [json!({"name": "x", "body": text("x", 25_001)})]);
    limits.refuses("update_incident", &["`body`", "25000"], [json!({"incident_id": "i", "body": text("x", 25_001)})]);
    let edit = |count| json!({"incident_id": "i", "incident_update_id": "u", "body": text("x", count)});
    limits.accepts("edit_incident_update", [edit(25_000)]);
    limits.refuses("edit_incident_update", &["`body`", "25000"], [edit(25_001)]);
}

#[tokio::test]
async fn a_hundred_subscribers_are_unsubscribed_in_one_call_and_more_are_asked_to_confirm() {
    let tools = ["unsubscribe_subscribers", "reactivate_subscribers", "resend_confirmation_mails"];
    let limits = Limits::of(&tools).await;
    let many = |count: usize| json!({"subscribers": (0..count).map(|at| format!("s{at}")).collect::<Vec<_>>()});
    for tool in tools {
        limits.accepts(tool, [many(100), json!({"all": true})]);
    }
    limits.refuses("unsubscribe_subscribers", &["`subscribers`", "100"], [many(101)]);
    limits.accepts("reactivate_subscribers", [many(101)]);
    limits.accepts("resend_confirmation_mails", [many(101)]);
}

#[tokio::test]
async fn points_of_a_metric_are_28_days_old_at_most() {
    let limits = Limits::of(&["add_metric_point", "add_metric_points_in_bulk"]).await;
    let one = |second: i64| json!({"metric_id": "m", "timestamp": second, "value": 1});
    limits.accepts("add_metric_point", [one(NOW), one(NOW - 28 * DAY), one(i64::from(i32::MAX))]);
    limits.refuses("add_metric_point", &["`timestamp`", "28 days"], [one(NOW - 28 * DAY - 1), one(0)]);
    limits.refuses("add_metric_point", &["`timestamp`"], [one(NOW * 1000), one(i64::from(i32::MAX) + 1)]);
    let point = |second: i64| json!({"timestamp": second, "value": 1.5});
    let many = |second: i64| json!({"points": {"a": [point(NOW)], "b": [point(NOW - DAY), point(second)]}});
    limits.accepts("add_metric_points_in_bulk", [many(NOW - 28 * DAY)]);
    limits.refuses("add_metric_points_in_bulk", &["`points`", "28 days"], [many(NOW - 28 * DAY - 1)]);
    limits.refuses("add_metric_points_in_bulk", &["`points"], [many(NOW * 1000)]);
}

#[tokio::test]
async fn uptime_spans_six_calendar_months_at_most() {
    for (tool, id) in [("get_component_uptime", "component_id"), ("get_component_group_uptime", "component_group_id")] {
        let limits = Limits::of(&[tool]).await;
        let range = |start: &str, end: &str| json!({id: "c", "start": start, "end": end});
        limits.accepts(
            tool,
            [
                json!({id: "c"}),
                range("2026-01-01", "2026-07-01"),
                range("2026-05", "2026-10"),
                range("2025-08-31", "2026-02-28"),
                json!({id: "c", "start": "2026-05-21"}),
                json!({id: "c", "end": "1999"}),
            ],
        );
        limits.refuses(
            tool,
            &["`start`", "`end`", "6 calendar months"],
            [
                range("2026-01-01", "2026-07-02"),
                range("2026-05", "2026-11"),
                range("2026", "2026"),
                json!({id: "c", "start": "2026-05-20"}),
            ],
        );
        limits.refuses(tool, &["`start`", "after `end`"], [range("2026-03-02", "2026-03-01")]);
        limits.refuses(tool, &["`start`", "future"], [json!({id: "c", "start": "2026-11-22"})]);
    }
}

#[tokio::test]
async fn reminders_grow_from_1_to_24_hours() {
    let limits = Limits::of(&["create_incident", "update_incident"]).await;
    let remind = |text: Value| json!({"name": "x", "reminder_intervals": text});
    let good = ["[]", "4", "[1]", "[1,5,7]", "[3, 6, 12, 24]"].map(|text| remind(json!(text)));
    limits.accepts("create_incident", good.into_iter().chain([remind(json!(null))]));
    limits.refuses(
        "create_incident",
        &["`reminder_intervals`", "grow"],
        ["[5,1]", "[2,2]", "[1, 3, 2]"].map(|t| remind(json!(t))),
    );
    let bad = ["0", "25", "[0]", "[1,25]", "[1,]", "1,2", "often", ""].map(|text| remind(json!(text)));
    limits.refuses("create_incident", &["`reminder_intervals`"], bad);
    limits.refuses(
        "update_incident",
        &["`reminder_intervals`", "grow"],
        [json!({"incident_id": "i", "reminder_intervals": "[5,1]"})],
    );
}

#[tokio::test]
async fn an_axis_ends_above_its_beginning() {
    let limits = Limits::of(&["create_metric"]).await;
    let axis =
        |from: Value, to: Value| json!({"metrics_provider_id": "p", "name": "x", "y_axis_min": from, "y_axis_max": to});
    limits.accepts("create_metric", [axis(json!(0), json!(1)), axis(json!(-5), json!(0))]);
    limits.refuses(
        "create_metric",
        &["`y_axis_min`", "`y_axis_max`"],
        [axis(json!(1), json!(1)), axis(json!(2), json!(1))],
    );
}

#[tokio::test]
async fn what_is_past_lies_in_the_past_and_what_is_planned_in_the_future() {
    let limits = Limits::of(&["create_incident", "edit_incident_update"]).await;
    let past = |day: &str| json!({"name": "x", "backfilled": true, "backfill_date": day});
    limits.accepts("create_incident", [past("2026-11-21"), past("2020-02-29")]);
    limits.refuses("create_incident", &["`backfill_date`", "future"], [past("2026-11-22")]);
    let shown = |time: &str| json!({"incident_id": "i", "incident_update_id": "u", "display_at": time});
    limits.accepts("edit_incident_update", [shown("2026-11-21T10:00:00Z")]);
    limits.refuses("edit_incident_update", &["`display_at`", "future"], [shown("2026-11-21T10:00:01Z")]);
    let window = |from: &str, to: &str| json!({"name": "x", "status": "scheduled", "scheduled_for": from, "scheduled_until": to});
    limits.accepts("create_incident", [window("2026-11-21T11:01:00+01:00", "2026-11-21T10:02:00Z")]);
    limits.refuses(
        "create_incident",
        &["`scheduled_for`", "future"],
        [window("2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z")],
    );
    limits.refuses(
        "create_incident",
        &["`scheduled_for`", "before `scheduled_until`"],
        [
            window("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
            window("2026-11-22T10:00:00Z", "2026-11-22T10:30:00+01:00"),
        ],
    );
}

#[tokio::test]
async fn metadata_holds_objects_alone() {
    let limits = Limits::of(&["create_incident"]).await;
    let with = |metadata: Value| json!({"name": "x", "metadata": metadata});
    limits.accepts("create_incident", [with(json!({"jira": {"issue": "OPS-12", "tags": [1, null]}, "x": {}}))]);
    limits.refuses(
        "create_incident",
        &["`metadata"],
        [
            with(json!({})),
            with(json!({"a": 1})),
            with(json!({"a": {}, "b": "x"})),
            with(json!({"a": []})),
            with(json!([])),
            with(json!("{}")),
        ],
    );
}

#[tokio::test]
async fn a_page_of_results_holds_1_to_100() {
    let tools = [("list_components", "per_page"), ("list_incidents", "limit"), ("list_subscribers", "limit")];
    let limits = Limits::of(&tools.map(|(tool, _)| tool)).await;
    for (tool, size) in tools {
        limits.accepts(tool, [json!({size: 1}), json!({size: 100})]);
        limits.refuses(tool, &[size], [json!({size: 0}), json!({size: 101}), json!({size: "ten"})]);
    }
    // Subscribers are counted from 0, all others from 1.
    limits.accepts("list_subscribers", [json!({"page": 0})]);
    limits.refuses("list_components", &["`page`"], [json!({"page": 0})]);
    limits.refuses("list_incidents", &["`page`"], [json!({"page": 0})]);
}
