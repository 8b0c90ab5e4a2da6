//! The time by which the rules go.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use super::{Clock, Timestamp};

/// The largest of the wall clock and every time that was ever seen here.
///
/// INVARIANT: it never goes back, so that an expired grant never revives (`an_expired_grant_stays_expired_when_the_clock_jumps_back`).
#[derive(Debug)]
pub(crate) struct Time {
    clock: Arc<dyn Clock>,
    seen: AtomicI64,
}

impl Time {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, seen: AtomicI64::new(0) }
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.see(self.clock.now())
    }

    /// What the clock shows: it may jump in either direction.
    pub(crate) fn clock(&self) -> Timestamp {
        self.clock.now()
    }

    /// Takes note of a time, for example that of a commit, and answers the largest.
    pub(crate) fn see(&self, at: Timestamp) -> Timestamp {
        let before = self.seen.fetch_max(at.as_millis(), Ordering::AcqRel);
        at.max(Timestamp::from_millis(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::ManualClock;

    #[test]
    fn the_time_never_goes_back() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(100)));
        let time = Time::new(clock.clone());
        assert_eq!(time.now(), Timestamp::from_millis(100));
        clock.set(Timestamp::from_millis(40));
        assert_eq!(time.now(), Timestamp::from_millis(100));
        assert_eq!(time.see(Timestamp::from_millis(300)), Timestamp::from_millis(300));
        assert_eq!(time.now(), Timestamp::from_millis(300));
    }
}
