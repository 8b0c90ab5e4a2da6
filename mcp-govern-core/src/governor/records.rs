//! Reading and verifying what is on record.

use std::collections::{BTreeMap, HashSet};

use super::{GovernError, GovernErrorKind, Governor};
use crate::{
    audit::{
        AuditRecord, JournalVerification, JournalVerifier, KeptCheck, RecordKind, Verification, Verifier, WriterMark,
    },
    journal::Head,
    ports::{AuditCursor, AuditFilter, AuditHead, AuditPage, KeptHeads, StoreErrorKind, StoredRecord, WriterId},
    vocabulary::{Actor, CallId, Digest, Role, Timestamp, UserId},
};

const PAGE: usize = 1024;

impl Governor {
    /// Audit records that pass the filter, newest first.
    ///
    /// # Errors
    ///
    /// When the actor is neither owner, governance admin nor auditor, or the store cannot be read.
    pub async fn audit(
        &self,
        actor: &Actor,
        mut filter: AuditFilter,
        before: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, GovernError> {
        may_read(actor)?;
        if let Some(user) = filter.user.take() {
            filter.user_hash = Some(self.user_hash(&user));
        }
        Ok(self.core.stores.audit.query(&filter, before, limit).await?)
    }

    /// The salted hash by which records name a person.
    pub fn user_hash(&self, user: &UserId) -> Digest {
        self.core.calls.user_hash(user)
    }

    /// Verifies the chain of every writer, against the heads that the journal holds and those that are kept outside of the stores
    /// ([`with_head_keeper`](super::GovernorBuilder::with_head_keeper)). `anchors` are heads that were kept elsewhere besides: each
    /// must be in its writer's chain. The heads of the journal are as good as the journal is: verify it, too.
    ///
    /// # Errors
    ///
    /// When the actor may not read the audit, or the store cannot be read. A broken chain is not an error but a finding.
    pub async fn verify_audit(
        &self,
        actor: &Actor,
        anchors: &[(WriterId, AuditHead)],
    ) -> Result<Vec<(WriterId, Verification)>, GovernError> {
        may_read(actor)?;
        // Before the store is: what is written meanwhile is not missed.
        let kept = self.known().await?.1.map(|kept| kept.audit).unwrap_or_default();
        // A writer whose whole chain is gone is known by its anchor alone.
        let mut writers: BTreeMap<WriterId, Vec<AuditHead>> = BTreeMap::new();
        for writer in self.core.stores.audit.writers().await? {
            writers.entry(writer).or_default();
        }
        // INVARIANT: what the journal knows of a chain is always asked for, so that the newest records cannot be taken away with
        // the store's own head (`the_newest_records_removed_with_their_head_are_found_by_the_journal`).
        for (writer, head) in self.core.with_state(|state| state.audit_anchors().clone()) {
            writers.entry(writer).or_default().push(head);
        }
        for (writer, head) in anchors.iter().map(|(writer, head)| (writer, head)).chain(&kept) {
            writers.entry(writer.clone()).or_default().push(*head);
        }
        let mut found = Vec::with_capacity(writers.len());
        for (writer, anchors) in writers {
            let after = self.dropped_through(&writer);
            let mut verification = self.verify_chain(&writer, after, anchors.clone()).await?;
            // Another node may have dropped a segment that this one has not heard of. A journal that cannot be followed is told of
            // by whoever verifies it.
            if verification.broken.is_some()
                && let Ok(background_tasks) = self.core.catch_up().await
            {
                self.core.upkeep.background_tasks.push(background_tasks);
                let now = self.dropped_through(&writer);
                if now != after {
                    verification = self.verify_chain(&writer, now, anchors).await?;
                }
            }
            found.push((writer, verification));
        }
        Ok(found)
    }

    /// The last record of a chain that was sealed and dropped.
    fn dropped_through(&self, writer: &WriterId) -> AuditHead {
        self.core
            .with_state(|state| state.audit_dropped().get(writer).map_or(AuditHead::EMPTY, |dropped| dropped.through))
    }

    /// A chain of which the old end was dropped begins after it: what is still there of that is deleted one day.
    async fn verify_chain(
        &self,
        writer: &WriterId,
        after: AuditHead,
        anchors: Vec<AuditHead>,
    ) -> Result<Verification, GovernError> {
        let mut verifier = anchors.into_iter().fold(Verifier::after(after), Verifier::with_anchor);
        let mut after = after.sequence;
        loop {
            let page = self.core.stores.audit.read(writer, after, PAGE).await?;
            for record in &page {
                verifier.push(record);
            }
            // A store that was tampered with may not count up: then there is a break, and no need to read on.
            let last = page.last().map_or(after, |record| record.sequence);
            if page.len() < PAGE || last <= after {
                return Ok(verifier.finish());
            }
            after = last;
        }
    }

    /// The head of every writer's chain: keep it elsewhere, and hand it to [`Governor::verify_audit`] one day.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn audit_heads(&self) -> Result<Vec<(WriterId, AuditHead)>, GovernError> {
        Ok(self.core.stores.audit.heads().await?)
    }

    /// A writer's records after a place in its chain, oldest first: for an export, page by page until one is empty.
    ///
    /// # Errors
    ///
    /// As [`Governor::audit`].
    pub async fn audit_chain(
        &self,
        actor: &Actor,
        writer: &WriterId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredRecord>, GovernError> {
        may_read(actor)?;
        Ok(self.core.stores.audit.read(writer, after, limit).await?)
    }

    /// Calls that began from `from` until before `until` and of which no end is on record, newest first: after a crash it is
    /// unknown how they ended, and whether the vendor did what was asked. Let `until` lie as far back as the longest call takes:
    /// what another node is just doing looks the same. The calls in flight of this node are left out.
    ///
    /// # Errors
    ///
    /// As [`Governor::audit`].
    pub async fn unknown_outcomes(
        &self,
        actor: &Actor,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<(WriterId, StoredRecord)>, GovernError> {
        may_read(actor)?;
        let mut filter = AuditFilter::new();
        (filter.from, filter.kind) = (Some(from), Some(RecordKind::Outcome));
        let mut ended: HashSet<CallId> = HashSet::new();
        self.every(&filter, |_, record| {
            ended.insert(record.call);
        })
        .await?;
        (filter.until, filter.kind) = (Some(until), Some(RecordKind::Intent));
        let mut open = Vec::new();
        self.every(&filter, |writer, record| {
            if writer != self.core.upkeep.writer && !ended.contains(&record.call) {
                open.push((writer, record));
            }
        })
        .await?;
        let mut unknown = Vec::new();
        for (writer, record) in open {
            // It may have ended while the others were read.
            let mut end = AuditFilter::new();
            (end.call, end.kind) = (Some(record.call.clone()), Some(RecordKind::Outcome));
            if self.core.stores.audit.query(&end, None, 1).await?.records.is_empty() {
                unknown.push((writer, record));
            }
        }
        Ok(unknown)
    }

    /// Every record that passes the filter, newest first, page by page.
    async fn every(
        &self,
        filter: &AuditFilter,
        mut take: impl FnMut(WriterId, StoredRecord),
    ) -> Result<(), GovernError> {
        let mut cursor = None;
        loop {
            let page = self.core.stores.audit.query(filter, cursor.as_ref(), PAGE).await?;
            page.records.into_iter().for_each(|(writer, record)| take(writer, record));
            cursor = page.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Verifies the journal of governance commits from its beginning, against what this node has read of it and what the audit
    /// chains say of it: each begins with the head of the journal. `anchor` is a head that was kept elsewhere besides. With an audit
    /// key ([`GovernorBuilder::with_audit_key`](super::GovernorBuilder::with_audit_key)) the seals are checked, too; what they
    /// vouch for is in the answer.
    ///
    /// # Errors
    ///
    /// As [`Governor::verify_audit`].
    pub async fn verify_journal(
        &self,
        actor: &Actor,
        anchor: Option<Head>,
    ) -> Result<JournalVerification, GovernError> {
        may_read(actor)?;
        let (checked, kept) = self.known().await?;
        let known = kept.map(|kept| kept.journal);
        let anchors = anchor.into_iter().chain(known).chain([self.journal_head()]).chain(self.vouched().await?);
        let mut verifier = anchors.fold(JournalVerifier::new(Head::EMPTY), JournalVerifier::with_anchor);
        if let Some(key) = &self.core.ledger.sealing {
            verifier = verifier.with_key(&self.core.tenant, key);
        }
        loop {
            let page = match self.core.stores.journal.read(verifier.head().revision, PAGE).await {
                Ok(page) => page,
                // The store itself sees that the next commit is not there.
                Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                    tracing::error!(%error, "the journal is damaged");
                    verifier.miss();
                    break;
                }
                Err(error) => return Err(error.into()),
            };
            for commit in &page {
                verifier.push(commit);
            }
            // A short page may end before a gap: only an empty one is the end.
            if page.is_empty() || !verifier.is_intact() {
                break;
            }
        }
        Ok(JournalVerification { kept: checked, ..verifier.finish() })
    }

    /// What is kept outside of the stores, as far as it can be trusted.
    async fn known(&self) -> Result<(KeptCheck, Option<KeptHeads>), GovernError> {
        let Some(kept) = self.kept_heads().await? else { return Ok((KeptCheck::NothingKept, None)) };
        let sealed = self.core.ledger.sealing.as_ref().is_none_or(|key| kept.is_sealed_by(key));
        if !sealed || kept.tenant != self.core.tenant {
            return Ok((KeptCheck::NotSealed, None));
        }
        Ok((KeptCheck::Held { revision: kept.journal.revision, at: kept.at }, Some(kept)))
    }

    /// The head of the journal when the newest chains began: a person who takes the newest commits away has to forge these too, and of
    /// those the journal knows.
    async fn vouched(&self) -> Result<Vec<Head>, GovernError> {
        let mut filter = AuditFilter::new();
        filter.kind = Some(RecordKind::Mark);
        let marks = self.core.stores.audit.query(&filter, None, PAGE).await?;
        let opened = marks.records.iter().filter_map(|(_, record)| match record.open().ok()?.entry {
            AuditRecord::Mark(WriterMark::Opened { revision, journal }) => Some(Head { revision, hash: journal }),
            _ => None,
        });
        Ok(opened.collect())
    }
}

pub(super) fn may_read(actor: &Actor) -> Result<(), GovernError> {
    let readers = [Role::Owner, Role::GovernanceAdmin, Role::Auditor];
    if readers.into_iter().any(|role| actor.has(role)) {
        return Ok(());
    }
    let message = "only an owner, a governance admin or an auditor reads the audit";
    Err(GovernError::new(GovernErrorKind::NotAllowed, message))
}
