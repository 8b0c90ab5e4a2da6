//! Credentials in a secret manager outside, everything else in a SQLite file: what an implementation of the `Vault` port looks
//! like. `cargo run -p mcp-govern-store --example external_vault`; the secret manager is played in this process.
#![expect(clippy::print_stdout, reason = "a program that shows")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use mcp_govern_core::{
    AuthMethodId, Credential, CredentialOwner, Secret, ServerId, TenantId,
    ports::{StoreError, StoreErrorKind, Stores, TenantStores, Vault, VaultEntry, VaultKey},
};
use mcp_govern_store::{SqliteOptions, SqliteStores};

/// The client of a secret manager: secrets by name, with versions and compare-and-set. Here a map; elsewhere HTTPS. What was
/// deleted leaves its number behind, so that a version names one credential for ever.
#[derive(Debug, Default)]
struct SecretManager(Mutex<BTreeMap<String, Vec<Option<Credential>>>>);

/// One tenant's credentials in the secret manager.
///
/// What it owes to its callers: entries of another tenant, server, person or origin are not found (they are part of the name);
/// of two puts over the same version one wins (compare-and-set); a version names one credential for ever; no error holds a
/// secret. Run `mcp_govern_conformance::store_suite!` over your stores to be sure.
#[derive(Debug)]
struct ExternalVault {
    manager: Arc<SecretManager>,
    tenant: TenantId,
}

impl ExternalVault {
    /// Under which name a key's secret is kept. Every part is in it, and none can flow into the next.
    fn name(&self, key: &VaultKey) -> Result<String, StoreError> {
        serde_json::to_string(&(&self.tenant, key))
            .map_err(|error| StoreError::new(StoreErrorKind::Invalid, "the key has no JSON form").with_source(error))
    }
}

#[async_trait]
impl Vault for ExternalVault {
    async fn put(&self, key: &VaultKey, expected: u64, credential: &Credential) -> Result<u64, StoreError> {
        let name = self.name(key)?;
        let mut secrets = self.manager.0.lock().unwrap_or_else(PoisonError::into_inner);
        let versions = secrets.entry(name).or_default();
        let current = current(versions).map_or(0, |(version, _)| version);
        if current != expected {
            return Err(StoreError::version_taken(current));
        }
        versions.push(Some(credential.clone()));
        Ok(number(versions.len()))
    }

    async fn get(&self, key: &VaultKey) -> Result<Option<VaultEntry>, StoreError> {
        let name = self.name(key)?;
        let secrets = self.manager.0.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = secrets.get(&name).and_then(|versions| current(versions));
        Ok(newest.map(|(version, credential)| VaultEntry::new(version, credential.clone())))
    }

    async fn get_version(&self, key: &VaultKey, version: u64) -> Result<Option<VaultEntry>, StoreError> {
        let name = self.name(key)?;
        let secrets = self.manager.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(version).ok().and_then(|version| version.checked_sub(1));
        let found = place.and_then(|place| secrets.get(&name)?.get(place)?.as_ref());
        Ok(found.map(|credential| VaultEntry::new(version, credential.clone())))
    }

    async fn delete(&self, key: &VaultKey) -> Result<(), StoreError> {
        let name = self.name(key)?;
        let mut secrets = self.manager.0.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.entry(name).or_default().fill(None);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<(VaultKey, u64)>, StoreError> {
        let secrets = self.manager.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = secrets.iter().filter_map(|(name, versions)| {
            let (tenant, key): (TenantId, VaultKey) = serde_json::from_str(name).ok()?;
            let (version, _) = current(versions)?;
            (tenant == self.tenant).then_some((key, version))
        });
        Ok(ours.collect())
    }
}

/// The credential that counts, with its version.
fn current(versions: &[Option<Credential>]) -> Option<(u64, &Credential)> {
    Some((number(versions.len()), versions.last()?.as_ref()?))
}

fn number(versions: usize) -> u64 {
    u64::try_from(versions).unwrap_or(u64::MAX)
}

/// The file for everything but credentials. It needs no vault keys; with keys, it also keeps checkpoints.
#[derive(Debug)]
struct WithExternalVault {
    stores: SqliteStores,
    manager: Arc<SecretManager>,
}

#[async_trait]
impl Stores for WithExternalVault {
    async fn open(&self, tenant: &TenantId) -> Result<TenantStores, StoreError> {
        let mut opened = self.stores.open(tenant).await?;
        opened.vault = Arc::new(ExternalVault { manager: Arc::clone(&self.manager), tenant: tenant.clone() });
        Ok(opened)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let stores = SqliteStores::open(folder.path().join("governance.db"), SqliteOptions::without_keys()).await?;
    // This goes to the builder of a `Governor`.
    let stores = WithExternalVault { stores, manager: Arc::default() };
    let (acme, other) = (stores.open(&"acme".parse()?).await?, stores.open(&"other".parse()?).await?);
    let key = VaultKey::new(ServerId::new("opsgenie")?, CredentialOwner::Shared, "https://api.opsgenie.com");
    let credential = |secret| {
        Ok::<_, mcp_govern_core::ParseIdError>(
            Credential::new(AuthMethodId::new("api_key")?).with_field("api_key", Secret::new(secret)),
        )
    };
    acme.vault.put(&key, 0, &credential("one")?).await?;
    let version = acme.vault.put(&key, 1, &credential("two")?).await?;
    let late = acme.vault.put(&key, 1, &credential("three")?).await;
    println!(
        "version {version} counts; a put that saw version 1: {}",
        late.err().map_or_else(String::new, |e| e.to_string())
    );
    println!("another tenant sees {} credentials", other.vault.list().await?.len());
    Ok(())
}
