//! What the operating system says.

use std::future::Future;

use tokio::sync::{mpsc, watch};

use crate::failure::Failure;

/// How a process ends after two signals to stop.
const TOLD_TWICE: i32 = 130;

/// Signals, from the moment on at which this was made.
#[derive(Debug)]
pub(crate) struct Signals {
    stopping: watch::Receiver<bool>,
    reloads: mpsc::Receiver<()>,
}

impl Signals {
    /// Listens for SIGINT, SIGTERM and SIGHUP.
    #[cfg(unix)]
    pub(crate) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let (stop, stopping) = watch::channel(false);
        let (reload, reloads) = mpsc::channel(1);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    Some(()) = interrupt.recv() => told_to_stop(&stop, "SIGINT"),
                    Some(()) = terminate.recv() => told_to_stop(&stop, "SIGTERM"),
                    Some(()) = hangup.recv() => {
                        // One that waits already reads the newest file too.
                        let _ = reload.try_send(());
                    }
                    else => return,
                }
            }
        });
        Ok(Self { stopping, reloads })
    }

    /// Listens for Ctrl-C.
    #[cfg(not(unix))]
    pub(crate) fn listen() -> Result<Self, Failure> {
        let (stop, stopping) = watch::channel(false);
        let (reload, reloads) = mpsc::channel(1);
        tokio::spawn(async move {
            let _reload = reload;
            while tokio::signal::ctrl_c().await.is_ok() {
                told_to_stop(&stop, "Ctrl-C");
            }
        });
        Ok(Self { stopping, reloads })
    }

    /// Ends on a signal to stop the program.
    pub(crate) fn stop(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopping = self.stopping.clone();
        async move {
            let _ = stopping.wait_for(|told| *told).await;
        }
    }

    /// Waits until the file shall be read again; none when that will never be.
    pub(crate) async fn reload(&mut self) -> Option<()> {
        self.reloads.recv().await
    }
}

fn told_to_stop(stop: &watch::Sender<bool>, signal: &str) {
    if stop.send_replace(true) {
        tracing::warn!(signal, "a second signal to stop: ending at once");
        std::process::exit(TOLD_TWICE);
    }
    tracing::info!(signal, "a signal to stop: nothing new is accepted, calls in flight end");
}
