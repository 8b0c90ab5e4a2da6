//! The time that values and leases live by.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use mcp_govern_core::{Clock, SystemClock, Timestamp};

/// The wall clock of the moment at which the store was opened, and from there on time that only goes forward: setting the
/// machine's clock back revives nothing that has expired.
#[cfg(feature = "sqlite")]
#[derive(Debug)]
pub(crate) struct SteadyClock {
    opened: Timestamp,
    since: Instant,
}

#[cfg(feature = "sqlite")]
impl SteadyClock {
    pub(crate) fn start() -> Arc<dyn Clock> {
        Arc::new(Self { opened: SystemClock.now(), since: Instant::now() })
    }
}

#[cfg(feature = "sqlite")]
impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        self.opened.plus(self.since.elapsed())
    }
}

/// A time that must not be overstayed: the earliest end counts, by time that only goes forward, by the wall clock (the machine
/// may have slept), and by the clock that the caller has set.
#[derive(Debug)]
pub(crate) struct Deadline {
    ttl: Duration,
    began: Instant,
    clocks: Vec<(Arc<dyn Clock>, Timestamp)>,
}

impl Deadline {
    /// Begins now.
    pub(crate) fn begin(ttl: Duration, set: Option<Arc<dyn Clock>>) -> Self {
        let wall: Arc<dyn Clock> = Arc::new(SystemClock);
        let clocks = std::iter::once(wall).chain(set).map(|clock| (Arc::clone(&clock), clock.now())).collect();
        Self { ttl, began: Instant::now(), clocks }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.began.elapsed() >= self.ttl
            || self.clocks.iter().any(|(clock, began)| clock.now().since(*began) >= self.ttl)
    }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::ManualClock;

    use super::*;

    #[cfg(feature = "sqlite")]
    #[test]
    fn a_steady_clock_starts_at_the_wall_clock_and_never_goes_back() {
        let before = SystemClock.now();
        let clock = SteadyClock::start();
        let (one, two) = (clock.now(), clock.now());
        assert!(before <= one && one <= two);
    }

    #[test]
    fn a_deadline_is_over_when_any_clock_says_so() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000)));
        let hour = Duration::from_hours(1);
        let deadline = Deadline::begin(hour, Some(clock.clone()));
        assert!(!deadline.is_over());
        clock.set(Timestamp::from_millis(1));
        assert!(!deadline.is_over(), "a clock that was set back ends nothing");
        clock.set(Timestamp::from_millis(1_000));
        clock.advance(hour);
        assert!(deadline.is_over());
        assert!(Deadline::begin(Duration::ZERO, None).is_over());
    }
}
