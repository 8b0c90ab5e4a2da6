//! Page access users.

use serde_json::{Value, json};
use stand_ins::{MailKind, StatuspageStandIn};

use super::{at, id_of, mails, started, texts};

#[tokio::test]
async fn a_page_access_user_lives_from_create_to_delete() {
    let (vendor, caller) = started().await;
    let path = at("page_access_users");
    let body = json!({"page_access_user": {
        "email": "anna@customer.example.com", "external_login": "uid-anna", "page_access_group_ids": ["pag1shippers"],
        "subscribe_to_components": false,
    }});
    let made = caller.send("POST", &path, &body).await;
    assert_eq!(made.status, 200);
    let made = made.json();
    assert_eq!(texts(&made["page_access_group_ids"]), ["pag1shippers"]);
    assert_eq!(caller.get(&format!("{path}?email=anna@customer.example.com")).await.json(), json!([made]));
    assert!(vendor.mails_sent().is_empty());

    let one = format!("{path}/{}", id_of(&made));
    let body = json!({"page_access_user": {"page_access_group_ids": ["pag2carriers"]}});
    let changed = caller.send("PATCH", &one, &body).await;
    assert_eq!(texts(&changed.json()["page_access_group_ids"]), ["pag2carriers"]);
    assert_eq!(changed.json()["email"], "anna@customer.example.com");
    assert_eq!(caller.get(&one).await.json(), changed.json());

    let gone = caller.delete(&one).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    assert_eq!(caller.get(&one).await.status, 404);
    let group = caller.get(&at("page_access_groups/pag2carriers")).await.json();
    assert_eq!(group["page_access_user_ids"], json!([]));
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_second_user_with_the_same_address_or_login_is_refused_with_409() {
    let (vendor, caller) = started().await;
    let path = at("page_access_users");
    for user in [json!({"email": "lotte@customer.example.com"}), json!({"external_login": "uid-lotte"})] {
        let body = json!({"page_access_user": user});
        assert_eq!(caller.send("POST", &path, &body).await.status, 409, "{body}");
        assert_eq!(caller.send("PATCH", &format!("{path}/pau2kwame000"), &body).await.status, 409);
        assert_eq!(caller.send("PATCH", &format!("{path}/pau1lotte000"), &body).await.status, 200);
    }
    for user in
        [json!({}), json!({"email": "lotte"}), json!({"email": "a@example.com", "page_access_group_ids": ["no"]})]
    {
        assert_eq!(caller.send("POST", &path, &json!({"page_access_user": user})).await.status, 422, "{user}");
    }
    assert_eq!(vendor.violations(), Vec::<String>::new());
    let switch = json!({"page_access_user": {"subscribe_to_components": true}});
    assert_eq!(caller.send("PATCH", &format!("{path}/pau1lotte000"), &switch).await.status, 422);
    assert_eq!(vendor.violations().len(), 1, "the switch is one of creation alone");
}

#[tokio::test]
async fn a_user_is_subscribed_only_when_asked_for() {
    let (vendor, caller) = started().await;
    let body = json!({"page_access_user": {"email": "anna@customer.example.com", "subscribe_to_components": true}});
    let made = caller.send("POST", &at("page_access_users"), &body).await.json();
    let found = caller.get(&at("subscribers?state=unconfirmed&q=anna")).await.json();
    assert_eq!(found[0]["page_access_user_id"], made["id"]);
    assert_eq!(mails(&vendor), [(MailKind::Confirmation, "anna@customer.example.com".to_owned())]);
}

#[tokio::test]
async fn what_a_user_sees_is_added_with_patch_replaced_with_post_and_removed_with_delete() {
    let (vendor, caller) = started().await;
    for (kind, member, [one, two, three]) in [
        ("components", "component_ids", ["c01quotesapi", "c02bookapi11", "c06trackapi4"]),
        ("metrics", "metric_ids", [StatuspageStandIn::SELF_METRIC, "mt2trackfeed", StatuspageStandIn::DATADOG_METRIC]),
    ] {
        let path = at(&format!("page_access_users/pau1lotte000/{kind}"));
        let list = |ids: &[&str]| json!({member: ids});
        assert_eq!(caller.send("PATCH", &path, &list(&[one])).await.status, 200);
        assert_eq!(caller.send("PATCH", &path, &list(&[two])).await.status, 200);
        assert_eq!(caller.get(&path).await.column("", "id"), [one, two]);
        let replaced = caller.send("POST", &path, &list(&[two, three])).await;
        assert_eq!((replaced.status, id_of(&replaced.json())), (201, "pau1lotte000".to_owned()));
        assert_eq!(caller.get(&path).await.column("", "id"), [two, three]);
        assert_eq!(caller.get(&format!("{path}?page=2&per_page=1")).await.column("", "id"), [three]);
        assert_eq!(caller.send("DELETE", &path, &list(&[two])).await.status, 200);
        assert_eq!(caller.get(&path).await.column("", "id"), [three]);
        assert_eq!(caller.delete(&format!("{path}/{two}")).await.status, 404);
        assert_eq!(caller.delete(&format!("{path}/{three}")).await.status, 200);
        assert_eq!(caller.get(&path).await.json(), json!([]));

        assert_eq!(caller.send("POST", &path, &list(&[one, two])).await.status, 201);
        assert_eq!(caller.send("DELETE", &path, &json!({})).await.status, 200);
        assert_eq!(caller.get(&path).await.json(), json!([]), "a removal that names nothing removes all");
        assert_eq!(caller.send("PATCH", &path, &list(&["nowhere"])).await.status, 422);
        assert_eq!(vendor.violations(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn the_lists_have_no_wrapper_and_may_be_left_out_of_a_removal_alone() {
    let (vendor, caller) = started().await;
    let path = at("page_access_users/pau1lotte000/components");
    for (at, (method, body)) in [
        ("PATCH", json!({})),
        ("POST", json!({})),
        ("POST", json!({"component_ids": "c01quotesapi"})),
        ("DELETE", json!({"metric_ids": []})),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(caller.send(method, &path, &body).await.status, 422, "{method} {body}");
        assert_eq!(vendor.violations().len(), at + 1, "{method} {body}");
    }
    let put = caller.send("PUT", &path, &json!({"component_ids": []})).await;
    assert_eq!((put.status, vendor.violations().len()), (404, 5));
    let bare = caller.delete(&path).await;
    assert_eq!((bare.status, vendor.violations().len()), (415, 6), "a removal has a body");
    assert_ne!(caller.get(&path).await.json(), Value::Null);
}
