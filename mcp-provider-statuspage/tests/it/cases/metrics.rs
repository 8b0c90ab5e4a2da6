//! Metrics, their data, and where it comes from.

use std::time::{SystemTime, UNIX_EPOCH};

use mcp_govern_conformance::wire::Case;
use serde_json::{Value, json};
use stand_ins::StatuspageStandIn as StandIn;

use super::{of, of_page, page};

pub(super) fn metrics() -> Vec<Case> {
    let one = page(&format!("/metrics/{}", StandIn::SELF_METRIC));
    let of_metric = |fields: Value| of("metric_id", StandIn::SELF_METRIC, fields);
    let of_provider = |fields: Value| of("metrics_provider_id", StandIn::SELF_PROVIDER, fields);
    let provided = page(&format!("/metrics_providers/{}/metrics", StandIn::SELF_PROVIDER));
    let fields = json!({
        "name": "Depot search", "transform": "average", "suffix": "ms", "tooltip_description": "How long a search takes.",
        "display": false, "decimal_places": 1, "y_axis_min": 0, "y_axis_max": 500, "y_axis_hidden": false,
    });
    vec![
        Case::new("list_metrics", of_page(json!({})), "GET", page("/metrics?per_page=25")),
        Case::new("get_metric", of_metric(json!({})), "GET", one.clone()),
        Case::new("update_metric", of_metric(json!({"name": "Response time"})), "PATCH", one.clone())
            .json(json!({"metric": {"name": "Response time"}})),
        Case::new("delete_metric", of_metric(json!({})), "DELETE", one.clone()),
        Case::new("delete_metric_data", of_metric(json!({})), "DELETE", format!("{one}/data")),
        Case::new("list_provider_metrics", of_provider(json!({})), "GET", format!("{provided}?per_page=25")),
        Case::new("create_metric", of_provider(fields.clone()), "POST", provided).json(json!({"metric": fields})),
    ]
}

pub(super) fn points() -> Vec<Case> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let point = json!({"timestamp": now - 120, "value": 182.5});
    let points = json!({StandIn::SELF_METRIC: [point, {"timestamp": now - 60, "value": 190}], "mt2trackfeed": [point]});
    vec![
        Case::new(
            "add_metric_point",
            of("metric_id", StandIn::SELF_METRIC, point.clone()),
            "POST",
            page(&format!("/metrics/{}/data", StandIn::SELF_METRIC)),
        )
        .json(json!({"data": point})),
        Case::new("add_metric_points_in_bulk", of_page(json!({"points": points})), "POST", page("/metrics/data"))
            .json(json!({"data": points})),
    ]
}

pub(super) fn providers() -> Vec<Case> {
    let one = page(&format!("/metrics_providers/{}", StandIn::DATADOG_PROVIDER));
    let of = |fields: Value| of("metrics_provider_id", StandIn::DATADOG_PROVIDER, fields);
    let datadog = json!({
        "type": "Datadog", "api_key": "a-key", "application_key": "another", "metric_base_uri": "https://monitoring.example.com/api",
    });
    vec![
        Case::new("list_metric_providers", of_page(json!({})), "GET", page("/metrics_providers")),
        Case::new("create_metric_provider", of_page(json!({"type": "Self"})), "POST", page("/metrics_providers"))
            .json(json!({"metrics_provider": {"type": "Self"}})),
        Case::new("create_metric_provider", of_page(datadog.clone()), "POST", page("/metrics_providers"))
            .json(json!({"metrics_provider": datadog}))
            .masking(&["api_key", "application_key"]),
        Case::new("get_metric_provider", of(json!({})), "GET", one.clone()),
        Case::new(
            "update_metric_provider",
            of(json!({"metric_base_uri": "https://eu.example.com/api"})),
            "PATCH",
            one.clone(),
        )
        .json(json!({"metrics_provider": {"metric_base_uri": "https://eu.example.com/api"}})),
        Case::new("delete_metric_provider", of(json!({})), "DELETE", one),
    ]
}
