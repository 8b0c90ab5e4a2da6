//! How many nodes of the tenant are at work: what a vendor lets be sent is divided between them.
//!
//! Each node holds one of a number of leases. A node that stops without giving its lease back is counted until the lease ends; a new
//! node counts the others at once, and they count it when they look next.

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
/// The largest number of nodes that are counted.
const MOST: usize = 256;
/// How long a node is counted after it renewed its lease last.
const LEASE: Duration = Duration::from_secs(30);
/// How much time lies between two counts.
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

    /// Whether it is time to count again, by what the clock shows: the rules' time may stand still, where another node's clock is ahead.
    /// Where it is, the time is noted, so that the next answer is no until the pause is over, or the clock was set back.
    pub(super) fn due(&self, now: Timestamp) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let due = known.looked_at.is_none_or(|at| now < at || at.plus(PAUSE) <= now);
        if due {
            known.looked_at = Some(now);
        }
        due
    }
}

impl Core {
    /// Renews this node's lease, and counts the nodes at work. Where the store does not answer, the last count holds: a node that cannot
    /// read the journal either denies every call before long.
    pub(super) async fn count_nodes(&self) {
        match self.counted().await {
            Ok(count) => {
                let mut known = self.upkeep.nodes.known.lock().unwrap_or_else(PoisonError::into_inner);
                // A node that is alone from the beginning needs no line in the log.
                if known.count.unwrap_or(NonZeroUsize::MIN) != count {
                    tracing::info!(nodes = count, "the vendors' rate limits are divided between the nodes at work");
                }
                known.count = Some(count);
            }
            Err(error) => tracing::warn!(%error, "the nodes at work cannot be counted"),
        }
    }

    async fn counted(&self) -> Result<NonZeroUsize, StoreError> {
        let mut own = self.upkeep.nodes.own.lock().await;
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

    /// Gives this node's lease back: it is not at work any more.
    pub(super) async fn leave(&self) {
        *self.upkeep.nodes.own.lock().await = None;
    }
}
