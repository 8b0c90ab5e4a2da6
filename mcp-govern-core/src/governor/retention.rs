//! Retention of the audit: the old end of a chain is sealed, and dropped from the store together with a commit that says so.
//!
//! In this order, so that a crash in between loses nothing: the caller that drops a segment has kept it durably elsewhere; then the commit is on
//! record; then the records are deleted. A deletion that did not come about is done by the driver, on any node.

use std::collections::BTreeSet;

use super::{Committed, GovernError, GovernErrorKind, Governor, core::Core, records::may_read};
use crate::{
    audit::{AuditKey, AuditRecord, AuditSegment, RecordKind, Verifier, WriterMark, droppable, unended},
    journal::{Action, Command},
    ports::{AuditFilter, AuditHead, StoreError, StoredRecord, WriterId},
    vocabulary::{Actor, CallId, CommandId, Timestamp},
};

/// How many records a segment holds at most.
const RECORDS: usize = 20_000;
/// How many bytes the records of a segment have at most, apart from the first.
const BYTES: usize = 32 * 1024 * 1024;
/// How many records are read at once.
const PAGE: usize = 1024;

impl Governor {
    /// Seals the old end of a writer's chain: what is older than `before`, at most some 20,000 records. Nothing where nothing is to be
    /// put aside. Of a chain that has not ended in order the last record stays, and everything from the first call on of which no
    /// end is on record. Changes nothing: keep the segment's bytes durably elsewhere, then
    /// [`Governor::drop_audit_segment`], and ask again.
    ///
    /// # Errors
    ///
    /// When the actor is neither owner, governance admin nor auditor, the store cannot be read, or the records do not hold.
    pub async fn seal_audit_segment(
        &self,
        actor: &Actor,
        writer: &WriterId,
        before: Timestamp,
    ) -> Result<Option<AuditSegment>, GovernError> {
        may_read(actor)?;
        let key = self.lasting_key()?;
        let log = &self.core.stores.audit;
        let (after, anchor) = self.core.with_state(|state| {
            let dropped = state.audit_dropped().get(writer).map_or(AuditHead::EMPTY, |dropped| dropped.through);
            (dropped, state.audit_anchors().get(writer).copied())
        });
        let head = log.head(writer).await?;
        let mut records = old_records(self, writer, after, before).await?;
        if records.is_empty() {
            return Ok(None);
        }
        let closed = match log.read(writer, head.sequence.saturating_sub(1), 1).await?.first() {
            Some(last) => matches!(last.open()?.entry, AuditRecord::Mark(WriterMark::Closed)),
            None => false,
        };
        if !closed {
            records.truncate(droppable(&records, head)?);
        }
        if records.is_empty() {
            return Ok(None);
        }
        // What is sealed was verified: a broken chain is not put aside as if it were whole.
        let mut verifier = anchor
            .into_iter()
            .filter(|anchor| anchor.sequence <= last_of(&records))
            .fold(Verifier::after(after), Verifier::with_anchor);
        for record in &records {
            verifier.push(record);
        }
        if let Some(broken) = verifier.finish().broken {
            let message = format!("the chain of `{writer}` does not hold, and nothing of it is put aside: {broken}");
            return Err(GovernError::new(GovernErrorKind::Conflict, message));
        }
        let mut unknown = BTreeSet::new();
        for call in unended(&records)? {
            if !self.has_ended(&call).await? {
                unknown.insert(call);
            }
        }
        Ok(Some(AuditSegment::seal(key, &self.core.tenant, writer, after, unknown, &records)?))
    }

    /// Drops a sealed segment from the store: a commit names writer, place, hash and the digest of the file, and then the records are
    /// deleted. The caller has kept the segment durably elsewhere. Dropping what is dropped already changes nothing.
    ///
    /// # Errors
    ///
    /// When the actor is neither owner nor governance admin, the segment is of another tenant or was not sealed under this governor's
    /// audit key, the chain does not hold it, or the store failed. Where only the deletion failed the driver does it later.
    pub async fn drop_audit_segment(
        &self,
        actor: &Actor,
        id: CommandId,
        segment: &AuditSegment,
    ) -> Result<Committed, GovernError> {
        let refuse = |message: String| Err(GovernError::new(GovernErrorKind::Invalid, message));
        let key = self.lasting_key()?;
        let header = segment.header();
        if header.tenant != self.core.tenant {
            return refuse(format!("this segment is of tenant `{}`", header.tenant));
        }
        if let Err(error) = segment.check_mac(key) {
            return refuse(error.to_string());
        }
        let (writer, through) = (header.writer.clone(), header.through);
        let dropped = self.core.with_state(|state| state.audit_dropped().get(&writer).map(|dropped| dropped.through));
        if dropped.is_none_or(|dropped| dropped.sequence < through.sequence) {
            let last = self.core.stores.audit.read(&writer, through.sequence.saturating_sub(1), 1).await?;
            if last.first().is_none_or(|last| (last.sequence, last.hash) != (through.sequence, through.hash)) {
                return refuse(format!(
                    "the chain of `{writer}` does not hold record {} of this segment",
                    through.sequence
                ));
            }
        }
        let action = Action::DropAuditSegment { writer, after: header.after, through, export: segment.digest() };
        self.commit(actor, Command::new(id, action)).await
    }

    /// The key, where it outlives the process: a segment sealed under another one could never be checked.
    fn lasting_key(&self) -> Result<&AuditKey, GovernError> {
        let message = "segments are sealed under the tenant's audit key: open the governor with it";
        self.core.ledger.sealing.as_ref().ok_or_else(|| GovernError::new(GovernErrorKind::NotPossible, message))
    }

    async fn has_ended(&self, call: &CallId) -> Result<bool, StoreError> {
        let mut filter = AuditFilter::new();
        (filter.call, filter.kind) = (Some(call.clone()), Some(RecordKind::Outcome));
        Ok(!self.core.stores.audit.query(&filter, None, 1).await?.records.is_empty())
    }
}

/// The records after `after` that are older than `before`, as many as a segment holds.
async fn old_records(
    governor: &Governor,
    writer: &WriterId,
    after: AuditHead,
    before: Timestamp,
) -> Result<Vec<StoredRecord>, StoreError> {
    let (mut records, mut bytes): (Vec<StoredRecord>, usize) = (Vec::new(), 0);
    loop {
        let from = records.last().map_or(after.sequence, |record| record.sequence);
        let page = governor.core.stores.audit.read(writer, from, PAGE).await?;
        let whole = page.len() == PAGE;
        for record in page {
            bytes = bytes.saturating_add(record.bytes.len());
            // A store that was tampered with may not count up: then verification finds the break.
            let full = records.len() >= RECORDS || (bytes > BYTES && !records.is_empty());
            if record.at >= before || full {
                return Ok(records);
            }
            records.push(record);
        }
        if !whole {
            return Ok(records);
        }
    }
}

fn last_of(records: &[StoredRecord]) -> u64 {
    records.last().map_or(0, |record| record.sequence)
}

impl Core {
    /// Deletes the records of dropped segments that are still there: all of one writer, or of every writer.
    pub(super) async fn delete_dropped(&self, writer: Option<&WriterId>) -> Result<(), StoreError> {
        let dropped = self.with_state(|state| state.audit_dropped().clone());
        for (writer, dropped) in dropped.into_iter().filter(|(known, _)| writer.is_none_or(|writer| writer == known)) {
            let first = self.stores.audit.read(&writer, 0, 1).await?;
            if first.first().is_some_and(|first| first.sequence <= dropped.through.sequence) {
                let records = self.stores.audit.drop_through(&writer, dropped.through).await?;
                tracing::info!(tenant = %self.tenant, %writer, through = dropped.through.sequence, records, "a segment of the audit was dropped");
            }
        }
        Ok(())
    }
}
