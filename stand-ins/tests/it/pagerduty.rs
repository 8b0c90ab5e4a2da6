//! The PagerDuty stand-in.

use std::time::Duration;

use serde_json::{Value, json};
use stand_ins::PagerDutyStandIn;

use crate::client::Caller;

const ACCEPT: &str = "application/vnd.pagerduty+json;version=2";

async fn started() -> (PagerDutyStandIn, Caller) {
    let vendor = PagerDutyStandIn::start().await;
    let caller =
        with(&vendor, &format!("Token token={}", vendor.good_key())).with("from", &vendor.actor_email());
    (vendor, caller)
}

fn with(vendor: &PagerDutyStandIn, authorization: &str) -> Caller {
    Caller::new(&vendor.base_url(), authorization).with("accept", ACCEPT)
}

fn new_incident(more: &[(&str, Value)]) -> Value {
    let mut incident = json!({
        "type": "incident", "title": "Quay crane 7 stands still",
        "service": {"id": PagerDutyStandIn::SERVICE, "type": "service_reference"},
    });
    for (name, value) in more {
        incident[*name] = value.clone();
    }
    json!({"incident": incident})
}

#[tokio::test]
async fn incidents_are_filtered_by_bracketed_lists() {
    let (vendor, caller) = started().await;
    let open = caller
        .get("/incidents?statuses[]=triggered&statuses%5B%5D=acknowledged")
        .await;
    let mut statuses = open.column("/incidents", "status");
    statuses.dedup();
    assert_eq!(open.column("/incidents", "id").len(), 5);
    assert!(statuses.iter().all(|status| status != "resolved"));
    let booking = caller
        .get("/incidents?service_ids[]=PHLBOOK&statuses[]=triggered")
        .await;
    assert_eq!(
        booking.column("/incidents", "title"),
        ["One in forty bookings fails with an error"]
    );
    let whole = caller
        .get("/incidents?service_ids[]=PHLBOOK&include[]=services&include[]=assignees")
        .await;
    let first = whole.json()["incidents"][0].clone();
    assert_eq!(
        (
            &first["service"]["type"],
            &first["assignments"][0]["assignee"]["type"]
        ),
        (&json!("service"), &json!("user"))
    );
    assert_eq!(
        booking.json()["incidents"][0]["service"]["type"],
        "service_reference"
    );
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_misspelt_filter_is_a_violation_and_not_an_unfiltered_list() {
    let (vendor, caller) = started().await;
    for (at, query) in [
        "status=triggered",
        "statuses=triggered",
        "statuses[]=open",
        "service_id[]=x",
        "limit=101",
        "total=yes",
    ]
    .iter()
    .enumerate()
    {
        let answer = caller.get(&format!("/incidents?{query}")).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (400, &json!(2001)),
            "{query}"
        );
        assert_eq!(vendor.violations().len(), at + 1);
    }
}

#[tokio::test]
async fn lists_are_paged_and_total_is_told_on_request_alone() {
    let (vendor, caller) = started().await;
    let first = caller.get("/incidents").await;
    assert_eq!(
        (
            first.column("/incidents", "id").len(),
            &first.json()["more"],
            &first.json()["total"]
        ),
        (25, &json!(true), &Value::Null)
    );
    let second = caller.get("/incidents?offset=25&limit=25&total=true").await;
    assert_eq!(
        (
            second.column("/incidents", "id").len(),
            &second.json()["more"],
            &second.json()["total"]
        ),
        (9, &json!(false), &json!(34))
    );
    let newest = caller.get("/incidents?sort_by=created_at:desc&limit=1").await;
    assert_eq!(newest.column("/incidents", "status"), ["triggered"]);
    let twice = caller
        .get("/incidents?sort_by=urgency:asc,created_at:desc&limit=1")
        .await;
    assert_eq!(
        twice.column("/incidents", "title"),
        ["One in forty bookings fails with an error"]
    );
    assert_eq!(caller.get("/incidents?sort_by=colour").await.status, 400);
    let beyond = caller.get("/incidents?offset=9990&limit=25").await;
    assert_eq!(
        (beyond.status, &beyond.json()["error"]["code"]),
        (400, &json!(2002))
    );
    let recent = caller.get("/incidents?since=2020-01-01&until=2020-02-01").await;
    assert_eq!(recent.column("/incidents", "id").len(), 0);
    assert_eq!(
        caller
            .get("/incidents?since=2020-01-01&until=2021-01-01")
            .await
            .status,
        400
    );
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_created_incident_is_assigned_listed_and_found_by_number() {
    let (vendor, caller) = started().await;
    let body = new_incident(&[
        ("urgency", json!("low")),
        ("body", json!({"type": "incident_body", "details": "No power."})),
    ]);
    let made = caller.send("POST", "/incidents", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json()["incident"].clone();
    assert_eq!(
        (&made["status"], &made["urgency"]),
        (&json!("triggered"), &json!("low"))
    );
    assert_eq!(made["assignments"][0]["assignee"]["summary"], "Marit Visser");
    assert_eq!(made["body"]["details"], "No power.");
    let by_number = caller
        .get(&format!("/incidents/{}", made["incident_number"]))
        .await;
    assert_eq!(by_number.json()["incident"]["id"], made["id"]);
    assert!(
        vendor
            .incident_ids("triggered")
            .contains(&made["id"].as_str().unwrap().to_owned())
    );
    assert_eq!(
        caller.get("/incidents/QNOWHERE").await.json()["error"]["code"],
        2100
    );
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_second_incident_with_an_open_key_is_refused() {
    let (vendor, caller) = started().await;
    let body = new_incident(&[("incident_key", json!("crane-7"))]);
    let made = caller.send("POST", "/incidents", &body).await.json();
    let again = caller.send("POST", "/incidents", &body).await;
    assert_eq!(
        (again.status, &again.json()["error"]["code"]),
        (400, &json!(2002))
    );
    assert_eq!(
        caller
            .get("/incidents?incident_key=crane-7")
            .await
            .column("/incidents", "id")
            .len(),
        1
    );
    let path = format!("/incidents/{}", made["incident"]["id"].as_str().unwrap());
    let resolve =
        json!({"incident": {"type": "incident", "status": "resolved", "resolution": "Fuse replaced"}});
    assert_eq!(caller.send("PUT", &path, &resolve).await.status, 200);
    assert_eq!(caller.send("POST", "/incidents", &body).await.status, 201);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn references_must_exist_and_people_exclude_a_policy() {
    let (vendor, caller) = started().await;
    let policy = json!({"id": "PEPLOGI", "type": "escalation_policy_reference"});
    let person = json!([{"assignee": {"id": "PUSJUNP", "type": "user_reference"}}]);
    let refused = [
        (
            2001,
            new_incident(&[("service", json!({"id": "PNOPE", "type": "service_reference"}))]),
        ),
        (
            2001,
            new_incident(&[
                ("escalation_policy", policy.clone()),
                ("assignments", person.clone()),
            ]),
        ),
        (
            1007,
            new_incident(&[(
                "assignments",
                json!([{"assignee": {"id": "PNOPE", "type": "user_reference"}}]),
            )]),
        ),
        (
            1020,
            new_incident(&[("priority", json!({"id": "PNOPE", "type": "priority_reference"}))]),
        ),
        (
            1014,
            new_incident(&[(
                "escalation_policy",
                json!({"id": "PNOPE", "type": "escalation_policy_reference"}),
            )]),
        ),
    ];
    for (code, body) in &refused {
        let answer = caller.send("POST", "/incidents", body).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (400, &json!(code)),
            "{body}"
        );
    }
    assert_eq!(vendor.violations(), Vec::<String>::new());
    let made = caller
        .send(
            "POST",
            "/incidents",
            &new_incident(&[("escalation_policy", policy)]),
        )
        .await
        .json();
    assert_eq!(made["incident"]["assignments"][0]["assignee"]["id"], "PUSRAVI");
    let made = caller
        .send("POST", "/incidents", &new_incident(&[("assignments", person)]))
        .await
        .json();
    assert_eq!(made["incident"]["assignments"][0]["assignee"]["id"], "PUSJUNP");
}

#[tokio::test]
async fn a_body_of_the_wrong_shape_is_a_violation() {
    let (vendor, caller) = started().await;
    let bodies = [
        json!({"type": "incident", "title": "no wrapper"}),
        json!({"incident": {"type": "incident", "title": "no service"}}),
        new_incident(&[("type", json!("incident_reference"))]),
        new_incident(&[("urgency", json!("medium"))]),
        new_incident(&[("titel", json!("typo"))]),
        new_incident(&[("body", json!("bare text"))]),
    ];
    for body in &bodies {
        let before = vendor.violations().len();
        let answer = caller.send("POST", "/incidents", body).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (400, &json!(2001)),
            "{body}"
        );
        assert!(vendor.violations().len() > before, "{body}");
    }
}

#[tokio::test]
async fn a_resolved_incident_cannot_be_resolved_again_and_can_be_reopened() {
    let (vendor, caller) = started().await;
    let id = vendor.incident_ids("triggered").remove(0);
    let path = format!("/incidents/{id}");
    let put = |status: &str| json!({"incident": {"type": "incident_reference", "status": status}});
    let acknowledged = caller.send("PUT", &path, &put("acknowledged")).await.json();
    assert_eq!(
        acknowledged["incident"]["acknowledgements"][0]["acknowledger"]["summary"],
        "Marit Visser"
    );
    assert_eq!(caller.send("PUT", &path, &put("acknowledged")).await.status, 200);
    assert_eq!(
        caller.send("PUT", &path, &put("resolved")).await.json()["incident"]["status"],
        "resolved"
    );
    for status in ["resolved", "acknowledged"] {
        let refused = caller.send("PUT", &path, &put(status)).await;
        assert_eq!(
            (refused.status, &refused.json()["error"]["code"]),
            (400, &json!(1001))
        );
    }
    assert_eq!(
        caller.send("PUT", &path, &put("triggered")).await.json()["incident"]["resolved_at"],
        Value::Null
    );
    let early = json!({"incident": {"type": "incident", "resolution": "too early"}});
    assert_eq!(caller.send("PUT", &path, &early).await.status, 400);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn one_refused_change_leaves_every_incident_as_it_was() {
    let (vendor, caller) = started().await;
    let change = |id: &str| json!({"id": id, "type": "incident_reference", "status": "acknowledged"});
    let (open, done) = (vendor.incident_ids("triggered"), vendor.incident_ids("resolved"));
    let mixed = json!({"incidents": [change(&open[0]), change(&done[0])]});
    let refused = caller.send("PUT", "/incidents", &mixed).await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (400, &json!(1001))
    );
    assert_eq!(vendor.incident_ids("triggered"), open);
    let both = json!({"incidents": [change(&open[0]), change(&open[1])]});
    let changed = caller.send("PUT", "/incidents", &both).await;
    assert_eq!(
        changed.column("/incidents", "status"),
        ["acknowledged", "acknowledged"]
    );
    let many: Vec<Value> = (0..251).map(|_| change(&open[2])).collect();
    assert_eq!(
        caller
            .send("PUT", "/incidents", &json!({"incidents": many}))
            .await
            .status,
        413
    );
    assert_eq!(vendor.incident_ids("triggered"), [open[2].clone()]);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    let no_id = json!({"incidents": [{"type": "incident", "status": "resolved"}]});
    assert_eq!(caller.send("PUT", "/incidents", &no_id).await.status, 400);
    assert_eq!(vendor.violations().len(), 1);
}

#[tokio::test]
async fn a_write_with_an_account_key_names_a_known_user_in_from() {
    let (vendor, caller) = started().await;
    let body = new_incident(&[]);
    assert_eq!(
        caller
            .clone()
            .without("from")
            .send("POST", "/incidents", &body)
            .await
            .status,
        400
    );
    let stranger = caller
        .clone()
        .with("from", "nobody@example.com")
        .send("POST", "/incidents", &body)
        .await;
    assert_eq!(
        (stranger.status, &stranger.json()["error"]["code"]),
        (400, &json!(1008))
    );
    let user = with(&vendor, &format!("Token token={}", vendor.user_key()));
    assert_eq!(user.send("POST", "/incidents", &body).await.status, 201);
    let token = with(&vendor, &format!("Bearer {}", vendor.user_token()));
    assert_eq!(token.send("POST", "/incidents", &body).await.status, 201);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    let both = token
        .with("from", &vendor.actor_email())
        .send("POST", "/incidents", &body)
        .await;
    assert_eq!(both.status, 400);
    assert_eq!(vendor.violations().len(), 1);
}

#[tokio::test]
async fn each_credential_has_its_own_wire_form() {
    let (vendor, caller) = started().await;
    let status = async |authorization: String| with(&vendor, &authorization).get("/services").await.status;
    assert_eq!(
        status(format!("Token token={}", vendor.read_only_key())).await,
        200
    );
    assert_eq!(status("Token token=wrong".to_owned()).await, 401);
    assert_eq!(status("Bearer wrong".to_owned()).await, 401);
    assert!(vendor.violations().is_empty());
    assert_eq!(status(format!("Bearer {}", vendor.good_key())).await, 401);
    assert_eq!(status(format!("Token token={}", vendor.user_token())).await, 401);
    assert_eq!(status(format!("Token {}", vendor.good_key())).await, 401);
    assert_eq!(
        status(format!("Token token=\"{}\"", vendor.good_key())).await,
        401
    );
    assert_eq!(vendor.violations().len(), 4, "{:?}", vendor.violations());
    assert_eq!(
        caller
            .with("accept", "application/json")
            .get("/services")
            .await
            .status,
        400
    );
    assert_eq!(vendor.violations().len(), 5);
}

#[tokio::test]
async fn a_read_only_key_and_a_token_without_the_scope_get_403_of_their_own() {
    let vendor = PagerDutyStandIn::builder()
        .with_token_scopes(&["incidents.read"])
        .start()
        .await;
    let reader =
        with(&vendor, &format!("Token token={}", vendor.read_only_key())).with("from", &vendor.actor_email());
    let refused = reader.send("POST", "/incidents", &new_incident(&[])).await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (403, &json!(2010))
    );
    let token = with(&vendor, &format!("Bearer {}", vendor.user_token()));
    assert_eq!(token.get("/incidents").await.status, 200);
    let refused = token.send("POST", "/incidents", &new_incident(&[])).await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["required_scopes"]),
        (403, &json!("incidents.write"))
    );
    assert_eq!(refused.json()["error"].get("code"), None);
    assert_eq!(
        token.get("/users/me").await.json()["user"]["email"],
        vendor.actor_email()
    );
    assert!(vendor.violations().is_empty());
}

#[tokio::test]
async fn an_account_key_has_no_current_user_and_its_error_is_a_string() {
    let (vendor, caller) = started().await;
    let answer = caller.get("/users/me").await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.json()["error"]
            .as_str()
            .unwrap()
            .contains("account-level access token")
    );
    assert!(vendor.violations().is_empty());
}

#[tokio::test]
async fn services_follow_their_incidents_and_are_searched() {
    let (vendor, caller) = started().await;
    assert_eq!(
        caller
            .get("/services?query=book")
            .await
            .column("/services", "status"),
        ["critical"]
    );
    let id = vendor.incident_ids("triggered").remove(0);
    let resolve = json!({"incident": {"type": "incident", "status": "resolved"}});
    caller.send("PUT", &format!("/incidents/{id}"), &resolve).await;
    let one = caller
        .get("/services/PHLBOOK?include[]=escalation_policies")
        .await
        .json()["service"]
        .clone();
    assert_eq!(
        (&one["status"], &one["escalation_policy"]["type"]),
        (&json!("active"), &json!("escalation_policy"))
    );
    assert_eq!(
        caller
            .get("/services?sort_by=name:desc&limit=1")
            .await
            .column("/services", "name"),
        ["Tracking"]
    );
    assert_eq!(
        caller
            .get("/services?team_ids[]=PTMFINA")
            .await
            .column("/services", "name")
            .len(),
        2
    );
    assert_eq!(caller.get("/abilities").await.json()["abilities"][0], "teams");
    assert_eq!(
        caller.get("/users?query=ravi").await.column("/users", "name"),
        ["Ravi Menon"]
    );
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn on_calls_are_filtered_and_expanded() {
    let (vendor, caller) = started().await;
    assert_eq!(
        caller.get("/oncalls").await.json()["oncalls"]
            .as_array()
            .unwrap()
            .len(),
        6
    );
    let answer = caller
        .get("/oncalls?schedule_ids[]=PSCLOGI&include[]=users")
        .await
        .json();
    let on_call = answer["oncalls"].as_array().unwrap();
    assert_eq!(on_call.len(), 1);
    assert_eq!(
        (&on_call[0]["user"]["email"], &on_call[0]["escalation_level"]),
        (&json!("ravi.menon@example.com"), &json!(1))
    );
    assert!(on_call[0]["end"].as_str() > on_call[0]["start"].as_str());
    let for_ever = caller.get("/oncalls?user_ids[]=PUSJUNP").await.json();
    assert_eq!(for_ever["oncalls"][0]["end"], Value::Null);
    assert_eq!(
        caller.get("/oncalls?since=2999-01-01T00:00:00Z").await.status,
        400
    );
    assert!(vendor.violations().is_empty());
}

#[tokio::test]
async fn the_rate_limit_shows_in_headers_and_refuses_with_2020() {
    let vendor = PagerDutyStandIn::builder()
        .with_rate_limit(2)
        .with_key("k-2")
        .start()
        .await;
    let caller = with(&vendor, "Token token=k-2");
    let first = caller.get("/services").await;
    assert_eq!(
        (
            first.header("ratelimit-limit"),
            first.header("ratelimit-remaining")
        ),
        (Some("2"), Some("1"))
    );
    caller.get("/services").await;
    let refused = caller.get("/services").await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (429, &json!(2020))
    );
    let reset: u64 = refused.header("ratelimit-reset").unwrap().parse().unwrap();
    vendor.advance(Duration::from_secs(reset));
    assert_eq!(caller.get("/services").await.status, 200);
}
