//! Metric providers and their credentials.

use serde_json::json;
use stand_ins::StatuspageStandIn as StandIn;

use super::{at, id_of, started};

#[tokio::test]
async fn the_credentials_of_a_provider_never_come_back() {
    let (vendor, caller) = started().await;
    let path = at("metrics_providers");
    let body = json!({"metrics_provider": {
        "type": "Datadog", "api_key": "canary-key", "application_key": "canary-app", "api_token": "canary-token",
        "password": "canary-pass", "email": "canary@example.com", "metric_base_uri": "https://monitor.example.com",
    }});
    let made = caller.send("POST", &path, &body).await;
    assert_eq!((made.status, &made.json()["type"]), (201, &json!("Datadog")));
    let one = format!("{path}/{}", id_of(&made.json()));
    let address = json!({"metrics_provider": {"metric_base_uri": "https://other.example.com"}});
    let answers = [
        made,
        caller.get(&path).await,
        caller.send("PATCH", &one, &address).await,
        caller.get(&one).await,
        caller.delete(&one).await,
    ];
    for answer in &answers {
        assert!(answer.status < 300 && !answer.text.contains("canary"), "{}", answer.text);
    }
    assert_eq!(answers[3].json()["metric_base_uri"], "https://other.example.com");
    assert_eq!(caller.get(&one).await.status, 404);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn each_type_of_provider_has_credentials_that_it_needs() {
    let (vendor, caller) = started().await;
    let create = |provider: serde_json::Value| {
        let (caller, body) = (caller.clone(), json!({"metrics_provider": provider}));
        async move { caller.send("POST", &at("metrics_providers"), &body).await.status }
    };
    for provider in [
        json!({}),
        json!({"type": "Datadog", "api_key": "k"}),
        json!({"type": "NewRelic", "metric_base_uri": "https://api.example.com"}),
        json!({"type": "Librato", "email": "ops@example.com"}),
    ] {
        assert_eq!(create(provider.clone()).await, 422, "{provider}");
    }
    assert_eq!(create(json!({"type": "Self"})).await, 201);
    assert_eq!(create(json!({"type": "Librato", "email": "ops@example.com", "api_token": "t"})).await, 201);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(create(json!({"type": "Grafana"})).await, 422);
    assert_eq!(create(json!({"type": "Self", "name": "mine"})).await, 422);
    assert_eq!(vendor.violations().len(), 2);
}

#[tokio::test]
async fn a_provider_takes_its_metrics_along_and_the_list_has_no_pages() {
    let (vendor, caller) = started().await;
    let path = at("metrics_providers");
    assert_eq!(caller.get(&path).await.column("", "type"), ["Self", "Datadog"]);
    let gone = caller.delete(&format!("{path}/{}", StandIn::SELF_PROVIDER)).await;
    assert_eq!(gone.status, 200);
    assert_eq!(caller.get(&at("metrics")).await.column("", "id"), [StandIn::DATADOG_METRIC]);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(caller.get(&format!("{path}?page=1&per_page=10")).await.status, 400);
    let key = json!({"metrics_provider": {"api_key": "k"}});
    let changed = caller.send("PATCH", &format!("{path}/{}", StandIn::DATADOG_PROVIDER), &key).await;
    assert_eq!(changed.status, 422);
    assert_eq!(vendor.violations().len(), 3, "two unknown parameters and one unknown member");
}
