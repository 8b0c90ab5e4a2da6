//! Denials that are counted instead of being recorded one by one.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::WriterMark;
use crate::vocabulary::{Digest, Timestamp};

/// How long denials of one person are counted before the count is recorded.
const COUNTED_FOR: Duration = Duration::from_secs(60);

/// How many counts are recorded in one go: no more than a small part of a batch.
const AT_ONCE: usize = 64;

/// Denials that are counted, by the person's salted hash.
#[derive(Debug, Default)]
pub(super) struct Withheld(Mutex<BTreeMap<Digest, Count>>);

#[derive(Debug, Clone, Copy)]
struct Count {
    count: u64,
    since: Timestamp,
}

impl Withheld {
    /// Counts one.
    pub(super) fn count(&self, user: Digest, now: Timestamp) {
        let mut counts = self.lock();
        let count = counts.entry(user).or_insert_with(|| {
            tracing::warn!(%user, "calls of one person are denied faster than denials are recorded: they are counted");
            Count { count: 0, since: now }
        });
        count.count = count.count.saturating_add(1);
    }

    /// Takes counts that have been kept for long enough.
    pub(super) fn due(&self, now: Timestamp) -> Vec<WriterMark> {
        let mut counts = self.lock();
        let due = counts.iter().filter(|(_, count)| count.since.plus(COUNTED_FOR) <= now);
        let due: Vec<(Digest, u64)> = due.map(|(user, count)| (*user, count.count)).take(AT_ONCE).collect();
        for (user, _) in &due {
            counts.remove(user);
        }
        due.into_iter().map(mark).collect()
    }

    /// Takes every count.
    pub(super) fn all(&self) -> Vec<WriterMark> {
        std::mem::take(&mut *self.lock()).into_iter().map(|(user, count)| mark((user, count.count))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Digest, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn mark((user, count): (Digest, u64)) -> WriterMark {
    WriterMark::DenialsLost { count, user: Some(user) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(number: u32) -> Digest {
        Digest::of_bytes(&number.to_be_bytes())
    }

    #[test]
    fn a_count_is_recorded_after_a_minute_and_begins_anew() {
        let (withheld, start) = (Withheld::default(), Timestamp::from_millis(1_000));
        for _ in 0..3 {
            withheld.count(person(1), start);
        }
        assert_eq!(withheld.due(start.plus(Duration::from_secs(59))), []);
        withheld.count(person(2), start.plus(Duration::from_secs(59)));
        let minute = start.plus(Duration::from_secs(60));
        assert_eq!(withheld.due(minute), [WriterMark::DenialsLost { count: 3, user: Some(person(1)) }]);
        assert_eq!(withheld.due(minute), []);
        withheld.count(person(1), minute);
        assert_eq!(withheld.all().len(), 2);
        assert_eq!(withheld.all(), []);
    }

    #[test]
    fn counts_of_many_people_are_recorded_in_several_goes() {
        let (withheld, start) = (Withheld::default(), Timestamp::from_millis(1_000));
        (0..150).for_each(|number| withheld.count(person(number), start));
        let later = start.plus(Duration::from_secs(61));
        let goes: Vec<usize> = (0..4).map(|_| withheld.due(later).len()).collect();
        assert_eq!(goes, [64, 64, 22, 0]);
    }
}
