//! A vault in memory.

use std::{collections::BTreeMap, sync::Mutex};

use async_trait::async_trait;

use super::lock;
use crate::{
    ports::{StoreError, Vault, VaultEntry, VaultKey},
    provider::Credential,
};

/// The credentials of one tenant in memory, wiped when they are dropped.
#[derive(Debug, Default)]
pub struct MemoryVault {
    entries: Mutex<BTreeMap<VaultKey, Kept>>,
}

/// The value under a key: the current entry and the one before it. Of a deleted one the version stays: it names one
/// credential for ever.
#[derive(Debug, Default)]
struct Kept {
    last: u64,
    current: Option<VaultEntry>,
    previous: Option<VaultEntry>,
}

impl MemoryVault {
    /// An empty vault.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Vault for MemoryVault {
    async fn put(&self, key: &VaultKey, expected: u64, credential: &Credential) -> Result<u64, StoreError> {
        let mut entries = lock(&self.entries);
        let current = entries.get(key).and_then(|kept| kept.current.as_ref()).map_or(0, |entry| entry.version);
        if current != expected {
            return Err(StoreError::version_taken(current));
        }
        let kept = entries.entry(key.clone()).or_default();
        kept.last = kept.last.saturating_add(1);
        kept.previous = kept.current.replace(VaultEntry::new(kept.last, credential.clone()));
        Ok(kept.last)
    }

    async fn get(&self, key: &VaultKey) -> Result<Option<VaultEntry>, StoreError> {
        Ok(lock(&self.entries).get(key).and_then(|kept| kept.current.clone()))
    }

    async fn get_version(&self, key: &VaultKey, version: u64) -> Result<Option<VaultEntry>, StoreError> {
        let entries = lock(&self.entries);
        let kept = entries.get(key).into_iter().flat_map(|kept| kept.current.iter().chain(&kept.previous));
        Ok(kept.into_iter().find(|entry| entry.version == version).cloned())
    }

    async fn delete(&self, key: &VaultKey) -> Result<(), StoreError> {
        if let Some(kept) = lock(&self.entries).get_mut(key) {
            (kept.current, kept.previous) = (None, None);
        }
        Ok(())
    }

    async fn list(&self) -> Result<Vec<(VaultKey, u64)>, StoreError> {
        let entries = lock(&self.entries);
        let current = entries.iter().filter_map(|(key, kept)| Some((key.clone(), kept.current.as_ref()?.version)));
        Ok(current.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{AuthMethodId, CredentialOwner, Secret, ServerId, UserId};

    fn key(owner: CredentialOwner, origin: &str) -> VaultKey {
        VaultKey::new(ServerId::new("status").unwrap(), owner, origin)
    }

    fn credential(secret: &str) -> Credential {
        Credential::new(AuthMethodId::new("api_key").unwrap()).with_field("api_key", Secret::new(secret))
    }

    #[tokio::test]
    async fn of_two_puts_over_the_same_version_one_wins() {
        let vault = MemoryVault::new();
        let shared = key(CredentialOwner::Shared, "https://a");
        assert_eq!(vault.put(&shared, 0, &credential("one")).await.unwrap(), 1);
        assert_eq!(vault.put(&shared, 0, &credential("two")).await.unwrap_err().version(), Some(1));
        assert_eq!(vault.put(&shared, 1, &credential("three")).await.unwrap(), 2);
        let entry = vault.get(&shared).await.unwrap().unwrap();
        assert_eq!((entry.version, entry.credential.field("api_key").unwrap().expose()), (2, "three"));
    }

    #[tokio::test]
    async fn another_origin_or_owner_is_another_entry() {
        let vault = MemoryVault::new();
        let ada = CredentialOwner::User(UserId::new("local", "ada").unwrap());
        vault.put(&key(ada.clone(), "https://a"), 0, &credential("one")).await.unwrap();
        assert!(vault.get(&key(ada.clone(), "https://b")).await.unwrap().is_none());
        assert!(vault.get(&key(CredentialOwner::Shared, "https://a")).await.unwrap().is_none());
        vault.delete(&key(ada.clone(), "https://b")).await.unwrap();
        assert_eq!(vault.list().await.unwrap(), [(key(ada.clone(), "https://a"), 1)]);
        vault.delete(&key(ada, "https://a")).await.unwrap();
        assert!(vault.list().await.unwrap().is_empty());
    }
}
