//! Stores in memory: one that keeps the newest records alone, as a gateway's records leave its memory for its store, and one that keeps
//! checkpoints.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use mcp_govern_core::{
    TenantId,
    journal::Head,
    memory::{MemoryAuditLog, MemoryStores},
    ports::{
        AuditCursor, AuditFilter, AuditHead, AuditLog, AuditPage, Checkpoint, Checkpoints, StoreError, StoredRecord,
        Stores, TenantStores, WriterId,
    },
};

/// So many records are dropped whenever so many more have come.
const MOST: u64 = 2_048;

#[derive(Debug, Default)]
pub(crate) struct NewestRecords(MemoryStores);

#[async_trait]
impl Stores for NewestRecords {
    async fn open(&self, tenant: &TenantId) -> Result<TenantStores, StoreError> {
        let mut stores = self.0.tenant(tenant);
        stores.audit = Arc::new(Newest(MemoryAuditLog::new()));
        Ok(stores)
    }
}

#[derive(Debug)]
struct Newest(MemoryAuditLog);

#[async_trait]
impl AuditLog for Newest {
    async fn head(&self, writer: &WriterId) -> Result<AuditHead, StoreError> {
        self.0.head(writer).await
    }

    async fn append(&self, writer: &WriterId, expected: AuditHead, records: &[StoredRecord]) -> Result<(), StoreError> {
        self.0.append(writer, expected, records).await?;
        let last = records.last().map_or(expected.sequence, |record| record.sequence);
        if expected.sequence / MOST < last / MOST {
            let old = self.0.read(writer, 0, usize::try_from(MOST).unwrap_or_default()).await?;
            if let Some(record) = old.last() {
                self.0.drop_through(writer, AuditHead { sequence: record.sequence, hash: record.hash }).await?;
            }
        }
        Ok(())
    }

    async fn read(&self, writer: &WriterId, after: u64, limit: usize) -> Result<Vec<StoredRecord>, StoreError> {
        self.0.read(writer, after, limit).await
    }

    async fn writers(&self) -> Result<Vec<WriterId>, StoreError> {
        self.0.writers().await
    }

    async fn query(
        &self,
        filter: &AuditFilter,
        before: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        self.0.query(filter, before, limit).await
    }
}

/// Stores that keep the newest checkpoint.
#[derive(Debug, Clone, Default)]
pub(crate) struct WithCheckpoint(MemoryStores, Arc<NewestCheckpoint>);

#[async_trait]
impl Stores for WithCheckpoint {
    async fn open(&self, tenant: &TenantId) -> Result<TenantStores, StoreError> {
        let mut stores = self.0.tenant(tenant);
        stores.checkpoints = Some(self.1.clone());
        Ok(stores)
    }
}

#[derive(Debug, Default)]
struct NewestCheckpoint(Mutex<Option<Checkpoint>>);

#[async_trait]
impl Checkpoints for NewestCheckpoint {
    async fn latest(&self, form: u32) -> Result<Option<Checkpoint>, StoreError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(kept.filter(|checkpoint| checkpoint.form() == form))
    }

    async fn newest(&self, form: u32) -> Result<Option<Head>, StoreError> {
        Ok(self.latest(form).await?.map(|checkpoint| checkpoint.head()))
    }

    async fn put(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(checkpoint.clone());
        Ok(())
    }
}
