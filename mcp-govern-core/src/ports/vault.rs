//! The port to the vault of credentials.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::{
    provider::Credential,
    vocabulary::{CredentialOwner, ServerId},
};

/// What a credential is kept under. The origin is part of it: another base URL needs another credential.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VaultKey {
    /// The server.
    pub server: ServerId,
    /// Whose it is.
    pub owner: CredentialOwner,
    /// Scheme, host and port that the credential may be sent to.
    pub origin: String,
}

impl VaultKey {
    /// A key.
    pub fn new(server: ServerId, owner: CredentialOwner, origin: impl Into<String>) -> Self {
        Self { server, owner, origin: origin.into() }
    }
}

/// A credential with its version.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VaultEntry {
    /// Counts up from 1 with every put under the key.
    pub version: u64,
    /// The credential.
    pub credential: Credential,
}

impl VaultEntry {
    /// An entry.
    pub fn new(version: u64, credential: Credential) -> Self {
        Self { version, credential }
    }
}

/// The credentials of one tenant.
///
/// # Contract
///
/// - An entry is sealed at rest, bound to tenant and key; an entry found under another key does not open.
/// - The version before the current one stays readable until the next put: calls in flight finish with it.
/// - A version names one credential for ever: they go on after a deletion.
/// - No error and no `Debug` holds a secret.
#[async_trait]
pub trait Vault: fmt::Debug + Send + Sync + 'static {
    /// Puts a credential; `expected` is the version that the caller saw, 0 for none. Answers the new version.
    ///
    /// # Errors
    ///
    /// [`StoreError::version_taken`] when the key is at another version, which it names.
    async fn put(&self, key: &VaultKey, expected: u64, credential: &Credential) -> Result<u64, StoreError>;

    /// The current entry of a key, if there is one.
    ///
    /// # Errors
    ///
    /// When it cannot be opened or the store failed.
    async fn get(&self, key: &VaultKey) -> Result<Option<VaultEntry>, StoreError>;

    /// The entry of a key in a version, as long as it is the current one or the one before it.
    ///
    /// # Errors
    ///
    /// As [`Vault::get`].
    async fn get_version(&self, key: &VaultKey, version: u64) -> Result<Option<VaultEntry>, StoreError>;

    /// Deletes all versions of a key. Deleting nothing is not an error.
    ///
    /// # Errors
    ///
    /// When the store failed.
    async fn delete(&self, key: &VaultKey) -> Result<(), StoreError>;

    /// The keys that hold an entry, with their versions.
    ///
    /// # Errors
    ///
    /// When the store failed.
    async fn list(&self) -> Result<Vec<(VaultKey, u64)>, StoreError>;
}
