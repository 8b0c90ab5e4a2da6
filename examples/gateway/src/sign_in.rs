//! Signing people in to connect an account, at the issuer whose tokens their AI clients use: OAuth 2.0 with an authorization code and PKCE,
//! and an ID token where the issuer speaks `OpenID` Connect.

use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_core::{Secret, UserId};
use mcp_govern_openapi::Transport;
use mcp_govern_server::{
    AuthError, AuthErrorKind, AuthorizationGrant, AuthorizeRequest, ConnectError, ConnectErrorKind, JwtAuthenticator,
    SignInPeople,
};
use url::Url;

use crate::{
    config::{Config, IssuerSignIn, Jwt},
    connect::{Client, Tokens, is_safe, trade},
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
    client: Client,
    scopes: Vec<String>,
    /// Where the file says it, instead of the issuer's metadata.
    urls: Option<(Url, Url)>,
    /// What access tokens are made for, where the issuer makes no ID tokens (RFC 8707).
    resource: String,
    place: String,
    transport: Arc<dyn Transport>,
}

/// Where one signs in.
struct Endpoints {
    authorize: Url,
    token: Url,
    states_issuer: bool,
}

impl AtTheIssuer {
    /// Looks the client secret up.
    pub(crate) fn new(config: &Config, jwt: &Jwt, sign_in: &IssuerSignIn, public: &Url) -> Result<Self, Failure> {
        let place = |failure: Failure| failure.at("auth.jwt.sign_in");
        let secret = sign_in.client_secret.as_ref().map(|secret| secret.resolve(config.base()));
        let secret = secret.transpose().map_err(place)?;
        let urls = match (&sign_in.authorize_url, &sign_in.token_url) {
            (Some(authorize), Some(token)) => Some((authorize.clone(), token.clone())),
            (None, None) => None,
            _ => {
                return Err(place(Failure::config(
                    "`authorize_url` and `token_url` go together: state both, or neither where the issuer's metadata names them",
                )));
            }
        };
        for url in urls.iter().flat_map(|(authorize, token)| [authorize, token]) {
            if !is_safe(url) {
                return Err(place(Failure::config(format!("`{url}` is not on https"))));
            }
        }
        let verifier = bearer_tokens(jwt, config, public)?;
        let shown =
            urls.as_ref().map_or_else(|| verifier.issuer().parse().ok(), |(authorize, _)| Some(authorize.clone()));
        let shown = shown.and_then(|url| url.host_str().map(str::to_owned));
        Ok(Self {
            place: shown.unwrap_or_else(|| verifier.issuer().to_owned()),
            verifier,
            client: Client { id: sign_in.client_id.to_string(), secret },
            scopes: sign_in.scopes.clone(),
            urls,
            resource: config.audiences(&jwt.audiences, public).into_iter().next().unwrap_or_default(),
            transport: Arc::new(providers::transport(config)),
        })
    }

    async fn endpoints(&self) -> Result<Endpoints, ConnectError> {
        if let Some((authorize, token)) = self.urls.clone() {
            return Ok(Endpoints { authorize, token, states_issuer: false });
        }
        let found = self.verifier.endpoints().await.map_err(|error| {
            tracing::warn!(issuer = self.verifier.issuer(), %error, "where people sign in cannot be read from the issuer");
            ConnectError::new(ConnectErrorKind::Unavailable, format!("`{}` does not answer", self.place))
        })?;
        Ok(Endpoints { authorize: found.authorize, token: found.token, states_issuer: found.states_issuer })
    }

    /// Who it is, by what the issuer has signed.
    async fn person(&self, tokens: Tokens, nonce: &str) -> Result<UserId, AuthError> {
        match tokens.id_token {
            Some(token) => self.verifier.person_of_id_token(&Secret::new(token), &self.client.id, nonce).await,
            None => self.verifier.person_of_access_token(&Secret::new(tokens.access_token)).await,
        }
    }

    fn asks_for_id_token(&self) -> bool {
        self.scopes.iter().any(|scope| scope == OPENID)
    }
}

#[async_trait]
impl SignInPeople for AtTheIssuer {
    fn place(&self) -> String {
        self.place.clone()
    }

    async fn authorize(&self, request: AuthorizeRequest) -> Result<Url, ConnectError> {
        let mut url = self.endpoints().await?.authorize;
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", &self.client.id)
                .append_pair("redirect_uri", request.redirect_uri.as_str())
                .append_pair("state", &request.state)
                .append_pair("code_challenge", &request.code_challenge)
                .append_pair("code_challenge_method", "S256");
            if !self.scopes.is_empty() {
                query.append_pair("scope", &self.scopes.join(" "));
            }
            if let Some(nonce) = &request.nonce {
                query.append_pair("nonce", nonce);
            }
            if !self.asks_for_id_token() {
                query.append_pair("resource", &self.resource);
            }
        }
        Ok(url)
    }

    async fn identify(&self, grant: AuthorizationGrant) -> Result<UserId, ConnectError> {
        let endpoints = self.endpoints().await?;
        // The code goes to nobody but the issuer whose redirect it came with (RFC 9207, section 2.4).
        let is_its_own = match grant.issuer.as_deref() {
            Some(stated) => stated == self.verifier.issuer(),
            None => !endpoints.states_issuer,
        };
        if !is_its_own {
            return Err(ConnectError::new(ConnectErrorKind::Refused, "the redirect came from another sign-in"));
        }
        let tokens = trade(&*self.transport, &endpoints.token, &self.client, &grant, "the issuer's sign-in").await?;
        let nonce = grant.nonce.unwrap_or_default();
        self.person(tokens, &nonce).await.map_err(|error| match error.kind() {
            AuthErrorKind::Unavailable => ConnectError::new(ConnectErrorKind::Unavailable, error.to_string()),
            _ => ConnectError::new(ConnectErrorKind::Refused, format!("it is not proven who you are: {error}")),
        })
    }
}
