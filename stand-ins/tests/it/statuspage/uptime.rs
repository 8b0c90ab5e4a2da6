//! The uptime of components and groups.

use serde_json::{Value, json};

use super::{at, components, started};

#[tokio::test]
async fn an_incident_costs_uptime_and_is_named_unless_skipped() {
    let (vendor, caller) = started().await;
    let path = format!("{}/c11gateway99/uptime", components());
    let answer = caller.get(&path).await;
    assert_eq!(answer.status, 200);
    let uptime = answer.json();
    assert_eq!((&uptime["id"], &uptime["name"]), (&json!("c11gateway99"), &json!("API gateway")));
    assert_eq!((&uptime["partial_outage"], &uptime["major_outage"]), (&json!(80 * 60), &json!(0)));
    let percentage = uptime["uptime_percentage"].as_f64().unwrap();
    assert!((99.0..100.0).contains(&percentage), "{percentage}");
    assert_eq!(uptime["related_events"], json!([{"id": "i1gatewaydwn"}]));
    assert_eq!(uptime["warnings"], Value::Null);

    let skipped = caller.get(&format!("{path}?skip_related_events=true")).await.json();
    assert_eq!(skipped.get("related_events"), None);
    let calm = caller.get(&format!("{}/c22reports00/uptime", components())).await.json();
    assert_eq!((&calm["uptime_percentage"], &calm["related_events"]), (&json!(100.0), &json!([])));
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_group_is_told_over_its_components() {
    let (vendor, caller) = started().await;
    let uptime = caller.get(&at("component-groups/gtr9d3f6h1ne/uptime")).await.json();
    assert_eq!(
        uptime["related_events"],
        json!([{"component_id": "c08webhooks6", "incidents": [{"id": "i2webhooksdl"}]}])
    );
    assert_eq!(uptime["partial_outage"], 55 * 60);
    assert_eq!(caller.get(&at("component-groups/c08webhooks6/uptime")).await.status, 404);
    assert_eq!(caller.get(&at("components/gtr9d3f6h1ne/uptime")).await.status, 404);
    let hide = json!({"component": {"showcase": false}});
    assert_eq!(caller.send("PATCH", &at("components/c11gateway99"), &hide).await.status, 200);
    assert_eq!(caller.get(&at("components/c11gateway99/uptime")).await.status, 422);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_range_may_be_given_in_days_months_and_years_up_to_six_months() {
    let (vendor, caller) = started().await;
    let path = format!("{}/c11gateway99/uptime", components());
    let months = caller.get(&format!("{path}?start=2024-01&end=2024-06")).await;
    assert_eq!(months.status, 200);
    assert_eq!(months.json()["range_start"], "2024-01-01T00:00:00.000Z");
    assert_eq!(months.json()["range_end"], "2024-07-01T00:00:00.000Z");
    let days = caller.get(&format!("{path}?start=2024-02-29&end=2024-03-01")).await;
    assert_eq!(days.status, 200);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    for (at, query) in [
        "start=2024",
        "start=2024&end=2024",
        "start=2024-06&end=2024-01",
        "start=1969-12-31&end=1970-01-02",
        "start=2024-13",
        "start=2024-3",
        "start=now",
        "skip_related_events=1",
        "from=2024-01",
    ]
    .into_iter()
    .enumerate()
    {
        let refused = caller.get(&format!("{path}?{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
        assert_eq!(vendor.violations().len(), at + 1, "{query}");
    }
}

#[tokio::test]
async fn an_end_that_is_still_to_come_is_moved_to_today_with_a_warning() {
    let (vendor, caller) = started().await;
    let path = format!("{}/c11gateway99/uptime", components());
    let usual = caller.get(&path).await.json();
    let after_today = usual["range_end"].as_str().unwrap();
    let (year, month): (u16, u16) = (after_today[..4].parse().unwrap(), after_today[5..7].parse().unwrap());
    let month_from_now = |by: u16| {
        let months = year * 12 + month - 1 + by;
        format!("{}-{:02}", months / 12, months % 12 + 1)
    };
    let future = format!("{path}?start={}&end={}", month_from_now(2), month_from_now(3));
    assert_eq!(caller.get(&future).await.status, 422);
    let start = &usual["range_start"].as_str().unwrap()[..7];
    let cut = caller.get(&format!("{path}?start={start}-28&end={}-01", month_from_now(2))).await;
    assert_eq!(cut.status, 200, "{}", cut.text);
    assert!(cut.json()["warnings"][0].is_string());
    assert_eq!(cut.json()["range_end"], after_today);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}
