//! What can happen to a server and to the way there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use mcp_govern_core::{
    journal::Revision,
    ports::{AuditHead, AuditLog, Journal, OneTimeValue, StoreErrorKind, Stores as _, TenantStores},
};
use mcp_govern_store::{MissingStore, OpenOptions, PostgresOptions, PostgresStores, VaultKeys};
use sqlx::{Connection as _, PgConnection};
use stand_ins::postgres::Cluster;

use crate::{
    chains::{Chain, commit, grow, tenant, verified, whole_journal},
    proxy::{Proxy, Way},
    site::{Site, TIMEOUT, until},
};

const LONG: Duration = Duration::from_hours(1);

fn options() -> PostgresOptions {
    PostgresOptions::new(VaultKeys::generate().unwrap())
        .with_poll(Duration::from_millis(50))
        .with_timeout(TIMEOUT)
        .with_connections(4)
}

/// Opens stores that give up soon, however long opening them takes.
async fn open_impatient(url: &str, timeout: Duration) -> (PostgresStores, TenantStores) {
    until(async || {
        let stores = PostgresStores::connect(url, options().with_timeout(timeout)).await.ok()?;
        let tenant = stores.open(&tenant()).await.ok()?;
        Some((stores, tenant))
    })
    .await
}

async fn open(url: &str, options: PostgresOptions) -> (PostgresStores, TenantStores) {
    let stores = PostgresStores::connect(url, options).await.unwrap();
    let tenant = stores.open(&tenant()).await.unwrap();
    (stores, tenant)
}

fn database() -> Option<String> {
    Some(Cluster::shared()?.database())
}

async fn administrator(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

async fn run(connection: &mut PgConnection, statement: &'static str) {
    sqlx::query(statement).execute(connection).await.unwrap();
}

/// The name that stands in a URL of the shared cluster, for statements that need it.
fn name(url: &str) -> String {
    url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_commit_of_another_node_is_heard_of_without_polling() {
    let Some(url) = database() else { return };
    let (_one, here) = open(&url, options()).await;
    let (_two, there) = open(&url, options().with_poll(LONG)).await;
    // The first look is no wait; from then on only a notification can end it.
    for revision in 0..3 {
        let (heard, _) = tokio::join!(
            tokio::time::timeout(TIMEOUT, async {
                while there.journal.head().await.unwrap().revision.0 <= revision {
                    there.journal.changed(Revision(revision)).await.unwrap();
                }
            }),
            grow(&*here.journal, 1),
        );
        heard.expect("heard within the test's time");
    }
}

#[tokio::test]
async fn commits_are_found_again_after_the_listener_was_cut_off() {
    let Some(url) = database() else { return };
    let (_one, here) = open(&url, options()).await;
    let (_two, there) = open(&url, options()).await;
    grow(&*here.journal, 1).await;
    let mut administrator = administrator(&url).await;
    for revision in 1..4 {
        run(&mut administrator, CUT_ALL).await;
        let append = async {
            until(async || {
                let head = here.journal.head().await.ok()?;
                here.journal.append(head, &commit(head, "after")).await.ok()
            })
            .await;
        };
        let follow = until(async || {
            there.journal.changed(Revision(revision)).await.ok()?;
            let read = there.journal.read(Revision(revision), 1).await.ok()?;
            (!read.is_empty()).then_some(())
        });
        tokio::join!(append, follow);
    }
}

#[tokio::test]
async fn many_nodes_that_start_at_once_make_the_tables_once() {
    let Some(url) = database() else { return };
    let nodes = (0..6).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { PostgresStores::connect(&url, options()).await.map(|_| ()) })
    });
    for node in nodes.collect::<Vec<_>>() {
        node.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn two_schemas_of_one_database_share_nothing() {
    let Some(url) = database() else { return };
    let (one, ours) = open(&url, options()).await;
    let (_two, theirs) = open(&url, options().with_schema("staging")).await;
    grow(&*ours.journal, 2).await;
    assert!(whole_journal(&*theirs.journal).await.is_empty());
    one.close().await;
    assert_eq!(ours.journal.head().await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    grow(&*theirs.journal, 1).await;
    let refused = PostgresStores::connect(&url, options().with_schema("no schema")).await.unwrap_err();
    assert!(refused.to_string().contains("`no schema`"), "{refused}");
}

#[tokio::test]
async fn tables_of_a_newer_release_are_refused_and_say_so() {
    let Some(site) = Site::postgres() else { return };
    site.node().await;
    site.sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (7, 'newer', TRUE, '\\x00', 0)",
    )
    .await;
    let error = PostgresStores::connect(site.url(), options()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(error.to_string().contains("newer release"), "{error}");
}

#[tokio::test]
async fn a_lock_that_somebody_holds_is_not_waited_for_long() {
    let Some(site) = Site::postgres() else { return };
    let (_stores, tenant) = open(site.url(), options()).await;
    let commits = grow(&*tenant.journal, 1).await;
    let (_hasty, impatient) = open_impatient(site.url(), Duration::from_millis(400)).await;
    let mut other = administrator(site.url()).await;
    run(&mut other, "BEGIN").await;
    run(&mut other, "SELECT * FROM mcp_govern.tenant FOR UPDATE").await;
    let refused = impatient.journal.append(commits[0].head(), &commit(commits[0].head(), "late")).await;
    assert!(matches!(&refused, Err(error) if error.kind() == StoreErrorKind::Unavailable), "{refused:?}");
    assert_eq!(tenant.journal.read(Revision::ZERO, 9).await.unwrap(), commits, "reading goes on");
    run(&mut other, "ROLLBACK").await;
    grow(&*tenant.journal, 1).await;
    assert_eq!(whole_journal(&*tenant.journal).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_serializable_by_default_changes_nothing() {
    let Some(url) = database() else { return };
    let mut administrator = administrator(&url).await;
    let set = format!("ALTER DATABASE {} SET default_transaction_isolation = 'serializable'", name(&url));
    sqlx::query(sqlx::AssertSqlSafe(set)).execute(&mut administrator).await.unwrap();
    let (_stores, tenant) = open(&url, options()).await;
    for round in 0..10 {
        let head = tenant.journal.head().await.unwrap();
        let rivals = (0..4).map(|rival| {
            let (journal, commit) = (tenant.journal.clone(), commit(head, &format!("r-{round}-{rival}")));
            tokio::spawn(async move { journal.append(head, &commit).await })
        });
        let mut won = 0;
        for rival in rivals.collect::<Vec<_>>() {
            match rival.await.unwrap() {
                Ok(_) => won += 1,
                Err(error) if error.journal_head().is_some() => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(won, 1);
    }
}

#[tokio::test]
async fn what_is_acknowledged_is_committed_even_where_the_database_says_otherwise() {
    let Some(site) = Site::postgres() else { return };
    let mut administrator = administrator(site.url()).await;
    let set = format!("ALTER DATABASE {} SET synchronous_commit = 'off'", name(site.url()));
    sqlx::query(sqlx::AssertSqlSafe(set)).execute(&mut administrator).await.unwrap();
    let (_stores, tenant) = open(site.url(), options()).await;
    site.sql("CREATE TABLE seen (setting TEXT)").await;
    site.sql(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO mcp_govern.seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$",
    )
    .await;
    site.sql("CREATE TRIGGER note BEFORE INSERT ON act FOR EACH ROW EXECUTE FUNCTION note()").await;
    grow(&*tenant.journal, 3).await;
    assert_eq!(site.sql("DELETE FROM seen WHERE setting = 'on'").await, 3);
}

#[tokio::test]
async fn a_server_that_is_read_only_is_not_taken_for_the_primary() {
    let Some(url) = database() else { return };
    let (_stores, tenant) = open_impatient(&url, Duration::from_millis(500)).await;
    let mut administrator = administrator(&url).await;
    let set = format!("ALTER DATABASE {} SET default_transaction_read_only = 'on'", name(&url));
    sqlx::query(sqlx::AssertSqlSafe(set)).execute(&mut administrator).await.unwrap();
    let error = PostgresStores::connect(&url, options()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("read-only"), "{error}");
    // A node that was connected before and has to connect anew: refused for the same reason.
    run(&mut administrator, CUT_ALL).await;
    let error = until(async || {
        // A connection that is not cut yet still answers.
        let error = tenant.journal.head().await.err()?;
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        error.to_string().contains("read-only").then_some(error)
    })
    .await;
    assert!(error.to_string().contains("replica"), "{error}");
    let reset = format!("ALTER DATABASE {} RESET default_transaction_read_only", name(&url));
    run(&mut administrator, "SET transaction_read_only = off").await;
    sqlx::query(sqlx::AssertSqlSafe(reset)).execute(&mut administrator).await.unwrap();
    until(async || tenant.journal.head().await.ok()).await;
}

const CUT_ALL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[tokio::test]
async fn the_time_is_that_of_the_database_where_none_is_set() {
    let Some(url) = database() else { return };
    let options = options();
    let (_one, here) = open(&url, options.clone()).await;
    let (_two, there) = open(&url, options).await;
    for (ttl, lives) in [(LONG, true), (Duration::ZERO, false)] {
        here.one_time.put("state", OneTimeValue::new("x"), ttl).await.unwrap();
        assert_eq!(there.one_time.take("state").await.unwrap().is_some(), lives);
        let held = here.lease.hold("sync", ttl).await.unwrap().unwrap();
        assert_eq!((held.is_held(), there.lease.hold("sync", LONG).await.unwrap().is_none()), (lives, lives));
        drop(held);
        until(async || here.lease.hold("sync", Duration::ZERO).await.unwrap()).await;
    }
}

#[tokio::test]
async fn a_database_without_a_store_is_refused_where_none_is_to_be_made() {
    let Some(url) = database() else { return };
    let careful = || OpenOptions::new().beside_others().with_missing(MissingStore::Refuse);
    let refused = mcp_govern_store::open(&url, careful()).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Invalid, "{refused}");
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'mcp_govern'";
    let made: i64 = sqlx::query_scalar(schemas).fetch_one(&mut administrator(&url).await).await.unwrap();
    assert_eq!(made, 0, "nothing was left behind");
    mcp_govern_store::open(&url, OpenOptions::new()).await.unwrap();
    assert!(mcp_govern_store::open(&url, careful()).await.unwrap().tenants().await.unwrap().is_empty());
}

#[tokio::test]
async fn no_error_of_a_refused_login_shows_the_password() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.url("no_such_database").replace("mcp@", "mcp:canary-77@");
    let error = PostgresStores::connect(&url, options()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(!format!("{error} {error:?}").contains("canary-77"), "{error:?}");
    let Some(url) = database() else { return };
    let stores = PostgresStores::connect(&url.replace("mcp@", "mcp:canary-77@"), options()).await.unwrap();
    assert!(!format!("{stores:?}").contains("canary-77"), "{stores:?}");
}

/// Writes both streams without a pause while `disturb` does its worst, and holds every answer to its word: what was
/// acknowledged is there, what was refused as `Unavailable` is not.
async fn under_load(tenant: TenantStores, disturb: impl AsyncFnOnce(&AtomicU64)) {
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let commits = tokio::spawn(load_journal(tenant.journal.clone(), Arc::clone(&stop), Arc::clone(&done)));
    let logs: Vec<_> = (0..3)
        .map(|writer| {
            let chain = Chain::new(&format!("w-{writer}"));
            tokio::spawn(load_audit(tenant.audit.clone(), chain, Arc::clone(&stop), Arc::clone(&done)))
        })
        .collect();
    disturb(&done).await;
    let after = done.load(Ordering::SeqCst);
    until(async || (done.load(Ordering::SeqCst) > after + 40).then_some(())).await;
    stop.store(true, Ordering::SeqCst);
    let commits = commits.await.unwrap();
    assert_eq!(whole_journal(&*tenant.journal).await.last().unwrap().revision(), commits);
    for log in logs {
        let chain = log.await.unwrap();
        let found = verified(&*tenant.audit, &chain.writer()).await;
        assert!(found.is_intact(), "{found:?}");
        assert_eq!(found.head, chain.head());
    }
}

/// What was refused as `Unknown` may come about as long as nothing else does: whoever repeats it looks again.
async fn load_journal(journal: Arc<dyn Journal>, stop: Arc<AtomicBool>, done: Arc<AtomicU64>) -> Revision {
    let mut head = journal.head().await.unwrap();
    let (mut number, mut late) = (0, Vec::new());
    while !stop.load(Ordering::SeqCst) {
        number += 1;
        let commit = commit(head, &format!("load-{number}"));
        let now = match journal.append(head, &commit).await {
            Ok(new) => new,
            Err(error) if error.journal_head().is_some_and(|now| late.contains(&now)) => error.journal_head().unwrap(),
            Err(error) => {
                let now = settled(|| journal.head()).await;
                match error.kind() {
                    StoreErrorKind::Unavailable => {}
                    StoreErrorKind::Unknown => late.push(commit.head()),
                    _ => panic!("{error}"),
                }
                assert!(now == head || late.contains(&now), "refused, and done all the same: {error}");
                now
            }
        };
        if now != head {
            (head, late) = (now, Vec::new());
        }
        done.fetch_add(1, Ordering::SeqCst);
    }
    head.revision
}

async fn load_audit(log: Arc<dyn AuditLog>, mut chain: Chain, stop: Arc<AtomicBool>, done: Arc<AtomicU64>) -> Chain {
    while !stop.load(Ordering::SeqCst) {
        let head = chain.head();
        let records = chain.next(5, 1_000);
        let mut in_doubt = false;
        loop {
            let Err(error) = log.append(&chain.writer(), head, &records).await else { break };
            let writer = chain.writer();
            let now: AuditHead = settled(|| log.head(&writer)).await;
            in_doubt |= error.kind() == StoreErrorKind::Unknown;
            match error.kind() {
                _ if in_doubt && now == chain.head() => break,
                StoreErrorKind::Unavailable => assert_eq!(now, head, "refused, and done all the same: {error}"),
                StoreErrorKind::Unknown => assert_eq!(now, head, "a part of a batch is there: {error}"),
                _ => panic!("{error}"),
            }
        }
        done.fetch_add(1, Ordering::SeqCst);
    }
    chain
}

/// Asks until there is an answer.
async fn settled<T, E, F: Future<Output = Result<T, E>>>(ask: impl Fn() -> F) -> T {
    loop {
        if let Ok(answer) = ask().await {
            return answer;
        }
        tokio::task::yield_now().await;
    }
}

/// Waits until the load has done some more work.
async fn progress(done: &AtomicU64) {
    let from = done.load(Ordering::SeqCst);
    until(async || (done.load(Ordering::SeqCst) >= from + 15).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_lose_nothing() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database();
    let proxy = Proxy::to(cluster.socket()).await;
    let (_stores, tenant) = open(&proxy.url(&name(&url)), options()).await;
    under_load(tenant, async |done| {
        for round in 0..12 {
            progress(done).await;
            proxy.cut(if round % 3 == 0 { Way::Closed } else { Way::Open });
            tokio::task::yield_now().await;
            proxy.cut(Way::Open);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_answers_no_more_is_not_waited_for_long() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database();
    let proxy = Proxy::to(cluster.socket()).await;
    let (_direct, patient) = open(&url, options()).await;
    let commits = grow(&*patient.journal, 1).await;
    let (_stores, tenant) = open_impatient(&proxy.url(&name(&url)), Duration::from_millis(300)).await;
    proxy.silence();
    let late = commit(commits[0].head(), "late");
    let silent = tokio::time::timeout(TIMEOUT, tenant.journal.append(commits[0].head(), &late)).await;
    let Ok(Err(error)) = silent else { panic!("{silent:?}") };
    assert!(matches!(error.kind(), StoreErrorKind::Unknown | StoreErrorKind::Unavailable), "{error}");
    let read = tokio::time::timeout(TIMEOUT, tenant.journal.changed(Revision(1))).await;
    assert_eq!(read.expect("not for ever").unwrap_err().kind(), StoreErrorKind::Unavailable);
    proxy.cut(Way::Open);
    until(async || {
        let head = tenant.journal.head().await.ok()?;
        tenant.journal.append(head, &commit(head, "again")).await.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_restarted_or_crashes_loses_nothing() {
    let Some(cluster) = Cluster::start(&["fsync = on", "autovacuum = off"]) else { return };
    let url = cluster.database();
    let (_stores, tenant) = open(&url, options()).await;
    under_load(tenant, async |done| {
        for mode in ["fast", "immediate", "immediate"] {
            progress(done).await;
            tokio::task::block_in_place(|| cluster.pg_ctl(&["restart", "-m", mode]));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synchronous_replica_that_is_promoted_has_everything() {
    let Some(primary) = Cluster::start(&["wal_level = replica", "max_wal_senders = 5"]) else { return };
    let url = primary.database();
    let database = name(&url);
    let proxy = Proxy::to(primary.socket()).await;
    let (_stores, tenant) = open(&proxy.url(&database), options()).await;
    let replica = tokio::task::block_in_place(|| primary.replica());
    let mut administrator = administrator(&url).await;
    run(&mut administrator, "ALTER SYSTEM SET synchronous_standby_names = 'replica'").await;
    run(&mut administrator, "SELECT pg_reload_conf()").await;
    until(async || {
        let follows = sqlx::query_scalar("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'");
        let follows: i64 = follows.fetch_one(&mut administrator).await.unwrap();
        (follows == 1).then_some(())
    })
    .await;
    let refused = PostgresStores::connect(&replica.url(&database), options()).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{refused}");
    under_load(tenant, async |done| {
        progress(done).await;
        tokio::task::block_in_place(|| primary.pg_ctl(&["stop", "-m", "immediate"]));
        proxy.redirect(replica.socket());
        proxy.cut(Way::Open);
        tokio::task::block_in_place(|| replica.pg_ctl(&["promote"]));
    })
    .await;
}
