//! Incidents.

use serde_json::{Value, json};

use super::{new_incident, started};

#[tokio::test]
async fn incidents_are_filtered_by_bracketed_lists() {
    let (vendor, caller) = started().await;
    let open = caller.get("/incidents?statuses[]=triggered&statuses%5B%5D=acknowledged").await;
    let mut statuses = open.column("/incidents", "status");
    statuses.dedup();
    assert_eq!(open.column("/incidents", "id").len(), 5);
    assert!(statuses.iter().all(|status| status != "resolved"));
    let booking = caller.get("/incidents?service_ids[]=PHLBOOK&statuses[]=triggered").await;
    assert_eq!(booking.column("/incidents", "title"), ["One in forty bookings fails with an error"]);
    let whole = caller.get("/incidents?service_ids[]=PHLBOOK&include[]=services&include[]=assignees").await;
    let first = whole.json()["incidents"][0].clone();
    assert_eq!(
        (&first["service"]["type"], &first["assignments"][0]["assignee"]["type"]),
        (&json!("service"), &json!("user"))
    );
    assert_eq!(booking.json()["incidents"][0]["service"]["type"], "service_reference");
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_misspelt_filter_is_a_violation_and_not_an_unfiltered_list() {
    let (vendor, caller) = started().await;
    for (at, query) in
        ["status=triggered", "statuses=triggered", "statuses[]=open", "service_id[]=x", "limit=101", "total=yes"]
            .iter()
            .enumerate()
    {
        let answer = caller.get(&format!("/incidents?{query}")).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(2001)), "{query}");
        assert_eq!(vendor.violations().len(), at + 1);
    }
}

#[tokio::test]
async fn a_created_incident_is_assigned_listed_and_found_by_number() {
    let (vendor, caller) = started().await;
    let body =
        new_incident(&[("urgency", json!("low")), ("body", json!({"type": "incident_body", "details": "No power."}))]);
    let made = caller.send("POST", "/incidents", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json()["incident"].clone();
    assert_eq!((&made["status"], &made["urgency"]), (&json!("triggered"), &json!("low")));
    assert_eq!(made["assignments"][0]["assignee"]["summary"], "Marit Visser");
    assert_eq!(made["body"]["details"], "No power.");
    let by_number = caller.get(&format!("/incidents/{}", made["incident_number"])).await;
    assert_eq!(by_number.json()["incident"]["id"], made["id"]);
    assert!(vendor.incident_ids("triggered").contains(&made["id"].as_str().unwrap().to_owned()));
    assert_eq!(caller.get("/incidents/QNOWHERE").await.json()["error"]["code"], 2100);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_second_incident_with_an_open_key_is_refused() {
    let (vendor, caller) = started().await;
    let body = new_incident(&[("incident_key", json!("crane-7"))]);
    let made = caller.send("POST", "/incidents", &body).await.json();
    let again = caller.send("POST", "/incidents", &body).await;
    assert_eq!((again.status, &again.json()["error"]["code"]), (400, &json!(2002)));
    assert_eq!(caller.get("/incidents?incident_key=crane-7").await.column("/incidents", "id").len(), 1);
    let path = format!("/incidents/{}", made["incident"]["id"].as_str().unwrap());
    let resolve = json!({"incident": {"type": "incident", "status": "resolved", "resolution": "Fuse replaced"}});
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
        (2001, new_incident(&[("service", json!({"id": "PNOPE", "type": "service_reference"}))])),
        (2001, new_incident(&[("escalation_policy", policy.clone()), ("assignments", person.clone())])),
        (1007, new_incident(&[("assignments", json!([{"assignee": {"id": "PNOPE", "type": "user_reference"}}]))])),
        (1020, new_incident(&[("priority", json!({"id": "PNOPE", "type": "priority_reference"}))])),
        (1014, new_incident(&[("escalation_policy", json!({"id": "PNOPE", "type": "escalation_policy_reference"}))])),
    ];
    for (code, body) in &refused {
        let answer = caller.send("POST", "/incidents", body).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(code)), "{body}");
    }
    assert_eq!(vendor.violations(), Vec::<String>::new());
    let made = caller.send("POST", "/incidents", &new_incident(&[("escalation_policy", policy)])).await.json();
    assert_eq!(made["incident"]["assignments"][0]["assignee"]["id"], "PUSRAVI");
    let made = caller.send("POST", "/incidents", &new_incident(&[("assignments", person)])).await.json();
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
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(2001)), "{body}");
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
    assert_eq!(acknowledged["incident"]["acknowledgements"][0]["acknowledger"]["summary"], "Marit Visser");
    assert_eq!(caller.send("PUT", &path, &put("acknowledged")).await.status, 200);
    assert_eq!(caller.send("PUT", &path, &put("resolved")).await.json()["incident"]["status"], "resolved");
    for status in ["resolved", "acknowledged"] {
        let refused = caller.send("PUT", &path, &put(status)).await;
        assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &json!(1001)));
    }
    assert_eq!(caller.send("PUT", &path, &put("triggered")).await.json()["incident"]["resolved_at"], Value::Null);
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
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &json!(1001)));
    assert_eq!(vendor.incident_ids("triggered"), open);
    let both = json!({"incidents": [change(&open[0]), change(&open[1])]});
    let changed = caller.send("PUT", "/incidents", &both).await;
    assert_eq!(changed.column("/incidents", "status"), ["acknowledged", "acknowledged"]);
    let many: Vec<Value> = (0..251).map(|_| change(&open[2])).collect();
    assert_eq!(caller.send("PUT", "/incidents", &json!({"incidents": many})).await.status, 413);
    assert_eq!(vendor.incident_ids("triggered"), [open[2].clone()]);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    let no_id = json!({"incidents": [{"type": "incident", "status": "resolved"}]});
    assert_eq!(caller.send("PUT", "/incidents", &no_id).await.status, 400);
    assert_eq!(vendor.violations().len(), 1);
}
