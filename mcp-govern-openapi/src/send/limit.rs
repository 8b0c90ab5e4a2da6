//! One limiter per credential and rate domain: it keeps below the vendor's rate, and waits when the vendor said so.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderName, HeaderValue};
use tokio::time::Instant;

use crate::document::policy::Rate;

/// Counts what was sent, for all servers of a provider.
///
/// Credentials are told apart by a hash under a random key of this process; the secret itself is not kept.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    hasher: RandomState,
    lanes: Mutex<HashMap<LaneKey, Lane>>,
}

/// A credential at an address, in one rate domain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct LaneKey {
    credential: u64,
    domain: Arc<str>,
}

#[derive(Debug, Default)]
struct Lane {
    /// When the requests of the current window were or will be sent, in order.
    sent: VecDeque<Instant>,
    /// The vendor asked for silence until then.
    blocked: Option<Instant>,
    used: Option<Instant>,
}

/// A place in the line. Dropping it before [`Slot::keep`] gives it back.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    limiter: &'a Limiter,
    key: &'a LaneKey,
    at: Instant,
    counted: bool,
}

/// More lanes than this are not kept; the one that was idle longest goes first.
const MOST_LANES: usize = 1_024;
/// What a clock and a network may differ by.
const MARGIN: Duration = Duration::from_millis(100);

impl Limiter {
    /// The lane of a credential (by the headers that it fills) at a base URL.
    pub(crate) fn key(&self, base: &str, credential: &[(HeaderName, HeaderValue)], domain: &Arc<str>) -> LaneKey {
        let mut hasher = self.hasher.build_hasher();
        base.hash(&mut hasher);
        for (_, value) in credential {
            value.as_bytes().hash(&mut hasher);
        }
        LaneKey { credential: hasher.finish(), domain: domain.clone() }
    }

    /// Takes the next free place in the line.
    pub(crate) fn reserve<'a>(&'a self, key: &'a LaneKey, rate: Option<Rate>, now: Instant) -> Slot<'a> {
        let mut lanes = self.lock();
        if !lanes.contains_key(key) {
            if rate.is_none() {
                return Slot { limiter: self, key, at: now, counted: false };
            }
            make_room(&mut lanes, now);
        }
        let lane = lanes.entry(key.clone()).or_default();
        lane.used = Some(now);
        let mut at = lane.blocked.map_or(now, |until| until.max(now));
        if let Some(rate) = rate {
            let window = rate.per + MARGIN;
            while lane.sent.front().is_some_and(|first| *first + window <= now) {
                lane.sent.pop_front();
            }
            let ahead = lane.sent.len().checked_sub(rate.requests).and_then(|index| lane.sent.get(index));
            if let Some(ahead) = ahead {
                at = at.max(*ahead + window);
            }
            lane.sent.push_back(at);
        }
        Slot { limiter: self, key, at, counted: rate.is_some() }
    }

    /// The vendor asked for silence: nobody on this lane sends before `until`.
    pub(crate) fn block(&self, key: &LaneKey, until: Instant, now: Instant) {
        let mut lanes = self.lock();
        if !lanes.contains_key(key) {
            make_room(&mut lanes, now);
        }
        let lane = lanes.entry(key.clone()).or_default();
        lane.used = Some(now);
        lane.blocked = Some(lane.blocked.map_or(until, |there| there.max(until)));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LaneKey, Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot<'_> {
    /// When its turn comes.
    pub(crate) fn at(&self) -> Instant {
        self.at
    }

    /// The request goes out now.
    pub(crate) fn keep(mut self) {
        self.counted = false;
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if self.counted
            && let Some(lane) = self.limiter.lock().get_mut(self.key)
            && let Some(index) = lane.sent.iter().rposition(|at| *at == self.at)
        {
            lane.sent.remove(index);
        }
    }
}

fn make_room(lanes: &mut HashMap<LaneKey, Lane>, now: Instant) {
    if lanes.len() < MOST_LANES {
        return;
    }
    lanes.retain(|_, lane| lane.blocked.is_some_and(|until| until > now) || !lane.sent.is_empty());
    while lanes.len() >= MOST_LANES {
        let idle = lanes.iter().min_by_key(|(_, lane)| lane.used).map(|(key, _)| key.clone());
        let Some(idle) = idle else { return };
        lanes.remove(&idle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "written as the limiter takes it")]
    fn rate(requests: usize, seconds: u64) -> Option<Rate> {
        Some(Rate { requests, per: Duration::from_secs(seconds) })
    }

    fn key(limiter: &Limiter, secret: &str, domain: &str) -> LaneKey {
        let credential = (http::header::AUTHORIZATION, HeaderValue::from_str(secret).unwrap());
        limiter.key("https://x", &[credential], &Arc::from(domain))
    }

    fn wait(limiter: &Limiter, key: &LaneKey, rate: Option<Rate>, now: Instant) -> Duration {
        let slot = limiter.reserve(key, rate, now);
        let at = slot.at();
        slot.keep();
        at - now
    }

    #[tokio::test(start_paused = true)]
    async fn no_stretch_of_the_window_holds_more_requests_than_allowed() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        let key = key(&limiter, "a", "default");
        let mut times = Vec::new();
        for step in 0..40 {
            let now = start + Duration::from_millis(step * 137);
            times.push(now + wait(&limiter, &key, rate(5, 2), now));
        }
        for (index, time) in times.iter().enumerate() {
            let within = times.iter().skip(index).take_while(|other| **other - *time < Duration::from_secs(2)).count();
            assert!(within <= 5, "{within} requests within the window");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn credentials_and_domains_do_not_wait_for_one_another() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        let (a, b, other) = (key(&limiter, "a", "x"), key(&limiter, "b", "x"), key(&limiter, "a", "y"));
        assert_eq!(wait(&limiter, &a, rate(1, 9), now), Duration::ZERO);
        assert_eq!(wait(&limiter, &b, rate(1, 9), now), Duration::ZERO);
        assert_eq!(wait(&limiter, &other, rate(1, 9), now), Duration::ZERO);
        assert!(wait(&limiter, &a, rate(1, 9), now) >= Duration::from_secs(9));
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_is_not_used_is_given_back() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        let key = key(&limiter, "a", "x");
        drop(limiter.reserve(&key, rate(1, 9), now));
        assert_eq!(wait(&limiter, &key, rate(1, 9), now), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_that_the_vendor_asks_for_holds_for_everyone_on_the_lane() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        let key = key(&limiter, "a", "x");
        limiter.block(&key, now + Duration::from_secs(60), now);
        assert_eq!(wait(&limiter, &key, None, now), Duration::from_secs(60));
        assert_eq!(wait(&limiter, &key, None, now + Duration::from_secs(61)), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_lanes_is_bounded() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        for number in 0..3_000 {
            let key = key(&limiter, &number.to_string(), "x");
            wait(&limiter, &key, rate(1, 9), now);
        }
        assert!(limiter.lock().len() <= MOST_LANES);
        assert!(!format!("{limiter:?}").contains("secret"));
    }
}
