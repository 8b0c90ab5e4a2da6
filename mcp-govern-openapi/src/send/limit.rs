//! One limiter per credential and rate domain: it keeps below the vendor's rate, lets people take turns, and waits when the vendor
//! said so.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderName, HeaderValue};
use mcp_govern_core::UserId;
use tokio::time::{Instant, timeout_at};

use super::turns::{Person, Ticket, Turns};
use crate::plan::Rate;

/// Counts what was sent, for all servers of a provider.
///
/// Credentials and people are known by hashes under a random key of this process; neither is kept.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    hasher: RandomState,
    buckets: Mutex<HashMap<RateBucketKey, RateBucket>>,
}

/// A credential at an address, in one rate domain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RateBucketKey {
    credential: u64,
    domain: Arc<str>,
}

#[derive(Debug, Default)]
struct RateBucket {
    /// When and for whom the requests of the current window were sent, in order.
    sent: VecDeque<(Instant, Person)>,
    /// How many of them each person has.
    shares: HashMap<Person, usize>,
    /// The vendor asked for cool-down until then.
    blocked: Option<Instant>,
    used: Option<Instant>,
    turns: Turns,
}

/// What a request in a rate bucket is asked with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) key: &'a RateBucketKey,
    pub(crate) rate: Option<Rate>,
    pub(crate) person: Person,
}

/// The state of a request that has come to a rate bucket.
#[derive(Debug)]
pub(crate) enum Joined<'a> {
    /// It may be sent now.
    Turn(Turn<'a>),
    /// It waits.
    Waiting(Place<'a>),
    /// The person has too many waiting already. One more would have its turn at this time.
    Crowded(Instant),
}

/// A place in the line. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    limiter: &'a Limiter,
    wish: Wish<'a>,
    ticket: Arc<Ticket>,
    had_its_turn: bool,
}

/// The leave to send one request. Dropping it before [`Turn::keep`] gives it back.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    limiter: &'a Limiter,
    key: &'a RateBucketKey,
    person: Person,
    at: Instant,
    counted: bool,
}

/// More rate buckets than this are not kept; the one that was idle longest goes first.
const MOST_BUCKETS: usize = 1_024;
/// What a clock and a network may differ by.
const MARGIN: Duration = Duration::from_millis(100);
/// A person has fewer requests in a window than so many times those that are left in it. A person who is alone has three quarters of it, so
/// that there is room for the first requests of others whatever one person sends.
const TIMES_THE_FREE: usize = 3;

impl Limiter {
    /// The rate bucket of a credential (by the headers that it fills) at a base URL.
    pub(crate) fn key(&self, base: &str, credential: &[(HeaderName, HeaderValue)], domain: &Arc<str>) -> RateBucketKey {
        let mut hasher = self.hasher.build_hasher();
        base.hash(&mut hasher);
        for (_, value) in credential {
            value.as_bytes().hash(&mut hasher);
        }
        RateBucketKey { credential: hasher.finish(), domain: domain.clone() }
    }

    /// A person, as rate buckets tell people apart.
    pub(crate) fn person(&self, user: Option<&UserId>) -> Person {
        user.map(|user| self.hasher.hash_one(user))
    }

    /// Comes to the rate bucket with a request.
    pub(crate) fn join<'a>(&'a self, wish: Wish<'a>, now: Instant) -> Joined<'a> {
        let mut buckets = self.lock();
        if !buckets.contains_key(wish.key) {
            if wish.rate.is_none() {
                let Wish { key, person, .. } = wish;
                return Joined::Turn(Turn { limiter: self, key, person, at: now, counted: false });
            }
            make_room(&mut buckets, now);
        }
        let rate_bucket = buckets.entry(wish.key.clone()).or_default();
        rate_bucket.used = Some(now);
        rate_bucket.forget(wish.rate, now);
        // Those who wait while there is room are those who have had their share.
        let others_first = rate_bucket
            .turns
            .first_of_each()
            .any(|ticket| rate_bucket.free_at(wish.rate, ticket.person(), 0, now) <= now);
        let own_first = rate_bucket.turns.own_ahead(wish.person, None) > 0;
        if !others_first && !own_first && rate_bucket.free_at(wish.rate, wish.person, 0, now) <= now {
            return Joined::Turn(rate_bucket.send(self, wish, now));
        }
        match rate_bucket.turns.join(wish.person) {
            Some(ticket) => Joined::Waiting(Place { limiter: self, wish, ticket, had_its_turn: false }),
            None => Joined::Crowded(rate_bucket.expected(wish, None, now)),
        }
    }

    /// When one more request would have its turn, as things stand.
    pub(crate) fn expected(&self, wish: Wish<'_>, now: Instant) -> Instant {
        self.lock().get_mut(wish.key).map_or(now, |rate_bucket| rate_bucket.expected(wish, None, now))
    }

    /// The vendor asked to wait: no request of this rate bucket is sent before `until`.
    pub(crate) fn block(&self, key: &RateBucketKey, until: Instant, now: Instant) {
        let mut buckets = self.lock();
        if !buckets.contains_key(key) {
            make_room(&mut buckets, now);
        }
        let rate_bucket = buckets.entry(key.clone()).or_default();
        rate_bucket.used = Some(now);
        rate_bucket.blocked = Some(rate_bucket.blocked.map_or(until, |there| there.max(until)));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RateBucketKey, RateBucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RateBucket {
    /// What has left the window is forgotten.
    fn forget(&mut self, rate: Option<Rate>, now: Instant) {
        let Some(rate) = rate else { return };
        while let Some((_, person)) = self.sent.front().copied().filter(|(at, _)| *at + rate.per + MARGIN <= now) {
            self.sent.pop_front();
            self.give_back(person);
        }
    }

    /// When the person may send, with so many requests before, as far as the vendor's rate and cool-down and the person's share go.
    fn free_at(&self, rate: Option<Rate>, person: Person, before: usize, now: Instant) -> Instant {
        let silent = self.blocked.map_or(now, |until| until.max(now));
        let Some(rate) = rate else { return silent };
        let mut own = self.shares.get(&person).copied().unwrap_or(0) + before;
        let free_now = rate.requests.saturating_sub(self.sent.len());
        let mut at = silent;
        for (ended, (sent, whose)) in self.sent.iter().enumerate() {
            let free = free_now.saturating_add(ended);
            if free > 0 && (person.is_none() || own < free.saturating_mul(TIMES_THE_FREE)) {
                break;
            }
            at = at.max(*sent + rate.per + MARGIN);
            own = own.saturating_sub(usize::from(*whose == person));
        }
        at
    }

    fn send<'a>(&mut self, limiter: &'a Limiter, wish: Wish<'a>, now: Instant) -> Turn<'a> {
        let Wish { key, rate, person } = wish;
        self.used = Some(now);
        if rate.is_some() {
            self.sent.push_back((now, person));
            *self.shares.entry(person).or_default() += 1;
        }
        Turn { limiter, key, person, at: now, counted: rate.is_some() }
    }

    fn give_back(&mut self, person: Person) {
        if let Some(share) = self.shares.get_mut(&person) {
            *share = share.saturating_sub(1);
            if *share == 0 {
                self.shares.remove(&person);
            }
        }
    }

    /// When a ticket, or one more request of the person, has its turn as things stand.
    fn expected(&mut self, wish: Wish<'_>, ticket: Option<&Arc<Ticket>>, now: Instant) -> Instant {
        self.forget(wish.rate, now);
        let own_ahead = self.turns.own_ahead(wish.person, ticket);
        self.in_rotation(wish, ticket, now).max(self.free_at(wish.rate, wish.person, own_ahead, now))
    }

    /// When a ticket, or one more request of the person, has its turn where no person has had a share yet.
    fn in_rotation(&self, wish: Wish<'_>, ticket: Option<&Arc<Ticket>>, now: Instant) -> Instant {
        let silent = self.blocked.map_or(now, |until| until.max(now));
        let Some(rate) = wish.rate else { return silent };
        let index = self.sent.len() + self.turns.ahead(wish.person, ticket);
        let Some(beyond) = index.checked_sub(rate.requests) else { return silent };
        // A request goes out one window after the one that stands so many places before it as a window holds.
        let requests = rate.requests.max(1);
        let windows = beyond / requests;
        let window = rate.per + MARGIN;
        let first = match self.sent.get(beyond % requests) {
            Some((sent, _)) => (*sent + window).max(silent),
            None => silent + window,
        };
        let more = window.checked_mul(u32::try_from(windows).unwrap_or(u32::MAX));
        more.and_then(|more| first.checked_add(more)).unwrap_or_else(|| super::later(Duration::MAX))
    }

    /// The callers that may be next look again.
    fn ring(&self) {
        self.turns.first_of_each().for_each(|ticket| ticket.wake.notify_one());
    }
}

impl<'a> Place<'a> {
    /// When its turn comes, as things stand. Others may give their places back, and those who come later have their turns too.
    pub(crate) fn expected(&self, now: Instant) -> Instant {
        let mut buckets = self.limiter.lock();
        buckets
            .get_mut(self.wish.key)
            .map_or(now, |rate_bucket| rate_bucket.expected(self.wish, Some(&self.ticket), now))
    }

    /// Waits for the turn.
    pub(crate) async fn turn(mut self) -> Turn<'a> {
        loop {
            match self.look(Instant::now()) {
                Ok(turn) => return turn,
                // The time has come, or somebody rang.
                Err(Some(at)) => drop(timeout_at(at, self.ticket.wake.notified()).await),
                Err(None) => self.ticket.wake.notified().await,
            }
        }
    }

    /// The turn, if it is there; else when it may come, where that is not for others to say.
    fn look(&mut self, now: Instant) -> Result<Turn<'a>, Option<Instant>> {
        let Wish { key, rate, person } = self.wish;
        let mut buckets = self.limiter.lock();
        // INVARIANT: a rate bucket in which somebody waits is kept (`a_rate_bucket_in_which_somebody_waits_is_kept`).
        let rate_bucket = buckets.entry(key.clone()).or_default();
        rate_bucket.forget(rate, now);
        let firsts: Vec<_> = rate_bucket.turns.first_of_each().cloned().collect();
        for first in &firsts {
            let at = rate_bucket.free_at(rate, first.person(), 0, now);
            if Arc::ptr_eq(first, &self.ticket) {
                if at > now {
                    return Err(Some(at));
                }
                rate_bucket.turns.had(person);
                self.had_its_turn = true;
                let turn = rate_bucket.send(self.limiter, self.wish, now);
                rate_bucket.ring();
                return Ok(turn);
            }
            // Whose turn is before this one, and who may send: that one rings.
            if at <= now {
                return Err(None);
            }
        }
        Err(None)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.had_its_turn
            && let Some(rate_bucket) = self.limiter.lock().get_mut(self.wish.key)
        {
            rate_bucket.turns.leave(&self.ticket);
            rate_bucket.ring();
        }
    }
}

impl Turn<'_> {
    /// The request goes out now.
    pub(crate) fn keep(mut self) {
        self.counted = false;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.counted
            && let Some(rate_bucket) = self.limiter.lock().get_mut(self.key)
            && let Some(index) = rate_bucket.sent.iter().rposition(|sent| *sent == (self.at, self.person))
        {
            rate_bucket.sent.remove(index);
            rate_bucket.give_back(self.person);
            rate_bucket.ring();
        }
    }
}

fn make_room(buckets: &mut HashMap<RateBucketKey, RateBucket>, now: Instant) {
    if buckets.len() < MOST_BUCKETS {
        return;
    }
    let waits = |rate_bucket: &RateBucket| !rate_bucket.turns.is_empty();
    buckets.retain(|_, rate_bucket| {
        waits(rate_bucket) || rate_bucket.blocked.is_some_and(|until| until > now) || !rate_bucket.sent.is_empty()
    });
    while buckets.len() >= MOST_BUCKETS {
        let idle = buckets
            .iter()
            .filter(|(_, rate_bucket)| !waits(rate_bucket))
            .min_by_key(|(_, rate_bucket)| rate_bucket.used);
        let Some(idle) = idle.map(|(key, _)| key.clone()) else { return };
        buckets.remove(&idle);
    }
}

#[cfg(test)]
#[path = "limit_tests.rs"]
mod tests;
