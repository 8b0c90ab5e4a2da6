//! The journal is followed on a thread of its own: nothing that keeps the runtime of the calls busy makes the rules stale.

use std::{
    sync::{Arc, Barrier, mpsc},
    time::{Duration, Instant},
};

use mcp_govern_core::{
    TenantId,
    access::Freshness,
    governor::Follower,
    journal::{Action, KillScope},
    ports::Stores,
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    nodes::{Running, TENANT, Vendor, call_as_person, denied, furnish, start, start_apart},
    site::{Site, until},
};

/// How many threads the runtime of the calls has.
const WORKERS: usize = 2;
/// How long rules are trusted that cannot be confirmed.
const MAX_STALENESS: Duration = Duration::from_secs(1);

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build().unwrap()
}

/// Keeps every thread of a runtime busy until what comes back is dropped.
fn keep_busy(runtime: &Runtime) -> Vec<mpsc::Sender<()>> {
    let all_at_once = Arc::new(Barrier::new(WORKERS + 1));
    let until = |_| {
        let (end, ended) = mpsc::channel();
        let all_at_once = Arc::clone(&all_at_once);
        runtime.spawn(async move {
            all_at_once.wait();
            // A call that never gives its thread back. The sender goes with the end of the test.
            let _: Result<(), _> = ended.recv();
        });
        end
    };
    let busy = (0..WORKERS).map(until).collect();
    all_at_once.wait();
    busy
}

/// Waits until everything is on record: a write that stood still with the runtime would hold the lock of the store's file.
async fn at_rest(node: &Running) {
    until(async || (node.governor.status().calls_in_flight == 0).then_some(())).await;
}

/// Follows on a thread of its own, with stores that it opens there.
fn follow(follower: Follower, site: &Arc<Site>) -> std::thread::JoinHandle<()> {
    let site = Arc::clone(site);
    std::thread::spawn(move || {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let stores = site.node().await.into_stores();
            let journal = stores.open(&TenantId::new(TENANT).unwrap()).await.unwrap().journal;
            follower.with_journal(journal).run().await;
        });
    })
}

fn a_busy_runtime_of_calls_keeps_the_rules_fresh_and_hides_no_kill_switch(site: Site) {
    let site = Arc::new(site);
    let stores = async || -> Arc<dyn Stores> { site.node().await.into_stores() };
    let (calls, others) = (runtime(), runtime());
    let (node, thread) = calls.block_on(async {
        let vendor = Vendor::new();
        furnish(stores().await, &vendor).await;
        let (node, follower) =
            start_apart(stores().await, &vendor, |builder| builder.with_max_staleness(MAX_STALENESS)).await;
        let thread = follow(follower, &site);
        until(async || node.call().await.ok()).await;
        at_rest(&node).await;
        (node, thread)
    });
    let busy = keep_busy(&calls);
    let since = Instant::now();
    others.block_on(async {
        let other = start(stores().await, &Vendor::new()).await;
        other.commit(Action::Kill { scope: KillScope::Tenant }).await.unwrap();
        let killed = other.governor.revision();
        tokio::time::timeout(Duration::from_secs(90), node.governor.reached(killed)).await.unwrap().unwrap();
        // Long after the last word that anything on the busy runtime can have had from the journal.
        until(async || {
            let fresh = node.governor.status().freshness == Freshness::Fresh;
            (fresh && since.elapsed() > 2 * MAX_STALENESS).then_some(())
        })
        .await;
        assert_eq!(denied(&call_as_person(&node.governor).await), "tenant_killed");
    });
    drop(busy);
    calls.block_on(node.governor.close());
    thread.join().unwrap();
}

#[test]
fn a_busy_runtime_of_calls_keeps_the_rules_fresh_and_hides_no_kill_switch_on_sqlite() {
    a_busy_runtime_of_calls_keeps_the_rules_fresh_and_hides_no_kill_switch(Site::sqlite());
}

#[cfg(feature = "postgres")]
#[test]
fn a_busy_runtime_of_calls_keeps_the_rules_fresh_and_hides_no_kill_switch_on_postgres() {
    if let Some(site) = Site::postgres() {
        a_busy_runtime_of_calls_keeps_the_rules_fresh_and_hides_no_kill_switch(site);
    }
}

#[test]
fn a_follower_beside_the_calls_stands_still_with_them_and_everything_is_denied() {
    let site = Site::sqlite();
    let stores = async || -> Arc<dyn Stores> { site.node().await.into_stores() };
    let (calls, others) = (runtime(), runtime());
    let node = calls.block_on(async {
        let vendor = Vendor::new();
        furnish(stores().await, &vendor).await;
        let configure = |builder: mcp_govern_core::governor::GovernorBuilder| builder.with_max_staleness(MAX_STALENESS);
        let node = crate::nodes::start_with(stores().await, &vendor, configure).await.unwrap();
        until(async || node.call().await.ok()).await;
        node
    });
    let busy = keep_busy(&calls);
    others.block_on(async {
        until(async || (node.governor.status().freshness == Freshness::Stale).then_some(())).await;
        assert_eq!(denied(&call_as_person(&node.governor).await), "state_stale");
    });
    drop(busy);
    calls.block_on(async { until(async || node.call().await.ok()).await });
}
