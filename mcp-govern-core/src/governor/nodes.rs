//! How many nodes of the tenant are at work: what a vendor lets be sent is divided between them.
//!
//! Each node holds one of a number of leases. Who has stopped without giving it back is counted until the lease ends; who is new is
//! counted by the others when they look next.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::core::Core;
use crate::{
    ports::{LeaseGuard, StoreError},
    vocabulary::Timestamp,
};

/// The beginning of the leases' names.
const PREFIX: &str = "node/";
/// As many nodes are told apart.
const MOST: usize = 256;
/// How long a node is counted without a word.
const LEASE: Duration = Duration::from_secs(30);
/// How much time lies between two looks.
const PAUSE: Duration = Duration::from_secs(10);
/// What is assumed until nodes have been counted: that there is one more.
const UNKNOWN: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// How many nodes are at work.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    known: Mutex<Known>,
    own: tokio::sync::Mutex<Option<Box<dyn LeaseGuard>>>,
}

#[derive(Debug, Default)]
struct Known {
    count: Option<NonZeroUsize>,
    looked_at: Option<Timestamp>,
}

impl Nodes {
    /// How many there are, this one included, as this node knows.
    pub(crate) fn count(&self) -> NonZeroUsize {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).count.unwrap_or(UNKNOWN)
    }

    /// Whether it is time to look again; asked once, it is not for a while.
    pub(super) fn due(&self, now: Timestamp) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let due = known.looked_at.is_none_or(|at| at.plus(PAUSE) <= now);
        if due {
            known.looked_at = Some(now);
        }
        due
    }
}

impl Core {
    /// Says that this node is at work, and counts those that are. Where the store does not answer, what was known last stands: a node
    /// that cannot read the journal either denies every call before long.
    pub(super) async fn count_nodes(&self) {
        match self.counted().await {
            Ok(count) => {
                let mut known = self.nodes.known.lock().unwrap_or_else(PoisonError::into_inner);
                // One that is alone from the beginning has nothing to say.
                if known.count.unwrap_or(NonZeroUsize::MIN) != count {
                    tracing::info!(nodes = count, "what vendors let be sent is divided between the nodes at work");
                }
                known.count = Some(count);
            }
            Err(error) => tracing::warn!(%error, "the nodes at work cannot be counted"),
        }
    }

    async fn counted(&self) -> Result<NonZeroUsize, StoreError> {
        let mut own = self.nodes.own.lock().await;
        if let Some(guard) = own.as_mut()
            && !guard.renew(LEASE).await?
        {
            *own = None;
        }
        for slot in 0..MOST {
            if own.is_some() {
                break;
            }
            *own = self.stores.lease.hold(&format!("{PREFIX}{slot}"), LEASE).await?;
        }
        let count = self.stores.lease.count(PREFIX).await?;
        Ok(NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN))
    }

    /// This node is at work no more.
    pub(super) async fn leave(&self) {
        *self.nodes.own.lock().await = None;
    }
}
