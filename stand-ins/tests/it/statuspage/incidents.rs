//! Incidents and maintenances.

use serde_json::{Value, json};

use super::{components, incidents, started};

#[tokio::test]
async fn every_incident_list_holds_what_its_name_says() {
    let (vendor, caller) = started().await;
    let expected: [(&str, &[&str]); 5] = [
        ("", &["identified", "monitoring", "in_progress", "scheduled", "completed", "resolved", "resolved"]),
        ("/unresolved", &["identified", "monitoring"]),
        ("/scheduled", &["in_progress", "scheduled"]),
        ("/upcoming", &["scheduled"]),
        ("/active_maintenance", &["in_progress"]),
    ];
    for (list, statuses) in expected {
        let answer = caller.get(&format!("{}{list}", incidents())).await;
        assert_eq!(answer.column("", "status"), statuses, "{list}");
    }
    assert_eq!(
        caller.get(&format!("{}?limit=2&page=2", incidents())).await.column("", "status"),
        ["in_progress", "scheduled"]
    );
    assert_eq!(caller.get(&format!("{}?q=singapore", incidents())).await.json().as_array().unwrap().len(), 1);
    assert_eq!(
        caller.get(&format!("{}/unresolved?per_page=1&page=2", incidents())).await.column("", "status"),
        ["monitoring"]
    );
    assert_eq!(vendor.violations(), Vec::<String>::new());

    // The list of all names its size differently from the others.
    assert_eq!(caller.get(&format!("{}?per_page=2", incidents())).await.status, 400);
    assert_eq!(caller.get(&format!("{}/unresolved?limit=2", incidents())).await.status, 400);
    assert_eq!(vendor.violations().len(), 2);
}

#[tokio::test]
async fn an_incident_appears_in_the_lists_and_mails_unless_told_not_to() {
    let (vendor, caller) = started().await;
    let body = json!({"incident": {
        "name": "Portal is slow", "status": "investigating", "body": "Looking into it.",
        "components": {"c03bookportl": "partial_outage"}, "deliver_notifications": false,
    }});
    let made = caller.send("POST", &incidents(), &body).await;
    assert_eq!(made.status, 201);
    let (id, made) = (made.json()["id"].as_str().unwrap().to_owned(), made.json());
    assert_eq!((&made["impact"], &made["components"][0]["status"]), (&json!("major"), &json!("partial_outage")));
    assert_eq!(made["incident_updates"][0]["affected_components"][0]["old_status"], "operational");
    assert!(vendor.mails_sent().is_empty());
    assert_eq!(caller.get(&format!("{}/unresolved", incidents())).await.column("", "id")[0], id);

    let path = format!("{}/{id}", incidents());
    let changed =
        caller.send("PATCH", &path, &json!({"incident": {"status": "identified", "body": "A bad release."}})).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.json()["incident_updates"].as_array().unwrap().len(), 2);
    let mails = vendor.mails_sent();
    assert_eq!(mails.len(), 1);
    assert_eq!((mails[0].incident(), mails[0].status(), mails[0].recipients()), (id.as_str(), "identified", 23));

    let renamed = caller.send("PATCH", &path, &json!({"incident": {"name": "Portal was slow"}})).await;
    assert_eq!(renamed.json()["incident_updates"].as_array().unwrap().len(), 2);
    assert_eq!(vendor.mails_sent().len(), 1);

    assert_eq!(caller.delete(&path).await.json()["id"], json!(id));
    assert_eq!(caller.get(&path).await.status, 404);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn resolving_an_incident_leaves_the_components_as_they_are() {
    let (_vendor, caller) = started().await;
    let path = format!("{}/i7bookapi5xx", incidents());
    let component = format!("{}/c02bookapi11", components());
    let resolved = caller.send("PATCH", &path, &json!({"incident": {"status": "resolved"}})).await;
    assert_eq!(resolved.json()["status"], "resolved");
    assert!(resolved.json()["resolved_at"].is_string());
    assert_eq!(caller.get(&component).await.json()["status"], "degraded_performance");
    let body = json!({"incident": {"components": {"c02bookapi11": "operational"}}});
    assert_eq!(caller.send("PATCH", &path, &body).await.status, 200);
    assert_eq!(caller.get(&component).await.json()["status"], "operational");
}

#[tokio::test]
async fn a_maintenance_needs_its_schedule_and_its_own_statuses() {
    let (vendor, caller) = started().await;
    let create = |fields: Value| {
        let caller = caller.clone();
        async move { caller.send("POST", &incidents(), &json!({"incident": fields})).await }
    };
    let good = json!({
        "name": "Router swap", "status": "scheduled", "deliver_notifications": false, "scheduled_auto_transition": true,
        "scheduled_for": "2035-01-02T03:00:00Z", "scheduled_until": "2035-01-02T04:00:00Z",
    });
    let made = create(good).await;
    assert_eq!((made.status, &made.json()["impact"]), (201, &json!("maintenance")));
    assert_eq!(made.json()["scheduled_auto_in_progress"], true);
    assert_eq!(caller.get(&format!("{}/upcoming", incidents())).await.json().as_array().unwrap().len(), 2);

    let refused = [
        json!({"name": "x", "status": "scheduled"}),
        json!({"name": "x", "status": "scheduled", "scheduled_for": "2035-01-02T03:00:00Z"}),
        json!({"name": "x", "scheduled_for": "2035-01-02T03:00:00Z", "scheduled_until": "2035-01-02T03:00:00Z"}),
        json!({"name": "x", "status": "investigating", "scheduled_for": "2035-01-02T03:00:00Z", "scheduled_until": "2035-01-02T04:00:00Z"}),
        json!({"name": "x", "backfilled": true, "component_ids": ["c02bookapi11"]}),
        json!({"name": "x", "component_ids": ["nowhere"]}),
        json!({"name": " "}),
        json!({"name": "x", "reminder_intervals": "[5,1]"}),
    ];
    for body in refused {
        let answer = create(body.clone()).await;
        assert_eq!(answer.status, 422, "{body}");
        assert!(answer.json()["error"][0].is_string());
    }
    assert_eq!(vendor.violations(), Vec::<String>::new());

    let malformed = [
        json!({"status": "investigating"}),
        json!({"name": "x".repeat(256)}),
        json!({"name": "x", "body": "y".repeat(25_001)}),
        json!({"name": "x", "metadata": {"a": 1}}),
        json!({"name": "x", "scheduled_for": "tomorrow"}),
        json!({"name": "x", "deliver_notifications": "false"}),
    ];
    for (at, body) in malformed.into_iter().enumerate() {
        assert_eq!(create(body).await.status, 422, "{at}");
        assert_eq!(vendor.violations().len(), at + 1, "{:?}", vendor.violations());
    }
}

#[tokio::test]
async fn the_status_of_a_group_cannot_be_set_by_an_incident() {
    let (vendor, caller) = started().await;
    let body = json!({"incident": {"name": "Booking is down", "deliver_notifications": false,
        "components": {"gbk4p0s8y2la": "major_outage"}}});
    assert_eq!(caller.send("POST", &incidents(), &body).await.status, 422);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_incident_raises_the_status_of_the_group_and_a_tweet_goes_out_when_asked_for() {
    let (vendor, caller) = started().await;
    let group = format!("{}/gbk4p0s8y2la", components());
    assert_eq!(caller.get(&group).await.json()["status"], "degraded_performance");
    let body = json!({"incident": {"name": "Portal is down", "deliver_notifications": false,
        "components": {"c03bookportl": "major_outage"}, "auto_tweet_on_creation": true}});
    assert_eq!(caller.send("POST", &incidents(), &body).await.status, 201);
    assert_eq!(caller.get(&group).await.json()["status"], "major_outage");
    let tweets = vendor.tweets_sent();
    assert_eq!((tweets.len(), tweets[0].text()), (1, "Portal is down"));
    assert!(vendor.mails_sent().is_empty());
}
