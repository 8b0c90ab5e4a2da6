//! The driver's side of the audit: everything that waits becomes one durable append.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, atomic::Ordering},
};

use super::{
    AuditChain, AuditHealth, AuditRecord, CallOutcome, CallResult, RecordKind, RecordUnavailable, WriterMark,
    writer::{Acknowledge, AuditWriter, Entry, IntentStatus, Shared, Slot},
};
use crate::{
    denial::DenialCode,
    ports::{AuditHead, AuditLog, StoreError, StoreErrorKind, StoredRecord, WriterId},
    provider::Sent,
    vocabulary::{CallId, Timestamp},
};

/// The most records of one append.
const BATCH: usize = 1024;

/// Writes what waits, many callers' records in one append, without a timer: while one append runs, the next batch gathers.
///
/// When an append fails, the intents in it are refused; outcomes, denials and marks are kept and written before the next
/// intent. There is no pause of its own: the next record that comes is the next attempt.
///
/// INVARIANT: a batch whose answer was lost is written again as it is, before anything else. What the store has taken in may come about
/// long after the connection broke, and is the same batch then (`an_append_that_comes_about_after_all_is_not_taken_for_somebody_elses`).
#[derive(Debug)]
pub(crate) struct AuditCommitter {
    shared: Arc<Shared>,
    log: Arc<dyn AuditLog>,
    writer: WriterId,
    chain: AuditChain,
    backlog: VecDeque<Entry>,
    /// A batch of which it is unknown whether it was written.
    doubt: Option<Batch>,
    /// Where records are written before they are sealed.
    scratch: Vec<u8>,
    /// Whether the last marks are being written.
    closing: bool,
}

/// Records that were sealed, and what is to be done once they are written.
#[derive(Debug)]
struct Batch {
    records: Vec<StoredRecord>,
    follow: Vec<(Timestamp, Follow)>,
    /// The chain as it is when the batch is written.
    chain: AuditChain,
}

#[derive(Debug)]
enum Follow {
    /// The caller that waits, unless it was answered already.
    Intent(Arc<IntentStatus>, Option<Acknowledge>),
    /// The slot is given back by dropping it.
    Outcome(Arc<IntentStatus>, Option<Slot>),
    Denial,
    Mark,
}

/// The append failed; what waits is kept.
struct Failed;

impl AuditCommitter {
    /// Writes `writer`'s queue into a new chain.
    pub(crate) fn new(writer: &AuditWriter, log: Arc<dyn AuditLog>, id: WriterId) -> Self {
        Self {
            shared: Arc::clone(&writer.shared),
            log,
            writer: id,
            chain: AuditChain::new(),
            backlog: VecDeque::new(),
            doubt: None,
            scratch: Vec::new(),
            closing: false,
        }
    }

    /// Writes until the writer is closed and no call is in flight.
    pub(crate) async fn run(mut self) {
        let mut last_try = false;
        loop {
            self.shared.take(&mut self.backlog);
            if self.backlog.is_empty() && self.doubt.is_none() {
                if self.shared.is_closing() && self.is_idle() {
                    self.close().await;
                    return;
                }
                self.shared.work.notified().await;
            } else if self.commit().await.is_err() {
                // What failed is kept; the next record that comes is the next attempt.
                while !self.shared.has_entries() {
                    if self.shared.is_closing() && self.is_idle() {
                        if last_try {
                            return;
                        }
                        last_try = true;
                        break;
                    }
                    self.shared.work.notified().await;
                }
            }
        }
    }

    async fn close(&mut self) {
        // INVARIANT: nothing follows the last mark (`a_flood_of_denials_is_on_record_as_a_count_for_its_person`).
        self.closing = true;
        let marks = self.denials_lost().into_iter().chain(self.shared.withheld.all()).chain([WriterMark::Closed]);
        let at = self.shared.time.now();
        self.backlog.extend(marks.map(|mark| Entry::Mark { at, mark }));
        while !self.backlog.is_empty() {
            if self.commit().await.is_err() {
                tracing::warn!(writer = %self.writer, "the audit chain could not be closed in order");
                return;
            }
        }
    }

    async fn commit(&mut self) -> Result<(), Failed> {
        if let Some(batch) = self.doubt.take() {
            self.repeat(batch).await?;
        }
        let batch = self.seal();
        if batch.records.is_empty() {
            return Ok(());
        }
        match self.log.append(&self.writer, self.chain.head(), &batch.records).await {
            Ok(()) => {
                self.written(batch);
                Ok(())
            }
            Err(error) if matches!(error.kind(), StoreErrorKind::Unknown | StoreErrorKind::Conflict) => {
                self.look(batch, &error).await
            }
            Err(error) => {
                self.put_back(batch);
                self.fail(&error);
                Err(Failed)
            }
        }
    }

    /// Seals what waits, in its order, up to a batch.
    fn seal(&mut self) -> Batch {
        let expected = self.backlog.len().min(BATCH);
        let (records, follow) = (Vec::with_capacity(expected), Vec::with_capacity(expected));
        let mut batch = Batch { records, follow, chain: self.chain };
        while batch.records.len() < BATCH {
            let Some(entry) = self.backlog.pop_front() else { break };
            let (at, record, follow) = match entry {
                Entry::Intent { at, intent, intent_status, ack } => {
                    (at, AuditRecord::Intent(intent), Follow::Intent(intent_status, Some(ack)))
                }
                // Its intent is not on record.
                Entry::Outcome { intent_status, .. } if intent_status.is_refused() => continue,
                Entry::Outcome { at, outcome, intent_status, slot } => {
                    (at, AuditRecord::Outcome(outcome), Follow::Outcome(intent_status, slot))
                }
                Entry::Denial { at, denial } => (at, AuditRecord::Denial(denial), Follow::Denial),
                Entry::Mark { at, mark } => (at, AuditRecord::Mark(mark), Follow::Mark),
            };
            batch.push(&mut self.scratch, at, record, follow);
        }
        if !self.closing && !batch.records.is_empty() {
            let at = self.shared.time.now();
            for mark in self.denials_lost().into_iter().chain(self.shared.withheld.due(at)) {
                batch.push(&mut self.scratch, at, AuditRecord::Mark(mark), Follow::Mark);
            }
        }
        batch
    }

    fn denials_lost(&self) -> Option<WriterMark> {
        let count = self.shared.denials_lost.swap(0, Ordering::AcqRel);
        (count > 0).then_some(WriterMark::DenialsLost { count, user: None })
    }

    /// Whether no call is in flight. A slot whose outcome waits here belongs to no call any more.
    fn is_idle(&self) -> bool {
        let waits = |entry: &&Entry| matches!(entry, Entry::Outcome { slot: Some(_), .. });
        let in_backlog = self.backlog.iter().filter(waits).count();
        let doubtful = self.doubt.iter().flat_map(|batch| &batch.follow);
        let in_doubt = doubtful.filter(|(_, follow)| matches!(follow, Follow::Outcome(_, Some(_)))).count();
        self.shared.slots_taken() <= in_backlog + in_doubt
    }

    fn written(&mut self, batch: Batch) {
        self.chain = batch.chain;
        for (_, follow) in batch.follow {
            match follow {
                Follow::Intent(_, ack) => {
                    // Who went away left an outcome in the queue.
                    let _ = ack.map(|ack| ack.send(Ok(())));
                }
                Follow::Outcome(_, slot) => drop(slot),
                Follow::Denial => self.shared.denial_written(),
                Follow::Mark => {}
            }
        }
        self.shared.set_health(AuditHealth::Writable);
    }

    /// Whether the batch was written is not known: the chain's head tells.
    async fn look(&mut self, mut batch: Batch, error: &StoreError) -> Result<(), Failed> {
        match self.log.head(&self.writer).await {
            Ok(head) if head == batch.chain.head() => {
                self.written(batch);
                Ok(())
            }
            Ok(head) if head == self.chain.head() && error.kind() == StoreErrorKind::Conflict => {
                self.put_back(batch);
                self.fail(error);
                Err(Failed)
            }
            Ok(head) if head != self.chain.head() => {
                self.foreign(batch, head);
                Err(Failed)
            }
            // It may still come about.
            Ok(_) | Err(_) => {
                batch.refuse_intents();
                self.doubt = Some(batch);
                self.fail(error);
                Err(Failed)
            }
        }
    }

    /// Writes a batch in doubt again, as it is. Its intents were refused: so say their outcomes.
    async fn repeat(&mut self, batch: Batch) -> Result<(), Failed> {
        if let Err(error) = self.log.append(&self.writer, self.chain.head(), &batch.records).await {
            match self.log.head(&self.writer).await {
                Ok(head) if head == batch.chain.head() => {}
                Ok(head) if head != self.chain.head() => {
                    self.foreign(batch, head);
                    return Err(Failed);
                }
                Ok(_) | Err(_) => {
                    self.doubt = Some(batch);
                    self.fail(&error);
                    return Err(Failed);
                }
            }
        }
        let refused: Vec<Entry> = batch.refused_intents(self.shared.time.now()).collect();
        self.written(batch);
        refused.into_iter().rev().for_each(|entry| self.backlog.push_front(entry));
        Ok(())
    }

    /// Takes a batch that was not written back into the backlog; its intents are refused.
    fn put_back(&mut self, mut batch: Batch) {
        batch.refuse_intents();
        let mut kept = VecDeque::with_capacity(batch.records.len());
        for (record, (at, follow)) in batch.records.into_iter().zip(batch.follow) {
            let entry = match record.open() {
                Ok(record) => record.entry,
                Err(error) => {
                    tracing::error!(%error, "a record that was just sealed cannot be read");
                    continue;
                }
            };
            match (entry, follow) {
                (AuditRecord::Outcome(outcome), Follow::Outcome(intent_status, slot)) => {
                    kept.push_back(Entry::Outcome { at, outcome, intent_status, slot });
                }
                (AuditRecord::Denial(denial), _) => kept.push_back(Entry::Denial { at, denial }),
                (AuditRecord::Mark(WriterMark::DenialsLost { count, user: None }), _) => {
                    self.shared.denials_lost.fetch_add(count, Ordering::AcqRel);
                }
                (AuditRecord::Mark(mark), _) => kept.push_back(Entry::Mark { at, mark }),
                (AuditRecord::Intent(_) | AuditRecord::Outcome(_), _) => {}
            }
        }
        kept.append(&mut self.backlog);
        self.backlog = kept;
    }

    /// Another process has written into this writer's chain: nothing that follows could be trusted.
    fn foreign(&mut self, batch: Batch, head: AuditHead) {
        self.put_back(batch);
        let reason = format!(
            "the audit chain of writer `{}` was written by another process up to {}",
            self.writer, head.sequence
        );
        self.unavailable(reason);
    }

    fn fail(&mut self, error: &StoreError) {
        self.unavailable(error.to_string());
    }

    /// Calls are denied from now on until an append succeeds; callers that wait are answered at once.
    fn unavailable(&mut self, reason: String) {
        tracing::error!(writer = %self.writer, reason, "the audit log cannot be written");
        self.shared.set_health(AuditHealth::Unavailable { reason });
        self.shared.take(&mut self.backlog);
        self.backlog.retain_mut(|entry| match entry {
            Entry::Intent { intent_status, .. } => {
                intent_status.refuse();
                false
            }
            Entry::Outcome { .. } | Entry::Denial { .. } | Entry::Mark { .. } => true,
        });
    }
}

impl Drop for AuditCommitter {
    fn drop(&mut self) {
        self.shared.abandon();
    }
}

impl Batch {
    fn push(&mut self, scratch: &mut Vec<u8>, at: Timestamp, entry: AuditRecord, follow: Follow) {
        match self.chain.append_by(scratch, at, entry) {
            Ok(record) => {
                self.records.push(record);
                self.follow.push((at, follow));
            }
            Err(error) => {
                tracing::error!(%error, "a record cannot be written");
                if let Follow::Intent(intent_status, _) = follow {
                    intent_status.refuse();
                }
            }
        }
    }

    fn refuse_intents(&mut self) {
        for (_, follow) in &mut self.follow {
            if let Follow::Intent(intent_status, ack) = follow {
                intent_status.refuse();
                let _ = ack.take().map(|ack| ack.send(Err(RecordUnavailable)));
            }
        }
    }

    /// Outcomes for intents that are on record although their callers got the answer that they are not. A caller that went away
    /// while it waited may have left one in the same batch.
    fn refused_intents(&self, at: Timestamp) -> impl Iterator<Item = Entry> {
        let columns = |kind| self.records.iter().filter(move |record| record.kind == kind).map(|record| &record.call);
        let ended: BTreeSet<CallId> = columns(RecordKind::Outcome).cloned().collect();
        self.records.iter().filter(move |record| !ended.contains(&record.call)).filter_map(move |record| {
            let AuditRecord::Intent(intent) = record.open().ok()?.entry else { return None };
            let outcome = Box::new(CallOutcome {
                call: intent.call,
                user: intent.caller.user,
                tool: intent.tool,
                result: CallResult::Denied { code: DenialCode::RecordUnavailable, sent: Sent::No },
                exchanges: Vec::new(),
                latency_ms: 0,
            });
            Some(Entry::Outcome { at, outcome, intent_status: IntentStatus::written(), slot: None })
        })
    }
}
