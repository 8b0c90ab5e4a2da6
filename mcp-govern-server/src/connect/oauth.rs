//! Accounts that are connected and renewed by OAuth, whatever the vendor: the client is the engine's.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use mcp_govern_core::{
    AuthMethodId, Clock, Credential, CredentialOwner, OAuthFlows, ProviderError, ProviderErrorKind, ProviderInfo,
    RegionFrom, ServerConfig, ServerId, SystemClock, Timestamp, governor::CredentialRefresher,
};
use mcp_govern_openapi::{AuthorizationUrl, OAuthClient, OAuthError, OAuthErrorKind, OAuthRedirect, account_region};
use url::Url;

use super::{AuthorizationGrant, AuthorizeRequest, ConnectAccount, ConnectError, ConnectErrorKind, Consent};

/// People's own accounts at vendors whose authorization servers speak OAuth 2.0, by server.
///
/// It connects them ([`ConnectAccount`]) and renews what was connected ([`CredentialRefresher`]): give a clone to
/// [`ConnectAccounts::new`](crate::ConnectAccounts::new) and one to the governor's builder. Clones share everything. With the feature
/// `transport`.
#[derive(Debug, Clone)]
pub struct OAuthAccounts {
    by_server: Arc<BTreeMap<ServerId, Arc<Account>>>,
    clock: Arc<dyn Clock>,
}

/// The authorization server of one server.
#[derive(Debug)]
struct Account {
    client: OAuthClient,
    flows: OAuthFlows,
    info: Option<ProviderInfo>,
}

impl OAuthAccounts {
    /// No server yet.
    pub fn new() -> Self {
        Self { by_server: Arc::default(), clock: Arc::new(SystemClock) }
    }

    /// With another clock than the system's: for when tokens were issued.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// With the client of a server's authorization server. The flows are those of the server's auth method, and `info` is what its provider
    /// says of itself, in the edition of the server: its regions are compared with that of an account. Without it they are not.
    #[must_use]
    pub fn with_server(
        mut self,
        server: ServerId,
        client: OAuthClient,
        flows: OAuthFlows,
        info: Option<ProviderInfo>,
    ) -> Self {
        let account = Arc::new(Account { client, flows, info });
        Arc::make_mut(&mut self.by_server).insert(server, account);
        self
    }

    /// The credential of the application itself (client credentials), for a server that all callers share. It is renewed like any other.
    ///
    /// # Errors
    ///
    /// When the server is not known here, or the authorization server refuses or does not answer.
    pub async fn application_credential(&self, server: &ServerConfig) -> Result<Credential, ConnectError> {
        Ok(self.of(server)?.of_the_application(server.spec.auth_method.clone(), self.clock.now()).await?)
    }

    fn of(&self, server: &ServerConfig) -> Result<&Account, ConnectError> {
        let absent = || {
            let message = format!("server `{}` has no sign-in at its vendor", server.server);
            ConnectError::new(ConnectErrorKind::Config, message)
        };
        self.by_server.get(&server.server).map(|account| &**account).ok_or_else(absent)
    }
}

impl Account {
    async fn of_the_application(&self, method: AuthMethodId, now: Timestamp) -> Result<Credential, OAuthError> {
        let tokens = self.client.client_credentials().await?;
        self.client.check_granted(&tokens)?;
        let credential = tokens.into_credential(method, &self.flows, now);
        let mut facts = credential.facts().clone();
        // The client secret renews it.
        facts.renewable = true;
        Ok(credential.with_facts(facts))
    }
}

impl Default for OAuthAccounts {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl ConnectAccount for OAuthAccounts {
    fn can_connect(&self, server: &ServerConfig) -> bool {
        self.by_server.contains_key(&server.server)
    }

    fn consent(&self, server: &ServerConfig) -> Consent {
        self.of(server).map_or_else(
            |_| Consent::default(),
            |account| Consent {
                sign_in: account.client.authorize_endpoint(),
                scopes: account.client.app().scopes().to_vec(),
            },
        )
    }

    async fn authorize(&self, server: &ServerConfig, request: AuthorizeRequest) -> Result<Url, ConnectError> {
        let AuthorizeRequest { redirect_uri, state, code_challenge, nonce } = request;
        let asked = AuthorizationUrl { redirect_uri: Some(redirect_uri), state, code_challenge, nonce, resource: None };
        Ok(self.of(server)?.client.authorize_url(asked).await?)
    }

    async fn exchange(&self, server: &ServerConfig, grant: AuthorizationGrant) -> Result<Credential, ConnectError> {
        let account = self.of(server)?;
        let AuthorizationGrant { code, code_verifier, redirect_uri, issuer, nonce: _ } = grant;
        let redirect = OAuthRedirect { code, code_verifier, redirect_uri, issuer };
        let tokens = account.client.exchange(redirect).await?;
        let region = account.client.check_granted(&tokens).and_then(|()| {
            match (account.flows.region_from, &account.info, &tokens.id_token) {
                (Some(RegionFrom::IdTokenAudience), Some(info), Some(token)) => {
                    account_region(info, &server.spec, token)
                }
                _ => Ok(None),
            }
        });
        let region = match region {
            Ok(region) => region,
            Err(error) => {
                // What was granted is of no use here.
                let token = tokens.refresh_token.as_ref().unwrap_or(&tokens.access_token);
                revoke(&account.client, &server.server, token).await;
                return Err(error.into());
            }
        };
        let credential = tokens.into_credential(server.spec.auth_method.clone(), &account.flows, self.clock.now());
        let mut facts = credential.facts().clone();
        facts.region = region;
        Ok(credential.with_facts(facts))
    }
}

#[async_trait]
impl CredentialRefresher for OAuthAccounts {
    async fn refresh(
        &self,
        server: &ServerConfig,
        owner: &CredentialOwner,
        current: &Credential,
    ) -> Result<Option<Credential>, ProviderError> {
        let Some(account) = self.by_server.get(&server.server) else { return Ok(None) };
        let (method, token) = (current.method().clone(), current.field(OAuthFlows::REFRESH_TOKEN));
        let renewed = match token.filter(|token| !token.is_empty()) {
            Some(token) => {
                let tokens = account.client.refresh(token).await;
                tokens.map(|tokens| tokens.into_credential(method, &account.flows, self.clock.now()))
            }
            None if *owner == CredentialOwner::Shared => account.of_the_application(method, self.clock.now()).await,
            None => return Ok(None),
        };
        let renewed = renewed.map_err(|error| {
            let kind = match error.kind() {
                OAuthErrorKind::Refused => ProviderErrorKind::Unauthorized,
                OAuthErrorKind::Client | OAuthErrorKind::Config => ProviderErrorKind::Config,
                _ => ProviderErrorKind::VendorFailure,
            };
            ProviderError::new(kind, error.to_string())
        })?;
        tracing::info!(server = %server.server, "the access to an account was renewed");
        Ok(Some(renewed))
    }

    async fn revoke(&self, server: &ServerId, credential: &Credential) {
        let Some(account) = self.by_server.get(server) else { return };
        let token = credential.field(OAuthFlows::REFRESH_TOKEN).filter(|token| !token.is_empty());
        if let Some(token) = token.or_else(|| credential.field(&account.flows.token_field)) {
            revoke(&account.client, server, token).await;
        }
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn run(&self, attempt: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(attempt);
    }
}

/// Revokes a token, best effort.
async fn revoke(client: &OAuthClient, server: &ServerId, token: &mcp_govern_core::Secret) {
    match client.revoke(token).await {
        Ok(true) => tracing::info!(%server, "what a person had allowed at the vendor was revoked there"),
        Ok(false) => {
            tracing::info!(%server, "what a person had allowed at the vendor stays allowed there: no place to revoke it is known");
        }
        Err(error) => {
            tracing::warn!(%server, %error, "what a person had allowed at the vendor could not be revoked there");
        }
    }
}

impl From<OAuthError> for ConnectError {
    fn from(error: OAuthError) -> Self {
        let kind = match error.kind() {
            OAuthErrorKind::Refused => ConnectErrorKind::Refused,
            OAuthErrorKind::Client | OAuthErrorKind::Config => ConnectErrorKind::Config,
            _ => ConnectErrorKind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}
