//! Faults of foreign code: a provider that panics ends its own call, and the client gets an error.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::Poll,
};

/// The work panicked. What it said is in the log and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Panicked;

/// Carries work out; a panic in it becomes an answer.
///
/// Without this the request would get no answer, and its client would wait until its timeout. The work is dropped and
/// never polled again, and nothing that it shares with others is left locked: what the core shares is behind guards that survive.
pub(super) fn caught<T>(mut work: Pin<Box<impl Future<Output = T>>>) -> impl Future<Output = Result<T, Panicked>> {
    poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer_and_everything_else_passes() {
        assert_eq!(caught(Box::pin(async { 7 })).await, Ok(7));
        let later = caught(Box::pin(async {
            tokio::task::yield_now().await;
            panic!("a fault")
        }));
        assert_eq!(later.await, Err::<(), _>(Panicked));
    }
}
