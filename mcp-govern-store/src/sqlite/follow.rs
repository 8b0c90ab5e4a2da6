//! Notices what other processes write into the file.

use std::{
    fmt,
    time::{Duration, Instant},
};

use mcp_govern_core::ports::StoreError;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::Mutex;

use super::fault::failed;

/// Counts the changes that others have made to the file: one look per interval, however many tenants ask.
pub(crate) struct Follower {
    connect: SqliteConnectOptions,
    interval: Duration,
    seen: Mutex<Option<Seen>>,
}

struct Seen {
    connection: SqliteConnection,
    /// SQLite's own count; it says something only within this connection.
    version: i64,
    epoch: Epoch,
    at: Instant,
}

/// While it stays the same, no process has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Epoch(Instant);

impl Follower {
    pub(crate) fn new(connect: SqliteConnectOptions, interval: Duration) -> Self {
        Self { connect, interval, seen: Mutex::new(None) }
    }

    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// The epoch as of at most half an interval ago.
    pub(crate) async fn epoch(&self) -> Result<Epoch, StoreError> {
        let mut seen = self.seen.lock().await;
        if let Some(seen) = &*seen
            && seen.at.elapsed() < self.interval / 2
        {
            return Ok(seen.epoch);
        }
        // Taken out: a look that fails or is dropped leaves no connection behind that somebody else could wait on.
        let looked = match seen.take() {
            Some(before) => before.look().await,
            None => Seen::begin(&self.connect).await,
        };
        let now = looked.map_err(failed("looking for changes"))?;
        let epoch = now.epoch;
        *seen = Some(now);
        Ok(epoch)
    }

    pub(crate) async fn close(&self) {
        if let Some(seen) = self.seen.lock().await.take() {
            drop(seen.connection.close().await);
        }
    }
}

impl Seen {
    async fn begin(connect: &SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let mut connection = SqliteConnection::connect_with(connect).await?;
        let version = version(&mut connection).await?;
        let now = Instant::now();
        Ok(Self { connection, version, epoch: Epoch(now), at: now })
    }

    async fn look(mut self) -> Result<Self, sqlx::Error> {
        let at = Instant::now();
        let version = version(&mut self.connection).await?;
        let epoch = if version == self.version { self.epoch } else { Epoch(at) };
        Ok(Self { version, epoch, at, ..self })
    }
}

async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(connection).await
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("interval", &self.interval).finish_non_exhaustive()
    }
}
