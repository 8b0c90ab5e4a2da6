//! The kinds of API that the gateway knows.

use std::{collections::BTreeMap, sync::Arc};

use example_vendors::{Vendor, nearest};
use mcp_govern_core::{Provider, ProviderId, ServerId, blueprint::ServerBlueprint};
use mcp_govern_openapi::{OpenApiProvider, ReqwestTransport, Transport};

use crate::{config::Config, failure::Failure};

/// The three vendors, and the APIs whose documents the file names.
pub(crate) fn all(config: &Config) -> Result<Vec<Arc<dyn Provider>>, Failure> {
    // One transport, so that connections are shared.
    let transport: Arc<dyn Transport> = Arc::new(transport(config));
    let mut providers: Vec<Arc<dyn Provider>> = Vec::new();
    for vendor in Vendor::ALL {
        let provider = vendor.builder().transport(Arc::clone(&transport)).build();
        providers.push(Arc::new(provider.map_err(|error| Failure::Other(format!("{vendor}: {error}")))?));
    }
    for path in &config.document.apis {
        let path = config.base().join(path);
        let refuse = |error: &dyn std::fmt::Display| Failure::config(format!("apis: `{}`: {error}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| refuse(&error))?;
        let provider = OpenApiProvider::builder().document(text).transport(Arc::clone(&transport)).build();
        providers.push(Arc::new(provider.map_err(|error| refuse(&error))?));
    }
    Ok(providers)
}

/// How requests leave this machine: to vendors, to the issuer of tokens, to sign-ins.
pub(crate) fn transport(config: &Config) -> ReqwestTransport {
    let transport = ReqwestTransport::new();
    if config.document.outbound.system_proxy { transport.with_system_proxy() } else { transport }
}

/// What of the servers does not fit their providers, one sentence each: better told now than at the first call.
pub(crate) fn faults(config: &Config, providers: &[Arc<dyn Provider>]) -> Vec<String> {
    faults_of_servers(config, providers).into_values().flatten().collect()
}

/// The servers that do not fit their providers, and why.
pub(crate) fn faults_of_servers(config: &Config, providers: &[Arc<dyn Provider>]) -> BTreeMap<ServerId, Vec<String>> {
    let known: BTreeMap<&ProviderId, &Arc<dyn Provider>> = providers.iter().map(|one| (&one.info().id, one)).collect();
    let mut faults = BTreeMap::new();
    for (server, row) in &config.blueprint.servers {
        let place = format!("servers.{server}");
        let found = if let Some(provider) = known.get(&row.provider) {
            misfits(&place, row, &***provider)
        } else {
            let ids: Vec<String> = known.keys().map(|id| format!("`{id}`")).collect();
            let provider = &row.provider;
            vec![format!("{place}: there is no provider `{provider}`; known are {}", ids.join(", "))]
        };
        if !found.is_empty() {
            faults.insert(server.clone(), found);
        }
    }
    faults
}

fn misfits(place: &str, row: &ServerBlueprint, provider: &dyn Provider) -> Vec<String> {
    let info = provider.info();
    let mut faults = Vec::new();
    if let Some(region) = row.region.as_ref().filter(|region| !info.regions.iter().any(|known| known.id == **region)) {
        let known: Vec<String> = info.regions.iter().map(|region| format!("`{}`", region.id)).collect();
        faults.push(format!("{place}.region: `{region}` is not known; known are: {}", known.join(", ")));
    }
    let Some(method) = info.auth_method(&row.auth_method) else {
        let known: Vec<String> = info.auth_methods.iter().map(|method| format!("`{}`", method.id)).collect();
        faults.push(format!(
            "{place}.auth_method: `{}` is not known; known are: {}",
            row.auth_method,
            known.join(", ")
        ));
        return faults;
    };
    for field in method.config.iter().filter(|field| field.required && !row.config.contains_key(&field.name)) {
        faults.push(format!("{place}.config: `{}` is missing ({})", field.name, field.title));
    }
    for name in row.config.keys() {
        let is_secret = method.fields.iter().any(|field| field.name == *name);
        let mut known = method.config.iter().map(|field| field.name.as_str());
        if !is_secret && !known.any(|known| known == name) {
            // A document can have further keys, with which it limits a server: only a slip is told.
            if let Some(near) = nearest(name, method.config.iter().map(|field| field.name.as_str())) {
                faults.push(format!("{place}.config: `{name}` is not known here; did you mean `{near}`?"));
            }
        }
    }
    for name in row.config.keys().filter(|name| method.fields.iter().any(|field| field.name == **name)) {
        faults.push(format!(
            "{place}.config.{name}: this is a secret and must not stand in the file: refer to it under `[credentials]`"
        ));
    }
    if !method.sharing.contains(&row.sharing) {
        faults.push(format!("{place}.sharing: `{}` does not go with the auth method `{}`", sharing(row), method.id));
    }
    faults
}

fn sharing(row: &ServerBlueprint) -> &'static str {
    match row.sharing {
        mcp_govern_core::CredentialSharing::Shared => "shared",
        mcp_govern_core::CredentialSharing::PerUser => "per_user",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn faults_of(server: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway.toml");
        std::fs::write(&file, format!("[servers.s]\ntitle = 'S'\nprefix = 's'\n{server}")).unwrap();
        let config = Config::load(Path::new(&file)).unwrap();
        faults(&config, &all(&config).unwrap())
    }

    #[test]
    fn a_server_that_does_not_fit_its_provider_is_told_of_before_it_is_called() {
        assert!(faults_of("provider = 'statuspage'\nauth_method = 'api_key'").is_empty());
        for (server, due) in [
            ("provider = 'statuspge'\nauth_method = 'api_key'", "`statuspage`"),
            ("provider = 'statuspage'\nauth_method = 'key'", "auth_method: `key`"),
            ("provider = 'opsgenie'\nregion = 'mars'\nauth_method = 'api_key'", "`eu`"),
            ("provider = 'pagerduty'\nauth_method = 'api_key'", "`actor_email` is missing"),
            (
                "provider = 'pagerduty'\nauth_method = 'api_key'\nconfig = { actor_email = 'a@b.c', actor_mail = 'a@b.c' }",
                "`actor_mail` is not known here; did you mean `actor_email`?",
            ),
            (
                "provider = 'statuspage'\nauth_method = 'api_key'\nconfig = { api_key = 'x' }",
                "must not stand in the file",
            ),
            ("provider = 'opsgenie'\nauth_method = 'api_key'\nsharing = 'per_user'", "`per_user` does not go"),
        ] {
            let found = faults_of(server);
            assert!(found.len() == 1 && found[0].contains(due), "{due}: {found:?}");
        }
    }
}
