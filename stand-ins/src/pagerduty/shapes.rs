//! Bodies and parameters of the PagerDuty operations that are played.

use crate::check::{Field, Param, Shape, TEXT};

macro_rules! reference {
    ($($kind:literal),+) => {
        Shape::Object(&[Field::required("id", TEXT), Field::required("type", Shape::OneOf(&[$($kind),+]))])
    };
}

const ASSIGNMENTS: Shape =
    Shape::List(0, usize::MAX, &Shape::Object(&[Field::optional("assignee", reference!("user_reference"))]));

const BRIDGE: Shape =
    Shape::Object(&[Field::optional("conference_number", TEXT), Field::optional("conference_url", TEXT)]);

const INCIDENT_TYPE: Shape = Shape::Object(&[Field::optional("name", TEXT)]);

const URGENCY: Shape = Shape::OneOf(&["high", "low"]);

/// A change may give the priority as an object or as its bare id.
const CHANGED_PRIORITY: Shape = Shape::Either(&[
    Shape::Object(&[
        Field::required("id", TEXT),
        Field::required("type", Shape::OneOf(&["priority", "priority_reference"])),
        Field::optional("name", TEXT),
    ]),
    TEXT,
]);

/// `POST /incidents`.
pub(super) const NEW_INCIDENT: Shape = Shape::Object(&[Field::required(
    "incident",
    Shape::Object(&[
        Field::required("type", Shape::OneOf(&["incident"])),
        Field::required("title", TEXT),
        Field::required("service", reference!("service_reference")),
        Field::optional("assignments", ASSIGNMENTS),
        Field::optional(
            "body",
            Shape::Object(&[
                Field::required("type", Shape::OneOf(&["incident_body"])),
                Field::optional("details", TEXT),
            ]),
        ),
        Field::optional("conference_bridge", BRIDGE),
        Field::optional("escalation_policy", reference!("escalation_policy_reference")),
        Field::optional("incident_key", TEXT),
        Field::optional("incident_type", INCIDENT_TYPE),
        Field::optional("priority", reference!("priority_reference")),
        Field::optional("urgency", URGENCY),
    ]),
)]);

macro_rules! changed_incident {
    ($($more:expr),*) => {
        Shape::Object(&[
            Field::required("type", Shape::OneOf(&["incident", "incident_reference"])),
            Field::optional("status", Shape::OneOf(&["resolved", "acknowledged", "triggered"])),
            Field::optional("title", TEXT),
            Field::optional("resolution", TEXT),
            Field::optional("urgency", URGENCY),
            Field::optional("priority", CHANGED_PRIORITY),
            Field::optional("escalation_level", Shape::Whole(1, i32::MAX as i64)),
            Field::optional("assignments", ASSIGNMENTS),
            Field::optional("escalation_policy", reference!("escalation_policy_reference")),
            Field::optional("conference_bridge", BRIDGE),
            Field::optional("incident_type", INCIDENT_TYPE),
            $($more),*
        ])
    };
}

/// `PUT /incidents/{id}`.
pub(super) const CHANGED_INCIDENT: Shape = Shape::Object(&[Field::required(
    "incident",
    changed_incident!(Field::optional("service", reference!("service_reference"))),
)]);

/// `PUT /incidents`; more than [`MANAGED_MOST`] are refused with a status of their own.
pub(super) const MANAGED_INCIDENTS: Shape = Shape::Object(&[Field::required(
    "incidents",
    Shape::List(1, usize::MAX, &changed_incident!(Field::required("id", TEXT))),
)]);

/// The most incidents that one request may change.
pub(super) const MANAGED_MOST: usize = 250;

const LIMIT: Param = Param::once("limit", Shape::Whole(1, 100));
const OFFSET: Param = Param::once("offset", Shape::Whole(0, i32::MAX as i64));
const TOTAL: Param = Param::once("total", Shape::Flag);

/// A list of names in brackets: repeated, never joined by commas.
const IDS: Shape = TEXT;

/// `GET /incidents`.
pub(super) const INCIDENT_LIST: &[Param] = &[
    LIMIT,
    OFFSET,
    TOTAL,
    Param::once("date_range", Shape::OneOf(&["all"])),
    Param::once("incident_key", TEXT),
    Param::many("service_ids[]", IDS),
    Param::many("team_ids[]", IDS),
    Param::many("user_ids[]", IDS),
    Param::many("priority_ids[]", IDS),
    Param::many("urgencies[]", URGENCY),
    Param::many("statuses[]", Shape::OneOf(&["triggered", "acknowledged", "resolved"])),
    Param::once("time_zone", TEXT),
    Param::once("sort_by", Shape::List(1, 2, &TEXT)),
    Param::many(
        "include[]",
        Shape::OneOf(&[
            "acknowledgers",
            "agents",
            "assignees",
            "conference_bridge",
            "escalation_policies",
            "first_trigger_log_entries",
            "priorities",
            "services",
            "teams",
            "users",
        ]),
    ),
    Param::once("since", Shape::DateTimeOrDay),
    Param::once("until", Shape::DateTimeOrDay),
];

/// `GET /incidents/{id}`.
pub(super) const ONE_INCIDENT: &[Param] = &[Param::many(
    "include[]",
    Shape::OneOf(&[
        "acknowledgers",
        "agents",
        "assignees",
        "conference_bridge",
        "custom_fields",
        "escalation_policies",
        "first_trigger_log_entries",
        "priorities",
        "services",
        "teams",
        "users",
    ]),
)];

/// The paging of `PUT /incidents`.
pub(super) const MANAGED_PAGING: &[Param] = &[LIMIT, OFFSET, TOTAL];

const SERVICE_INCLUDES: Shape =
    Shape::OneOf(&["escalation_policies", "teams", "integrations", "auto_pause_notifications_parameters"]);

/// `GET /services`.
pub(super) const SERVICE_LIST: &[Param] = &[
    LIMIT,
    OFFSET,
    TOTAL,
    Param::once("query", TEXT),
    Param::once("name", TEXT),
    Param::many("team_ids[]", IDS),
    Param::once("time_zone", TEXT),
    Param::once("sort_by", Shape::OneOf(&["name", "name:asc", "name:desc"])),
    Param::many("include[]", SERVICE_INCLUDES),
];

/// `GET /services/{id}`.
pub(super) const ONE_SERVICE: &[Param] = &[Param::many("include[]", SERVICE_INCLUDES)];

/// `GET /oncalls`.
pub(super) const ON_CALL_LIST: &[Param] = &[
    LIMIT,
    OFFSET,
    TOTAL,
    Param::once("time_zone", TEXT),
    Param::many("include[]", Shape::OneOf(&["escalation_policies", "users", "schedules"])),
    Param::many("user_ids[]", IDS),
    Param::many("escalation_policy_ids[]", IDS),
    Param::many("schedule_ids[]", IDS),
    Param::once("since", Shape::DateTime),
    Param::once("until", Shape::DateTime),
    Param::once("earliest", Shape::Flag),
];

/// `GET /users`.
pub(super) const USER_LIST: &[Param] = &[
    LIMIT,
    OFFSET,
    TOTAL,
    Param::once("query", TEXT),
    Param::many("team_ids[]", IDS),
    Param::many("include[]", Shape::OneOf(&["contact_methods", "notification_rules", "teams", "subdomains"])),
];

/// `GET /users/me`.
pub(super) const ME: &[Param] = &[Param::many(
    "include[]",
    Shape::OneOf(&["contact_methods", "notification_rules", "teams", "subdomains", "calendar_urls"]),
)];
