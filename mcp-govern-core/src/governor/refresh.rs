//! What an embedding application may add to credentials: refreshing them, and links for connecting an account.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use crate::{
    ports::VaultKey,
    provider::{Credential, ProviderError, ServerConfig},
    vocabulary::{CredentialOwner, Principal},
};

/// Gets a fresh credential for one that a vendor refused or that has expired (OAuth refresh tokens, rotated keys).
///
/// # Contract
///
/// - Called once at a time for a server and owner on this node, and never for a credential that has been replaced meanwhile.
/// - What it answers is stored before it is used.
/// - No error holds a secret.
#[async_trait]
pub trait CredentialRefresher: fmt::Debug + Send + Sync + 'static {
    /// A fresh credential; none where this kind cannot be refreshed.
    ///
    /// # Errors
    ///
    /// When the attempt failed. The call then fails as it would have without a refresher.
    async fn refresh(
        &self,
        server: &ServerConfig,
        owner: &CredentialOwner,
        current: &Credential,
    ) -> Result<Option<Credential>, ProviderError>;
}

/// Where a person connects an account of one's own.
pub trait ConnectUrls: fmt::Debug + Send + Sync + 'static {
    /// The link for this person and server; none where there is no such page. Must not block.
    fn connect_url(&self, principal: &Principal, server: &ServerConfig) -> Option<String>;
}

/// One at a time for each key.
#[derive(Debug, Default)]
pub(crate) struct SingleFlight(Mutex<HashMap<VaultKey, Arc<tokio::sync::Mutex<()>>>>);

impl SingleFlight {
    /// The lock of a key.
    pub(crate) fn of(&self, key: &VaultKey) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waits holds its lock: one that nobody else holds is not needed any more.
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(locks.entry(key.clone()).or_default())
    }
}
