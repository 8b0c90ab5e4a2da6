//! Checks of the [`Vault`](mcp_govern_core::ports::Vault) port.

use std::sync::Arc;

use mcp_govern_core::{
    AuthMethodId, Credential, CredentialFacts, CredentialOwner, Secret, ServerId, UserId, ports::VaultKey,
};

use super::{Storage, open};
use crate::{
    CANARY,
    failure::{Failure, Verdict, ensure},
};

const TENANT: &str = "acme";

fn credential(secret: &str) -> Result<Credential, Failure> {
    let mut facts = CredentialFacts::new();
    facts.authorized_as = Some("ops@example.com".to_owned());
    facts.scopes.insert("incidents.read".to_owned());
    Ok(Credential::new(AuthMethodId::new("api_key")?)
        .with_field("api_key", Secret::new(secret))
        .with_field("integration_key", Secret::new(format!("{secret}-2")))
        .with_facts(facts))
}

fn key(server: &str) -> Result<VaultKey, Failure> {
    Ok(VaultKey::new(ServerId::new(server)?, CredentialOwner::Shared, "https://api.example.com"))
}

fn secret_of(credential: &Credential) -> Option<&str> {
    credential.field("api_key").map(Secret::expose)
}

/// Fields, facts and method come back, on another node too.
///
/// # Errors
///
/// What is wrong.
pub async fn a_credential_comes_back_as_it_was_put(storage: &dyn Storage) -> Verdict {
    let (one, two) = (open(storage, TENANT).await?.vault, open(storage, TENANT).await?.vault);
    let put = credential("s3cret ünï \u{0}")?;
    let version = one.put(&key("status")?, 0, &put).await?;
    ensure!(version == 1, "the first version is {version}");
    let entry = two.get(&key("status")?).await?.ok_or_else(|| Failure::new("the credential is not there"))?;
    ensure!(entry.version == 1, "the entry is at version {}", entry.version);
    let got = &entry.credential;
    ensure!(got.method() == put.method() && got.facts() == put.facts(), "method or facts changed");
    let names: Vec<_> = got.fields().keys().collect();
    ensure!(names == put.fields().keys().collect::<Vec<_>>(), "the fields are {names:?}");
    ensure!(secret_of(got) == secret_of(&put), "the secret changed");
    Ok(())
}

/// A put names the version that the caller saw; another version is refused and changes nothing.
///
/// # Errors
///
/// What is wrong.
pub async fn a_put_at_another_version_is_refused(storage: &dyn Storage) -> Verdict {
    let vault = open(storage, TENANT).await?.vault;
    let key = key("status")?;
    vault.put(&key, 0, &credential("one")?).await?;
    vault.put(&key, 1, &credential("two")?).await?;
    for expected in [0, 1, 3] {
        match vault.put(&key, expected, &credential("three")?).await {
            Err(error) if error.version() == Some(2) => {}
            other => {
                return Err(Failure::new(format!("a put at version {expected} answered {other:?}")));
            }
        }
    }
    let entry = vault.get(&key).await?.ok_or_else(|| Failure::new("the credential is gone"))?;
    ensure!(entry.version == 2 && secret_of(&entry.credential) == Some("two"), "a refused put changed the entry");
    Ok(())
}

/// Of eight puts at one version, from two nodes, one wins.
///
/// # Errors
///
/// What is wrong.
pub async fn of_many_puts_at_one_version_one_wins(storage: &dyn Storage) -> Verdict {
    let nodes = [open(storage, TENANT).await?.vault, open(storage, TENANT).await?.vault];
    let mut tasks = Vec::new();
    for number in 0..8 {
        let vault = Arc::clone(&nodes[number % 2]);
        let (key, credential) = (key("status")?, credential(&format!("racer {number}"))?);
        tasks.push(tokio::spawn(async move { vault.put(&key, 0, &credential).await }));
    }
    let mut won = 0;
    for task in tasks {
        match task.await.map_err(|error| Failure::new(error.to_string()))? {
            Ok(1) => won += 1,
            Err(error) if error.version() == Some(1) => {}
            other => return Err(Failure::new(format!("a racer got {other:?}"))),
        }
    }
    ensure!(won == 1, "{won} puts won at one version");
    Ok(())
}

/// Another server, person or origin does not see the entry.
///
/// # Errors
///
/// What is wrong.
pub async fn an_entry_is_found_under_its_own_key_alone(storage: &dyn Storage) -> Verdict {
    let vault = open(storage, TENANT).await?.vault;
    let own = key("status")?;
    vault.put(&own, 0, &credential("mine")?).await?;
    let person = CredentialOwner::User(UserId::new("https://id.example.com", "ann")?);
    for other in [
        key("pager")?,
        VaultKey::new(own.server.clone(), person, own.origin.clone()),
        VaultKey::new(own.server.clone(), CredentialOwner::Shared, "https://evil.example.com"),
    ] {
        ensure!(vault.get(&other).await?.is_none(), "{other:?} shows the entry of {own:?}");
    }
    Ok(())
}

/// The version before the current one is there until the next put; no other is, and none after a deletion.
///
/// # Errors
///
/// What is wrong.
pub async fn the_version_before_is_readable_until_the_next_put(storage: &dyn Storage) -> Verdict {
    let vault = open(storage, TENANT).await?.vault;
    let key = key("status")?;
    for (version, secret) in (1..).zip(["one", "two", "three"]) {
        vault.put(&key, version - 1, &credential(secret)?).await?;
        for asked in 0..=version + 1 {
            let entry = vault.get_version(&key, asked).await?;
            let kept = asked > 0 && (asked == version || asked + 1 == version);
            ensure!(entry.is_some() == kept, "at version {version}, version {asked} is there: {}", entry.is_some());
            let right = entry.is_none_or(|entry| {
                let secrets = ["", "one", "two", "three"];
                entry.version == asked
                    && secret_of(&entry.credential) == usize::try_from(asked).ok().map(|n| secrets[n])
            });
            ensure!(right, "version {asked} is another one");
        }
    }
    vault.delete(&key).await?;
    for asked in 0..=4 {
        ensure!(vault.get_version(&key, asked).await?.is_none(), "version {asked} of a deleted credential is there");
    }
    Ok(())
}

/// Deleting takes every version away; deleting again is no error; a later put does not reuse a version.
///
/// # Errors
///
/// What is wrong.
pub async fn a_deleted_credential_is_gone_and_its_versions_go_on(storage: &dyn Storage) -> Verdict {
    let vault = open(storage, TENANT).await?.vault;
    let key = key("status")?;
    vault.put(&key, 0, &credential("one")?).await?;
    vault.delete(&key).await?;
    vault.delete(&key).await?;
    ensure!(vault.get(&key).await?.is_none(), "a deleted credential is there");
    ensure!(vault.list().await?.is_empty(), "a deleted credential is listed");
    let version = vault.put(&key, 0, &credential("two")?).await?;
    ensure!(version == 2, "a put after a delete is at version {version}: a version names one credential for ever");
    Ok(())
}

/// The list names every key with its version, and nothing else.
///
/// # Errors
///
/// What is wrong.
pub async fn the_list_names_keys_and_versions(storage: &dyn Storage) -> Verdict {
    let vault = open(storage, TENANT).await?.vault;
    let (one, two) = (key("pager")?, key("status")?);
    vault.put(&one, 0, &credential("one")?).await?;
    vault.put(&two, 0, &credential("two")?).await?;
    vault.put(&two, 1, &credential("three")?).await?;
    let mut list = vault.list().await?;
    list.sort();
    ensure!(list == [(one, 1), (two, 2)], "the list is {list:?}");
    Ok(())
}

/// `Debug` of vault, entry and errors holds no secret.
///
/// # Errors
///
/// What is wrong.
pub async fn no_debug_and_no_error_shows_a_secret(storage: &dyn Storage) -> Verdict {
    let vault = open(storage, TENANT).await?.vault;
    let key = key("status")?;
    vault.put(&key, 0, &credential(CANARY)?).await?;
    let refused = vault.put(&key, 9, &credential(CANARY)?).await;
    let shown = format!("{vault:?} {:?} {refused:?} {:?}", vault.get(&key).await?, vault.list().await?);
    ensure!(!shown.contains(CANARY), "a secret stands in `{shown}`");
    Ok(())
}
