//! What an embedding application may add to credentials: refreshing them, and links for connecting an account.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use async_trait::async_trait;

use crate::{
    provider::{Credential, ProviderError, ServerConfig},
    vocabulary::{CredentialOwner, Principal, ServerId},
};

/// Gets a fresh credential for one that a vendor refused, that has ended or is about to end (OAuth refresh tokens, rotated keys).
///
/// # Contract
///
/// - Called once at a time for a server and owner over all nodes of the tenant, and never for a credential that has been replaced meanwhile.
/// - What it returns is stored before it is used.
/// - It ends within a minute, by itself.
/// - No error holds a secret.
#[async_trait]
pub trait CredentialRefresher: fmt::Debug + Send + Sync + 'static {
    /// Returns a fresh credential; none where this kind cannot be refreshed.
    ///
    /// # Errors
    ///
    /// [`ProviderErrorKind::Unauthorized`](crate::ProviderErrorKind::Unauthorized) when the issuer refuses to renew the credential: the person
    /// is asked to connect the account again. Any other kind when it cannot be renewed now: the credential is used as long as it has not
    /// ended, and after that the call fails and can be made again.
    async fn refresh(
        &self,
        server: &ServerConfig,
        owner: &CredentialOwner,
        current: &Credential,
    ) -> Result<Option<Credential>, ProviderError>;

    /// Revokes at its issuer, best effort, what was taken out of the vault: the account was disconnected, its person has left, or the
    /// server leads elsewhere now. What fails is logged, without the secret.
    async fn revoke(&self, _server: &ServerId, _credential: &Credential) {}

    /// Waits, while another node refreshes: the governor has no timers of its own.
    async fn pause(&self, time: Duration);

    /// Runs an attempt to its end, on any runtime and also where the call that needs it is dropped: a refresh token that was sent may
    /// have been spent, and its successor must be stored. Must not block.
    fn run(&self, attempt: Pin<Box<dyn Future<Output = ()> + Send>>);
}

/// Where a person connects an account of one's own.
pub trait ConnectUrls: fmt::Debug + Send + Sync + 'static {
    /// The link for this person and server; none where there is no such page. Must not block.
    fn connect_url(&self, principal: &Principal, server: &ServerConfig) -> Option<String>;
}
