//! Whether this node knows that its rules are current.

use std::{
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::{access, ports::JournalUpdates};

const WAITING: u8 = 0;
const RUNNING: u8 = 1;
const ENDED: u8 = 2;

/// What must run beside the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// What commits the audit and does what commits leave to be done.
    Driver,
    /// What follows the journal.
    Follower,
}

/// Whether this node knows that its rules are current.
///
/// INVARIANT: without a driver and a follower that run, nothing is fresh (`a_forgotten_driver_leaves_every_call_denied_as_stale`,
/// `a_follower_that_was_taken_out_and_forgotten_leaves_every_call_denied_as_stale`).
#[derive(Debug)]
pub(crate) struct FreshnessMonitor {
    how: JournalUpdates,
    max_staleness: Duration,
    driver: AtomicU8,
    follower: AtomicU8,
    /// Whether the follower waits in `changed` without an error.
    in_touch: AtomicBool,
    base: Instant,
    /// When the journal was last confirmed, in nanoseconds after `base`.
    confirmed: AtomicU64,
}

impl FreshnessMonitor {
    pub(crate) fn new(how: JournalUpdates, max_staleness: Duration) -> Self {
        Self {
            how,
            max_staleness,
            driver: AtomicU8::new(WAITING),
            follower: AtomicU8::new(WAITING),
            in_touch: AtomicBool::new(true),
            base: Instant::now(),
            confirmed: AtomicU64::new(0),
        }
    }

    pub(crate) fn start(&self, part: Part) {
        self.part(part).store(RUNNING, Ordering::Release);
    }

    pub(crate) fn end(&self, part: Part) {
        self.part(part).store(ENDED, Ordering::Release);
    }

    pub(crate) fn runs(&self, part: Part) -> bool {
        self.part(part).load(Ordering::Acquire) == RUNNING
    }

    fn part(&self, part: Part) -> &AtomicU8 {
        match part {
            Part::Driver => &self.driver,
            Part::Follower => &self.follower,
        }
    }

    /// The journal has been read up to its end.
    pub(crate) fn confirm(&self) {
        self.note_now();
    }

    /// The follower has read the journal up to its end and waits for changes again.
    pub(crate) fn regain(&self) {
        self.note_now();
        self.in_touch.store(true, Ordering::Release);
    }

    /// The journal cannot be followed. Where readers are pushed the rules were current until now, elsewhere until the last
    /// confirmation.
    pub(crate) fn lose(&self) {
        if self.in_touch.swap(false, Ordering::AcqRel) && self.how == JournalUpdates::Pushed {
            self.note_now();
        }
    }

    pub(crate) fn freshness(&self) -> access::Freshness {
        let fresh = self.runs(Part::Driver)
            && self.runs(Part::Follower)
            && match self.how {
                JournalUpdates::Pushed => self.in_touch.load(Ordering::Acquire) || self.is_recent(),
                JournalUpdates::Confirmed => self.is_recent(),
            };
        if fresh { access::Freshness::Fresh } else { access::Freshness::Stale }
    }

    fn note_now(&self) {
        let now = u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.confirmed.fetch_max(now, Ordering::AcqRel);
    }

    fn is_recent(&self) -> bool {
        let confirmed = Duration::from_nanos(self.confirmed.load(Ordering::Acquire));
        self.base.elapsed().saturating_sub(confirmed) < self.max_staleness
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn start(freshness_monitor: &FreshnessMonitor) {
        for part in [Part::Driver, Part::Follower] {
            freshness_monitor.start(part);
        }
    }

    fn is_fresh(freshness_monitor: &FreshnessMonitor) -> bool {
        freshness_monitor.freshness() == access::Freshness::Fresh
    }

    #[test]
    fn nothing_is_fresh_before_both_parts_run_and_after_one_of_them_ended() {
        for (first, second) in [(Part::Driver, Part::Follower), (Part::Follower, Part::Driver)] {
            let freshness_monitor = FreshnessMonitor::new(JournalUpdates::Pushed, HOUR);
            assert!(!is_fresh(&freshness_monitor));
            freshness_monitor.start(first);
            assert!(!is_fresh(&freshness_monitor));
            freshness_monitor.start(second);
            assert!(is_fresh(&freshness_monitor));
            freshness_monitor.end(first);
            assert!(!is_fresh(&freshness_monitor));
        }
    }

    #[test]
    fn a_lost_journal_is_trusted_for_the_allowed_time_and_no_longer() {
        for (max, fresh) in [(HOUR, true), (Duration::ZERO, false)] {
            let freshness_monitor = FreshnessMonitor::new(JournalUpdates::Pushed, max);
            start(&freshness_monitor);
            freshness_monitor.lose();
            assert_eq!(is_fresh(&freshness_monitor), fresh);
            freshness_monitor.confirm();
            assert_eq!(is_fresh(&freshness_monitor), fresh, "to have read once is not to be told of what comes");
            freshness_monitor.regain();
            assert!(is_fresh(&freshness_monitor));
        }
    }

    #[test]
    fn where_readers_are_not_pushed_time_alone_counts() {
        let freshness_monitor = FreshnessMonitor::new(JournalUpdates::Confirmed, Duration::ZERO);
        start(&freshness_monitor);
        freshness_monitor.confirm();
        assert!(!is_fresh(&freshness_monitor));
        let freshness_monitor = FreshnessMonitor::new(JournalUpdates::Confirmed, HOUR);
        start(&freshness_monitor);
        freshness_monitor.lose();
        assert!(is_fresh(&freshness_monitor));
    }
}
