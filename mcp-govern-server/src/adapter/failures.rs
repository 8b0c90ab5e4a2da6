//! How often failed calls have a line in the log.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use mcp_govern_core::ServerId;
use tokio::time::Instant;

/// So many lines of one reason and server in a while.
const LINES: u32 = 10;

/// The while.
const WHILE: Duration = Duration::from_secs(60);

/// Says which failed calls have a line: of each reason at each server ten a minute, so that no caller fills the log and no flood of one
/// kind hides another. Reasons are words of closed lists and servers are registered, which bounds what is remembered.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<HashMap<(Option<ServerId>, &'static str), Window>>);

#[derive(Debug)]
struct Window {
    began: Instant,
    lines: u32,
    /// Failed calls without a line, since the last one.
    silent: u64,
}

impl Failures {
    /// Counts a failed call. Where it has a line: how many came before it without one.
    pub(super) fn count(&self, server: Option<&ServerId>, reason: &'static str) -> Option<u64> {
        let now = Instant::now();
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry((server.cloned(), reason)).or_insert(Window { began: now, lines: 0, silent: 0 });
        if now.duration_since(window.began) >= WHILE {
            (window.began, window.lines) = (now, 0);
        }
        if window.lines >= LINES {
            window.silent = window.silent.saturating_add(1);
            return None;
        }
        window.lines = window.lines.saturating_add(1);
        Some(std::mem::take(&mut window.silent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ten_lines_a_minute_of_a_reason_at_a_server_and_none_is_hidden_by_another() {
        let (failures, status) = (Failures::default(), ServerId::new("status").unwrap());
        for _ in 0..LINES {
            assert_eq!(failures.count(Some(&status), "no_grant"), Some(0));
        }
        assert!((0..500).all(|_| failures.count(Some(&status), "no_grant").is_none()));
        assert_eq!(failures.count(Some(&status), "unavailable"), Some(0));
        assert_eq!(failures.count(None, "no_grant"), Some(0));
        tokio::time::advance(WHILE).await;
        assert_eq!(failures.count(Some(&status), "no_grant"), Some(500));
        assert_eq!(failures.count(Some(&status), "no_grant"), Some(0));
    }
}
