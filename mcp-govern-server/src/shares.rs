//! Something finite that many take from: bounded in all, and for each of them.

use std::{
    collections::HashMap,
    hash::Hash,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

/// Something finite: connections of addresses, streams of people, bytes of bodies.
#[derive(Debug)]
pub(crate) struct Shares<K> {
    all: usize,
    each: usize,
    taken: Mutex<Taken<K>>,
    freed: Notify,
}

#[derive(Debug)]
struct Taken<K> {
    all: usize,
    of: HashMap<K, usize>,
}

/// A part that was taken; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share<K: Eq + Hash> {
    shares: Arc<Shares<K>>,
    key: K,
    amount: usize,
}

impl<K: Clone + Eq + Hash> Shares<K> {
    /// `all` for all keys together, `each` for one key.
    pub(crate) fn new(all: usize, each: usize) -> Arc<Self> {
        let taken = Mutex::new(Taken { all: 0, of: HashMap::new() });
        Arc::new(Self { all, each, taken, freed: Notify::new() })
    }

    /// Takes a part; none when there is not as much left, in all or for this key.
    pub(crate) fn take(self: &Arc<Self>, key: &K, amount: usize) -> Option<Share<K>> {
        let mut taken = self.lock();
        let all = taken.all.checked_add(amount).filter(|all| *all <= self.all)?;
        let own = taken.of.get(key).copied().unwrap_or(0).checked_add(amount).filter(|own| *own <= self.each)?;
        taken.all = all;
        taken.of.insert(key.clone(), own);
        Some(Share { shares: Arc::clone(self), key: key.clone(), amount })
    }

    /// Takes a part, and waits up to `wait` until there is as much.
    pub(crate) async fn take_within(self: &Arc<Self>, key: &K, amount: usize, wait: Duration) -> Option<Share<K>> {
        let take = async {
            loop {
                let mut freed = pin!(self.freed.notified());
                // Listening before looking: what is given back in between is noticed.
                freed.as_mut().enable();
                if let Some(share) = self.take(key, amount) {
                    return share;
                }
                freed.await;
            }
        };
        tokio::time::timeout(wait, take).await.ok()
    }
}

impl<K> Shares<K> {
    fn lock(&self) -> MutexGuard<'_, Taken<K>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut taken = self.shares.lock();
        taken.all = taken.all.saturating_sub(self.amount);
        if let Some(own) = taken.of.get_mut(&self.key) {
            *own = own.saturating_sub(self.amount);
            if *own == 0 {
                taken.of.remove(&self.key);
            }
        }
        drop(taken);
        self.shares.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_cannot_take_everything_and_all_that_was_taken_is_given_back() {
        let shares = Shares::new(40, 32);
        let held: Vec<_> = (0..32).map(|_| shares.take(&"ada", 1).unwrap()).collect();
        assert!(shares.take(&"ada", 1).is_none());
        let others = shares.take(&"bob", 8).unwrap();
        assert!(shares.take(&"eve", 1).is_none());
        drop((held, others));
        assert!(shares.lock().of.is_empty() && shares.lock().all == 0);
        assert!(shares.take(&"ada", 32).is_some());
        assert!(shares.take(&"ada", 33).is_none() && shares.take(&"ada", usize::MAX).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_given_back_goes_to_the_one_that_waits_and_no_wait_is_endless() {
        let shares = Shares::new(10, 10);
        let first = shares.take(&1, 8).unwrap();
        assert!(shares.take_within(&2, 4, Duration::from_secs(5)).await.is_none());
        let waiting = tokio::spawn({
            let shares = Arc::clone(&shares);
            async move { shares.take_within(&2, 4, Duration::from_secs(3600)).await.is_some() }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(waiting.await.unwrap());
        assert!(shares.take(&1, 10).is_some());
    }
}
