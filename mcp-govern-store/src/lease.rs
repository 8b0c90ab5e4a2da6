//! A lease that is held, in either database.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use mcp_govern_core::{
    Clock,
    ports::{LeaseGuard, StoreError, StoreErrorKind},
};

use crate::clock::Deadline;

/// Its owner holds the lease.
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

/// The leases of a tenant as a database keeps them.
#[async_trait]
pub(crate) trait LeaseRows: Send + Sync + 'static {
    /// The clock that was set for leases, if any.
    fn clock(&self) -> Option<Arc<dyn Clock>>;

    /// Lets the lease end `ttl` from now, if it is still the holder's; whether it is.
    async fn extend(&self, name: &str, holder: Holder, ttl: Duration) -> Result<bool, StoreError>;

    /// Takes the lease away from its holder.
    async fn free(&self, name: &str, holder: Holder) -> Result<(), StoreError>;
}

/// Held until its deadline; gives the lease back when dropped within a tokio runtime, and lets it expire otherwise.
pub(crate) struct Held<R: LeaseRows> {
    rows: Arc<R>,
    name: String,
    holder: Holder,
    deadline: Deadline,
}

impl<R: LeaseRows> Held<R> {
    /// `deadline` began before the lease was written.
    pub(crate) fn new(rows: Arc<R>, name: &str, holder: Holder, deadline: Deadline) -> Self {
        Self { rows, name: name.to_owned(), holder, deadline }
    }
}

#[async_trait]
impl<R: LeaseRows> LeaseGuard for Held<R> {
    fn is_held(&self) -> bool {
        !self.deadline.is_over()
    }

    async fn renew(&mut self, ttl: Duration) -> Result<bool, StoreError> {
        // From before it is written: the holder never believes in the lease longer than the others do.
        let deadline = Deadline::begin(ttl, self.rows.clock());
        let extended = self.rows.extend(&self.name, self.holder, ttl).await?;
        self.deadline = if extended { deadline } else { Deadline::begin(Duration::ZERO, None) };
        Ok(extended)
    }
}

impl<R: LeaseRows> Drop for Held<R> {
    fn drop(&mut self) {
        let (rows, name, holder) = (Arc::clone(&self.rows), std::mem::take(&mut self.name), self.holder);
        in_background(async move {
            if let Err(error) = rows.free(&name, holder).await {
                tracing::warn!(name, %error, "a lease was not given back: it expires");
            }
        });
    }
}

impl<R: LeaseRows> fmt::Debug for Held<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("name", &self.name).field("held", &self.is_held()).finish_non_exhaustive()
    }
}

/// Runs work that no caller waits for; outside a runtime it is not done, which a lease's expiry makes up for.
fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        drop(runtime.spawn(work));
    }
}
