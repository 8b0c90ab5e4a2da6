//! Stores for a program that must stay small however many calls it makes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use mcp_govern_core::{
    TenantId,
    memory::MemoryStores,
    ports::{
        AuditCursor, AuditFilter, AuditHead, AuditLog, AuditPage, StoreError, StoreErrorKind, StoredRecord, Stores,
        TenantStores, WriterId,
    },
};

/// Everything in memory, and of the audit only the head of each chain: nothing grows with the number of calls.
///
/// That is right for a program whose output is its record. An installation keeps its records in a store.
#[derive(Debug, Default)]
pub(crate) struct SmallStores(MemoryStores);

#[async_trait]
impl Stores for SmallStores {
    async fn open(&self, tenant: &TenantId) -> Result<TenantStores, StoreError> {
        let mut stores = self.0.tenant(tenant);
        stores.audit = Arc::new(ChainHeads::default());
        Ok(stores)
    }
}

/// The head of each chain of records, without the records.
#[derive(Debug, Default)]
struct ChainHeads(Mutex<BTreeMap<WriterId, AuditHead>>);

impl ChainHeads {
    fn heads(&self) -> MutexGuard<'_, BTreeMap<WriterId, AuditHead>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl AuditLog for ChainHeads {
    async fn head(&self, writer: &WriterId) -> Result<AuditHead, StoreError> {
        Ok(self.heads().get(writer).copied().unwrap_or(AuditHead::EMPTY))
    }

    async fn append(&self, writer: &WriterId, expected: AuditHead, records: &[StoredRecord]) -> Result<(), StoreError> {
        let mut heads = self.heads();
        let head = heads.get(writer).copied().unwrap_or(AuditHead::EMPTY);
        if head != expected {
            let message = format!("the chain of writer `{writer}` is at {}", head.sequence);
            return Err(StoreError::new(StoreErrorKind::Conflict, message));
        }
        if let Some(last) = records.last() {
            heads.insert(writer.clone(), AuditHead { sequence: last.sequence, hash: last.hash });
        }
        Ok(())
    }

    async fn read(&self, _writer: &WriterId, _after: u64, _limit: usize) -> Result<Vec<StoredRecord>, StoreError> {
        Ok(Vec::new())
    }

    async fn writers(&self) -> Result<Vec<WriterId>, StoreError> {
        Ok(self.heads().keys().cloned().collect())
    }

    async fn query(
        &self,
        _filter: &AuditFilter,
        _before: Option<&AuditCursor>,
        _limit: usize,
    ) -> Result<AuditPage, StoreError> {
        Ok(AuditPage::default())
    }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::{
        Digest, Timestamp,
        audit::{AuditChain, AuditRecord, WriterMark},
        journal::Revision,
    };

    use super::*;

    #[tokio::test]
    async fn a_chain_goes_on_from_where_it_stands_and_no_record_is_kept() {
        let log = ChainHeads::default();
        let writer = WriterId::new("w").unwrap();
        let mut chain = AuditChain::new();
        let mark = || AuditRecord::Mark(WriterMark::Opened { revision: Revision::ZERO, journal: Digest::ZERO });
        for _ in 0..3 {
            let before = chain.head();
            let record = chain.append(Timestamp::from_millis(1), mark()).unwrap();
            log.append(&writer, before, &[record]).await.unwrap();
        }
        assert_eq!(log.head(&writer).await.unwrap(), chain.head());
        let stale = log.append(&writer, AuditHead::EMPTY, &[]).await.unwrap_err();
        assert_eq!(stale.kind(), StoreErrorKind::Conflict);
        assert!(log.read(&writer, 0, 10).await.unwrap().is_empty());
    }
}
