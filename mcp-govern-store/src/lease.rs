//! A lease that is held, in either database.

use std::fmt;

use mcp_govern_core::ports::{LeaseGuard, StoreError, StoreErrorKind};

use crate::clock::Deadline;

/// Whoever has it holds the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder(pub(crate) [u8; 16]);

impl Holder {
    pub(crate) fn random() -> Result<Self, StoreError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            StoreError::new(StoreErrorKind::Unavailable, format!("the operating system gave no random bytes: {error}"))
        })?;
        Ok(Self(bytes))
    }
}

/// Held until its deadline; gives the lease back when dropped within a tokio runtime, and lets it expire otherwise.
pub(crate) struct Held {
    name: String,
    deadline: Deadline,
    give_back: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Held {
    /// `give_back` starts the work that frees the lease, without waiting for it.
    pub(crate) fn new(name: &str, deadline: Deadline, give_back: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self { name: name.to_owned(), deadline, give_back: Some(Box::new(give_back)) }
    }
}

impl LeaseGuard for Held {
    fn is_held(&self) -> bool {
        !self.deadline.is_over()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(give_back) = self.give_back.take() {
            give_back();
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("name", &self.name).field("held", &self.is_held()).finish()
    }
}

/// Runs work that nobody waits for; outside a runtime it is not done, which a lease's expiry makes up for.
pub(crate) fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        drop(runtime.spawn(work));
    }
}
