//! Metrics, their data points, and their providers.

use super::INT;
use crate::check::{Field, Shape, TEXT};

const PROVIDER_TYPE: Shape = Shape::OneOf(&["Pingdom", "NewRelic", "Librato", "Datadog", "Self"]);

/// `POST` of a provider.
pub(in super::super) const NEW_PROVIDER: Shape = Shape::Object(&[Field::required(
    "metrics_provider",
    Shape::Object(&[
        Field::optional("type", PROVIDER_TYPE),
        Field::optional("email", TEXT),
        Field::optional("password", TEXT),
        Field::optional("api_key", TEXT),
        Field::optional("api_token", TEXT),
        Field::optional("application_key", TEXT),
        Field::optional("metric_base_uri", TEXT),
    ]),
)]);

/// `PATCH` of a provider.
pub(in super::super) const CHANGED_PROVIDER: Shape = Shape::Object(&[Field::required(
    "metrics_provider",
    Shape::Object(&[Field::optional("type", PROVIDER_TYPE), Field::optional("metric_base_uri", TEXT)]),
)]);

/// `POST` of a metric under its provider.
pub(in super::super) const NEW: Shape = Shape::Object(&[Field::required(
    "metric",
    Shape::Object(&[
        Field::optional("name", TEXT),
        Field::optional("metric_identifier", TEXT),
        Field::optional("application_id", TEXT),
        Field::optional("transform", Shape::OneOf(&["average", "count", "max", "min", "sum"])),
        Field::optional("suffix", TEXT),
        Field::optional("y_axis_min", INT),
        Field::optional("y_axis_max", INT),
        Field::optional("y_axis_hidden", Shape::Flag),
        Field::optional("display", Shape::Flag),
        Field::optional("decimal_places", INT),
        Field::optional("tooltip_description", TEXT),
    ]),
)]);

/// `PATCH` of a metric.
pub(in super::super) const CHANGED: Shape = Shape::Object(&[Field::required(
    "metric",
    Shape::Object(&[Field::optional("name", TEXT), Field::optional("metric_identifier", TEXT)]),
)]);

/// Seconds since the epoch, in 32 bits: milliseconds do not fit.
const POINT: Shape = Shape::Object(&[
    Field::required("timestamp", Shape::Whole(0, i32::MAX as i64)),
    Field::required("value", Shape::Number),
]);

/// `POST …/metrics/{id}/data`.
pub(in super::super) const DATA: Shape = Shape::Object(&[Field::required("data", POINT)]);

/// `POST …/metrics/data`: points by metric.
pub(in super::super) const BULK_DATA: Shape =
    Shape::Object(&[Field::required("data", Shape::Map(&Shape::List(1, usize::MAX, &POINT)))]);
