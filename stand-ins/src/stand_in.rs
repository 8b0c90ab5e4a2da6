//! The running stand-in that all three vendors share.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use url::Url;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::answer::Answer;
use crate::call::Call;
use crate::fault::Fault;
use crate::moment::Moment;
use crate::seen::Seen;

/// A vendor's rules and state. Not for implementing outside this crate.
pub trait Vendor: Clone + Send + fmt::Debug + 'static {
    /// The path at the end of the vendor's base address, such as `/v1`; empty when there is none.
    const ROOT: &'static str;

    /// Tells the state its own address and the time, so that it can be filled.
    fn opened(&mut self, base: &str, now: Moment);

    /// The credentials that must stand in the authorization header alone.
    fn secrets(&self) -> Vec<String>;

    /// Answers a request and changes the state accordingly.
    fn answer(&mut self, call: &mut Call<'_>) -> Answer;

    /// The refusal for too many requests; `wait` in seconds.
    fn throttled(&self, wait: Option<u64>) -> Answer;
}

/// A vendor's stand-in on a loopback port of its own. It stops when it is dropped.
///
/// Requests are answered one at a time, so a test that sends several at once still gets a consistent state.
pub struct StandIn<V> {
    server: MockServer,
    base: Url,
    inner: Arc<Mutex<Inner<V>>>,
}

struct Inner<V> {
    vendor: V,
    /// The vendor as it was at the start.
    first: V,
    secrets: Vec<String>,
    skew: Duration,
    seen: Vec<Seen>,
    violations: Vec<String>,
    faults: VecDeque<Planned>,
}

/// A fault and the requests that it waits for.
struct Planned {
    only: Option<(String, String)>,
    fault: Fault,
}

struct Answering<V>(Arc<Mutex<Inner<V>>>);

impl<V: Vendor> StandIn<V> {
    /// The address that takes the place of the vendor's own, such as `http://127.0.0.1:40001/v1`.
    pub fn base_url(&self) -> Url {
        self.base.clone()
    }

    /// Every request so far, in order, refused ones included.
    pub fn requests(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// Every request so far, in order, made into something else: of its method, its path with the query, its headers and its body.
    pub fn requests_as<T>(&self, make: impl Fn(String, String, Vec<(String, String)>, Vec<u8>) -> T) -> Vec<T> {
        let inner = self.lock();
        let all = inner
            .seen
            .iter()
            .map(|seen| make(seen.method().to_owned(), seen.target(), seen.headers().to_vec(), seen.body().to_vec()));
        all.collect()
    }

    /// The last request, if there was one.
    pub fn last_request(&self) -> Option<Seen> {
        self.lock().seen.last().cloned()
    }

    /// How many requests came in.
    pub fn count(&self) -> usize {
        self.lock().seen.len()
    }

    /// Forgets the requests so far, so that a long run stays small; state and violations remain.
    pub fn forget_requests(&self) {
        self.lock().seen.clear();
    }

    /// Puts everything back to what it was at the start: state, keys and clock; forgets requests, violations and planned faults.
    pub fn reset(&self) {
        let mut inner = self.lock();
        inner.vendor = inner.first.clone();
        inner.secrets = inner.vendor.secrets();
        inner.skew = Duration::ZERO;
        inner.seen.clear();
        inner.violations.clear();
        inner.faults.clear();
    }

    /// Everything in which requests broke the vendor's rules: method and path, a colon, and what was wrong.
    ///
    /// What a correct client may well meet (an unknown id, a wrong key under the right scheme, a refused transition)
    /// is no violation; what only a wrong client sends (an unknown parameter, a wrong type, a wrong scheme) is one.
    pub fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// The next request that no earlier fault takes is answered with this fault.
    pub fn fail_next(&self, fault: Fault) {
        self.lock().faults.push_back(Planned { only: None, fault });
    }

    /// The next `times` requests are answered with this fault.
    pub fn fail_times(&self, times: usize, fault: &Fault) {
        for _ in 0..times {
            self.fail_next(fault.clone());
        }
    }

    /// The next request with this method, whose path starts with `path` (as in [`Seen::path`]), gets this fault.
    pub fn fail_next_on(&self, method: &str, path: &str, fault: Fault) {
        let only = Some((method.to_ascii_uppercase(), path.to_owned()));
        self.lock().faults.push_back(Planned { only, fault });
    }

    /// How many planned faults have not been used.
    pub fn faults_left(&self) -> usize {
        self.lock().faults.len()
    }

    /// Moves the stand-in's clock forward, so that windows roll without waiting.
    pub fn advance(&self, by: Duration) {
        let mut inner = self.lock();
        inner.skew = inner.skew.saturating_add(by);
    }

    pub(crate) async fn open(mut vendor: V) -> Self {
        let server = MockServer::builder().disable_request_recording().start().await;
        let base = format!("{}{}", server.uri(), V::ROOT);
        vendor.opened(&base, Moment::now(Duration::ZERO));
        let inner = Arc::new(Mutex::new(Inner {
            secrets: vendor.secrets(),
            first: vendor.clone(),
            vendor,
            skew: Duration::ZERO,
            seen: Vec::new(),
            violations: Vec::new(),
            faults: VecDeque::new(),
        }));
        Mock::given(any()).respond_with(Answering(Arc::clone(&inner))).mount(&server).await;
        Self { server, base: parsed(&base), inner }
    }

    /// Reads something from the vendor's state.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&V) -> T) -> T {
        at(&self.lock().vendor)
    }

    /// Changes the vendor's state.
    pub(crate) fn change<T>(&self, how: impl FnOnce(&mut V, Moment) -> T) -> T {
        let mut inner = self.lock();
        let now = Moment::now(inner.skew);
        let answer = how(&mut inner.vendor, now);
        inner.secrets = inner.vendor.secrets();
        answer
    }

    fn lock(&self) -> MutexGuard<'_, Inner<V>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> fmt::Debug for StandIn<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandIn").field("address", self.server.address()).finish_non_exhaustive()
    }
}

impl<V: Vendor> Respond for Answering<V> {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let seen = Seen::of(request);
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = inner.answer(&seen);
        inner.seen.push(seen);
        answer.into_template()
    }
}

impl<V: Vendor> Inner<V> {
    /// INVARIANT: a request under a fault is checked like any other; only its effect is left out
    /// (`a_fault_does_not_hide_a_violation`).
    fn answer(&mut self, seen: &Seen) -> Answer {
        let fault = self.fault_for(seen);
        let mut call = Call::new(seen, Moment::now(self.skew), &self.secrets);
        let answer = match &fault {
            Some(fault) if !fault.is_carried_out() => self.vendor.clone().answer(&mut call),
            _ => self.vendor.answer(&mut call),
        };
        self.violations.extend(call.into_violations());
        match fault {
            Some(fault) => fault.spoil(answer, &|wait| self.vendor.throttled(wait)),
            None => answer,
        }
    }

    fn fault_for(&mut self, seen: &Seen) -> Option<Fault> {
        let at = self.faults.iter().position(|planned| {
            planned
                .only
                .as_ref()
                .is_none_or(|(method, path)| method == seen.method() && seen.path().starts_with(path.as_str()))
        })?;
        self.faults.remove(at).map(|planned| planned.fault)
    }
}

#[expect(clippy::expect_used, reason = "a socket address always makes a valid http address")]
fn parsed(base: &str) -> Url {
    Url::parse(base).expect("a loopback address parses")
}
