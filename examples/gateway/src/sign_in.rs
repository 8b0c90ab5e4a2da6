//! Signing people in to connect an account, at the issuer whose tokens their AI clients use: OAuth 2.0 with an authorization code and PKCE,
//! and an ID token where the issuer speaks `OpenID` Connect.

use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_core::UserId;
use mcp_govern_openapi::{AuthorizationUrl, OAuthApp, OAuthClient, OAuthEndpoints, OAuthRedirect, OAuthTokens};
use mcp_govern_server::{
    AuthError, AuthErrorKind, AuthorizationGrant, AuthorizeRequest, ConnectError, ConnectErrorKind, JwtAuthenticator,
    SignInPeople,
};
use url::Url;

use crate::{
    config::{Config, IssuerSignIn, Jwt},
    failure::Failure,
    identity::bearer_tokens,
    providers,
};

/// The scope that asks for an ID token.
const OPENID: &str = "openid";

/// What people are signed in with.
#[derive(Debug)]
pub(crate) struct AtTheIssuer {
    verifier: JwtAuthenticator,
    client: OAuthClient,
    client_id: String,
    /// What access tokens are made for, where the issuer makes no ID tokens (RFC 8707).
    resource: Option<String>,
    place: String,
}

impl AtTheIssuer {
    /// Looks the client secret up.
    pub(crate) fn new(config: &Config, jwt: &Jwt, sign_in: &IssuerSignIn, public: &Url) -> Result<Self, Failure> {
        let place = |failure: Failure| failure.at("auth.jwt.sign_in");
        if sign_in.authorize_url.is_some() != sign_in.token_url.is_some() {
            return Err(place(Failure::config(
                "`authorize_url` and `token_url` go together: state both, or neither where the issuer's metadata names them",
            )));
        }
        let verifier = bearer_tokens(jwt, config, public)?;
        let mut endpoints = OAuthEndpoints::new();
        endpoints.authorize.clone_from(&sign_in.authorize_url);
        endpoints.token.clone_from(&sign_in.token_url);
        let client_id = sign_in.client_id.to_string();
        let mut app = OAuthApp::new(&client_id)
            .named("the issuer's sign-in")
            .with_scopes(&sign_in.scopes)
            .with_issuer(verifier.issuer());
        if let Some(secret) = &sign_in.client_secret {
            app = app.with_secret(secret.resolve(config.base()).map_err(place)?);
        }
        let client = OAuthClient::new(app, endpoints, Arc::new(providers::transport(config)));
        let client = client.map_err(|error| place(Failure::config(error.to_string())))?;
        let shown = sign_in.authorize_url.clone().or_else(|| verifier.issuer().parse().ok());
        let shown = shown.and_then(|url| url.host_str().map(str::to_owned));
        let asks_for_id_token = sign_in.scopes.iter().any(|scope| scope == OPENID);
        let resource = config.audiences(&jwt.audiences, public).into_iter().next();
        Ok(Self {
            place: shown.unwrap_or_else(|| verifier.issuer().to_owned()),
            verifier,
            client,
            client_id,
            resource: resource.filter(|_| !asks_for_id_token),
        })
    }

    /// Who it is, by what the issuer has signed.
    async fn person(&self, tokens: OAuthTokens, nonce: &str) -> Result<UserId, AuthError> {
        match tokens.id_token {
            Some(token) => self.verifier.person_of_id_token(&token, &self.client_id, nonce).await,
            None => self.verifier.person_of_access_token(&tokens.access_token).await,
        }
    }
}

#[async_trait]
impl SignInPeople for AtTheIssuer {
    fn place(&self) -> String {
        self.place.clone()
    }

    async fn authorize(&self, request: AuthorizeRequest) -> Result<Url, ConnectError> {
        let AuthorizeRequest { redirect_uri, state, code_challenge, nonce, .. } = request;
        let (redirect_uri, resource) = (Some(redirect_uri), self.resource.clone());
        let asked = AuthorizationUrl { redirect_uri, state, code_challenge, nonce, resource };
        Ok(self.client.authorize_url(asked).await.inspect_err(|error| {
            tracing::warn!(issuer = self.verifier.issuer(), %error, "people cannot be sent to the issuer's sign-in");
        })?)
    }

    async fn identify(&self, grant: AuthorizationGrant) -> Result<UserId, ConnectError> {
        let AuthorizationGrant { code, code_verifier, redirect_uri, issuer, nonce, .. } = grant;
        let tokens = self.client.exchange(OAuthRedirect { code, code_verifier, redirect_uri, issuer }).await?;
        self.person(tokens, &nonce.unwrap_or_default()).await.map_err(|error| match error.kind() {
            AuthErrorKind::Unavailable => ConnectError::new(ConnectErrorKind::Unavailable, error.to_string()),
            _ => ConnectError::new(ConnectErrorKind::Refused, format!("it is not proven who you are: {error}")),
        })
    }
}
