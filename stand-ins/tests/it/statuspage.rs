//! The Statuspage stand-in.

use std::time::Duration;

use serde_json::{Value, json};
use stand_ins::StatuspageStandIn;

use crate::client::{Caller, reply};

const PAGE: &str = StatuspageStandIn::PAGE;

async fn started() -> (StatuspageStandIn, Caller) {
    let vendor = StatuspageStandIn::start().await;
    let caller = Caller::new(&vendor.base_url(), &format!("OAuth {}", vendor.good_key()));
    (vendor, caller)
}

fn incidents() -> String {
    format!("/pages/{PAGE}/incidents")
}

fn components() -> String {
    format!("/pages/{PAGE}/components")
}

#[tokio::test]
async fn pages_are_listed_and_fetched() {
    let (vendor, caller) = started().await;
    let pages = caller.get("/pages").await;
    assert_eq!(pages.status, 200);
    assert_eq!(pages.column("", "id"), [PAGE, StatuspageStandIn::SECOND_PAGE]);
    assert_eq!(
        caller.get(&format!("/pages/{PAGE}")).await.json()["name"],
        "Harbourline"
    );
    assert_eq!(caller.get("/pages/nothere00000").await.status, 404);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(vendor.count(), 3);
    assert_eq!(vendor.last_request().unwrap().path(), "/v1/pages/nothere00000");
}

#[tokio::test]
async fn a_wrong_key_is_refused_without_blame_and_a_wrong_scheme_with_it() {
    let (vendor, caller) = started().await;
    let refused = caller
        .clone()
        .with("authorization", "OAuth wrong")
        .get("/pages")
        .await;
    assert_eq!(
        (refused.status, refused.json()),
        (401, json!({"error": "Could not authenticate"}))
    );
    assert!(vendor.violations().is_empty());

    let bearer = format!("Bearer {}", vendor.good_key());
    assert_eq!(
        caller
            .clone()
            .with("authorization", &bearer)
            .get("/pages")
            .await
            .status,
        401
    );
    assert_eq!(vendor.violations().len(), 1);
    assert_eq!(caller.without("authorization").get("/pages").await.status, 401);
    assert_eq!(vendor.violations().len(), 2);
}

#[tokio::test]
async fn a_key_in_the_url_is_a_violation() {
    let (vendor, caller) = started().await;
    let answer = caller.get(&format!("/pages?api_key={}", vendor.good_key())).await;
    assert_eq!(answer.status, 401);
    let violations = vendor.violations();
    assert!(
        violations.iter().any(|text| text.contains("a key in the query")),
        "{violations:?}"
    );
    assert!(
        violations.iter().all(|text| !text.contains(&vendor.good_key())),
        "{violations:?}"
    );
}

#[tokio::test]
async fn components_come_in_pages_and_a_short_page_is_the_last() {
    let (vendor, caller) = started().await;
    let all = caller.get(&components()).await.column("", "id");
    assert_eq!(all, vendor.component_ids());
    assert_eq!(all.len(), 25);
    let mut seen = Vec::new();
    for (page, expected) in [(1, 10), (2, 10), (3, 5), (4, 0)] {
        let part = caller
            .get(&format!("{}?page={page}&per_page=10", components()))
            .await
            .column("", "id");
        assert_eq!(part.len(), expected);
        seen.extend(part);
    }
    assert_eq!(seen, all);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_unknown_or_impossible_query_parameter_is_a_violation() {
    let (vendor, caller) = started().await;
    for query in [
        "perpage=10",
        "page=0",
        "per_page=101",
        "page=x",
        "page=1&page=2",
        "limit=10",
    ] {
        let answer = caller.get(&format!("{}?{query}", components())).await;
        assert_eq!(answer.status, 400, "{query}");
        let violations = vendor.violations();
        assert!(
            violations.last().unwrap().contains("query: "),
            "{query}: {violations:?}"
        );
    }
    assert_eq!(vendor.violations().len(), 6);
}

#[tokio::test]
async fn a_component_lives_from_create_to_delete() {
    let (vendor, caller) = started().await;
    let made = caller
        .send(
            "POST",
            &components(),
            &json!({"component": {"name": "Berth planner", "status": "operational"}}),
        )
        .await;
    assert_eq!(made.status, 201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("{}/{id}", components());

    let group = caller
        .get(&components())
        .await
        .json()
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["group"] == true)
        .unwrap()["id"]
        .clone();
    let changed = caller
        .send(
            "PATCH",
            &path,
            &json!({"component": {"status": "major_outage", "group_id": group}}),
        )
        .await;
    assert_eq!(changed.status, 200);
    assert_eq!(
        (&changed.json()["status"], &changed.json()["group_id"]),
        (&json!("major_outage"), &group)
    );
    let ungrouped = caller
        .send("PATCH", &path, &json!({"component": {"group_id": null}}))
        .await;
    assert_eq!(ungrouped.json()["group_id"], Value::Null);
    assert_eq!(ungrouped.json()["status"], "major_outage");

    let gone = caller.delete(&path).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    assert_eq!(caller.get(&path).await.status, 404);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_body_without_its_wrapper_or_with_a_typo_is_a_violation() {
    let (vendor, caller) = started().await;
    let bodies = [
        json!({"name": "x"}),
        json!({"component": {"nmae": "x"}}),
        json!({"component": {"name": "x", "status": "down"}}),
        json!({"component": {"name": 5}}),
        json!({"component": {"name": "x"}, "page": 1}),
    ];
    for body in &bodies {
        let before = vendor.violations().len();
        assert_eq!(
            caller.send("POST", &components(), body).await.status,
            422,
            "{body}"
        );
        assert!(vendor.violations().len() > before, "{body}");
    }
    assert_eq!(
        caller.get(&components()).await.json().as_array().unwrap().len(),
        25
    );
}

#[tokio::test]
async fn the_content_type_must_fit_and_the_put_twin_is_not_played() {
    let (vendor, caller) = started().await;
    let form = caller
        .request("POST", &components())
        .header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(reply(form.body("component[name]=x")).await.status, 415);
    let body = json!({"component": {"name": "x"}});
    let put = format!("{}/c01quotesapi", components());
    assert_eq!(caller.send("PUT", &put, &body).await.status, 404);
    assert_eq!(vendor.violations().len(), 2, "{:?}", vendor.violations());
}

#[tokio::test]
async fn every_incident_list_holds_what_its_name_says() {
    let (vendor, caller) = started().await;
    let expected: [(&str, &[&str]); 5] = [
        (
            "",
            &[
                "identified",
                "monitoring",
                "in_progress",
                "scheduled",
                "completed",
                "resolved",
                "resolved",
            ],
        ),
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
        caller
            .get(&format!("{}?limit=2&page=2", incidents()))
            .await
            .column("", "status"),
        ["in_progress", "scheduled"]
    );
    assert_eq!(
        caller
            .get(&format!("{}?q=singapore", incidents()))
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        caller
            .get(&format!("{}/unresolved?per_page=1&page=2", incidents()))
            .await
            .column("", "status"),
        ["monitoring"]
    );
    assert_eq!(vendor.violations(), Vec::<String>::new());

    // The list of all names its size differently from the others.
    assert_eq!(
        caller.get(&format!("{}?per_page=2", incidents())).await.status,
        400
    );
    assert_eq!(
        caller
            .get(&format!("{}/unresolved?limit=2", incidents()))
            .await
            .status,
        400
    );
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
    assert_eq!(
        (&made["impact"], &made["components"][0]["status"]),
        (&json!("major"), &json!("partial_outage"))
    );
    assert_eq!(
        made["incident_updates"][0]["affected_components"][0]["old_status"],
        "operational"
    );
    assert!(vendor.mails_sent().is_empty());
    assert_eq!(
        caller
            .get(&format!("{}/unresolved", incidents()))
            .await
            .column("", "id")[0],
        id
    );

    let path = format!("{}/{id}", incidents());
    let changed = caller
        .send(
            "PATCH",
            &path,
            &json!({"incident": {"status": "identified", "body": "A bad release."}}),
        )
        .await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.json()["incident_updates"].as_array().unwrap().len(), 2);
    let mails = vendor.mails_sent();
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (mails[0].incident(), mails[0].status(), mails[0].recipients()),
        (id.as_str(), "identified", 23)
    );

    let renamed = caller
        .send("PATCH", &path, &json!({"incident": {"name": "Portal was slow"}}))
        .await;
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
    let resolved = caller
        .send("PATCH", &path, &json!({"incident": {"status": "resolved"}}))
        .await;
    assert_eq!(resolved.json()["status"], "resolved");
    assert!(resolved.json()["resolved_at"].is_string());
    assert_eq!(
        caller.get(&component).await.json()["status"],
        "degraded_performance"
    );
    let body = json!({"incident": {"components": {"c02bookapi11": "operational"}}});
    assert_eq!(caller.send("PATCH", &path, &body).await.status, 200);
    assert_eq!(caller.get(&component).await.json()["status"], "operational");
}

#[tokio::test]
async fn a_maintenance_needs_its_schedule_and_its_own_statuses() {
    let (vendor, caller) = started().await;
    let create = |fields: Value| {
        let caller = caller.clone();
        async move {
            caller
                .send("POST", &incidents(), &json!({"incident": fields}))
                .await
        }
    };
    let good = json!({
        "name": "Router swap", "status": "scheduled", "deliver_notifications": false, "scheduled_auto_transition": true,
        "scheduled_for": "2035-01-02T03:00:00Z", "scheduled_until": "2035-01-02T04:00:00Z",
    });
    let made = create(good).await;
    assert_eq!(
        (made.status, &made.json()["impact"]),
        (201, &json!("maintenance"))
    );
    assert_eq!(made.json()["scheduled_auto_in_progress"], true);
    assert_eq!(
        caller
            .get(&format!("{}/upcoming", incidents()))
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );

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
async fn page_access_users_are_added_as_a_form() {
    let (vendor, caller) = started().await;
    let path = format!("{}/c02bookapi11/page_access_users", components());
    let form = |body: &str| {
        let request = caller
            .request("POST", &path)
            .header("content-type", "application/x-www-form-urlencoded");
        reply(request.body(body.to_owned()))
    };
    let added = form("page_access_user_ids[]=pau1lotte000&page_access_user_ids%5B%5D=pau2kwame000").await;
    assert_eq!(added.status, 201);
    assert_eq!(
        added.json()["page_access_users"],
        json!(["pau1lotte000", "pau2kwame000"])
    );
    assert_eq!(form("page_access_user_ids[]=nobody").await.status, 422);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(form("page_access_user_ids=pau1lotte000").await.status, 422);
    assert_eq!(form("").await.status, 422);
    assert_eq!(
        caller
            .send("POST", &path, &json!({"page_access_user_ids": ["pau1lotte000"]}))
            .await
            .status,
        415
    );
    assert_eq!(vendor.violations().len(), 3, "{:?}", vendor.violations());
}

#[tokio::test]
async fn subscribers_are_paged_from_zero_and_counted() {
    let (vendor, caller) = started().await;
    let path = format!("/pages/{PAGE}/subscribers");
    let first = caller
        .get(&format!("{path}?page=0&limit=20&sort_field=primary"))
        .await
        .column("", "id");
    let second = caller
        .get(&format!("{path}?page=1&limit=20&sort_field=primary"))
        .await
        .column("", "id");
    assert_eq!((first.len(), second.len()), (20, 7));
    assert!(first.iter().all(|id| !second.contains(id)));
    assert_eq!(
        caller
            .get(&format!("{path}?state=quarantined"))
            .await
            .column("", "email"),
        ["returned.mail@example.com"]
    );
    let count = caller.get(&format!("{path}/count")).await.json();
    assert_eq!(
        (&count["email"], &count["sms"], &count["webhook"]),
        (&json!(23), &json!(3), &json!(1))
    );
    let all = caller
        .get(&format!("{path}/count?type=email&state=all"))
        .await
        .json();
    assert_eq!(all, json!({"email": 25}));
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(caller.get(&format!("{path}?per_page=5")).await.status, 400);
    assert_eq!(vendor.violations().len(), 1);
}

#[tokio::test]
async fn the_sixty_first_request_in_a_minute_is_refused_with_420_until_the_window_rolls() {
    let vendor = StatuspageStandIn::builder()
        .with_rate_limit()
        .with_key("k-1")
        .start()
        .await;
    let caller = Caller::new(&vendor.base_url(), "OAuth k-1");
    for _ in 0..60 {
        assert_eq!(caller.get("/pages").await.status, 200);
    }
    let refused = caller.get("/pages").await;
    assert_eq!(refused.status, 420);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    vendor.advance(Duration::from_secs(61));
    assert_eq!(caller.get("/pages").await.status, 200);
    assert!(vendor.violations().is_empty());
}
