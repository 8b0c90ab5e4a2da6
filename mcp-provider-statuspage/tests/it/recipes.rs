//! Tools of our own over several operations.

use mcp_govern_conformance::Harness;
use mcp_govern_core::{
    DenialCode, ProviderErrorKind as Kind, Sent, ToolId,
    journal::{Action, KillScope},
};
use serde_json::{Value, json};
use stand_ins::{Fault, PermissionsForm, StatuspageStandIn};

use crate::setup::{PAGE, call, credential, failure, lines, open_only, provider, spec, success};

const SECOND: &str = StatuspageStandIn::SECOND_PAGE;

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().filter_map(|item| item["id"].as_str()).collect()
}

mod is_anything_down {
    use super::*;

    #[tokio::test]
    async fn one_answer_puts_incidents_components_and_maintenances_together() {
        let (vendor, harness) = open_only(&["is_anything_down"]).await;
        let answer = call(&harness, "is_anything_down", json!({"page_id": PAGE})).await;
        assert_eq!(answer["anything_down"], json!(true));
        assert_eq!(
            answer["summary"],
            json!("2 of 23 components degraded or down, 2 incidents open, 1 maintenance in progress")
        );
        assert_eq!(answer["worst_status"], json!("partial_outage"));
        assert_eq!(ids(&answer["incidents"]), ["i7bookapi5xx", "i6singapore0"]);
        assert_eq!(
            ids(&answer["components"]),
            ["c20portsg888", "c02bookapi11", "c09aisfeed77"],
            "the worst first, no groups"
        );
        assert_eq!(answer["components"][1]["group"], json!("Booking"));
        assert_eq!(ids(&answer["maintenances"]), ["m5aisfeedmov"]);
        assert!(answer["maintenances"][0]["until"].is_string(), "{answer:#}");
        let update = &answer["incidents"][0]["latest_update"];
        assert_eq!(
            (&update["status"], &answer["incidents"][0]["components"]),
            (&json!("identified"), &json!(["Booking API"]))
        );
        assert_eq!(answer["is_complete"], json!(true));
        assert_eq!(
            lines(&vendor),
            [
                "GET PAGE/incidents/unresolved?per_page=100",
                "GET PAGE/incidents/active_maintenance?per_page=100",
                "GET PAGE/components?per_page=100",
            ]
        );
        assert_eq!(vendor.violations(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn planned_work_and_a_quiet_page_are_no_trouble() {
        let (_vendor, harness) = open_only(&["is_anything_down", "update_component"]).await;
        let quiet = json!({"page_id": SECOND});
        let answer = call(&harness, "is_anything_down", quiet.clone()).await;
        assert_eq!((&answer["anything_down"], &answer["worst_status"]), (&json!(false), &json!("operational")));
        let component = json!({"page_id": PAGE, "component_id": "c09aisfeed77", "status": "under_maintenance"});
        call(&harness, "update_component", component).await;
        let mut answer = call(&harness, "is_anything_down", json!({"page_id": PAGE})).await;
        answer["components"].as_array_mut().unwrap().retain(|one| one["status"] == "under_maintenance");
        assert_eq!(ids(&answer["components"]), ["c09aisfeed77"], "it is told, and does not count as down");
    }

    #[tokio::test]
    async fn long_lists_are_read_to_their_end() {
        let (vendor, harness) = open_only(&["is_anything_down", "create_incident"]).await;
        for number in 0..26 {
            let incident = json!({"page_id": SECOND, "name": format!("Trouble {number}")});
            call(&harness, "create_incident", incident).await;
        }
        vendor.forget_requests();
        let answer = call(&harness, "is_anything_down", json!({"page_id": SECOND})).await;
        assert_eq!(answer["incidents"].as_array().map(Vec::len), Some(26));
        assert_eq!(vendor.count(), 3);
    }
}

mod post_incident_update {
    use super::*;

    const TOOL: &str = "post_incident_update";

    fn update(incident: &str, mut more: Value) -> Value {
        more["page_id"] = json!(PAGE);
        more["incident_id"] = json!(incident);
        more
    }

    #[tokio::test]
    async fn a_message_and_the_states_of_components_go_out_in_one_act_and_nobody_is_mailed() {
        let (vendor, harness) = open_only(&[TOOL]).await;
        let arguments = update(
            "i7bookapi5xx",
            json!({
                "body": "The pool is larger now.", "status": "monitoring", "components": {"c02bookapi11": "operational"},
            }),
        );
        let told = call(&harness, TOOL, arguments).await;
        assert_eq!(
            lines(&vendor),
            [
                "GET PAGE/incidents/i7bookapi5xx",
                "GET PAGE/components?per_page=100",
                "PATCH PAGE/incidents/i7bookapi5xx {\"incident\":{\"body\":\"The pool is larger now.\",\
                 \"components\":{\"c02bookapi11\":\"operational\"},\"deliver_notifications\":false,\"status\":\"monitoring\"}}",
            ]
        );
        assert_eq!(told["incident"]["status"], json!("monitoring"));
        let changed = json!([{"id": "c02bookapi11", "name": "Booking API", "before": "degraded_performance", "after": "operational"}]);
        assert_eq!((&told["components_changed"], &told["still_affected"]), (&changed, &json!([])));
        assert_eq!(
            (&told["subscribers_told"], &told["update"]["body"]),
            (&json!(false), &json!("The pool is larger now."))
        );
        assert_eq!((vendor.mails_sent(), vendor.violations()), (Vec::new(), Vec::new()));
    }

    #[tokio::test]
    async fn resolving_can_set_everything_affected_back_to_operational() {
        let (vendor, harness) = open_only(&[TOOL]).await;
        let resolve = |more: Value| {
            let mut arguments = update("i6singapore0", json!({"body": "Over.", "status": "resolved"}));
            arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            arguments
        };
        let told = call(&harness, TOOL, resolve(json!({}))).await;
        assert_eq!(ids(&told["still_affected"]), ["c20portsg888"], "resolving alone changes no component, and says so");
        let told =
            call(&harness, TOOL, resolve(json!({"restore_components": true, "deliver_notifications": true}))).await;
        assert_eq!(told["components_changed"][0]["after"], json!("operational"));
        assert_eq!((&told["still_affected"], &told["subscribers_told"]), (&json!([]), &json!(true)));
        assert_eq!(vendor.mails_sent().len(), 1, "the second one asked for it");
        // What is given for a component goes before.
        let (_vendor, harness) = open_only(&[TOOL]).await;
        let kept = json!({"restore_components": true, "components": {"c20portsg888": "degraded_performance"}});
        let told = call(&harness, TOOL, resolve(kept)).await;
        assert_eq!(told["components_changed"][0]["after"], json!("degraded_performance"));
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused_before_anything_is_published() {
        let (vendor, harness) = open_only(&[TOOL]).await;
        for (incident, more, words, reads) in [
            ("m4databasup0", json!({"body": "x", "status": "resolved"}), ["`status`", "maintenance", "`completed`"], 1),
            ("i7bookapi5xx", json!({"body": "x", "status": "completed"}), ["`status`", "an incident", "`resolved`"], 1),
            (
                "i7bookapi5xx",
                json!({"body": "x", "components": {"nowhere": "operational"}}),
                ["`components`", "`nowhere`", "list_components"],
                2,
            ),
            (
                "i7bookapi5xx",
                json!({"body": "x", "components": {"gbk4p0s8y2la": "operational"}}),
                ["`components`", "a group", "its components"],
                2,
            ),
            ("i7bookapi5xx", json!({"body": "  "}), ["`body`", "empty", "text"], 0),
        ] {
            vendor.forget_requests();
            let failed = failure(&harness, TOOL, update(incident, more)).await;
            assert_eq!(failed.kind, Kind::InvalidArguments, "{failed:?}");
            for word in words {
                assert!(failed.message.contains(word), "`{word}` is missing in `{}`", failed.message);
            }
            assert_eq!(failed.exchanges.len(), reads, "{}", failed.message);
            assert!(vendor.requests().iter().all(|seen| seen.method() == "GET"), "{:?}", lines(&vendor));
        }
        let missing = failure(&harness, TOOL, update("no-such-one", json!({"body": "x"}))).await;
        assert_eq!(missing.kind, Kind::NotFound);
    }

    #[tokio::test]
    async fn an_update_whose_outcome_is_unknown_is_posted_once_and_says_so() {
        let (vendor, harness) = open_only(&[TOOL]).await;
        vendor.fail_next_on(
            "PATCH",
            &format!("/v1/pages/{PAGE}/incidents/i7bookapi5xx"),
            Fault::AfterDoing(Box::new(Fault::status(502))),
        );
        let failed = failure(&harness, TOOL, update("i7bookapi5xx", json!({"body": "x"}))).await;
        assert_eq!((failed.kind, failed.sent, failed.exchanges.len()), (Kind::VendorFailure, Sent::Yes, 3));
        assert!(failed.message.contains("look before you repeat it"), "{}", failed.message);
        assert_eq!(vendor.requests().iter().filter(|seen| seen.method() == "PATCH").count(), 1);
    }
}

mod schedule_maintenance {
    use super::*;

    const TOOL: &str = "schedule_maintenance";

    fn window(mut more: Value) -> Value {
        let usual = json!({
            "page_id": PAGE, "name": "New switches", "component_ids": ["c13billing11", "c14payments2"],
            "scheduled_for": "2031-03-14T22:00:00Z", "scheduled_until": "2031-03-14T23:30:00Z",
        });
        for (name, value) in usual.as_object().unwrap() {
            more.as_object_mut().unwrap().entry(name.clone()).or_insert_with(|| value.clone());
        }
        more
    }

    #[tokio::test]
    async fn a_window_starts_and_ends_by_itself_and_mails_nobody() {
        let (vendor, harness) = open_only(&[TOOL]).await;
        let made = call(&harness, TOOL, window(json!({"body": "Short interruptions."}))).await;
        assert_eq!((&made["status"], &made["impact"]), (&json!("scheduled"), &json!("maintenance")));
        let seen = lines(&vendor);
        assert_eq!(seen[..2], ["GET PAGE/components?per_page=100", "GET PAGE/incidents/upcoming?per_page=100"]);
        assert_eq!(vendor.requests()[2].target(), format!("/v1/pages/{PAGE}/incidents"));
        assert_eq!(
            vendor.requests()[2].json().unwrap(),
            json!({"incident": {
                "name": "New switches", "body": "Short interruptions.", "status": "scheduled", "impact_override": "maintenance",
                "component_ids": ["c13billing11", "c14payments2"],
                "scheduled_for": "2031-03-14T22:00:00Z", "scheduled_until": "2031-03-14T23:30:00Z",
                "scheduled_auto_in_progress": true, "scheduled_auto_completed": true,
                "auto_transition_to_maintenance_state": true, "auto_transition_to_operational_state": true,
                "deliver_notifications": false, "scheduled_remind_prior": false,
                "auto_transition_deliver_notifications_at_start": false, "auto_transition_deliver_notifications_at_end": false,
                "auto_tweet_on_creation": false, "auto_tweet_one_hour_before": false,
                "auto_tweet_at_beginning": false, "auto_tweet_on_completion": false,
            }})
        );
        assert_eq!((seen.len(), vendor.mails_sent(), vendor.tweets_sent()), (3, Vec::new(), Vec::new()));
        assert_eq!(vendor.violations(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn reminders_and_messages_are_sent_where_they_are_asked_for() {
        let (vendor, harness) = open_only(&[TOOL]).await;
        let asked = json!({
            "automatic": false, "deliver_notifications": true, "scheduled_remind_prior": true,
            "auto_transition_deliver_notifications_at_end": true, "metadata": {"change": {"id": "C-1"}},
        });
        call(&harness, TOOL, window(asked)).await;
        let sent = vendor.last_request().unwrap().json().unwrap()["incident"].clone();
        for (name, value) in [
            ("deliver_notifications", true),
            ("scheduled_remind_prior", true),
            ("scheduled_auto_in_progress", false),
            ("auto_transition_to_operational_state", false),
            ("auto_transition_deliver_notifications_at_end", true),
        ] {
            assert_eq!(sent[name], json!(value), "{name}");
        }
        assert_eq!((vendor.mails_sent().len(), &sent["metadata"]), (1, &json!({"change": {"id": "C-1"}})));
    }

    #[tokio::test]
    async fn a_window_that_cannot_be_is_refused_before_the_first_read() {
        let (vendor, harness) = open_only(&[TOOL]).await;
        for (more, word) in [
            (json!({"scheduled_for": "2001-03-14T22:00:00Z"}), "future"),
            (json!({"scheduled_until": "2031-03-14T21:00:00Z"}), "before"),
        ] {
            let failed = failure(&harness, TOOL, window(more)).await;
            assert_eq!((failed.kind, failed.sent), (Kind::InvalidArguments, Sent::No));
            assert!(failed.message.contains(word), "{}", failed.message);
        }
        for more in
            [json!({"component_ids": []}), json!({"name": "x".repeat(256)}), json!({"body": "x".repeat(25_001)})]
        {
            let error = harness.call(TOOL, window(more)).await.unwrap_err();
            assert_eq!(error.code(), Some(DenialCode::InvalidArguments), "{error}");
        }
        assert_eq!(vendor.count(), 0);
        let failed = failure(&harness, TOOL, window(json!({"component_ids": ["c13billing11", "nowhere"]}))).await;
        assert!(failed.message.contains("`nowhere`"), "{}", failed.message);
        assert!(vendor.requests().iter().all(|seen| seen.method() == "GET"));
    }

    #[tokio::test]
    async fn after_a_doubtful_failure_it_can_be_called_again_and_announces_nothing_twice() {
        let (vendor, harness) = open_only(&[TOOL]).await;
        vendor.fail_next_on(
            "POST",
            &format!("/v1/pages/{PAGE}/incidents"),
            Fault::AfterDoing(Box::new(Fault::status(503))),
        );
        let failed = failure(&harness, TOOL, window(json!({}))).await;
        assert_eq!(failed.kind, Kind::VendorFailure);
        // The same moment, written in another way.
        let again = window(json!({"scheduled_for": "2031-03-14T23:00:00+01:00"}));
        let failed = failure(&harness, TOOL, again).await;
        assert_eq!(failed.kind, Kind::Conflict);
        assert!(failed.message.contains("announced already"), "{}", failed.message);
        assert_eq!(vendor.requests().iter().filter(|seen| seen.method() == "POST").count(), 1);
        call(&harness, TOOL, window(json!({"name": "Other switches"}))).await;
    }
}

mod change_user_permissions {
    use super::*;

    const TOOL: &str = "change_user_permissions";

    fn change(mut more: Value) -> Value {
        more["organization_id"] = json!(StatuspageStandIn::ORGANIZATION);
        more["user_id"] = json!(StatuspageStandIn::USER);
        more
    }

    async fn open_with(form: PermissionsForm) -> (StatuspageStandIn, Harness) {
        let vendor = StatuspageStandIn::builder().with_permissions_form(form).start().await;
        let builder = Harness::shared_builder(provider(), spec(vendor.base_url()));
        let builder = builder.with_credential(credential(&vendor.good_key())).with_only([TOOL]);
        (vendor, builder.open().await.unwrap())
    }

    fn puts(vendor: &StatuspageStandIn) -> Vec<Value> {
        vendor.requests().iter().filter(|seen| seen.method() == "PUT").map(|seen| seen.json().unwrap()).collect()
    }

    #[tokio::test]
    async fn the_first_call_shows_what_would_be_revoked_and_the_second_does_just_that() {
        for form in [PermissionsForm::Wrapped, PermissionsForm::Bare, PermissionsForm::Mapped] {
            let (vendor, harness) = open_with(form).await;
            let mut arguments = change(json!({
                "set": {PAGE: {"maintenance_manager": false, "page_configuration": true}}, "revoke": [SECOND],
            }));
            let shown = call(&harness, TOOL, arguments.clone()).await;
            assert_eq!(
                (&shown["applied"], &shown["revoked"], &shown["granted"]),
                (&json!(false), &json!([SECOND]), &json!([]))
            );
            assert_eq!(
                shown["changed"],
                json!([
                    {"page_id": PAGE, "role": "maintenance_manager", "change": "taken"},
                    {"page_id": PAGE, "role": "page_configuration", "change": "given"},
                ])
            );
            assert_eq!(puts(&vendor), Vec::<Value>::new(), "nothing is written by looking");
            arguments["confirm"] = shown["confirm"].clone();
            let done = call(&harness, TOOL, arguments).await;
            assert_eq!(
                (&done["applied"], &done["matches_answer"], &done["after"]),
                (&json!(true), &json!(true), &shown["after"])
            );
            let roles = json!({"page_configuration": true, "incident_manager": true, "maintenance_manager": false});
            assert_eq!(puts(&vendor), [json!({"pages": {PAGE: roles}})], "bare, and the whole map");
            assert_eq!(vendor.violations(), Vec::<String>::new());
        }
    }

    #[tokio::test]
    async fn what_is_not_named_stays() {
        let (vendor, harness) = open_with(PermissionsForm::Wrapped).await;
        let mut arguments = change(json!({"set": {PAGE: {"incident_manager": false}}}));
        arguments["confirm"] = call(&harness, TOOL, arguments.clone()).await["confirm"].clone();
        call(&harness, TOOL, arguments).await;
        let written = &puts(&vendor)[0]["pages"];
        assert_eq!(written[SECOND], json!({}), "a page without roles is carried over");
        assert_eq!(
            (&written[PAGE]["incident_manager"], &written[PAGE]["maintenance_manager"]),
            (&json!(false), &json!(true))
        );
    }

    #[tokio::test]
    async fn a_code_fits_one_change_of_one_state_of_one_person() {
        let (vendor, harness) = open_with(PermissionsForm::Wrapped).await;
        let arguments = change(json!({"revoke": [SECOND]}));
        let code = call(&harness, TOOL, arguments.clone()).await["confirm"].clone();
        let with = |mut arguments: Value| {
            arguments["confirm"] = code.clone();
            arguments
        };
        for other in [change(json!({"revoke": [PAGE]})), change(json!({"revoke": [PAGE, SECOND]}))] {
            let failed = failure(&harness, TOOL, with(other)).await;
            assert_eq!(failed.kind, Kind::Conflict, "{failed:?}");
            assert!(failed.message.contains("look again"), "{}", failed.message);
        }
        // Somebody else changes the rights meanwhile.
        let mut meanwhile = change(json!({"set": {PAGE: {"page_configuration": true}}}));
        meanwhile["confirm"] = call(&harness, TOOL, meanwhile.clone()).await["confirm"].clone();
        call(&harness, TOOL, meanwhile).await;
        assert_eq!(failure(&harness, TOOL, with(arguments)).await.kind, Kind::Conflict);
        assert_eq!(puts(&vendor).len(), 1);
    }

    #[tokio::test]
    async fn rights_that_cannot_be_read_in_full_are_not_written_back() {
        for body in [
            json!({}),
            json!({"data": {"pages": [{"incident_manager": true}]}}),
            json!({"pages": {PAGE: {"incident_manager": "yes"}}}),
            json!({"data": {"pages": "all"}}),
        ] {
            let (vendor, harness) = open_with(PermissionsForm::Wrapped).await;
            vendor.fail_next(Fault::Status { status: 200, headers: Vec::new(), body: body.to_string() });
            let failed = failure(&harness, TOOL, change(json!({"set": {PAGE: {}}, "confirm": "whatever"}))).await;
            assert_eq!((failed.kind, failed.sent), (Kind::BadAnswer, Sent::Yes), "{body}: {failed:?}");
            assert_eq!(puts(&vendor), Vec::<Value>::new());
        }
    }

    #[tokio::test]
    async fn a_change_that_makes_no_sense_is_refused() {
        let (vendor, harness) = open_with(PermissionsForm::Wrapped).await;
        for (more, word) in [
            (json!({}), "`set`, `revoke`"),
            (json!({"set": {PAGE: {}}, "revoke": [PAGE]}), "both name"),
            (json!({"revoke": ["elsewhere000"]}), "`elsewhere000`"),
        ] {
            let failed = failure(&harness, TOOL, change(more)).await;
            assert_eq!(failed.kind, Kind::InvalidArguments);
            assert!(failed.message.contains(word), "{}", failed.message);
        }
        let unknown = change(json!({"set": {PAGE: {"admin": true}}}));
        assert_eq!(harness.call(TOOL, unknown).await.unwrap_err().code(), Some(DenialCode::InvalidArguments));
        assert_eq!(puts(&vendor), Vec::<Value>::new());
    }
}

/// Every recipe with arguments that work.
fn every() -> Vec<(&'static str, Value)> {
    let person = json!({"organization_id": StatuspageStandIn::ORGANIZATION, "user_id": StatuspageStandIn::USER, "revoke": [SECOND]});
    vec![
        ("is_anything_down", json!({"page_id": PAGE})),
        ("post_incident_update", json!({"page_id": PAGE, "incident_id": "i7bookapi5xx", "body": "x"})),
        (
            "schedule_maintenance",
            json!({
                "page_id": PAGE, "name": "x", "component_ids": ["c13billing11"],
                "scheduled_for": "2031-03-14T22:00:00Z", "scheduled_until": "2031-03-14T23:30:00Z",
            }),
        ),
        ("change_user_permissions", person),
    ]
}

#[tokio::test]
async fn disabling_or_killing_an_operation_stops_every_tool_over_it() {
    let catalogue = provider().open(&crate::setup::config()).unwrap();
    let catalogue = catalogue.discover(mcp_govern_core::DiscoverContext::new()).await.unwrap();
    for (recipe, arguments) in every() {
        let uses = catalogue.tools.iter().find(|tool| tool.name.as_str() == recipe).unwrap().uses().to_vec();
        for row in uses {
            for kill in [false, true] {
                let (vendor, harness) = open_only(&[recipe]).await;
                let row = ToolId::new(harness.server().clone(), row.clone());
                let action = if kill {
                    Action::Kill { scope: KillScope::Tool(row.clone()) }
                } else {
                    Action::DisableTools { tools: [row.clone()].into_iter().collect() }
                };
                harness.commit(action).await.unwrap();
                let error = harness.call(recipe, arguments.clone()).await.unwrap_err();
                assert!(error.code().is_some(), "`{recipe}` without `{row}`: {error}");
                assert_eq!(vendor.count(), 0, "`{recipe}` without `{row}`");
            }
        }
    }
}

#[tokio::test]
async fn a_preview_shows_the_first_request_and_names_the_others() {
    for (recipe, arguments) in every() {
        let (vendor, harness) = open_only(&[recipe]).await;
        let preview = harness.governor().preview(harness.person(), harness.request(recipe, arguments.clone())).unwrap();
        assert_eq!((preview.method.as_str(), vendor.count()), ("GET", 0), "{recipe}");
        assert!(preview.notes.iter().any(|note| note.contains("several requests")), "{:?}", preview.notes);
        success(&harness, recipe, arguments).await;
        let first = vendor.requests()[0].target();
        let first = first.split('?').next().unwrap();
        assert!(preview.url.contains(first), "{recipe}: {} is not {first}", preview.url);
    }
}
