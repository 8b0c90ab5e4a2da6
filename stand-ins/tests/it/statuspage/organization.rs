//! The team and its rights.

use serde_json::{Value, json};
use stand_ins::{PermissionsForm, StatuspageStandIn as StandIn};

use super::{PAGE, SECOND_PAGE, id_of, started, started_with};

fn of_organization(rest: &str) -> String {
    format!("/organizations/{}/{rest}", StandIn::ORGANIZATION)
}

fn permissions() -> String {
    of_organization(&format!("permissions/{}", StandIn::USER))
}

#[tokio::test]
async fn a_page_that_the_permissions_leave_out_is_revoked() {
    let (vendor, caller) = started().await;
    let before = caller.get(&permissions()).await;
    assert_eq!(before.status, 200);
    assert_eq!(
        before.json(),
        json!({"data": {"user_id": StandIn::USER, "pages": [
            {"page_id": PAGE, "page_configuration": false, "incident_manager": true, "maintenance_manager": true},
            {"page_id": SECOND_PAGE},
        ]}})
    );
    let body = json!({"pages": {PAGE: {"page_configuration": true}}});
    let after = caller.send("PUT", &permissions(), &body).await;
    assert_eq!(after.status, 200);
    assert_eq!(
        after.json()["data"]["pages"],
        json!([{"page_id": PAGE, "page_configuration": true, "incident_manager": false, "maintenance_manager": false}])
    );
    assert_eq!(caller.get(&permissions()).await.json(), after.json());
    let nothing = caller.send("PUT", &permissions(), &json!({"pages": {}})).await;
    assert_eq!(nothing.json()["data"]["pages"], json!([]));
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn permissions_name_known_pages_and_roles_where_there_are_roles() {
    let (vendor, caller) = started().await;
    for pages in [json!({"nowhere00000": {}}), json!({SECOND_PAGE: {"incident_manager": true}})] {
        let refused = caller.send("PUT", &permissions(), &json!({"pages": pages})).await;
        assert_eq!(refused.status, 422, "{pages}");
    }
    let stranger = of_organization("permissions/nobody");
    assert_eq!(caller.get(&stranger).await.status, 404);
    assert_eq!(caller.get("/organizations/other/permissions/nobody").await.status, 404);
    assert_eq!(caller.get(&permissions()).await.json()["data"]["pages"].as_array().unwrap().len(), 2);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    for (at, body) in [
        json!({}),
        json!({"pages": {PAGE: {"admin": true}}}),
        json!({"pages": {PAGE: {"incident_manager": "true"}}}),
        json!({"pages": [PAGE]}),
        json!({"data": {"pages": {}}, "pages": {}}),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(caller.send("PUT", &permissions(), &body).await.status, 422, "{body}");
        assert_eq!(vendor.violations().len(), at + 1, "{body}");
    }
}

#[tokio::test]
async fn the_answer_about_permissions_comes_in_each_of_its_forms() {
    let roles = json!({"page_configuration": false, "incident_manager": true, "maintenance_manager": true});
    for form in [PermissionsForm::Bare, PermissionsForm::Mapped] {
        let (_vendor, caller) = started_with(StandIn::builder().with_permissions_form(form)).await;
        let answer = caller.get(&permissions()).await.json();
        if form == PermissionsForm::Bare {
            assert_eq!(answer["pages"][0]["page_id"], PAGE);
            assert_eq!(answer.get("data"), None);
        } else {
            assert_eq!(answer["data"]["pages"], json!({PAGE: roles, SECOND_PAGE: {}}));
        }
    }
}

#[tokio::test]
async fn a_team_member_is_added_listed_and_removed_with_all_rights() {
    let (vendor, caller) = started().await;
    let path = of_organization("users");
    assert_eq!(caller.get(&path).await.column("", "first_name"), ["Noor", "Tariq", "Beatriz"]);
    let body = json!({"user": {"email": "sam@harbourline.example.com", "first_name": "Sam", "last_name": "Ito", "password": "canary-pass"}});
    let made = caller.send("POST", &path, &body).await;
    assert_eq!(made.status, 201);
    assert!(!made.text.contains("canary"), "{}", made.text);
    assert_eq!(made.json()["organization_id"], StandIn::ORGANIZATION);
    assert_eq!(caller.get(&format!("{path}?page=2&per_page=3")).await.column("", "id"), [id_of(&made.json())]);
    assert_eq!(caller.send("POST", &path, &body).await.status, 422);
    assert_eq!(caller.send("POST", &path, &json!({"user": {"first_name": "Sam"}})).await.status, 422);

    let gone = caller.delete(&format!("{path}/{}", StandIn::USER)).await;
    assert_eq!((gone.status, &gone.json()["first_name"]), (200, &json!("Noor")));
    assert_eq!(caller.get(&permissions()).await.status, 404);
    assert_eq!(caller.delete(&format!("{path}/{}", StandIn::USER)).await.status, 404);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(
        caller.send("POST", &path, &json!({"user": {"email": "a@example.com", "role": "admin"}})).await.status,
        422
    );
    assert_eq!(vendor.violations().len(), 1);
}

#[tokio::test]
async fn a_team_with_atlassian_accounts_is_managed_elsewhere_but_for_its_permissions() {
    let (vendor, caller) = started_with(StandIn::builder().with_atlassian_accounts()).await;
    let path = of_organization("users");
    let body = json!({"user": {"email": "sam@harbourline.example.com"}});
    for refused in [
        caller.get(&path).await,
        caller.send("POST", &path, &body).await,
        caller.delete(&format!("{path}/{}", StandIn::USER)).await,
    ] {
        assert_eq!(refused.status, 403);
        let text = refused.json()["error"].clone();
        assert!(text.as_str().is_some_and(|text| text.contains("Atlassian account")), "{text}");
    }
    assert_ne!(caller.get(&permissions()).await.json()["data"], Value::Null);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}
