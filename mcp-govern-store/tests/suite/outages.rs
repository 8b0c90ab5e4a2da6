//! The store is away while calls come: they are denied with a code, and go on after; nothing is sent without a record.

use std::{path::Path, sync::Arc, time::Duration};

use mcp_govern_core::ports::{StoreError, Stores};
use mcp_govern_store::{SqliteOptions, SqliteStores, VaultKeys};
use sqlx::{Connection as _, SqliteConnection};

#[cfg(feature = "postgres")]
use crate::proxy::{Proxy, Way};
#[cfg(feature = "postgres")]
use mcp_govern_store::{PostgresOptions, PostgresStores};
#[cfg(feature = "postgres")]
use stand_ins::postgres::Cluster;

use crate::{
    nodes::{Running, Vendor, denied, furnish, start, start_with},
    site::{TIMEOUT, until},
};

/// What a node waits for a store that is away: not long, so that its calls are denied soon.
const SHORT: Duration = Duration::from_millis(200);

/// Why a call is denied while the store is away: its record cannot be written; or it was, and then the credential could not be
/// read; or the rules could not be confirmed for too long.
const AWAY: [&str; 3] = ["record_unavailable", "credential_unusable", "state_stale"];

fn sqlite_options(keys: &VaultKeys) -> SqliteOptions {
    SqliteOptions::new(keys.clone()).with_timeout(TIMEOUT).with_poll(Duration::from_millis(20))
}

async fn sqlite(path: &Path, options: SqliteOptions) -> Arc<dyn Stores> {
    Arc::new(SqliteStores::open(path, options).await.unwrap())
}

/// Starts a node on stores that give up soon, however long starting takes.
async fn start_impatient(
    vendor: &Arc<Vendor>,
    max_staleness: Duration,
    open: impl AsyncFn() -> Result<Arc<dyn Stores>, StoreError>,
) -> Running {
    let node = until(async || {
        let stores = open().await.ok()?;
        start_with(stores, vendor, |builder| builder.with_max_staleness(max_staleness)).await.ok()
    })
    .await;
    node.call_until_it_works().await;
    node
}

/// Calls are denied as long as the store is away, none of them reaches the vendor, and the first one after goes through.
async fn denied_until(node: &Running, vendor: &Vendor, back: impl AsyncFnOnce()) {
    // What was under way when the store went away may still come about.
    let first = until(async || node.call().await.err().map(Err)).await;
    let before = vendor.calls();
    let mut codes = vec![denied(&first)];
    while codes.len() < 4 || !codes.contains(&"record_unavailable") {
        codes.push(denied(&node.call().await));
        assert!(codes.len() < 1_000, "none of them was denied for want of a record: {codes:?}");
    }
    assert_eq!(vendor.calls(), before, "{codes:?}");
    assert!(codes.iter().all(|code| AWAY.contains(code)), "{codes:?}");
    back().await;
    let codes = node.call_until_it_works().await;
    assert!(codes.iter().all(|code| AWAY.contains(code)), "{codes:?}");
    assert_eq!(vendor.calls(), before + 1);
    node.assert_intact_at_the_end().await;
}

impl Running {
    /// Calls until it goes through; answers the codes of the denials until then.
    pub(crate) async fn call_until_it_works(&self) -> Vec<&'static str> {
        let mut codes = Vec::new();
        until(async || match self.call().await {
            Ok(_) => Some(()),
            Err(error) => {
                codes.push(denied(&Err(error)));
                // Denials are cheap: without a pause they would come by the thousand.
                tokio::time::sleep(Duration::from_millis(5)).await;
                None
            }
        })
        .await;
        codes
    }

    /// Ends, and finds every record where it was put.
    async fn assert_intact_at_the_end(&self) {
        self.governor.close().await;
        self.assert_intact(0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_another_process_holds_the_lock_of_the_file_calls_are_denied_and_go_on_after() {
    let (folder, keys, vendor) = (tempfile::tempdir().unwrap(), VaultKeys::generate().unwrap(), Vendor::new());
    let path = folder.path().join("store.db");
    furnish(sqlite(&path, sqlite_options(&keys)).await, &vendor).await;
    let node = start_impatient(&vendor, TIMEOUT, async || {
        let stores = SqliteStores::open(&path, sqlite_options(&keys).with_timeout(SHORT)).await?;
        Ok(Arc::new(stores) as Arc<dyn Stores>)
    })
    .await;
    let mut other = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    denied_until(&node, &vendor, async || {
        sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_calls_are_denied_and_what_was_said_stays() {
    let (folder, keys, vendor) = (tempfile::tempdir().unwrap(), VaultKeys::generate().unwrap(), Vendor::new());
    let path = folder.path().join("store.db");
    furnish(sqlite(&path, sqlite_options(&keys)).await, &vendor).await;
    let size = std::fs::metadata(&path).unwrap().len() + 200_000;
    let node = start(sqlite(&path, sqlite_options(&keys).with_largest_size(size)).await, &vendor).await;
    let mut sent = 0;
    let code = loop {
        match node.call().await {
            Ok(_) => sent += 1,
            refused => break denied(&refused),
        }
    };
    assert_eq!(code, "record_unavailable");
    assert!(sent > 10 && vendor.calls() == sent, "{sent}");
    // What did not fit is kept and belongs to this process; in the next life there is room.
    drop(node);
    let next = start(sqlite(&path, sqlite_options(&keys)).await, &vendor).await;
    next.call().await.unwrap();
    next.governor.close().await;
    let unfinished = next.governor.verify_audit(&crate::nodes::admin(), &[]).await.unwrap();
    assert!(unfinished.iter().all(|(_, found)| found.is_intact()), "{unfinished:?}");
    let open: usize = unfinished.iter().map(|(_, found)| found.unfinished.len()).sum();
    assert!(open <= 1, "{open} calls have no end: only that of the last could find no room");
}

#[cfg(feature = "postgres")]
async fn postgres(vendor: &Arc<Vendor>, max_staleness: Duration, url: &str, keys: &VaultKeys) -> Running {
    start_impatient(vendor, max_staleness, async || {
        let options = PostgresOptions::new(keys.clone()).with_timeout(SHORT).with_poll(Duration::from_millis(50));
        Ok(Arc::new(PostgresStores::connect(url, options).await?) as Arc<dyn Stores>)
    })
    .await
}

/// A furnished tenant in a database of the cluster, and the name of the database.
#[cfg(feature = "postgres")]
async fn installed(cluster: &Cluster, keys: &VaultKeys, vendor: &Arc<Vendor>) -> (String, String) {
    let url = cluster.database();
    let patient =
        PostgresStores::connect(&url, PostgresOptions::new(keys.clone()).with_timeout(TIMEOUT)).await.unwrap();
    furnish(Arc::new(patient), vendor).await;
    let name = url.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
    (url, name)
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_restarted_calls_are_denied_and_go_on_after() {
    let (keys, vendor) = (VaultKeys::generate().unwrap(), Vendor::new());
    let Some(cluster) = Cluster::start(&["fsync = on"]) else { return };
    let (url, _) = installed(&cluster, &keys, &vendor).await;
    let node = postgres(&vendor, TIMEOUT, &url, &keys).await;
    tokio::task::block_in_place(|| cluster.pg_ctl(&["stop", "-m", "immediate"]));
    denied_until(&node, &vendor, async || tokio::task::block_in_place(|| cluster.pg_ctl(&["start"]))).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_connections_are_cut_calls_are_denied_and_go_on_after() {
    let (keys, vendor) = (VaultKeys::generate().unwrap(), Vendor::new());
    let Some(cluster) = Cluster::shared() else { return };
    let (_, name) = installed(cluster, &keys, &vendor).await;
    let proxy = Proxy::to(cluster.socket()).await;
    let node = postgres(&vendor, TIMEOUT, &proxy.url(&name), &keys).await;
    proxy.cut(Way::Closed);
    denied_until(&node, &vendor, async || proxy.cut(Way::Open)).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_somebody_holds_a_lock_in_postgres_calls_are_denied_and_go_on_after() {
    let (keys, vendor) = (VaultKeys::generate().unwrap(), Vendor::new());
    let Some(cluster) = Cluster::shared() else { return };
    let (url, _) = installed(cluster, &keys, &vendor).await;
    let node = postgres(&vendor, TIMEOUT, &url, &keys).await;
    let mut other = sqlx::PgConnection::connect(&url).await.unwrap();
    for statement in ["BEGIN", "LOCK TABLE mcp_govern.writer IN ACCESS EXCLUSIVE MODE"] {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    denied_until(&node, &vendor, async || {
        sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    })
    .await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serialisation_failures_deny_no_call() {
    let (keys, vendor) = (VaultKeys::generate().unwrap(), Vendor::new());
    let Some(cluster) = Cluster::shared() else { return };
    let (url, name) = installed(cluster, &keys, &vendor).await;
    let mut administrator = sqlx::PgConnection::connect(&url).await.unwrap();
    let set = format!("ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'");
    sqlx::query(sqlx::AssertSqlSafe(set)).execute(&mut administrator).await.unwrap();
    let patient = async || {
        let options = PostgresOptions::new(keys.clone()).with_timeout(TIMEOUT);
        let stores: Arc<dyn Stores> = Arc::new(PostgresStores::connect(&url, options).await.unwrap());
        start(stores, &vendor).await
    };
    let nodes = [patient().await, patient().await];
    let calls: Vec<_> = (0..60).map(|number| nodes[number % 2].begin()).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let (one, two) = (crate::nodes::grant("one", None), crate::nodes::grant("two", None));
    let (one, two) = tokio::join!(nodes[0].commit(one), nodes[1].commit(two));
    assert_ne!(one.unwrap().revision, two.unwrap().revision);
    for node in &nodes {
        node.governor.close().await;
    }
    nodes[0].assert_intact(0).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_replica_takes_over_calls_are_denied_and_go_on_after() {
    let (keys, vendor) = (VaultKeys::generate().unwrap(), Vendor::new());
    let Some(primary) = Cluster::start(&["wal_level = replica", "max_wal_senders = 5"]) else { return };
    let (url, name) = installed(&primary, &keys, &vendor).await;
    let proxy = Proxy::to(primary.socket()).await;
    let node = postgres(&vendor, TIMEOUT, &proxy.url(&name), &keys).await;
    let replica = tokio::task::block_in_place(|| primary.replica());
    let mut administrator = sqlx::PgConnection::connect(&url).await.unwrap();
    for statement in ["ALTER SYSTEM SET synchronous_standby_names = 'replica'", "SELECT pg_reload_conf()"] {
        sqlx::query(statement).execute(&mut administrator).await.unwrap();
    }
    until(async || {
        let follows = sqlx::query_scalar("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'");
        let follows: i64 = follows.fetch_one(&mut administrator).await.unwrap();
        (follows == 1).then_some(())
    })
    .await;
    // Acknowledged by both: it must be there after.
    until(async || node.call().await.ok()).await;
    let sent = vendor.calls();
    tokio::task::block_in_place(|| primary.pg_ctl(&["stop", "-m", "immediate"]));
    proxy.redirect(replica.socket());
    proxy.cut(Way::Open);
    denied_until(&node, &vendor, async || tokio::task::block_in_place(|| replica.pg_ctl(&["promote"]))).await;
    let mut filter = mcp_govern_core::ports::AuditFilter::new();
    filter.kind = Some(mcp_govern_core::audit::RecordKind::Intent);
    let intents = node.governor.audit(&crate::nodes::admin(), filter, None, 1_000).await.unwrap().records;
    assert!(intents.len() > sent, "{} intents for {sent} calls and one more", intents.len());
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_that_cannot_be_confirmed_in_time_stop_calls_in_flight_and_deny_new_ones() {
    let (keys, vendor) = (VaultKeys::generate().unwrap(), Vendor::new());
    let Some(cluster) = Cluster::shared() else { return };
    let (_, name) = installed(cluster, &keys, &vendor).await;
    let proxy = Proxy::to(cluster.socket()).await;
    let node = postgres(&vendor, Duration::from_secs(3), &proxy.url(&name), &keys).await;
    vendor.wait();
    // On a machine that is busy with other work the rules may be unconfirmed for a moment before.
    let under_way = until(async || {
        let mut begun = node.begin();
        tokio::select! {
            () = vendor.arrival() => Some(begun),
            ended = &mut begun => {
                assert_eq!(denied(&ended.unwrap()), "state_stale");
                None
            }
        }
    })
    .await;
    // Nobody answers, and nobody says so.
    proxy.silence();
    let stopped = tokio::time::timeout(TIMEOUT, under_way).await.expect("it is stopped").unwrap();
    assert_eq!(denied(&stopped), "state_stale");
    assert_eq!(denied(&node.call().await), "state_stale");
    vendor.go();
    proxy.cut(Way::Open);
    node.call_until_it_works().await;
    node.assert_intact_at_the_end().await;
}
