//! What comes back: lists and how they go on, whole objects, answers in unexpected dress, and what the vendor did.

use mcp_govern_conformance::Harness;
use mcp_govern_openapi::Limits;
use mcp_provider_statuspage::builder;
use serde_json::{Value, json};
use stand_ins::{Fault, MailKind, StatuspageStandIn};

use crate::setup::{PAGE, call, credential, open_only, spec, success};

#[tokio::test]
async fn a_list_is_read_to_its_end_page_by_page() {
    let (vendor, harness) = open_only(&["list_components"]).await;
    let (mut found, mut next) = (Vec::new(), json!({}));
    loop {
        let mut arguments = next.clone();
        arguments["page_id"] = json!(PAGE);
        arguments["per_page"] = json!(10);
        let list = call(&harness, "list_components", arguments).await;
        found.extend(list["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
        assert_eq!(list["has_more"], json!(!list["next"].is_null()));
        if list["next"].is_null() {
            break;
        }
        next = list["next"].clone();
    }
    let expected: Vec<Value> = vendor.component_ids().into_iter().map(Value::from).collect();
    assert_eq!(found, expected);
    assert_eq!(vendor.count(), 3);
}

#[tokio::test]
async fn a_full_last_page_is_followed_by_an_empty_one_that_ends_the_list() {
    let (_vendor, harness) = open_only(&["list_components"]).await;
    let list = call(&harness, "list_components", json!({"page_id": PAGE})).await;
    assert_eq!((list["items"].as_array().unwrap().len(), &list["next"]), (25, &json!({"page": 2})));
    let list = call(&harness, "list_components", json!({"page_id": PAGE, "page": 2})).await;
    assert_eq!(list, json!({"items": [], "has_more": false, "next": null}));
}

#[tokio::test]
async fn what_is_open_upcoming_and_active_can_be_told_apart() {
    let (_vendor, harness) =
        open_only(&["list_active_maintenances", "list_unresolved_incidents", "list_upcoming_maintenances"]).await;
    for (tool, ids) in [
        ("list_unresolved_incidents", vec!["i7bookapi5xx", "i6singapore0"]),
        ("list_upcoming_maintenances", vec!["m4databasup0"]),
        ("list_active_maintenances", vec!["m5aisfeedmov"]),
    ] {
        let list = call(&harness, tool, json!({"page_id": PAGE})).await;
        let found: Vec<&str> =
            list["items"].as_array().unwrap().iter().filter_map(|item| item["id"].as_str()).collect();
        assert_eq!(found, ids, "{tool}");
    }
}

#[tokio::test]
async fn nobody_gets_mail_unless_it_was_asked_for() {
    let (vendor, harness) = open_only(&["create_incident", "update_incident"]).await;
    let quiet = json!({"page_id": PAGE, "name": "Late", "components": {"c02bookapi11": "partial_outage"}});
    let incident = call(&harness, "create_incident", quiet).await;
    let id = incident["id"].as_str().unwrap().to_owned();
    call(&harness, "update_incident", json!({"page_id": PAGE, "incident_id": id, "status": "identified"})).await;
    assert_eq!(vendor.mails_sent(), Vec::new());
    let loud = json!({"page_id": PAGE, "incident_id": id, "status": "resolved", "deliver_notifications": true});
    call(&harness, "update_incident", loud).await;
    let mails: Vec<_> =
        vendor.mails_sent().iter().map(|mail| (mail.incident().to_owned(), mail.status().to_owned())).collect();
    assert_eq!(mails, [(id, "resolved".to_owned())]);
}

#[tokio::test]
async fn the_description_of_a_component_group_is_kept() {
    let (vendor, harness) = open_only(&["create_component_group", "get_component_group"]).await;
    let fields = json!({"page_id": PAGE, "name": "Money", "components": ["c13billing11"], "description": "Bills."});
    let made = call(&harness, "create_component_group", fields).await;
    let read = json!({"page_id": PAGE, "component_group_id": made["id"]});
    assert_eq!(call(&harness, "get_component_group", read).await["description"], json!("Bills."));
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn subscribers_are_paged_from_zero_and_everything_else_from_one() {
    let (vendor, harness) = open_only(&["list_metrics", "list_subscribers"]).await;
    let arguments = json!({"page_id": PAGE, "state": "all", "limit": 20});
    let list = call(&harness, "list_subscribers", arguments).await;
    assert_eq!((list["items"].as_array().map(Vec::len), &list["next"]), (Some(20), &json!({"page": 1})));
    let list =
        call(&harness, "list_subscribers", json!({"page_id": PAGE, "state": "all", "limit": 20, "page": 1})).await;
    assert_eq!((list["items"].as_array().map(Vec::len), &list["next"]), (Some(9), &Value::Null));
    let list = call(&harness, "list_metrics", json!({"page_id": PAGE, "per_page": 2})).await;
    assert_eq!(list["next"], json!({"page": 2}));
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn no_tool_writes_to_anybody_unless_it_was_asked_to() {
    let (vendor, harness) = open_only(&[
        "create_incident",
        "create_page_access_user",
        "delete_subscriber",
        "list_subscribers",
        "publish_postmortem",
        "save_postmortem_draft",
        "unpublish_postmortem",
        "unsubscribe_subscribers",
    ])
    .await;
    let of_page = |mut arguments: Value| {
        arguments["page_id"] = json!(PAGE);
        arguments
    };
    let subscriber =
        call(&harness, "list_subscribers", of_page(json!({"state": "all"}))).await["items"][0]["id"].clone();
    let postmortem = json!({"incident_id": "i2webhooksdl", "body_draft": "## What happened"});
    for (tool, arguments) in [
        ("save_postmortem_draft", postmortem),
        ("publish_postmortem", json!({"incident_id": "i2webhooksdl"})),
        ("unpublish_postmortem", json!({"incident_id": "i2webhooksdl"})),
        ("delete_subscriber", json!({"subscriber_id": subscriber})),
        ("unsubscribe_subscribers", json!({"all": true, "type": "sms"})),
        ("create_page_access_user", json!({"email": "new@customer.example.com"})),
        (
            "create_incident",
            json!({"name": "Upgrade", "status": "scheduled", "scheduled_for": "2031-03-14T22:00:00Z", "scheduled_until": "2031-03-14T23:00:00Z"}),
        ),
    ] {
        call(&harness, tool, of_page(arguments)).await;
        assert_eq!((vendor.mails_sent(), vendor.tweets_sent()), (Vec::new(), Vec::new()), "{tool}");
    }
}

#[tokio::test]
async fn who_is_subscribed_is_asked_to_confirm() {
    let (vendor, harness) = open_only(&["create_subscriber"]).await;
    call(&harness, "create_subscriber", json!({"page_id": PAGE, "email": "new@example.com"})).await;
    let mails: Vec<_> = vendor.mails_sent().iter().map(|mail| (mail.kind(), mail.address().to_owned())).collect();
    assert_eq!(mails, [(MailKind::Confirmation, "new@example.com".to_owned())]);
}

#[tokio::test]
async fn the_link_to_an_unpublished_text_is_masked() {
    let (_vendor, harness) =
        open_only(&["get_postmortem", "publish_postmortem", "save_postmortem_draft", "unpublish_postmortem"]).await;
    let incident = json!({"page_id": PAGE, "incident_id": "i2webhooksdl"});
    let mut draft = incident.clone();
    draft["body_draft"] = json!("## What happened");
    let saved = call(&harness, "save_postmortem_draft", draft).await;
    assert_eq!((&saved["preview_key"], &saved["body_draft"]), (&json!("***"), &json!("## What happened")));
    for tool in ["get_postmortem", "publish_postmortem", "unpublish_postmortem"] {
        assert_eq!(call(&harness, tool, incident.clone()).await["preview_key"], json!("***"), "{tool}");
    }
}

#[tokio::test]
async fn points_are_taken_on_without_an_outcome_to_wait_for() {
    let (vendor, harness) = open_only(&["add_metric_points_in_bulk"]).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let points = json!({"mt2trackfeed": [{"timestamp": now - 90, "value": 4.5}]});
    call(&harness, "add_metric_points_in_bulk", json!({"page_id": PAGE, "points": points})).await;
    let kept: Vec<f64> = vendor.metric_points("mt2trackfeed").into_iter().map(|(_, value)| value).collect();
    assert_eq!((kept, vendor.count()), (vec![4.5], 1));
}

#[tokio::test]
async fn a_page_that_the_permissions_leave_out_is_revoked() {
    let (_vendor, harness) = open_only(&["get_user_permissions", "replace_user_permissions"]).await;
    let person = json!({"organization_id": StatuspageStandIn::ORGANIZATION, "user_id": StatuspageStandIn::USER});
    let pages = |rights: &Value| rights["data"]["pages"].as_array().map(Vec::len);
    assert_eq!(pages(&call(&harness, "get_user_permissions", person.clone()).await), Some(2));
    let mut one = person.clone();
    one["pages"] = json!({PAGE: {"incident_manager": true}});
    call(&harness, "replace_user_permissions", one).await;
    assert_eq!(pages(&call(&harness, "get_user_permissions", person).await), Some(1));
}

#[tokio::test]
async fn an_answer_passes_through_as_it_came_whatever_it_holds() {
    let (vendor, harness) = open_only(&["get_component"]).await;
    let arguments = json!({"page_id": PAGE, "component_id": "c02bookapi11"});
    vendor.fail_next(Fault::UnknownFields);
    let component = call(&harness, "get_component", arguments.clone()).await;
    assert_eq!(component["x_a_number"], json!(9_007_199_254_740_993_u64));
    vendor.fail_next(Fault::Nulls);
    assert_eq!(call(&harness, "get_component", arguments.clone()).await["name"], Value::Null);
    vendor.fail_next(Fault::WrongTypes);
    assert_eq!(call(&harness, "get_component", arguments).await["showcase"], json!("true"));
}

#[tokio::test]
async fn a_deleted_incident_is_shown_once_more_and_then_gone() {
    let (_vendor, harness) = open_only(&["delete_incident", "get_incident"]).await;
    let arguments = json!({"page_id": PAGE, "incident_id": "i1gatewaydwn"});
    let output = success(&harness, "delete_incident", arguments.clone()).await.output;
    assert_eq!(output.to_value().unwrap()["id"], json!("i1gatewaydwn"));
    assert_eq!(&*output.exchanges[0].path, "/pages/{page_id}/incidents/{incident_id}");
    assert!(harness.call("get_incident", arguments).await.is_err());
}

#[tokio::test]
async fn an_answer_without_a_body_says_that_it_is_done() {
    let (vendor, harness) = open_only(&["delete_incident"]).await;
    vendor.fail_next(Fault::EmptyBody);
    let result = call(&harness, "delete_incident", json!({"page_id": PAGE, "incident_id": "i1gatewaydwn"})).await;
    assert_eq!(result, json!({"done": true, "status": 200}));
}

#[tokio::test]
async fn a_long_list_of_incidents_is_cut_and_says_how_to_go_on() {
    let vendor = StatuspageStandIn::start().await;
    let provider = builder().limits(Limits::new().with_output_bytes(20_000)).build().unwrap();
    let harness = Harness::builder(provider, spec(vendor.base_url())).with_credential(credential(&vendor.good_key()));
    let harness = harness.with_only(["list_incidents", "create_incident"]).open().await.unwrap();
    for number in 0..12 {
        let incident =
            json!({"page_id": PAGE, "name": format!("Trouble {number}"), "body": "Long story. ".repeat(300)});
        call(&harness, "create_incident", incident).await;
    }
    let output = success(&harness, "list_incidents", json!({"page_id": PAGE})).await.output;
    assert!(output.content.get().len() <= 20_000, "{}", output.content.get().len());
    let list = output.to_value().unwrap();
    assert_eq!(
        (&list["items"][0]["name"], &list["has_more"]),
        (&json!("Trouble 11"), &json!(true)),
        "the newest first"
    );
    assert!(!output.notes.is_empty(), "nothing is said of what was left out");
}
