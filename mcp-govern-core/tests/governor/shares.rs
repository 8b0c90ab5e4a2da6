//! What one person and one AI client may use of a node.

use std::time::Duration;

use mcp_govern_core::{
    DenialCode, Principal, Remedy,
    access::{Check, CheckResult},
    audit::{AuditRecord, WriterMark},
    governor::{CallBound, CallLimits, CallRate, CallRequest},
};

use super::{
    vendor::Turn,
    world::{World, call, code, grant, principal, spec, user},
};

async fn world(limits: CallLimits) -> World {
    let world = World::open_with(spec(), |builder| builder.with_call_limits(limits)).await;
    world.commit(grant("bea", "bea", None)).await;
    world
}

#[expect(clippy::unnecessary_wraps, reason = "a rate of the limits may be none")]
fn a_second(per_second: u32, burst: u32) -> Option<CallRate> {
    Some(CallRate::new(per_second, burst))
}

#[tokio::test]
async fn one_person_has_so_many_calls_in_flight_and_the_others_theirs() {
    let world = world(CallLimits::default().with_in_flight_per_person(Some(2))).await;
    let mut running = Vec::new();
    for _ in 0..2 {
        world.vendor.will(Turn::Wait);
        running.push(world.start("ann", "list_pages"));
        world.vendor.arrival().await;
    }
    let denied = world.call("ann", "list_pages").await.unwrap_err();
    assert_eq!((denied.code(), denied.denial().unwrap().remedy()), (Some(DenialCode::QuotaExceeded), &Remedy::Retry));
    assert!(denied.to_string().contains("call again once one of them has ended"), "{denied}");
    world.call("bea", "list_pages").await.unwrap();
    world.vendor.go.add_permits(2);
    for call in running {
        call.await.unwrap().unwrap();
    }
    // The place is free again once the outcome is written, and that is before the next intent.
    world.governor.close().await;
    let status = world.governor.status();
    assert_eq!(status.calls_in_flight, 0);
    assert_eq!(status.denied_by_bound[0], (CallBound::PersonInFlight, 1));
    assert_eq!(world.vendor.seen().len(), 3, "what is denied is not sent");
    world.assert_intact().await;
}

#[tokio::test]
async fn no_person_takes_more_than_a_tenth_of_all_calls_in_flight() {
    let world = world(CallLimits::default().with_in_flight(20).with_in_flight_per_person(Some(20))).await;
    let mut running = Vec::new();
    for _ in 0..2 {
        world.vendor.will(Turn::Wait);
        running.push(world.start("ann", "list_pages"));
        world.vendor.arrival().await;
    }
    assert_eq!(code(&world.call("ann", "list_pages").await), "quota_exceeded");
    world.vendor.go.add_permits(2);
    for call in running {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_gives_its_place_back() {
    let world = world(CallLimits::default().with_in_flight_per_person(Some(1))).await;
    world.vendor.will(Turn::Wait);
    let running = world.start("ann", "list_pages");
    world.vendor.arrival().await;
    running.abort();
    running.await.unwrap_err();
    // Its outcome is written before the intent of the next call, whoever makes that.
    world.call("bea", "list_pages").await.unwrap();
    world.call("ann", "list_pages").await.unwrap();
}

#[tokio::test]
async fn calls_beyond_the_rate_of_a_person_are_denied_and_say_when_to_try_again() {
    let world = world(CallLimits::default().with_rate_per_person(a_second(2, 3))).await;
    for _ in 0..3 {
        world.call("ann", "list_pages").await.unwrap();
    }
    let denied = world.call("ann", "list_pages").await.unwrap_err();
    let remedy = denied.denial().unwrap().remedy().clone();
    assert_eq!((denied.code(), &remedy), (Some(DenialCode::QuotaExceeded), &Remedy::RetryAfter { milliseconds: 500 }));
    assert_eq!(
        serde_json::to_value(remedy).unwrap(),
        serde_json::json!({"action": "retry_after", "milliseconds": 500})
    );
    world.call("bea", "list_pages").await.unwrap();
    world.clock.advance(Duration::from_millis(500));
    world.call("ann", "list_pages").await.unwrap();
    assert_eq!(code(&world.call("ann", "list_pages").await), "quota_exceeded");
    let counts = world.governor.status().denied_by_bound;
    assert!(counts.contains(&(CallBound::PersonRate, 2)), "{counts:?}");
}

#[tokio::test]
async fn calls_beyond_the_rate_of_a_client_are_denied_whoever_makes_them() {
    let world = world(CallLimits::default().with_rate_per_client(a_second(1, 2))).await;
    for who in ["ann", "bea"] {
        world.call(who, "list_pages").await.unwrap();
    }
    assert_eq!(code(&world.call("ann", "list_pages").await), "quota_exceeded");
    let other = Principal::new(user("ann"), mcp_govern_core::ClientId::new("local", "laptop").unwrap());
    let request = CallRequest::new("acme_list_pages").with_argument("page_id", "p1");
    world.governor.call(&other, request).await.unwrap();
}

#[tokio::test]
async fn whoever_may_not_call_is_told_so_and_not_of_a_bound() {
    let world = world(CallLimits::default().with_rate_per_person(a_second(1, 1))).await;
    for _ in 0..5 {
        assert_eq!(code(&world.call("bob", "list_pages").await), "unknown_tool");
    }
    assert_eq!(world.governor.status().denied_by_bound.iter().map(|(_, count)| count).sum::<u64>(), 0);
}

#[tokio::test]
async fn an_explanation_shows_what_is_used_and_left() {
    let world = world(CallLimits::default().with_rate_per_person(a_second(2, 2))).await;
    let quota = || {
        let explained = world.governor.explain(&principal("ann"), "acme_list_pages").unwrap();
        let trace = explained.checks.into_iter().find(|trace| trace.check == Check::Quota).unwrap();
        (trace.result, trace.detail, explained.denied)
    };
    let (result, detail, denied) = quota();
    assert_eq!((result, denied), (CheckResult::Passed, None));
    assert!(
        detail.starts_with("calls on this node: of the person 0 of at most 64 in flight, 2 may begin now"),
        "{detail}"
    );
    for _ in 0..2 {
        world.call("ann", "list_pages").await.unwrap();
    }
    let (result, detail, denied) = quota();
    assert_eq!(result, CheckResult::Failed(DenialCode::QuotaExceeded), "{detail}");
    assert_eq!(denied, Some(DenialCode::QuotaExceeded));
    // Of somebody who may not call at all the first check that fails is told.
    let bob = world.governor.explain(&principal("bob"), "acme_list_pages").unwrap();
    assert_eq!(bob.denied, Some(DenialCode::NoGrant));
}

#[tokio::test]
async fn a_flood_of_denials_is_on_record_as_a_count_for_its_person() {
    let limits = CallLimits::default().with_recorded_denials_per_person(a_second(1, 10));
    let world = world(limits).await;
    for _ in 0..500 {
        call(&world.governor, "bob", "list_pages").await.unwrap_err();
    }
    call(&world.governor, "eve", "list_pages").await.unwrap_err();
    assert_eq!(world.governor.status().denials_unrecorded, 490);
    // The count is written with what is recorded next, once it has been kept for a minute.
    world.clock.advance(Duration::from_secs(61));
    world.call("ann", "list_pages").await.unwrap();
    for _ in 0..20 {
        call(&world.governor, "bob", "list_pages").await.unwrap_err();
    }
    world.governor.close().await;
    let (mut denials, mut counted) = (Vec::new(), Vec::new());
    for record in world.records().await {
        match record {
            AuditRecord::Denial(denial) => denials.push(denial.caller.user),
            AuditRecord::Mark(WriterMark::DenialsLost { count, user }) => counted.push((count, user)),
            _ => {}
        }
    }
    let (bob, eve) = (world.governor.user_hash(&user("bob")), world.governor.user_hash(&user("eve")));
    assert_eq!(denials.iter().filter(|user| **user == bob).count(), 20);
    assert_eq!(denials.iter().filter(|user| **user == eve).count(), 1);
    assert_eq!(counted, [(490, Some(bob)), (10, Some(bob))], "every denial is on record or counted");
    world.assert_intact().await;
}
