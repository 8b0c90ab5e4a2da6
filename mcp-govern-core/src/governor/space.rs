//! How much room the store has left: measured by the driver, reported before it is used up.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{GovernError, Governor, core::Core};
use crate::ports::{StoreError, StoreSpace};

/// How much time lies between two measurements.
const PAUSE: Duration = Duration::from_secs(60);
/// How long a warning is good for.
const REMIND: Duration = Duration::from_secs(60 * 60);

/// What was measured last, and what was said about it.
#[derive(Debug)]
pub(crate) struct Room(Mutex<Last>);

#[derive(Debug)]
struct Last {
    found: Option<StoreSpace>,
    due: Instant,
    warned: Option<Instant>,
}

/// What there is to say about a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Nothing,
    Low,
    Enough,
}

impl Room {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Last { found: None, due: Instant::now(), warned: None }))
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is time to measure again.
    pub(super) fn due(&self, now: Instant) -> bool {
        let mut last = self.last();
        let due = now >= last.due;
        if due {
            last.due = now + PAUSE;
        }
        due
    }

    pub(super) fn found(&self) -> Option<StoreSpace> {
        self.last().found
    }

    /// Takes a measurement in. A store that stays low is logged once an hour.
    fn take(&self, found: StoreSpace, now: Instant) -> Word {
        let mut last = self.last();
        last.found = Some(found);
        match (found.is_low(), last.warned) {
            (true, Some(warned)) if now.saturating_duration_since(warned) < REMIND => Word::Nothing,
            (true, _) => {
                last.warned = Some(now);
                Word::Low
            }
            (false, Some(_)) => {
                last.warned = None;
                Word::Enough
            }
            (false, None) => Word::Nothing,
        }
    }
}

impl Governor {
    /// How much room the store takes and has left, measured now; absent where the store does not say. The
    /// [`Driver`](super::Driver) measures every minute, tells the log where it is low, and [`Status::space`](super::Status::space) has what it found.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked.
    pub async fn store_space(&self) -> Result<Option<StoreSpace>, GovernError> {
        Ok(self.core.measure().await?)
    }
}

impl Core {
    async fn measure(&self) -> Result<Option<StoreSpace>, StoreError> {
        match &self.stores.space {
            Some(space) => space.space().await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) async fn measure_or_tell(&self) {
        let found = match self.measure().await {
            Ok(Some(found)) => found,
            Ok(None) => return,
            Err(error) => return tracing::debug!(%error, "the room of the store could not be measured"),
        };
        let StoreSpace { used, free } = found;
        match self.upkeep.room.take(found, Instant::now()) {
            Word::Nothing => {}
            Word::Low => tracing::warn!(
                tenant = %self.tenant,
                used,
                free,
                "the store has little room left: once it is full, no call can be put on record and every call is denied; make room, or \
                 drop the old end of the record"
            ),
            Word::Enough => tracing::info!(tenant = %self.tenant, used, free, "the store has enough room again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_stays_low_is_told_of_once_an_hour_and_once_when_it_is_not() {
        let (room, now) = (Room::new(), Instant::now());
        let (low, enough) = (StoreSpace::new(10).with_free(1), StoreSpace::new(10).with_free(u64::MAX));
        let minute = Duration::from_secs(60);
        assert_eq!(room.take(enough, now), Word::Nothing);
        assert_eq!(room.take(low, now), Word::Low);
        assert_eq!(room.take(low, now + minute), Word::Nothing);
        assert_eq!(room.take(low, now + 60 * minute), Word::Low);
        assert_eq!(room.take(enough, now + 61 * minute), Word::Enough);
        assert_eq!(room.take(enough, now + 62 * minute), Word::Nothing);
        assert_eq!(room.take(low, now + 63 * minute), Word::Low);
        assert_eq!(room.found(), Some(low));
    }

    #[test]
    fn it_is_measured_at_first_and_then_every_minute() {
        let (room, now) = (Room::new(), Instant::now());
        assert!(room.due(now));
        assert!(!room.due(now + Duration::from_secs(59)));
        assert!(room.due(now + Duration::from_secs(60)));
    }
}
