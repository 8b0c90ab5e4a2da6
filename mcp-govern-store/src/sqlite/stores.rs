use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use mcp_govern_core::{
    TenantId,
    ports::{StoreError, Stores, TenantStores},
};

use super::{
    audit::SqliteAuditLog, checkpoint::SqliteCheckpoints, database::Database, fault::failed, journal::SqliteJournal,
    lease::SqliteLease, one_time::SqliteOneTime, options::SqliteOptions, space::SqliteSpace, vault::SqliteVault,
};
use crate::{
    checkpoint::CheckpointSealer, credential::CredentialSealer, keys::VaultKeys, one_time::OneTimeSealer,
    reseal::Resealed, rows, seal::Sealer,
};

/// The stores of any number of tenants in one SQLite file, on a local disk.
///
/// What was acknowledged is on the disk: every commit and every batch of audit records is one transaction in the write-ahead
/// log, synced before it is answered (`journal_mode = WAL`, `synchronous = FULL`). Several processes may use the file at the
/// same time; commits of another process are noticed within the poll interval. Not for network file systems.
///
/// Clones share everything. Within a tokio runtime.
#[derive(Debug, Clone)]
pub struct SqliteStores {
    database: Arc<Database>,
    sealer: Sealer,
}

impl SqliteStores {
    /// Opens a file, which is made, readable by its owner only, when it is not there.
    ///
    /// # Errors
    ///
    /// - `Unavailable`: the folder is not there, the file cannot be written, another process holds it.
    /// - `Corrupt`: the file is damaged, of another program, or of a newer release of this one.
    pub async fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, StoreError> {
        let sealer = Sealer::new(options.keys.clone());
        let database = Database::open(path.as_ref(), options).await?;
        Ok(Self { database: Arc::new(database), sealer })
    }

    /// The tenants that have ever been opened, by name.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let names: Vec<String> = sqlx::query_scalar("SELECT name FROM tenant ORDER BY name")
            .fetch_all(&self.database.readers)
            .await
            .map_err(failed("reading the tenants"))?;
        names.iter().map(|name| rows::tenant(name)).collect()
    }

    /// Seals and opens with other keys from now on; see [`VaultKeys`] for the order in which nodes get a new key.
    pub fn replace_keys(&self, keys: VaultKeys) {
        self.sealer.replace(keys);
    }

    /// Seals every credential of every tenant again that is not sealed under the current key, while others work.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written; what was done until then stays done.
    pub async fn reseal(&self) -> Result<Resealed, StoreError> {
        let mut resealed = Resealed::default();
        for tenant in self.tenants().await? {
            let id = self.database.tenant(&tenant).await?;
            resealed.add(self.vault(&tenant, id).reseal().await?);
        }
        Ok(resealed)
    }

    /// Looks through the whole file and all of its indexes for damage. The content is not judged: that is what verifying the
    /// journal and the audit log is for.
    ///
    /// # Errors
    ///
    /// `Corrupt` with what was found.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.database.check(true).await
    }

    /// Writes the store as it is at this moment to a new file, while others go on writing. The vault keys are not in it.
    ///
    /// # Errors
    ///
    /// When the file is there already or cannot be written.
    pub async fn backup(&self, to: impl AsRef<Path>) -> Result<(), StoreError> {
        self.database.backup(to.as_ref()).await
    }

    /// Closes the file in order; every use afterwards is `Unavailable`. Without it nothing is lost: the next one to open the
    /// file finds the write-ahead log.
    pub async fn close(&self) {
        self.database.close().await;
    }

    fn vault(&self, tenant: &TenantId, id: i64) -> SqliteVault {
        let sealer = CredentialSealer::new(tenant.clone(), self.sealer.clone());
        SqliteVault::new(Arc::clone(&self.database), id, sealer)
    }
}

#[async_trait]
impl Stores for SqliteStores {
    async fn open(&self, tenant: &TenantId) -> Result<TenantStores, StoreError> {
        let id = self.database.tenant(tenant).await?;
        let database = || Arc::clone(&self.database);
        let one_time = OneTimeSealer::new(tenant.clone(), self.sealer.clone());
        let stores = TenantStores::new(
            Arc::new(SqliteJournal::new(database(), id)),
            Arc::new(SqliteAuditLog::new(database(), id)),
            Arc::new(self.vault(tenant, id)),
            Arc::new(SqliteOneTime::new(database(), id, one_time)),
            Arc::new(SqliteLease::new(database(), id)),
        )
        .with_space(Arc::new(SqliteSpace::new(database())));
        // Without keys none could be read or written: a command that needs no secret is not to try.
        if !self.sealer.has_keys() {
            return Ok(stores);
        }
        let checkpoints = CheckpointSealer::new(tenant.clone(), self.sealer.clone());
        Ok(stores.with_checkpoints(Arc::new(SqliteCheckpoints::new(database(), id, checkpoints))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_send<T: Send>(_: T) {}

    #[test]
    fn every_future_can_move_between_threads() {
        let options = SqliteOptions::new(VaultKeys::generate().unwrap());
        is_send(SqliteStores::open("store.db", options));
        let _: fn(&SqliteStores) = |stores| {
            is_send(stores.tenants());
            is_send(stores.reseal());
            is_send(stores.check());
            is_send(stores.backup("copy.db"));
            is_send(stores.close());
        };
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_new_file_that_many_open_at_once_is_their_store_and_no_other_programs() {
        let folder = tempfile::tempdir().unwrap();
        let keys = VaultKeys::generate().unwrap();
        for round in 0..15 {
            let path = folder.path().join(format!("{round}.db"));
            let open = || {
                let (path, options) = (path.clone(), SqliteOptions::new(keys.clone()));
                tokio::spawn(async move { SqliteStores::open(path, options).await.unwrap() })
            };
            for opening in [open(), open(), open(), open(), open(), open()] {
                opening.await.unwrap().close().await;
            }
        }
    }
}
