//! Long answers are worked on beside the threads of the runtime, and only so many bytes of them at once.

use std::sync::Arc;

use tokio::{
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

/// Work over more bytes than this is done aside: what cannot be interrupted keeps no other call waiting for longer than that takes.
pub(crate) const LONG: usize = 64 << 10;

/// The room that long answers share.
#[derive(Debug)]
pub(crate) struct Aside {
    /// In KiB.
    room: Arc<Semaphore>,
    all: u32,
}

/// Why work was not done aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AsideFault {
    /// The deadline came first.
    TooLate,
    /// The work broke off.
    Broken,
}

impl Aside {
    /// Room for so many bytes at once. What is longer than that has it to itself.
    pub(crate) fn new(bytes: usize) -> Self {
        let all = in_kib(bytes).max(1);
        Self { room: Arc::new(Semaphore::new(usize::try_from(all).unwrap_or(Semaphore::MAX_PERMITS))), all }
    }

    /// Does work over so many bytes on a thread for blocking work, as soon as there is room for them. The room is taken until the work
    /// is done, even when no caller waits for it any more.
    ///
    /// INVARIANT: other work goes on meanwhile (`a_long_answer_keeps_nothing_else_waiting`), and no more than the room is under way
    /// (`long_answers_wait_for_room_and_no_longer_than_the_deadline`).
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        bytes: usize,
        deadline: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AsideFault> {
        let share = Arc::clone(&self.room).acquire_many_owned(in_kib(bytes).min(self.all));
        let taken = timeout_at(deadline, share).await.map_err(|_| AsideFault::TooLate)?;
        let taken = taken.map_err(|_| AsideFault::Broken)?;
        let working = spawn_blocking(move || {
            let done = work();
            drop(taken);
            done
        });
        timeout_at(deadline, working).await.map_err(|_| AsideFault::TooLate)?.map_err(|_| AsideFault::Broken)
    }
}

/// Rounded up.
fn in_kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX >> 3).min(u32::MAX >> 3)
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;
    use crate::send::later;

    const LONG_WAIT: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_long_answer_keeps_nothing_else_waiting() {
        // One thread runs everything here: were the work done on it, the message would never be sent.
        let aside = Aside::new(1 << 20);
        let (send, receive) = mpsc::channel();
        let work = aside.run(LONG, later(LONG_WAIT), move || receive.recv_timeout(LONG_WAIT).is_ok());
        let (done, ()) = tokio::join!(work, async move {
            tokio::task::yield_now().await;
            send.send(()).unwrap();
        });
        assert_eq!(done, Ok(true));
    }

    #[tokio::test]
    async fn long_answers_wait_for_room_and_no_longer_than_the_deadline() {
        let aside = Arc::new(Aside::new(100 << 10));
        let (begun, has_begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let first = Arc::clone(&aside);
        let first = tokio::spawn(async move {
            let work = move || {
                begun.send(()).unwrap();
                released.recv_timeout(LONG_WAIT).is_ok()
            };
            first.run(80 << 10, later(LONG_WAIT), work).await
        });
        spawn_blocking(move || has_begun.recv_timeout(LONG_WAIT).unwrap()).await.unwrap();
        // Short work fits beside it, long work does not and is not begun.
        assert_eq!(aside.run(10 << 10, later(LONG_WAIT), || 1).await, Ok(1));
        assert_eq!(aside.run(80 << 10, later(Duration::ZERO), || 2).await, Err(AsideFault::TooLate));
        release.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(true));
        // What is longer than all the room has it to itself.
        assert_eq!(aside.run(10 << 20, later(LONG_WAIT), || 3).await, Ok(3));
        assert_eq!(aside.run(usize::MAX, later(LONG_WAIT), || 4).await, Ok(4));
    }

    #[tokio::test]
    async fn work_that_panics_is_told_and_gives_its_room_back() {
        let aside = Aside::new(1 << 10);
        let broken = || assert_eq!(1, 2, "the work broke off");
        assert_eq!(aside.run(LONG, later(LONG_WAIT), broken).await, Err(AsideFault::Broken));
        assert_eq!(aside.run(LONG, later(LONG_WAIT), || 1).await, Ok(1));
    }
}
