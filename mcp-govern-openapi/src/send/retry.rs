//! Whether and when a request is sent again. This is the one place that decides it.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use http::StatusCode;
use mcp_govern_core::Sent;

use crate::{limits::Limits, plan::Throttle};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// No answer, or one that broke off.
    Broken(Sent),
    /// An answer, with what its status says about throttling.
    Answered(StatusCode, Throttle),
}

/// What the row allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Permission {
    /// The request may be repeated although its result is unknown.
    pub(crate) repeat: bool,
    /// The row's own word on throttle statuses.
    pub(crate) throttled: Option<bool>,
}

/// Whether another attempt is right.
pub(crate) fn again(ending: Ending, permission: Permission) -> bool {
    match ending {
        Ending::Broken(Sent::No) => true,
        Ending::Broken(Sent::Maybe | Sent::Yes) => permission.repeat,
        Ending::Answered(_, Throttle::NothingDone) => permission.throttled.unwrap_or(true),
        Ending::Answered(_, Throttle::Unclear) => permission.repeat && permission.throttled.unwrap_or(true),
        // 501 and 505 say that it will never work.
        Ending::Answered(status, Throttle::No) => {
            let may_pass = matches!(status.as_u16(), 408 | 429 | 500 | 502..=504 | 506..=599);
            permission.repeat && may_pass
        }
    }
}

/// The pause before attempt number `attempt` + 1: doubled each time, cut at the longest, then somewhere in its upper half.
pub(crate) fn pause(limits: &Limits, attempt: u32) -> Duration {
    let doubled = limits.first_pause.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
    let full = doubled.min(limits.longest_pause);
    let half = full / 2;
    // A fresh `RandomState` is seeded at random; that is enough to keep many callers from coming back together.
    let dice = RandomState::new().hash_one(attempt) % 1_000;
    half + half.mul_f64(f64::from(u32::try_from(dice).unwrap_or(0)) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Permission = Permission { repeat: true, throttled: None };
    const WRITE: Permission = Permission { repeat: false, throttled: None };

    fn answered(status: u16, throttle: Throttle) -> Ending {
        Ending::Answered(StatusCode::from_u16(status).unwrap(), throttle)
    }

    #[test]
    fn reads_are_repeated_after_whatever_may_pass() {
        for status in [408, 429, 500, 502, 503, 504, 599] {
            assert!(again(answered(status, Throttle::No), READ), "{status}");
        }
        for status in [200, 301, 400, 401, 403, 404, 409, 422, 501, 505] {
            assert!(!again(answered(status, Throttle::No), READ), "{status}");
        }
        assert!(again(Ending::Broken(Sent::Maybe), READ));
    }

    #[test]
    fn writes_are_repeated_only_when_nothing_can_have_been_done() {
        assert!(again(Ending::Broken(Sent::No), WRITE));
        assert!(!again(Ending::Broken(Sent::Maybe), WRITE));
        assert!(!again(Ending::Broken(Sent::Yes), WRITE));
        assert!(again(answered(420, Throttle::NothingDone), WRITE));
        assert!(!again(answered(429, Throttle::Unclear), WRITE));
        for status in [408, 500, 502, 503, 504] {
            assert!(!again(answered(status, Throttle::No), WRITE), "{status}");
        }
    }

    #[test]
    fn a_row_can_forbid_repetition_after_a_throttle_status() {
        let strict = Permission { repeat: false, throttled: Some(false) };
        assert!(!again(answered(429, Throttle::NothingDone), strict));
    }

    #[test]
    fn pauses_grow_and_stay_within_their_bounds() {
        let limits = Limits::default();
        for (attempt, full) in [(1, 250), (2, 500), (3, 1_000), (6, 8_000), (40, 8_000)] {
            let pause = pause(&limits, attempt);
            assert!(pause >= Duration::from_millis(full / 2) && pause <= Duration::from_millis(full), "{pause:?}");
        }
    }
}
