//! Operations without code of their own: their collections behave like collections.

use serde_json::json;
use stand_ins::{JsmOpsStandIn, OpsgenieStandIn, PagerDutyStandIn};

use crate::client::Caller;

async fn pagerduty() -> (PagerDutyStandIn, Caller) {
    let vendor = PagerDutyStandIn::start().await;
    let caller = Caller::new(&vendor.base_url(), &format!("Token token={}", vendor.user_key()))
        .with("accept", "application/vnd.pagerduty+json;version=2");
    (vendor, caller)
}

#[tokio::test]
async fn a_thing_of_a_collection_lives_from_create_to_delete() {
    let (vendor, caller) = pagerduty().await;
    let body = json!({"team": {"type": "team", "name": "Cranes"}});
    let created = caller.send("POST", "/teams", &body).await;
    assert_eq!(created.status, 201);
    let team = created.json()["team"].clone();
    assert_eq!((&team["name"], &team["summary"], &team["type"]), (&json!("Cranes"), &json!("Cranes"), &json!("team")));
    let path = format!("/teams/{}", team["id"].as_str().unwrap());
    assert_eq!(caller.get(&path).await.json()["team"], team);

    let changed = caller.send("PUT", &path, &json!({"team": {"type": "team", "name": "Quay cranes"}})).await;
    assert_eq!(changed.json()["team"]["name"], "Quay cranes");
    assert!(caller.get("/teams").await.column("/teams", "name").contains(&"Quay cranes".to_owned()));
    assert_eq!(caller.delete(&path).await.status, 204);
    assert_eq!(caller.get(&path).await.status, 404);
    assert_eq!(caller.delete(&path).await.status, 404);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_list_has_the_vendors_paging() {
    let (vendor, caller) = pagerduty().await;
    for label in ["a", "b", "c", "d"] {
        let body = json!({"tag": {"type": "tag", "label": label}});
        assert_eq!(caller.send("POST", "/tags", &body).await.status, 201);
    }
    let page = caller.get("/tags?limit=2&offset=1&total=true").await.json();
    assert_eq!((&page["more"], &page["total"], &page["offset"]), (&json!(true), &json!(5), &json!(1)));
    assert_eq!(page["tags"].as_array().unwrap().iter().map(|tag| &tag["label"]).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(caller.get("/tags?limit=2&offset=4").await.json()["more"], false);

    let jsm = JsmOpsStandIn::start().await;
    let caller = Caller::new(&jsm.base_url(), &format!("Bearer {}", jsm.token()));
    let schedules = format!("/jsm/ops/api/{}/v1/schedules", JsmOpsStandIn::CLOUD);
    let created = caller.send("POST", &schedules, &json!({"name": "Night", "timezone": "Europe/Amsterdam"})).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let first = caller.get(&format!("{schedules}?size=1")).await.json();
    assert_eq!(first["links"]["next"], "?offset=1&size=1");
    let last = caller.get(&format!("{schedules}?size=1&offset=1")).await.json();
    assert_eq!((&last["values"][0]["name"], &last["links"]["next"]), (&json!("Night"), &json!(null)));
    assert_eq!((vendor.violations(), jsm.violations()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn what_is_below_a_thing_is_there_only_while_the_thing_is() {
    let vendor = OpsgenieStandIn::start().await;
    let caller = Caller::new(&vendor.base_url(), &format!("GenieKey {}", vendor.good_key()));
    let team = caller.send("POST", "/v2/teams", &json!({"name": "Yard"})).await.json()["data"]["id"].clone();
    let rules = format!("/v2/teams/{}/routing-rules", team.as_str().unwrap());
    assert_eq!(caller.get(&rules).await.status, 200);
    assert_eq!(caller.get("/v2/teams/nowhere/routing-rules").await.status, 404);
    assert_eq!(caller.delete(&format!("/v2/teams/{}", team.as_str().unwrap())).await.status, 200);
    assert_eq!(caller.get(&rules).await.status, 404);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn put_takes_away_what_it_leaves_out_where_the_vendor_does_so() {
    let jsm = JsmOpsStandIn::start().await;
    let caller = Caller::new(&jsm.base_url(), &format!("Basic {}", jsm.basic()));
    let path = format!("/jsm/ops/api/{}/v1/forwarding-rules/{}", JsmOpsStandIn::CLOUD, JsmOpsStandIn::KNOWN);
    let rule = caller.get(&path).await.json();
    assert!(rule["fromUserId"].is_string(), "{rule}");
    let body = json!({"fromUserId": "a", "toUserId": "b", "startDate": "2026-01-01T00:00:00Z", "endDate": "2026-01-02T00:00:00Z"});
    let changed = caller.send("PUT", &path, &body).await.json();
    let mut expected = body;
    expected["id"] = rule["id"].clone();
    assert_eq!(changed, expected);
    assert_eq!(jsm.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_accepted_request_of_any_kind_is_reported_on_and_its_failure_too() {
    let vendor = OpsgenieStandIn::builder().with_pending_polls(1).start().await;
    let caller = Caller::new(&vendor.base_url(), &format!("GenieKey {}", vendor.good_key()));
    let alert = vendor.open_alert_id().unwrap();
    for (id, success) in [(alert.as_str(), true), ("nothing-like-it", false)] {
        let path = format!("/v2/alerts/{id}/snooze");
        let accepted = caller.send("POST", &path, &json!({"endTime": "2030-01-01T00:00:00Z"})).await;
        assert_eq!(accepted.status, 202);
        let request = format!("/v2/alerts/requests/{}", accepted.json()["requestId"].as_str().unwrap());
        let pending = caller.get(&request).await;
        assert_eq!((pending.status, pending.header("x-opsgenie-errortype")), (404, Some("RequestNotProcessed")));
        assert_eq!(caller.get(&request).await.json()["data"]["isSuccess"], success);
    }
    let integration = caller.with("authorization", &format!("GenieKey {}", vendor.integration_key()));
    assert_eq!(integration.send("POST", "/v2/teams", &json!({"name": "Yard"})).await.status, 403);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn the_form_of_a_credential_must_be_one_that_the_operation_takes() {
    let jsm = JsmOpsStandIn::start().await;
    let alerts = format!("/jsm/ops/api/{}/v1/alerts", JsmOpsStandIn::CLOUD);
    let key = Caller::new(&jsm.base_url(), &format!("GenieKey {}", jsm.integration_key()));
    assert_eq!(key.get(&alerts).await.status, 401);
    assert_eq!(jsm.violations().len(), 1);
    assert_eq!(key.send("POST", "/jsm/ops/integration/v2/alerts", &json!({"message": "a"})).await.status, 202);
    let token = Caller::new(&jsm.base_url(), &format!("Bearer {}", jsm.token()));
    let attachments = format!("{alerts}/{}/attachments", JsmOpsStandIn::KNOWN);
    assert_eq!(token.get(&attachments).await.status, 401);
    assert_eq!(jsm.violations().len(), 2);
    assert_eq!(token.with("authorization", "Bearer wrong").get(&alerts).await.status, 401);
    assert_eq!(jsm.violations().len(), 2);

    let (vendor, caller) = pagerduty().await;
    let none = PagerDutyStandIn::builder().with_token_scopes(&["users.read"]).start().await;
    let token = Caller::new(&none.base_url(), &format!("Bearer {}", none.user_token()))
        .with("accept", "application/vnd.pagerduty+json;version=2");
    let refused = token.get("/teams").await;
    assert_eq!((refused.status, &refused.json()["error"]["required_scopes"]), (403, &json!("teams.read")));
    assert_eq!(caller.get("/ip_allow_lists").await.status, 400);
    assert!(vendor.violations()[0].contains("X-EARLY-ACCESS"), "{:?}", vendor.violations());
}
