//! People's own accounts: which vendor's authorization server belongs to which server of the file. The OAuth client is the library's.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use mcp_govern_core::{Actor, CredentialOwner, Governor, OAuthFlows, ProviderInfo, ServerId, UserId, governor::Probe};
use mcp_govern_openapi::{ClientAuthentication, OAuthApp, OAuthClient, OAuthEndpoints, Transport};
use mcp_govern_server::{AuthError, IdentifyVisitor, OAuthAccounts, Presented, Visitor};

use crate::{
    config::{Config, GrantKind, SecretSent, SignIn},
    failure::Failure,
    providers::{self, Providers},
};

/// The field of an access token where neither the document nor the file names another one.
const ACCESS_TOKEN: &str = "access_token";

/// How long until an authorization server that did not answer is asked again.
const AGAIN: Duration = Duration::from_secs(30);

/// The authorization servers of the file's servers, with the client secrets looked up.
///
/// # Errors
///
/// What of `[connect]` is wrong or missing, one line for each server.
pub(crate) fn accounts(config: &Config, providers: &Providers) -> Result<OAuthAccounts, Failure> {
    let transport: Arc<dyn Transport> = Arc::new(providers::transport(config));
    let (mut accounts, mut faults) = (OAuthAccounts::new(), Vec::new());
    for (server, sign_in) in &config.document.connect {
        let known = Known::of(config, providers, server, sign_in);
        match client(config, sign_in, &known, &transport) {
            Ok(client) => accounts = accounts.with_server(server.clone(), client, known.flows, known.info),
            Err(fault) => faults.push(format!("connect.{server}: {fault}")),
        }
    }
    if faults.is_empty() { Ok(accounts) } else { Err(Failure::config(faults.join("\n"))) }
}

/// Puts the credentials of applications that act as themselves in place where there is none yet; those that are there are renewed when they
/// end. Returns the servers whose authorization servers refuse or do not answer.
pub(crate) async fn put_applications(
    config: &Config,
    accounts: &OAuthAccounts,
    governor: &Governor,
    actor: &Actor,
) -> Vec<ServerId> {
    let mut left = Vec::new();
    let of_applications = config.document.connect.iter().filter(|(_, one)| one.grant == GrantKind::ClientCredentials);
    for (server, _) in of_applications {
        let is_there = governor.state().credential(server, &CredentialOwner::Shared).is_some();
        let Some(row) = governor.server_config(server).filter(|_| !is_there) else { continue };
        let put = async {
            let credential = accounts.application_credential(&row).await.map_err(|error| error.to_string())?;
            let put = governor.set_shared_credential(actor, server, credential, Probe::Skip).await;
            put.map_err(|error| error.to_string())
        };
        match put.await {
            Ok(_) => tracing::info!(%server, "the application's own credential is in place"),
            Err(error) => {
                tracing::error!(%server, error, "the application's own credential cannot be had; tried again in half a minute");
                left.push(server.clone());
            }
        }
    }
    left
}

/// As [`put_applications`], again and again until all are in place.
pub(crate) async fn keep_putting(config: Config, accounts: OAuthAccounts, governor: Governor, actor: Actor) {
    loop {
        tokio::time::sleep(AGAIN).await;
        if put_applications(&config, &accounts, &governor, &actor).await.is_empty() {
            return;
        }
    }
}

/// What is worth knowing of `[connect]`, one sentence each.
pub(crate) fn remarks(config: &Config, providers: &Providers) -> Vec<String> {
    let mut remarks = Vec::new();
    for (server, sign_in) in &config.document.connect {
        let known = Known::of(config, providers, server, sign_in);
        if let (Some(key), None, false) = (&known.flows.scopes_config, &known.asked, sign_in.scopes.is_empty()) {
            remarks.push(format!(
                "connect.{server}: tools that need other scopes are not known to a review: state them as `config = {{ {key} = \"{}\" }}` \
                 under `[servers.{server}]`, where they count for this, too",
                sign_in.scopes.join(" ")
            ));
        }
        let named = known.flows.authorization_code.as_ref().map(|flow| &flow.scopes);
        if sign_in.scopes.is_empty() && known.asked.is_none() && named.is_some_and(|named| !named.is_empty()) {
            remarks.push(format!(
                "connect.{server}: no `scopes` are asked for: what the vendor grants then is its own choice"
            ));
        }
    }
    remarks
}

/// What the provider's document says of a server's authorization server.
struct Known {
    flows: OAuthFlows,
    info: Option<ProviderInfo>,
    /// Whether the document has flows for the server's auth method.
    stated: bool,
    /// The scopes that the server's configuration says its app asks for.
    asked: Option<Vec<String>>,
}

impl Known {
    fn of(config: &Config, providers: &Providers, server: &ServerId, sign_in: &SignIn) -> Self {
        let row = config.blueprint.servers.get(server);
        let provider = row.and_then(|row| providers.all.iter().find(|one| one.info().id == row.provider));
        let info = provider.zip(row).and_then(|(provider, row)| provider.info().of_edition(row.edition.as_ref()));
        let info = info.map(std::borrow::Cow::into_owned);
        let method = info.as_ref().zip(row).and_then(|(info, row)| info.auth_method(&row.auth_method));
        let flows = method.and_then(|method| method.oauth.clone());
        let stated = flows.is_some();
        let mut flows = flows.unwrap_or_else(|| OAuthFlows::new(ACCESS_TOKEN));
        if let Some(field) = &sign_in.field {
            flows.token_field.clone_from(field);
        }
        let asked = flows.scopes_config.as_ref().zip(row).and_then(|(key, row)| row.config.get(key));
        let asked = asked.map(|text| OAuthFlows::scopes_of(text));
        Self { flows, info, stated, asked }
    }
}

fn client(
    config: &Config,
    sign_in: &SignIn,
    known: &Known,
    transport: &Arc<dyn Transport>,
) -> Result<OAuthClient, String> {
    let mut stated = OAuthEndpoints::new();
    stated.authorize.clone_from(&sign_in.authorize_url);
    stated.token.clone_from(&sign_in.token_url);
    stated.revoke.clone_from(&sign_in.revoke_url);
    let endpoints = OAuthEndpoints::of(&known.flows).overridden_by(stated);
    let acts_as_itself = sign_in.grant == GrantKind::ClientCredentials;
    let is_known = endpoints.token.is_some() && (acts_as_itself || endpoints.authorize.is_some());
    if !is_known && endpoints.metadata.is_none() && sign_in.issuer.is_none() {
        let why = if known.stated { "names no endpoints" } else { "has no OAuth flow for the server's auth method" };
        return Err(format!(
            "the provider's document {why}: state `authorize_url` and `token_url`, or the `issuer` whose metadata names them"
        ));
    }
    let scopes = match &known.asked {
        Some(asked) if sign_in.scopes.is_empty() => asked,
        Some(asked) if asked.iter().collect::<BTreeSet<_>>() != sign_in.scopes.iter().collect() => {
            let key = known.flows.scopes_config.as_deref().unwrap_or_default();
            return Err(format!(
                "`scopes` are others than `config.{key}` of the server, by which tools are reviewed: state them there alone"
            ));
        }
        _ => &sign_in.scopes,
    };
    let mut app = OAuthApp::new(sign_in.client_id.as_str()).with_scopes(scopes);
    if let Some(secret) = &sign_in.client_secret {
        app = app.with_secret(secret.resolve(config.base()).map_err(|failure| failure.to_string())?);
    }
    if sign_in.auth == SecretSent::Basic {
        app = app.with_authentication(ClientAuthentication::Basic);
    }
    if let Some(issuer) = &sign_in.issuer {
        app = app.with_issuer(issuer);
        // No metadata says whether redirects state it: the file does.
        if is_known {
            app = app.requiring_issuer();
        }
    }
    OAuthClient::new(app, endpoints, Arc::clone(transport)).map_err(|error| error.to_string())
}

/// The person who opens a link on this machine, where callers do not prove who they are.
#[derive(Debug)]
pub(crate) struct OnThisMachine(pub(crate) UserId);

#[async_trait]
impl IdentifyVisitor for OnThisMachine {
    async fn identify(&self, visit: &Presented<'_>) -> Result<Visitor, AuthError> {
        let here = |address: Option<IpAddr>| address.is_some_and(|address| address.to_canonical().is_loopback());
        let known = here(visit.peer()) && here(visit.source());
        Ok(if known { Visitor::Known(self.0.clone()) } else { Visitor::Unknown })
    }
}
