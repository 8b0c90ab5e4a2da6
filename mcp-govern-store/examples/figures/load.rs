//! Producers that each wait until their record is durable, and one task that commits whatever is waiting, without a timer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use mcp_govern_core::{
    Timestamp,
    audit::{AuditChain, AuditRecord},
    ports::{AuditLog, WriterId},
};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::chains::record;

/// When every record is said to be, in milliseconds.
const AT: i64 = 1_795_000_000_000;

/// How long each took, and how long all of it.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    each: Vec<Duration>,
    all: Duration,
}

impl Measured {
    pub(crate) fn note(&mut self, one: Duration) {
        self.each.push(one);
    }

    pub(crate) fn end(&mut self, all: Duration) {
        self.all += all;
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.each.extend(other.each);
        self.all += other.all;
    }

    /// Per second.
    #[expect(clippy::cast_precision_loss, reason = "a count of measurements is far below 2^52")]
    pub(crate) fn rate(&self) -> f64 {
        self.each.len() as f64 / self.all.as_secs_f64()
    }

    /// In milliseconds.
    pub(crate) fn median(&self) -> f64 {
        let mut each = self.each.clone();
        each.sort_unstable();
        each.get(each.len() / 2).map_or(0.0, Duration::as_secs_f64) * 1_000.0
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "per_second": self.rate().round(), "median_ms": (self.median() * 1_000.0).round() / 1_000.0 })
    }
}

/// As many producers as are asked for, for as long as a slice lasts.
pub(crate) async fn run(log: Arc<dyn AuditLog>, writer: &str, producers: usize, slice: Duration) -> Measured {
    // As in a node: the callers make their records, and the committer seals them.
    let entries: Arc<[AuditRecord]> = (0..60).map(|number| record(writer, number)).collect();
    let (queue, mut waiting) = mpsc::channel::<(AuditRecord, oneshot::Sender<()>)>(producers.max(2));
    let began = Instant::now();
    let tasks: Vec<_> = (0..producers)
        .map(|_| {
            let (queue, entries) = (queue.clone(), Arc::clone(&entries));
            tokio::spawn(async move {
                let mut measured = Measured::default();
                let mut entries = entries.iter().cycle().cloned();
                while let Some(entry) = entries.next().filter(|_| began.elapsed() < slice) {
                    let asked = Instant::now();
                    let (done, durable) = oneshot::channel();
                    queue.send((entry, done)).await.unwrap();
                    durable.await.unwrap();
                    measured.note(asked.elapsed());
                }
                measured
            })
        })
        .collect();
    drop(queue);
    let id = WriterId::new(writer).unwrap();
    let mut chain = AuditChain::new();
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, 1_024).await > 0 {
        let head = chain.head();
        let (entries, told): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        let sealed = entries.into_iter().map(|entry| chain.append(Timestamp::from_millis(AT), entry).unwrap());
        let records: Vec<_> = sealed.collect();
        log.append(&id, head, &records).await.unwrap();
        for done in told {
            done.send(()).unwrap();
        }
    }
    let mut measured = Measured::default();
    measured.end(began.elapsed());
    for task in tasks {
        measured.add(task.await.unwrap());
    }
    measured
}
