//! Calls in tests of single flows. A call that does not go as its function says has failed the test: it panics.
#![expect(clippy::panic, reason = "a test that calls these fails where the call does not go as they say")]

use std::time::{Duration, Instant};

use mcp_govern_core::governor::CallSuccess;
use serde_json::Value;

use crate::{
    Failed, Failure, Harness,
    kit::{Fixture, ProviderKit},
};

/// A stand-in and a governor that holds its key, with every tool approved.
///
/// # Panics
///
/// When it cannot be opened.
pub async fn open<K: ProviderKit>(kit: &K) -> (K::StandIn, Harness) {
    open_only(kit, &[]).await
}

/// As [`open`], with these tools alone, and those that they use: a hundred tools take many times as long to be reviewed.
///
/// # Panics
///
/// When it cannot be opened.
pub async fn open_only<K: ProviderKit>(kit: &K, tools: &[&str]) -> (K::StandIn, Harness) {
    held(Fixture::open_only(kit, tools).await).into_parts()
}

/// The result of a call that succeeds, as a tree.
///
/// # Panics
///
/// When the call does not succeed.
pub async fn call(harness: &Harness, tool: &str, arguments: Value) -> Value {
    held(harness.output(tool, arguments).await)
}

/// A call that succeeds.
///
/// # Panics
///
/// When it does not.
pub async fn success(harness: &Harness, tool: &str, arguments: Value) -> CallSuccess {
    let called = harness.call(tool, arguments).await;
    held(called.map_err(|error| Failure::new(format!("`{tool}`: {error}"))))
}

/// A call that fails on the way to the vendor or there.
///
/// # Panics
///
/// When it succeeds or is denied.
pub async fn failure(harness: &Harness, tool: &str, arguments: Value) -> Failed {
    held(harness.failure(tool, arguments).await)
}

/// As [`failure`], with a deadline so long from now.
///
/// # Panics
///
/// As [`failure`].
pub async fn failure_within(harness: &Harness, tool: &str, arguments: Value, time: Duration) -> Failed {
    held(Failed::of(tool, harness.call_until(tool, arguments, Instant::now() + time).await))
}

fn held<T>(result: Result<T, Failure>) -> T {
    result.unwrap_or_else(|failure| panic!("{failure}"))
}
