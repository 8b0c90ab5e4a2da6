//! Stores in memory that keep the newest records alone: a gateway's records leave its memory for its store.

use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_core::{
    TenantId,
    memory::{MemoryAuditLog, MemoryStores},
    ports::{
        AuditCursor, AuditFilter, AuditHead, AuditLog, AuditPage, StoreError, StoredRecord, Stores, TenantStores,
        WriterId,
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
