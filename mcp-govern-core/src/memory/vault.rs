//! A vault in memory.

use std::{collections::BTreeMap, sync::Mutex};

use async_trait::async_trait;

use super::lock;
use crate::{
    ports::{Vault, VaultEntry, VaultError, VaultKey},
    provider::Credential,
};

/// The credentials of one tenant in memory, wiped when they are dropped.
#[derive(Debug, Default)]
pub struct MemoryVault {
    entries: Mutex<BTreeMap<VaultKey, VaultEntry>>,
}

impl MemoryVault {
    /// An empty vault.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Vault for MemoryVault {
    async fn put(&self, key: &VaultKey, expected: u64, credential: &Credential) -> Result<u64, VaultError> {
        let mut entries = lock(&self.entries);
        let current = entries.get(key).map_or(0, |entry| entry.version);
        if current != expected {
            return Err(VaultError::Conflict(current));
        }
        let version = current.saturating_add(1);
        entries.insert(key.clone(), VaultEntry::new(version, credential.clone()));
        Ok(version)
    }

    async fn get(&self, key: &VaultKey) -> Result<Option<VaultEntry>, VaultError> {
        Ok(lock(&self.entries).get(key).cloned())
    }

    async fn delete(&self, key: &VaultKey) -> Result<(), VaultError> {
        lock(&self.entries).remove(key);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<(VaultKey, u64)>, VaultError> {
        Ok(lock(&self.entries).iter().map(|(key, entry)| (key.clone(), entry.version)).collect())
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
        assert!(matches!(vault.put(&shared, 0, &credential("two")).await, Err(VaultError::Conflict(1))));
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
