//! Stores in memory: for tests, examples, and processes that keep nothing.
//!
//! One [`MemoryStores`] can serve several [`Governor`](crate::Governor)s: they then play the nodes of one installation. What it
//! holds is gone with the process, and secrets lie in memory unsealed.

mod audit_log;
mod head_keeper;
mod journal;
mod lease;
mod one_time;
mod vault;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

pub use self::{
    audit_log::MemoryAuditLog, head_keeper::MemoryHeadKeeper, journal::MemoryJournal, lease::MemoryLease,
    one_time::MemoryOneTime, vault::MemoryVault,
};
use crate::{
    ports::{StoreError, Stores, TenantStores},
    vocabulary::{Clock, SystemClock, TenantId},
};

/// Stores of any number of tenants in memory. Clones share what they hold.
#[derive(Debug, Clone)]
pub struct MemoryStores {
    clock: Arc<dyn Clock>,
    tenants: Arc<Mutex<HashMap<TenantId, TenantStores>>>,
}

impl Default for MemoryStores {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStores {
    /// Empty stores.
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// Empty stores whose leases and one-time values end by this clock.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clock, tenants: Arc::default() }
    }

    /// The stores of a tenant.
    pub fn tenant(&self, tenant: &TenantId) -> TenantStores {
        let mut tenants = lock(&self.tenants);
        let create = || {
            TenantStores::new(
                Arc::new(MemoryJournal::new()),
                Arc::new(MemoryAuditLog::new()),
                Arc::new(MemoryVault::new()),
                Arc::new(MemoryOneTime::new(Arc::clone(&self.clock))),
                Arc::new(MemoryLease::new(Arc::clone(&self.clock))),
            )
        };
        tenants.entry(tenant.clone()).or_insert_with(create).clone()
    }
}

#[async_trait]
impl Stores for MemoryStores {
    async fn open(&self, tenant: &TenantId) -> Result<TenantStores, StoreError> {
        Ok(self.tenant(tenant))
    }
}

/// A lock that a panicking thread cannot poison for good: no method leaves its data half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ports::{VaultKey, WriterId},
        provider::Credential,
        vocabulary::{AuthMethodId, CredentialOwner, Secret, ServerId},
    };

    #[tokio::test]
    async fn two_tenants_share_nothing_and_two_openings_of_one_tenant_share_everything() {
        let stores = MemoryStores::new();
        let (one, two) = (TenantId::new("one").unwrap(), TenantId::new("two").unwrap());
        let key = VaultKey::new(ServerId::new("s").unwrap(), CredentialOwner::Shared, "https://x");
        let credential =
            Credential::new(AuthMethodId::new("api_key").unwrap()).with_field("api_key", Secret::new("canary"));
        stores.open(&one).await.unwrap().vault.put(&key, 0, &credential).await.unwrap();
        assert!(stores.clone().open(&one).await.unwrap().vault.get(&key).await.unwrap().is_some());
        assert!(stores.open(&two).await.unwrap().vault.get(&key).await.unwrap().is_none());
        let writer = WriterId::new("w").unwrap();
        assert_eq!(stores.open(&two).await.unwrap().audit.head(&writer).await.unwrap().sequence, 0);
        assert!(!format!("{stores:?}").contains("canary"));
    }
}
