//! A line in the log for something that strangers can make happen as often as they like.

use std::{
    hash::Hash,
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;
use tokio::time::Instant;

/// How much time is between two lines.
const PAUSE: Duration = Duration::from_secs(60);

/// Says when a line is due: at most one in a minute.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    since: u64,
}

impl Seldom {
    /// Counts an event. Where a line is due: how many events it counts.
    pub(crate) fn count(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.since = state.since.saturating_add(1);
        if state.last.is_some_and(|last| last.elapsed() < PAUSE) {
            return None;
        }
        state.last = Some(Instant::now());
        Some(std::mem::take(&mut state.since))
    }
}

/// How many keys are remembered.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);

/// How many lines there are at most between two pauses, of all keys together.
const MOST: u32 = 60;

/// Says when a line is due for one of many that strangers can choose: at most one in a minute for each, and sixty for all of them.
#[derive(Debug)]
pub(crate) struct SeldomEach<K: Eq + Hash>(Mutex<Each<K>>);

#[derive(Debug)]
struct Each<K: Eq + Hash> {
    known: LruCache<K, State>,
    began: Option<Instant>,
    lines: u32,
}

impl<K: Eq + Hash> Default for SeldomEach<K> {
    fn default() -> Self {
        Self(Mutex::new(Each { known: LruCache::new(KEPT), began: None, lines: 0 }))
    }
}

impl<K: Eq + Hash> SeldomEach<K> {
    /// Counts an event. Where a line is due: how many events of this key it counts.
    pub(crate) fn count(&self, key: K) -> Option<u64> {
        let mut each = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if each.began.is_none_or(|began| began.elapsed() >= PAUSE) {
            (each.began, each.lines) = (Some(Instant::now()), 0);
        }
        let room = each.lines < MOST;
        let state = each.known.get_or_insert_mut(key, State::default);
        state.since = state.since.saturating_add(1);
        if !room || state.last.is_some_and(|last| last.elapsed() < PAUSE) {
            return None;
        }
        state.last = Some(Instant::now());
        let times = std::mem::take(&mut state.since);
        each.lines += 1;
        Some(times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_key_has_a_line_a_minute_and_all_together_sixty() {
        let seldom = SeldomEach::default();
        assert_eq!((seldom.count(1), seldom.count(1), seldom.count(2)), (Some(1), None, Some(1)));
        assert_eq!((3..10_000).filter(|key| seldom.count(*key).is_some()).count(), 58);
        tokio::time::advance(PAUSE).await;
        assert_eq!(seldom.count(9_999), Some(2));
        assert_eq!(seldom.count(1), Some(1), "what was forgotten begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_a_minute_counts_what_came_between() {
        let seldom = Seldom::default();
        assert_eq!(seldom.count(), Some(1));
        assert!((0..1000).all(|_| seldom.count().is_none()));
        tokio::time::advance(PAUSE).await;
        assert_eq!(seldom.count(), Some(1001));
        assert_eq!(seldom.count(), None);
    }
}
