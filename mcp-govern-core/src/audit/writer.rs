//! The callers' side of the audit: a bounded queue that the driver empties.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

use super::{CallDenial, CallIntent, CallOutcome, CallResult, WriterMark, withheld::Withheld};
use crate::{
    provider::{Exchange, Sent},
    quota::Share,
    vocabulary::{CallId, Digest, Time, Timestamp, ToolId},
};

/// How many denials may wait to be written. What comes beyond is counted, and the count recorded.
const WAITING_DENIALS: usize = 4096;

/// Whether calls can be put on record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditHealth {
    /// The last records were written.
    Writable,
    /// The last attempt to write failed; calls are denied with `record_unavailable` until one succeeds. What waits is kept.
    Unavailable {
        /// What the store said.
        reason: String,
    },
}

/// A call could not be put on record: it must not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordUnavailable;

/// What the observer of a call knows: whether anything may have left the process.
#[derive(Debug)]
pub(crate) struct SentFlag(AtomicU8);

impl SentFlag {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU8::new(0)))
    }

    pub(crate) fn raise(&self) {
        self.0.store(1, Ordering::Release);
    }

    pub(crate) fn get(&self) -> Sent {
        if self.0.load(Ordering::Acquire) == 0 { Sent::No } else { Sent::Maybe }
    }
}

/// What has become of an intent.
#[derive(Debug)]
pub(super) struct IntentStatus(AtomicU8);

impl IntentStatus {
    const REFUSED: u8 = 1;

    /// Of an intent that waits or is on record.
    pub(super) fn written() -> Arc<Self> {
        Arc::new(Self(AtomicU8::new(0)))
    }

    pub(super) fn refuse(&self) {
        self.0.store(Self::REFUSED, Ordering::Release);
    }

    pub(super) fn is_refused(&self) -> bool {
        self.0.load(Ordering::Acquire) == Self::REFUSED
    }
}

pub(super) type Acknowledge = oneshot::Sender<Result<(), RecordUnavailable>>;

/// What waits to be written.
#[derive(Debug)]
pub(super) enum Entry {
    Intent { at: Timestamp, intent: Box<CallIntent>, intent_status: Arc<IntentStatus>, ack: Acknowledge },
    Outcome { at: Timestamp, outcome: Box<CallOutcome>, intent_status: Arc<IntentStatus>, slot: Option<Slot> },
    Denial { at: Timestamp, denial: Box<CallDenial> },
    Mark { at: Timestamp, mark: WriterMark },
}

/// The place of a call in flight, until its outcome is written: of all calls, of the person's and of the client's.
#[derive(Debug)]
pub(super) struct Slot {
    _of_all: OwnedSemaphorePermit,
    _share: Share,
}

#[derive(Debug)]
struct Queue {
    entries: VecDeque<Entry>,
    /// Whether the driver is there to empty it.
    open: bool,
}

/// What callers and the driver share.
#[derive(Debug)]
pub(super) struct Shared {
    queue: Mutex<Queue>,
    /// One slot for each call in flight: it guarantees room for the outcome.
    slots: Arc<Semaphore>,
    capacity: usize,
    pub(super) work: Notify,
    pub(super) time: Arc<Time>,
    denials: AtomicUsize,
    pub(super) denials_lost: AtomicU64,
    /// Those that one person had too many of.
    pub(super) withheld: Withheld,
    closing: AtomicBool,
    health: Mutex<AuditHealth>,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers whether a driver is there to write it.
    fn push(&self, entry: Entry) -> bool {
        {
            let mut queue = self.queue();
            if !queue.open {
                return false;
            }
            queue.entries.push_back(entry);
        }
        self.work.notify_one();
        true
    }

    pub(super) fn take(&self, into: &mut VecDeque<Entry>) {
        into.append(&mut self.queue().entries);
    }

    pub(super) fn has_entries(&self) -> bool {
        !self.queue().entries.is_empty()
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// How many slots are taken: by calls in flight, and by outcomes that wait to be written.
    pub(super) fn slots_taken(&self) -> usize {
        self.capacity.saturating_sub(self.slots.available_permits())
    }

    pub(super) fn denial_written(&self) {
        self.denials.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn set_health(&self, health: AuditHealth) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }

    /// The driver is gone: nothing is taken in any more, and callers that wait get an answer.
    pub(super) fn abandon(&self) {
        let mut queue = self.queue();
        queue.open = false;
        let waiting = std::mem::take(&mut queue.entries);
        drop(queue);
        drop(waiting);
    }
}

/// Where calls put their records. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct AuditWriter {
    pub(super) shared: Arc<Shared>,
}

impl AuditWriter {
    /// A writer for at most `capacity` calls in flight.
    pub(crate) fn new(capacity: usize, time: Arc<Time>) -> Self {
        let capacity = capacity.clamp(1, Semaphore::MAX_PERMITS);
        let shared = Shared {
            queue: Mutex::new(Queue { entries: VecDeque::new(), open: true }),
            slots: Arc::new(Semaphore::new(capacity)),
            capacity,
            work: Notify::new(),
            time,
            denials: AtomicUsize::new(0),
            denials_lost: AtomicU64::new(0),
            withheld: Withheld::default(),
            closing: AtomicBool::new(false),
            health: Mutex::new(AuditHealth::Writable),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Puts a call on record and waits until the record is durable. The receipt holds the place of the outcome; a caller
    /// that goes away while it waits leaves an outcome too, if its intent is written after all.
    pub(crate) async fn intent(
        &self,
        intent: Box<CallIntent>,
        share: Share,
        sent: Arc<SentFlag>,
    ) -> Result<Receipt, RecordUnavailable> {
        if self.shared.is_closing() {
            return Err(RecordUnavailable);
        }
        let of_all = Arc::clone(&self.shared.slots).try_acquire_owned().map_err(|_| RecordUnavailable)?;
        let slot = Slot { _of_all: of_all, _share: share };
        let intent_status = IntentStatus::written();
        let receipt = Receipt {
            shared: Arc::clone(&self.shared),
            call: intent.call.clone(),
            user: intent.caller.user,
            tool: intent.tool.clone(),
            intent_status: Arc::clone(&intent_status),
            sent,
            slot: Some(slot),
            began: Instant::now(),
        };
        let (ack, written) = oneshot::channel();
        if !self.shared.push(Entry::Intent { at: self.shared.time.now(), intent, intent_status, ack }) {
            receipt.forget();
            return Err(RecordUnavailable);
        }
        if let Ok(Ok(())) = written.await {
            Ok(receipt)
        } else {
            receipt.forget();
            Err(RecordUnavailable)
        }
    }

    /// Puts a denial on record. It is not waited for: the call is denied either way.
    pub(crate) fn denial(&self, denial: Box<CallDenial>) {
        let room = |waiting: usize| (waiting < WAITING_DENIALS).then_some(waiting + 1);
        if self.shared.denials.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).is_err() {
            self.shared.denials_lost.fetch_add(1, Ordering::AcqRel);
            return;
        }
        if !self.shared.push(Entry::Denial { at: self.shared.time.now(), denial }) {
            self.shared.denial_written();
        }
    }

    /// Counts a denial that is not recorded by itself; the count is recorded with what is recorded next, after a while.
    pub(crate) fn withhold_denial(&self, user: Digest) {
        self.shared.withheld.count(user, self.shared.time.now());
    }

    /// Puts a mark on record.
    pub(crate) fn mark(&self, mark: WriterMark) {
        self.shared.push(Entry::Mark { at: self.shared.time.now(), mark });
    }

    /// No more calls: once those in flight have ended, the chain is closed.
    pub(crate) fn close(&self) {
        self.shared.closing.store(true, Ordering::Release);
        self.shared.work.notify_one();
    }

    /// How many calls are in flight, those included whose outcome waits to be written.
    pub(crate) fn in_flight(&self) -> usize {
        self.shared.slots_taken()
    }

    /// Whether calls can be put on record.
    pub(crate) fn health(&self) -> AuditHealth {
        self.shared.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A call that is on record. It holds the place of the outcome: giving one cannot fail, and dropping the receipt gives one
/// too.
///
/// INVARIANT: a durable intent gets exactly one outcome as long as the driver lives
/// (`a_dropped_call_is_on_record_as_abandoned_with_what_may_have_been_sent`, `an_outcome_without_a_written_intent_is_not_written`).
#[derive(Debug)]
pub(crate) struct Receipt {
    shared: Arc<Shared>,
    call: CallId,
    user: Digest,
    tool: ToolId,
    intent_status: Arc<IntentStatus>,
    sent: Arc<SentFlag>,
    slot: Option<Slot>,
    began: Instant,
}

impl Receipt {
    /// Puts the end of the call on record.
    pub(crate) fn outcome(mut self, result: CallResult, exchanges: Vec<Exchange>) {
        self.end(result, exchanges);
    }

    fn end(&mut self, result: CallResult, exchanges: Vec<Exchange>) {
        let Some(slot) = self.slot.take() else { return };
        let outcome = Box::new(CallOutcome {
            call: self.call.clone(),
            user: self.user,
            tool: self.tool.clone(),
            result,
            exchanges,
            latency_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        let (at, intent_status) = (self.shared.time.now(), Arc::clone(&self.intent_status));
        self.shared.push(Entry::Outcome { at, outcome, intent_status, slot: Some(slot) });
    }

    /// The intent was refused: there is nothing to end.
    fn forget(mut self) {
        drop(self.slot.take());
        if self.shared.is_closing() {
            self.shared.work.notify_one();
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.end(CallResult::Abandoned { sent: self.sent.get() }, Vec::new());
    }
}
