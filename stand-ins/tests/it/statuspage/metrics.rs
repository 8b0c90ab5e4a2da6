//! Metrics and their data points.

use serde_json::{Value, json};
use stand_ins::StatuspageStandIn as StandIn;

use super::{at, id_of, started};

/// The second at which the newest seeded point starts.
fn newest(vendor: &StandIn) -> i64 {
    vendor.metric_points(StandIn::SELF_METRIC).last().unwrap().0
}

#[tokio::test]
async fn a_metric_lives_from_create_to_delete() {
    let (vendor, caller) = started().await;
    assert_eq!(caller.get(&at("metrics")).await.column("", "id").len(), 3);
    let of_provider = at(&format!("metrics_providers/{}/metrics", StandIn::SELF_PROVIDER));
    let body = json!({"metric": {"name": "Queue length", "suffix": "messages", "decimal_places": 1, "display": false,
        "y_axis_min": 0, "y_axis_max": 500, "y_axis_hidden": true, "transform": "max", "tooltip_description": "Waiting"}});
    let made = caller.send("POST", &of_provider, &body).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!((&made["display"], &made["y_axis_max"]), (&json!(false), &json!(500)));
    assert_eq!(made["most_recent_data_at"], Value::Null);
    let one = at(&format!("metrics/{}", id_of(&made)));
    assert_eq!(caller.get(&one).await.json(), made);
    assert_eq!(caller.get(&format!("{of_provider}?page=2&per_page=2")).await.column("", "name"), ["Queue length"]);

    let changed = caller.send("PATCH", &one, &json!({"metric": {"name": "Backlog", "metric_identifier": "q"}})).await;
    assert_eq!((changed.status, &changed.json()["name"]), (200, &json!("Backlog")));
    assert_eq!((caller.delete(&one).await.status, caller.get(&one).await.status), (200, 404));
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(caller.send("PATCH", &one, &json!({"metric": {"suffix": "s"}})).await.status, 422);
    assert_eq!(vendor.violations().len(), 1, "most members cannot be changed later");
}

#[tokio::test]
async fn a_metric_needs_what_its_provider_needs() {
    let (vendor, caller) = started().await;
    let path = |provider: &str| at(&format!("metrics_providers/{provider}/metrics"));
    for (provider, metric) in [
        (StandIn::SELF_PROVIDER, json!({})),
        (StandIn::SELF_PROVIDER, json!({"name": "x", "y_axis_min": 5, "y_axis_max": 5})),
        (StandIn::DATADOG_PROVIDER, json!({"name": "x"})),
    ] {
        let refused = caller.send("POST", &path(provider), &json!({"metric": metric})).await;
        assert_eq!(refused.status, 422, "{metric}");
    }
    let unknown = caller.send("POST", &path("nowhere"), &json!({"metric": {"name": "x"}})).await;
    assert_eq!(unknown.status, 404);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    let median = json!({"metric": {"name": "x", "transform": "median"}});
    assert_eq!(caller.send("POST", &path(StandIn::SELF_PROVIDER), &median).await.status, 422);
    let fraction = json!({"metric": {"name": "x", "y_axis_max": 1.5}});
    assert_eq!(caller.send("POST", &path(StandIn::SELF_PROVIDER), &fraction).await.status, 422);
    assert_eq!(vendor.violations().len(), 2);
}

#[tokio::test]
async fn a_point_is_put_into_its_half_minute_and_the_last_one_wins() {
    let (vendor, caller) = started().await;
    let path = at(&format!("metrics/{}/data", StandIn::SELF_METRIC));
    let start = newest(&vendor) + 60;
    for (timestamp, value) in [(start + 1, json!(7)), (start + 29, json!(8.5))] {
        let body = json!({"data": {"timestamp": timestamp, "value": value}});
        let added = caller.send("POST", &path, &body).await;
        assert_eq!(added.status, 201);
        assert_eq!(added.json(), json!({"data": {"timestamp": start, "value": value}}));
    }
    let points = vendor.metric_points(StandIn::SELF_METRIC);
    assert_eq!((points.len(), points.last()), (4, Some(&(start, 8.5))));
    let metric = caller.get(&at(&format!("metrics/{}", StandIn::SELF_METRIC))).await.json();
    assert!(metric["most_recent_data_at"].is_string());

    let emptied = caller.delete(&path).await;
    assert_eq!((emptied.status, &emptied.json()["most_recent_data_at"]), (200, &Value::Null));
    assert!(vendor.metric_points(StandIn::SELF_METRIC).is_empty());
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn points_of_several_metrics_are_taken_together_or_not_at_all() {
    let (vendor, caller) = started().await;
    let path = at("metrics/data");
    let now = newest(&vendor);
    let body = json!({"data": {
        StandIn::SELF_METRIC: [{"timestamp": now + 60, "value": 1}, {"timestamp": now + 90, "value": 2}],
        "mt2trackfeed": [{"timestamp": now + 60, "value": 3}],
    }});
    let accepted = caller.send("POST", &path, &body).await;
    assert_eq!((accepted.status, accepted.json()), (202, body["data"].clone()));
    assert_eq!(vendor.metric_points(StandIn::SELF_METRIC).len(), 5);

    let month_ago = now - 29 * 24 * 60 * 60;
    let body = json!({"data": {
        StandIn::SELF_METRIC: [{"timestamp": now + 120, "value": 1}],
        "mt2trackfeed": [{"timestamp": month_ago, "value": 3}],
    }});
    assert_eq!(caller.send("POST", &path, &body).await.status, 422);
    assert_eq!(vendor.metric_points(StandIn::SELF_METRIC).len(), 5);
    assert_eq!(caller.send("POST", &path, &json!({"data": {}})).await.status, 422);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn data_for_another_provider_than_self_is_refused_with_405() {
    let (vendor, caller) = started().await;
    let point = json!({"timestamp": newest(&vendor), "value": 1});
    let path = at(&format!("metrics/{}/data", StandIn::DATADOG_METRIC));
    assert_eq!(caller.send("POST", &path, &json!({"data": point})).await.status, 405);
    let bulk = json!({"data": {StandIn::DATADOG_METRIC: [point]}});
    assert_eq!(caller.send("POST", &at("metrics/data"), &bulk).await.status, 405);
    assert!(vendor.metric_points(StandIn::DATADOG_METRIC).is_empty());
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn milliseconds_and_texts_are_no_point() {
    let (vendor, caller) = started().await;
    let path = at(&format!("metrics/{}/data", StandIn::SELF_METRIC));
    let now = newest(&vendor);
    for (at, data) in [
        json!({"timestamp": now * 1000, "value": 1}),
        json!({"timestamp": now, "value": "1"}),
        json!({"timestamp": now.to_string(), "value": 1}),
        json!({"value": 1}),
        json!([{"timestamp": now, "value": 1}]),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(caller.send("POST", &path, &json!({"data": data})).await.status, 422, "{data}");
        assert_eq!(vendor.violations().len(), at + 1, "{data}");
    }
    let empty = json!({"data": {StandIn::SELF_METRIC: []}});
    assert_eq!(caller.send("POST", &at("metrics/data"), &empty).await.status, 422);
    assert_eq!(vendor.violations().len(), 6);
    assert_eq!(vendor.metric_points(StandIn::SELF_METRIC).len(), 3);
}
