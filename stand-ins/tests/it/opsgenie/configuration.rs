//! Keys, and what is configured: schedules and users.

use reqwest::multipart::{Form, Part};
use serde_json::json;
use stand_ins::OpsgenieStandIn;

use super::{started, with_key};
use crate::client::reply;

#[tokio::test]
async fn account_keys_are_refused_exactly_the_four_alert_actions() {
    let (vendor, _) = started().await;
    let account = with_key(&vendor, &vendor.good_key());
    let alert = format!("/v2/alerts/{}", vendor.open_alert_id().unwrap());
    let refused = [
        account.send("POST", "/v2/alerts", &json!({"message": "x"})).await,
        account.send("POST", &format!("{alert}/acknowledge"), &json!({})).await,
        account.send("POST", &format!("{alert}/close"), &json!({})).await,
        account.send("POST", &format!("{alert}/notes"), &json!({"note": "x"})).await,
    ];
    for answer in &refused {
        assert_eq!((answer.status, &answer.json()["code"]), (403, &json!(40301)));
        assert!(answer.json()["message"].as_str().unwrap().contains("API integration"), "{}", answer.text);
    }
    assert_eq!(account.get("/v2/alerts").await.status, 200);
    assert_eq!(account.get("/v2/account").await.json()["data"]["name"], "harbourline");
    let form = Form::new().part("file", Part::bytes(b"log".to_vec()).file_name("a.log"));
    assert_eq!(reply(account.request("POST", &format!("{alert}/attachments")).multipart(form)).await.status, 201);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn integration_keys_are_refused_the_configuration_and_read_only_keys_every_write() {
    let (vendor, integration) = started().await;
    for path in ["/v2/account", "/v2/users", "/v2/schedules", "/v2/schedules/on-calls"] {
        let answer = integration.get(path).await;
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.json()["message"].as_str().unwrap().contains("configuration access"));
    }
    let reader = with_key(&vendor, &vendor.read_only_key());
    assert_eq!(reader.get("/v2/alerts").await.status, 200);
    assert_eq!(reader.get("/v2/users").await.status, 200);
    assert_eq!(reader.send("POST", "/v2/alerts", &json!({"message": "x"})).await.status, 403);
    assert!(vendor.violations().is_empty());
}

#[tokio::test]
async fn wrong_keys_and_wrong_schemes_are_refused() {
    let (vendor, caller) = started().await;
    let wrong = caller.clone().with("authorization", "GenieKey 0000").get("/v2/alerts").await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.json()["requestId"].is_string());
    assert!(vendor.violations().is_empty());
    let bearer = format!("Bearer {}", vendor.good_key());
    assert_eq!(caller.clone().with("authorization", &bearer).get("/v2/alerts").await.status, 401);
    let in_url = format!("/v2/alerts?apiKey={}", vendor.good_key());
    assert_eq!(caller.get(&in_url).await.status, 401);
    assert!(vendor.violations().iter().any(|text| text.contains("scheme")));
    assert!(vendor.violations().iter().any(|text| text.contains("a key in the query")));
}

#[tokio::test]
async fn a_key_of_the_other_region_is_a_wrong_key() {
    let (us, eu) = (OpsgenieStandIn::start().await, OpsgenieStandIn::start_eu().await);
    assert_eq!(with_key(&eu, &us.good_key()).get("/v2/account").await.status, 401);
    assert_eq!(with_key(&eu, &eu.good_key()).get("/v2/account").await.json()["data"]["name"], "harbourline-europe");
}

#[tokio::test]
async fn who_is_on_call_is_told_flat_or_in_full_and_by_name_or_id() {
    let (vendor, _) = started().await;
    let caller = with_key(&vendor, &vendor.good_key());
    let name = "Platform%20on-call";
    let date = "date=2026-02-03T10%3A00%3A00Z";
    let full = caller.get(&format!("/v2/schedules/{name}/on-calls?scheduleIdentifierType=name&{date}")).await;
    let flat = caller.get(&format!("/v2/schedules/{name}/on-calls?scheduleIdentifierType=name&flat=true&{date}")).await;
    let person = full.json()["data"]["onCallParticipants"][0]["name"].clone();
    assert!(person.as_str().unwrap().ends_with("@example.com"));
    assert_eq!(flat.json()["data"]["onCallRecipients"], json!([person]));
    let id = flat.json()["data"]["_parent"]["id"].as_str().unwrap().to_owned();
    assert_eq!(caller.get(&format!("/v2/schedules/{id}/on-calls")).await.status, 200);
    assert_eq!(caller.get(&format!("/v2/schedules/{name}/on-calls")).await.status, 404);
    let slashed = "/v2/schedules/Night%20watch%20%2F%20EDI/on-calls?scheduleIdentifierType=name&flat=true";
    assert_eq!(caller.get(slashed).await.json()["data"]["onCallRecipients"], json!([]));
    assert_eq!(caller.get("/v2/schedules?expand=rotation").await.json()["data"][0]["rotations"][0]["type"], "daily");
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(caller.get(&format!("/v2/schedules/{id}/on-calls?identifierType=id")).await.status, 422);
    assert_eq!(vendor.violations().len(), 1);
}

#[tokio::test]
async fn users_are_listed_with_their_total() {
    let (vendor, _) = started().await;
    let caller = with_key(&vendor, &vendor.good_key());
    let users = caller.get("/v2/users?limit=4").await;
    assert_eq!((users.column("/data", "id").len(), &users.json()["totalCount"]), (4, &json!(6)));
    assert!(users.json()["paging"]["next"].is_string());
    vendor.show_throttling();
    assert_eq!(caller.get("/v2/users?offset=4&limit=4").await.header("x-ratelimit-state"), Some("THROTTLED"));
}
