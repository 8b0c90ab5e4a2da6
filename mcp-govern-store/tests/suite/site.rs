//! A place where stores are: a folder with a file, or a database of a cluster. Several nodes can be opened on it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use mcp_govern_core::{
    ManualClock, TenantId, Timestamp,
    ports::{Checkpoints, Stores, TenantStores},
};
use mcp_govern_store::{MissingStore, OpenOptions, OpenedStores, Resealed, SqliteOptions, SqliteStores, VaultKeys};
#[cfg(feature = "postgres")]
use mcp_govern_store::{PostgresOptions, PostgresStores};
use sqlx::{Connection as _, SqliteConnection};
#[cfg(feature = "postgres")]
use stand_ins::postgres::Cluster;
use tempfile::TempDir;

use crate::chains::tenant;

/// What an operation of a store may take where a test does not wait for it to be refused: a machine may be busy with other work.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(1);

/// Where the stores are, the keys and the clock that all nodes share.
pub(crate) struct Site {
    pub(crate) keys: VaultKeys,
    pub(crate) clock: Arc<ManualClock>,
    place: Place,
}

enum Place {
    Folder(TempDir),
    #[cfg(feature = "postgres")]
    Database(String),
}

/// One node's stores.
pub(crate) enum Node {
    Sqlite(SqliteStores),
    #[cfg(feature = "postgres")]
    Postgres(PostgresStores),
    Opened(OpenedStores),
}

impl Site {
    pub(crate) fn sqlite() -> Self {
        Self::at(Place::Folder(tempfile::tempdir().unwrap()))
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn postgres() -> Option<Self> {
        Some(Self::at(Place::Database(Cluster::shared()?.database())))
    }

    /// An empty site of the same kind, with the same keys.
    pub(crate) fn another(&self) -> Self {
        let place = match &self.place {
            Place::Folder(_) => Place::Folder(tempfile::tempdir().unwrap()),
            #[cfg(feature = "postgres")]
            Place::Database(_) => Place::Database(Cluster::shared().unwrap().database()),
        };
        Self { keys: self.keys.clone(), clock: self.clock.clone(), place }
    }

    fn at(place: Place) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_000_000_000)));
        Self { keys: VaultKeys::generate().unwrap(), clock, place }
    }

    /// Opens a node with the site's keys.
    pub(crate) async fn node(&self) -> Node {
        self.node_with(&self.keys).await
    }

    pub(crate) async fn node_with(&self, keys: &VaultKeys) -> Node {
        match &self.place {
            Place::Folder(_) => {
                let options = SqliteOptions::new(keys.clone())
                    .with_clock(self.clock.clone())
                    .with_poll(Duration::from_millis(20))
                    .with_timeout(TIMEOUT);
                Node::Sqlite(SqliteStores::open(self.file(), options).await.unwrap())
            }
            #[cfg(feature = "postgres")]
            Place::Database(url) => {
                let options = PostgresOptions::new(keys.clone())
                    .with_clock(self.clock.clone())
                    .with_poll(Duration::from_millis(50))
                    .with_timeout(TIMEOUT)
                    .with_connections(4);
                Node::Postgres(PostgresStores::connect(url, options).await.unwrap())
            }
        }
    }

    /// Opens a node with the intervals and the clock that are shipped.
    pub(crate) async fn node_as_shipped(&self) -> Node {
        self.open(OpenOptions::new().with_keys(self.keys.clone())).await
    }

    /// Opens a node for somebody who has no keys.
    pub(crate) async fn node_without_keys(&self) -> Node {
        self.open(OpenOptions::new().beside_others().with_missing(MissingStore::Refuse)).await
    }

    async fn open(&self, options: OpenOptions) -> Node {
        let url = match &self.place {
            Place::Folder(_) => format!("sqlite:{}", self.file().display()),
            #[cfg(feature = "postgres")]
            Place::Database(url) => url.clone(),
        };
        Node::Opened(mcp_govern_store::open(&url, options).await.unwrap())
    }

    /// The file of a SQLite store.
    pub(crate) fn file(&self) -> PathBuf {
        match &self.place {
            Place::Folder(folder) => folder.path().join("store.db"),
            #[cfg(feature = "postgres")]
            Place::Database(_) => panic!("a database has no file"),
        }
    }

    /// The URL of a PostgreSQL store.
    #[cfg(feature = "postgres")]
    pub(crate) fn url(&self) -> &str {
        match &self.place {
            Place::Folder(_) => panic!("a file has no URL"),
            Place::Database(url) => url,
        }
    }

    /// Changes something behind the back of every node.
    pub(crate) async fn sql(&self, statement: &'static str) -> u64 {
        match &self.place {
            Place::Folder(_) => {
                let url = format!("sqlite://{}", self.file().display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                let done = sqlx::query(statement).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                done.rows_affected()
            }
            #[cfg(feature = "postgres")]
            Place::Database(url) => {
                let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
                sqlx::query("SET search_path = mcp_govern").execute(&mut connection).await.unwrap();
                let done = sqlx::query(statement).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                done.rows_affected()
            }
        }
    }

    /// Everything that is stored, as bytes.
    pub(crate) async fn everything(&self) -> Vec<u8> {
        match &self.place {
            Place::Folder(folder) => {
                let files = std::fs::read_dir(folder.path()).unwrap();
                files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
            }
            #[cfg(feature = "postgres")]
            Place::Database(url) => {
                let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
                let mut all = Vec::new();
                for table in ["tenant", "act", "record", "credential", "one_time", "lease", "checkpoint_part"] {
                    let dump = format!(
                        "SELECT convert_to(coalesce(string_agg(encode(t::text::bytea, 'escape'), ''), ''), 'UTF8') FROM mcp_govern.{table} t"
                    );
                    let rows: Vec<u8> =
                        sqlx::query_scalar(sqlx::AssertSqlSafe(dump)).fetch_one(&mut connection).await.unwrap();
                    all.extend(rows);
                }
                all
            }
        }
    }
}

impl Node {
    pub(crate) fn stores(&self) -> &dyn Stores {
        match self {
            Self::Sqlite(stores) => stores,
            #[cfg(feature = "postgres")]
            Self::Postgres(stores) => stores,
            Self::Opened(stores) => stores,
        }
    }

    pub(crate) fn into_stores(self) -> Arc<dyn Stores> {
        match self {
            Self::Sqlite(stores) => Arc::new(stores),
            #[cfg(feature = "postgres")]
            Self::Postgres(stores) => Arc::new(stores),
            Self::Opened(stores) => Arc::new(stores),
        }
    }

    /// The stores of the tenant that most tests use.
    pub(crate) async fn acme(&self) -> TenantStores {
        self.stores().open(&tenant()).await.unwrap()
    }

    pub(crate) async fn checkpoints(&self, tenant: &TenantId) -> Arc<dyn Checkpoints> {
        self.stores().open(tenant).await.unwrap().checkpoints.unwrap()
    }

    pub(crate) async fn tenants(&self) -> Vec<TenantId> {
        match self {
            Self::Sqlite(stores) => stores.tenants().await.unwrap(),
            #[cfg(feature = "postgres")]
            Self::Postgres(stores) => stores.tenants().await.unwrap(),
            Self::Opened(stores) => stores.tenants().await.unwrap(),
        }
    }

    pub(crate) fn replace_keys(&self, keys: VaultKeys) {
        match self {
            Self::Sqlite(stores) => stores.replace_keys(keys),
            #[cfg(feature = "postgres")]
            Self::Postgres(stores) => stores.replace_keys(keys),
            Self::Opened(stores) => stores.replace_keys(keys),
        }
    }

    pub(crate) async fn reseal(&self) -> Resealed {
        match self {
            Self::Sqlite(stores) => stores.reseal().await.unwrap(),
            #[cfg(feature = "postgres")]
            Self::Postgres(stores) => stores.reseal().await.unwrap(),
            Self::Opened(stores) => stores.reseal().await.unwrap(),
        }
    }
}

/// Runs something again until it answers, as long as a test may take.
pub(crate) async fn until<T>(mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(90);
    loop {
        if let Some(answer) = attempt().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "it did not come about within 90 s");
        tokio::task::yield_now().await;
    }
}
