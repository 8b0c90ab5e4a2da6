//! Tenants share nothing.

use std::time::Duration;

use mcp_govern_core::{
    AuthMethodId, Credential, CredentialOwner, Digest, Secret, ServerId,
    journal::{Head, Revision, StoredCommit},
    ports::{OneTimeValue, VaultKey},
};

use super::{Storage, open};
use crate::failure::{Verdict, ensure};

/// What one tenant writes, another does not see: commits, credentials, one-time values, leases.
///
/// # Errors
///
/// What is wrong.
pub async fn two_tenants_share_nothing(storage: &dyn Storage) -> Verdict {
    const HOUR: Duration = Duration::from_secs(3600);
    let (one, two) = (open(storage, "acme").await?, open(storage, "bolt").await?);
    let commit = StoredCommit::from_parts(Revision(1), Digest::of_bytes(b"commit"), b"commit".to_vec());
    one.journal.append(Head::EMPTY, &commit).await?;
    ensure!(two.journal.head().await? == Head::EMPTY, "a commit of another tenant is seen");
    ensure!(two.journal.read(Revision::ZERO, 9).await?.is_empty(), "a commit of another tenant is read");
    let key = VaultKey::new(ServerId::new("status")?, CredentialOwner::Shared, "https://api.example.com");
    let credential = Credential::new(AuthMethodId::new("api_key")?).with_field("api_key", Secret::new("s"));
    one.vault.put(&key, 0, &credential).await?;
    ensure!(two.vault.get(&key).await?.is_none(), "a credential of another tenant is seen");
    ensure!(two.vault.list().await?.is_empty(), "a credential of another tenant is listed");
    one.one_time.put("state", OneTimeValue::new("v"), HOUR).await?;
    ensure!(two.one_time.take("state").await?.is_none(), "a one-time value of another tenant is taken");
    let held = one.lease.hold("sync", HOUR).await?;
    let other = two.lease.hold("sync", HOUR).await?;
    ensure!(held.is_some() && other.is_some(), "a lease of one tenant blocks another");
    Ok(())
}
