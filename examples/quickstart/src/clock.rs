//! The story's own clock.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use mcp_govern_core::{Clock, SystemClock, Timestamp};

/// The operating system's time, and as much later as the story says: so that a shift of eight hours ends in a moment.
#[derive(Debug, Default)]
pub(crate) struct StoryClock {
    ahead_ms: AtomicU64,
}

impl StoryClock {
    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.ahead_ms.fetch_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Clock for StoryClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(Duration::from_millis(self.ahead_ms.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_as_the_story_says() {
        let clock = StoryClock::default();
        let before = clock.now();
        clock.pass(Duration::from_secs(3600));
        assert!(clock.now().since(before) >= Duration::from_secs(3600));
    }
}
