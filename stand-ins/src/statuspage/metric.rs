//! A metric of a page, and the points of its graph.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::fields::{flag, text};
use crate::moment::Moment;

#[derive(Clone)]
pub(super) struct Metric {
    pub(super) id: String,
    pub(super) provider: String,
    pub(super) name: String,
    pub(super) identifier: Option<String>,
    pub(super) shown: bool,
    pub(super) suffix: Option<String>,
    pub(super) tooltip: Option<String>,
    pub(super) decimals: i64,
    pub(super) axis: (Option<i64>, Option<i64>),
    pub(super) axis_hidden: bool,
    pub(super) created: Moment,
    pub(super) updated: Moment,
    /// Value by the second at which its bucket starts.
    pub(super) points: BTreeMap<i64, Value>,
}

/// Seconds that share one point of the graph.
const BUCKET: i64 = 30;

/// Seconds back to which points are taken.
const BACKFILL: i64 = 28 * 24 * 60 * 60;

impl Metric {
    pub(super) fn new(id: &str, provider: &str, fields: &Map<String, Value>, now: Moment) -> Self {
        let owned = |name: &str| text(fields, name).map(str::to_owned);
        let whole = |name: &str| fields.get(name).and_then(Value::as_i64);
        Self {
            id: id.to_owned(),
            provider: provider.to_owned(),
            name: owned("name").unwrap_or_default(),
            identifier: owned("metric_identifier"),
            shown: flag(fields, "display").unwrap_or(true),
            suffix: owned("suffix"),
            tooltip: owned("tooltip_description"),
            decimals: whole("decimal_places").unwrap_or(0),
            axis: (whole("y_axis_min"), whole("y_axis_max")),
            axis_hidden: flag(fields, "y_axis_hidden").unwrap_or(false),
            created: now,
            updated: now,
            points: BTreeMap::new(),
        }
    }

    /// Keeps a point, the last of its bucket, and gives it back with the bucket's start; `None` when it is too old.
    pub(super) fn add(&mut self, point: &Value, now: Moment) -> Option<Value> {
        let timestamp = point.get("timestamp").and_then(Value::as_i64)?;
        let value = point.get("value")?.clone();
        if timestamp < now.seconds().saturating_sub(BACKFILL) {
            return None;
        }
        let start = timestamp.saturating_sub(timestamp.rem_euclid(BUCKET));
        let kept = json!({"timestamp": start, "value": value});
        self.points.insert(start, value);
        Some(kept)
    }

    pub(super) fn to_json(&self) -> Value {
        let newest = self.points.keys().next_back();
        json!({
            "id": self.id,
            "metrics_provider_id": self.provider,
            "metric_identifier": self.identifier,
            "name": self.name,
            "display": self.shown,
            "tooltip_description": self.tooltip,
            "backfilled": true,
            "backfill_percentage": 100,
            "y_axis_min": self.axis.0,
            "y_axis_max": self.axis.1,
            "y_axis_hidden": self.axis_hidden,
            "suffix": self.suffix,
            "decimal_places": self.decimals,
            "most_recent_data_at": newest.map(|second| Moment::of_seconds(*second).to_string()),
            "last_fetched_at": null,
            "reference_name": null,
            "created_at": self.created.to_string(),
            "updated_at": self.updated.to_string(),
        })
    }
}
