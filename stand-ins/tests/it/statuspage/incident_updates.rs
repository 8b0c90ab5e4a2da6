//! Correcting an update that was posted before.

use serde_json::json;

use super::{incidents, started};

#[tokio::test]
async fn a_posted_update_is_corrected_in_place_and_told_unless_told_not_to() {
    let (vendor, caller) = started().await;
    let incident = format!("{}/i7bookapi5xx", incidents());
    let before = caller.get(&incident).await.json();
    let update = &before["incident_updates"][1];
    let path = format!("{incident}/incident_updates/{}", update["id"].as_str().unwrap());
    let quiet = json!({"incident_update": {
        "body": "Some bookings fail.", "display_at": "2026-01-02T03:04:05Z", "deliver_notifications": false,
        "wants_twitter_update": false,
    }});
    let changed = caller.send("PATCH", &path, &quiet).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.json()["display_at"], "2026-01-02T03:04:05.000Z");
    let after = caller.get(&incident).await.json();
    assert_eq!(after["incident_updates"][1], changed.json());
    assert_eq!(after["incident_updates"][0], before["incident_updates"][0]);
    assert_eq!(after["incident_updates"].as_array().unwrap().len(), 2);
    assert_eq!(after["status"], before["status"]);
    assert!(vendor.mails_sent().is_empty() && vendor.tweets_sent().is_empty());

    let loud = json!({"incident_update": {"body": "Bookings fail.", "wants_twitter_update": true}});
    assert_eq!(caller.send("PATCH", &path, &loud).await.status, 200);
    let mails = vendor.mails_sent();
    assert_eq!((mails.len(), mails[0].recipients(), mails[0].status()), (1, 23, "investigating"));
    assert_eq!(vendor.tweets_sent()[0].text(), "Bookings fail.");
    assert_eq!(caller.send("PATCH", &format!("{incident}/incident_updates/none"), &quiet).await.status, 404);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_update_takes_no_status_and_no_endless_body() {
    let (vendor, caller) = started().await;
    let incident = format!("{}/i7bookapi5xx", incidents());
    let id = caller.get(&incident).await.json()["incident_updates"][0]["id"].clone();
    let path = format!("{incident}/incident_updates/{}", id.as_str().unwrap());
    for (at, update) in
        [json!({"status": "resolved"}), json!({"body": "x".repeat(25_001)}), json!({"display_at": "yesterday"})]
            .into_iter()
            .enumerate()
    {
        let refused = caller.send("PATCH", &path, &json!({"incident_update": update})).await;
        assert_eq!(refused.status, 422);
        assert_eq!(vendor.violations().len(), at + 1);
    }
}
