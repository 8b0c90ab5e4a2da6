//! Reports to the client how far a long call has come.

use mcp_govern_core::Progress;
use rmcp::{
    RoleServer,
    model::{ProgressNotificationParam, ProgressToken},
    service::Peer,
};
use tokio::sync::watch;

/// One step of a long call.
#[derive(Debug, Clone)]
struct Step {
    done: u64,
    total: Option<u64>,
    message: String,
}

/// Takes reports without blocking. Of several that were not sent to the client yet, the last counts.
#[derive(Debug)]
pub(super) struct Reports(watch::Sender<Option<Step>>);

/// Where the reports come out.
#[derive(Debug)]
pub(super) struct Told(watch::Receiver<Option<Step>>);

/// Both ends.
pub(super) fn channel() -> (Reports, Told) {
    let (sender, receiver) = watch::channel(None);
    (Reports(sender), Told(receiver))
}

impl Progress for Reports {
    fn report(&self, done: u64, total: Option<u64>, message: &str) {
        self.0.send_if_modified(|step| {
            // MCP: the progress must increase with each notification.
            let further = step.as_ref().is_none_or(|step| step.done < done);
            if further {
                *step = Some(Step { done, total, message: message.to_owned() });
            }
            further
        });
    }
}

impl Told {
    /// Tells the client of each step, for as long as the future is polled. A client that does not listen holds nothing up.
    pub(super) async fn forward(mut self, peer: &Peer<RoleServer>, token: ProgressToken) {
        while self.0.changed().await.is_ok() {
            let step = self.0.borrow_and_update().clone();
            let Some(Step { done, total, message }) = step else { continue };
            let mut notification = ProgressNotificationParam::new(token.clone(), number(done));
            notification.total = total.map(number);
            notification.message = Some(message).filter(|message| !message.is_empty());
            if peer.notify_progress(notification).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "MCP counts progress in floating point; beyond 2^53 the difference is not visible"
)]
fn number(units: u64) -> f64 {
    units as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_only_ever_increases() {
        let (reports, told) = channel();
        let done = |told: &Told| told.0.borrow().as_ref().map(|step| step.done);
        for (report, shown) in [(1, 1), (3, 3), (2, 3), (3, 3), (4, 4)] {
            reports.report(report, None, "");
            assert_eq!(done(&told), Some(shown));
        }
    }
}
