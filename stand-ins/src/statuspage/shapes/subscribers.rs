//! Subscribers of pages and of single incidents.

use super::SOME_IDS;
use crate::check::{Field, Param, Shape, TEXT};

const TYPE: Shape = Shape::OneOf(&["email", "sms", "webhook", "slack", "teams", "integration_partner"]);
const STATE: Shape = Shape::OneOf(&["active", "unconfirmed", "quarantined", "all"]);

/// The list of subscribers counts pages from 0.
pub(in super::super) const LIST: &[Param] = &[
    Param::once("q", TEXT),
    Param::once("type", TYPE),
    Param::once("state", STATE),
    Param::once("limit", Shape::Whole(1, 100)),
    Param::once("page", Shape::Whole(0, i32::MAX as i64)),
    Param::once("sort_field", Shape::OneOf(&["primary", "created_at", "quarantined_at", "relevance"])),
    Param::once("sort_direction", Shape::OneOf(&["asc", "desc"])),
];

/// The count of subscribers.
pub(in super::super) const COUNT: &[Param] = &[Param::once("type", TYPE), Param::once("state", STATE)];

/// `POST` of a page's subscriber.
pub(in super::super) const NEW: Shape = Shape::Object(&[Field::required(
    "subscriber",
    Shape::Object(&[
        Field::optional("email", TEXT),
        Field::optional("endpoint", TEXT),
        Field::optional("phone_country", TEXT),
        Field::optional("phone_number", TEXT),
        Field::optional("skip_confirmation_notification", Shape::Flag),
        Field::optional("page_access_user", TEXT),
        Field::optional("component_ids", SOME_IDS),
    ]),
)]);

/// `POST` of an incident's subscriber.
pub(in super::super) const NEW_OF_INCIDENT: Shape = Shape::Object(&[Field::required(
    "subscriber",
    Shape::Object(&[
        Field::optional("email", TEXT),
        Field::optional("phone_country", TEXT),
        Field::optional("phone_number", TEXT),
        Field::optional("skip_confirmation_notification", Shape::Flag),
    ]),
)]);

/// `PATCH` of a page's subscriber has no wrapper.
pub(in super::super) const CHANGED: Shape = Shape::Object(&[Field::optional("component_ids", SOME_IDS)]);

/// `DELETE` of a page's subscriber.
pub(in super::super) const END: &[Param] = &[Param::once("skip_unsubscription_notification", Shape::Flag)];

/// Ids, or the word for every subscriber.
const MANY: Shape = Shape::Either(&[Shape::List(1, usize::MAX, &TEXT), Shape::OneOf(&["all"])]);

/// At most a hundred ids, or the word for every subscriber: the bound stands at this operation alone.
const UP_TO_A_HUNDRED: Shape = Shape::Either(&[Shape::List(1, 100, &TEXT), Shape::OneOf(&["all"])]);

/// `POST …/subscribers/unsubscribe`.
pub(in super::super) const UNSUBSCRIBE: Shape = Shape::Object(&[
    Field::required("subscribers", UP_TO_A_HUNDRED),
    Field::optional("type", TYPE),
    Field::optional("state", STATE),
    Field::optional("skip_unsubscription_notification", Shape::Flag),
]);

/// `POST …/subscribers/reactivate`; of all types, this operation does not know `teams`.
pub(in super::super) const REACTIVATE: Shape = Shape::Object(&[
    Field::required("subscribers", MANY),
    Field::optional("type", Shape::OneOf(&["email", "sms", "slack", "webhook", "integration_partner"])),
]);

/// `POST …/subscribers/resend_confirmation`.
pub(in super::super) const RESEND: Shape = Shape::Object(&[Field::required("subscribers", MANY)]);
