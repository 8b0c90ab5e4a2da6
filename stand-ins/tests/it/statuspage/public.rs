//! The keyless reads on a page's own host.

use serde_json::json;
use stand_ins::StatuspageStandIn;

use super::{PAGE, SECOND_PAGE, components, incidents, started};
use crate::client::{Caller, Reply};

/// A caller without a key, at the page's own host.
fn visitor(vendor: &StatuspageStandIn) -> Caller {
    Caller::new(&vendor.public_url(), "none").without("authorization")
}

async fn read(caller: &Caller, file: &str) -> Reply {
    caller.get(&format!("/api/v2/{file}.json")).await
}

#[tokio::test]
async fn the_summary_holds_what_the_single_reads_hold() {
    let (vendor, _) = started().await;
    let visitor = visitor(&vendor);
    let summary = read(&visitor, "summary").await;
    assert_eq!(summary.status, 200);
    let summary = summary.json();
    assert_eq!((&summary["page"]["id"], &summary["page"]["name"]), (&json!(PAGE), &json!("Harbourline")));
    assert_eq!(summary["status"], json!({"indicator": "major", "description": "Partial System Outage"}));
    assert_eq!(read(&visitor, "status").await.json(), json!({"page": summary["page"], "status": summary["status"]}));
    let all = read(&visitor, "components").await.json();
    assert_eq!(all["components"], summary["components"]);
    assert_eq!(all["components"].as_array().unwrap().len(), 25);
    assert_eq!(all["components"][0]["components"].as_array().unwrap().len(), 5);
    assert_eq!(all["components"][0].get("automation_email"), None);
    assert_eq!(read(&visitor, "incidents/unresolved").await.json()["incidents"], summary["incidents"]);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn each_list_holds_what_its_name_says() {
    let (vendor, _) = started().await;
    let visitor = visitor(&vendor);
    let expected: [(&str, &str, &[&str]); 5] = [
        ("incidents", "/incidents", &["identified", "monitoring", "resolved", "resolved"]),
        ("incidents/unresolved", "/incidents", &["identified", "monitoring"]),
        ("scheduled-maintenances", "/scheduled_maintenances", &["in_progress", "scheduled", "completed"]),
        ("scheduled-maintenances/upcoming", "/scheduled_maintenances", &["scheduled"]),
        ("scheduled-maintenances/active", "/scheduled_maintenances", &["in_progress"]),
    ];
    for (file, list, statuses) in expected {
        assert_eq!(read(&visitor, file).await.column(list, "status"), statuses, "{file}");
    }
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn what_the_manage_api_changes_is_seen_by_everybody() {
    let (vendor, caller) = started().await;
    let visitor = visitor(&vendor);
    let body = json!({"incident": {"name": "Portal is down", "deliver_notifications": false,
        "components": {"c03bookportl": "major_outage"}}});
    assert_eq!(caller.send("POST", &incidents(), &body).await.status, 201);
    let summary = read(&visitor, "summary").await.json();
    assert_eq!(summary["status"]["indicator"], "critical");
    assert_eq!(summary["incidents"][0]["name"], "Portal is down");
    assert_eq!(summary["incidents"][0]["components"][0]["id"], "c03bookportl");
    let body = json!({"component": {"name": "New portal"}});
    assert_eq!(caller.send("PATCH", &format!("{}/c03bookportl", components()), &body).await.status, 200);
    assert!(read(&visitor, "components").await.column("/components", "name").contains(&"New portal".to_owned()));
}

#[tokio::test]
async fn the_page_is_chosen_before_the_start_or_by_the_host() {
    let vendor = StatuspageStandIn::builder().with_public_page(SECOND_PAGE).start().await;
    let visitor = visitor(&vendor);
    let quiet = read(&visitor, "summary").await.json();
    assert_eq!((&quiet["page"]["id"], &quiet["status"]["indicator"]), (&json!(SECOND_PAGE), &json!("none")));
    assert_eq!((&quiet["incidents"], &quiet["scheduled_maintenances"]), (&json!([]), &json!([])));
    let by_host = visitor.with("host", "harbourline.status.example.com");
    assert_eq!(read(&by_host, "status").await.json()["page"]["id"], PAGE);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn nothing_is_refused_but_unknown_paths_and_a_key_is_a_violation() {
    let vendor = StatuspageStandIn::builder().with_rate_limit().start().await;
    let visitor = visitor(&vendor);
    for _ in 0..70 {
        assert_eq!(read(&visitor, "status").await.status, 200);
    }
    assert_eq!(visitor.get("/api/v2/status.json?anything=1").await.status, 200);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    for (at, path) in
        ["/api/v2/metrics.json", "/api/v2/status", "/api/v2/incidents/i7bookapi5xx.json"].into_iter().enumerate()
    {
        assert_eq!(visitor.get(path).await.status, 404, "{path}");
        assert_eq!(vendor.violations().len(), at + 1, "{path}");
    }
    let with_key = visitor.with("authorization", &format!("OAuth {}", vendor.good_key()));
    assert_eq!(read(&with_key, "status").await.status, 200);
    assert_eq!(vendor.violations().len(), 4);
}
