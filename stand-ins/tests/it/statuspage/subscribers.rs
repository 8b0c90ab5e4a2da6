//! Subscribers of a page, one at a time.

use serde_json::{Value, json};
use stand_ins::MailKind;

use super::{PAGE, at, id_of, mails, started};

#[tokio::test]
async fn subscribers_are_paged_from_zero_and_counted() {
    let (vendor, caller) = started().await;
    let path = format!("/pages/{PAGE}/subscribers");
    let first = caller.get(&format!("{path}?page=0&limit=20&sort_field=primary")).await.column("", "id");
    let second = caller.get(&format!("{path}?page=1&limit=20&sort_field=primary")).await.column("", "id");
    assert_eq!((first.len(), second.len()), (20, 7));
    assert!(first.iter().all(|id| !second.contains(id)));
    assert_eq!(
        caller.get(&format!("{path}?state=quarantined")).await.column("", "email"),
        ["returned.mail@example.com"]
    );
    let count = caller.get(&format!("{path}/count")).await.json();
    assert_eq!((&count["email"], &count["sms"], &count["webhook"]), (&json!(23), &json!(3), &json!(1)));
    let all = caller.get(&format!("{path}/count?type=email&state=all")).await.json();
    assert_eq!(all, json!({"email": 25}));
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(caller.get(&format!("{path}?per_page=5")).await.status, 400);
    assert_eq!(vendor.violations().len(), 1);
}

#[tokio::test]
async fn a_new_subscriber_is_asked_to_confirm_unless_told_otherwise() {
    let (vendor, caller) = started().await;
    let path = at("subscribers");
    let body = json!({"subscriber": {"email": "anna@example.com", "component_ids": ["c11gateway99"]}});
    let made = caller.send("POST", &path, &body).await;
    assert_eq!((made.status, &made.json()["components"]), (201, &json!(["c11gateway99"])));
    let one = format!("{path}/{}", id_of(&made.json()));
    assert_eq!(caller.get(&one).await.json(), made.json());
    assert_eq!(caller.get(&format!("{path}?q=anna")).await.json(), json!([]));
    assert_eq!(caller.get(&format!("{path}?q=anna&state=unconfirmed")).await.column("", "email").len(), 1);
    assert_eq!(mails(&vendor), [(MailKind::Confirmation, "anna@example.com".to_owned())]);

    let silent = json!({"subscriber": {"phone_country": "nl", "phone_number": "205550199", "skip_confirmation_notification": true}});
    let made = caller.send("POST", &path, &silent).await;
    assert_eq!((made.status, &made.json()["mode"]), (201, &json!("sms")));
    let hook = json!({"subscriber": {"endpoint": "https://hook.example.com/x", "email": "ops@example.com"}});
    let made = caller.send("POST", &path, &hook).await.json();
    assert_eq!((&made["mode"], &made["email"]), (&json!("webhook"), &json!("ops@example.com")));
    assert_eq!(mails(&vendor).len(), 2);

    assert_eq!(caller.send("POST", &format!("{one}/resend_confirmation"), &Value::Null).await.status, 422);
    assert_eq!(vendor.violations().len(), 1, "a body where none is expected");
}

#[tokio::test]
async fn a_subscriber_that_cannot_be_reached_or_is_there_already_is_refused() {
    let (vendor, caller) = started().await;
    for subscriber in [
        json!({}),
        json!({"email": "nobody"}),
        json!({"email": "a@example.com", "phone_number": "205550199", "phone_country": "NL"}),
        json!({"phone_number": "205550199"}),
        json!({"phone_number": "205550199", "phone_country": "Netherlands"}),
        json!({"endpoint": "https://hook.example.com/y"}),
        json!({"endpoint": "hook", "email": "a@example.com"}),
        json!({"email": "priya.raman@example.com"}),
        json!({"email": "a@example.com", "component_ids": ["nowhere"]}),
        json!({"email": "a@example.com", "page_access_user": "nobody"}),
    ] {
        let refused = caller.send("POST", &at("subscribers"), &json!({"subscriber": subscriber})).await;
        assert_eq!(refused.status, 422, "{subscriber}");
    }
    assert_eq!(vendor.violations(), Vec::<String>::new());
    for subscriber in [
        json!({"email": "a@example.com", "component_ids": []}),
        json!({"email": "a@example.com", "page_access_user_id": "pau1lotte000"}),
    ] {
        let before = vendor.violations().len();
        assert_eq!(caller.send("POST", &at("subscribers"), &json!({"subscriber": subscriber})).await.status, 422);
        assert_eq!(vendor.violations().len(), before + 1, "{subscriber}");
    }
    assert!(vendor.mails_sent().is_empty());
}

#[tokio::test]
async fn the_body_of_a_change_has_no_wrapper_and_without_components_means_all() {
    let (vendor, caller) = started().await;
    let path = at("subscribers");
    let one = format!("{path}/{}", caller.get(&path).await.column("", "id")[0]);
    let some = caller.send("PATCH", &one, &json!({"component_ids": ["c12signin000"]})).await;
    assert_eq!((some.status, &some.json()["components"]), (200, &json!(["c12signin000"])));
    let all = caller.send("PATCH", &one, &json!({})).await;
    assert_eq!((all.status, &all.json()["components"]), (200, &Value::Null));
    assert_eq!(mails(&vendor).len(), 2);
    assert_eq!(mails(&vendor)[0].0, MailKind::Subscription);
    assert_eq!(caller.send("PATCH", &one, &json!({"component_ids": ["nowhere"]})).await.status, 422);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    for body in [json!({"subscriber": {"component_ids": ["c12signin000"]}}), json!({"component_ids": []})] {
        let before = vendor.violations().len();
        assert_eq!(caller.send("PATCH", &one, &body).await.status, 422);
        assert_eq!(vendor.violations().len(), before + 1, "{body}");
    }
}

#[tokio::test]
async fn who_is_deleted_is_told_unless_skipped_and_moves_to_the_unsubscribed() {
    let (vendor, caller) = started().await;
    let path = at("subscribers");
    let ids = caller.get(&path).await.column("", "id");
    let quiet = caller.delete(&format!("{path}/{}?skip_unsubscription_notification=true", ids[0])).await;
    assert_eq!((quiet.status, id_of(&quiet.json())), (200, ids[0].clone()));
    assert!(vendor.mails_sent().is_empty());
    assert_eq!(caller.delete(&format!("{path}/{}", ids[1])).await.status, 200);
    assert_eq!(mails(&vendor), [(MailKind::Unsubscription, "kwame.boateng@example.com".to_owned())]);
    assert_eq!(caller.get(&format!("{path}/{}", ids[0])).await.status, 404);
    assert_eq!(caller.get(&format!("{path}/unsubscribed")).await.column("", "id"), ["sub0formerxx", &ids[0], &ids[1]]);
    assert_eq!(caller.get(&format!("{path}/unsubscribed?page=2&per_page=2")).await.column("", "id"), [ids[1].clone()]);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(caller.get(&format!("{path}/unsubscribed?page=0")).await.status, 400);
    assert_eq!(vendor.violations().len(), 1);
}

#[tokio::test]
async fn subscribers_are_counted_by_type_and_state() {
    let (vendor, caller) = started().await;
    let histogram = caller.get(&at("subscribers/histogram_by_state")).await.json();
    assert_eq!(histogram["email"], json!({"active": 23, "unconfirmed": 1, "quarantined": 1, "total": 25}));
    assert_eq!(histogram["teams"], json!({"active": 0, "unconfirmed": 0, "quarantined": 0, "total": 0}));
    assert_eq!(histogram.as_object().unwrap().len(), 6);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(caller.get(&at("subscribers/histogram_by_state?type=sms")).await.status, 400);
    assert_eq!(vendor.violations().len(), 1);
}
