//! The shared credentials that the file refers to.

use std::time::Duration;

use mcp_govern_core::{
    Actor, Credential, CredentialFacts, CredentialOwner, CredentialVerdict, Governor, ServerId,
    governor::{GovernErrorKind, Probe},
    journal::{State, StoredCredential},
    ports::{StoreErrorKind, TenantStores},
};

use crate::{config::Config, failure::Failure};

/// How often another node may be first.
const ATTEMPTS: usize = 8;

/// How long a vendor may take to say whether a credential works. A start waits for it.
const LONGEST_PROBE: Duration = Duration::from_secs(20);

/// A credential for a server.
pub(crate) type ServerCredential = (ServerId, Credential);

/// Looks up every secret that the file refers to. All that are missing are reported, not only the first.
pub(crate) fn resolve(config: &Config) -> Result<Vec<ServerCredential>, Failure> {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for (server, fields) in &config.document.credentials {
        // That the server is there was checked when the file was read.
        let Some(row) = config.blueprint.servers.get(server) else { continue };
        let mut credential = Credential::new(row.auth_method.clone());
        for (name, reference) in &fields.0 {
            match reference.resolve(config.base()) {
                Ok(secret) => credential = credential.with_field(name, secret),
                Err(failure) => missing.push(failure.at(format_args!("credentials.{server}.{name}")).to_string()),
            }
        }
        found.push((server.clone(), credential));
    }
    if missing.is_empty() { Ok(found) } else { Err(Failure::config(missing.join("\n"))) }
}

/// What became of a credential of the file that was not in place.
#[derive(Debug)]
pub(crate) enum Placed {
    /// It counts from now on.
    Set,
    /// It counts from now on, and whether it works could not be found out: the provider has no way to.
    Unverified(String),
    /// The one that was in place goes on, since the vendor refuses this one, or did not say whether it works.
    NotReplaced(String),
    /// The one that was in place goes on at other nodes: this one has not the vault keys that it was sealed under.
    Sealed,
}

impl Placed {
    /// Whether the credential counts now.
    pub(crate) fn counts(&self) -> bool {
        !matches!(self, Self::NotReplaced(_) | Self::Sealed)
    }

    /// Says in the log what became of a server's credential.
    pub(crate) fn log(&self, server: &ServerId) {
        match self {
            Self::Set => tracing::info!(%server, "the shared credential is in place"),
            Self::Unverified(why) => {
                tracing::warn!(%server, "the shared credential is in place, and it was not verified that it works: {why}");
            }
            Self::NotReplaced(why) => tracing::error!(
                %server,
                "the shared credential was not replaced, and the one that was in place goes on: {}; correct it, or try again, with \
                 SIGHUP or a restart",
                why.trim_end_matches('.')
            ),
            Self::Sealed => tracing::error!(
                %server,
                "the shared credential cannot be opened with the vault keys of this node, and was not replaced: nodes that have the keys \
                 it was sealed under go on with it. Calls through this node are denied until it starts with those keys \
                 (`store.vault_keys`); where they are lost, `govern credentials remove {server} --shared` takes it away, and SIGHUP puts \
                 the one of the file in place"
            ),
        }
    }
}

/// Puts the credentials in place that are not there yet, and answers what became of which. One that is there already is left
/// alone: starting twice makes one commit.
///
/// INVARIANT: one that counts is replaced by one that the vendor accepts (`a_key_that_the_vendor_refuses_does_not_replace_the_one_in_place`),
/// and no vendor is asked where a server's tools are not as they were synced: they may go to a host that was not reviewed
/// (`a_new_key_does_not_go_to_a_host_that_was_not_taken_in`).
///
/// INVARIANT: a node without the vault keys of the others takes no credential away from them
/// (`a_credential_that_other_vault_keys_sealed_is_not_replaced`).
pub(crate) async fn put(
    governor: &Governor,
    actor: &Actor,
    stores: &TenantStores,
    wanted: &[ServerCredential],
) -> Result<Vec<(ServerId, Placed)>, Failure> {
    let mut all = Vec::new();
    let status = governor.status();
    for (server, credential) in wanted {
        // A credential is bound to where it goes, and of a server that cannot be opened that is not known.
        if status.faults.contains_key(server) {
            continue;
        }
        let differs = status.differing.get(server).map(String::as_str);
        let placed = put_one(governor, actor, stores, server, credential, differs)
            .await
            .map_err(|failure| failure.at(format_args!("credentials.{server}")))?;
        all.extend(placed.map(|placed| (server.clone(), placed)));
    }
    Ok(all)
}

/// Puts a credential in place; nothing where it was there already.
async fn put_one(
    governor: &Governor,
    actor: &Actor,
    stores: &TenantStores,
    server: &ServerId,
    credential: &Credential,
    differs: Option<&str>,
) -> Result<Option<Placed>, Failure> {
    for _ in 0..ATTEMPTS {
        let (credential, placed) = match in_place(governor, stores, server, credential).await? {
            InPlace::This => return Ok(None),
            // There is nothing that could stop working.
            InPlace::Nothing => (credential.clone(), Placed::Set),
            InPlace::Sealed => return Ok(Some(Placed::Sealed)),
            InPlace::Another => match tried(governor, actor, server, credential, differs).await? {
                Tried::Accepted(facts) => (credential.clone().with_further_facts(&facts), Placed::Set),
                Tried::NoWay(why) => (credential.clone(), Placed::Unverified(why)),
                Tried::NotAccepted(why) => return Ok(Some(Placed::NotReplaced(why))),
            },
        };
        match governor.set_shared_credential(actor, server, credential, Probe::Skip).await {
            Ok(_) => return Ok(Some(placed)),
            // Another node was first, most likely with the same one.
            Err(error) if error.kind() == GovernErrorKind::Conflict => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::Other("others set it again and again".to_owned()))
}

/// What the vendor says of a credential.
enum Tried {
    Accepted(CredentialFacts),
    NotAccepted(String),
    /// It cannot be asked.
    NoWay(String),
}

/// Asks the vendor whether a credential works, before it takes the place of another one.
async fn tried(
    governor: &Governor,
    actor: &Actor,
    server: &ServerId,
    credential: &Credential,
    differs: Option<&str>,
) -> Result<Tried, Failure> {
    if let Some(why) = differs {
        return Ok(Tried::NotAccepted(format!("the vendor was not asked about the new one: {why}")));
    }
    let probe = governor.probe_with(actor, server, &CredentialOwner::Shared, credential);
    Ok(match tokio::time::timeout(LONGEST_PROBE, probe).await {
        Ok(Ok(report)) if report.verdict == CredentialVerdict::Accepted => Tried::Accepted(report.facts),
        Ok(Ok(report)) => {
            let why = std::iter::once("the vendor refuses the new one".to_owned()).chain(report.remarks);
            Tried::NotAccepted(why.collect::<Vec<_>>().join("; "))
        }
        Ok(Err(error)) if error.kind() == GovernErrorKind::Provider => {
            Tried::NotAccepted(format!("whether the new one works could not be found out: {error}"))
        }
        // The document names no way to prove a credential, or the server cannot be opened, so that none works. What is wrong with
        // the credential itself is told when it is set.
        Ok(Err(error)) if error.kind() == GovernErrorKind::Invalid => Tried::NoWay(error.to_string()),
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => Tried::NotAccepted(format!(
            "whether the new one works could not be found out: the vendor did not answer within {} seconds",
            LONGEST_PROBE.as_secs()
        )),
    })
}

/// The servers whose calls need a shared credential that is not there.
pub(crate) fn absent(governor: &Governor) -> Vec<ServerId> {
    let state = governor.state();
    let shared = state.servers().iter().filter(|(_, server)| {
        server.spec().sharing == mcp_govern_core::CredentialSharing::Shared
            && server.spec().auth_method.as_str() != "none"
    });
    shared.map(|(id, _)| id).filter(|id| state.credential(id, &CredentialOwner::Shared).is_none()).cloned().collect()
}

/// The servers of the file whose shared credential is in place although the file names none: it stays.
pub(crate) fn kept(state: &State, config: &Config) -> Vec<ServerId> {
    let named = config.blueprint.servers.keys().filter(|server| !config.document.credentials.contains_key(*server));
    named.filter(|server| state.credential(server, &CredentialOwner::Shared).is_some()).cloned().collect()
}

/// What counts for a server now.
enum InPlace {
    This,
    Another,
    Nothing,
    /// One that cannot be opened with this node's vault keys.
    Sealed,
}

impl InPlace {
    /// That there is one which cannot be opened, unless one was found that can.
    fn or_sealed(self) -> Self {
        if let Self::Another = self { self } else { Self::Sealed }
    }
}

async fn in_place(
    governor: &Governor,
    stores: &TenantStores,
    server: &ServerId,
    credential: &Credential,
) -> Result<InPlace, Failure> {
    let state = governor.state();
    let known = state.credential(server, &CredentialOwner::Shared).map(StoredCredential::version);
    drop(state);
    let Some(known) = known else { return Ok(InPlace::Nothing) };
    let mut found = InPlace::Nothing;
    for (key, version) in stores.vault.list().await? {
        if key.server != *server || key.owner != CredentialOwner::Shared || version < known {
            continue;
        }
        match stores.vault.get(&key).await {
            Ok(Some(entry)) if same(&entry.credential, credential) => return Ok(InPlace::This),
            Ok(Some(_)) => found = InPlace::Another,
            Ok(None) => {}
            Err(error) if error.kind() == StoreErrorKind::Unsealable => found = found.or_sealed(),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

fn same(one: &Credential, other: &Credential) -> bool {
    one.method() == other.method()
        && one.fields().len() == other.fields().len()
        && one
            .fields()
            .iter()
            .all(|(name, secret)| other.field(name).is_some_and(|other| other.expose() == secret.expose()))
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::{AuthMethodId, Secret};

    use super::*;

    #[test]
    fn credentials_are_the_same_when_every_field_is() {
        let one = |key: &str| Credential::new(AuthMethodId::new("m").unwrap()).with_field("key", Secret::new(key));
        assert!(same(&one("a"), &one("a")));
        assert!(!same(&one("a"), &one("b")));
        assert!(!same(&one("a"), &one("a").with_field("more", Secret::new("x"))));
    }

    #[test]
    fn every_missing_secret_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway.toml");
        let row = "provider = 'opsgenie'\ntitle = 'T'\nprefix = 'o'\nauth_method = 'api_key'\n";
        let text = format!(
            "[servers.o]\n{row}[credentials.o]\napi_key = {{ env = 'MCP_GATEWAY_NOT_SET' }}\nintegration_key = {{ file = 'gone' }}\n"
        );
        std::fs::write(&file, text).unwrap();
        let told = resolve(&Config::load(&file).unwrap()).unwrap_err().to_string();
        assert!(told.contains("credentials.o.api_key: ") && told.contains("credentials.o.integration_key: "), "{told}");
    }
}
