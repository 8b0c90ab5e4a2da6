//! The last known heads, kept outside of the stores: a store that was put back to an earlier moment is not gone on with.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{GovernError, GovernErrorKind, Governor, core::Core};
use crate::{
    audit::AuditKey,
    journal::{DroppedSegment, Head, Revision, State},
    ports::{AuditHead, HeadKeeper, KeptHeads, StoreError, StoreErrorKind, TenantStores, WriterId},
    vocabulary::{Actor, TenantId, Timestamp},
};

/// How long after they were last kept heads are kept again where only records were written meanwhile.
const PAUSE: Duration = Duration::from_secs(60);

/// What a governor does whose store is behind what was known of it.
#[derive(Debug, Clone, Default)]
pub(super) enum OnRollback {
    /// It does not open.
    #[default]
    Refuse,
    /// It opens, to be looked at.
    Look,
    /// It opens, and puts on record who accepted it and why.
    Accept(Actor, String),
}

/// What is kept outside of the stores, and when.
#[derive(Debug)]
pub(crate) struct Heads {
    keeper: Option<Arc<dyn HeadKeeper>>,
    last: Mutex<Last>,
    /// One writes at a time.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Last {
    kept: Option<KeptHeads>,
    /// The revision at which maintenance was last due.
    asked: Option<Revision>,
    due: Instant,
}

impl Heads {
    pub(super) fn new(keeper: Option<Arc<dyn HeadKeeper>>, kept: Option<KeptHeads>) -> Self {
        let last = Mutex::new(Last { kept, asked: None, due: Instant::now() });
        Self { keeper, last, writing: tokio::sync::Mutex::default() }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether heads are to be kept at a revision: once for each, and every now and then for the records.
    pub(super) fn due(&self, revision: Revision, now: Instant) -> bool {
        let mut last = self.last();
        let due = self.keeper.is_some() && (last.asked != Some(revision) || now >= last.due);
        if due {
            last.asked = Some(revision);
            last.due = now + PAUSE;
        }
        due
    }

    /// What this node kept last, or found when it opened.
    pub(super) fn kept(&self) -> Option<(Revision, Timestamp)> {
        self.last().kept.as_ref().map(|kept| (kept.journal.revision, kept.at))
    }
}

/// What a store lacks of what was known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rollback {
    kept: KeptHeads,
    place: String,
    pub(super) found: Head,
    fault: RollbackFault,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum RollbackFault {
    /// The heads were not sealed under the key at hand, so that they say nothing.
    NotSealed,
    /// The journal ends before.
    Journal,
    /// The journal has another commit there.
    OtherJournal,
    /// Chains end before, or have another record there.
    Chains(BTreeMap<WriterId, (AuditHead, AuditHead)>),
}

impl Rollback {
    pub(super) fn known(&self) -> Head {
        self.kept.journal
    }

    pub(super) fn into_error(self) -> GovernError {
        GovernError::new(GovernErrorKind::RolledBack, self.to_string())
    }
}

impl fmt::Display for Rollback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kept, place, found, fault } = self;
        let (at, known, has) = (kept.at, kept.journal.revision, found.revision);
        match fault {
            RollbackFault::NotSealed => write!(
                f,
                "the heads that were kept in {place} are not sealed under this audit key: either it is not the key of the nodes, or \
                 they were changed, so that it is unknown whether the store is the newest"
            )?,
            RollbackFault::Journal => write!(
                f,
                "the store is behind what was known of it: the journal was at revision {known} on {at} ({place}), and the store has \
                 revision {has}. What was revoked or killed since would hold again"
            )?,
            RollbackFault::OtherJournal => write!(
                f,
                "the store is another one than was known: revision {known} of the journal is another commit than the one known on {at} \
                 ({place}), and the store has revision {has}"
            )?,
            RollbackFault::Chains(chains) => {
                write!(f, "the record is behind what was known of it on {at} ({place}): ")?;
                for (index, (writer, (known, has))) in chains.iter().take(3).enumerate() {
                    let and = if index == 0 { "" } else { "; " };
                    let (known, has) = (known.sequence, has.sequence);
                    if has < known {
                        write!(f, "{and}chain `{writer}` had {known} records and has {has}")?;
                    } else {
                        write!(f, "{and}record {known} of chain `{writer}` is another one")?;
                    }
                }
                if chains.len() > 3 {
                    write!(f, "; and {} more chains", chains.len() - 3)?;
                }
            }
        }
        f.write_str(
            ". Put the newest store in its place; or, where an earlier one was restored on purpose, accept that with a reason, which \
             is put on record",
        )
    }
}

/// Compares a store with what was known of it. `kept` must have been read before anything of the store was. `dropped` is what the
/// journal says of chains whose old end is not in the store any more.
pub(super) async fn compare(
    stores: &TenantStores,
    tenant: &TenantId,
    key: Option<&AuditKey>,
    kept: &KeptHeads,
    dropped: &BTreeMap<WriterId, DroppedSegment>,
    place: String,
) -> Result<Option<Rollback>, GovernError> {
    if kept.tenant != *tenant {
        let message = format!("the heads in {place} are of tenant `{}`, and this is `{tenant}`", kept.tenant);
        return Err(GovernError::new(GovernErrorKind::Invalid, message));
    }
    let found = stores.journal.head().await?;
    let rollback = |fault| Ok(Some(Rollback { kept: kept.clone(), place, found, fault }));
    // Without the key they are compared all the same: whoever changes them makes an alarm, and no more.
    if key.is_some_and(|key| !kept.is_sealed_by(key)) {
        return rollback(RollbackFault::NotSealed);
    }
    let known = kept.journal;
    if found.revision < known.revision {
        return rollback(RollbackFault::Journal);
    }
    if known.revision != Revision::ZERO && found != known && is_another(stores, known).await? {
        return rollback(RollbackFault::OtherJournal);
    }
    let stand: BTreeMap<WriterId, AuditHead> = stores.audit.heads().await?.into_iter().collect();
    let mut behind = BTreeMap::new();
    for (writer, known) in &kept.audit {
        let has = stand.get(writer).copied().unwrap_or(AuditHead::EMPTY);
        let dropped = dropped.get(writer).map_or(AuditHead::EMPTY, |dropped| dropped.through);
        if has != *known && !holds(stores, writer, *known, has, dropped).await? {
            behind.insert(writer.clone(), (*known, has));
        }
    }
    if behind.is_empty() { Ok(None) } else { rollback(RollbackFault::Chains(behind)) }
}

/// Whether the journal holds another commit in the place of a known one.
async fn is_another(stores: &TenantStores, known: Head) -> Result<bool, StoreError> {
    match stores.journal.read(Revision(known.revision.0.saturating_sub(1)), 1).await {
        Ok(commits) => Ok(commits.first().is_none_or(|commit| commit.head() != known)),
        // A journal with a gap is read by nobody, which is told where it is opened.
        Err(error) if error.kind() == StoreErrorKind::Corrupt => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a chain with the head `has`, and that was dropped up to `dropped`, holds a record that was known to be its last. What lies
/// before the end of a dropped segment was held against the segment when it was sealed.
async fn holds(
    stores: &TenantStores,
    writer: &WriterId,
    known: AuditHead,
    has: AuditHead,
    dropped: AuditHead,
) -> Result<bool, StoreError> {
    if has.sequence <= known.sequence {
        return Ok(false);
    }
    if known.sequence <= dropped.sequence {
        return Ok(known.sequence < dropped.sequence || known.hash == dropped.hash);
    }
    let record = stores.audit.read(writer, known.sequence.saturating_sub(1), 1).await?;
    Ok(record.first().is_some_and(|record| record.sequence == known.sequence && record.hash == known.hash))
}

impl Governor {
    /// Keeps the heads of the moment where [`with_head_keeper`](super::GovernorBuilder::with_head_keeper) says. The
    /// [`Driver`](super::Driver) does so by itself, after every commit that the node learns of and every minute: this is for a program
    /// that commits and runs none. Without a keeper or an audit key nothing is done.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, is behind what was kept, or they cannot be written.
    pub async fn keep_heads(&self) -> Result<(), GovernError> {
        self.core.keep_heads().await
    }

    /// What is kept outside of the stores, where there is a keeper and it has something.
    ///
    /// # Errors
    ///
    /// When the keeper cannot be read.
    pub async fn kept_heads(&self) -> Result<Option<KeptHeads>, GovernError> {
        match &self.core.upkeep.heads.keeper {
            Some(keeper) => Ok(keeper.last().await?),
            None => Ok(None),
        }
    }
}

impl Core {
    pub(super) async fn keep_heads(&self) -> Result<(), GovernError> {
        let (Some(keeper), Some(key)) = (&self.upkeep.heads.keeper, &self.ledger.sealing) else { return Ok(()) };
        // What cannot be read in full is not known.
        if self.view().unreadable.is_some() {
            return Ok(());
        }
        let _writing = self.upkeep.heads.writing.lock().await;
        // INVARIANT: both are durable before they are kept, so that what is kept is never before the store
        // (`heads_are_kept_after_the_commit_and_a_crash_between_leaves_them_behind`).
        let journal = self.with_state(State::head);
        let audit: BTreeMap<WriterId, AuditHead> =
            self.stores.audit.heads().await?.into_iter().filter(|(_, head)| head.sequence > 0).collect();
        let last = self.upkeep.heads.last().kept.clone();
        if let Some(last) = &last {
            if (last.journal, &last.audit) == (journal, &audit) && last.key == key.id() {
                return Ok(());
            }
            let shorter = last
                .audit
                .iter()
                .find(|(writer, known)| audit.get(*writer).is_none_or(|has| has.sequence < known.sequence));
            if let Some((writer, known)) = shorter {
                let message = format!(
                    "chain `{writer}` had {} records and is shorter now: what was kept in {} stays, verify the record",
                    known.sequence,
                    keeper.place()
                );
                return Err(GovernError::new(GovernErrorKind::RolledBack, message));
            }
        }
        let heads = KeptHeads::seal(key, self.tenant.clone(), self.time.now(), journal, audit)?;
        keeper.keep(&heads).await?;
        self.upkeep.heads.last().kept = Some(heads);
        Ok(())
    }

    /// Keeps heads from now on, whatever was known before.
    pub(super) async fn keep_heads_anew(&self) -> Result<(), GovernError> {
        self.upkeep.heads.last().kept = None;
        self.keep_heads().await
    }

    pub(super) async fn keep_heads_or_warn(&self) {
        if let Err(error) = self.keep_heads().await {
            tracing::warn!(%error, "the heads could not be kept outside of the store: it is tried again within a minute");
        }
    }
}
