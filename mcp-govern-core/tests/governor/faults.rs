//! Stores in memory that fail when they are told to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mcp_govern_core::{
    Credential, TenantId,
    journal::{Head, Revision, StoredCommit},
    memory::MemoryStores,
    ports::{
        AuditCursor, AuditFilter, AuditHead, AuditLog, AuditPage, Journal, JournalUpdates, Lease, LeaseGuard,
        StoreError, StoreErrorKind, StoredRecord, Stores, TenantStores, Vault, VaultEntry, VaultKey, WriterId,
    },
};
use tokio::sync::Semaphore;

/// What fails, and how often.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// So many appends of commits are written, and the acknowledgement is lost.
    pub(crate) commit_acks_lost: AtomicUsize,
    /// So many appends of commits are lost before they are written.
    pub(crate) commits_lost: AtomicUsize,
    /// While set, appends of commits wait: each says so and needs a permit.
    pub(crate) commits_wait: AtomicBool,
    pub(crate) commits_arrived: Semaphore0,
    pub(crate) commits_go: Semaphore0,
    /// So many reads of the journal fail.
    pub(crate) reads_fail: AtomicUsize,
    /// The journal cannot be followed; told by [`Faults::lose_journal`].
    pub(crate) journal_lost: AtomicBool,
    pub(crate) lost: tokio::sync::Notify,
    /// So many appends of audit records fail, by this kind.
    pub(crate) records_fail: AtomicUsize,
    /// So many appends of audit records are written, and the acknowledgement is lost.
    pub(crate) record_acks_lost: AtomicUsize,
    /// So many appends of audit records are not written, and nobody is told: the answer is lost.
    pub(crate) records_lost: AtomicUsize,
    /// So many appends of audit records come about late, right before the next one; their answer is lost.
    pub(crate) records_late: AtomicUsize,
    late: std::sync::Mutex<Vec<(WriterId, AuditHead, Vec<StoredRecord>)>>,
    /// So many questions for an audit chain's head fail.
    pub(crate) heads_fail: AtomicUsize,
    /// While set, appends of audit records wait: each says so and needs a permit.
    pub(crate) records_wait: AtomicBool,
    pub(crate) records_arrived: Semaphore0,
    pub(crate) records_go: Semaphore0,
    /// How many appends of audit records there were.
    pub(crate) record_appends: AtomicUsize,
    /// So many deletions of dropped segments fail.
    pub(crate) drops_fail: AtomicUsize,
    /// How many times a credential was read from the vault.
    pub(crate) vault_reads: AtomicUsize,
    /// So many writes to the vault fail, before or after they were carried out.
    pub(crate) puts_fail: AtomicUsize,
    pub(crate) puts_fail_afterwards: AtomicUsize,
    /// So many deletions from the vault fail.
    pub(crate) deletes_fail: AtomicUsize,
    /// While set, counts of leases wait: each says so and needs a permit.
    pub(crate) counts_wait: AtomicBool,
    pub(crate) counts_arrived: Semaphore0,
    pub(crate) counts_go: Semaphore0,
    /// So many counts of leases fail.
    pub(crate) counts_fail: AtomicUsize,
}

/// A semaphore without permits.
#[derive(Debug)]
pub(crate) struct Semaphore0(pub(crate) Semaphore);

impl Default for Semaphore0 {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Faults {
    pub(crate) fn lose_journal(&self) {
        self.journal_lost.store(true, Ordering::SeqCst);
        self.lost.notify_one();
    }

    pub(crate) fn find_journal(&self) {
        self.journal_lost.store(false, Ordering::SeqCst);
        self.lost.notify_one();
    }
}

/// Takes one off the count, if there is one.
fn happens(count: &AtomicUsize) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn unknown() -> StoreError {
    StoreError::new(StoreErrorKind::Unknown, "the connection broke")
}

fn unavailable() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the store is away")
}

/// Memory stores behind faults; clones share both.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultyStores {
    pub(crate) memory: MemoryStores,
    pub(crate) faults: Arc<Faults>,
}

#[async_trait]
impl Stores for FaultyStores {
    async fn open(&self, tenant: &TenantId) -> Result<TenantStores, StoreError> {
        let mut stores = self.memory.open(tenant).await?;
        stores.journal = Arc::new(FaultyJournal(stores.journal, self.faults.clone()));
        stores.audit = Arc::new(FaultyAudit(stores.audit, self.faults.clone()));
        stores.vault = Arc::new(FaultyVault(stores.vault, self.faults.clone()));
        stores.lease = Arc::new(FaultyLease(stores.lease, self.faults.clone()));
        Ok(stores)
    }
}

#[derive(Debug)]
struct FaultyJournal(Arc<dyn Journal>, Arc<Faults>);

#[async_trait]
impl Journal for FaultyJournal {
    fn updates(&self) -> JournalUpdates {
        self.0.updates()
    }

    async fn head(&self) -> Result<Head, StoreError> {
        self.0.head().await
    }

    async fn append(&self, expected: Head, commit: &StoredCommit) -> Result<Head, StoreError> {
        if self.1.commits_wait.load(Ordering::SeqCst) {
            self.1.commits_arrived.0.add_permits(1);
            self.1.commits_go.0.acquire().await.unwrap().forget();
        }
        if happens(&self.1.commits_lost) {
            return Err(unknown());
        }
        let head = self.0.append(expected, commit).await?;
        if happens(&self.1.commit_acks_lost) { Err(unknown()) } else { Ok(head) }
    }

    async fn read(&self, after: Revision, limit: usize) -> Result<Vec<StoredCommit>, StoreError> {
        if self.1.journal_lost.load(Ordering::SeqCst) || happens(&self.1.reads_fail) {
            return Err(unavailable());
        }
        self.0.read(after, limit).await
    }

    async fn changed(&self, after: Revision) -> Result<(), StoreError> {
        // The pause that the contract asks for ends with the next `lose_journal` or `find_journal`.
        tokio::select! {
            changed = self.0.changed(after), if !self.1.journal_lost.load(Ordering::SeqCst) => changed,
            () = self.1.lost.notified() => Err(unavailable()),
        }
    }
}

#[derive(Debug)]
struct FaultyAudit(Arc<dyn AuditLog>, Arc<Faults>);

#[async_trait]
impl AuditLog for FaultyAudit {
    async fn head(&self, writer: &WriterId) -> Result<AuditHead, StoreError> {
        if happens(&self.1.heads_fail) { Err(unavailable()) } else { self.0.head(writer).await }
    }

    async fn append(&self, writer: &WriterId, expected: AuditHead, records: &[StoredRecord]) -> Result<(), StoreError> {
        self.1.record_appends.fetch_add(1, Ordering::SeqCst);
        if self.1.records_wait.load(Ordering::SeqCst) {
            self.1.records_arrived.0.add_permits(1);
            self.1.records_go.0.acquire().await.unwrap().forget();
        }
        let late = std::mem::take(&mut *self.1.late.lock().unwrap());
        for (writer, expected, records) in late {
            self.0.append(&writer, expected, &records).await?;
        }
        if happens(&self.1.records_fail) {
            return Err(unavailable());
        }
        if happens(&self.1.records_lost) {
            return Err(unknown());
        }
        if happens(&self.1.records_late) {
            self.1.late.lock().unwrap().push((writer.clone(), expected, records.to_vec()));
            return Err(unknown());
        }
        self.0.append(writer, expected, records).await?;
        if happens(&self.1.record_acks_lost) { Err(unknown()) } else { Ok(()) }
    }

    async fn read(&self, writer: &WriterId, after: u64, limit: usize) -> Result<Vec<StoredRecord>, StoreError> {
        self.0.read(writer, after, limit).await
    }

    async fn writers(&self) -> Result<Vec<WriterId>, StoreError> {
        self.0.writers().await
    }

    async fn drop_through(&self, writer: &WriterId, through: AuditHead) -> Result<u64, StoreError> {
        if happens(&self.1.drops_fail) { Err(unavailable()) } else { self.0.drop_through(writer, through).await }
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

#[derive(Debug)]
struct FaultyVault(Arc<dyn Vault>, Arc<Faults>);

#[async_trait]
impl Vault for FaultyVault {
    async fn put(&self, key: &VaultKey, expected: u64, credential: &Credential) -> Result<u64, StoreError> {
        if happens(&self.1.puts_fail) {
            return Err(unavailable());
        }
        let version = self.0.put(key, expected, credential).await?;
        if happens(&self.1.puts_fail_afterwards) { Err(unavailable()) } else { Ok(version) }
    }

    async fn get(&self, key: &VaultKey) -> Result<Option<VaultEntry>, StoreError> {
        self.1.vault_reads.fetch_add(1, Ordering::SeqCst);
        self.0.get(key).await
    }

    async fn get_version(&self, key: &VaultKey, version: u64) -> Result<Option<VaultEntry>, StoreError> {
        self.1.vault_reads.fetch_add(1, Ordering::SeqCst);
        self.0.get_version(key, version).await
    }

    async fn delete(&self, key: &VaultKey) -> Result<(), StoreError> {
        if happens(&self.1.deletes_fail) { Err(unavailable()) } else { self.0.delete(key).await }
    }

    async fn list(&self) -> Result<Vec<(VaultKey, u64)>, StoreError> {
        self.0.list().await
    }
}

/// Short enough that a store which is away is given up at once.
pub(crate) const AT_ONCE: Duration = Duration::ZERO;

#[derive(Debug)]
struct FaultyLease(Arc<dyn Lease>, Arc<Faults>);

#[async_trait]
impl Lease for FaultyLease {
    async fn hold(&self, name: &str, ttl: Duration) -> Result<Option<Box<dyn LeaseGuard>>, StoreError> {
        self.0.hold(name, ttl).await
    }

    async fn count(&self, prefix: &str) -> Result<usize, StoreError> {
        if self.1.counts_wait.load(Ordering::SeqCst) {
            self.1.counts_arrived.0.add_permits(1);
            self.1.counts_go.0.acquire().await.unwrap().forget();
        }
        if happens(&self.1.counts_fail) { Err(unavailable()) } else { self.0.count(prefix).await }
    }
}
