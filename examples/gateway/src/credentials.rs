//! The shared credentials that the file refers to.

use mcp_govern_core::{
    Actor, Credential, CredentialOwner, Governor, ServerId,
    governor::{GovernErrorKind, Probe},
    journal::StoredCredential,
    ports::{TenantStores, VaultError},
};

use crate::{config::Config, failure::Failure};

/// How often another node may be first.
const ATTEMPTS: usize = 8;

/// A credential for a server.
pub(crate) type ServerCredential = (ServerId, Credential);

/// Looks up every secret that the file refers to. All that are missing are told of, not only the first.
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

/// Puts the credentials in place that are not there yet, and answers for which servers. One that is there already is left
/// alone: starting twice makes one act.
pub(crate) async fn put(
    governor: &Governor,
    actor: &Actor,
    stores: &TenantStores,
    wanted: &[ServerCredential],
) -> Result<Vec<ServerId>, Failure> {
    let mut set = Vec::new();
    for (server, credential) in wanted {
        if put_one(governor, actor, stores, server, credential)
            .await
            .map_err(|failure| failure.at(format_args!("credentials.{server}")))?
        {
            set.push(server.clone());
        }
    }
    Ok(set)
}

/// Puts a credential in place, and answers whether it was not there yet.
async fn put_one(
    governor: &Governor,
    actor: &Actor,
    stores: &TenantStores,
    server: &ServerId,
    credential: &Credential,
) -> Result<bool, Failure> {
    for _ in 0..ATTEMPTS {
        if is_in_place(governor, stores, server, credential).await? {
            return Ok(false);
        }
        match governor.set_shared_credential(actor, server, credential.clone(), Probe::Skip).await {
            Ok(_) => return Ok(true),
            // Another node was first, most likely with the same one.
            Err(error) if error.kind() == GovernErrorKind::Conflict => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::Other("others set it again and again".to_owned()))
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

/// Whether exactly this credential counts now.
async fn is_in_place(
    governor: &Governor,
    stores: &TenantStores,
    server: &ServerId,
    credential: &Credential,
) -> Result<bool, Failure> {
    let state = governor.state();
    let known = state.credential(server, &CredentialOwner::Shared).map(StoredCredential::version);
    drop(state);
    let Some(known) = known else { return Ok(false) };
    for (key, version) in stores.vault.list().await? {
        if key.server != *server || key.owner != CredentialOwner::Shared || version < known {
            continue;
        }
        match stores.vault.get(&key).await {
            Ok(Some(entry)) if same(&entry.credential, credential) => return Ok(true),
            // One that cannot be opened any more is replaced by one that can.
            Ok(_) | Err(VaultError::Unsealable(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
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
