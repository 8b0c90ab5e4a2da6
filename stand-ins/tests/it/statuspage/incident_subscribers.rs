//! Subscribers of a single incident.

use serde_json::json;
use stand_ins::MailKind;

use super::{id_of, incidents, mails, started};
use crate::client::reply;

#[tokio::test]
async fn somebody_follows_one_incident_and_is_told_at_the_end() {
    let (vendor, caller) = started().await;
    let path = format!("{}/i7bookapi5xx/subscribers", incidents());
    let body = json!({"subscriber": {"email": "anna@example.com"}});
    let made = caller.send("POST", &path, &body).await;
    assert_eq!(made.status, 201);
    let one = format!("{path}/{}", id_of(&made.json()));
    assert_eq!(caller.get(&one).await.json(), made.json());
    assert_eq!(caller.get(&path).await.column("", "email"), ["anna@example.com"]);
    assert_eq!(caller.send("POST", &path, &body).await.status, 422);
    let resent = reply(caller.request("POST", &format!("{one}/resend_confirmation"))).await;
    assert_eq!((resent.status, resent.text.as_str()), (201, ""));
    let gone = caller.delete(&one).await;
    assert_eq!((gone.status, gone.json()), (200, made.json()));
    assert_eq!(caller.get(&one).await.status, 404);
    let kinds: Vec<MailKind> = mails(&vendor).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [MailKind::Confirmation, MailKind::Confirmation, MailKind::Unsubscription]);
    assert!(vendor.mails_sent().iter().all(|mail| mail.incident() == "i7bookapi5xx"));
    assert_eq!(vendor.violations(), Vec::<String>::new());

    assert_eq!(caller.delete(&format!("{one}?skip_unsubscription_notification=true")).await.status, 400);
    assert_eq!(vendor.violations().len(), 1, "the switch is one of the page's subscribers alone");
    let hook = json!({"subscriber": {"email": "ops@example.com", "endpoint": "https://hook.example.com"}});
    assert_eq!(caller.send("POST", &path, &hook).await.status, 422);
    assert_eq!(vendor.violations().len(), 2);
}

#[tokio::test]
async fn who_follows_an_incident_is_counted_among_those_who_are_told() {
    let (vendor, caller) = started().await;
    let incident = format!("{}/i7bookapi5xx", incidents());
    let body = json!({"subscriber": {"email": "anna@example.com", "skip_confirmation_notification": true}});
    assert_eq!(caller.send("POST", &format!("{incident}/subscribers"), &body).await.status, 201);
    assert!(vendor.mails_sent().is_empty());
    let update = json!({"incident": {"status": "monitoring"}});
    assert_eq!(caller.send("PATCH", &incident, &update).await.status, 200);
    assert_eq!(vendor.mails_sent()[0].recipients(), 24);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}
