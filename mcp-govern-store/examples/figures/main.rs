//! Figures of the stores, each against its peer in the same run on the same disk: `cargo run --release --example figures`
//! (`--features postgres` for PostgreSQL, of which a throw-away cluster is started), `-- --json` for machines.
//!
//! Peers take turns in slices, because a disk does not answer equally fast all the time.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program that measures")]

#[path = "../../tests/suite/chains.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod chains;
#[cfg(feature = "postgres")]
#[path = "../../tests/suite/cluster.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod cluster;
mod load;
mod peers;

use std::{path::Path, sync::Arc, time::Duration};

use mcp_govern_core::ports::{AuditLog, Stores};
use mcp_govern_store::{Checkpoint, Checkpoints, SqliteOptions, SqliteStores, VaultKeys};
use serde_json::{Value, json};

use self::load::Measured;

const SLICE: Duration = Duration::from_millis(1_000);
const SLICES: usize = 3;
const PRODUCERS: usize = 64;

#[tokio::main(worker_threads = 2)]
async fn main() {
    // On the disk that the program lies on: a temporary folder may be in memory.
    let here = std::env::current_exe().unwrap();
    let folder = tempfile::tempdir_in(here.parent().unwrap()).unwrap();
    let mut figures = vec![sqlite(folder.path()).await, checkpoint(folder.path()).await];
    #[cfg(feature = "postgres")]
    figures.extend(postgres(folder.path()).await);
    let figures =
        Value::Object(figures.into_iter().flat_map(|figures| figures.as_object().cloned().unwrap()).collect());
    if std::env::args().any(|argument| argument == "--json") {
        println!("{figures}");
    } else {
        println!("{figures:#}");
    }
}

async fn sqlite(folder: &Path) -> Value {
    let options = SqliteOptions::new(VaultKeys::generate().unwrap());
    let stores = SqliteStores::open(folder.join("store.db"), options).await.unwrap();
    let log = audit(&stores).await;
    let (mut raw, mut single, mut group) = (Measured::default(), Measured::default(), Measured::default());
    for slice in 0..SLICES {
        raw.add(peers::fdatasync(&folder.join("raw"), SLICE));
        single.add(load::run(Arc::clone(&log), &format!("single-{slice}"), 1, SLICE).await);
        group.add(load::run(Arc::clone(&log), &format!("group-{slice}"), PRODUCERS, SLICE).await);
    }
    stores.close().await;
    json!({
        "raw fdatasync, one 600-byte record": raw.to_json(),
        "sqlite, one record per commit": single.to_json(),
        "sqlite, 64 waiting producers": group.to_json(),
        "sqlite group / raw, rate (at least 10)": ratio(group.rate(), raw.rate()),
        "sqlite group / raw, median wait (at most 3)": ratio(group.median(), raw.median()),
        "sqlite group / one by one, rate (at least 10)": ratio(group.rate(), single.rate()),
    })
}

/// The state of 100,000 users and 400,000 grants is about this large as JSON.
async fn checkpoint(folder: &Path) -> Value {
    const BYTES: usize = 96 << 20;
    let options = SqliteOptions::new(VaultKeys::generate().unwrap());
    let stores = SqliteStores::open(folder.join("checkpoint.db"), options).await.unwrap();
    let tenant = stores.open(&chains::tenant()).await.unwrap();
    let act = chains::grow(&*tenant.journal, 1).await.remove(0);
    let checkpoints = stores.checkpoints(&chains::tenant()).await.unwrap();
    let written = std::time::Instant::now();
    checkpoints.put(&Checkpoint::new(act.head(), 1, vec![b'x'; BYTES])).await.unwrap();
    let (written, read) = (written.elapsed(), std::time::Instant::now());
    assert_eq!(checkpoints.latest(1).await.unwrap().unwrap().bytes().len(), BYTES);
    json!({
        "sqlite, checkpoint of 96 MiB written, s": round(written.as_secs_f64()),
        "sqlite, checkpoint of 96 MiB read, s": round(read.elapsed().as_secs_f64()),
    })
}

#[cfg(feature = "postgres")]
async fn postgres(folder: &Path) -> Option<Value> {
    use mcp_govern_store::{PostgresOptions, PostgresStores};
    let cluster = cluster::Cluster::start(&["fsync = on", "shared_buffers = 128MB"])?;
    let url = cluster.database().await;
    let stores = PostgresStores::connect(&url, PostgresOptions::new(VaultKeys::generate().unwrap())).await.unwrap();
    let log = audit(&stores).await;
    let (mut raw, mut single, mut group) = (Measured::default(), Measured::default(), Measured::default());
    for slice in 0..SLICES {
        raw.add(peers::fdatasync(&folder.join("raw"), SLICE));
        single.add(load::run(Arc::clone(&log), &format!("single-{slice}"), 1, SLICE).await);
        group.add(load::run(Arc::clone(&log), &format!("group-{slice}"), PRODUCERS, SLICE).await);
    }
    Some(json!({
        "postgres, one row per commit, one connection": single.to_json(),
        "postgres, 64 waiting producers, unnest batches": group.to_json(),
        "postgres group / one by one, rate (at least 3)": ratio(group.rate(), single.rate()),
        "postgres group / raw fdatasync, rate": ratio(group.rate(), raw.rate()),
    }))
}

async fn audit(stores: &dyn Stores) -> Arc<dyn AuditLog> {
    stores.open(&chains::tenant()).await.unwrap().audit
}

fn ratio(one: f64, other: f64) -> f64 {
    round(one / other)
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
