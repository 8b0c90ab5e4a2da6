//! Postmortems: draft, publication, and the way back.

use serde_json::{Value, json};
use stand_ins::MailKind;

use super::{incidents, started};
use crate::client::reply;

#[tokio::test]
async fn a_postmortem_goes_from_draft_to_published_and_back() {
    let (vendor, caller) = started().await;
    let incident = format!("{}/i2webhooksdl", incidents());
    let path = format!("{incident}/postmortem");
    assert_eq!(caller.get(&path).await.status, 404);
    let draft = json!({"postmortem": {"body_draft": "A worker was stuck."}});
    let saved = caller.send("PUT", &path, &draft).await;
    assert_eq!((saved.status, &saved.json()["body"]), (200, &Value::Null));
    assert_eq!(saved.json()["body_draft"], "A worker was stuck.");
    assert_eq!(caller.get(&incident).await.json()["postmortem_body"], Value::Null);

    let quiet = json!({"postmortem": {"notify_subscribers": false, "notify_twitter": false}});
    let published = caller.send("PUT", &format!("{path}/publish"), &quiet).await;
    assert_eq!((published.status, &published.json()["body"]), (200, &json!("A worker was stuck.")));
    assert!(published.json()["published_at"].is_string());
    assert_eq!(published.json()["preview_key"], saved.json()["preview_key"]);
    assert_eq!(caller.get(&incident).await.json()["postmortem_body"], "A worker was stuck.");
    assert!(vendor.mails_sent().is_empty() && vendor.tweets_sent().is_empty());
    assert_eq!(caller.send("PUT", &format!("{path}/publish"), &quiet).await.status, 422);

    let back = reply(caller.request("PUT", &format!("{path}/revert"))).await;
    assert_eq!((back.status, &back.json()["body_draft"]), (200, &json!("A worker was stuck.")));
    assert_eq!(back.json()["published_at"], Value::Null);
    assert_eq!(reply(caller.request("PUT", &format!("{path}/revert"))).await.status, 422);
    assert_eq!(caller.get(&incident).await.json()["postmortem_published_at"], Value::Null);

    let gone = caller.delete(&path).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    assert_eq!(caller.get(&path).await.status, 404);
    assert_eq!(caller.delete(&path).await.status, 404);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_publication_without_switches_tells_everybody() {
    let (vendor, caller) = started().await;
    let path = format!("{}/i2webhooksdl/postmortem", incidents());
    let draft = json!({"postmortem": {"body_draft": "A worker was stuck."}});
    assert_eq!(caller.send("PUT", &path, &draft).await.status, 200);
    let loud = json!({"postmortem": {"custom_tweet": "What went wrong"}});
    assert_eq!(caller.send("PUT", &format!("{path}/publish"), &loud).await.status, 200);
    let mails = vendor.mails_sent();
    assert_eq!((mails.len(), mails[0].kind(), mails[0].recipients()), (1, MailKind::Postmortem, 23));
    assert_eq!(vendor.tweets_sent()[0].text(), "What went wrong");
}

#[tokio::test]
async fn a_draft_needs_its_text_and_a_reversal_takes_no_body() {
    let (vendor, caller) = started().await;
    let path = format!("{}/i2webhooksdl/postmortem", incidents());
    assert_eq!(caller.send("PUT", &path, &json!({"postmortem": {"body_draft": " "}})).await.status, 422);
    assert_eq!(caller.send("PUT", &format!("{path}/publish"), &json!({"postmortem": {}})).await.status, 404);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(caller.send("PUT", &path, &json!({"postmortem": {"body": "x"}})).await.status, 422);
    assert_eq!(vendor.violations().len(), 2, "a wrong name, and the right one missing");
    assert_eq!(caller.send("PUT", &format!("{path}/revert"), &json!({})).await.status, 422);
    assert_eq!(vendor.violations().len(), 3);
    assert_eq!(caller.send("POST", &format!("{path}/publish"), &json!({"postmortem": {}})).await.status, 404);
    assert_eq!(vendor.violations().len(), 4);
}
