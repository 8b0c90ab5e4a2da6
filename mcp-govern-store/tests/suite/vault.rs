use mcp_govern_core::{
    AuthMethodId, Credential, CredentialOwner, Secret, ServerId, UserId,
    ports::{StoreError, StoreErrorKind, Vault, VaultKey},
};
use mcp_govern_store::VaultKeys;

use crate::{on_every_store, site::Site};

on_every_store!(
    a_credential_is_read_back_on_every_node,
    a_put_that_saw_another_version_does_nothing,
    of_puts_at_the_same_version_one_wins,
    no_secret_stands_anywhere_in_the_store,
    an_entry_that_was_moved_does_not_open,
    changed_bytes_and_a_wrong_key_open_nothing,
    credentials_are_sealed_again_while_others_work,
    a_deleted_credential_is_gone_and_nothing_old_takes_the_place_of_the_next,
    the_credentials_of_another_tenant_are_not_seen,
);

const CANARY: &str = "canary-4b1d9f";

fn credential(secret: &str) -> Credential {
    Credential::new(AuthMethodId::new("api_key").unwrap()).with_field("api_key", Secret::new(secret))
}

fn key(subject: &str) -> VaultKey {
    let owner = CredentialOwner::User(UserId::new("https://login.example.com", subject).unwrap());
    VaultKey::new(ServerId::new("ops").unwrap(), owner, "https://api.example.com")
}

async fn secret(vault: &dyn Vault, key: &VaultKey) -> Option<(u64, String)> {
    let entry = vault.get(key).await.unwrap()?;
    Some((entry.version, entry.credential.field("api_key").unwrap().expose().to_owned()))
}

async fn a_credential_is_read_back_on_every_node(site: Site) {
    let (here, there) = (site.node().await.acme().await.vault, site.node().await.acme().await.vault);
    assert!(here.get(&key("ada")).await.unwrap().is_none());
    assert_eq!(here.put(&key("ada"), 0, &credential("one")).await.unwrap(), 1);
    assert_eq!(there.put(&key("ada"), 1, &credential("two")).await.unwrap(), 2);
    assert_eq!(secret(&*here, &key("ada")).await, Some((2, "two".into())));
    let shared = VaultKey::new(ServerId::new("ops").unwrap(), CredentialOwner::Shared, "https://api.example.com");
    there.put(&shared, 0, &credential("shared")).await.unwrap();
    let mut listed = here.list().await.unwrap();
    listed.sort();
    assert_eq!(listed, [(shared, 1), (key("ada"), 2)]);
}

async fn a_put_that_saw_another_version_does_nothing(site: Site) {
    let vault = site.node().await.acme().await.vault;
    let early = vault.put(&key("ada"), 3, &credential("early")).await;
    assert_eq!(early.as_ref().err().and_then(StoreError::version), Some(0), "{early:?}");
    vault.put(&key("ada"), 0, &credential("one")).await.unwrap();
    vault.put(&key("ada"), 1, &credential("two")).await.unwrap();
    for seen in [0, 1, 3] {
        let late = vault.put(&key("ada"), seen, &credential("late")).await;
        assert_eq!(late.as_ref().err().and_then(StoreError::version), Some(2), "{late:?}");
    }
    assert_eq!(secret(&*vault, &key("ada")).await, Some((2, "two".into())));
}

async fn of_puts_at_the_same_version_one_wins(site: Site) {
    let (one, two) = (site.node().await.acme().await.vault, site.node().await.acme().await.vault);
    for seen in 0..8 {
        let (user, left, right) = (key("ada"), credential("left"), credential("right"));
        let (left, right) = tokio::join!(one.put(&user, seen, &left), two.put(&user, seen, &right));
        let winner = if left.is_ok() { "left" } else { "right" };
        assert!(left.is_ok() != right.is_ok(), "{left:?} {right:?}");
        assert_eq!(secret(&*one, &user).await, Some((seen + 1, winner.into())));
    }
}

async fn no_secret_stands_anywhere_in_the_store(site: Site) {
    let stores = site.node().await.acme().await;
    stores.vault.put(&key("ada"), 0, &credential(CANARY)).await.unwrap();
    stores.vault.put(&key("ada"), 1, &credential(&format!("{CANARY}-two"))).await.unwrap();
    let hour = std::time::Duration::from_hours(1);
    let value = mcp_govern_core::ports::OneTimeValue::new(CANARY);
    stores.one_time.put(&format!("key-{CANARY}"), value, hour).await.unwrap();
    let everything = site.everything().await;
    assert!(contains(&everything, b"api.example.com"), "the search looks at what is stored");
    assert!(!contains(&everything, CANARY.as_bytes()));
    assert!(!format!("{stores:?}").contains(CANARY));
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

async fn an_entry_that_was_moved_does_not_open(site: Site) {
    let vault = site.node().await.acme().await.vault;
    vault.put(&key("ada"), 0, &credential(CANARY)).await.unwrap();
    vault.put(&key("eve"), 0, &credential("hers")).await.unwrap();
    let moved = site
        .sql(
            "UPDATE credential SET sealed = (SELECT sealed FROM credential WHERE owner LIKE '%ada%') \
             WHERE owner LIKE '%eve%'",
        )
        .await;
    assert_eq!(moved, 1);
    refused(&*vault, &key("eve")).await;
    assert_eq!(secret(&*vault, &key("ada")).await, Some((1, CANARY.into())));
    let redirected =
        site.sql("UPDATE credential SET origin = 'https://evil.example.com' WHERE owner LIKE '%ada%'").await;
    assert_eq!(redirected, 1);
    let elsewhere = VaultKey::new(key("ada").server, key("ada").owner, "https://evil.example.com");
    refused(&*vault, &elsewhere).await;
}

async fn refused(vault: &dyn Vault, key: &VaultKey) {
    match vault.get(key).await {
        Err(error) if error.kind() == StoreErrorKind::Unsealable => {
            assert!(!format!("{error} {error:?}").contains(CANARY), "{error:?}");
        }
        other => panic!("{:?}", other.map(|entry| entry.map(|entry| entry.version))),
    }
}

async fn changed_bytes_and_a_wrong_key_open_nothing(site: Site) {
    let vault = site.node().await.acme().await.vault;
    vault.put(&key("ada"), 0, &credential(CANARY)).await.unwrap();
    let stranger = site.node_with(&VaultKeys::generate().unwrap()).await.acme().await.vault;
    refused(&*stranger, &key("ada")).await;
    assert_eq!(stranger.list().await.unwrap(), [(key("ada"), 1)], "what is there can be seen without the key");
    site.sql("UPDATE credential SET version = 2").await;
    refused(&*vault, &key("ada")).await;
    site.sql("UPDATE credential SET version = 1").await;
    assert!(vault.get(&key("ada")).await.is_ok());
    site.sql("UPDATE credential SET sealed = substr(sealed, 1, 40)").await;
    refused(&*vault, &key("ada")).await;
    // The way out is a new credential over the version that is seen.
    assert_eq!(vault.put(&key("ada"), 1, &credential("new")).await.unwrap(), 2);
    assert_eq!(secret(&*vault, &key("ada")).await, Some((2, "new".into())));
}

async fn credentials_are_sealed_again_while_others_work(site: Site) {
    let (node, other) = (site.node().await, site.node().await);
    let (vault, theirs) = (node.acme().await.vault, other.acme().await.vault);
    let second = node.stores().open(&"other".parse().unwrap()).await.unwrap().vault;
    for (number, user) in (0..20).map(|number| (number, key(&format!("user-{number}")))) {
        let vault = if number % 2 == 0 { &vault } else { &second };
        vault.put(&user, 0, &credential("old")).await.unwrap();
        vault.put(&user, 1, &credential(&format!("secret-{number}"))).await.unwrap();
    }
    let new = VaultKeys::generate().unwrap();
    other.replace_keys(site.keys.with_older(&new));
    node.replace_keys(site.keys.with_current(&new));
    let busy = async {
        let mut version = 2;
        for _ in 0..20 {
            version = theirs.put(&key("user-0"), version, &credential("secret-0")).await.unwrap_or(version);
        }
    };
    let (first, ()) = tokio::join!(node.reseal(), busy);
    assert!(first.done > 0 && first.done + first.left <= 20, "{first:?}");
    other.replace_keys(site.keys.with_current(&new));
    let rest = node.reseal().await;
    assert_eq!((rest.left, first.done + rest.done >= 19), (0, true), "{first:?} {rest:?}");
    assert_eq!(node.reseal().await, mcp_govern_store::Resealed::default());
    node.replace_keys(new);
    for number in 0..20 {
        let vault = if number % 2 == 0 { &vault } else { &second };
        let (_, found) = secret(&**vault, &key(&format!("user-{number}"))).await.unwrap();
        assert_eq!(found, format!("secret-{number}"), "it opens without the old key");
    }
}

async fn a_deleted_credential_is_gone_and_nothing_old_takes_the_place_of_the_next(site: Site) {
    let (vault, other) = (site.node().await.acme().await.vault, site.node().await.acme().await.vault);
    vault.put(&key("ada"), 0, &credential("one")).await.unwrap();
    vault.put(&key("bob"), 0, &credential("his")).await.unwrap();
    for deletion in 1..4 {
        vault.delete(&key("ada")).await.unwrap();
        other.delete(&key("ada")).await.unwrap();
        assert!(other.get(&key("ada")).await.unwrap().is_none());
        assert_eq!(vault.list().await.unwrap(), [(key("bob"), 1)]);
        let bytes = "UPDATE credential SET version = version \
                     WHERE owner LIKE '%ada%' AND (sealed IS NOT NULL OR previous_sealed IS NOT NULL)";
        assert_eq!(site.sql(bytes).await, 0, "sealed bytes stay behind");
        let late = other.put(&key("ada"), deletion, &credential("refreshed")).await;
        assert_eq!(
            late.as_ref().err().and_then(StoreError::version),
            Some(0),
            "a refresh under way revives nothing: {late:?}"
        );
        assert_eq!(vault.put(&key("ada"), 0, &credential("again")).await.unwrap(), deletion + 1);
        let late = other.put(&key("ada"), deletion, &credential("refreshed")).await;
        assert!(
            late.as_ref().is_err_and(|error| error.version().is_some()),
            "nor does it overwrite the next one: {late:?}"
        );
        assert_eq!(secret(&*other, &key("ada")).await, Some((deletion + 1, "again".into())));
    }
}

async fn the_credentials_of_another_tenant_are_not_seen(site: Site) {
    let node = site.node().await;
    let vault = node.acme().await.vault;
    let other = node.stores().open(&"other".parse().unwrap()).await.unwrap().vault;
    vault.put(&key("ada"), 0, &credential(CANARY)).await.unwrap();
    assert!(other.get(&key("ada")).await.unwrap().is_none() && other.list().await.unwrap().is_empty());
    other.delete(&key("ada")).await.unwrap();
    other.put(&key("ada"), 0, &credential("theirs")).await.unwrap();
    assert_eq!(secret(&*vault, &key("ada")).await, Some((1, CANARY.into())));
    // Carried over in the database, it does not open there.
    site.sql(
        "UPDATE credential SET sealed = (SELECT c.sealed FROM credential c JOIN tenant t ON t.id = c.tenant \
         WHERE t.name = 'acme') WHERE tenant = (SELECT id FROM tenant WHERE name = 'other')",
    )
    .await;
    refused(&*other, &key("ada")).await;
}
