//! Following the commits, for those who build on them.

use std::{collections::VecDeque, pin::pin, sync::Arc};

use tokio::sync::watch;

use super::{GovernError, Governor, core::Core, watch::race};
use crate::journal::{Commit, Head, Revision};

const PAGE: usize = 128;

/// The commits after a revision, one after the other, none left out. Reads the journal itself: a slow reader loses nothing.
#[derive(Debug)]
pub struct Commits {
    core: Arc<Core>,
    revision: watch::Receiver<Revision>,
    /// The last commit that was handed out.
    at: Start,
    read: VecDeque<Commit>,
    /// Where the commits that were read end.
    head: Head,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// The hash of the commit before the first is still to be looked up.
    Unknown(Revision),
    Known,
}

impl Governor {
    /// The commits after a revision ([`Revision::ZERO`] for all), and then each new one as this node learns of it.
    pub fn subscribe(&self, after: Revision) -> Commits {
        Commits {
            core: Arc::clone(&self.core),
            revision: self.core.ledger.revision.subscribe(),
            at: if after == Revision::ZERO { Start::Known } else { Start::Unknown(after) },
            read: VecDeque::new(),
            head: Head::EMPTY,
        }
    }
}

impl Commits {
    /// The next commit; waits for it. May be dropped and called again: no commit is lost.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read: unavailable for a time, or unreadable from here on. Call again to try again.
    pub async fn next(&mut self) -> Result<Commit, GovernError> {
        if let Start::Unknown(after) = self.at {
            self.begin_after(after).await?;
        }
        loop {
            if let Some(commit) = self.read.pop_front() {
                return Ok(commit);
            }
            let after = self.head.revision;
            self.until_after(after).await?;
            for stored in self.core.stores.journal.read(after, PAGE).await? {
                let commit = stored.open(self.head)?;
                self.head = stored.head();
                self.read.push_back(commit);
            }
        }
    }

    /// Waits until this node has taken in a commit after a revision; fails where it never will.
    async fn until_after(&mut self, after: Revision) -> Result<(), GovernError> {
        loop {
            // Raised, among others, when the journal becomes unreadable.
            let alarm = self.core.calls.alarm.notified();
            if *self.revision.borrow_and_update() > after {
                return Ok(());
            }
            self.core.readable()?;
            // The sender lives in the core, which is held here.
            let _ = race(pin!(self.revision.changed()), pin!(alarm)).await;
        }
    }

    async fn begin_after(&mut self, after: Revision) -> Result<(), GovernError> {
        let before = Revision(after.0.saturating_sub(1));
        let stored = self.core.stores.journal.read(before, 1).await?.into_iter().next();
        let stored = stored.filter(|stored| stored.revision() == after);
        self.head = stored.ok_or_else(|| GovernError::not_found("revision", after))?.head();
        self.at = Start::Known;
        Ok(())
    }
}
