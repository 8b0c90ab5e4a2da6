//! Trying again: how often, when, and when not.

use std::time::Duration;

use mcp_govern_core::{CallContext, ProviderErrorKind, Sent, ToolName};
use serde_json::json;
use tokio::time::Instant;

use super::*;

fn good() -> Step {
    json(200, json!({"pet": {"id": 1}, "pets": []}))
}

fn cut() -> Step {
    Step::Fail(TransportError::maybe_sent("connection reset"))
}

fn refused() -> Step {
    Step::Fail(TransportError::not_sent("connection refused"))
}

#[tokio::test(start_paused = true)]
async fn a_read_survives_failures_that_pass() {
    for failure in
        [cut(), refused(), plain(500, &[], ""), plain(503, &[], "x"), plain(408, &[], ""), Step::BrokenBody(200)]
    {
        let script = Script::new([failure, good()]);
        let output = call(&server(PETS, &script), "get_pet", json!({"pet_id": "1"})).await.unwrap();
        assert_eq!(script.seen().len(), 2);
        assert_eq!(output.exchanges[0].retries, 1);
        assert_eq!(output.exchanges[0].status, Some(200));
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_gives_up_after_four_attempts_with_growing_pauses() {
    let script = Script::new([cut(), cut(), cut(), cut()]);
    let error = failure(&server(PETS, &script), "get_pet", json!({"pet_id": "1"})).await;
    assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::Network, Sent::Maybe));
    assert_eq!(error.exchanges()[0].retries, 3);
    let seen = script.seen();
    let pauses: Vec<Duration> = seen.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    assert_eq!(pauses.len(), 3);
    for (pause, full) in pauses.iter().zip([100, 200, 400]) {
        assert!(*pause >= Duration::from_millis(full / 2) && *pause <= Duration::from_millis(full + 2), "{pauses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_is_not_repeated_when_nobody_knows_what_became_of_it() {
    for (step, sent, kind) in [
        (cut(), Sent::Maybe, ProviderErrorKind::Network),
        (plain(500, &[], ""), Sent::Yes, ProviderErrorKind::VendorFailure),
        (plain(503, &[("retry-after", "1")], ""), Sent::Yes, ProviderErrorKind::VendorFailure),
        (Step::BrokenBody(201), Sent::Yes, ProviderErrorKind::Network),
        (Step::Hang, Sent::Maybe, ProviderErrorKind::Timeout),
        (Step::HangingBody(201), Sent::Yes, ProviderErrorKind::Timeout),
    ] {
        let script = Script::new([step]);
        let error = failure(&server(PETS, &script), "create_pet", json!({"name": "Mia"})).await;
        assert_eq!((error.sent(), error.kind()), (sent, kind));
        assert_eq!(script.seen().len(), 1);
        assert_eq!(error.exchanges().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_is_repeated_when_nothing_can_have_been_done() {
    for step in [refused(), plain(420, &[("retry-after", "2")], ""), plain(429, &[], "")] {
        let script = Script::new([step, json(201, json!({"pet": {}}))]);
        call(&server(PETS, &script), "create_pet", json!({"name": "Mia"})).await.unwrap();
        assert_eq!(script.seen().len(), 2);
        assert_eq!(script.seen()[0].body, script.seen()[1].body);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_with_its_key_of_its_own_is_repeated_and_without_it_not() {
    let script = Script::new([cut(), json(201, json!({"pet": {}}))]);
    call(&server(PETS, &script), "create_pet", json!({"name": "Mia", "alias": "m-1"})).await.unwrap();
    assert_eq!(script.seen().len(), 2);
    let script = Script::new([cut()]);
    failure(&server(PETS, &script), "create_pet", json!({"name": "Mia", "alias": null})).await;
    assert_eq!(script.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_vendors_wait_is_honoured_and_holds_for_the_next_caller_too() {
    let script = Script::new([plain(429, &[("retry-after", "7")], ""), good(), good()]);
    let server = server(PETS, &script);
    let start = Instant::now();
    call(&server, "get_pet", json!({"pet_id": "1"})).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(7) && start.elapsed() < Duration::from_secs(8));

    let script = Script::new([plain(429, &[("retry-after", "3600")], "")]);
    let server = super::server(PETS, &script);
    let error = failure(&server, "get_pet", json!({"pet_id": "1"})).await;
    assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::RateLimited, Sent::No));
    assert_eq!(error.vendor().unwrap().retry_after, Some(Duration::from_secs(3600)));
    assert!(error.message().contains("try again in 3600 s"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(9), "nobody waits longer than the deadline");
    // The next one is not even sent.
    let error = failure(&server, "list_pets", json!({})).await;
    assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::RateLimited, Sent::No));
    assert!(error.exchanges().is_empty());
    assert_eq!(script.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_operation_that_is_out_of_order_does_not_silence_the_others() {
    let script = Script::new([plain(503, &[("retry-after", "3600")], ""), good()]);
    let server = server(PETS, &script);
    let error = failure(&server, "get_pet", json!({"pet_id": "1"})).await;
    assert_eq!(error.kind(), ProviderErrorKind::VendorFailure);
    call(&server, "list_pets", json!({})).await.unwrap();
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn silence_without_end_ends_after_a_quarter_of_an_hour() {
    let script = Script::new([plain(429, &[("retry-after", "86400")], ""), good()]);
    let server = server(PETS, &script);
    failure(&server, "get_pet", json!({"pet_id": "1"})).await;
    tokio::time::advance(Duration::from_secs(901)).await;
    call(&server, "get_pet", json!({"pet_id": "1"})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn bounds_beyond_every_clock_are_no_harm() {
    let script = Script::new([cut(), good()]);
    let limits = Limits::new().with_deadline(Duration::MAX).with_pauses(Duration::from_secs(1), Duration::MAX);
    let provider = OpenApiProvider::builder().document(PETS).transport(script.clone()).limits(limits).build().unwrap();
    let server = provider.open_server(&spec(&provider)).unwrap();
    call(&server, "get_pet", json!({"pet_id": "1"})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_write_of_unknown_outcome_says_look_before_you_repeat() {
    for (step, told) in [
        (cut(), true),
        (plain(500, &[], ""), true),
        (json(201, json!({"other": 1})), true),
        (json(422, json!({"message": "no"})), false),
    ] {
        let script = Script::new([step]);
        let error = failure(&server(PETS, &script), "create_pet", json!({"name": "Mia"})).await;
        assert_eq!(error.message().contains("look before you repeat it"), told, "{error}");
    }
    let script = Script::new([plain(501, &[], "")]);
    let error = failure(&server(PETS, &script), "get_pet", json!({"pet_id": "1"})).await;
    assert!(!error.message().contains("look before"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_the_document_states_is_kept() {
    let document = PETS.replace("  warnings:", "  rates: {default: {requests: 3, per_ms: 1000}}\n  warnings:");
    let script = Script::new((0..7).map(|_| good()));
    let server = server(&document, &script);
    for _ in 0..7 {
        call(&server, "get_pet", json!({"pet_id": "1"})).await.unwrap();
    }
    let seen = script.seen();
    for window in seen.windows(4) {
        assert!(window[3].at - window[0].at >= Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_whatever_the_vendor_does() {
    for step in [Step::Hang, Step::HangingBody(200)] {
        let script = Script::new([step]);
        let start = Instant::now();
        let error = failure(&server(PETS, &script), "get_pet", json!({"pet_id": "1"})).await;
        assert_eq!(error.kind(), ProviderErrorKind::Timeout);
        assert_eq!(start.elapsed().as_secs(), 30);
    }
    let script = Script::new([Step::Hang]);
    let server = server(PETS, &script);
    let credential = credential();
    let sooner = Instant::now() + Duration::from_secs(3);
    let cx = CallContext::new(&NoObserver).with_credential(Some(&credential)).with_deadline(Some(sooner.into_std()));
    let start = Instant::now();
    server
        .execute(&ToolName::new("get_pet").unwrap(), &map(json!({"pet_id": "1"})), &CallRules::default(), &cx)
        .await
        .unwrap_err();
    assert!(start.elapsed() <= Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_whose_body_never_ends_is_still_that_refusal() {
    let script = Script::new([Step::HangingBody(403)]);
    let error = failure(&server(PETS, &script), "get_pet", json!({"pet_id": "1"})).await;
    assert_eq!(error.kind(), ProviderErrorKind::Forbidden);
}

#[tokio::test(start_paused = true)]
async fn the_observer_is_asked_before_each_attempt_and_its_no_is_final() {
    let credential = credential();
    let name = ToolName::new("get_pet").unwrap();
    let arguments = map(json!({"pet_id": "1"}));
    let script = Script::new([cut(), good()]);
    let counter = Counter::allowing(9);
    let cx = CallContext::new(&counter).with_credential(Some(&credential));
    server(PETS, &script).execute(&name, &arguments, &CallRules::default(), &cx).await.unwrap();
    assert_eq!(counter.told(), 2);

    for (allowed, sent) in [(0, Sent::No), (1, Sent::Maybe)] {
        let script = Script::new([cut(), good()]);
        let counter = Counter::allowing(allowed);
        let cx = CallContext::new(&counter).with_credential(Some(&credential));
        let error = server(PETS, &script).execute(&name, &arguments, &CallRules::default(), &cx).await.unwrap_err();
        assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::Cancelled, sent));
        assert_eq!(script.seen().len(), allowed);
        assert_eq!(error.exchanges().len(), allowed);
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_finds_no_room_leaves_the_answer_before_it() {
    let rates = "  catalogue: 3\n  rates: {default: {requests: 1, per_ms: 3600000}}\n";
    let document = PETS.replace("  catalogue: 3\n", rates);
    let script = Script::new([json(500, json!({"message": "database is down"}))]);
    let error = failure(&server(&document, &script), "get_pet", json!({"pet_id": "1"})).await;
    assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::VendorFailure, Sent::Yes));
    assert!(error.message().contains("database is down. It was not tried again: the rate limit"), "{error}");
    assert_eq!((script.seen().len(), error.exchanges().len(), error.exchanges()[0].retries), (1, 1, 0));
    let script = Script::new([Step::Fail(TransportError::maybe_sent("connection reset"))]);
    let error = failure(&server(&document, &script), "get_pet", json!({"pet_id": "1"})).await;
    assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::Network, Sent::Maybe));
    assert!(error.message().contains("It was not tried again"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_told_where_the_deadline_leaves_no_time_for_another_attempt() {
    let script = Script::new([json(500, json!({"message": "database is down"}))]);
    let (server, credential) = (server(PETS, &script), credential());
    let soon = Instant::now() + Duration::from_millis(10);
    let cx = CallContext::new(&NoObserver).with_credential(Some(&credential)).with_deadline(Some(soon.into_std()));
    let name = ToolName::new("get_pet").unwrap();
    let error = server.execute(&name, &map(json!({"pet_id": "1"})), &CallRules::default(), &cx).await.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::VendorFailure, Sent::Yes));
    let told = error.message();
    assert!(told.contains("database is down") && told.contains("the deadline leaves no time for it"), "{told}");
    assert_eq!(script.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_not_found_points_to_the_base_url_and_a_thing_to_its_identifier() {
    let gone = || Script::new([json(404, json!({"message": "Not found"}))]);
    let error = failure(&server(PETS, &gone()), "list_pets", json!({})).await;
    assert!(error.message().contains("base URL `https://pets.example/v1`"), "{error}");
    let error = failure(&server(PETS, &gone()), "get_pet", json!({"pet_id": "1"})).await;
    assert!(!error.message().contains("base URL"), "{error}");
}
