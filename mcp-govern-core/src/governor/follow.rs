//! Reading the journal: whole when a governor opens, then commit by commit.

use std::{collections::BTreeSet, future::poll_fn, sync::Arc, task::Poll};

use super::{
    GovernError,
    background_tasks::{BackgroundTask, SecretPurge},
    core::Core,
    keep::{Restored, restore},
};
use crate::{
    journal::{Revision, State},
    ports::{Journal, StoreErrorKind, TenantStores},
};

/// How many commits are read at once.
const PAGE: usize = 512;

/// A journal that was read, from its beginning or from a checkpoint.
#[derive(Debug)]
pub(super) struct Replayed {
    /// The commit that reading began after.
    pub(super) from: Revision,
    pub(super) state: State,
    pub(super) unreadable: Option<Arc<str>>,
    /// Secrets that should be gone: an earlier life may have ended before it took them out of the vault.
    pub(super) purge: BTreeSet<SecretPurge>,
}

/// Reads a journal, from the newest checkpoint that can be used.
///
/// # Errors
///
/// When the store cannot be reached. A journal that cannot be read in full is not an error: the state is as of the last commit that can.
pub(super) async fn replay(stores: &TenantStores) -> Result<Replayed, GovernError> {
    let restored = restore(stores).await;
    let Restored { state, purge } =
        restored.unwrap_or_else(|| Restored { state: State::new(), purge: BTreeSet::new() });
    let mut replayed = Replayed { from: state.head().revision, state, unreadable: None, purge };
    loop {
        let page = match stores.journal.read(replayed.state.head().revision, PAGE).await {
            Ok(page) => page,
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                replayed.unreadable = Some(error.to_string().into());
                return Ok(replayed);
            }
            Err(error) => return Err(error.into()),
        };
        for stored in &page {
            match replayed.state.follow(stored) {
                Ok(commit) => replayed.purge.extend(commit.events.iter().filter_map(SecretPurge::of)),
                Err(error) => {
                    replayed.unreadable = Some(error.to_string().into());
                    return Ok(replayed);
                }
            }
        }
        // INVARIANT: a short page may end before a commit that is missing; only an empty one is the end of the journal
        // (`a_commit_that_is_gone_from_the_middle_is_found_and_everything_denied`).
        if page.is_empty() {
            return Ok(replayed);
        }
    }
}

impl Core {
    /// Takes in what the journal holds beyond the state.
    pub(super) async fn catch_up(&self) -> Result<Vec<BackgroundTask>, GovernError> {
        self.catch_up_from(&*self.stores.journal).await
    }

    /// [`Core::catch_up`], read through another handle of the same journal.
    async fn catch_up_from(&self, journal: &dyn Journal) -> Result<Vec<BackgroundTask>, GovernError> {
        let mut background_tasks = Vec::new();
        loop {
            let mut head = self.with_state(State::head);
            let page = match journal.read(head.revision, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    if error.kind() == StoreErrorKind::Corrupt {
                        self.set_unreadable(&error.to_string());
                    }
                    return Err(error.into());
                }
            };
            let mut commits = Vec::with_capacity(page.len());
            let mut broken = None;
            for stored in &page {
                match stored.open(head) {
                    Ok(commit) => {
                        head = stored.head();
                        commits.push((commit, head));
                    }
                    Err(error) => {
                        broken = Some(error);
                        break;
                    }
                }
            }
            let published = self.publish(commits);
            background_tasks.extend(published.background_tasks);
            if let Some(error) = broken {
                self.set_unreadable(&error.to_string());
                return Err(error.into());
            }
            if page.is_empty() && !published.gap {
                self.ledger.freshness_monitor.confirm();
                return Ok(background_tasks);
            }
        }
    }

    /// Follows the journal until it becomes unreadable; then there is nothing more to follow.
    pub(super) async fn follow(&self, journal: &dyn Journal) {
        while self.view().unreadable.is_none() {
            let after = self.with_state(State::head).revision;
            if let Err(error) = journal.changed(after).await {
                self.out_of_touch(&error.into());
            }
            // Also after an error: what happened meanwhile is read before waiting again.
            match self.catch_up_from(journal).await {
                Ok(background_tasks) => {
                    self.upkeep.background_tasks.push(background_tasks);
                    self.ledger.freshness_monitor.regain();
                    self.upkeep.background_tasks.push(self.due());
                }
                Err(error) => {
                    self.out_of_touch(&error);
                    // `changed` takes a pause before it fails, `read` does not: let others go on at least.
                    yield_now().await;
                }
            }
        }
        std::future::pending::<()>().await;
    }
}

impl Core {
    fn out_of_touch(&self, error: &GovernError) {
        tracing::warn!(tenant = %self.tenant, %error, "the journal cannot be followed");
        self.ledger.freshness_monitor.lose();
        // Calls in flight end if the rules are too old by now.
        self.raise_alarm();
    }
}

async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
