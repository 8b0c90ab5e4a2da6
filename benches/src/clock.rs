//! CPU time of the current thread, and of all.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of CPU time that this thread has used.
#[must_use]
pub fn thread_nanos() -> u64 {
    nanos(ClockId::ThreadCPUTime)
}

/// Nanoseconds of CPU time that all threads of this process have used.
#[must_use]
pub fn process_nanos() -> u64 {
    nanos(ClockId::ProcessCPUTime)
}

fn nanos(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or_default() * 1_000_000_000 + nanos.unwrap_or_default()
}

/// Nanoseconds of CPU time for each of `times` repetitions.
pub fn nanos_each(times: u32, mut work: impl FnMut(u32)) -> f64 {
    let start = thread_nanos();
    for turn in 0..times {
        work(turn);
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hours in nanoseconds are exact")]
    let used = (thread_nanos() - start) as f64;
    used / f64::from(times)
}

/// The median of several measurements.
///
/// # Panics
///
/// When there is none.
#[must_use]
pub fn median(mut measured: Vec<f64>) -> f64 {
    measured.sort_by(f64::total_cmp);
    measured[measured.len() / 2]
}
