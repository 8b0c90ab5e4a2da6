//! Who may see an audience-specific page.

use super::IDS;
use crate::check::{Field, Param, Shape, TEXT};

/// The form of `POST …/components/{id}/page_access_users`: arrays carry the suffix `[]`.
pub(in super::super) const COMPONENT_USERS: &[Param] = &[Param::many("page_access_user_ids[]", TEXT)];

/// `POST …/components/{id}/page_access_groups` takes JSON, unlike its twin for users.
pub(in super::super) const COMPONENT_GROUPS: Shape = Shape::Object(&[Field::required("page_access_group_ids", IDS)]);

/// The list of page access users.
pub(in super::super) const USER_LIST: &[Param] = &[
    Param::once("email", TEXT),
    Param::once("page", Shape::Whole(1, i32::MAX as i64)),
    Param::once("per_page", Shape::Whole(1, 100)),
];

/// `POST` of a page access user.
pub(in super::super) const NEW_USER: Shape = Shape::Object(&[Field::required(
    "page_access_user",
    Shape::Object(&[
        Field::optional("external_login", TEXT),
        Field::optional("email", TEXT),
        Field::optional("page_access_group_ids", IDS),
        Field::optional("subscribe_to_components", Shape::Flag),
    ]),
)]);

/// `PATCH` of a page access user.
pub(in super::super) const CHANGED_USER: Shape = Shape::Object(&[Field::required(
    "page_access_user",
    Shape::Object(&[
        Field::optional("external_login", TEXT),
        Field::optional("email", TEXT),
        Field::optional("page_access_group_ids", IDS),
    ]),
)]);

/// `POST` and `PATCH` of a page access group.
pub(in super::super) const GROUP: Shape = Shape::Object(&[Field::required(
    "page_access_group",
    Shape::Object(&[
        Field::optional("name", TEXT),
        Field::optional("external_identifier", TEXT),
        Field::optional("component_ids", IDS),
        Field::optional("metric_ids", IDS),
        Field::optional("page_access_user_ids", IDS),
    ]),
)]);

/// A list of components; left out of a `DELETE`, all are meant.
pub(in super::super) const COMPONENTS: Shape = Shape::Object(&[Field::required("component_ids", IDS)]);
pub(in super::super) const OPTIONAL_COMPONENTS: Shape = Shape::Object(&[Field::optional("component_ids", IDS)]);

/// A list of metrics; left out of a `DELETE`, all are meant.
pub(in super::super) const METRICS: Shape = Shape::Object(&[Field::required("metric_ids", IDS)]);
pub(in super::super) const OPTIONAL_METRICS: Shape = Shape::Object(&[Field::optional("metric_ids", IDS)]);
