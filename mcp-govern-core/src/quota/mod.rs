//! What each person and each AI client uses of this node, held to [`CallLimits`].

mod limits;

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

pub use self::limits::{CallBound, CallLimits, CallRate};
use crate::{
    denial::{Denial, DenialCode, Remedy},
    vocabulary::{ClientId, Digest, Time},
};

/// Fewer accounts than this are not looked through for idle ones.
const FEW: usize = 1_024;

const SECOND: i64 = 1_000_000;

/// What each person and each AI client uses of this node.
///
/// People are known by their salted hashes. A person who uses nothing is forgotten: an account without calls in flight whose rates
/// have recovered says the same as none.
#[derive(Debug)]
pub(crate) struct Quotas {
    limits: CallLimits,
    time: Arc<Time>,
    people: Accounts<Digest>,
    clients: Accounts<ClientId>,
    denied: [AtomicU64; CallBound::ALL.len()],
    unrecorded: AtomicU64,
}

/// A person's and a client's part of the calls in flight. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Share {
    _person: Running,
    _client: Running,
}

/// A bound that leaves no room for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UsedUp {
    bound: CallBound,
    /// How many calls at once, or a second.
    most: u64,
    /// After which time there is room again; unknown where a call has to end first.
    wait: Option<Duration>,
}

impl Quotas {
    pub(crate) fn new(limits: CallLimits, time: Arc<Time>) -> Self {
        Self {
            limits: limits.held(),
            time,
            people: Accounts::default(),
            clients: Accounts::default(),
            denied: Default::default(),
            unrecorded: AtomicU64::new(0),
        }
    }

    /// Lets a call begin, and holds its place until the share is dropped.
    ///
    /// # Errors
    ///
    /// The first bound that leaves no room; nothing has been used then.
    pub(crate) fn begin(&self, user: Digest, client: &ClientId) -> Result<Share, UsedUp> {
        let now = self.now();
        let (person, client) = (self.people.account(&user, now), self.clients.account(client, now));
        let begun = self.try_begin(&person, &client, now);
        if let Err(used_up) = &begun {
            self.denied(used_up.bound).fetch_add(1, Ordering::Relaxed);
        }
        begun
    }

    fn try_begin(&self, person: &Arc<Account>, client: &Arc<Account>, now: i64) -> Result<Share, UsedUp> {
        let limits = &self.limits;
        let of_person = Running::of(person, limits.in_flight_per_person)
            .map_err(|most| UsedUp::full(CallBound::PersonInFlight, most))?;
        let of_client = Running::of(client, limits.in_flight_per_client)
            .map_err(|most| UsedUp::full(CallBound::ClientInFlight, most))?;
        let fast = |bound| move |(rate, wait)| UsedUp::fast(bound, rate, wait);
        person.calls.take(limits.rate_per_person, now).map_err(fast(CallBound::PersonRate))?;
        client.calls.take(limits.rate_per_client, now).map_err(|refused| {
            person.calls.give_back(limits.rate_per_person);
            fast(CallBound::ClientRate)(refused)
        })?;
        Ok(Share { _person: of_person, _client: of_client })
    }

    /// Whether one more denial of the person is recorded by itself.
    pub(crate) fn records_denial(&self, user: Digest) -> bool {
        let now = self.now();
        let taken = self.people.account(&user, now).denials.take(self.limits.recorded_denials_per_person, now);
        if taken.is_err() {
            self.unrecorded.fetch_add(1, Ordering::Relaxed);
        }
        taken.is_ok()
    }

    /// The state of a call of the person through the client now, as a sentence, and the bound that leaves no room for it.
    pub(crate) fn explain(&self, user: Digest, client: &ClientId) -> (String, Option<UsedUp>) {
        let (now, limits) = (self.now(), &self.limits);
        let (person, client) = (self.people.account(&user, now), self.clients.account(client, now));
        let of = |account: &Account, running: Option<usize>, rate: Option<CallRate>| {
            let at_once = running.map_or("any number".to_owned(), |most| format!("at most {most}"));
            let begin = rate.map_or("without a bound of rate".to_owned(), |rate| {
                format!("{} may begin now, {} a second later", account.calls.left(rate, now), rate.per_second())
            });
            format!("{} of {at_once} in flight, {begin}", account.running.load(Ordering::Acquire))
        };
        let detail = format!(
            "calls on this node: of the person {}; of the client {}",
            of(&person, limits.in_flight_per_person, limits.rate_per_person),
            of(&client, limits.in_flight_per_client, limits.rate_per_client)
        );
        let full = |account: &Account, running: Option<usize>, bound| {
            let most = running.filter(|most| account.running.load(Ordering::Acquire) >= *most)?;
            Some(UsedUp::full(bound, most))
        };
        let fast = |account: &Account, rate: Option<CallRate>, bound| {
            let rate = rate?;
            Some(UsedUp::fast(bound, rate, account.calls.wait(rate, now)?))
        };
        let used_up = full(&person, limits.in_flight_per_person, CallBound::PersonInFlight)
            .or_else(|| full(&client, limits.in_flight_per_client, CallBound::ClientInFlight))
            .or_else(|| fast(&person, limits.rate_per_person, CallBound::PersonRate))
            .or_else(|| fast(&client, limits.rate_per_client, CallBound::ClientRate));
        (detail, used_up)
    }

    /// How many calls each bound has denied.
    pub(crate) fn counts(&self) -> [(CallBound, u64); CallBound::ALL.len()] {
        CallBound::ALL.map(|bound| (bound, self.denied(bound).load(Ordering::Relaxed)))
    }

    /// How many denials were counted and not recorded one by one.
    pub(crate) fn unrecorded(&self) -> u64 {
        self.unrecorded.load(Ordering::Relaxed)
    }

    fn denied(&self, bound: CallBound) -> &AtomicU64 {
        let [person_in_flight, client_in_flight, person_rate, client_rate] = &self.denied;
        match bound {
            CallBound::PersonInFlight => person_in_flight,
            CallBound::ClientInFlight => client_in_flight,
            CallBound::PersonRate => person_rate,
            CallBound::ClientRate => client_rate,
        }
    }

    /// The clock's time in microseconds. Not that of the rules, which does not go on while the clock is behind what was seen.
    fn now(&self) -> i64 {
        self.time.clock().as_millis().saturating_mul(1_000)
    }
}

impl UsedUp {
    fn full(bound: CallBound, most: usize) -> Self {
        Self { bound, most: u64::try_from(most).unwrap_or(u64::MAX), wait: None }
    }

    fn fast(bound: CallBound, rate: CallRate, wait: Duration) -> Self {
        Self { bound, most: rate.per_second().into(), wait: Some(wait) }
    }

    /// What the caller is answered.
    pub(crate) fn denial(&self) -> Denial {
        let Self { bound, most, wait } = self;
        let millis = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
        let again = millis.map_or_else(
            || "call again once one of them has ended".to_owned(),
            |millis| format!("call again in {millis} ms"),
        );
        let message = match bound {
            CallBound::PersonInFlight => {
                format!("as many of your calls are in flight as may be at once ({most}); {again}")
            }
            CallBound::ClientInFlight => {
                format!("as many calls of this AI client are in flight as may be at once ({most}); {again}")
            }
            CallBound::PersonRate => {
                format!("your calls may begin at a rate of {most} a second, which is used up; {again}")
            }
            CallBound::ClientRate => {
                format!("calls of this AI client may begin at a rate of {most} a second, which is used up; {again}")
            }
        };
        let remedy = millis.map_or(Remedy::Retry, |milliseconds| Remedy::RetryAfter { milliseconds });
        Denial::new(DenialCode::QuotaExceeded, message, remedy)
    }
}

/// Accounts by key, without those that are idle.
#[derive(Debug)]
struct Accounts<K>(Mutex<Known<K>>);

#[derive(Debug)]
struct Known<K> {
    accounts: HashMap<K, Arc<Account>>,
    /// At how many accounts the idle ones are looked for.
    sweep_at: usize,
}

impl<K> Default for Accounts<K> {
    fn default() -> Self {
        Self(Mutex::new(Known { accounts: HashMap::new(), sweep_at: FEW }))
    }
}

impl<K: Clone + Eq + Hash> Accounts<K> {
    fn account(&self, key: &K, now: i64) -> Arc<Account> {
        let mut known = self.lock();
        if let Some(account) = known.accounts.get(key) {
            return Arc::clone(account);
        }
        if known.accounts.len() >= known.sweep_at {
            // INVARIANT: each account that is taken in pays for the look at one (`who_uses_nothing_is_forgotten`).
            known.accounts.retain(|_, account| Arc::strong_count(account) > 1 || !account.is_idle(now));
            known.sweep_at = known.accounts.len().saturating_mul(2).max(FEW);
        }
        let account = Arc::new(Account::default());
        known.accounts.insert(key.clone(), Arc::clone(&account));
        account
    }

    fn lock(&self) -> MutexGuard<'_, Known<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one person or one client uses.
#[derive(Debug, Default)]
struct Account {
    running: AtomicUsize,
    calls: Meter,
    denials: Meter,
}

impl Account {
    fn is_idle(&self, now: i64) -> bool {
        self.running.load(Ordering::Acquire) == 0 && self.calls.is_idle(now) && self.denials.is_idle(now)
    }
}

/// A call of an account that runs.
#[derive(Debug)]
struct Running(Arc<Account>);

impl Running {
    fn of(account: &Arc<Account>, most: Option<usize>) -> Result<Self, usize> {
        let most = most.unwrap_or(usize::MAX);
        let room = |running: usize| (running < most).then_some(running + 1);
        match account.running.fetch_update(Ordering::AcqRel, Ordering::Acquire, room) {
            Ok(_) => Ok(Self(Arc::clone(account))),
            Err(_) => Err(most),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A rate with a burst, as the time at which all that was taken has been made up for (the generic cell rate algorithm), in
/// microseconds.
#[derive(Debug, Default)]
struct Meter(AtomicI64);

impl Meter {
    /// Takes one, or answers the rate and after which time there is one again.
    fn take(&self, rate: Option<CallRate>, now: i64) -> Result<(), (CallRate, Duration)> {
        let Some(rate) = rate else { return Ok(()) };
        let mut refused = None;
        // Also a refusal is written down: where the clock was set back, what was taken is held to one burst from now on.
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |at| {
            let at = within_burst(at, rate, now);
            refused = wait(at, rate, now);
            Some(if refused.is_some() { at } else { at.saturating_add(interval(rate)) })
        });
        refused.map_or(Ok(()), |wait| Err((rate, wait)))
    }

    /// After which time one could be taken; none where one could be taken now.
    fn wait(&self, rate: CallRate, now: i64) -> Option<Duration> {
        wait(within_burst(self.0.load(Ordering::Acquire), rate, now), rate, now)
    }

    fn give_back(&self, rate: Option<CallRate>) {
        let Some(rate) = rate else { return };
        self.0.fetch_sub(interval(rate), Ordering::AcqRel);
    }

    /// How many could be taken now.
    fn left(&self, rate: CallRate, now: i64) -> i64 {
        let ahead = within_burst(self.0.load(Ordering::Acquire), rate, now).saturating_sub(now);
        (span(rate) - ahead) / interval(rate)
    }

    fn is_idle(&self, now: i64) -> bool {
        self.0.load(Ordering::Acquire) <= now
    }
}

/// No earlier than now, and no later than after a whole burst.
fn within_burst(at: i64, rate: CallRate, now: i64) -> i64 {
    at.clamp(now, now.saturating_add(span(rate)))
}

/// After which time one may be taken where `at` is when all is made up for; none where that is now.
fn wait(at: i64, rate: CallRate, now: i64) -> Option<Duration> {
    let over = at.saturating_add(interval(rate)).saturating_sub(now.saturating_add(span(rate)));
    u64::try_from(over).ok().filter(|over| *over > 0).map(Duration::from_micros)
}

/// How long one takes to be made up for, in microseconds.
fn interval(rate: CallRate) -> i64 {
    SECOND / i64::from(rate.per_second())
}

/// How long a whole burst takes to be made up for, in microseconds.
fn span(rate: CallRate) -> i64 {
    interval(rate).saturating_mul(i64::from(rate.burst()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vocabulary::{ManualClock, Timestamp};

    fn quotas(limits: CallLimits) -> (Quotas, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_000_000_000)));
        (Quotas::new(limits, Arc::new(Time::new(clock.clone()))), clock)
    }

    fn person(number: u32) -> Digest {
        Digest::of_bytes(&number.to_be_bytes())
    }

    fn client(name: &str) -> ClientId {
        ClientId::new("local", name).unwrap()
    }

    fn bound(result: Result<Share, UsedUp>) -> CallBound {
        result.unwrap_err().bound
    }

    #[test]
    fn what_one_person_uses_leaves_the_others_theirs() {
        let (quotas, _) = quotas(CallLimits::default().with_in_flight_per_person(Some(3)));
        let held: Vec<_> = (0..3).map(|_| quotas.begin(person(1), &client("a")).unwrap()).collect();
        assert_eq!(bound(quotas.begin(person(1), &client("b"))), CallBound::PersonInFlight);
        let other = quotas.begin(person(2), &client("a")).unwrap();
        drop(held);
        quotas.begin(person(1), &client("a")).unwrap();
        drop(other);
        assert_eq!(quotas.counts()[0], (CallBound::PersonInFlight, 1));
    }

    #[test]
    fn what_one_client_uses_leaves_the_others_theirs() {
        let limits = CallLimits::default().with_in_flight(4).with_in_flight_per_person(None);
        let (quotas, _) = quotas(limits);
        let _held = [quotas.begin(person(1), &client("a")).unwrap(), quotas.begin(person(2), &client("a")).unwrap()];
        assert_eq!(bound(quotas.begin(person(3), &client("a"))), CallBound::ClientInFlight);
        quotas.begin(person(3), &client("b")).unwrap();
    }

    #[test]
    fn after_a_burst_calls_begin_at_the_rate_and_the_denial_says_when() {
        let (quotas, clock) = quotas(CallLimits::default().with_rate_per_person(Some(CallRate::new(20, 40))));
        for _ in 0..40 {
            quotas.begin(person(1), &client("a")).unwrap();
        }
        let refused = quotas.begin(person(1), &client("a")).unwrap_err();
        assert_eq!(refused.bound, CallBound::PersonRate);
        assert_eq!(refused.denial().remedy(), &Remedy::RetryAfter { milliseconds: 50 });
        quotas.begin(person(2), &client("a")).unwrap();
        clock.advance(Duration::from_millis(49));
        assert!(quotas.begin(person(1), &client("a")).is_err());
        clock.advance(Duration::from_millis(1));
        quotas.begin(person(1), &client("a")).unwrap();
        assert!(quotas.begin(person(1), &client("a")).is_err());
    }

    #[test]
    fn a_call_that_the_client_has_no_room_for_costs_the_person_nothing() {
        let one = Some(CallRate::new(1, 1));
        let (quotas, _) = quotas(CallLimits::default().with_rate_per_person(one).with_rate_per_client(one));
        quotas.begin(person(1), &client("a")).unwrap();
        assert_eq!(bound(quotas.begin(person(2), &client("a"))), CallBound::ClientRate);
        quotas.begin(person(2), &client("b")).unwrap();
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let (quotas, clock) = quotas(CallLimits::unbounded().with_rate_per_person(Some(CallRate::new(1, 2))));
        for _ in 0..2 {
            quotas.begin(person(1), &client("a")).unwrap();
        }
        clock.set(Timestamp::from_millis(1_000_000_000_000));
        let refused = quotas.begin(person(1), &client("a")).unwrap_err();
        assert_eq!(refused.wait, Some(Duration::from_secs(1)));
        clock.advance(Duration::from_secs(1));
        quotas.begin(person(1), &client("a")).unwrap();
        assert!(quotas.begin(person(1), &client("a")).is_err());
    }

    #[test]
    fn an_explanation_uses_nothing_and_says_what_is_left() {
        let limits = CallLimits::default().with_rate_per_person(Some(CallRate::new(5, 2)));
        let (quotas, _) = quotas(limits);
        let share = quotas.begin(person(1), &client("a")).unwrap();
        for _ in 0..5 {
            let (detail, used_up) = quotas.explain(person(1), &client("a"));
            assert_eq!(used_up, None);
            assert_eq!(
                detail,
                "calls on this node: of the person 1 of at most 64 in flight, 1 may begin now, 5 a second later; of the client \
                 1 of at most 5000 in flight, 999 may begin now, 500 a second later"
            );
        }
        drop(share);
        quotas.begin(person(1), &client("a")).unwrap();
        assert_eq!(quotas.explain(person(1), &client("a")).1.unwrap().bound, CallBound::PersonRate);
    }

    #[test]
    fn who_uses_nothing_is_forgotten() {
        let (quotas, clock) = quotas(CallLimits::default());
        let held = quotas.begin(person(0), &client("kept")).unwrap();
        for number in 1..50_000 {
            quotas.begin(person(number), &client(&number.to_string())).unwrap();
            assert!(quotas.records_denial(person(number)));
            clock.advance(Duration::from_millis(10));
        }
        assert!(quotas.people.lock().accounts.len() <= 2 * FEW);
        assert!(quotas.clients.lock().accounts.len() <= 2 * FEW);
        assert!(quotas.people.lock().accounts.contains_key(&person(0)), "whose call still runs");
        drop(held);
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_holds_more_calls_than_the_burst_and_the_rate_let_begin(
            per_second in 1_u32..50,
            burst in 1_u32..20,
            pauses in prop::collection::vec(0_u64..400, 1..200),
        ) {
            let rate = CallRate::new(per_second, burst);
            let (quotas, clock) = quotas(CallLimits::unbounded().with_rate_per_person(Some(rate)));
            let mut begun = Vec::new();
            for pause in pauses {
                clock.advance(Duration::from_millis(pause));
                if quotas.begin(person(1), &client("a")).is_ok() {
                    begun.push(quotas.now());
                }
            }
            for (index, from) in begun.iter().enumerate() {
                for (until, to) in begun.iter().enumerate().skip(index) {
                    let most = i64::from(burst) + (to - from) / interval(rate);
                    prop_assert!(i64::try_from(until - index + 1).unwrap() <= most);
                }
            }
        }
    }
}
