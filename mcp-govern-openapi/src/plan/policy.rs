//! What holds for every exchange with a vendor: constant headers, throttling, errors, remedies, warnings.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{ErrorPlan, OWN_ORIGIN, RemedyRule};
use crate::header::header_matches;

/// The top-level `x-govern`, compiled.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The same with the capitals of the document.
    pub(crate) stated_headers: BTreeMap<String, String>,
    pub(crate) throttle: Vec<ThrottleRule>,
    pub(crate) wait: Vec<(HeaderName, WaitUnit)>,
    pub(crate) wait_default: Option<Duration>,
    pub(crate) rates: BTreeMap<Arc<str>, Rate>,
    pub(crate) errors: ErrorPlan,
    /// By the role of the origin that they are about.
    pub(crate) remedies: BTreeMap<String, Vec<RemedyRule>>,
    pub(crate) warnings: Vec<(HeaderName, String, String)>,
}

/// So many requests in any stretch of that length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) requests: usize,
    pub(crate) per: Duration,
}

impl Rate {
    /// The part of one of so many nodes that share it: all of them together send no more than the whole.
    pub(crate) fn among(self, nodes: NonZeroUsize) -> Self {
        let requests = self.requests / nodes;
        if requests > 0 {
            return Self { requests, per: self.per };
        }
        // There are more nodes than requests: each sends one in a longer stretch.
        let longer = nodes.get().div_ceil(self.requests.max(1));
        Self { requests: 1, per: self.per.saturating_mul(u32::try_from(longer).unwrap_or(u32::MAX)) }
    }
}

/// Whether a status says "too many requests", and what that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Throttle {
    No,
    /// The request was turned away, but it is not said that nothing was done.
    Unclear,
    /// The request was turned away before anything was done.
    NothingDone,
}

/// A status that says "too many requests".
#[derive(Debug)]
pub(crate) struct ThrottleRule {
    pub(crate) status: u16,
    /// Whether the request was turned away before anything was done.
    pub(crate) nothing_done: bool,
}

/// How a header says when to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitUnit {
    Seconds,
    Milliseconds,
    EpochSeconds,
}

/// A day is longer than any deadline; the bound keeps nonsense out of the arithmetic.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

impl Policy {
    /// Whether the vendor turned the request away because there were too many.
    pub(crate) fn throttle(&self, status: StatusCode) -> Throttle {
        match self.throttle.iter().find(|throttle| throttle.status == status.as_u16()) {
            None => Throttle::No,
            Some(ThrottleRule { nothing_done: true, .. }) => Throttle::NothingDone,
            Some(_) => Throttle::Unclear,
        }
    }

    /// How long the vendor asks to wait.
    pub(crate) fn wait(&self, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
        wait_of(headers, &self.wait, now)
    }

    /// How long to wait after a throttle status that does not say it.
    pub(crate) fn wait_default(&self) -> Option<Duration> {
        self.wait_default
    }

    /// What to tell people of errors from an origin; from the server's base URL without one.
    pub(crate) fn remedies(&self, origin: Option<&str>) -> &[RemedyRule] {
        self.remedies.get(origin.unwrap_or(OWN_ORIGIN)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The sentences of the warnings that the answer's headers carry.
    pub(crate) fn warnings(&self, headers: &HeaderMap) -> impl Iterator<Item = &str> {
        let told = |(name, equals, _): &&(HeaderName, String, String)| header_matches(headers, name, Some(equals));
        self.warnings.iter().filter(told).map(|(.., text)| text.as_str())
    }
}

/// How long the vendor asks to wait, by the first of the headers that is there and makes sense.
pub(crate) fn wait_of(headers: &HeaderMap, wait: &[(HeaderName, WaitUnit)], now: SystemTime) -> Option<Duration> {
    wait.iter().find_map(|(name, unit)| {
        let text = headers.get(name)?.to_str().ok()?.trim();
        let Ok(number) = text.parse::<f64>() else {
            let date = httpdate::parse_http_date(text).ok()?;
            return Some(date.duration_since(now).unwrap_or_default().min(LONGEST_WAIT));
        };
        let seconds = match unit {
            WaitUnit::Seconds => number,
            WaitUnit::Milliseconds => number / 1_000.0,
            WaitUnit::EpochSeconds => number - now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
        };
        seconds.is_finite().then(|| Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_WAIT.as_secs_f64())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_read_from_seconds_dates_and_epochs() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        let wait = |value: &'static str, unit| {
            let name = HeaderName::from_static("retry-after");
            let headers = HeaderMap::from_iter([(name.clone(), HeaderValue::from_static(value))]);
            wait_of(&headers, &[(HeaderName::from_static("other"), WaitUnit::Seconds), (name, unit)], now)
        };
        assert_eq!(wait("60", WaitUnit::Seconds), Some(Duration::from_secs(60)));
        assert_eq!(wait("250", WaitUnit::Milliseconds), Some(Duration::from_millis(250)));
        assert_eq!(wait("1795000030", WaitUnit::EpochSeconds), Some(Duration::from_secs(30)));
        assert_eq!(wait("-5", WaitUnit::Seconds), Some(Duration::ZERO));
        assert_eq!(wait("1e300", WaitUnit::Seconds), Some(Duration::from_secs(86_400)));
        let date = "Wed, 18 Nov 2026 10:27:30 GMT";
        let expected = httpdate::parse_http_date(date).unwrap().duration_since(now).unwrap_or_default();
        assert_eq!(wait(date, WaitUnit::Seconds), Some(expected));
        assert_eq!(wait("soon", WaitUnit::Seconds), None);
    }

    #[test]
    fn a_wait_until_a_far_day_is_bounded() {
        let headers = HeaderMap::from_iter([(
            http::header::RETRY_AFTER,
            HeaderValue::from_static("Thu, 31 Dec 2099 23:59:59 GMT"),
        )]);
        let wait = wait_of(&headers, &[(http::header::RETRY_AFTER, WaitUnit::Seconds)], SystemTime::now());
        assert_eq!(wait, Some(LONGEST_WAIT));
    }
}
