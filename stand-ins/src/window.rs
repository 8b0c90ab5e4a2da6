//! A rolling rate-limit window.

use std::collections::VecDeque;
use std::time::Duration;

use crate::moment::Moment;

/// Counts admitted requests over a rolling span; a refused request is not counted.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    limit: usize,
    span: Duration,
    admitted: VecDeque<Moment>,
}

impl Window {
    pub(crate) fn per_minute(limit: usize) -> Self {
        Self { limit, span: Duration::from_secs(60), admitted: VecDeque::new() }
    }

    /// Admits a request and answers how many more fit, or refuses with the seconds until one fits again.
    pub(crate) fn admit(&mut self, now: Moment) -> Result<usize, u64> {
        while self.admitted.front().is_some_and(|first| first.plus(self.span) <= now) {
            self.admitted.pop_front();
        }
        if self.admitted.len() >= self.limit {
            return Err(self.seconds_left(now));
        }
        self.admitted.push_back(now);
        Ok(self.limit.saturating_sub(self.admitted.len()))
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Seconds until the oldest counted request leaves the window, at least one.
    pub(crate) fn seconds_left(&self, now: Moment) -> u64 {
        let free_at = self.admitted.front().map_or(now, |first| first.plus(self.span));
        let millis = free_at.millis().saturating_sub(now.millis());
        u64::try_from(millis).unwrap_or_default().div_ceil(1000).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_rolls_and_says_how_long_to_wait() {
        let mut window = Window::per_minute(2);
        let start = Moment::parse("2026-01-01T00:00:00Z").unwrap();
        assert_eq!(window.admit(start), Ok(1));
        assert_eq!(window.admit(start.plus(Duration::from_secs(10))), Ok(0));
        assert_eq!(window.admit(start.plus(Duration::from_secs(20))), Err(40));
        assert_eq!(window.admit(start.plus(Duration::from_secs(60))), Ok(0));
    }
}
