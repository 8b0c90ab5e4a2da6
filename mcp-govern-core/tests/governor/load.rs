//! Many callers at once, on several threads, with callers that go away, an audit log that fails, and a kill switch.

use std::{
    collections::BTreeMap,
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
};

use mcp_govern_core::{
    audit::AuditRecord,
    journal::{Action, KillScope},
};

use super::world::{World, call};

const CALLERS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_intent_has_exactly_one_outcome_whoever_goes_away_and_whatever_fails() {
    let world = World::open().await;
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        let governor = world.governor.clone();
        callers.push(tokio::spawn(async move {
            for round in 0..100 {
                let one = tokio::spawn({
                    let governor = governor.clone();
                    async move { call(&governor, "ann", "create_page").await.map(drop) }
                });
                // Some go away at once, some after a while, some wait.
                match (caller + round) % 4 {
                    0 => one.abort(),
                    1 => {
                        tokio::task::yield_now().await;
                        one.abort();
                    }
                    _ => {}
                }
                let _ = one.await;
            }
        }));
    }
    for _ in 0..8 {
        world.faults().records_fail.fetch_add(1, Ordering::SeqCst);
        world.faults().record_acks_lost.fetch_add(1, Ordering::SeqCst);
        world.faults().heads_fail.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
    for caller in callers {
        caller.await.unwrap();
    }
    world.faults().records_fail.store(0, Ordering::SeqCst);
    world.faults().record_acks_lost.store(0, Ordering::SeqCst);
    world.faults().heads_fail.store(0, Ordering::SeqCst);
    world.governor.close().await;
    world.assert_intact().await;
    let mut ends: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for record in world.records().await {
        match record {
            AuditRecord::Intent(intent) => ends.entry(intent.call.to_string()).or_default().0 += 1,
            AuditRecord::Outcome(outcome) => ends.entry(outcome.call.to_string()).or_default().1 += 1,
            _ => {}
        }
    }
    let wrong: Vec<_> = ends.iter().filter(|(_, counts)| **counts != (1, 1)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    // The faults can have denied no more than these.
    assert!(ends.len() > 20, "{} calls", ends.len());
    // Whatever the vendor saw is on record.
    assert!(world.vendor.seen().len() <= ends.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn once_a_kill_switch_has_been_thrown_no_new_call_reaches_the_vendor() {
    let world = World::open().await;
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (governor, stop) = (world.governor.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let _ = call(&governor, "ann", "list_pages").await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for round in 0..20 {
        world.commit(Action::Kill { scope: KillScope::Tenant }).await;
        let then = world.vendor.seen().len();
        for _ in 0..50 {
            assert!(call(&world.governor, "ann", "list_pages").await.is_err());
        }
        // A call may have been told that it may send, and not have sent yet, when the switch was thrown: one for each caller.
        assert!(world.vendor.seen().len() <= then + CALLERS, "round {round}");
        world.commit(Action::Release { scope: KillScope::Tenant }).await;
        call(&world.governor, "ann", "list_pages").await.unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    for caller in callers {
        caller.await.unwrap();
    }
    world.governor.close().await;
    world.assert_intact().await;
}
