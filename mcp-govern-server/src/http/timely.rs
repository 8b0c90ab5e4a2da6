//! A stream whose peer must read what is written to it.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// A stream that fails with [`io::ErrorKind::TimedOut`] when a write makes no progress for as long as is allowed. HTTP/1.1 libraries put a clock
/// on reading and none on writing: a peer that asks and never reads would hold its connection for ever.
#[derive(Debug)]
pub(crate) struct Timely<T> {
    inner: T,
    limit: Duration,
    /// Runs while something waits for the peer.
    clock: Option<Pin<Box<Sleep>>>,
    waits: Option<Step>,
}

/// What may wait for the peer. A flush that has nothing to do says nothing of a write that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Write,
    Flush,
}

impl<T> Timely<T> {
    pub(crate) fn new(inner: T, limit: Duration) -> Self {
        Self { inner, limit, clock: None, waits: None }
    }

    /// Passes on what became of a step, and fails when it has waited for too long.
    fn in_time<R>(&mut self, cx: &mut Context<'_>, step: Step, done: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if done.is_ready() {
            self.waits = self.waits.filter(|waits| *waits != step);
            return done;
        }
        let clock = match &mut self.clock {
            Some(clock) => clock,
            none => none.insert(Box::pin(sleep_until(Instant::now()))),
        };
        if self.waits.is_none() {
            self.waits = Some(step);
            clock.as_mut().reset(Instant::now() + self.limit);
        }
        match clock.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the peer did not read what was written to it",
            ))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Timely<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Timely<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.in_time(cx, Step::Write, done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.inner).poll_flush(cx);
        self.in_time(cx, Step::Flush, done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.in_time(cx, Step::Flush, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.in_time(cx, Step::Write, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_is_given_up_and_one_that_reads_slowly_is_not() {
        let (near, mut far) = duplex(8);
        let mut near = Timely::new(near, LIMIT);
        let reading = tokio::spawn(async move {
            // Slower than the limit in all, and never without progress for as long.
            let mut piece = [0; 8];
            for _ in 0..8 {
                tokio::time::sleep(LIMIT * 9 / 10).await;
                far.read_exact(&mut piece).await.unwrap();
            }
            far
        });
        near.write_all(&[7; 64]).await.unwrap();
        let _far = reading.await.unwrap();
        let began = Instant::now();
        let stalled = near.write_all(&[7; 64]).await.unwrap_err();
        assert_eq!(stalled.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), LIMIT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn silence_between_two_writes_does_not_count() {
        let (near, mut far) = duplex(8);
        let mut near = Timely::new(near, LIMIT);
        for _ in 0..3 {
            near.write_all(&[1; 8]).await.unwrap();
            tokio::time::sleep(LIMIT * 10).await;
            far.read_exact(&mut [0; 8]).await.unwrap();
        }
    }
}
