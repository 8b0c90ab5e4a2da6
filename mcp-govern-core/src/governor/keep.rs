//! What the driver keeps in order beside the calls: checkpoints of the state, and anchors of the audit in the journal.
//!
//! Both are done by one node at a time, under a lease, and neither is ever an error of the tenant: a checkpoint that cannot be
//! written means that the next node to open reads more commits, an anchor that cannot be written is written later.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    GovernError,
    background_tasks::{BackgroundTask, SecretPurge},
    commit::JustLoaded,
    core::Core,
};
use crate::{
    journal::{Action, CHECKPOINT_FORM, CheckpointError, Command, Commit, Head, Revision, Sealed, State},
    ports::{AuditHead, Checkpoint, Checkpoints, TenantStores, WriterId},
    vocabulary::{Actor, CommandId, Role, UserId},
};

/// How long a lease is held without a word.
const LEASE: Duration = Duration::from_secs(60);
/// After this many times the commits between two checkpoints, no time between them is waited for.
const BURST: u64 = 10;
/// The shortest time between two checkpoints of one node, unless commits come in a burst.
const CHECKPOINT_PAUSE: Duration = Duration::from_secs(60);
/// How soon after opening the chains that are there are anchored: short commands beside the nodes anchor nothing.
const FIRST_ANCHOR: Duration = Duration::from_secs(60);
/// A chain of this length holds the marks of its beginning and end and no call.
const BARE: u64 = 2;

/// When checkpoints and anchors are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct MaintenanceSchedule {
    /// How many commits lie between two checkpoints.
    pub(super) commits: u64,
    /// How much time lies between two anchors.
    pub(super) anchors: Duration,
}

impl Default for MaintenanceSchedule {
    fn default() -> Self {
        Self { commits: 1_000, anchors: Duration::from_secs(15 * 60) }
    }
}

/// What was kept last.
#[derive(Debug)]
pub(crate) struct MaintenanceState {
    schedule: MaintenanceSchedule,
    last: Mutex<Last>,
    /// One checkpoint at a time on this node.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Last {
    /// The newest checkpoint that this node knows of.
    checkpoint: Revision,
    /// When this node last tried to write one.
    tried: Option<Instant>,
    anchors_due: Instant,
}

impl MaintenanceState {
    /// `checkpoint` is what the state was read from.
    pub(super) fn new(schedule: MaintenanceSchedule, checkpoint: Revision) -> Self {
        let anchors_due = Instant::now() + schedule.anchors.min(FIRST_ANCHOR);
        let last = Mutex::new(Last { checkpoint, tried: None, anchors_due });
        Self { schedule, last, writing: tokio::sync::Mutex::default() }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is due at a revision.
    fn due(&self, revision: Revision, now: Instant) -> Vec<BackgroundTask> {
        let mut last = self.last();
        let mut due = Vec::new();
        let commits = revision.0.saturating_sub(last.checkpoint.0);
        let rested = last.tried.is_none_or(|tried| now.saturating_duration_since(tried) >= CHECKPOINT_PAUSE);
        if commits >= self.schedule.commits.saturating_mul(BURST) || (commits >= self.schedule.commits && rested) {
            last.tried = Some(now);
            // Counted from here on, also where writing fails: it is tried again after as many commits.
            last.checkpoint = revision;
            due.push(BackgroundTask::Checkpoint);
        }
        if now >= last.anchors_due {
            last.anchors_due = now + self.schedule.anchors;
            due.push(BackgroundTask::Anchor);
            due.push(BackgroundTask::DeleteDropped(None));
        }
        due
    }
}

/// A state that was read from a checkpoint.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) state: State,
    pub(super) purge: BTreeSet<SecretPurge>,
}

/// The newest state that the stores keep; nothing where there is none that can be used.
pub(super) async fn restore(stores: &TenantStores) -> Option<Restored> {
    let checkpoints = stores.checkpoints.as_ref()?;
    let checkpoint = match checkpoints.latest(CHECKPOINT_FORM).await {
        Ok(checkpoint) => checkpoint?,
        Err(error) => {
            tracing::warn!(%error, "no checkpoint can be read: the whole journal is");
            return None;
        }
    };
    let head = checkpoint.head();
    match aside(move || read(head, checkpoint.bytes())).await {
        Ok(restored) => Some(restored),
        Err(error) => {
            tracing::warn!(revision = head.revision.0, %error, "a checkpoint is passed over");
            None
        }
    }
}

/// Two lines of JSON: the secrets that should be gone, and the state.
fn write(state: &State, purge: &BTreeSet<SecretPurge>) -> Result<Vec<u8>, CheckpointError> {
    let mut bytes = serde_json::to_vec(purge).map_err(CheckpointError::new)?;
    bytes.push(b'\n');
    bytes.append(&mut state.to_checkpoint()?);
    Ok(bytes)
}

fn read(head: Head, bytes: &[u8]) -> Result<Restored, CheckpointError> {
    let line = bytes.iter().position(|byte| *byte == b'\n');
    let (purge, state) = line.and_then(|end| bytes.split_at_checked(end)).unwrap_or((bytes, b""));
    let purge = serde_json::from_slice(purge).map_err(CheckpointError::new)?;
    Ok(Restored { state: State::from_checkpoint(head, state)?, purge })
}

/// Does work that takes long on a thread of its own: the calls of this node go on meanwhile.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CheckpointError> + Send + 'static,
) -> Result<T, CheckpointError> {
    let (done, result) = oneshot::channel();
    let thread = std::thread::Builder::new().name("mcp-govern-checkpoint".to_owned());
    // Whoever waits may have gone.
    thread.spawn(move || drop(done.send(work()))).map_err(CheckpointError::new)?;
    result.await.map_err(CheckpointError::new)?
}

impl Core {
    /// What is due by now.
    pub(super) fn due(&self) -> Vec<BackgroundTask> {
        let (revision, now) = (self.with_state(State::head).revision, Instant::now());
        let mut due = self.upkeep.maintenance.due(revision, now);
        due.extend(self.upkeep.heads.due(revision, now).then_some(BackgroundTask::KeepHeads));
        due.extend((self.stores.space.is_some() && self.upkeep.room.due(now)).then_some(BackgroundTask::Measure));
        due.extend(self.upkeep.nodes.due(self.time.clock()).then_some(BackgroundTask::CountNodes));
        due
    }

    /// Writes a checkpoint, unless another node does or has just done so.
    pub(super) async fn keep_checkpoint(&self) {
        let Some(checkpoints) = &self.stores.checkpoints else { return };
        let Ok(_writing) = self.upkeep.maintenance.writing.try_lock() else { return };
        if let Err(error) = self.write_checkpoint(&**checkpoints).await {
            tracing::warn!(%error, "a checkpoint could not be written: the next start reads more commits");
        }
    }

    async fn write_checkpoint(&self, checkpoints: &dyn Checkpoints) -> Result<(), GovernError> {
        let Some(mut lease) = self.stores.lease.hold("checkpoint", LEASE).await? else { return Ok(()) };
        let newest = checkpoints.newest(CHECKPOINT_FORM).await?.map_or(Revision::ZERO, |head| head.revision);
        let (state, purge) = self.restorable();
        let head = state.head();
        if head.revision.0.saturating_sub(newest.0) < self.upkeep.maintenance.schedule.commits.min(head.revision.0) {
            return Ok(());
        }
        let bytes = aside(move || write(&state, &purge)).await?;
        if !lease.renew(LEASE).await? {
            return Ok(());
        }
        checkpoints.put(&Checkpoint::new(head, CHECKPOINT_FORM, bytes)).await?;
        tracing::debug!(tenant = %self.tenant, revision = head.revision.0, "a checkpoint was written");
        Ok(())
    }

    /// The state and the secrets that its commits have taken away, of one moment.
    fn restorable(&self) -> (Arc<State>, BTreeSet<SecretPurge>) {
        let publish_state = self.publish_state();
        (self.state(), publish_state.purge.clone())
    }

    /// Puts on record where the chains stand that have moved.
    ///
    /// Boxed: anchoring is a commit, and commits leave background tasks to be done.
    pub(super) fn keep_anchors(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let anchored = async {
                let Some(_lease) = self.stores.lease.hold("audit-anchor", LEASE).await? else { return Ok(()) };
                let heads = self.stores.audit.heads().await?;
                self.anchor(heads, Covering::Journal).await
            };
            if let Err::<(), GovernError>(error) = anchored.await {
                tracing::warn!(%error, "the heads of the audit could not be put on record yet");
            }
        })
    }

    /// Puts on record where this node's own chain ended.
    pub(super) async fn keep_own_anchor(&self) {
        let anchored = async {
            let head = self.stores.audit.head(&self.upkeep.writer).await?;
            self.anchor([(self.upkeep.writer.clone(), head)], Covering::Chains).await
        };
        if let Err::<(), GovernError>(error) = anchored.await {
            tracing::warn!(%error, "the end of the audit chain could not be put on record: another node will");
        }
    }

    async fn anchor(
        &self,
        heads: impl IntoIterator<Item = (WriterId, AuditHead)>,
        covering: Covering,
    ) -> Result<(), GovernError> {
        if !self.may_anchor().await? {
            return Ok(());
        }
        let moved: Vec<(WriterId, AuditHead)> = self.with_state(|state| {
            let known = |writer: &WriterId| {
                let anchored = state.audit_anchors().get(writer).map_or(BARE, |anchor| anchor.sequence);
                // A chain that was dropped whole has no record at its head any more.
                let dropped = state.audit_dropped().get(writer).map_or(0, |dropped| dropped.through.sequence);
                anchored.max(dropped)
            };
            heads.into_iter().filter(|(writer, head)| head.sequence > known(writer)).collect()
        });
        let mut sound = BTreeMap::new();
        for (writer, head) in moved {
            // What is put on record is the record, not what the store says of it.
            let last = self.stores.audit.read(&writer, head.sequence.saturating_sub(1), 1).await?;
            if last.first().is_some_and(|record| record.sequence == head.sequence && record.hash == head.hash) {
                sound.insert(writer, head);
            } else {
                tracing::error!(%writer, sequence = head.sequence, "a chain of audit records does not end where its head says: verify it");
            }
        }
        let uncovered = self.ledger.sealing.is_some() && self.with_state(Self::rests_on_its_chain_alone);
        if sound.is_empty() && !(covering == Covering::Journal && uncovered) {
            return Ok(());
        }
        let (chains, command) = (sound.len(), CommandId::random()?);
        let committed = self
            .commit(&driver()?, &Command::new(command, Action::AnchorAudit { heads: sound }), JustLoaded::Nothing)
            .await?;
        let Head { revision, hash } = self.with_state(State::head);
        // Whoever keeps the log elsewhere keeps the head elsewhere. Another commit may have come behind this one.
        if revision == committed.revision {
            tracing::info!(%revision, %hash, chains, sealed = self.ledger.sealing.is_some(), "the heads of the audit are on record");
        } else {
            tracing::info!(revision = %committed.revision, chains, sealed = self.ledger.sealing.is_some(), "the heads of the audit are on record");
        }
        Ok(())
    }

    /// Whether this node may vouch for the journal: a journal that others seal is not anchored without a seal, and
    /// nothing is sealed after a seal that the key did not make.
    async fn may_anchor(&self) -> Result<bool, GovernError> {
        let Some(Sealed { revision, key, .. }) = self.with_state(State::sealed) else { return Ok(true) };
        let Some(sealing) = &self.ledger.sealing else {
            tracing::debug!("the journal is sealed by nodes that have an audit key of their own: they anchor it");
            return Ok(false);
        };
        if key != sealing.id() {
            tracing::warn!(%revision, "the last seal of the journal is under another audit key: every node needs the same one");
            return Ok(true);
        }
        let before = Revision(revision.0.saturating_sub(1));
        let stored = self.stores.journal.read(before, 1).await?.into_iter().next();
        // The state follows from the commits that were read; here it is what the store holds now.
        let commit: Option<Commit> = stored.and_then(|stored| serde_json::from_slice(stored.bytes()).ok());
        let good =
            commit.is_some_and(|commit| commit.revision == revision && sealing.has_sealed(&self.tenant, &commit));
        if !good {
            tracing::error!(%revision, "the last seal of the journal is not one of the audit key: nothing is sealed behind it, verify it");
        }
        Ok(good)
    }
}

/// What an anchor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Covering {
    /// The chains that have moved, and with a key the commits since the last seal, too.
    Journal,
    /// The chains that have moved: where none has, nothing is written.
    Chains,
}

/// In whose name the governor itself commits: it is not a person.
pub(super) fn driver() -> Result<Actor, GovernError> {
    let user = UserId::new("mcp-govern", "driver")
        .map_err(|error| GovernError::new(super::GovernErrorKind::Invalid, error.to_string()))?;
    Ok(Actor::new(user, [Role::GovernanceAdmin]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maintenance() -> MaintenanceState {
        MaintenanceState::new(MaintenanceSchedule { commits: 10, anchors: Duration::from_secs(3600) }, Revision(5))
    }

    #[test]
    fn a_checkpoint_is_due_after_so_many_commits_and_not_again_at_once() {
        let (maintenance, now) = (maintenance(), Instant::now());
        let due = |revision, at| maintenance.due(Revision(revision), at).contains(&BackgroundTask::Checkpoint);
        assert!(!due(14, now));
        assert!(due(15, now));
        assert!(!due(40, now), "too soon after the last");
        assert!(due(40, now + CHECKPOINT_PAUSE));
        assert!(!due(139, now + CHECKPOINT_PAUSE));
        assert!(due(140, now + CHECKPOINT_PAUSE), "a burst does not wait");
    }

    #[test]
    fn anchors_are_due_in_their_time_and_never_to_a_short_command() {
        let (maintenance, now) = (maintenance(), Instant::now());
        let both = || [BackgroundTask::Anchor, BackgroundTask::DeleteDropped(None)];
        assert_eq!(maintenance.due(Revision(5), now + FIRST_ANCHOR / 2), []);
        assert_eq!(maintenance.due(Revision(5), now + FIRST_ANCHOR * 2), both());
        assert_eq!(maintenance.due(Revision(5), now + FIRST_ANCHOR * 3), []);
        assert_eq!(maintenance.due(Revision(5), now + Duration::from_secs(3600) * 2), both());
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        for bytes in [&b""[..], b"[]", b"[]\n", b"[]\n{}", b"{}\n{}", b"\n"] {
            assert!(read(Head::EMPTY, bytes).is_err(), "{bytes:?}");
        }
        let (state, purge) = (State::new(), BTreeSet::from([SecretPurge::User(UserId::new("local", "ada").unwrap())]));
        let bytes = write(&state, &purge).unwrap();
        let read = read(Head::EMPTY, &bytes).unwrap();
        assert_eq!((read.state.head(), read.purge), (Head::EMPTY, purge));
    }
}
