//! The port to the audit log of tool calls.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{StoreError, StoreErrorKind};
use crate::{
    denial::DenialCode,
    vocabulary::{AuditHead, CallId, Digest, RecordKind, ServerId, Timestamp, ToolId, UserId, WriterId},
};

/// A record as a store keeps it: the exact bytes, their hash, and what a store indexes.
///
/// A store must keep every field, so the struct is exhaustive on purpose: a new field is a change that every store must make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// The position in the writer's chain, from 1.
    pub sequence: u64,
    /// SHA-256 of the bytes.
    pub hash: Digest,
    /// The exact bytes: one JSON object.
    pub bytes: Arc<[u8]>,
    /// What kind of record it is.
    pub kind: RecordKind,
    /// The call.
    pub call: CallId,
    /// When.
    pub at: Timestamp,
    /// The salted hash of the person, as the record names it.
    pub user: Digest,
    /// The server, as far as the call named one that exists.
    pub server: Option<ServerId>,
    /// The tool, as far as the call named one that exists.
    pub tool: Option<ToolId>,
    /// Why the call was denied.
    pub code: Option<DenialCode>,
}

/// Which records to show. All conditions hold together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct AuditFilter {
    /// Of this person; turned into the salted hash by the [`Governor`](crate::Governor).
    pub user: Option<UserId>,
    /// Of the person with this salted hash.
    pub user_hash: Option<Digest>,
    /// Of this server.
    pub server: Option<ServerId>,
    /// Of this tool.
    pub tool: Option<ToolId>,
    /// Denied with this code.
    pub code: Option<DenialCode>,
    /// Of this kind.
    pub kind: Option<RecordKind>,
    /// Of this call.
    pub call: Option<CallId>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

impl AuditFilter {
    /// Every record.
    pub fn new() -> Self {
        Self::default()
    }

    /// That a store can answer it: a person is named by the salted hash.
    ///
    /// # Errors
    ///
    /// `Invalid` when there is a `user` and no `user_hash`.
    pub fn check_answerable(&self) -> Result<(), StoreError> {
        if self.user.is_some() && self.user_hash.is_none() {
            let message = "a store finds a person by the salted hash only: give `user_hash`";
            return Err(StoreError::new(StoreErrorKind::Invalid, message));
        }
        Ok(())
    }

    /// Whether a record passes. `user` is ignored here: it must have become `user_hash`.
    pub fn matches(&self, record: &StoredRecord) -> bool {
        self.user_hash.is_none_or(|hash| record.user == hash)
            && self.server.as_ref().is_none_or(|server| record.server.as_ref() == Some(server))
            && self.tool.as_ref().is_none_or(|tool| record.tool.as_ref() == Some(tool))
            && self.code.is_none_or(|code| record.code == Some(code))
            && self.kind.is_none_or(|kind| record.kind == kind)
            && self.call.as_ref().is_none_or(|call| record.call == *call)
            && self.from.is_none_or(|from| record.at >= from)
            && self.until.is_none_or(|until| record.at < until)
    }
}

/// Where a page of records ends: ask for what is older than this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditCursor {
    /// The time of the last record shown.
    pub at: Timestamp,
    /// Its writer.
    pub writer: WriterId,
    /// Its position in the writer's chain.
    pub sequence: u64,
}

/// A page of records, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct AuditPage {
    /// The records with their writers.
    pub records: Vec<(WriterId, StoredRecord)>,
    /// Where the next page starts; absent when there is none.
    pub next: Option<AuditCursor>,
}

/// The audit log of one tenant.
///
/// # Contract
///
/// - `append` is atomic and durable for the whole batch: after `Ok` all of it survives a crash; after an error none of it is
///   there, or (`Unknown`) the caller reads the head to find out. A head that has not moved says only that it is not there yet: the
///   caller appends the same batch again, and where that is a `Conflict` and the head is the batch's, it was written.
/// - `append` refuses (`Conflict`) when the writer's chain does not stand at `expected`.
/// - `read` gives a writer's records in order, exactly the bytes that were appended.
/// - `drop_through` takes the old end of a chain away, up to a record that is there, and leaves its head as it was: also when nothing
///   of the chain is left, the next append follows the record that was last. Doing it again changes nothing.
/// - `query` refuses (`Invalid`) a filter with `user` and without `user_hash`: a store does not know the salt, and a filter that
///   is not understood must not find all records.
#[async_trait]
pub trait AuditLog: fmt::Debug + Send + Sync + 'static {
    /// The head of a writer's chain; [`AuditHead::EMPTY`] for a new writer.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    async fn head(&self, writer: &WriterId) -> Result<AuditHead, StoreError>;

    /// Appends records to a writer's chain.
    ///
    /// # Errors
    ///
    /// When the chain does not stand at `expected` or the store failed.
    async fn append(&self, writer: &WriterId, expected: AuditHead, records: &[StoredRecord]) -> Result<(), StoreError>;

    /// At most `limit` records of a writer after a sequence number, oldest first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    async fn read(&self, writer: &WriterId, after: u64, limit: usize) -> Result<Vec<StoredRecord>, StoreError>;

    /// The head of the chain of every writer.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    async fn heads(&self) -> Result<Vec<(WriterId, AuditHead)>, StoreError> {
        let mut heads = Vec::new();
        for writer in self.writers().await? {
            let head = self.head(&writer).await?;
            heads.push((writer, head));
        }
        Ok(heads)
    }

    /// Every writer that has a chain.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    async fn writers(&self) -> Result<Vec<WriterId>, StoreError>;

    /// Deletes a writer's records up to one and including it, which must have the hash given; answers how many they were. Where
    /// everything up to it is gone already nothing is done.
    ///
    /// Called by the [`Governor`](crate::Governor) alone, once a commit that says so is on record. A store that cannot delete keeps this
    /// default; retention is then not to be had.
    ///
    /// # Errors
    ///
    /// `Conflict` when the chain does not hold that record, `Invalid` when this store cannot delete, or the store failed.
    async fn drop_through(&self, writer: &WriterId, through: AuditHead) -> Result<u64, StoreError> {
        let message = format!("this store cannot drop the records of `{writer}` up to {}", through.sequence);
        Err(StoreError::new(StoreErrorKind::Invalid, message))
    }

    /// At most `limit` records that pass the filter, of all writers, newest first, older than `before`.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    async fn query(
        &self,
        filter: &AuditFilter,
        before: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError>;
}
