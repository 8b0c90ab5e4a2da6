//! Bodies and parameters of the Statuspage operations that are played.

use crate::check::{Field, Param, Shape, TEXT};

const COMPONENT_STATUS: Shape = Shape::OneOf(&[
    "operational",
    "under_maintenance",
    "degraded_performance",
    "partial_outage",
    "major_outage",
    "",
]);

const INCIDENT_STATUS: Shape = Shape::OneOf(&[
    "investigating",
    "identified",
    "monitoring",
    "resolved",
    "scheduled",
    "in_progress",
    "verifying",
    "completed",
]);

/// `POST` and `PATCH` of a component.
pub(super) const COMPONENT: Shape = Shape::Object(&[Field::required(
    "component",
    Shape::Object(&[
        Field::optional("name", TEXT),
        Field::optional("description", TEXT),
        Field::optional("status", COMPONENT_STATUS),
        Field::optional("group_id", Shape::Nullable(&TEXT)),
        Field::optional("only_show_if_degraded", Shape::Flag),
        Field::optional("showcase", Shape::Flag),
        Field::optional("start_date", Shape::Day),
    ]),
)]);

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
                Field::optional("component_ids", Shape::List(0, usize::MAX, &TEXT)),
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
pub(super) const NEW_INCIDENT: Shape = incident_body!(Field::required("name", Shape::Text(255)));

/// `PATCH` of an incident.
pub(super) const CHANGED_INCIDENT: Shape = incident_body!(Field::optional("name", Shape::Text(255)));

/// Lists that count pages from 1 and name their size `per_page`.
pub(super) const PAGED: &[Param] = &[
    Param::once("page", Shape::Whole(1, i32::MAX as i64)),
    Param::once("per_page", Shape::Whole(1, 100)),
];

/// The list of all incidents names its size `limit`.
pub(super) const INCIDENT_LIST: &[Param] = &[
    Param::once("q", TEXT),
    Param::once("page", Shape::Whole(1, i32::MAX as i64)),
    Param::once("limit", Shape::Whole(1, 100)),
];

const SUBSCRIBER_TYPE: Shape =
    Shape::OneOf(&["email", "sms", "webhook", "slack", "teams", "integration_partner"]);
const SUBSCRIBER_STATE: Shape = Shape::OneOf(&["active", "unconfirmed", "quarantined", "all"]);

/// The list of subscribers counts pages from 0.
pub(super) const SUBSCRIBER_LIST: &[Param] = &[
    Param::once("q", TEXT),
    Param::once("type", SUBSCRIBER_TYPE),
    Param::once("state", SUBSCRIBER_STATE),
    Param::once("limit", Shape::Whole(1, 100)),
    Param::once("page", Shape::Whole(0, i32::MAX as i64)),
    Param::once(
        "sort_field",
        Shape::OneOf(&["primary", "created_at", "quarantined_at", "relevance"]),
    ),
    Param::once("sort_direction", Shape::OneOf(&["asc", "desc"])),
];

/// The count of subscribers.
pub(super) const SUBSCRIBER_COUNT: &[Param] = &[
    Param::once("type", SUBSCRIBER_TYPE),
    Param::once("state", SUBSCRIBER_STATE),
];

/// The form of `POST …/components/{id}/page_access_users`: arrays carry the suffix `[]`.
pub(super) const ACCESS_USERS: &[Param] = &[Param::many("page_access_user_ids[]", TEXT)];
