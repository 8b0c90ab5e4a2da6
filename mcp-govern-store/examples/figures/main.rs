//! Figures of the stores, each against its peer in the same run on the same disk: `cargo run --release --example figures`
//! (`--features postgres` for PostgreSQL, of which a throw-away cluster is started), `-- --json` for machines.
//!
//! Peers take turns in slices, because a disk does not answer equally fast all the time.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program that measures"
)]

mod call;
#[path = "../../tests/suite/chains.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod chains;
mod load;
#[path = "../../tests/suite/nodes.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod nodes;
mod open;
mod peers;

use std::{path::Path, sync::Arc, time::Duration};

use mcp_govern_core::ports::{AuditLog, Stores};
use mcp_govern_store::{SqliteOptions, SqliteStores, VaultKeys};
use serde_json::{Value, json};

use self::load::Measured;

const SLICE: Duration = Duration::from_secs(1);
const SLICES: usize = 3;
const PRODUCERS: usize = 64;

#[tokio::main(worker_threads = 2)]
async fn main() {
    // On the disk that the program lies on: a temporary folder may be in memory.
    let here = std::env::current_exe().unwrap();
    let folder = tempfile::tempdir_in(here.parent().unwrap()).unwrap();
    let mut figures =
        vec![sqlite(folder.path()).await, open::open(folder.path()).await, call::call(folder.path()).await];
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

#[cfg(feature = "postgres")]
async fn postgres(folder: &Path) -> Option<Value> {
    use mcp_govern_store::{PostgresOptions, PostgresStores};
    let cluster = stand_ins::postgres::Cluster::start(&["fsync = on", "shared_buffers = 128MB"])?;
    let url = cluster.database();
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
