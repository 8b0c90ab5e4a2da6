//! Components, their groups, and uptime.

use super::{COMPONENT_STATUS, IDS};
use crate::check::{Field, Param, Shape, TEXT};
use crate::moment::is_part_of_date;

/// `POST` and `PATCH` of a component.
pub(in super::super) const COMPONENT: Shape = Shape::Object(&[Field::required(
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

/// `POST` and `PATCH` of a group. The reference puts the description outside of the wrapper, and it counts inside.
pub(in super::super) const GROUP: Shape = Shape::Object(&[
    Field::required(
        "component_group",
        Shape::Object(&[
            Field::required("name", TEXT),
            Field::required("components", IDS),
            Field::optional("description", TEXT),
        ]),
    ),
    Field::optional("description", TEXT),
]);

const PARTIAL_DAY: Shape = Shape::Like("YYYY, YYYY-MM or YYYY-MM-DD, from 1970 on", is_part_of_date);

/// The uptime of a component or of a group.
pub(in super::super) const UPTIME: &[Param] = &[
    Param::once("skip_related_events", Shape::Flag),
    Param::once("start", PARTIAL_DAY),
    Param::once("end", PARTIAL_DAY),
];
