//! The team and its rights.

use crate::check::{Field, Shape, TEXT};

/// `POST` of a team member.
pub(in super::super) const USER: Shape = Shape::Object(&[Field::required(
    "user",
    Shape::Object(&[
        Field::optional("email", TEXT),
        Field::optional("password", TEXT),
        Field::optional("first_name", TEXT),
        Field::optional("last_name", TEXT),
    ]),
)]);

const ROLES: Shape = Shape::Object(&[
    Field::optional("page_configuration", Shape::Flag),
    Field::optional("incident_manager", Shape::Flag),
    Field::optional("maintenance_manager", Shape::Flag),
]);

/// `PUT` of the rights. The facts call `pages` optional; a body without it would take every right away, which no
/// caller can mean.
pub(in super::super) const PERMISSIONS: Shape = Shape::Object(&[Field::required("pages", Shape::Map(&ROLES))]);
