//! The database and its connections.

use std::{
    fmt,
    str::FromStr as _,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use mcp_govern_core::{
    Clock, TenantId,
    ports::{StoreError, StoreErrorKind},
};
use sqlx::{
    Connection as _, PgConnection, PgPool, SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
    pool::{PoolConnection, PoolConnectionMetadata},
    postgres::{PgConnectOptions, PgPoolOptions, Postgres},
};

use super::{
    encryption,
    fault::{self, Access, Connection, fault},
    listen::Listening,
    options::PostgresOptions,
};
use crate::{
    open::{MissingStore, Plaintext, missing as no_store},
    revisions::Revisions,
};

/// The database of the stores.
pub(crate) struct Database {
    pool: PgPool,
    session: Session,
    lost: Lost,
    refusals: Refusals,
    pub(crate) poll: Duration,
    pub(crate) schema: String,
    pub(crate) revisions: Arc<Revisions>,
    pub(crate) clock: Option<Arc<dyn Clock>>,
    _listening: Listening,
}

/// When a connection was last found broken: those that were idle then are tried before they are used.
#[derive(Debug, Clone, Default)]
struct Lost(Arc<Mutex<Option<Instant>>>);

/// Why the last new connection was not taken: a pool that found none in time does not say it.
#[derive(Debug, Clone, Default)]
struct Refusals(Arc<Mutex<Option<String>>>);

/// The statements with which every connection begins.
#[derive(Debug, Clone)]
struct Session {
    schema: String,
    timeout: Duration,
}

/// How a URL is connected to: encrypted and verified, unless it may be otherwise.
fn options_of(url: &str, plaintext: Plaintext) -> Result<PgConnectOptions, StoreError> {
    let variable = std::env::var("PGSSLMODE").ok();
    encryption::secured(parse(url)?, url, variable.as_deref(), plaintext)
}

/// Whether a URL may be connected to.
pub(crate) fn check(url: &str, plaintext: Plaintext) -> Result<(), StoreError> {
    options_of(url, plaintext).map(drop)
}

impl Database {
    pub(crate) async fn connect(url: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let PostgresOptions { keys: _, missing, clock, poll, timeout, connections, schema, plaintext } = options;
        check_schema(&schema)?;
        let connect = options_of(url, plaintext)?;
        let session = Session { schema: schema.clone(), timeout };
        // Making the tables may take longer than an operation, and so may waiting for another node that makes them.
        tokio::time::timeout(timeout.saturating_mul(6), prepare(&connect, &session, missing))
            .await
            .map_err(|_| StoreError::new(StoreErrorKind::Unavailable, "opening the stores took too long"))??;
        let (lost, refusals) = (Lost::default(), Refusals::default());
        let pool = pool(&session, &lost, &refusals, connections.saturating_add(1)).connect_lazy_with(connect);
        let revisions = Arc::new(Revisions::default());
        let listening = Listening::start(pool.clone(), schema.clone(), Arc::clone(&revisions), poll, timeout);
        Ok(Self { pool, session, lost, refusals, poll, schema, revisions, clock, _listening: listening })
    }

    /// Lends a connection for one operation.
    pub(crate) async fn lend(&self, access: Access, doing: &'static str) -> Result<Lent, StoreError> {
        let connection = self.pool.acquire().await.map_err(|error| self.refusals.explain(error, doing))?;
        let (timeout, lost) = (self.session.timeout, self.lost.clone());
        Ok(Lent { connection, access, doing, timeout, lost, end: End::Open })
    }

    /// The time that the caller has set, if any; the database's own otherwise.
    pub(crate) fn now(&self) -> Option<i64> {
        self.clock.as_ref().map(|clock| clock.now().as_millis())
    }

    /// The number of a tenant, which is made if it is new.
    pub(crate) async fn tenant(&self, tenant: &TenantId) -> Result<i64, StoreError> {
        // Nothing is lost where it is not known whether the row was made: it says nothing but the name.
        let mut lent = self.lend(Access::Read, "opening a tenant").await?;
        let made = sqlx::query(
            "INSERT INTO tenant (name) SELECT $1 WHERE NOT EXISTS (SELECT FROM tenant WHERE name = $1) \
             ON CONFLICT DO NOTHING",
        )
        .bind(tenant.as_str());
        let made = within(lent.timeout, made.execute(lent.connection())).await;
        lent.check(made)?;
        let read = sqlx::query_scalar("SELECT id FROM tenant WHERE name = $1").bind(tenant.as_str());
        let read = within(lent.timeout, read.fetch_one(lent.connection())).await;
        lent.settle(read)
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// A connection for one operation.
///
/// INVARIANT: a connection over which an answer is still due, because the operation was dropped or took too long, is closed
/// and never lent again (`a_dropped_append_leaves_nothing_behind`).
pub(crate) struct Lent {
    connection: PoolConnection<Postgres>,
    access: Access,
    doing: &'static str,
    pub(crate) timeout: Duration,
    lost: Lost,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    InOrder,
}

impl Lent {
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Ends the operation.
    pub(crate) fn settle<T>(mut self, done: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        let checked = self.judge(done, self.access);
        match checked {
            Ok(value) => {
                self.end = End::InOrder;
                Ok(value)
            }
            Err(fault) => {
                if fault.connection == Connection::Usable {
                    self.end = End::InOrder;
                }
                Err(fault.error)
            }
        }
    }

    /// Goes on after a step that did not commit anything; after an error the operation is over, and rolled back.
    pub(crate) fn check<T>(&mut self, done: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        self.judge(done, Access::Read).map_err(|fault| fault.error)
    }

    fn judge<T>(&self, done: Result<T, sqlx::Error>, access: Access) -> Result<T, fault::Fault> {
        done.map_err(|error| {
            let fault = fault(error, access, self.doing);
            if fault.connection == Connection::Lost {
                self.lost.note();
            }
            fault
        })
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.end == End::Open {
            self.connection.close_on_drop();
        }
    }
}

/// What comes of a piece of work, or an error like that of a connection that does not answer.
pub(crate) async fn within<T>(
    timeout: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    // The server gives up earlier by itself and says so; this is for one that cannot be reached any more.
    match tokio::time::timeout(timeout.saturating_mul(2), work).await {
        Ok(done) => done,
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

impl Lost {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection must be tried: it was idle for long, or when another was found broken.
    fn concerns(&self, idle: Duration) -> bool {
        let lost = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle > Duration::from_secs(1) || lost.is_some_and(|at| at.elapsed() <= idle)
    }
}

impl Refusals {
    fn note(&self, begun: &Result<(), sqlx::Error>) {
        let refusal = begun.as_ref().err().map(fault::told);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = refusal;
    }

    fn explain(&self, error: sqlx::Error, doing: &str) -> StoreError {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match (error, last) {
            (error @ sqlx::Error::PoolTimedOut, Some(last)) => {
                StoreError::new(StoreErrorKind::Unavailable, format!("{doing}: {last}")).with_source(error)
            }
            (error, _) => fault::unreachable(error, doing),
        }
    }
}

impl Session {
    /// Nothing may wait for ever, what is acknowledged is on the disk, and a replica is not taken for the primary.
    async fn begin(&self, connection: &mut PgConnection, statement: Duration) -> Result<(), sqlx::Error> {
        let millis = |time: Duration| time.as_millis().to_string();
        let read_only: String = sqlx::query_scalar(
            "SELECT current_setting('transaction_read_only') FROM (SELECT \
             set_config('search_path', $1, false), \
             set_config('statement_timeout', $2, false), \
             set_config('lock_timeout', $3, false), \
             set_config('idle_in_transaction_session_timeout', $4, false), \
             set_config('default_transaction_isolation', 'read committed', false), \
             set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' \
             ELSE current_setting('synchronous_commit') END, false)) settings",
        )
        .bind(&self.schema)
        .bind(millis(statement))
        .bind(millis(self.timeout / 2))
        .bind(millis(self.timeout.saturating_mul(2)))
        .fetch_one(connection)
        .await?;
        match read_only.as_str() {
            "off" => Ok(()),
            _ => Err(sqlx::Error::Configuration("the server is read-only (a replica?)".into())),
        }
    }
}

fn pool(session: &Session, lost: &Lost, refusals: &Refusals, connections: u32) -> PgPoolOptions {
    let (session, lost, refusals) = (session.clone(), lost.clone(), refusals.clone());
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(session.timeout)
        .test_before_acquire(false)
        .before_acquire(move |connection, PoolConnectionMetadata { idle_for, .. }| {
            let concerned = lost.concerns(idle_for);
            Box::pin(async move {
                if concerned {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| {
            let (session, refusals) = (session.clone(), refusals.clone());
            Box::pin(async move {
                let begun = session.begin(connection, session.timeout).await;
                refusals.note(&begun);
                begun
            })
        })
}

/// Makes the schema and its tables, one node at a time.
async fn prepare(connect: &PgConnectOptions, session: &Session, missing: MissingStore) -> Result<(), StoreError> {
    const SQL: &str = include_str!("../../migrations/postgres/0001_stores.sql");
    let failed = |error| fault::unreachable(error, "opening the stores");
    let mut connection = PgConnection::connect_with(connect).await.map_err(failed)?;
    session.begin(&mut connection, Duration::ZERO).await.map_err(failed)?;
    // Given back when the connection is closed.
    sqlx::query("SELECT pg_advisory_lock(hashtextextended($1, 0))")
        .bind(format!("mcp-govern {}", session.schema))
        .execute(&mut connection)
        .await
        .map_err(failed)?;
    let known: bool = sqlx::query_scalar("SELECT to_regnamespace($1) IS NOT NULL")
        .bind(&session.schema)
        .fetch_one(&mut connection)
        .await
        .map_err(failed)?;
    if !known {
        if missing == MissingStore::Refuse {
            return Err(no_store(&format!("the schema `{}` of this database", session.schema)));
        }
        // The name was checked: it is an identifier that needs no quotes.
        let create = format!("CREATE SCHEMA {}", session.schema);
        sqlx::query(sqlx::AssertSqlSafe(create)).execute(&mut connection).await.map_err(failed)?;
    }
    let migration = Migration::new(1, "stores".into(), MigrationType::Simple, SQL.into_sql_str(), false);
    let mut migrator = Migrator::with_migrations(vec![migration]);
    // `run` would do the same, and make a future that is not `Send`.
    migrator.set_locking(false).run_direct(None, &mut connection, false).await.map_err(fault::migration)?;
    connection.close().await.map_err(failed)
}

fn parse(url: &str) -> Result<PgConnectOptions, StoreError> {
    // Without the cause, which may quote the password.
    let connect = PgConnectOptions::from_str(url).map_err(|_| {
        let message = "the database URL is not readable: expected `postgres://user:password@host:port/database`";
        StoreError::new(StoreErrorKind::Invalid, message)
    })?;
    let named = connect.get_application_name().is_some();
    Ok(if named { connect } else { connect.application_name("mcp-govern") })
}

fn check_schema(schema: &str) -> Result<(), StoreError> {
    let valid = schema.len() <= 63
        && schema.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && schema.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if valid {
        return Ok(());
    }
    let shown: String = schema.chars().take(63).flat_map(char::escape_debug).collect();
    let message =
        format!("`{shown}` is not a valid schema: expected 1 to 63 characters of a-z, 0-9 and `_`, a letter first");
    Err(StoreError::new(StoreErrorKind::Invalid, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_error_shows_the_password_of_a_url() {
        for url in ["postgres://u:canary@h:port/d", "mysql:canary@x", "postgres://u:canary@h/d?sslmode=canary"] {
            if let Err(error) = parse(url) {
                assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
            }
        }
        assert!(parse("postgres://u:canary@h:port/d").is_err());
    }

    #[test]
    fn a_schema_is_an_identifier_that_needs_no_quotes() {
        assert!(check_schema("mcp_govern2").is_ok());
        for schema in ["", "2a", "Mcp", "a b", "a;drop", "a\"", "ä", &"a".repeat(64)] {
            assert!(check_schema(schema).is_err(), "`{schema}`");
        }
    }

    #[test]
    fn a_connection_that_was_idle_when_another_broke_is_tried_first() {
        let lost = Lost::default();
        assert!(!lost.concerns(Duration::ZERO));
        assert!(lost.concerns(Duration::from_secs(2)));
        lost.note();
        assert!(lost.concerns(Duration::from_secs(1)));
    }
}
