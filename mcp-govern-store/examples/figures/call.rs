//! A governed call to an upstream that takes 20 ms, its intent durable before anything is sent, against the bare upstream.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use mcp_govern_core::ports::Stores;
use mcp_govern_store::{SqliteOptions, SqliteStores, VaultKeys};
use serde_json::{Value, json};

use crate::{
    load::Measured,
    nodes::{Vendor, furnish, start},
    ratio,
};

const CALLS: usize = 100;
const CALLERS: usize = 16;

pub(crate) async fn call(folder: &Path) -> Value {
    let options = SqliteOptions::new(VaultKeys::generate().unwrap());
    let stores: Arc<dyn Stores> = Arc::new(SqliteStores::open(folder.join("call.db"), options).await.unwrap());
    let vendor = Vendor::slow(Duration::from_millis(20));
    furnish(Arc::clone(&stores), &vendor).await;
    let node = Arc::new(start(stores, &vendor).await);
    let (mut bare, mut governed) = (Measured::default(), Measured::default());
    // In turns: neither is measured in a better moment than the other.
    for _ in 0..CALLS {
        bare.note(time(vendor.work()).await);
        governed.note(time(async { drop(node.call().await.unwrap()) }).await);
    }
    let mut busy = Measured::default();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let node = Arc::clone(&node);
            tokio::spawn(async move {
                let mut measured = Measured::default();
                for _ in 0..CALLS / 2 {
                    measured.note(time(async { drop(node.call().await.unwrap()) }).await);
                }
                measured
            })
        })
        .collect();
    for caller in callers {
        busy.add(caller.await.unwrap());
    }
    node.governor.close().await;
    json!({
        "call, 20 ms upstream, bare, median ms": bare.median(),
        "call, 20 ms upstream, governed with durable audit, median ms": governed.median(),
        "call, governed / bare, median (at most 1.25)": ratio(governed.median(), bare.median()),
        "call, governed / bare, 16 callers at once, median": ratio(busy.median(), bare.median()),
    })
}

async fn time(work: impl Future<Output = ()>) -> Duration {
    let began = Instant::now();
    work.await;
    began.elapsed()
}
