//! Bodies and parameters of the Opsgenie operations that are played.

use crate::check::{Field, Param, Shape, TEXT};

const IDENTIFIER_TYPE: Shape = Shape::OneOf(&["id", "alias", "tiny"]);
const NAME_OR_ID: Shape = Shape::OneOf(&["id", "name"]);
const ORDER: Shape = Shape::OneOf(&["asc", "desc"]);

const RESPONDER: Shape = Shape::Either(&[
    Shape::Object(&[
        Field::required("type", Shape::OneOf(&["team", "group", "schedule", "escalation"])),
        Field::optional("id", TEXT),
        Field::optional("name", TEXT),
    ]),
    Shape::Object(&[
        Field::required("type", Shape::OneOf(&["user"])),
        Field::optional("id", TEXT),
        Field::optional("username", TEXT),
    ]),
    Shape::Object(&[Field::required("type", Shape::OneOf(&["none", "all"])), Field::optional("id", TEXT)]),
]);

/// `POST /v2/alerts`.
pub(super) const NEW_ALERT: Shape = Shape::Object(&[
    Field::required("message", Shape::Text(130)),
    Field::optional("alias", Shape::Text(512)),
    Field::optional("description", Shape::Text(15_000)),
    Field::optional("responders", Shape::List(0, 50, &RESPONDER)),
    Field::optional("visibleTo", Shape::List(0, 50, &RESPONDER)),
    Field::optional("actions", Shape::List(0, 10, &TEXT)),
    Field::optional("tags", Shape::List(0, 20, &Shape::Text(50))),
    Field::optional("details", Shape::Map(&TEXT)),
    Field::optional("entity", Shape::Text(512)),
    Field::optional("priority", Shape::OneOf(&["P1", "P2", "P3", "P4", "P5"])),
    Field::optional("note", Shape::Text(25_000)),
    Field::optional("source", Shape::Text(100)),
    Field::optional("user", Shape::Text(100)),
]);

/// The most characters that all names and values of `details` may have together.
pub(super) const DETAILS_MOST: usize = 8000;

/// Acknowledging and closing; the body may be left out.
pub(super) const ACTION: Shape = Shape::Object(&[
    Field::optional("note", Shape::Text(25_000)),
    Field::optional("source", Shape::Text(100)),
    Field::optional("user", Shape::Text(100)),
]);

/// Adding a note.
pub(super) const NOTE: Shape = Shape::Object(&[
    Field::required("note", Shape::Text(25_000)),
    Field::optional("source", Shape::Text(100)),
    Field::optional("user", Shape::Text(100)),
]);

/// How an alert is named in its path.
pub(super) const ONE_ALERT: &[Param] = &[Param::once("identifierType", IDENTIFIER_TYPE)];

/// Attachments spell the same parameter differently.
pub(super) const ATTACHMENTS: &[Param] = &[Param::once("alertIdentifierType", IDENTIFIER_TYPE)];

/// The list of alerts.
pub(super) const ALERT_LIST: &[Param] = &[
    Param::once("query", TEXT),
    Param::once("searchIdentifier", TEXT),
    Param::once("searchIdentifierType", NAME_OR_ID),
    Param::once("offset", Shape::Whole(0, i32::MAX as i64)),
    Param::once("limit", Shape::Whole(1, 100)),
    Param::once(
        "sort",
        Shape::OneOf(&[
            "createdAt",
            "updatedAt",
            "tinyId",
            "alias",
            "message",
            "status",
            "acknowledged",
            "isSeen",
            "snoozed",
            "snoozedUntil",
            "count",
            "lastOccurredAt",
            "source",
            "owner",
            "integration.name",
            "integration.type",
            "report.ackTime",
            "report.closeTime",
            "report.acknowledgedBy",
            "report.closedBy",
        ]),
    ),
    Param::once("order", ORDER),
];

/// The count of alerts.
pub(super) const ALERT_COUNT: &[Param] = &[
    Param::once("query", TEXT),
    Param::once("searchIdentifier", TEXT),
    Param::once("searchIdentifierType", NAME_OR_ID),
];

/// The list of users.
pub(super) const USER_LIST: &[Param] = &[
    Param::once("limit", Shape::Whole(1, i32::MAX as i64)),
    Param::once("offset", Shape::Whole(0, i32::MAX as i64)),
    Param::once("sort", TEXT),
    Param::once("sortField", TEXT),
    Param::once("order", ORDER),
    Param::once("query", TEXT),
];

/// The list of schedules: `expand` is a comma list.
pub(super) const SCHEDULE_LIST: &[Param] = &[Param::once("expand", Shape::List(1, 1, &Shape::OneOf(&["rotation"])))];

/// One schedule.
pub(super) const ONE_SCHEDULE: &[Param] = &[Param::once("identifierType", NAME_OR_ID)];

/// Who is on call everywhere.
pub(super) const ON_CALL_LIST: &[Param] = &[Param::once("flat", Shape::Flag), Param::once("date", Shape::DateTime)];

/// Who is on call for one schedule.
pub(super) const ON_CALLS: &[Param] = &[
    Param::once("scheduleIdentifierType", NAME_OR_ID),
    Param::once("flat", Shape::Flag),
    Param::once("date", Shape::DateTime),
];
