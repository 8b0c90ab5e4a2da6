//! Incidents, their updates, postmortems and templates.

use super::{COMPONENT_STATUS, IDS, INCIDENT_STATUS};
use crate::check::{Field, Param, Shape, TEXT};

macro_rules! incident_body {
    ($name:expr) => {
        Shape::Object(&[Field::required(
            "incident",
            Shape::Object(&[
                $name,
                Field::optional("body", Shape::Text(25_000)),
                Field::optional("status", INCIDENT_STATUS),
                Field::optional(
                    "impact_override",
                    Shape::OneOf(&["none", "maintenance", "minor", "major", "critical"]),
                ),
                Field::optional("component_ids", IDS),
                Field::optional("components", Shape::Map(&COMPONENT_STATUS)),
                Field::optional("deliver_notifications", Shape::Flag),
                Field::optional("scheduled_for", Shape::DateTime),
                Field::optional("scheduled_until", Shape::DateTime),
                Field::optional("scheduled_remind_prior", Shape::Flag),
                Field::optional("scheduled_auto_in_progress", Shape::Flag),
                Field::optional("scheduled_auto_completed", Shape::Flag),
                Field::optional("scheduled_auto_transition", Shape::Flag),
                Field::optional("auto_transition_deliver_notifications_at_start", Shape::Flag),
                Field::optional("auto_transition_deliver_notifications_at_end", Shape::Flag),
                Field::optional("auto_transition_to_maintenance_state", Shape::Flag),
                Field::optional("auto_transition_to_operational_state", Shape::Flag),
                Field::optional("auto_tweet_at_beginning", Shape::Flag),
                Field::optional("auto_tweet_on_completion", Shape::Flag),
                Field::optional("auto_tweet_on_creation", Shape::Flag),
                Field::optional("auto_tweet_one_hour_before", Shape::Flag),
                Field::optional("backfilled", Shape::Flag),
                Field::optional("backfill_date", Shape::DateTimeOrDay),
                Field::optional("metadata", Shape::Map(&Shape::AnyObject)),
                Field::optional("reminder_intervals", Shape::Nullable(&TEXT)),
            ]),
        )])
    };
}

/// `POST` of an incident: a name is required.
pub(in super::super) const NEW: Shape = incident_body!(Field::required("name", Shape::Text(255)));

/// `PATCH` of an incident.
pub(in super::super) const CHANGED: Shape = incident_body!(Field::optional("name", Shape::Text(255)));

/// The list of all incidents names its size `limit`.
pub(in super::super) const LIST: &[Param] = &[
    Param::once("q", TEXT),
    Param::once("page", Shape::Whole(1, i32::MAX as i64)),
    Param::once("limit", Shape::Whole(1, 100)),
];

/// `PATCH` of an update that was posted before.
pub(in super::super) const UPDATE: Shape = Shape::Object(&[Field::required(
    "incident_update",
    Shape::Object(&[
        Field::optional("body", Shape::Text(25_000)),
        Field::optional("display_at", Shape::DateTime),
        Field::optional("deliver_notifications", Shape::Flag),
        Field::optional("wants_twitter_update", Shape::Flag),
    ]),
)]);

/// `PUT` of a postmortem's draft.
pub(in super::super) const DRAFT: Shape =
    Shape::Object(&[Field::required("postmortem", Shape::Object(&[Field::required("body_draft", TEXT)]))]);

/// `PUT …/postmortem/publish`.
pub(in super::super) const PUBLICATION: Shape = Shape::Object(&[Field::required(
    "postmortem",
    Shape::Object(&[
        Field::optional("notify_subscribers", Shape::Flag),
        Field::optional("notify_twitter", Shape::Flag),
        Field::optional("custom_tweet", TEXT),
    ]),
)]);

/// `POST` of a template.
pub(in super::super) const TEMPLATE: Shape = Shape::Object(&[Field::required(
    "template",
    Shape::Object(&[
        Field::required("name", TEXT),
        Field::required("title", TEXT),
        Field::required("body", TEXT),
        Field::optional("group_id", TEXT),
        Field::optional("update_status", INCIDENT_STATUS),
        Field::optional("should_send_notifications", Shape::Flag),
        Field::optional("should_tweet", Shape::Flag),
        Field::optional("component_ids", IDS),
    ]),
)]);
