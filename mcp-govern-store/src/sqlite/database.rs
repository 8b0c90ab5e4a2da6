//! The file and its connections: one that writes, some that read, one that notices what other processes write.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use mcp_govern_core::{
    Clock, TenantId,
    ports::{StoreError, StoreErrorKind},
};
use sqlx::{
    Connection as _, SqlSafeStr as _, SqliteConnection, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    pool::PoolConnection,
    sqlite::{Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::sleep;

use super::{
    fault::{self, Stage, failed, fault},
    follow::Follower,
    options::{IntegrityCheck, SqliteOptions},
};
use crate::{
    file::{create_new, sync_folder},
    open::{MissingStore, missing},
    revisions::Revisions,
};

const OURS: i64 = 0x6d67_6f76;

/// Between two attempts to open a file that is locked.
const PAUSE: Duration = Duration::from_millis(10);

/// The file of a store.
pub(crate) struct Database {
    pub(crate) path: PathBuf,
    writer: SqlitePool,
    pub(crate) readers: SqlitePool,
    pub(crate) follower: Follower,
    pub(crate) revisions: Revisions,
    pub(crate) clock: Arc<dyn Clock>,
    /// What the file does not outgrow, in bytes.
    pub(crate) largest: Option<u64>,
    connect: SqliteConnectOptions,
}

impl Database {
    pub(crate) async fn open(path: &Path, options: SqliteOptions) -> Result<Self, StoreError> {
        if options.missing == MissingStore::Refuse && !path.exists() {
            return Err(missing(&format!("`{}`", path.display())));
        }
        create(path)?;
        let crashed = size(&beside(path, "-wal")) > 0;
        let connect = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .busy_timeout(options.timeout)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // On macOS only this makes a sync reach the disk; elsewhere it does nothing.
            .pragma("fullfsync", "ON")
            .pragma("checkpoint_fullfsync", "ON")
            .pragma("trusted_schema", "OFF")
            .pragma("cell_size_check", "ON")
            .pragma("journal_size_limit", "67108864");
        let writing = match options.largest {
            Some(bytes) => connect.clone().pragma("max_page_count", (bytes / 4096).max(1).to_string()),
            None => connect.clone(),
        };
        let pool = || {
            SqlitePoolOptions::new()
                .acquire_timeout(options.timeout.saturating_add(options.timeout))
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        let database = Self {
            path: path.to_owned(),
            writer: pool().max_connections(1).connect_lazy_with(writing),
            readers: pool()
                .max_connections(options.readers)
                .connect_lazy_with(connect.clone().pragma("query_only", "ON")),
            follower: Follower::new(connect.clone(), options.poll),
            revisions: Revisions::default(),
            clock: options.clock,
            largest: options.largest,
            connect,
        };
        database.prepare(options.integrity, options.timeout, crashed).await.map_err(|error| at(path, error))?;
        Ok(database)
    }

    /// Begins a transaction that no other writer can come between.
    pub(crate) async fn write(&self, doing: &'static str) -> Result<Write, StoreError> {
        let connection = self.writer.acquire().await.map_err(failed(doing))?;
        let mut write = Write { connection, doing, end: End::Open };
        sqlx::query("BEGIN IMMEDIATE").execute(write.connection()).await.map_err(failed(doing))?;
        Ok(write)
    }

    /// The number of a tenant, which is made if it is new.
    pub(crate) async fn tenant(&self, tenant: &TenantId) -> Result<i64, StoreError> {
        const DOING: &str = "opening a tenant";
        let known: Option<i64> = sqlx::query_scalar("SELECT id FROM tenant WHERE name = ?")
            .bind(tenant.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(failed(DOING))?;
        if let Some(id) = known {
            return Ok(id);
        }
        let mut write = self.write(DOING).await?;
        sqlx::query("INSERT INTO tenant (name) VALUES (?) ON CONFLICT DO NOTHING")
            .bind(tenant.as_str())
            .execute(write.connection())
            .await
            .map_err(failed(DOING))?;
        let id = sqlx::query_scalar("SELECT id FROM tenant WHERE name = ?")
            .bind(tenant.as_str())
            .fetch_one(write.connection())
            .await
            .map_err(failed(DOING))?;
        write.commit().await?;
        Ok(id)
    }

    /// Looks through the whole file and its indexes.
    pub(crate) async fn check(&self, thoroughly: bool) -> Result<(), StoreError> {
        let statement = if thoroughly { "PRAGMA integrity_check(3)" } else { "PRAGMA quick_check(3)" };
        let found: Vec<String> =
            sqlx::query_scalar(statement).fetch_all(&self.readers).await.map_err(failed("looking for damage"))?;
        match found.as_slice() {
            [one] if one == "ok" => Ok(()),
            faults => Err(StoreError::new(
                StoreErrorKind::Corrupt,
                format!("the file is damaged: restore it from a backup ({})", faults.join("; ").replace('\n', " ")),
            )),
        }
    }

    /// Writes a copy of the moment to a new file, while others go on writing.
    pub(crate) async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        const DOING: &str = "writing a backup";
        let refuse = |error: std::io::Error| {
            StoreError::new(StoreErrorKind::Unavailable, format!("{DOING} to `{}`: {error}", to.display()))
        };
        create_new(to).and_then(|_| sync_folder(to)).map_err(refuse)?;
        let mut connection = SqliteConnection::connect_with(&self.connect).await.map_err(failed(DOING))?;
        let copied =
            sqlx::query("VACUUM INTO ?").bind(to.to_string_lossy().into_owned()).execute(&mut connection).await;
        if let Err(error) = copied {
            // Only what this call has made is taken away.
            drop(std::fs::remove_file(to));
            return Err(fault(error, Stage::Before, DOING));
        }
        std::fs::File::open(to).and_then(|file| file.sync_all()).map_err(refuse)?;
        sync_folder(to).map_err(refuse)?;
        connection.close().await.map_err(failed(DOING))
    }

    /// Closes every connection; the last one to close folds the write-ahead log into the file.
    pub(crate) async fn close(&self) {
        self.follower.close().await;
        self.readers.close().await;
        self.writer.close().await;
    }

    /// The connection that writes, for the first time. While another process turns a new file into one with a write-ahead log, or
    /// the last one folds the log into the file, SQLite says at once that it is locked and does not wait.
    async fn first(&self, timeout: Duration) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        let until = Instant::now() + timeout;
        loop {
            match self.writer.acquire().await {
                Err(error) if fault::is_locked(&error) && Instant::now() < until => sleep(PAUSE).await,
                done => return done,
            }
        }
    }

    async fn prepare(&self, integrity: IntegrityCheck, timeout: Duration, crashed: bool) -> Result<(), StoreError> {
        const DOING: &str = "opening the store";
        let mut connection = self.first(timeout).await.map_err(failed(DOING))?;
        let mode: String =
            sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *connection).await.map_err(failed(DOING))?;
        if mode != "wal" {
            let message = "the file system does not support the write-ahead log: use a local one";
            return Err(StoreError::new(StoreErrorKind::Unavailable, message));
        }
        // In this order: another process may make the tables and the mark, in one transaction, between the two looks.
        let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
            .fetch_one(&mut *connection)
            .await
            .map_err(failed(DOING))?;
        let application: i64 =
            sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await.map_err(failed(DOING))?;
        if application != OURS && tables > 0 {
            return Err(StoreError::new(StoreErrorKind::Corrupt, "the file is the database of another program"));
        }
        drop(connection);
        if integrity == IntegrityCheck::Always || (integrity == IntegrityCheck::AfterCrash && crashed) {
            self.check(false).await?;
        }
        self.migrate().await
    }

    /// In one transaction that keeps other processes out, so that two that start at once do not both make the tables.
    async fn migrate(&self) -> Result<(), StoreError> {
        const SQL: &str = include_str!("../../migrations/sqlite/0001_stores.sql");
        let migration = Migration::new(1, "stores".into(), MigrationType::Simple, SQL.into_sql_str(), true);
        let mut write = self.write("making the store's tables").await?;
        // `run` would do the same, and make a future that is not `Send`.
        Migrator::with_migrations(vec![migration])
            .run_direct(None, write.connection(), false)
            .await
            .map_err(|error| fault::migration(error, Stage::Before))?;
        // Changes nothing, and fails where nothing can be changed: SQLite opens a file that it may not write for reading.
        sqlx::query("DELETE FROM lease WHERE FALSE").execute(write.connection()).await.map_err(write.failed())?;
        write.commit().await
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A transaction that writes. Dropped without [`Write::commit`], it is rolled back.
///
/// INVARIANT: whatever did not end in order, a dropped future included, gets its connection closed. Closing rolls back, and
/// no half-finished state can reach the next writer (`a_dropped_append_leaves_nothing_behind`).
pub(crate) struct Write {
    connection: PoolConnection<Sqlite>,
    doing: &'static str,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    InOrder,
}

impl Drop for Write {
    fn drop(&mut self) {
        if self.end == End::Open {
            self.connection.close_on_drop();
        }
    }
}

impl Write {
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    pub(crate) fn failed(&self) -> impl Fn(sqlx::Error) -> StoreError + 'static {
        failed(self.doing)
    }

    /// Makes it durable: after `Ok` it survives a crash of the machine.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        let committed = sqlx::query("COMMIT").execute(&mut *self.connection).await;
        committed.map_err(|error| fault(error, Stage::Commit, self.doing))?;
        self.end = End::InOrder;
        Ok(())
    }

    /// Nothing of it is done, and the connection is kept.
    pub(crate) async fn roll_back(mut self) -> Result<(), StoreError> {
        sqlx::query("ROLLBACK").execute(&mut *self.connection).await.map_err(failed(self.doing))?;
        self.end = End::InOrder;
        Ok(())
    }
}

fn at(path: &Path, error: StoreError) -> StoreError {
    let message = format!("the store in `{}` cannot be opened: {error}", path.display());
    StoreError::new(error.kind(), message).with_source(error)
}

/// Makes the file for its owner only: what SQLite makes beside it gets the same rights. One that is there is not opened here:
/// closing it again would take the locks away that SQLite holds on it elsewhere in this process.
fn create(path: &Path) -> Result<(), StoreError> {
    let refuse = |why: String| at(path, StoreError::new(StoreErrorKind::Unavailable, why));
    match create_new(path).and_then(|_| sync_folder(path)) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let file = std::fs::metadata(path).map_err(|error| refuse(error.to_string()))?;
            // SQLite would open it for reading, and leave files beside it that cannot be written either.
            if file.permissions().readonly() { Err(refuse("the file is read-only".to_owned())) } else { Ok(()) }
        }
        Err(error) => Err(refuse(error.to_string())),
    }
}

pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

pub(crate) fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}
