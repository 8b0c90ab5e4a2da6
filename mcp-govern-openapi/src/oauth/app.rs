//! What an authorization server knows of us, and where it is.

use mcp_govern_core::{OAuthFlows, Secret, is_encrypted_or_local};
use url::Url;

use super::{OAuthError, OAuthErrorKind};

/// An application as it is registered at an authorization server. `Debug` does not show the secret.
#[derive(Debug, Clone)]
pub struct OAuthApp {
    pub(super) client_id: String,
    pub(super) client_secret: Option<Secret>,
    pub(super) scopes: Vec<String>,
    pub(super) authentication: ClientAuthentication,
    pub(super) issuer: Option<String>,
    pub(super) must_state_issuer: bool,
    pub(super) name: String,
}

/// How the client secret is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuthentication {
    /// In the form (`client_secret_post`).
    #[default]
    Post,
    /// In the header `Authorization` (`client_secret_basic`).
    Basic,
}

impl OAuthApp {
    /// An application with this client id, without a secret, that asks for no scope.
    pub fn new(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: None,
            scopes: Vec::new(),
            authentication: ClientAuthentication::default(),
            issuer: None,
            must_state_issuer: false,
            name: "the vendor's sign-in".to_owned(),
        }
    }

    /// With a client secret.
    #[must_use]
    pub fn with_secret(mut self, secret: Secret) -> Self {
        self.client_secret = Some(secret);
        self
    }

    /// With the scopes that are asked for.
    #[must_use]
    pub fn with_scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// With another way to send the secret.
    #[must_use]
    pub fn with_authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// With the issuer of the authorization server, to the letter: its metadata names the endpoints that are not known otherwise, and a
    /// redirect that states another issuer is refused (RFC 9207).
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Refuses redirects that state no issuer, also where no metadata says that they will.
    #[must_use]
    pub fn requiring_issuer(mut self) -> Self {
        self.must_state_issuer = true;
        self
    }

    /// With what the authorization server is called in messages, in place of "the vendor's sign-in".
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The scopes that are asked for.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }
}

/// Where an authorization server is, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct OAuthEndpoints {
    /// Where people sign in.
    pub authorize: Option<Url>,
    /// Where codes are exchanged for tokens.
    pub token: Option<Url>,
    /// Where tokens are renewed; the token endpoint where none is known.
    pub refresh: Option<Url>,
    /// Where tokens are revoked.
    pub revoke: Option<Url>,
    /// Where the server's `OpenID` Connect metadata is, where that is known instead of its issuer.
    pub metadata: Option<Url>,
}

impl OAuthEndpoints {
    /// Nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the flows of an auth method state. Those of the authorization code come first.
    pub fn of(flows: &OAuthFlows) -> Self {
        let stated = [flows.authorization_code.as_ref(), flows.client_credentials.as_ref()];
        let first =
            |url: fn(&mcp_govern_core::OAuthFlow) -> Option<&Url>| stated.into_iter().flatten().find_map(url).cloned();
        Self {
            authorize: first(|flow| flow.authorization_url.as_ref()),
            token: first(|flow| flow.token_url.as_ref()),
            refresh: first(|flow| flow.refresh_url.as_ref()),
            revoke: flows.revoke_url.clone(),
            metadata: flows.discovery.clone(),
        }
    }

    /// With the URLs of `others` where those are known. Another token endpoint takes the place of the one for renewal, too.
    #[must_use]
    pub fn overridden_by(mut self, others: Self) -> Self {
        if others.token.is_some() {
            self.refresh = None;
        }
        let Self { authorize, token, refresh, revoke, metadata } = others;
        self.authorize = authorize.or(self.authorize);
        self.token = token.or(self.token);
        self.refresh = refresh.or(self.refresh);
        self.revoke = revoke.or(self.revoke);
        self.metadata = metadata.or(self.metadata);
        self
    }

    /// That secrets can be sent to all of them.
    pub(super) fn check(&self) -> Result<(), OAuthError> {
        let all = [&self.authorize, &self.token, &self.refresh, &self.revoke, &self.metadata];
        match all.into_iter().flatten().find(|url| !is_encrypted_or_local(url)) {
            Some(url) => Err(OAuthError::new(OAuthErrorKind::Config, format!("`{url}` is not on https"))),
            None => Ok(()),
        }
    }
}
