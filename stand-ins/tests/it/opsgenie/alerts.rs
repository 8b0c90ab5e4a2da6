//! Alerts, what is done to them, and what hangs on them.

use reqwest::multipart::{Form, Part};
use serde_json::json;
use stand_ins::OpsgenieStandIn;

use super::{settled, started, with_key};
use crate::client::{Caller, reply};

#[tokio::test]
async fn a_created_alert_exists_once_its_request_is_processed() {
    let (vendor, caller) = started().await;
    let body = json!({"message": "Crane 7 reports no position", "alias": "crane/7", "priority": "P2", "tags": ["crane"],
        "responders": [{"type": "team", "name": "Platform"}, {"type": "user", "username": "lena.brandt@example.com"}]});
    let accepted = caller.send("POST", "/v2/alerts", &body).await;
    assert_eq!(caller.get("/v2/alerts/crane%2F7?identifierType=alias").await.status, 404);
    let outcome = settled(&caller, &accepted).await;
    assert_eq!(
        (&outcome["isSuccess"], &outcome["action"], &outcome["alias"]),
        (&json!(true), &json!("Create"), &json!("crane/7"))
    );
    let alert = caller.get("/v2/alerts/crane%2F7?identifierType=alias").await;
    assert_eq!(alert.json()["data"]["id"], outcome["alertId"]);
    assert_eq!(alert.header("x-ratelimit-state"), Some("OK"));
    assert_eq!(alert.header("x-request-id"), alert.json()["requestId"].as_str());
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_create_with_an_open_alias_counts_up_instead() {
    let (_vendor, caller) = started().await;
    let body = json!({"message": "Twice", "alias": "twice"});
    let first = settled(&caller, &caller.send("POST", "/v2/alerts", &body).await).await;
    let second = settled(&caller, &caller.send("POST", "/v2/alerts", &body).await).await;
    assert_eq!(first["alertId"], second["alertId"]);
    assert_eq!(caller.get("/v2/alerts/twice?identifierType=alias").await.json()["data"]["count"], 2);
    settled(&caller, &reply(caller.request("POST", "/v2/alerts/twice/close?identifierType=alias")).await).await;
    let third = settled(&caller, &caller.send("POST", "/v2/alerts", &body).await).await;
    assert_ne!(first["alertId"], third["alertId"]);
}

#[tokio::test]
async fn an_alert_is_acknowledged_noted_and_closed_and_repeats_are_told_in_the_status_alone() {
    let (vendor, caller) = started().await;
    let id = vendor.open_alert_id().unwrap();
    let alert = format!("/v2/alerts/{id}");
    let status_of = |caller: Caller, alert: String| async move { caller.get(&alert).await.json()["data"].clone() };

    let accepted = caller.send("POST", &format!("{alert}/acknowledge"), &json!({"user": "kofi", "note": "mine"})).await;
    assert_eq!(status_of(caller.clone(), alert.clone()).await["acknowledged"], false);
    assert_eq!(settled(&caller, &accepted).await["isSuccess"], true);
    let seen = status_of(caller.clone(), alert.clone()).await;
    assert_eq!((&seen["acknowledged"], &seen["report"]["acknowledgedBy"]), (&json!(true), &json!("kofi")));

    let again = reply(caller.request("POST", &format!("{alert}/acknowledge"))).await;
    assert_eq!(settled(&caller, &again).await["isSuccess"], false);
    let noted = caller.send("POST", &format!("{alert}/notes"), &json!({"note": "Pool size doubled."})).await;
    assert_eq!(settled(&caller, &noted).await["isSuccess"], true);
    let closed = caller.send("POST", &format!("{alert}/close"), &json!({})).await;
    assert_eq!(settled(&caller, &closed).await["isSuccess"], true);
    assert_eq!(status_of(caller.clone(), alert).await["status"], "closed");

    let nowhere = caller.send("POST", "/v2/alerts/no-such/close", &json!({})).await;
    let outcome = settled(&caller, &nowhere).await;
    assert_eq!((&outcome["isSuccess"], &outcome["alertId"]), (&json!(false), &json!("")));
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn pending_polls_are_chosen_and_settling_needs_none() {
    let vendor = OpsgenieStandIn::builder().with_pending_polls(3).start().await;
    let caller = with_key(&vendor, &vendor.integration_key());
    let accepted = caller.send("POST", "/v2/alerts", &json!({"message": "slow", "alias": "slow"})).await;
    let path = format!("/v2/alerts/requests/{}", accepted.json()["requestId"].as_str().unwrap());
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(caller.get(&path).await.status);
    }
    assert_eq!(statuses, [404, 404, 404, 200]);
    caller.send("POST", "/v2/alerts", &json!({"message": "other", "alias": "other"})).await;
    assert_eq!(caller.get("/v2/alerts/other?identifierType=alias").await.status, 404);
    vendor.settle();
    assert_eq!(caller.get("/v2/alerts/other?identifierType=alias").await.status, 200);
    let unknown = caller.get("/v2/alerts/requests/never-seen").await;
    assert_eq!(unknown.status, 404);
    assert_ne!(unknown.header("x-opsgenie-errortype"), Some("RequestNotProcessed"));
}

#[tokio::test]
async fn alerts_are_paged_and_the_links_carry_the_key_as_the_vendor_does() {
    let (vendor, caller) = started().await;
    let first = caller.get("/v2/alerts").await;
    assert_eq!(first.column("/data", "id").len(), 20);
    let next = first.json()["paging"]["next"].as_str().unwrap().to_owned();
    assert!(next.contains(&format!("apiKey={}", vendor.integration_key())), "{next}");
    assert_eq!(first.header("x-paging-next"), Some(next.as_str()));
    let second = caller.get("/v2/alerts?offset=20&limit=20").await;
    assert_eq!(second.column("/data", "id").len(), 10);
    assert!(second.json()["paging"].get("next").is_none());
    let oldest = caller.get("/v2/alerts?sort=createdAt&order=asc&limit=1").await;
    assert_eq!(oldest.column("/data", "id").last(), second.column("/data", "id").last());
    assert_eq!(caller.get("/v2/alerts?offset=19990&limit=20").await.status, 422);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn alerts_are_searched_and_counted() {
    let (vendor, caller) = started().await;
    let open = caller.get("/v2/alerts?query=status%3A%20open&limit=100").await;
    assert!(open.column("/data", "status").iter().all(|status| status == "open"));
    let count = caller.get("/v2/alerts/count?query=status%3Aopen").await.json()["data"]["count"].clone();
    assert_eq!(count, open.column("/data", "id").len());
    let urgent = caller.get("/v2/alerts?query=status%3Aopen%20AND%20priority%3AP1").await;
    assert_eq!(urgent.column("/data", "message"), ["Booking API: error rate above 2 %"]);
    let tiny = urgent.column("/data", "tinyId").remove(0);
    assert_eq!(caller.get(&format!("/v2/alerts/{tiny}?identifierType=tiny")).await.status, 200);
    assert_eq!(caller.get(&format!("/v2/alerts/{tiny}")).await.status, 404);
    assert!(vendor.violations().is_empty());
}

#[tokio::test]
async fn what_breaks_a_limit_or_a_name_is_a_violation_with_a_text_for_the_field() {
    let (vendor, caller) = started().await;
    let bodies = [
        ("message", json!({"message": "x".repeat(131)})),
        ("message", json!({"description": "no message"})),
        ("priority", json!({"message": "x", "priority": "P6"})),
        ("tags", json!({"message": "x", "tags": vec!["t"; 21]})),
        ("tags.0", json!({"message": "x", "tags": ["t".repeat(51)]})),
        ("details.n", json!({"message": "x", "details": {"n": 1}})),
        ("details", json!({"message": "x", "details": {"n": "y".repeat(8000)}})),
        ("responders.0", json!({"message": "x", "responders": [{"type": "user", "name": "kofi"}]})),
        ("mesage", json!({"message": "x", "mesage": "y"})),
    ];
    for (at, (field, body)) in bodies.iter().enumerate() {
        let answer = caller.send("POST", "/v2/alerts", body).await;
        assert_eq!(answer.status, 422, "{body}");
        assert!(answer.json()["errors"][field].is_string(), "{field}: {}", answer.text);
        assert_eq!(vendor.violations().len(), at + 1, "{:?}", vendor.violations());
    }
    assert_eq!(caller.get("/v2/alerts?identifierType=id").await.status, 422);
    let id = vendor.open_alert_id().unwrap();
    assert_eq!(caller.get(&format!("/v2/alerts/{id}/attachments?identifierType=id")).await.status, 422);
    assert_eq!(vendor.violations().len(), bodies.len() + 2);
    assert_eq!(
        caller.send("POST", "/v2/alerts", &json!({"message": "x", "responders": [{"type": "team"}]})).await.status,
        422
    );
    assert_eq!(vendor.violations().len(), bodies.len() + 2);
}

#[tokio::test]
async fn an_attachment_is_uploaded_as_multipart_and_listed() {
    let vendor = OpsgenieStandIn::builder().with_attachment_limit(1000).start().await;
    let caller = with_key(&vendor, &vendor.integration_key());
    let path = format!("/v2/alerts/{}/attachments", vendor.open_alert_id().unwrap());
    let upload = |form: Form| reply(caller.request("POST", &path).multipart(form));
    let file = |size: usize| Part::bytes(vec![0xff; size]).file_name("träce \"1\".log");

    let added = upload(Form::new().part("file", file(1000)).text("user", "kofi")).await;
    assert_eq!(added.status, 201, "{}", added.text);
    assert_eq!(added.json()["data"]["name"], "träce \"1\".log");
    let listed = caller.get(&path).await;
    assert_eq!(listed.json()["data"][0]["size"], 1000);
    assert_eq!(upload(Form::new().part("file", file(1001))).await.status, 422);
    assert_eq!(vendor.violations(), Vec::<String>::new());

    assert_eq!(upload(Form::new().text("file", "no name")).await.status, 422);
    assert_eq!(upload(Form::new().part("file", file(1)).text("comment", "x")).await.status, 422);
    assert_eq!(caller.send("POST", &path, &json!({"file": "x"})).await.status, 415);
    assert_eq!(vendor.violations().len(), 3, "{:?}", vendor.violations());
}
