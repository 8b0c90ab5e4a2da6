//! A journal in memory.

use std::sync::Mutex;

use async_trait::async_trait;
use tokio::sync::watch;

use super::lock;
use crate::{
    journal::{Head, Revision, StoredCommit},
    ports::{Journal, JournalUpdates, StoreError, StoreErrorKind},
};

/// The commits of one tenant in memory. Readers are woken at once.
#[derive(Debug)]
pub struct MemoryJournal {
    commits: Mutex<Vec<StoredCommit>>,
    revision: watch::Sender<Revision>,
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self { commits: Mutex::default(), revision: watch::Sender::new(Revision::ZERO) }
    }

    /// A journal that holds these commits; nothing is checked.
    pub fn with_commits(commits: impl IntoIterator<Item = StoredCommit>) -> Self {
        let commits: Vec<_> = commits.into_iter().collect();
        let revision = commits.last().map_or(Revision::ZERO, StoredCommit::revision);
        Self { commits: Mutex::new(commits), revision: watch::Sender::new(revision) }
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    fn updates(&self) -> JournalUpdates {
        JournalUpdates::Pushed
    }

    async fn head(&self) -> Result<Head, StoreError> {
        Ok(lock(&self.commits).last().map_or(Head::EMPTY, StoredCommit::head))
    }

    async fn append(&self, expected: Head, commit: &StoredCommit) -> Result<Head, StoreError> {
        {
            let mut commits = lock(&self.commits);
            let head = commits.last().map_or(Head::EMPTY, StoredCommit::head);
            if head != expected {
                return Err(StoreError::journal_moved(head));
            }
            if commit.revision() != head.revision.next() {
                let message = format!("the commit is revision {}, due is {}", commit.revision(), head.revision.next());
                return Err(StoreError::new(StoreErrorKind::Conflict, message));
            }
            commits.push(commit.clone());
        }
        // Two appends may come here in the wrong order: the revision never goes back.
        self.revision.send_if_modified(|revision| {
            let newer = commit.revision() > *revision;
            if newer {
                *revision = commit.revision();
            }
            newer
        });
        Ok(commit.head())
    }

    async fn read(&self, after: Revision, limit: usize) -> Result<Vec<StoredCommit>, StoreError> {
        let commits = lock(&self.commits);
        let from = commits.partition_point(|commit| commit.revision() <= after);
        Ok(commits.iter().skip(from).take(limit).cloned().collect())
    }

    async fn changed(&self, after: Revision) -> Result<(), StoreError> {
        let mut revision = self.revision.subscribe();
        let gone = |_| StoreError::new(StoreErrorKind::Unavailable, "the journal is gone");
        revision.wait_for(|revision| *revision > after).await.map(drop).map_err(gone)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::vocabulary::Digest;

    fn commit(revision: u64, text: &str) -> StoredCommit {
        StoredCommit::from_parts(Revision(revision), Digest::of_bytes(text.as_bytes()), text.as_bytes())
    }

    #[tokio::test]
    async fn of_two_appends_with_the_same_head_one_wins() {
        let journal = MemoryJournal::new();
        let head = journal.append(Head::EMPTY, &commit(1, "a")).await.unwrap();
        let refused = journal.append(Head::EMPTY, &commit(1, "b")).await.unwrap_err();
        assert_eq!((refused.journal_head(), journal.head().await.unwrap()), (Some(head), head));
        assert_eq!(journal.read(Revision::ZERO, 9).await.unwrap(), [commit(1, "a")]);
    }

    #[tokio::test]
    async fn commits_are_read_in_order_page_by_page() {
        let journal = MemoryJournal::with_commits([commit(1, "a"), commit(2, "b"), commit(3, "c")]);
        assert_eq!(journal.read(Revision(0), 2).await.unwrap(), [commit(1, "a"), commit(2, "b")]);
        assert_eq!(journal.read(Revision(2), 2).await.unwrap(), [commit(3, "c")]);
        assert!(journal.read(Revision(3), 2).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn whoever_waits_for_a_change_is_woken_and_who_comes_late_does_not_wait() {
        let journal = Arc::new(MemoryJournal::new());
        let waiting = tokio::spawn({
            let journal = journal.clone();
            async move { journal.changed(Revision::ZERO).await }
        });
        journal.append(Head::EMPTY, &commit(1, "a")).await.unwrap();
        waiting.await.unwrap().unwrap();
        journal.changed(Revision::ZERO).await.unwrap();
    }

    #[tokio::test]
    async fn a_commit_with_a_wrong_revision_is_refused() {
        let journal = MemoryJournal::new();
        assert_eq!(journal.append(Head::EMPTY, &commit(7, "a")).await.unwrap_err().journal_head(), None);
        assert_eq!(journal.head().await.unwrap(), Head::EMPTY);
    }
}
