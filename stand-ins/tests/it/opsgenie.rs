//! The Opsgenie stand-in.

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use stand_ins::OpsgenieStandIn;

use crate::client::{Caller, Reply, reply};

async fn started() -> (OpsgenieStandIn, Caller) {
    let vendor = OpsgenieStandIn::start().await;
    let caller = with_key(&vendor, &vendor.integration_key());
    (vendor, caller)
}

fn with_key(vendor: &OpsgenieStandIn, key: &str) -> Caller {
    Caller::new(&vendor.base_url(), &format!("GenieKey {key}"))
}

/// Asks for the status of an accepted request until it is no longer pending.
async fn settled(caller: &Caller, accepted: &Reply) -> Value {
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    let path = format!(
        "/v2/alerts/requests/{}",
        accepted.json()["requestId"].as_str().unwrap()
    );
    for _ in 0..5 {
        let status = caller.get(&path).await;
        if status.status == 200 {
            return status.json()["data"].clone();
        }
        assert_eq!(
            (status.status, status.header("x-opsgenie-errortype")),
            (404, Some("RequestNotProcessed"))
        );
    }
    panic!("the request is still pending");
}

#[tokio::test]
async fn a_created_alert_exists_once_its_request_is_processed() {
    let (vendor, caller) = started().await;
    let body = json!({"message": "Crane 7 reports no position", "alias": "crane/7", "priority": "P2", "tags": ["crane"],
        "responders": [{"type": "team", "name": "Platform"}, {"type": "user", "username": "lena.brandt@example.com"}]});
    let accepted = caller.send("POST", "/v2/alerts", &body).await;
    assert_eq!(
        caller
            .get("/v2/alerts/crane%2F7?identifierType=alias")
            .await
            .status,
        404
    );
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
    assert_eq!(
        caller.get("/v2/alerts/twice?identifierType=alias").await.json()["data"]["count"],
        2
    );
    settled(
        &caller,
        &reply(caller.request("POST", "/v2/alerts/twice/close?identifierType=alias")).await,
    )
    .await;
    let third = settled(&caller, &caller.send("POST", "/v2/alerts", &body).await).await;
    assert_ne!(first["alertId"], third["alertId"]);
}

#[tokio::test]
async fn an_alert_is_acknowledged_noted_and_closed_and_repeats_are_told_in_the_status_alone() {
    let (vendor, caller) = started().await;
    let id = vendor.open_alert_id().unwrap();
    let alert = format!("/v2/alerts/{id}");
    let status_of =
        |caller: Caller, alert: String| async move { caller.get(&alert).await.json()["data"].clone() };

    let accepted = caller
        .send(
            "POST",
            &format!("{alert}/acknowledge"),
            &json!({"user": "kofi", "note": "mine"}),
        )
        .await;
    assert_eq!(
        status_of(caller.clone(), alert.clone()).await["acknowledged"],
        false
    );
    assert_eq!(settled(&caller, &accepted).await["isSuccess"], true);
    let seen = status_of(caller.clone(), alert.clone()).await;
    assert_eq!(
        (&seen["acknowledged"], &seen["report"]["acknowledgedBy"]),
        (&json!(true), &json!("kofi"))
    );

    let again = reply(caller.request("POST", &format!("{alert}/acknowledge"))).await;
    assert_eq!(settled(&caller, &again).await["isSuccess"], false);
    let noted = caller
        .send(
            "POST",
            &format!("{alert}/notes"),
            &json!({"note": "Pool size doubled."}),
        )
        .await;
    assert_eq!(settled(&caller, &noted).await["isSuccess"], true);
    let closed = caller.send("POST", &format!("{alert}/close"), &json!({})).await;
    assert_eq!(settled(&caller, &closed).await["isSuccess"], true);
    assert_eq!(status_of(caller.clone(), alert).await["status"], "closed");

    let nowhere = caller.send("POST", "/v2/alerts/no-such/close", &json!({})).await;
    let outcome = settled(&caller, &nowhere).await;
    assert_eq!(
        (&outcome["isSuccess"], &outcome["alertId"]),
        (&json!(false), &json!(""))
    );
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn pending_polls_are_chosen_and_settling_needs_none() {
    let vendor = OpsgenieStandIn::builder().with_pending_polls(3).start().await;
    let caller = with_key(&vendor, &vendor.integration_key());
    let accepted = caller
        .send("POST", "/v2/alerts", &json!({"message": "slow", "alias": "slow"}))
        .await;
    let path = format!(
        "/v2/alerts/requests/{}",
        accepted.json()["requestId"].as_str().unwrap()
    );
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(caller.get(&path).await.status);
    }
    assert_eq!(statuses, [404, 404, 404, 200]);
    caller
        .send(
            "POST",
            "/v2/alerts",
            &json!({"message": "other", "alias": "other"}),
        )
        .await;
    assert_eq!(
        caller.get("/v2/alerts/other?identifierType=alias").await.status,
        404
    );
    vendor.settle();
    assert_eq!(
        caller.get("/v2/alerts/other?identifierType=alias").await.status,
        200
    );
    let unknown = caller.get("/v2/alerts/requests/never-seen").await;
    assert_eq!(unknown.status, 404);
    assert_ne!(
        unknown.header("x-opsgenie-errortype"),
        Some("RequestNotProcessed")
    );
}

#[tokio::test]
async fn account_keys_are_refused_exactly_the_four_alert_actions() {
    let (vendor, _) = started().await;
    let account = with_key(&vendor, &vendor.good_key());
    let alert = format!("/v2/alerts/{}", vendor.open_alert_id().unwrap());
    let refused = [
        account.send("POST", "/v2/alerts", &json!({"message": "x"})).await,
        account
            .send("POST", &format!("{alert}/acknowledge"), &json!({}))
            .await,
        account.send("POST", &format!("{alert}/close"), &json!({})).await,
        account
            .send("POST", &format!("{alert}/notes"), &json!({"note": "x"}))
            .await,
    ];
    for answer in &refused {
        assert_eq!((answer.status, &answer.json()["code"]), (403, &json!(40301)));
        assert!(
            answer.json()["message"]
                .as_str()
                .unwrap()
                .contains("API integration"),
            "{}",
            answer.text
        );
    }
    assert_eq!(account.get("/v2/alerts").await.status, 200);
    assert_eq!(
        account.get("/v2/account").await.json()["data"]["name"],
        "harbourline"
    );
    let form = Form::new().part("file", Part::bytes(b"log".to_vec()).file_name("a.log"));
    assert_eq!(
        reply(
            account
                .request("POST", &format!("{alert}/attachments"))
                .multipart(form)
        )
        .await
        .status,
        201
    );
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn integration_keys_are_refused_the_configuration_and_read_only_keys_every_write() {
    let (vendor, integration) = started().await;
    for path in [
        "/v2/account",
        "/v2/users",
        "/v2/schedules",
        "/v2/schedules/on-calls",
    ] {
        let answer = integration.get(path).await;
        assert_eq!(answer.status, 403, "{path}");
        assert!(
            answer.json()["message"]
                .as_str()
                .unwrap()
                .contains("configuration access")
        );
    }
    let reader = with_key(&vendor, &vendor.read_only_key());
    assert_eq!(reader.get("/v2/alerts").await.status, 200);
    assert_eq!(reader.get("/v2/users").await.status, 200);
    assert_eq!(
        reader
            .send("POST", "/v2/alerts", &json!({"message": "x"}))
            .await
            .status,
        403
    );
    assert!(vendor.violations().is_empty());
}

#[tokio::test]
async fn wrong_keys_and_wrong_schemes_are_refused() {
    let (vendor, caller) = started().await;
    let wrong = caller
        .clone()
        .with("authorization", "GenieKey 0000")
        .get("/v2/alerts")
        .await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.json()["requestId"].is_string());
    assert!(vendor.violations().is_empty());
    let bearer = format!("Bearer {}", vendor.good_key());
    assert_eq!(
        caller
            .clone()
            .with("authorization", &bearer)
            .get("/v2/alerts")
            .await
            .status,
        401
    );
    let in_url = format!("/v2/alerts?apiKey={}", vendor.good_key());
    assert_eq!(caller.get(&in_url).await.status, 401);
    assert!(vendor.violations().iter().any(|text| text.contains("scheme")));
    assert!(
        vendor
            .violations()
            .iter()
            .any(|text| text.contains("a key in the query"))
    );
}

#[tokio::test]
async fn a_key_of_the_other_region_is_a_wrong_key() {
    let (us, eu) = (OpsgenieStandIn::start().await, OpsgenieStandIn::start_eu().await);
    assert_eq!(with_key(&eu, &us.good_key()).get("/v2/account").await.status, 401);
    assert_eq!(
        with_key(&eu, &eu.good_key()).get("/v2/account").await.json()["data"]["name"],
        "harbourline-europe"
    );
}

#[tokio::test]
async fn alerts_are_paged_and_the_links_carry_the_key_as_the_vendor_does() {
    let (vendor, caller) = started().await;
    let first = caller.get("/v2/alerts").await;
    assert_eq!(first.column("/data", "id").len(), 20);
    let next = first.json()["paging"]["next"].as_str().unwrap().to_owned();
    assert!(
        next.contains(&format!("apiKey={}", vendor.integration_key())),
        "{next}"
    );
    assert_eq!(first.header("x-paging-next"), Some(next.as_str()));
    let second = caller.get("/v2/alerts?offset=20&limit=20").await;
    assert_eq!(second.column("/data", "id").len(), 10);
    assert!(second.json()["paging"].get("next").is_none());
    let oldest = caller.get("/v2/alerts?sort=createdAt&order=asc&limit=1").await;
    assert_eq!(
        oldest.column("/data", "id").last(),
        second.column("/data", "id").last()
    );
    assert_eq!(caller.get("/v2/alerts?offset=19990&limit=20").await.status, 422);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn alerts_are_searched_and_counted() {
    let (vendor, caller) = started().await;
    let open = caller.get("/v2/alerts?query=status%3A%20open&limit=100").await;
    assert!(
        open.column("/data", "status")
            .iter()
            .all(|status| status == "open")
    );
    let count = caller.get("/v2/alerts/count?query=status%3Aopen").await.json()["data"]["count"].clone();
    assert_eq!(count, open.column("/data", "id").len());
    let urgent = caller
        .get("/v2/alerts?query=status%3Aopen%20AND%20priority%3AP1")
        .await;
    assert_eq!(
        urgent.column("/data", "message"),
        ["Booking API: error rate above 2 %"]
    );
    let tiny = urgent.column("/data", "tinyId").remove(0);
    assert_eq!(
        caller
            .get(&format!("/v2/alerts/{tiny}?identifierType=tiny"))
            .await
            .status,
        200
    );
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
        (
            "details",
            json!({"message": "x", "details": {"n": "y".repeat(8000)}}),
        ),
        (
            "responders.0",
            json!({"message": "x", "responders": [{"type": "user", "name": "kofi"}]}),
        ),
        ("mesage", json!({"message": "x", "mesage": "y"})),
    ];
    for (at, (field, body)) in bodies.iter().enumerate() {
        let answer = caller.send("POST", "/v2/alerts", body).await;
        assert_eq!(answer.status, 422, "{body}");
        assert!(
            answer.json()["errors"][field].is_string(),
            "{field}: {}",
            answer.text
        );
        assert_eq!(vendor.violations().len(), at + 1, "{:?}", vendor.violations());
    }
    assert_eq!(caller.get("/v2/alerts?identifierType=id").await.status, 422);
    let id = vendor.open_alert_id().unwrap();
    assert_eq!(
        caller
            .get(&format!("/v2/alerts/{id}/attachments?identifierType=id"))
            .await
            .status,
        422
    );
    assert_eq!(vendor.violations().len(), bodies.len() + 2);
    assert_eq!(
        caller
            .send(
                "POST",
                "/v2/alerts",
                &json!({"message": "x", "responders": [{"type": "team"}]})
            )
            .await
            .status,
        422
    );
    assert_eq!(vendor.violations().len(), bodies.len() + 2);
}

#[tokio::test]
async fn an_attachment_is_uploaded_as_multipart_and_listed() {
    let vendor = OpsgenieStandIn::builder()
        .with_attachment_limit(1000)
        .start()
        .await;
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
    assert_eq!(
        upload(Form::new().part("file", file(1)).text("comment", "x"))
            .await
            .status,
        422
    );
    assert_eq!(
        caller.send("POST", &path, &json!({"file": "x"})).await.status,
        415
    );
    assert_eq!(vendor.violations().len(), 3, "{:?}", vendor.violations());
}

#[tokio::test]
async fn who_is_on_call_is_told_flat_or_in_full_and_by_name_or_id() {
    let (vendor, _) = started().await;
    let caller = with_key(&vendor, &vendor.good_key());
    let name = "Platform%20on-call";
    let date = "date=2026-02-03T10%3A00%3A00Z";
    let full = caller
        .get(&format!(
            "/v2/schedules/{name}/on-calls?scheduleIdentifierType=name&{date}"
        ))
        .await;
    let flat = caller
        .get(&format!(
            "/v2/schedules/{name}/on-calls?scheduleIdentifierType=name&flat=true&{date}"
        ))
        .await;
    let person = full.json()["data"]["onCallParticipants"][0]["name"].clone();
    assert!(person.as_str().unwrap().ends_with("@example.com"));
    assert_eq!(flat.json()["data"]["onCallRecipients"], json!([person]));
    let id = flat.json()["data"]["_parent"]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        caller.get(&format!("/v2/schedules/{id}/on-calls")).await.status,
        200
    );
    assert_eq!(
        caller.get(&format!("/v2/schedules/{name}/on-calls")).await.status,
        404
    );
    let slashed = "/v2/schedules/Night%20watch%20%2F%20EDI/on-calls?scheduleIdentifierType=name&flat=true";
    assert_eq!(
        caller.get(slashed).await.json()["data"]["onCallRecipients"],
        json!([])
    );
    assert_eq!(
        caller.get("/v2/schedules?expand=rotation").await.json()["data"][0]["rotations"][0]["type"],
        "daily"
    );
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(
        caller
            .get(&format!("/v2/schedules/{id}/on-calls?identifierType=id"))
            .await
            .status,
        422
    );
    assert_eq!(vendor.violations().len(), 1);
}

#[tokio::test]
async fn users_are_listed_with_their_total() {
    let (vendor, _) = started().await;
    let caller = with_key(&vendor, &vendor.good_key());
    let users = caller.get("/v2/users?limit=4").await;
    assert_eq!(
        (users.column("/data", "id").len(), &users.json()["totalCount"]),
        (4, &json!(6))
    );
    assert!(users.json()["paging"]["next"].is_string());
    vendor.show_throttling();
    assert_eq!(
        caller
            .get("/v2/users?offset=4&limit=4")
            .await
            .header("x-ratelimit-state"),
        Some("THROTTLED")
    );
}
