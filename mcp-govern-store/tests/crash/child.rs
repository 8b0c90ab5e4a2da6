//! The process that is killed: writes every store as fast as it can and says what was acknowledged, one line each.

use std::{path::Path, time::Duration};

use mcp_govern_core::{
    AuthMethodId, Credential, CredentialOwner, Secret, ServerId,
    ports::{Checkpoint, Checkpoints, OneTimeValue, Stores as _, TenantStores, VaultKey},
};
use mcp_govern_store::{SqliteOptions, SqliteStores, VaultKeys};

use crate::chains::{Chain, commit, tenant};

/// Until it is killed.
pub(crate) async fn work(folder: &Path) {
    let keys = VaultKeys::from_file(folder.join("vault.keys")).unwrap();
    let stores =
        SqliteStores::open(folder.join("store.db"), SqliteOptions::new(keys).with_timeout(Duration::from_mins(1)))
            .await
            .unwrap();
    let tenant_stores = stores.open(&tenant()).await.unwrap();
    let checkpoints = tenant_stores.checkpoints.clone().unwrap();
    tokio::join!(
        commits(&tenant_stores, &*checkpoints),
        records(&tenant_stores, 1),
        records(&tenant_stores, 2),
        secrets(&tenant_stores),
        values(&tenant_stores),
    );
}

async fn commits(stores: &TenantStores, checkpoints: &dyn Checkpoints) {
    let mut head = stores.journal.head().await.unwrap();
    loop {
        let commit = commit(head, &format!("p-{}", std::process::id()));
        match stores.journal.append(head, &commit).await {
            Ok(new) => {
                head = new;
                say(format_args!("commit {} {}", head.revision, head.hash));
            }
            Err(error) => head = error.journal_head().unwrap_or_else(|| panic!("{error}")),
        }
        if head.revision.0 % 16 == 0 {
            checkpoints.put(&Checkpoint::new(head, 1, commit.bytes().clone())).await.unwrap();
            say(format_args!("checkpoint {} {}", head.revision, head.hash));
        }
    }
}

async fn records(stores: &TenantStores, number: usize) {
    let mut chain = Chain::new(&format!("w-{}-{number}", std::process::id()));
    for size in (1..40).cycle() {
        chain.append(&*stores.audit, size * number, 1_795_000_000_000).await.unwrap();
        say(format_args!("record {} {} {}", chain.writer(), chain.head().sequence, chain.head().hash));
    }
}

pub(crate) fn vault_key() -> VaultKey {
    VaultKey::new(ServerId::new("ops").unwrap(), CredentialOwner::Shared, "https://api.example.com")
}

async fn secrets(stores: &TenantStores) {
    let key = vault_key();
    let mut version = stores.vault.get(&key).await.unwrap().map_or(0, |entry| entry.version);
    loop {
        let secret = Secret::new(format!("secret-{}", version + 1));
        let credential = Credential::new(AuthMethodId::new("api_key").unwrap()).with_field("api_key", secret);
        version = stores.vault.put(&key, version, &credential).await.unwrap();
        say(format_args!("secret {version}"));
    }
}

async fn values(stores: &TenantStores) {
    for number in 0.. {
        let key = format!("{}-{number}", std::process::id());
        stores.one_time.put(&key, OneTimeValue::new(key.as_str()), Duration::from_hours(24)).await.unwrap();
        say(format_args!("put {key}"));
        if number % 2 == 0 {
            assert!(stores.one_time.take(&key).await.unwrap().is_some());
            say(format_args!("took {key}"));
        }
    }
}

/// In one write, so that no two lines are mixed.
fn say(what: std::fmt::Arguments<'_>) {
    println!("{what}");
}
