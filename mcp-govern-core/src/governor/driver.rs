//! The driver: what runs beside the calls.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use super::{Part, background_tasks::BackgroundTask, core::Core, watch::race};
use crate::{audit::AuditCommitter, ports::Journal};

/// Follows the journal, commits the audit in groups, and does what commits leave to be done. Without it every call is denied with
/// `state_stale`.
#[derive(Debug)]
#[must_use = "spawn `driver.run()`: without it every call is denied as `state_stale`"]
pub struct Driver {
    core: Arc<Core>,
    committer: AuditCommitter,
    /// None once it has been taken out.
    follower: Option<Follower>,
}

/// The part of a [`Driver`] that follows the journal: what makes rules fresh.
///
/// On one runtime with the calls it does not run while they keep every thread of that runtime busy, and after
/// [`with_max_staleness`](crate::governor::GovernorBuilder::with_max_staleness) every call is denied. On a thread of its own, load
/// cannot make rules stale:
///
/// ```no_run
/// # use mcp_govern_core::{Governor, TenantId, memory::MemoryStores, ports::Stores};
/// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
/// let tenant = TenantId::new("acme")?;
/// # let stores = MemoryStores::new();
/// # let open_stores = move || { let stores = stores.clone(); async move { Ok::<_, std::io::Error>(stores) } };
/// let (governor, mut driver) = Governor::builder(tenant.clone()).with_stores(open_stores().await?).open().await?;
/// if let Some(follower) = driver.take_follower() {
///     std::thread::spawn(move || {
///         let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
///         runtime.block_on(async {
///             // Connections and timers belong to the runtime that made them: this one has its own.
///             let stores = open_stores().await?.open(&tenant).await.map_err(std::io::Error::other)?;
///             follower.with_journal(stores.journal).run().await;
///             Ok::<_, std::io::Error>(())
///         })
///     });
/// }
/// tokio::spawn(driver.run());
/// # drop(governor);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "run it: without it every call is denied as `state_stale`"]
pub struct Follower {
    core: Arc<Core>,
    journal: Arc<dyn Journal>,
}

impl Follower {
    /// Follows through another handle of the same journal: one that was opened on the runtime that follows.
    pub fn with_journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = journal;
        self
    }

    /// Runs until the driver has ended. Dropping it denies every call from then on and stops those in flight.
    pub fn run(self) -> impl Future<Output = ()> + Send + 'static {
        let mut ended = self.core.upkeep.ended.subscribe();
        let following = self.follow();
        async move {
            let _ = race(pin!(following), pin!(ended.wait_for(|ended| *ended))).await;
        }
    }

    /// Follows without end.
    fn follow(self) -> impl Future<Output = ()> + Send + 'static {
        let Self { core, journal } = self;
        // Made here and not in the future: one that is dropped before its first poll ends the follower too.
        let following = Running::new(&core, Part::Follower);
        async move {
            let _following = following;
            core.follow(&*journal).await;
        }
    }
}

impl Driver {
    pub(super) fn new(core: Arc<Core>, committer: AuditCommitter) -> Self {
        let follower = Follower { core: Arc::clone(&core), journal: Arc::clone(&core.stores.journal) };
        Self { core, committer, follower: Some(follower) }
    }

    /// Takes the part out that follows the journal, to be run elsewhere: the driver then goes on without it. None where it was taken
    /// out before.
    pub fn take_follower(&mut self) -> Option<Follower> {
        self.follower.take()
    }

    /// Runs until [`Governor::close`](crate::Governor::close) has been called and the calls in flight have ended. Spawn the
    /// future on any runtime, or poll it beside the calls; it needs neither timers nor I/O of its own. Dropping it denies every
    /// call from then on and stops those in flight. Where calls may keep a runtime busy, its [`Follower`] runs on another one.
    pub fn run(self) -> impl Future<Output = ()> + Send + 'static {
        let Self { core, committer, follower } = self;
        // Made here and not in the future: one that is dropped before its first poll ends the driver too.
        let running = Running::new(&core, Part::Driver);
        let following = follower.map(Follower::follow);
        async move {
            let _running = running;
            core.upkeep
                .background_tasks
                .push(core.upkeep.nodes.due(core.time.clock()).then_some(BackgroundTask::CountNodes));
            // In a block of its own: work that is dropped at its end may hold a lock that the last steps below wait for.
            {
                let mut commit = pin!(committer.run());
                let mut follow = pin!(async {
                    match following {
                        Some(following) => following.await,
                        None => std::future::pending().await,
                    }
                });
                let mut attend = pin!(Arc::clone(&core).attend_all());
                let flag_waker = Arc::new(FlagWaker::new());
                let beside = Waker::from(Arc::clone(&flag_waker));
                poll_fn(|cx| {
                    if flag_waker.was_woken(cx.waker()) {
                        let mut cx = Context::from_waker(&beside);
                        // Neither of these two ends.
                        let _ = follow.as_mut().poll(&mut cx);
                        let _ = attend.as_mut().poll(&mut cx);
                    }
                    commit.as_mut().poll(cx)
                })
                .await;
            }
            core.leave().await;
            core.keep_own_anchor().await;
            core.keep_heads_or_warn().await;
        }
    }
}

/// Wakes the driver for what runs beside its commits, and remembers that it did: every call wakes it for a commit, and then
/// there is nothing else to look at.
#[derive(Debug)]
struct FlagWaker {
    woken: AtomicBool,
    driver: Mutex<Waker>,
}

impl FlagWaker {
    /// Raised: what runs beside has not been polled yet.
    fn new() -> Self {
        Self { woken: AtomicBool::new(true), driver: Mutex::new(Waker::noop().clone()) }
    }

    /// Whether it has woken since it was asked last; from now on it wakes `driver`.
    fn was_woken(&self, driver: &Waker) -> bool {
        // INVARIANT: a wake-up meanwhile is noticed here or wakes `driver`
        // (`a_wake_up_is_noticed_once_and_wakes_whoever_asked_last`).
        self.driver.lock().unwrap_or_else(PoisonError::into_inner).clone_from(driver);
        self.woken.swap(false, Ordering::AcqRel)
    }
}

impl Wake for FlagWaker {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner).clone();
        driver.wake();
    }
}

/// Says that a part runs, and that it has ended, however it ends.
#[derive(Debug)]
struct Running {
    core: Arc<Core>,
    part: Part,
}

impl Running {
    fn new(core: &Arc<Core>, part: Part) -> Self {
        core.ledger.freshness_monitor.start(part);
        Self { core: Arc::clone(core), part }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.core.ledger.freshness_monitor.end(self.part);
        self.core.raise_alarm();
        let ended = match self.part {
            Part::Driver => &self.core.upkeep.ended,
            Part::Follower => &self.core.ledger.unfollowed,
        };
        ended.send_replace(true);
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }

    #[test]
    fn a_wake_up_is_noticed_once_and_wakes_whoever_asked_last() {
        let (first, last, flag_waker) =
            (Arc::new(Woken::default()), Arc::new(Woken::default()), Arc::new(FlagWaker::new()));
        for driver in [&first, &last] {
            let driver = Waker::from(Arc::clone(driver));
            flag_waker.wake_by_ref();
            assert!(flag_waker.was_woken(&driver));
            assert!(!flag_waker.was_woken(&driver));
        }
        flag_waker.wake_by_ref();
        assert_eq!((first.0.load(Ordering::Acquire), last.0.load(Ordering::Acquire)), (1, 1));
        assert!(flag_waker.was_woken(Waker::noop()));
    }

    #[test]
    fn a_new_flag_is_raised() {
        assert!(FlagWaker::new().was_woken(Waker::noop()));
    }
}
