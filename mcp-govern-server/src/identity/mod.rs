//! Who calls: the port that says so, and what comes of it.

mod error;
mod first_of;
mod fixed;
pub(crate) mod jwt;
mod middleware;
mod os_user;
mod source;
mod static_tokens;

use std::{fmt, net::IpAddr};

use async_trait::async_trait;
use http::request::Parts;
use mcp_govern_core::{ClientId, GroupId, Principal, Secret, Timestamp, UserId};

#[cfg(feature = "transport")]
pub use self::jwt::TransportJwks;
pub use self::{
    error::{AuthError, AuthErrorKind, Claimed, RefusalReason},
    first_of::FirstOf,
    fixed::FixedIdentity,
    jwt::{FetchJwks, FetchJwksError, JwtAlgorithm, JwtAuthenticator, JwtAuthenticatorBuilder, StaticJwks},
    middleware::FromMiddleware,
    os_user::os_user,
    source::TrustedProxies,
    static_tokens::StaticTokens,
};

/// Says who sends a request.
///
/// # Contract
///
/// - Called for every request; nothing is remembered between two requests, so that a token that has been taken back or has
///   ended is refused at once.
/// - The identity comes from what was proven (a signature, a secret, a session of the application), never from what a client
///   says of itself.
/// - Neither errors nor logs hold the token or a part of it.
#[async_trait]
pub trait Authenticate: fmt::Debug + Send + Sync + 'static {
    /// The person and the AI client behind a request.
    ///
    /// # Errors
    ///
    /// When there is nobody ([`AuthErrorKind::Missing`]), the proof is no good, more is needed, or it cannot be judged now.
    async fn authenticate(&self, request: &Presented<'_>) -> Result<Identity, AuthError>;

    /// Gets ready what requests are judged by, and waits for it: the keys of an issuer, where there are none yet. Cheap where it is ready.
    ///
    /// # Errors
    ///
    /// When it cannot be had now: requests are answered 503 then. The message is for the operator of the server.
    async fn prepare(&self) -> Result<(), AuthError> {
        Ok(())
    }

    /// Where clients get a token (RFC 9728, `authorization_servers`): identifiers of issuers, to the letter as these spell them (RFC 8414,
    /// section 2; clients compare them byte for byte). Empty where tokens are handed out by other means: then no metadata is served and a
    /// client is not sent on a search for it.
    fn authorization_servers(&self) -> Vec<String> {
        Vec::new()
    }

    /// The scopes that a token for this server should ask for.
    fn scopes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What a request presents to prove who sends it.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    parts: &'a Parts,
    bearer: Option<&'a Secret>,
    peer: Option<IpAddr>,
    source: Option<IpAddr>,
}

impl<'a> Presented<'a> {
    /// A request without a token, from an unknown address.
    pub fn new(parts: &'a Parts) -> Self {
        Self { parts, bearer: None, peer: None, source: None }
    }

    /// With a bearer token.
    #[must_use]
    pub fn with_bearer(mut self, bearer: Option<&'a Secret>) -> Self {
        self.bearer = bearer;
        self
    }

    /// With the address at the other end of the connection.
    #[must_use]
    pub fn with_peer(mut self, peer: Option<IpAddr>) -> Self {
        self.peer = peer;
        self
    }

    /// With the address that the request comes from: the peer's, or what a trusted proxy says.
    #[must_use]
    pub fn with_source(mut self, source: Option<IpAddr>) -> Self {
        self.source = source;
        self
    }

    /// Method, URI, headers and extensions. The `Authorization` header has been taken out.
    pub fn parts(&self) -> &'a Parts {
        self.parts
    }

    /// The bearer token of the `Authorization` header.
    pub fn bearer(&self) -> Option<&'a Secret> {
        self.bearer
    }

    /// The address at the other end of the connection: that of the last proxy, where there is one.
    pub fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// The address that the request comes from.
    pub fn source(&self) -> Option<IpAddr> {
        self.source
    }
}

/// An authenticated caller: a person, through an AI client.
///
/// An application with a sign-in of its own puts one into the request's extensions and authenticates with
/// [`FromMiddleware`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The person.
    pub user: UserId,
    /// The AI client.
    pub client: ClientId,
    /// The person's groups.
    pub groups: Vec<GroupId>,
    /// When the proof ends; streams that are open then are closed.
    pub expires: Option<Timestamp>,
}

impl Identity {
    /// A person without groups, whose proof does not end.
    pub fn new(user: UserId, client: ClientId) -> Self {
        Self { user, client, groups: Vec::new(), expires: None }
    }

    /// With the groups that the identity provider states.
    #[must_use]
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = GroupId>) -> Self {
        self.groups = groups.into_iter().collect();
        self
    }

    /// With the end of the proof.
    #[must_use]
    pub fn with_expiry(mut self, expires: Timestamp) -> Self {
        self.expires = Some(expires);
        self
    }

    /// As governance sees it.
    pub fn to_principal(&self, source: Option<IpAddr>) -> Principal {
        self.clone().into_principal(source)
    }

    /// The same, where the identity is not needed any more.
    pub(crate) fn into_principal(self, source: Option<IpAddr>) -> Principal {
        let principal = Principal::new(self.user, self.client).with_groups(self.groups);
        match source {
            Some(source) => principal.with_source(source),
            None => principal,
        }
    }
}
