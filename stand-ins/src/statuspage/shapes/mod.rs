//! Bodies and parameters of the operations, written by hand from the documented facts of the API.

pub(super) mod access;
pub(super) mod components;
pub(super) mod incidents;
pub(super) mod metrics;
pub(super) mod organization;
pub(super) mod pages;
pub(super) mod subscribers;

use crate::check::{Param, Shape, TEXT};

pub(super) const COMPONENT_STATUS: Shape =
    Shape::OneOf(&["operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage", ""]);

pub(super) const INCIDENT_STATUS: Shape = Shape::OneOf(&[
    "investigating",
    "identified",
    "monitoring",
    "resolved",
    "scheduled",
    "in_progress",
    "verifying",
    "completed",
]);

/// Any number of ids.
pub(super) const IDS: Shape = Shape::List(0, usize::MAX, &TEXT);

/// At least one id.
pub(super) const SOME_IDS: Shape = Shape::List(1, usize::MAX, &TEXT);

/// A 32-bit whole number.
pub(super) const INT: Shape = Shape::Whole(i32::MIN as i64, i32::MAX as i64);

/// Lists that count pages from 1 and name their size `per_page`.
pub(super) const PAGED: &[Param] =
    &[Param::once("page", Shape::Whole(1, i32::MAX as i64)), Param::once("per_page", Shape::Whole(1, 100))];
