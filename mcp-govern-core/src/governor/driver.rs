//! The driver: what runs beside the calls.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use super::core::Core;
use crate::audit::AuditCommitter;

/// Follows the journal, commits the audit in groups, and does what acts leave to be done. Without it every call is denied with
/// `state_stale`.
#[derive(Debug)]
#[must_use = "spawn `driver.run()`: without it every call is denied as `state_stale`"]
pub struct Driver {
    core: Arc<Core>,
    committer: AuditCommitter,
}

impl Driver {
    pub(super) fn new(core: Arc<Core>, committer: AuditCommitter) -> Self {
        Self { core, committer }
    }

    /// Runs until [`Governor::close`](crate::Governor::close) has been called and the calls in flight have ended. Spawn the
    /// future on any runtime, or poll it beside the calls; it needs neither timers nor I/O of its own. Dropping it denies every
    /// call from then on and stops those in flight.
    pub fn run(self) -> impl Future<Output = ()> + Send + 'static {
        let Self { core, committer } = self;
        core.pulse.start();
        // Made here and not in the future: one that is dropped before its first poll ends the driver too.
        let running = Running(Arc::clone(&core));
        async move {
            let _running = running;
            let mut commit = pin!(committer.run());
            let mut follow = pin!(Arc::clone(&core).follow());
            let mut attend = pin!(Arc::clone(&core).attend_all());
            poll_fn(|cx| {
                // Neither of these two ends.
                let _ = follow.as_mut().poll(cx);
                let _ = attend.as_mut().poll(cx);
                commit.as_mut().poll(cx)
            })
            .await;
            core.keep_own_anchor().await;
        }
    }
}

/// Says that the driver has ended, however it ends.
#[derive(Debug)]
struct Running(Arc<Core>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.pulse.end();
        self.0.raise_alarm();
        self.0.ended.send_replace(true);
    }
}

/// Polls futures side by side until all have ended.
pub(super) async fn join_all<F: Future<Output = ()> + Send>(futures: impl IntoIterator<Item = F>) {
    let mut busy: Vec<_> = futures.into_iter().map(Box::pin).collect();
    poll_fn(|cx| {
        busy.retain_mut(|future| future.as_mut().poll(cx).is_pending());
        if busy.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
