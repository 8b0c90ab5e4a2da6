use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_core::{
    Credential,
    ports::{StoreError, Vault, VaultEntry, VaultKey},
};

use super::{
    database::{Database, within},
    fault::Access,
};
use crate::{
    credential::{CredentialSealer, KeptVersion, KeyColumns, SealedColumns, SealedEntry, listed},
    reseal::{ResealOutcome, Resealed},
    rows,
    seal::Sealed,
};

/// The vault of one tenant in the database. One row per key, so that whatever changes it meets on the row's lock.
#[derive(Debug)]
pub(crate) struct PostgresVault {
    database: Arc<Database>,
    tenant: i64,
    sealer: CredentialSealer,
}

impl PostgresVault {
    pub(crate) fn new(database: Arc<Database>, tenant: i64, sealer: CredentialSealer) -> Self {
        Self { database, tenant, sealer }
    }

    async fn kept_version(&self, key: &KeyColumns) -> Result<KeptVersion, StoreError> {
        let mut lent = self.database.lend(Access::Read, "reading the version of a credential").await?;
        let read = sqlx::query_as(
            "SELECT version, sealed IS NULL FROM credential \
             WHERE tenant = $1 AND server = $2 AND owner = $3 AND origin = $4",
        )
        .bind(self.tenant)
        .bind(&key.server)
        .bind(&key.owner)
        .bind(&key.origin);
        let read = within(lent.timeout, read.fetch_optional(lent.connection())).await;
        KeptVersion::read(lent.settle(read)?)
    }

    /// Whether what stood is still there, and the next version has taken its place.
    async fn write_next(
        &self,
        key: &KeyColumns,
        kept_version: KeptVersion,
        sealed: &Sealed,
    ) -> Result<bool, StoreError> {
        let mut lent = self.database.lend(Access::Write, "putting a credential").await?;
        let write = sqlx::query(
            "INSERT INTO credential (tenant, server, owner, origin, version, sealed_with, sealed) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, server, owner, origin) DO UPDATE \
             SET version = excluded.version, sealed_with = excluded.sealed_with, sealed = excluded.sealed, \
             previous_sealed_with = credential.sealed_with, previous_sealed = credential.sealed \
             WHERE credential.version = excluded.version - 1 AND (credential.sealed IS NULL) = $8",
        )
        .bind(self.tenant)
        .bind(&key.server)
        .bind(&key.owner)
        .bind(&key.origin)
        .bind(rows::column(kept_version.next()))
        .bind(&sealed.key)
        .bind(&sealed.bytes)
        .bind(kept_version.current() == 0);
        let write = within(lent.timeout, write.execute(lent.connection())).await;
        Ok(lent.settle(write)?.rows_affected() == 1)
    }

    async fn entry(&self, key: &KeyColumns) -> Result<Option<SealedEntry>, StoreError> {
        let mut lent = self.database.lend(Access::Read, "reading a credential").await?;
        let read = sqlx::query_as(
            "SELECT version, sealed_with, sealed, previous_sealed_with, previous_sealed FROM credential \
             WHERE tenant = $1 AND server = $2 AND owner = $3 AND origin = $4 AND sealed IS NOT NULL",
        )
        .bind(self.tenant)
        .bind(&key.server)
        .bind(&key.owner)
        .bind(&key.origin);
        let read = within(lent.timeout, read.fetch_optional(lent.connection())).await;
        let columns: Option<SealedColumns> = lent.settle(read)?;
        columns.map(SealedEntry::read).transpose()
    }

    async fn entries(&self) -> Result<Vec<(VaultKey, u64)>, StoreError> {
        let mut lent = self.database.lend(Access::Read, "listing the credentials").await?;
        let read = sqlx::query_as(
            "SELECT server, owner, origin, version FROM credential WHERE tenant = $1 AND sealed IS NOT NULL \
             ORDER BY server COLLATE \"C\", owner COLLATE \"C\", origin COLLATE \"C\"",
        )
        .bind(self.tenant);
        let read = within(lent.timeout, read.fetch_all(lent.connection())).await;
        lent.settle(read)?.into_iter().map(listed).collect()
    }

    /// Puts the entry sealed again in the place of the one that was read, if that is still there.
    async fn replace(&self, key: &KeyColumns, read: &SealedEntry, again: &SealedEntry) -> Result<bool, StoreError> {
        let mut lent = self.database.lend(Access::Write, "sealing a credential again").await?;
        let replace = sqlx::query(
            "UPDATE credential SET sealed_with = $1, sealed = $2, previous_sealed_with = $3, previous_sealed = $4 \
             WHERE tenant = $5 AND server = $6 AND owner = $7 AND origin = $8 AND version = $9 AND sealed = $10",
        )
        .bind(&again.sealed.key)
        .bind(&again.sealed.bytes)
        .bind(again.previous.as_ref().map(|previous| previous.key.as_str()))
        .bind(again.previous.as_ref().map(|previous| previous.bytes.as_slice()))
        .bind(self.tenant)
        .bind(&key.server)
        .bind(&key.owner)
        .bind(&key.origin)
        .bind(rows::column(read.version))
        .bind(&read.sealed.bytes);
        let replace = within(lent.timeout, replace.execute(lent.connection())).await;
        Ok(lent.settle(replace)?.rows_affected() == 1)
    }

    /// Seals again under the current key what is sealed under another.
    pub(crate) async fn reseal(&self) -> Result<Resealed, StoreError> {
        let mut resealed = Resealed::default();
        for (key, _) in self.entries().await? {
            let key = KeyColumns::of(&key)?;
            let Some(entry) = self.entry(&key).await? else { continue };
            resealed.count(match entry.resealed(&self.sealer, &key) {
                None if entry.is_current(&self.sealer) => ResealOutcome::Current,
                Some(again) if self.replace(&key, &entry, &again).await? && again.is_current(&self.sealer) => {
                    ResealOutcome::Done
                }
                _ => ResealOutcome::Left,
            });
        }
        Ok(resealed)
    }
}

#[async_trait]
impl Vault for PostgresVault {
    async fn put(&self, key: &VaultKey, expected: u64, credential: &Credential) -> Result<u64, StoreError> {
        let key = KeyColumns::of(key)?;
        loop {
            let kept_version = self.kept_version(&key).await?;
            if kept_version.current() != expected {
                return Err(StoreError::version_taken(kept_version.current()));
            }
            let sealed = self.sealer.seal(&key, kept_version.next(), credential)?;
            if self.write_next(&key, kept_version, &sealed).await? {
                return Ok(kept_version.next());
            }
            // Somebody was faster between the two statements: most often this ends in a conflict now.
        }
    }

    async fn get(&self, key: &VaultKey) -> Result<Option<VaultEntry>, StoreError> {
        let key = KeyColumns::of(key)?;
        match self.entry(&key).await? {
            Some(entry) => entry.open(&self.sealer, &key, entry.version),
            None => Ok(None),
        }
    }

    async fn get_version(&self, key: &VaultKey, version: u64) -> Result<Option<VaultEntry>, StoreError> {
        let key = KeyColumns::of(key)?;
        match self.entry(&key).await? {
            Some(entry) => entry.open(&self.sealer, &key, version),
            None => Ok(None),
        }
    }

    async fn delete(&self, key: &VaultKey) -> Result<(), StoreError> {
        let key = KeyColumns::of(key)?;
        let mut lent = self.database.lend(Access::Write, "deleting a credential").await?;
        let delete = sqlx::query(
            "UPDATE credential \
             SET sealed_with = NULL, sealed = NULL, previous_sealed_with = NULL, previous_sealed = NULL \
             WHERE tenant = $1 AND server = $2 AND owner = $3 AND origin = $4",
        )
        .bind(self.tenant)
        .bind(&key.server)
        .bind(&key.owner)
        .bind(&key.origin);
        let delete = within(lent.timeout, delete.execute(lent.connection())).await;
        lent.settle(delete)?;
        Ok(())
    }

    async fn list(&self) -> Result<Vec<(VaultKey, u64)>, StoreError> {
        Ok(self.entries().await?)
    }
}
