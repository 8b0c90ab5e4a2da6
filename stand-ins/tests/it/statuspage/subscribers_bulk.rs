//! Many subscribers at once.

use serde_json::json;
use stand_ins::{MailKind, StatuspageStandIn};

use super::{at, mails, started, started_with};

#[tokio::test]
async fn those_who_are_named_are_unsubscribed_and_told_unless_skipped() {
    let (vendor, caller) = started().await;
    let ids = caller.get(&at("subscribers")).await.column("", "id");
    let path = at("subscribers/unsubscribe");
    let quiet = json!({"subscribers": [ids[0], ids[1]], "skip_unsubscription_notification": true});
    let done = caller.send("POST", &path, &quiet).await;
    assert_eq!((done.status, done.text.as_str()), (201, ""));
    assert!(vendor.mails_sent().is_empty());
    assert_eq!(caller.send("POST", &path, &json!({"subscribers": [ids[2]]})).await.status, 201);
    assert_eq!(mails(&vendor), [(MailKind::Unsubscription, "ingrid.solheim@example.com".to_owned())]);
    assert_eq!(caller.get(&at("subscribers/count?type=email")).await.json(), json!({"email": 20}));
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn all_means_the_active_ones_and_is_refused_from_a_hundred_on() {
    let (_few, caller) = started().await;
    let path = at("subscribers/unsubscribe");
    let all = json!({"subscribers": "all", "type": "sms", "skip_unsubscription_notification": true});
    assert_eq!(caller.send("POST", &path, &all).await.status, 201);
    let all = json!({"subscribers": "all", "skip_unsubscription_notification": true});
    assert_eq!(caller.send("POST", &path, &all).await.status, 201);
    let histogram = caller.get(&at("subscribers/histogram_by_state")).await.json();
    assert_eq!(histogram["email"], json!({"active": 0, "unconfirmed": 1, "quarantined": 1, "total": 2}));
    assert_eq!((&histogram["sms"]["total"], &histogram["webhook"]["total"]), (&json!(0), &json!(0)));

    let (many, caller) = started_with(StatuspageStandIn::builder().with_more_subscribers(80)).await;
    assert_eq!(caller.send("POST", &path, &all).await.status, 422);
    assert_eq!(caller.get(&at("subscribers/count?type=email")).await.json(), json!({"email": 103}));
    assert_eq!(many.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn no_ids_another_word_or_more_than_a_hundred_to_unsubscribe_are_a_violation() {
    let (vendor, caller) = started().await;
    let too_many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
    let mut expected = 0;
    for operation in ["unsubscribe", "reactivate", "resend_confirmation"] {
        let path = at(&format!("subscribers/{operation}"));
        let mut wrong = vec![json!([]), json!("everybody"), json!({"ids": "all"})];
        // The other two know no bound.
        wrong.extend((operation == "unsubscribe").then(|| json!(too_many)));
        for subscribers in wrong {
            let refused = caller.send("POST", &path, &json!({"subscribers": subscribers})).await;
            assert_eq!(refused.status, 422, "{operation}");
            expected += 1;
            assert_eq!(vendor.violations().len(), expected, "{operation}: {subscribers}");
        }
        assert_eq!(caller.send("POST", &path, &json!({})).await.status, 422);
        expected += 1;
        assert_eq!(vendor.violations().len(), expected, "{operation}");
        assert_eq!(caller.send("POST", &path, &json!({"subscribers": ["nobody"]})).await.status, 422);
        assert_eq!(vendor.violations().len(), expected, "an unknown id is no violation");
    }
    let teams = json!({"subscribers": "all", "type": "teams"});
    assert_eq!(caller.send("POST", &at("subscribers/reactivate"), &teams).await.status, 422);
    assert_eq!(vendor.violations().len(), expected + 1);
}

#[tokio::test]
async fn quarantined_subscribers_come_back_and_unconfirmed_ones_are_asked_again() {
    let (vendor, caller) = started().await;
    let quarantined = caller.get(&at("subscribers?state=quarantined")).await.column("", "id");
    let unconfirmed = caller.get(&at("subscribers?state=unconfirmed")).await.column("", "id");
    let named = json!({"subscribers": [quarantined[0], unconfirmed[0]], "type": "email"});
    assert_eq!(caller.send("POST", &at("subscribers/reactivate"), &named).await.status, 201);
    assert_eq!(caller.get(&at("subscribers?state=quarantined")).await.json(), json!([]));
    assert_eq!(caller.get(&at("subscribers?state=unconfirmed")).await.column("", "id"), unconfirmed);
    let all = json!({"subscribers": "all"});
    assert_eq!(caller.send("POST", &at("subscribers/resend_confirmation"), &all).await.status, 201);
    assert_eq!(
        mails(&vendor),
        [
            (MailKind::Subscription, "returned.mail@example.com".to_owned()),
            (MailKind::Confirmation, "new.customer@example.com".to_owned()),
        ]
    );
    assert_eq!(vendor.violations(), Vec::<String>::new());
}
