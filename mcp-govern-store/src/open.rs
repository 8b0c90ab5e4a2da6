//! Opening the stores that a URL names.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use mcp_govern_core::{
    Clock, TenantId,
    ports::{StoreError, StoreErrorKind, Stores, TenantStores},
};

#[cfg(feature = "sqlite")]
use crate::{IntegrityCheck, SqliteOptions, SqliteStores};
#[cfg(feature = "postgres")]
use crate::{PostgresOptions, PostgresStores};
use crate::{keys::VaultKeys, reseal::Resealed};

/// What becomes of a store that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingStore {
    /// The file, or schema and tables, are made.
    #[default]
    Create,
    /// Opening is refused (`Invalid`): a mistyped name must not make an empty store.
    Refuse,
}

/// Whether a PostgreSQL server on another machine may be spoken to without TLS, where its URL demands it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plaintext {
    /// Such a URL is refused (`Invalid`).
    #[default]
    Refused,
    /// It is taken at its word, with a warning: where the way to the database is protected by other means, such as a tunnel.
    Allowed,
}

/// How stores are opened, whichever they are; what is left unsaid is as [`SqliteOptions`] and [`PostgresOptions`] have it.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    keys: Option<VaultKeys>,
    missing: MissingStore,
    beside_others: bool,
    clock: Option<Arc<dyn Clock>>,
    poll: Option<Duration>,
    timeout: Option<Duration>,
    largest: Option<u64>,
    plaintext: Plaintext,
}

impl OpenOptions {
    /// The defaults, without vault keys: no credential can be put or read.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the keys that seal credentials, one-time values and checkpoints.
    #[must_use]
    pub fn with_keys(mut self, keys: VaultKeys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// With another answer to a store that is not there; it is made by default.
    #[must_use]
    pub fn with_missing(mut self, missing: MissingStore) -> Self {
        self.missing = missing;
        self
    }

    /// For a short command beside the nodes that serve: a file is not looked through for damage, also where it seems to have
    /// been left by a crash.
    #[must_use]
    pub fn beside_others(mut self) -> Self {
        self.beside_others = true;
        self
    }

    /// With another clock for one-time values and leases: for tests and simulations.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// With another interval at which the commits of other nodes are looked for.
    #[must_use]
    pub fn with_poll(mut self, interval: Duration) -> Self {
        self.poll = Some(interval);
        self
    }

    /// With another time that one operation may wait for a lock, a connection or an answer.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// With a size in bytes that a SQLite file does not outgrow: a write beyond it fails as it does on a full disk. No limit by
    /// default; what PostgreSQL may use is for its administrator to limit.
    #[must_use]
    pub fn with_largest_size(mut self, bytes: u64) -> Self {
        self.largest = Some(bytes);
        self
    }

    /// With another answer to the URL of a PostgreSQL server that may send everything unencrypted over a network; it is refused by
    /// default.
    #[must_use]
    pub fn with_plaintext(mut self, plaintext: Plaintext) -> Self {
        self.plaintext = plaintext;
        self
    }
}

impl OpenOptions {
    /// Looks at a URL as [`open`] would before it connects: nothing is sent, and nothing is read or made.
    ///
    /// # Errors
    ///
    /// `Invalid`: the text is no such URL, this build has no such database, or everything would be sent unencrypted and
    /// [`Plaintext::Allowed`] was not said.
    pub fn check(&self, url: &str) -> Result<(), StoreError> {
        match target(url)? {
            #[cfg(feature = "sqlite")]
            Target::Sqlite(_) => Ok(()),
            #[cfg(not(feature = "sqlite"))]
            Target::Sqlite(_) => Err(left_out("SQLite", "sqlite", self)),
            #[cfg(feature = "postgres")]
            Target::Postgres(url) => crate::postgres::check(url, self.plaintext),
            #[cfg(not(feature = "postgres"))]
            Target::Postgres(_) => Err(left_out("PostgreSQL", "postgres", self)),
        }
    }
}

/// Durable stores that a URL named. Clones share everything.
#[derive(Debug, Clone)]
pub struct OpenedStores(Kind);

#[derive(Debug, Clone)]
enum Kind {
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteStores),
    #[cfg(feature = "postgres")]
    Postgres(PostgresStores),
}

/// What a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target<'a> {
    Sqlite(PathBuf),
    Postgres(&'a str),
}

/// Opens the stores that a URL names: `sqlite:PATH` (also `sqlite://PATH`), or `postgres://user:password@host:port/database`
/// with the parameters that libpq knows. Within a tokio runtime. A PostgreSQL server on another machine is reached over TLS whose
/// certificate is verified, unless the URL says otherwise ([`Plaintext`]).
///
/// # Errors
///
/// - `Invalid`: the text is no such URL, this build has no such database, the store is not there and [`MissingStore::Refuse`] was
///   said, or everything would be sent unencrypted and [`Plaintext::Allowed`] was not said.
/// - Else as [`SqliteStores::open`] and [`PostgresStores::connect`].
pub async fn open(url: &str, options: OpenOptions) -> Result<OpenedStores, StoreError> {
    match target(url)? {
        #[cfg(feature = "sqlite")]
        Target::Sqlite(path) => Ok(OpenedStores(Kind::Sqlite(SqliteStores::open(path, options.for_sqlite()).await?))),
        #[cfg(not(feature = "sqlite"))]
        Target::Sqlite(_) => Err(left_out("SQLite", "sqlite", &options)),
        #[cfg(feature = "postgres")]
        Target::Postgres(url) => {
            Ok(OpenedStores(Kind::Postgres(PostgresStores::connect(url, options.for_postgres()).await?)))
        }
        #[cfg(not(feature = "postgres"))]
        Target::Postgres(_) => Err(left_out("PostgreSQL", "postgres", &options)),
    }
}

impl OpenOptions {
    #[cfg(feature = "sqlite")]
    fn for_sqlite(self) -> SqliteOptions {
        let mut options = SqliteOptions::without_keys().with_missing(self.missing);
        options.keys = self.keys;
        if self.beside_others {
            options = options.with_integrity_check(IntegrityCheck::Never);
        }
        options.clock = self.clock.unwrap_or(options.clock);
        options.poll = self.poll.unwrap_or(options.poll);
        options.timeout = self.timeout.unwrap_or(options.timeout);
        options.largest = self.largest;
        options
    }

    #[cfg(feature = "postgres")]
    fn for_postgres(self) -> PostgresOptions {
        let mut options = PostgresOptions::without_keys().with_missing(self.missing).with_plaintext(self.plaintext);
        options.keys = self.keys;
        options.clock = self.clock.or(options.clock);
        options.poll = self.poll.unwrap_or(options.poll);
        options.timeout = self.timeout.unwrap_or(options.timeout);
        options
    }
}

/// Does the same with whichever stores they are.
macro_rules! with {
    ($opened:expr, $stores:ident => $work:expr) => {
        match &$opened.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite($stores) => $work,
            #[cfg(feature = "postgres")]
            Kind::Postgres($stores) => $work,
        }
    };
}

impl OpenedStores {
    /// The tenants that have ever been opened, by name.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        with!(self, stores => stores.tenants().await)
    }

    /// Seals and opens with other keys from now on; see [`VaultKeys`] for the order in which nodes get a new key.
    pub fn replace_keys(&self, keys: VaultKeys) {
        with!(self, stores => stores.replace_keys(keys));
    }

    /// Seals every credential of every tenant again that is not sealed under the current key, while others work.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or written; what was done until then stays done.
    pub async fn reseal(&self) -> Result<Resealed, StoreError> {
        with!(self, stores => stores.reseal().await)
    }

    /// Closes in order; every use afterwards is `Unavailable`.
    pub async fn close(&self) {
        with!(self, stores => stores.close().await);
    }

    /// The file's own operations, where it is a file: a backup, a look for damage.
    #[cfg(feature = "sqlite")]
    pub fn as_sqlite(&self) -> Option<&SqliteStores> {
        match &self.0 {
            Kind::Sqlite(stores) => Some(stores),
            #[cfg(feature = "postgres")]
            Kind::Postgres(_) => None,
        }
    }
}

#[async_trait]
impl Stores for OpenedStores {
    async fn open(&self, tenant: &TenantId) -> Result<TenantStores, StoreError> {
        with!(self, stores => stores.open(tenant).await)
    }
}

/// INVARIANT: no error repeats a URL, which may hold a password (`what_is_no_url_is_refused_without_repeating_it`).
fn target(url: &str) -> Result<Target<'_>, StoreError> {
    let refuse = |message| Err(StoreError::new(StoreErrorKind::Invalid, message));
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Target::Postgres(url));
    }
    let Some(path) = url.strip_prefix("sqlite:") else {
        return refuse("the URL of a store is `sqlite:PATH` or `postgres://user:password@host:port/database`");
    };
    match path.strip_prefix("//").unwrap_or(path) {
        "" => refuse("the URL of the store names no file: expected `sqlite:PATH`"),
        ":memory:" => refuse("a store in memory keeps nothing: name a file, `sqlite:PATH`"),
        path => Ok(Target::Sqlite(PathBuf::from(path))),
    }
}

#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
fn left_out(name: &str, feature: &str, _: &OpenOptions) -> StoreError {
    StoreError::new(
        StoreErrorKind::Invalid,
        format!("this build has no {name}: it was made without the feature `{feature}`"),
    )
}

/// There is no store, and none was to be made.
pub(crate) fn missing(place: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Invalid, format!("there is no store in {place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file_or_a_database() {
        let file = |path: &str| Target::Sqlite(PathBuf::from(path));
        for (url, expected) in [
            ("sqlite:store.db", file("store.db")),
            ("sqlite://store.db", file("store.db")),
            ("sqlite:/var/lib/store.db", file("/var/lib/store.db")),
            ("sqlite:///var/lib/store.db", file("/var/lib/store.db")),
            ("postgres://u@h/d", Target::Postgres("postgres://u@h/d")),
            ("postgresql://u@h/d", Target::Postgres("postgresql://u@h/d")),
        ] {
            assert_eq!(target(url).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_url_is_refused_without_repeating_it() {
        for url in ["", "store.db", "sqlite:", "sqlite://", "sqlite::memory:", "mysql://u:canary@h/d", "canary"] {
            let error = target(url).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Invalid);
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn a_store_that_is_not_there_is_made_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        let careful = || OpenOptions::new().beside_others().with_missing(MissingStore::Refuse);
        let refused = open(&url, careful()).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Invalid, "{refused}");
        assert!(!folder.path().join("store.db").exists());
        let made = open(&url, OpenOptions::new()).await.unwrap();
        let tenant: TenantId = "acme".parse().unwrap();
        Stores::open(&made, &tenant).await.unwrap();
        assert_eq!(open(&url, careful()).await.unwrap().tenants().await.unwrap(), [tenant]);
        assert!(made.as_sqlite().is_some());
    }
}
