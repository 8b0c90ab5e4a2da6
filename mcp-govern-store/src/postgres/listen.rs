//! Hears of commits from the database the moment they are appended.

use std::{sync::Arc, time::Duration};

use sqlx::{Executor as _, PgPool, postgres::PgListener};
use tokio::{task::JoinHandle, time};

use crate::revisions::{Revisions, announce};

/// How long a silent connection is trusted before it is asked whether it is alive.
const SILENCE: Duration = Duration::from_secs(15);

/// The task that listens; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Listening(JoinHandle<()>);

impl Listening {
    pub(crate) fn start(
        pool: PgPool,
        channel: String,
        revisions: Arc<Revisions>,
        pause: Duration,
        timeout: Duration,
    ) -> Self {
        Self(tokio::spawn(async move {
            loop {
                if let Err(error) = listen(&pool, &channel, &revisions, timeout).await {
                    tracing::warn!(%error, "commits of other nodes are found by polling only until the database answers again");
                }
                if pool.is_closed() {
                    return;
                }
                // Whatever came while nobody listened: everybody looks for himself.
                revisions.wake_all();
                time::sleep(pause).await;
            }
        }))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Until the connection is lost.
async fn listen(pool: &PgPool, channel: &str, revisions: &Revisions, timeout: Duration) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(channel).await?;
    revisions.wake_all();
    loop {
        match time::timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(notification))) => {
                if let Some((tenant, revision)) = read(notification.payload()) {
                    announce(&revisions.of(tenant), revision);
                }
            }
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => match time::timeout(timeout, listener.execute("SELECT 1")).await {
                Ok(answer) => {
                    answer?;
                }
                Err(_) => return Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
            },
        }
    }
}

/// A notification's text: the tenant's number and the revision of the commit.
fn read(payload: &str) -> Option<(i64, u64)> {
    let (tenant, revision) = payload.split_once(':')?;
    Some((tenant.parse().ok()?, revision.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_names_tenant_and_revision() {
        assert_eq!(read("7:42"), Some((7, 42)));
        for payload in ["", "7", "7:", ":42", "a:b", "7:-1"] {
            assert_eq!(read(payload), None, "`{payload}`");
        }
    }
}
