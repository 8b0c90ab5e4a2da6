//! The port to the journal of governance commits.

use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use crate::journal::{Head, Revision, StoredCommit};

/// How a journal keeps its readers up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalUpdates {
    /// [`Journal::changed`] wakes at once; while a caller waits there, what was read is current.
    Pushed,
    /// What was read is current as of the last time [`Journal::changed`] or [`Journal::read`] came back; the node denies calls
    /// once that is longer ago than its `max_staleness`.
    Confirmed,
}

/// The journal of one tenant.
///
/// # Contract
///
/// - `append` is atomic and durable: it returns `Ok` only when the commit will be there after a crash, and then `read` shows it
///   on every node.
/// - Of two appends with the same expected head one wins; the other gets [`StoreError::journal_moved`].
/// - `read` gives whole commits in order without gaps, exactly the bytes that were appended.
/// - `changed` returns when there is a commit after `after`; a store with [`JournalUpdates::Confirmed`] also returns whenever it has
///   confirmed that there is none, at least once per poll interval. It must not busy-loop.
#[async_trait]
pub trait Journal: fmt::Debug + Send + Sync + 'static {
    /// How readers are kept up to date.
    fn updates(&self) -> JournalUpdates;

    /// The head of the journal.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    async fn head(&self) -> Result<Head, StoreError>;

    /// Appends a commit if the head of the journal is still `expected`.
    ///
    /// # Errors
    ///
    /// [`StoreError::journal_moved`] when it does not, with the head that is there: nothing was done, read on and decide again. With kind
    /// `Unknown` the commit may be in the journal: look for its command id.
    async fn append(&self, expected: Head, commit: &StoredCommit) -> Result<Head, StoreError>;

    /// At most `limit` commits after a revision, oldest first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    async fn read(&self, after: Revision, limit: usize) -> Result<Vec<StoredCommit>, StoreError>;

    /// Waits for a commit after `after`; see the contract.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached; the caller tries again after a pause of the store's choosing, which the store takes
    /// before it returns the error.
    async fn changed(&self, after: Revision) -> Result<(), StoreError>;
}
