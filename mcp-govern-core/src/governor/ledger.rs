//! The journal of a tenant as this node has taken it in: what commits are decided on and appended to. It needs neither the audit nor the
//! driver.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use super::FreshnessMonitor;
use crate::{
    audit::AuditKey,
    journal::{Commit, Head, Revision, State},
};

/// The state that the journal leads to, and what says how far it can be trusted.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) freshness_monitor: FreshnessMonitor,
    /// The audit's key, where it outlives the process: under it the journal is sealed.
    pub(crate) sealing: Option<AuditKey>,
    /// Local commits take turns: they would only get in each other's way. The driver does not take a turn.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// The revision that is published.
    pub(crate) revision: watch::Sender<Revision>,
    /// Says that the journal is followed no more.
    pub(crate) unfollowed: watch::Sender<bool>,
    state: RwLock<Arc<State>>,
}

impl Ledger {
    pub(super) fn new(state: State, freshness_monitor: FreshnessMonitor, sealing: Option<AuditKey>) -> Self {
        Self {
            freshness_monitor,
            sealing,
            turn: tokio::sync::Mutex::default(),
            revision: watch::Sender::new(state.head().revision),
            unfollowed: watch::Sender::new(false),
            state: RwLock::new(Arc::new(state)),
        }
    }

    /// The state. A caller that keeps it makes the next commit copy it.
    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks something up in the state, without keeping it.
    pub(crate) fn with_state<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes commits in that follow the state, one after the other; answers the state after the last.
    pub(super) fn apply(&self, commits: &[(Commit, Head)]) -> Arc<State> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let changed = Arc::make_mut(&mut state);
        for (commit, head) in commits {
            changed.apply_stored(commit, *head);
        }
        Arc::clone(&state)
    }
}
