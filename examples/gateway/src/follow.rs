//! What others decide while the gateway runs, for the log: an operator's command on the same store, another node, a person who
//! asks for access.

use std::time::Duration;

use mcp_govern_core::{Actor, Governor, journal::Revision};

/// How long to wait before a journal that cannot be read is read again.
const PAUSE: Duration = Duration::from_secs(5);

/// Logs every act after a revision that is not the configuration's own. Runs for ever.
pub(crate) async fn run(governor: Governor, after: Revision, own: Actor) {
    let mut acts = governor.subscribe(after);
    loop {
        match acts.next().await {
            Ok(act) if act.actor.user == *own.user() => {}
            Ok(act) => {
                let events: Vec<&str> = act.events.iter().map(mcp_govern_core::journal::Event::tag).collect();
                let reason = act.reason.as_deref().unwrap_or_default();
                tracing::info!(
                    revision = %act.revision,
                    actor = %act.actor.user,
                    events = events.join(" "),
                    reason,
                    "somebody else acted"
                );
            }
            Err(error) => {
                tracing::warn!(%error, "the journal cannot be followed for the log");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
