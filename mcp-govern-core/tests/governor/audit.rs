//! The audit log refuses: the intent, the outcome, the acknowledgement.

use std::sync::atomic::Ordering;

use mcp_govern_core::{
    DenialCode, Remedy, Sent,
    audit::{AuditHealth, AuditRecord, BreakKind, CallResult, WriterMark, verify},
};

use super::{
    vendor::Turn,
    world::{World, code, owner},
};

#[tokio::test]
async fn a_call_whose_intent_is_refused_is_denied_and_nothing_is_sent() {
    let world = World::open().await;
    assert!(world.governor.status().is_ready());
    world.faults().records_fail.store(1, Ordering::SeqCst);
    let denied = world.call("ann", "create_page").await;
    assert_eq!(code(&denied), "record_unavailable");
    assert_eq!(denied.unwrap_err().denial().unwrap().remedy(), &Remedy::Retry);
    assert!(world.vendor.seen().is_empty());
    assert!(!world.governor.status().is_ready());
    // The log is back: the next call is made, and the denied one is on record before it.
    world.call("ann", "create_page").await.unwrap();
    assert_eq!(world.governor.status().audit, AuditHealth::Writable);
    world.governor.close().await;
    let kinds: Vec<_> = world.records().await.iter().map(kind).collect();
    assert_eq!(kinds, ["opened", "record_unavailable", "intent", "success", "closed"]);
    world.assert_intact().await;
}

#[tokio::test]
async fn an_outcome_that_is_refused_does_not_take_the_result_away_and_is_written_before_the_next_intent() {
    let world = World::open().await;
    world.vendor.will(Turn::Wait);
    let running = world.start("ann", "create_page");
    world.vendor.arrival().await;
    world.faults().records_fail.store(2, Ordering::SeqCst);
    world.vendor.go.add_permits(1);
    running.await.unwrap().unwrap();
    assert_eq!(code(&world.call("ann", "create_page").await), "record_unavailable");
    assert_eq!(world.vendor.seen().len(), 1);
    world.call("ann", "list_pages").await.unwrap();
    world.governor.close().await;
    let kinds: Vec<_> = world.records().await.iter().map(kind).collect();
    assert_eq!(kinds, ["opened", "intent", "success", "record_unavailable", "intent", "success", "closed"]);
    world.assert_intact().await;
}

#[tokio::test]
async fn a_lost_acknowledgement_of_a_record_is_found_again_and_the_record_is_there_once() {
    let world = World::open().await;
    world.faults().record_acks_lost.store(2, Ordering::SeqCst);
    world.call("ann", "list_pages").await.unwrap();
    world.governor.close().await;
    let kinds: Vec<_> = world.records().await.iter().map(kind).collect();
    assert_eq!(kinds, ["opened", "intent", "success", "closed"]);
    world.assert_intact().await;
}

#[tokio::test]
async fn an_intent_of_which_nobody_knows_whether_it_was_written_is_denied_and_gets_its_end_if_it_was() {
    let world = World::open().await;
    world.call("ann", "list_pages").await.unwrap();
    world.faults().record_acks_lost.store(1, Ordering::SeqCst);
    world.faults().heads_fail.store(1, Ordering::SeqCst);
    assert_eq!(code(&world.call("ann", "create_page").await), "record_unavailable");
    assert_eq!(world.vendor.seen().len(), 1);
    world.call("ann", "list_pages").await.unwrap();
    let outcomes = world.closed_outcomes().await;
    let never_made = CallResult::Denied { code: DenialCode::RecordUnavailable, sent: Sent::No };
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == never_made).count(), 1);
    assert_eq!(outcomes.len(), 3);
    world.assert_intact().await;
}

#[tokio::test]
async fn an_append_that_comes_about_after_all_is_not_taken_for_somebody_elses() {
    let never_made = CallResult::Denied { code: DenialCode::RecordUnavailable, sent: Sent::No };
    for late in [true, false] {
        let world = World::open().await;
        world.call("ann", "list_pages").await.unwrap();
        let faults = world.faults();
        if late { &faults.records_late } else { &faults.records_lost }.store(1, Ordering::SeqCst);
        assert_eq!(code(&world.call("ann", "create_page").await), "record_unavailable");
        assert_eq!(world.vendor.seen().len(), 1);
        // The outcome of the first call stands in the batch in doubt: it is there once.
        world.call("ann", "list_pages").await.unwrap();
        assert_eq!(world.governor.status().audit, AuditHealth::Writable);
        let outcomes = world.closed_outcomes().await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == never_made).count(), 1, "{outcomes:?}");
        assert_eq!(outcomes.len(), 3, "{outcomes:?}");
        world.assert_intact().await;
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_while_its_intent_waits_is_abandoned_and_has_sent_nothing() {
    let world = World::open().await;
    let faults = world.faults();
    faults.records_wait.store(true, Ordering::SeqCst);
    let running = world.start("ann", "list_pages");
    faults.records_arrived.0.acquire().await.unwrap().forget();
    running.abort();
    let _ = running.await;
    faults.records_wait.store(false, Ordering::SeqCst);
    faults.records_go.0.add_permits(1);
    assert_eq!(world.closed_outcomes().await, [CallResult::Abandoned { sent: Sent::No }]);
    assert!(world.vendor.seen().is_empty());
    world.assert_intact().await;
}

#[tokio::test]
async fn an_outcome_without_a_written_intent_is_not_written() {
    let world = World::open().await;
    world.call("ann", "list_pages").await.unwrap();
    let faults = world.faults();
    faults.records_wait.store(true, Ordering::SeqCst);
    let running = world.start("ann", "list_pages");
    faults.records_arrived.0.acquire().await.unwrap().forget();
    running.abort();
    let _ = running.await;
    faults.records_wait.store(false, Ordering::SeqCst);
    faults.records_fail.store(1, Ordering::SeqCst);
    faults.records_go.0.add_permits(1);
    assert_eq!(world.closed_outcomes().await.len(), 1, "that of the first call");
    world.assert_intact().await;
}

#[tokio::test]
async fn denials_that_come_faster_than_they_are_written_are_counted_on_record() {
    let world = World::open().await;
    // The driver does not run between these: none of them waits for anything.
    for _ in 0..4_500 {
        world.call("bob", "list_pages").await.unwrap_err();
    }
    world.governor.close().await;
    let records = world.records().await;
    let denials = records.iter().filter(|record| matches!(record, AuditRecord::Denial(_))).count();
    let lost = records.iter().find_map(|record| match record {
        AuditRecord::Mark(WriterMark::DenialsLost { count, user: None }) => Some(*count),
        _ => None,
    });
    assert_eq!(denials + usize::try_from(lost.unwrap()).unwrap(), 4_500);
    world.assert_intact().await;
}

#[tokio::test]
async fn many_callers_share_one_durable_write() {
    let world = World::open().await;
    world.call("ann", "list_pages").await.unwrap();
    let faults = world.faults();
    faults.records_wait.store(true, Ordering::SeqCst);
    let first = world.start("ann", "list_pages");
    faults.records_arrived.0.acquire().await.unwrap().forget();
    let before = faults.record_appends.load(Ordering::SeqCst);
    let rest: Vec<_> = (0..200).map(|_| world.start("ann", "list_pages")).collect();
    // All of them wait behind the first one's append.
    tokio::task::yield_now().await;
    faults.records_wait.store(false, Ordering::SeqCst);
    faults.records_go.0.add_permits(1);
    first.await.unwrap().unwrap();
    for call in rest {
        call.await.unwrap().unwrap();
    }
    let appends = faults.record_appends.load(Ordering::SeqCst) - before;
    assert!(appends < 20, "{appends} appends for 200 calls");
}

#[tokio::test]
async fn more_calls_at_once_than_allowed_are_denied() {
    let world = World::open_with(super::world::spec(), |builder| builder.with_calls_in_flight(1)).await;
    world.vendor.will(Turn::Wait);
    let running = world.start("ann", "list_pages");
    world.vendor.arrival().await;
    assert_eq!(code(&world.call("ann", "list_pages").await), "record_unavailable");
    world.vendor.go.add_permits(1);
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn one_changed_byte_and_a_missing_newest_record_are_found() {
    let world = World::open().await;
    world.call("ann", "list_pages").await.unwrap();
    world.governor.close().await;
    let heads = world.governor.audit_heads().await.unwrap();
    let found = world.governor.verify_audit(&owner(), &heads).await.unwrap();
    assert!(found.iter().all(|(_, found)| found.is_intact() && found.closed));
    let mut records = world.raw_records().await;
    let mut bytes = records[1].bytes.to_vec();
    let at = bytes.windows(2).position(|pair| pair == b"p1").unwrap();
    bytes[at] = b'q';
    records[1].bytes = bytes.into();
    let broken = verify(&records).broken.unwrap();
    assert_eq!((broken.sequence, broken.kind), (2, BreakKind::Changed));
    // An anchor of a chain that is gone as a whole.
    let mut gone = heads.clone();
    gone[0].0 = mcp_govern_core::ports::WriterId::new("w-gone").unwrap();
    let found = world.governor.verify_audit(&owner(), &gone).await.unwrap();
    let missing: Vec<_> = found.iter().filter_map(|(_, found)| found.broken.as_ref()).collect();
    assert_eq!(missing.len(), 1);
    assert_eq!((missing[0].sequence, missing[0].kind), (1, BreakKind::Truncated));
}

#[tokio::test]
async fn a_closed_governor_lets_nothing_in_and_finishes_what_runs() {
    let world = World::open().await;
    world.vendor.will(Turn::Wait);
    let running = world.start("ann", "list_pages");
    world.vendor.arrival().await;
    let closing = tokio::spawn({
        let governor = world.governor.clone();
        async move { governor.close().await }
    });
    tokio::task::yield_now().await;
    assert_eq!(code(&world.call("ann", "list_pages").await), "record_unavailable");
    world.vendor.go.add_permits(1);
    running.await.unwrap().unwrap();
    closing.await.unwrap();
    world.driver.await.unwrap();
    let heads = world.governor.audit_heads().await.unwrap();
    let found = world.governor.verify_audit(&owner(), &heads).await.unwrap();
    assert!(found.iter().all(|(_, found)| found.closed && found.unfinished.is_empty()));
}

#[tokio::test]
async fn a_governor_whose_audit_stays_away_can_still_be_closed() {
    let world = World::open().await;
    world.vendor.will(Turn::Wait);
    let running = world.start("ann", "list_pages");
    world.vendor.arrival().await;
    world.faults().records_fail.store(usize::MAX, Ordering::SeqCst);
    world.vendor.go.add_permits(1);
    running.await.unwrap().unwrap();
    world.governor.close().await;
    world.driver.await.unwrap();
}

fn kind(record: &AuditRecord) -> &'static str {
    match record {
        AuditRecord::Intent(_) => "intent",
        AuditRecord::Outcome(outcome) => match outcome.result {
            CallResult::Success { .. } => "success",
            CallResult::Failure { .. } => "failure",
            CallResult::Denied { code, .. } => code.as_str(),
            _ => "abandoned",
        },
        AuditRecord::Denial(denial) => denial.code.as_str(),
        AuditRecord::Mark(mark) if *mark == WriterMark::Closed => "closed",
        AuditRecord::Mark(_) => "opened",
        _ => "other",
    }
}
