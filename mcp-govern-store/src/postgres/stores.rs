use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_core::{
    TenantId,
    ports::{StoreError, Stores, TenantStores},
};

use super::{
    audit::PostgresAuditLog,
    checkpoint::PostgresCheckpoints,
    database::{Database, within},
    fault::Access,
    journal::PostgresJournal,
    lease::PostgresLease,
    one_time::PostgresOneTime,
    options::PostgresOptions,
    space::PostgresSpace,
    vault::PostgresVault,
};
use crate::{
    checkpoint::CheckpointSealer, credential::CredentialSealer, keys::VaultKeys, one_time::OneTimeSealer,
    reseal::Resealed, rows, seal::Sealer,
};

/// The stores of any number of tenants in one schema of a PostgreSQL database (version 13 or later), for any number of nodes.
///
/// What was acknowledged is as durable as the server's `synchronous_commit` makes it; where that is `off`, it is switched
/// `on` for these connections. With `on` nothing acknowledged is lost in a crash of the server. A standby that is promoted
/// has all of it only where it is synchronous.
///
/// Commits of other nodes are heard of by `LISTEN`, which needs connections of one's own or a pooler in session mode.
///
/// Clones share everything. Within a tokio runtime.
#[derive(Debug, Clone)]
pub struct PostgresStores {
    database: Arc<Database>,
    sealer: Sealer,
}

impl PostgresStores {
    /// Connects to `postgres://user:password@host:port/database`, with the parameters that libpq knows (`sslmode`,
    /// `sslrootcert`, `host` for a socket's folder), and makes schema and tables when they are not there.
    ///
    /// # Errors
    ///
    /// - `Unavailable`: the server cannot be reached, refuses the user, or is a replica.
    /// - `Corrupt`: the tables are of a newer release.
    pub async fn connect(url: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let sealer = Sealer::new(options.keys.clone());
        let database = Database::connect(url, options).await?;
        Ok(Self { database: Arc::new(database), sealer })
    }

    /// The tenants that have ever been opened, by name.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let mut lent = self.database.lend(Access::Read, "reading the tenants").await?;
        let read = sqlx::query_scalar("SELECT name FROM tenant ORDER BY name COLLATE \"C\"");
        let read = within(lent.timeout, read.fetch_all(lent.connection())).await;
        let names: Vec<String> = lent.settle(read)?;
        names.iter().map(|name| rows::tenant(name)).collect()
    }

    /// Seals and opens with other keys from now on, on this node; see [`VaultKeys`] for the order in which nodes get a new
    /// key.
    pub fn replace_keys(&self, keys: VaultKeys) {
        self.sealer.replace(keys);
    }

    /// Seals every credential of every tenant again that is not sealed under the current key, while others work.
    ///
    /// # Errors
    ///
    /// When the database cannot be read or written; what was done until then stays done.
    pub async fn reseal(&self) -> Result<Resealed, StoreError> {
        let mut resealed = Resealed::default();
        for tenant in self.tenants().await? {
            let id = self.database.tenant(&tenant).await?;
            resealed.add(self.vault(&tenant, id).reseal().await?);
        }
        Ok(resealed)
    }

    /// Closes every connection in order; every use afterwards is `Unavailable`.
    pub async fn close(&self) {
        self.database.close().await;
    }

    fn vault(&self, tenant: &TenantId, id: i64) -> PostgresVault {
        let sealer = CredentialSealer::new(tenant.clone(), self.sealer.clone());
        PostgresVault::new(Arc::clone(&self.database), id, sealer)
    }
}

#[async_trait]
impl Stores for PostgresStores {
    async fn open(&self, tenant: &TenantId) -> Result<TenantStores, StoreError> {
        let id = self.database.tenant(tenant).await?;
        let database = || Arc::clone(&self.database);
        let one_time = OneTimeSealer::new(tenant.clone(), self.sealer.clone());
        let stores = TenantStores::new(
            Arc::new(PostgresJournal::new(database(), id)),
            Arc::new(PostgresAuditLog::new(database(), id)),
            Arc::new(self.vault(tenant, id)),
            Arc::new(PostgresOneTime::new(database(), id, one_time)),
            Arc::new(PostgresLease::new(database(), id)),
        )
        .with_space(Arc::new(PostgresSpace::new(database())));
        // Without keys none could be read or written: a command that needs no secret is not to try.
        if !self.sealer.has_keys() {
            return Ok(stores);
        }
        let checkpoints = CheckpointSealer::new(tenant.clone(), self.sealer.clone());
        Ok(stores.with_checkpoints(Arc::new(PostgresCheckpoints::new(database(), id, checkpoints))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_send<T: Send>(_: T) {}

    #[test]
    fn every_future_can_move_between_threads() {
        let options = PostgresOptions::new(VaultKeys::generate().unwrap());
        is_send(PostgresStores::connect("postgres://localhost", options));
        let _: fn(&PostgresStores) = |stores| {
            is_send(stores.tenants());
            is_send(stores.reseal());
            is_send(stores.close());
        };
    }
}
