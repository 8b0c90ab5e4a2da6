use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_core::{
    Credential,
    ports::{StoreError, Vault, VaultEntry, VaultKey},
};

use super::{
    database::{Database, Write},
    fault::failed,
};
use crate::{
    credential::{CredentialSealer, KeptVersion, KeyColumns, SealedColumns, SealedEntry, listed},
    reseal::{ResealOutcome, Resealed},
    rows,
    seal::Sealed,
};

/// The vault of one tenant in the file.
#[derive(Debug)]
pub(crate) struct SqliteVault {
    database: Arc<Database>,
    tenant: i64,
    sealer: CredentialSealer,
}

impl SqliteVault {
    pub(crate) fn new(database: Arc<Database>, tenant: i64, sealer: CredentialSealer) -> Self {
        Self { database, tenant, sealer }
    }

    /// The value under a key, as the transaction sees it.
    async fn kept_version(&self, write: &mut Write, key: &KeyColumns) -> Result<KeptVersion, StoreError> {
        let row: Option<(i64, bool)> = sqlx::query_as(
            "SELECT version, sealed IS NULL FROM credential \
             WHERE tenant = ? AND server = ? AND owner = ? AND origin = ?",
        )
        .bind(self.tenant)
        .bind(&key.server)
        .bind(&key.owner)
        .bind(&key.origin)
        .fetch_optional(write.connection())
        .await
        .map_err(write.failed())?;
        KeptVersion::read(row)
    }

    async fn write_next(
        &self,
        write: &mut Write,
        key: &KeyColumns,
        version: u64,
        sealed: &Sealed,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO credential (tenant, server, owner, origin, version, sealed_with, sealed) \
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, server, owner, origin) DO UPDATE \
             SET version = excluded.version, sealed_with = excluded.sealed_with, sealed = excluded.sealed, \
             previous_sealed_with = credential.sealed_with, previous_sealed = credential.sealed",
        )
        .bind(self.tenant)
        .bind(&key.server)
        .bind(&key.owner)
        .bind(&key.origin)
        .bind(rows::column(version))
        .bind(&sealed.key)
        .bind(sealed.bytes.as_slice())
        .execute(write.connection())
        .await
        .map_err(write.failed())?;
        Ok(())
    }

    async fn entry(&self, key: &KeyColumns) -> Result<Option<SealedEntry>, StoreError> {
        let row: Option<SealedColumns> = sqlx::query_as(
            "SELECT version, sealed_with, sealed, previous_sealed_with, previous_sealed FROM credential \
             WHERE tenant = ? AND server = ? AND owner = ? AND origin = ? AND sealed IS NOT NULL",
        )
        .bind(self.tenant)
        .bind(&key.server)
        .bind(&key.owner)
        .bind(&key.origin)
        .fetch_optional(&self.database.readers)
        .await
        .map_err(failed("reading a credential"))?;
        row.map(SealedEntry::read).transpose()
    }

    async fn entries(&self) -> Result<Vec<(VaultKey, u64)>, StoreError> {
        let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
            "SELECT server, owner, origin, version FROM credential WHERE tenant = ? AND sealed IS NOT NULL \
             ORDER BY server, owner, origin",
        )
        .bind(self.tenant)
        .fetch_all(&self.database.readers)
        .await
        .map_err(failed("listing the credentials"))?;
        rows.into_iter().map(listed).collect()
    }

    /// Puts the entry sealed again in the place of the one that was read, if that is still there.
    async fn replace(&self, key: &KeyColumns, read: &SealedEntry, again: &SealedEntry) -> Result<bool, StoreError> {
        let mut write = self.database.write("sealing a credential again").await?;
        let replaced = sqlx::query(
            "UPDATE credential SET sealed_with = ?, sealed = ?, previous_sealed_with = ?, previous_sealed = ? \
             WHERE tenant = ? AND server = ? AND owner = ? AND origin = ? AND version = ? AND sealed = ?",
        )
        .bind(&again.sealed.key)
        .bind(again.sealed.bytes.as_slice())
        .bind(again.previous.as_ref().map(|previous| previous.key.as_str()))
        .bind(again.previous.as_ref().map(|previous| previous.bytes.as_slice()))
        .bind(self.tenant)
        .bind(&key.server)
        .bind(&key.owner)
        .bind(&key.origin)
        .bind(rows::column(read.version))
        .bind(read.sealed.bytes.as_slice())
        .execute(write.connection())
        .await
        .map_err(write.failed())?;
        write.commit().await?;
        Ok(replaced.rows_affected() == 1)
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
impl Vault for SqliteVault {
    async fn put(&self, key: &VaultKey, expected: u64, credential: &Credential) -> Result<u64, StoreError> {
        let key = KeyColumns::of(key)?;
        let mut write = self.database.write("putting a credential").await?;
        let kept_version = self.kept_version(&mut write, &key).await?;
        if kept_version.current() != expected {
            write.roll_back().await?;
            return Err(StoreError::version_taken(kept_version.current()));
        }
        let version = kept_version.next();
        let sealed = self.sealer.seal(&key, version, credential)?;
        self.write_next(&mut write, &key, version, &sealed).await?;
        write.commit().await?;
        Ok(version)
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
        let mut write = self.database.write("deleting a credential").await?;
        sqlx::query(
            "UPDATE credential \
             SET sealed_with = NULL, sealed = NULL, previous_sealed_with = NULL, previous_sealed = NULL \
             WHERE tenant = ? AND server = ? AND owner = ? AND origin = ?",
        )
        .bind(self.tenant)
        .bind(&key.server)
        .bind(&key.owner)
        .bind(&key.origin)
        .execute(write.connection())
        .await
        .map_err(write.failed())?;
        Ok(write.commit().await?)
    }

    async fn list(&self) -> Result<Vec<(VaultKey, u64)>, StoreError> {
        Ok(self.entries().await?)
    }
}
