//! Leases in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;

use super::lock;
use crate::{
    ports::{Lease, LeaseGuard, StoreError},
    vocabulary::{Clock, Time, Timestamp},
};

/// Leases in memory.
#[derive(Debug)]
pub struct MemoryLease(Arc<Held>);

#[derive(Debug)]
struct Held {
    time: Time,
    /// The end of each lease, and a number that tells its holder from an earlier one.
    leases: Mutex<Leases>,
}

#[derive(Debug, Default)]
struct Leases {
    next: u64,
    by_name: HashMap<String, (Timestamp, u64)>,
}

impl MemoryLease {
    /// No lease is held; leases end by this clock, and stay ended when it jumps back.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Held { time: Time::new(clock), leases: Mutex::default() }))
    }
}

#[async_trait]
impl Lease for MemoryLease {
    async fn hold(&self, name: &str, ttl: Duration) -> Result<Option<Box<dyn LeaseGuard>>, StoreError> {
        let now = self.0.time.now();
        let mut leases = lock(&self.0.leases);
        if leases.by_name.get(name).is_some_and(|(ends, _)| now < *ends) {
            return Ok(None);
        }
        leases.next += 1;
        let (ends, holder) = (now.plus(ttl), leases.next);
        leases.by_name.insert(name.to_owned(), (ends, holder));
        Ok(Some(Box::new(Guard { held: Arc::clone(&self.0), name: name.to_owned(), ends, holder })))
    }

    async fn count(&self, prefix: &str) -> Result<usize, StoreError> {
        let now = self.0.time.now();
        let leases = lock(&self.0.leases);
        Ok(leases.by_name.iter().filter(|(name, (ends, _))| name.starts_with(prefix) && now < *ends).count())
    }
}

#[derive(Debug)]
struct Guard {
    held: Arc<Held>,
    name: String,
    ends: Timestamp,
    holder: u64,
}

#[async_trait]
impl LeaseGuard for Guard {
    fn is_held(&self) -> bool {
        self.held.time.now() < self.ends
    }

    async fn renew(&mut self, ttl: Duration) -> Result<bool, StoreError> {
        let now = self.held.time.now();
        let mut leases = lock(&self.held.leases);
        match leases.by_name.get_mut(&self.name) {
            Some((ends, holder)) if *holder == self.holder => {
                self.ends = now.plus(ttl);
                *ends = self.ends;
                Ok(true)
            }
            _ => {
                self.ends = now;
                Ok(false)
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut leases = lock(&self.held.leases);
        if leases.by_name.get(&self.name).is_some_and(|(_, holder)| *holder == self.holder) {
            leases.by_name.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::ManualClock;

    #[tokio::test]
    async fn a_lease_has_one_holder_until_it_is_dropped_or_ends() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000)));
        let lease = MemoryLease::new(clock.clone());
        let minute = Duration::from_secs(60);
        let first = lease.hold("sync", minute).await.unwrap().unwrap();
        assert!(first.is_held() && lease.hold("sync", minute).await.unwrap().is_none());
        assert!(lease.hold("other", minute).await.unwrap().is_some());
        clock.advance(minute);
        let second = lease.hold("sync", minute).await.unwrap().unwrap();
        assert!(!first.is_held() && second.is_held());
        drop(first);
        assert!(
            lease.hold("sync", minute).await.unwrap().is_none(),
            "the first holder gave back the second one's lease"
        );
        drop(second);
        assert!(lease.hold("sync", minute).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_lease_is_renewed_until_somebody_else_has_it() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000)));
        let lease = MemoryLease::new(clock.clone());
        let minute = Duration::from_secs(60);
        let mut first = lease.hold("sync", minute).await.unwrap().unwrap();
        clock.advance(minute / 2);
        assert!(first.renew(minute).await.unwrap());
        clock.advance(minute / 2);
        assert!(first.is_held() && lease.hold("sync", minute).await.unwrap().is_none());
        clock.advance(minute);
        let second = lease.hold("sync", minute).await.unwrap().unwrap();
        assert!(!first.renew(minute).await.unwrap() && !first.is_held());
        assert!(second.is_held());
    }
}
