//! Telling people that something takes a while.

use std::{
    future::Future,
    io::{self, Write},
    pin::pin,
    time::Duration,
};

use tokio::time::{Instant, timeout};

/// Waits for `work`. When that takes longer than a second, standard error says so, and again every five seconds.
pub(crate) async fn with_progress<T>(what: &str, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let began = Instant::now();
    let mut pause = Duration::from_secs(1);
    loop {
        if let Ok(done) = timeout(pause, &mut work).await {
            return done;
        }
        pause = Duration::from_secs(5);
        // Nobody has to read it.
        let _ = writeln!(io::stderr(), "govern: {what}: waiting for {} s", began.elapsed().as_secs());
    }
}
