//! Credentials, services, people and on-calls.

use std::time::Duration;

use serde_json::{Value, json};
use stand_ins::PagerDutyStandIn;

use super::{new_incident, started, with};

#[tokio::test]
async fn lists_are_paged_and_total_is_told_on_request_alone() {
    let (vendor, caller) = started().await;
    let first = caller.get("/incidents").await;
    assert_eq!(
        (first.column("/incidents", "id").len(), &first.json()["more"], &first.json()["total"]),
        (25, &json!(true), &Value::Null)
    );
    let second = caller.get("/incidents?offset=25&limit=25&total=true").await;
    assert_eq!(
        (second.column("/incidents", "id").len(), &second.json()["more"], &second.json()["total"]),
        (9, &json!(false), &json!(34))
    );
    let newest = caller.get("/incidents?sort_by=created_at:desc&limit=1").await;
    assert_eq!(newest.column("/incidents", "status"), ["triggered"]);
    let twice = caller.get("/incidents?sort_by=urgency:asc,created_at:desc&limit=1").await;
    assert_eq!(twice.column("/incidents", "title"), ["One in forty bookings fails with an error"]);
    assert_eq!(caller.get("/incidents?sort_by=colour").await.status, 400);
    let beyond = caller.get("/incidents?offset=9990&limit=25").await;
    assert_eq!((beyond.status, &beyond.json()["error"]["code"]), (400, &json!(2002)));
    let recent = caller.get("/incidents?since=2020-01-01&until=2020-02-01").await;
    assert_eq!(recent.column("/incidents", "id").len(), 0);
    assert_eq!(caller.get("/incidents?since=2020-01-01&until=2021-01-01").await.status, 400);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_write_with_an_account_key_names_a_known_user_in_from() {
    let (vendor, caller) = started().await;
    let body = new_incident(&[]);
    assert_eq!(caller.clone().without("from").send("POST", "/incidents", &body).await.status, 400);
    let stranger = caller.clone().with("from", "nobody@example.com").send("POST", "/incidents", &body).await;
    assert_eq!((stranger.status, &stranger.json()["error"]["code"]), (400, &json!(1008)));
    let user = with(&vendor, &format!("Token token={}", vendor.user_key()));
    assert_eq!(user.send("POST", "/incidents", &body).await.status, 201);
    let token = with(&vendor, &format!("Bearer {}", vendor.user_token()));
    assert_eq!(token.send("POST", "/incidents", &body).await.status, 201);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    let both = token.with("from", &vendor.actor_email()).send("POST", "/incidents", &body).await;
    assert_eq!(both.status, 400);
    assert_eq!(vendor.violations().len(), 1);
}

#[tokio::test]
async fn each_credential_has_its_own_wire_form() {
    let (vendor, caller) = started().await;
    let status = async |authorization: String| with(&vendor, &authorization).get("/services").await.status;
    assert_eq!(status(format!("Token token={}", vendor.read_only_key())).await, 200);
    assert_eq!(status("Token token=wrong".to_owned()).await, 401);
    assert_eq!(status("Bearer wrong".to_owned()).await, 401);
    assert!(vendor.violations().is_empty());
    assert_eq!(status(format!("Bearer {}", vendor.good_key())).await, 401);
    assert_eq!(status(format!("Token token={}", vendor.user_token())).await, 401);
    assert_eq!(status(format!("Token {}", vendor.good_key())).await, 401);
    assert_eq!(status(format!("Token token=\"{}\"", vendor.good_key())).await, 401);
    assert_eq!(vendor.violations().len(), 4, "{:?}", vendor.violations());
    assert_eq!(caller.with("accept", "application/json").get("/services").await.status, 400);
    assert_eq!(vendor.violations().len(), 5);
}

#[tokio::test]
async fn a_read_only_key_and_a_token_without_the_scope_get_403_of_their_own() {
    let vendor = PagerDutyStandIn::builder().with_token_scopes(&["incidents.read"]).start().await;
    let reader = with(&vendor, &format!("Token token={}", vendor.read_only_key())).with("from", &vendor.actor_email());
    let refused = reader.send("POST", "/incidents", &new_incident(&[])).await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (403, &json!(2010)));
    let token = with(&vendor, &format!("Bearer {}", vendor.user_token()));
    assert_eq!(token.get("/incidents").await.status, 200);
    let refused = token.send("POST", "/incidents", &new_incident(&[])).await;
    assert_eq!((refused.status, &refused.json()["error"]["required_scopes"]), (403, &json!("incidents.write")));
    assert_eq!(refused.json()["error"].get("code"), None);
    assert_eq!(token.get("/users/me").await.json()["user"]["email"], vendor.actor_email());
    assert!(vendor.violations().is_empty());
}

#[tokio::test]
async fn an_account_key_has_no_current_user_and_its_error_is_a_string() {
    let (vendor, caller) = started().await;
    let answer = caller.get("/users/me").await;
    assert_eq!(answer.status, 400);
    assert!(answer.json()["error"].as_str().unwrap().contains("account-level access token"));
    assert!(vendor.violations().is_empty());
}

#[tokio::test]
async fn services_follow_their_incidents_and_are_searched() {
    let (vendor, caller) = started().await;
    assert_eq!(caller.get("/services?query=book").await.column("/services", "status"), ["critical"]);
    let id = vendor.incident_ids("triggered").remove(0);
    let resolve = json!({"incident": {"type": "incident", "status": "resolved"}});
    caller.send("PUT", &format!("/incidents/{id}"), &resolve).await;
    let one = caller.get("/services/PHLBOOK?include[]=escalation_policies").await.json()["service"].clone();
    assert_eq!((&one["status"], &one["escalation_policy"]["type"]), (&json!("active"), &json!("escalation_policy")));
    assert_eq!(caller.get("/services?sort_by=name:desc&limit=1").await.column("/services", "name"), ["Tracking"]);
    assert_eq!(caller.get("/services?team_ids[]=PTMFINA").await.column("/services", "name").len(), 2);
    assert_eq!(caller.get("/abilities").await.json()["abilities"][0], "teams");
    assert_eq!(caller.get("/users?query=ravi").await.column("/users", "name"), ["Ravi Menon"]);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn on_calls_are_filtered_and_expanded() {
    let (vendor, caller) = started().await;
    assert_eq!(caller.get("/oncalls").await.json()["oncalls"].as_array().unwrap().len(), 6);
    let answer = caller.get("/oncalls?schedule_ids[]=PSCLOGI&include[]=users").await.json();
    let on_call = answer["oncalls"].as_array().unwrap();
    assert_eq!(on_call.len(), 1);
    assert_eq!(
        (&on_call[0]["user"]["email"], &on_call[0]["escalation_level"]),
        (&json!("ravi.menon@example.com"), &json!(1))
    );
    assert!(on_call[0]["end"].as_str() > on_call[0]["start"].as_str());
    let for_ever = caller.get("/oncalls?user_ids[]=PUSJUNP").await.json();
    assert_eq!(for_ever["oncalls"][0]["end"], Value::Null);
    assert_eq!(caller.get("/oncalls?since=2999-01-01T00:00:00Z").await.status, 400);
    assert!(vendor.violations().is_empty());
}

#[tokio::test]
async fn the_rate_limit_shows_in_headers_and_refuses_with_2020() {
    let vendor = PagerDutyStandIn::builder().with_rate_limit(2).with_key("k-2").start().await;
    let caller = with(&vendor, "Token token=k-2");
    let first = caller.get("/services").await;
    assert_eq!((first.header("ratelimit-limit"), first.header("ratelimit-remaining")), (Some("2"), Some("1")));
    caller.get("/services").await;
    let refused = caller.get("/services").await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (429, &json!(2020)));
    let reset: u64 = refused.header("ratelimit-reset").unwrap().parse().unwrap();
    vendor.advance(Duration::from_secs(reset));
    assert_eq!(caller.get("/services").await.status, 200);
}
