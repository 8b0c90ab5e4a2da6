//! How much of a node one person and one AI client may use.

use std::fmt;

/// How many calls may run and begin on this node: in all, for each person and for each AI client.
///
/// The bounds hold for one governor: where several nodes serve a tenant, each holds them on its own. `None` is without a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallLimits {
    /// Calls in flight, those included whose outcome waits to be recorded. What comes beyond is denied with
    /// `record_unavailable`: there is no room for its outcome.
    pub in_flight: usize,
    /// Calls in flight of one person: never more than a tenth of all, and always one.
    pub in_flight_per_person: Option<usize>,
    /// Calls in flight through one AI client. Many people may use the same one: never more than half of all, and always one.
    pub in_flight_per_client: Option<usize>,
    /// How fast calls of one person may begin.
    pub rate_per_person: Option<CallRate>,
    /// How fast calls through one AI client may begin.
    pub rate_per_client: Option<CallRate>,
    /// How fast denials of one person are recorded one by one; what comes beyond is counted, and the count is recorded.
    pub recorded_denials_per_person: Option<CallRate>,
}

/// A rate with a burst: so many at once after a while without any, and then so many a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRate {
    per_second: u32,
    burst: u32,
}

/// A bound of [`CallLimits`] that denied calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CallBound {
    /// [`CallLimits::in_flight_per_person`].
    PersonInFlight,
    /// [`CallLimits::in_flight_per_client`].
    ClientInFlight,
    /// [`CallLimits::rate_per_person`].
    PersonRate,
    /// [`CallLimits::rate_per_client`].
    ClientRate,
}

impl CallLimits {
    /// Bounds that hold people and clients to nothing: for a process in which one program makes all calls.
    pub fn unbounded() -> Self {
        Self {
            in_flight_per_person: None,
            in_flight_per_client: None,
            rate_per_person: None,
            rate_per_client: None,
            recorded_denials_per_person: None,
            ..Self::default()
        }
    }

    /// With another number of calls in flight than 10,000.
    #[must_use]
    pub fn with_in_flight(mut self, calls: usize) -> Self {
        self.in_flight = calls;
        self
    }

    /// With another number of calls in flight of one person than 64.
    #[must_use]
    pub fn with_in_flight_per_person(mut self, calls: Option<usize>) -> Self {
        self.in_flight_per_person = calls;
        self
    }

    /// With another number of calls in flight through one AI client than half of all.
    #[must_use]
    pub fn with_in_flight_per_client(mut self, calls: Option<usize>) -> Self {
        self.in_flight_per_client = calls;
        self
    }

    /// With another rate of one person than 20 calls a second after a burst of 40.
    #[must_use]
    pub fn with_rate_per_person(mut self, rate: Option<CallRate>) -> Self {
        self.rate_per_person = rate;
        self
    }

    /// With another rate through one AI client than 500 calls a second after a burst of 1,000.
    #[must_use]
    pub fn with_rate_per_client(mut self, rate: Option<CallRate>) -> Self {
        self.rate_per_client = rate;
        self
    }

    /// With another rate of recorded denials of one person than one a second after a burst of 100.
    #[must_use]
    pub fn with_recorded_denials_per_person(mut self, rate: Option<CallRate>) -> Self {
        self.recorded_denials_per_person = rate;
        self
    }

    /// The bounds as they are held: the shares that no person and no client may exceed are applied.
    pub(super) fn held(mut self) -> Self {
        let share = |bound: Option<usize>, of: usize| bound.map(|most| most.min(self.in_flight / of).max(1));
        (self.in_flight_per_person, self.in_flight_per_client) =
            (share(self.in_flight_per_person, 10), share(self.in_flight_per_client, 2));
        self
    }
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            in_flight: 10_000,
            in_flight_per_person: Some(64),
            in_flight_per_client: Some(usize::MAX),
            rate_per_person: Some(CallRate::new(20, 40)),
            rate_per_client: Some(CallRate::new(500, 1_000)),
            recorded_denials_per_person: Some(CallRate::new(1, 100)),
        }
    }
}

impl CallRate {
    /// So many a second, and `burst` at once after a while without any. Zero counts as one; more than a million a second counts
    /// as a million.
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second: per_second.clamp(1, 1_000_000), burst: burst.max(1) }
    }

    /// How many a second.
    pub fn per_second(self) -> u32 {
        self.per_second
    }

    /// How many at once.
    pub fn burst(self) -> u32 {
        self.burst
    }
}

impl fmt::Display for CallRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} a second after a burst of {}", self.per_second, self.burst)
    }
}

impl CallBound {
    /// Every bound.
    pub const ALL: [Self; 4] = [Self::PersonInFlight, Self::ClientInFlight, Self::PersonRate, Self::ClientRate];

    /// A stable word, as metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PersonInFlight => "person_in_flight",
            Self::ClientInFlight => "client_in_flight",
            Self::PersonRate => "person_rate",
            Self::ClientRate => "client_rate",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_person_has_more_than_a_tenth_and_no_client_more_than_half_of_all_calls_in_flight() {
        for (in_flight, person, client) in [(10_000, 64, 5_000), (100, 10, 50), (5, 1, 2), (1, 1, 1), (0, 1, 1)] {
            let held = CallLimits::default().with_in_flight(in_flight).held();
            assert_eq!((held.in_flight_per_person, held.in_flight_per_client), (Some(person), Some(client)));
        }
        let held = CallLimits::unbounded().held();
        assert_eq!((held.in_flight_per_person, held.in_flight_per_client), (None, None));
    }

    #[test]
    fn a_rate_always_lets_something_begin() {
        let rate = CallRate::new(0, 0);
        assert_eq!((rate.per_second(), rate.burst()), (1, 1));
        assert_eq!(CallRate::new(20, 40).to_string(), "20 a second after a burst of 40");
    }
}
