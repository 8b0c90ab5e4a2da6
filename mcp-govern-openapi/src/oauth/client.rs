//! The client of one authorization server.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use mcp_govern_core::Secret;
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, CsrfToken, EndpointNotSet, ExtraTokenFields, PkceCodeVerifier, RedirectUrl,
    RefreshToken, RequestTokenError, Scope, StandardRevocableToken, StandardTokenResponse, TokenResponse as _,
    TokenUrl,
    basic::{BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType},
};
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};

use super::{
    ClientAuthentication, OAuthApp, OAuthEndpoints, OAuthError, OAuthErrorKind, OAuthTokens,
    exchange::Exchange,
    metadata::{Metadata, Source},
};
use crate::transport::Transport;

/// How long the metadata of an authorization server is used.
const METADATA_AGE: Duration = Duration::from_secs(600);

/// An OAuth client of one authorization server.
///
/// It keeps nothing but the server's metadata: requests of one sign-in may be made by several nodes. `Debug` shows no secret.
#[derive(Debug)]
pub struct OAuthClient {
    app: OAuthApp,
    endpoints: OAuthEndpoints,
    source: Option<Source>,
    transport: Arc<dyn Transport>,
    found: Mutex<Option<(Instant, Metadata)>>,
}

/// What goes into the URL of the page where a person signs in and grants.
#[derive(Debug, Clone, Default)]
pub struct AuthorizationUrl {
    /// `redirect_uri`.
    pub redirect_uri: Option<Url>,
    /// `state`.
    pub state: String,
    /// `code_challenge`, of method `S256` (RFC 7636).
    pub code_challenge: String,
    /// `nonce` (`OpenID` Connect Core 1.0).
    pub nonce: Option<String>,
    /// `resource` (RFC 8707).
    pub resource: Option<String>,
}

/// What came back in the redirect, and what it is redeemed with.
#[derive(Debug, Clone)]
pub struct OAuthRedirect {
    /// `code`.
    pub code: Secret,
    /// `code_verifier`, whose SHA-256 was the challenge.
    pub code_verifier: Secret,
    /// `redirect_uri`, as it was in the request.
    pub redirect_uri: Url,
    /// `iss`, where the server states it (RFC 9207).
    pub issuer: Option<String>,
}

/// What an authorization server answers beside RFC 6749.
#[derive(Clone, Serialize, Deserialize)]
struct Extra {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extra(…)")
    }
}

impl ExtraTokenFields for Extra {}

type Issued = StandardTokenResponse<Extra, BasicTokenType>;
type Requests<Authorize, Token> = oauth2::Client<
    BasicErrorResponse,
    Issued,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    Authorize,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    Token,
>;

/// The endpoints, and what is known of the redirects.
struct Server {
    authorize: Option<Url>,
    token: Option<Url>,
    refresh: Option<Url>,
    revoke: Option<Url>,
    issuer: Option<String>,
    states_issuer: bool,
}

impl OAuthClient {
    /// A client of the authorization server that has these endpoints; those that are not known are those of its metadata, where the
    /// application names an issuer or the endpoints name the metadata.
    ///
    /// # Errors
    ///
    /// [`OAuthErrorKind::Config`] when an endpoint is not on https (or on this machine), or the token endpoint cannot be found.
    pub fn new(app: OAuthApp, endpoints: OAuthEndpoints, transport: Arc<dyn Transport>) -> Result<Self, OAuthError> {
        let config = |message: String| OAuthError::new(OAuthErrorKind::Config, message);
        endpoints.check()?;
        let source = match (&app.issuer, &endpoints.metadata) {
            (Some(issuer), _) => {
                let url: Url = issuer.parse().map_err(|_| config(format!("the issuer `{issuer}` is not a URL")))?;
                OAuthEndpoints { metadata: Some(url.clone()), ..OAuthEndpoints::new() }.check()?;
                Some(Source::Issuer(url))
            }
            (None, Some(document)) => Some(Source::Document(document.clone())),
            (None, None) => None,
        };
        if endpoints.token.is_none() && source.is_none() {
            return Err(config(
                "it is not known where tokens are issued: state `token_url`, or the `issuer` whose metadata names it"
                    .to_owned(),
            ));
        }
        Ok(Self { app, endpoints, source, transport, found: Mutex::default() })
    }

    /// The application.
    pub fn app(&self) -> &OAuthApp {
        &self.app
    }

    /// Where people sign in, as far as that is known without asking.
    pub fn authorize_endpoint(&self) -> Option<Url> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let found = found.as_ref().and_then(|(_, metadata)| metadata.authorization_endpoint.clone());
        self.endpoints.authorize.clone().or(found)
    }

    /// Whether tokens can be revoked at the server, as far as that is known without asking.
    pub fn can_revoke(&self) -> bool {
        self.endpoints.revoke.is_some() || self.source.is_some()
    }

    /// The URL to which a person's browser is sent.
    ///
    /// # Errors
    ///
    /// When it is not known where people sign in, or the server's metadata cannot be read.
    pub async fn authorize_url(&self, request: AuthorizationUrl) -> Result<Url, OAuthError> {
        let server = self.server().await?;
        let Some(authorize) = server.authorize else {
            return Err(OAuthError::new(
                OAuthErrorKind::Config,
                "it is not known where people sign in: state `authorize_url`, or the `issuer` whose metadata names it",
            ));
        };
        let AuthorizationUrl { redirect_uri, state, code_challenge, nonce, resource } = request;
        let client = self.requests().set_auth_uri(AuthUrl::from_url(authorize));
        let client = match redirect_uri {
            Some(uri) => client.set_redirect_uri(RedirectUrl::from_url(uri)),
            None => client,
        };
        let mut url = client
            .authorize_url(|| CsrfToken::new(state))
            .add_scopes(self.app.scopes.iter().cloned().map(Scope::new))
            // The challenge alone is known here: the verifier is the caller's.
            .add_extra_param("code_challenge", code_challenge)
            .add_extra_param("code_challenge_method", "S256");
        if let Some(nonce) = nonce {
            url = url.add_extra_param("nonce", nonce);
        }
        if let Some(resource) = resource {
            url = url.add_extra_param("resource", resource);
        }
        Ok(url.url().0)
    }

    /// Redeems a code.
    ///
    /// # Errors
    ///
    /// [`OAuthErrorKind::Refused`] when the redirect came from another issuer, or the code is refused; other kinds as they say. Scopes that
    /// were asked for and not granted are named in what is returned.
    pub async fn exchange(&self, redirect: OAuthRedirect) -> Result<OAuthTokens, OAuthError> {
        let server = self.server().await?;
        // The code goes to no server but the one whose redirect it came with (RFC 9207, section 2.4).
        if !server.has_sent(redirect.issuer.as_deref()) {
            return Err(OAuthError::new(OAuthErrorKind::Refused, "the redirect came from another sign-in"));
        }
        let client = self.requests().set_token_uri(TokenUrl::from_url(token_endpoint(server.token)?));
        let client = client.set_redirect_uri(RedirectUrl::from_url(redirect.redirect_uri));
        let http = self.http("the code");
        let issued = client
            .exchange_code(AuthorizationCode::new(redirect.code.expose().to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(redirect.code_verifier.expose().to_owned()))
            .request_async(&http)
            .await;
        self.tokens(issued, &self.app.scopes)
    }

    /// That tokens are of use: where scopes of the vendor's API were asked for, one of them at least is granted. Some servers grant what they
    /// do not know without an error, which opens nothing.
    ///
    /// # Errors
    ///
    /// [`OAuthErrorKind::Refused`] when none is.
    pub fn check_granted(&self, tokens: &OAuthTokens) -> Result<(), OAuthError> {
        if !tokens.grant_nothing(&self.app.scopes) {
            return Ok(());
        }
        let asked = quoted(&self.app.scopes);
        let message = format!(
            "{} granted none of the scopes that were asked for ({asked}): ask an administrator whether the application may have them",
            self.app.name
        );
        Err(OAuthError::new(OAuthErrorKind::Refused, message))
    }

    /// Renews tokens. A server that returns no refresh token leaves the old one good (RFC 6749, section 6), which is returned then; where it
    /// states no scopes, none are returned: they are those that were granted before.
    ///
    /// # Errors
    ///
    /// [`OAuthErrorKind::Refused`] when the refresh token is refused: the person must connect again. With any other kind it may still be good.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<OAuthTokens, OAuthError> {
        let server = self.server().await?;
        let client =
            self.requests().set_token_uri(TokenUrl::from_url(token_endpoint(server.refresh.or(server.token))?));
        let (token, http) = (RefreshToken::new(refresh_token.expose().to_owned()), self.http("to renew the access"));
        let issued = client.exchange_refresh_token(&token).request_async(&http).await;
        let mut tokens = self.tokens(issued, &[])?;
        tokens.refresh_token.get_or_insert_with(|| refresh_token.clone());
        Ok(tokens)
    }

    /// Gets tokens for the application itself.
    ///
    /// # Errors
    ///
    /// As [`OAuthClient::exchange`].
    pub async fn client_credentials(&self) -> Result<OAuthTokens, OAuthError> {
        let server = self.server().await?;
        let client = self.requests().set_token_uri(TokenUrl::from_url(token_endpoint(server.token)?));
        let http = self.http("this application a token");
        let scopes = self.app.scopes.iter().cloned().map(Scope::new);
        let issued = client.exchange_client_credentials().add_scopes(scopes).request_async(&http).await;
        self.tokens(issued, &self.app.scopes)
    }

    /// Revokes a token (RFC 7009). Returns whether there was a place to ask; the server treats tokens that it does not know as revoked.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer: nothing is known of the token then.
    pub async fn revoke(&self, token: &Secret) -> Result<bool, OAuthError> {
        let Some(url) = self.server().await?.revoke else { return Ok(false) };
        let (form, authorization) = self.revocation(token);
        self.http("to revoke the token").post(&url, form, authorization).await?;
        Ok(true)
    }

    /// The form that revokes a token, and the header that authenticates the application.
    fn revocation(&self, token: &Secret) -> (String, Option<String>) {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", token.expose());
        match (&self.app.client_secret, self.app.authentication) {
            (Some(secret), ClientAuthentication::Basic) => {
                // RFC 6749, section 2.3.1: both are form-encoded first.
                let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = [encoded(&self.app.client_id), encoded(secret.expose())].join(":");
                (form.finish(), Some(["Basic ", &BASE64_STANDARD.encode(pair)].concat()))
            }
            (secret, _) => {
                form.append_pair("client_id", &self.app.client_id);
                if let Some(secret) = secret {
                    form.append_pair("client_secret", secret.expose());
                }
                (form.finish(), None)
            }
        }
    }

    /// The endpoints as they are stated, completed by the metadata where one of them is not.
    async fn server(&self) -> Result<Server, OAuthError> {
        let stated = self.endpoints.clone();
        let complete = stated.authorize.is_some() && stated.token.is_some();
        let metadata = match &self.source {
            Some(source) if !complete => Some(self.metadata(source).await?),
            _ => None,
        };
        let issuer = self.app.issuer.clone();
        Ok(match metadata {
            None => Server {
                authorize: stated.authorize,
                token: stated.token,
                refresh: stated.refresh,
                revoke: stated.revoke,
                issuer,
                states_issuer: self.app.must_state_issuer,
            },
            Some(found) => Server {
                authorize: stated.authorize.or(found.authorization_endpoint),
                token: stated.token.or(found.token_endpoint),
                refresh: stated.refresh,
                revoke: stated.revoke.or(found.revocation_endpoint),
                issuer: issuer.or(Some(found.issuer)),
                states_issuer: self.app.must_state_issuer || found.authorization_response_iss_parameter_supported,
            },
        })
    }

    async fn metadata(&self, source: &Source) -> Result<Metadata, OAuthError> {
        let known = || self.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let old = match known() {
            Some((at, metadata)) if at.elapsed() < METADATA_AGE => return Ok(metadata),
            old => old,
        };
        let read = source.read(&self.http("its metadata")).await;
        match (read, old) {
            (Ok(metadata), _) => {
                *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), metadata.clone()));
                Ok(metadata)
            }
            // A server that does not answer is where it was.
            (Err(error), Some((_, metadata))) if error.kind() == OAuthErrorKind::Unavailable => Ok(metadata),
            (Err(error), _) => Err(error),
        }
    }

    fn requests(&self) -> Requests<EndpointNotSet, EndpointNotSet> {
        let client = Requests::new(oauth2::ClientId::new(self.app.client_id.clone()));
        let client = client.set_auth_type(match self.app.authentication {
            ClientAuthentication::Post => AuthType::RequestBody,
            ClientAuthentication::Basic => AuthType::BasicAuth,
        });
        match &self.app.client_secret {
            Some(secret) => client.set_client_secret(oauth2::ClientSecret::new(secret.expose().to_owned())),
            None => client,
        }
    }

    /// Speaks to the server; `what` names what it may refuse.
    fn http(&self, what: &'static str) -> Exchange {
        Exchange { transport: Arc::clone(&self.transport), whose: self.app.name.as_str().into(), what }
    }

    fn tokens(
        &self,
        issued: Result<Issued, RequestTokenError<OAuthError, BasicErrorResponse>>,
        asked: &[String],
    ) -> Result<OAuthTokens, OAuthError> {
        let unavailable = |what: &str| OAuthError::unavailable(&self.app.name, &what);
        let issued = issued.map_err(|error| match error {
            RequestTokenError::Request(error) => error,
            // What it answered is not shown: it may hold what was sent.
            _ => unavailable("its answer holds no access token"),
        })?;
        if *issued.token_type() != BasicTokenType::Bearer {
            return Err(unavailable("its tokens are not bearer tokens"));
        }
        let secret = |text: &String| Secret::new(text.clone());
        let mut tokens = OAuthTokens {
            access_token: secret(issued.access_token().secret()),
            refresh_token: issued.refresh_token().map(|token| secret(token.secret())),
            id_token: issued.extra_fields().id_token.as_ref().map(secret),
            scopes: std::collections::BTreeSet::new(),
            missing_scopes: Vec::new(),
            expires_in: issued.expires_in(),
        };
        if tokens.access_token.is_empty() {
            return Err(unavailable("its answer holds no access token"));
        }
        tokens.refresh_token = tokens.refresh_token.filter(|token| !token.is_empty());
        let stated = issued.scopes().map(|scopes| scopes.iter().map(|scope| scope.as_str().to_owned()).collect());
        tokens.compare(stated, asked);
        Ok(tokens)
    }
}

impl Server {
    /// Whether a redirect that states this issuer is this server's. Where its issuer is not known, one that is stated must at least be of
    /// the host where the person signed in.
    fn has_sent(&self, stated: Option<&str>) -> bool {
        match (&self.issuer, stated) {
            (Some(expected), Some(stated)) => stated == expected,
            (_, None) => !self.states_issuer,
            (None, Some(stated)) => stated
                .parse::<Url>()
                .is_ok_and(|stated| self.authorize.as_ref().is_some_and(|at| at.origin() == stated.origin())),
        }
    }
}

fn token_endpoint(known: Option<Url>) -> Result<Url, OAuthError> {
    known.ok_or_else(|| {
        OAuthError::new(
            OAuthErrorKind::Config,
            "it is not known where tokens are issued: the issuer's metadata names no token endpoint; state `token_url`",
        )
    })
}

fn quoted(scopes: &[String]) -> String {
    scopes.iter().map(|scope| format!("`{scope}`")).collect::<Vec<_>>().join(", ")
}
