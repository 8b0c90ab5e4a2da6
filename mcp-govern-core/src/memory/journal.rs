//! A journal in memory.

use std::sync::Mutex;

use async_trait::async_trait;
use tokio::sync::watch;

use super::lock;
use crate::{
    journal::{Head, Revision, StoredAct},
    ports::{AppendError, Freshness, Journal, StoreError, StoreErrorKind},
};

/// The acts of one tenant in memory. Readers are woken at once.
#[derive(Debug)]
pub struct MemoryJournal {
    acts: Mutex<Vec<StoredAct>>,
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
        Self { acts: Mutex::default(), revision: watch::Sender::new(Revision::ZERO) }
    }

    /// A journal that holds these acts; nothing is checked.
    pub fn with_acts(acts: impl IntoIterator<Item = StoredAct>) -> Self {
        let acts: Vec<_> = acts.into_iter().collect();
        let revision = acts.last().map_or(Revision::ZERO, StoredAct::revision);
        Self { acts: Mutex::new(acts), revision: watch::Sender::new(revision) }
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    fn freshness(&self) -> Freshness {
        Freshness::Pushed
    }

    async fn head(&self) -> Result<Head, StoreError> {
        Ok(lock(&self.acts).last().map_or(Head::EMPTY, StoredAct::head))
    }

    async fn append(&self, expected: Head, act: &StoredAct) -> Result<Head, AppendError> {
        {
            let mut acts = lock(&self.acts);
            let head = acts.last().map_or(Head::EMPTY, StoredAct::head);
            if head != expected {
                return Err(AppendError::Conflict(head));
            }
            if act.revision() != head.revision.next() {
                let message = format!("the act is revision {}, due is {}", act.revision(), head.revision.next());
                return Err(StoreError::new(StoreErrorKind::Conflict, message).into());
            }
            acts.push(act.clone());
        }
        // Two appends may come here in the wrong order: the revision never goes back.
        self.revision.send_if_modified(|revision| {
            let newer = act.revision() > *revision;
            if newer {
                *revision = act.revision();
            }
            newer
        });
        Ok(act.head())
    }

    async fn read(&self, after: Revision, limit: usize) -> Result<Vec<StoredAct>, StoreError> {
        let acts = lock(&self.acts);
        let from = acts.partition_point(|act| act.revision() <= after);
        Ok(acts.iter().skip(from).take(limit).cloned().collect())
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

    fn act(revision: u64, text: &str) -> StoredAct {
        StoredAct::from_parts(Revision(revision), Digest::of_bytes(text.as_bytes()), text.as_bytes())
    }

    #[tokio::test]
    async fn of_two_appends_with_the_same_head_one_wins() {
        let journal = MemoryJournal::new();
        let head = journal.append(Head::EMPTY, &act(1, "a")).await.unwrap();
        let Err(AppendError::Conflict(at)) = journal.append(Head::EMPTY, &act(1, "b")).await else {
            panic!("both won")
        };
        assert_eq!((at, journal.head().await.unwrap()), (head, head));
        assert_eq!(journal.read(Revision::ZERO, 9).await.unwrap(), [act(1, "a")]);
    }

    #[tokio::test]
    async fn acts_are_read_in_order_page_by_page() {
        let journal = MemoryJournal::with_acts([act(1, "a"), act(2, "b"), act(3, "c")]);
        assert_eq!(journal.read(Revision(0), 2).await.unwrap(), [act(1, "a"), act(2, "b")]);
        assert_eq!(journal.read(Revision(2), 2).await.unwrap(), [act(3, "c")]);
        assert!(journal.read(Revision(3), 2).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn whoever_waits_for_a_change_is_woken_and_who_comes_late_does_not_wait() {
        let journal = Arc::new(MemoryJournal::new());
        let waiting = tokio::spawn({
            let journal = journal.clone();
            async move { journal.changed(Revision::ZERO).await }
        });
        journal.append(Head::EMPTY, &act(1, "a")).await.unwrap();
        waiting.await.unwrap().unwrap();
        journal.changed(Revision::ZERO).await.unwrap();
    }

    #[tokio::test]
    async fn an_act_with_a_wrong_revision_is_refused() {
        let journal = MemoryJournal::new();
        assert!(matches!(journal.append(Head::EMPTY, &act(7, "a")).await, Err(AppendError::Store(_))));
        assert_eq!(journal.head().await.unwrap(), Head::EMPTY);
    }
}
