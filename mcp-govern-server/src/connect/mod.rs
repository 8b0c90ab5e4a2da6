//! Connecting a person's own account: the port to a vendor's sign-in, and the pages around it.
//!
//! 1. A call needs the person's own account, and there is none yet. The client gets a link, in the form that it understands.
//! 2. The person opens the link. The page finds out who it is, and goes on only for the person who was asked: a person who sends a link
//!    of their own to another one must not get at that one's account.
//! 3. The vendor asks the person, and sends the browser back with a code. The state in that redirect is good once, for a few minutes,
//!    and in the browser that began.
//! 4. The code becomes a credential, and the credential is put in place. The next call goes through.
//!
//! On a page of its own (`/connect/accounts`) a person sees the accounts that it has connected, and disconnects them.

mod accounts;
mod config;
mod cookies;
mod error;
mod link;
#[cfg(feature = "transport")]
mod oauth;
mod pages;
mod pending;
mod routes;
mod sign_in;
mod state;
mod visitor;

use std::fmt;

use async_trait::async_trait;
use mcp_govern_core::{Credential, Secret, ServerConfig, UserId};
use url::Url;

#[cfg(feature = "transport")]
pub use self::oauth::OAuthAccounts;
pub use self::{
    config::ConnectAccounts,
    error::{ConnectError, ConnectErrorKind},
    visitor::{IdentifyVisitor, Visitor},
};
pub(crate) use self::{
    link::Connector,
    routes::{ConnectIngress, routes},
    state::{Answered, QUESTION},
};

/// A vendor's sign-in for people's own accounts: an OAuth client, in most cases.
///
/// # Contract
///
/// - Neither the code nor the verifier nor the credential goes into an error, a log or `Debug`.
/// - Where the vendor states its issuer in the redirect (RFC 9207), it is compared with the expected one before the code is used.
/// - Nothing is kept between the two calls: they may come to two nodes.
#[async_trait]
pub trait ConnectAccount: fmt::Debug + Send + Sync + 'static {
    /// Whether accounts of this server can be connected here. Must not block.
    fn can_connect(&self, server: &ServerConfig) -> bool;

    /// What a person is shown before anything is asked for: where one signs in, and the scopes. Must not block.
    fn consent(&self, _server: &ServerConfig) -> Consent {
        Consent::default()
    }

    /// Where the person's browser goes: the vendor's authorization page, with the parameters of the request in it.
    ///
    /// # Errors
    ///
    /// When the vendor's sign-in is not configured or cannot be found.
    async fn authorize(&self, server: &ServerConfig, request: AuthorizeRequest) -> Result<Url, ConnectError>;

    /// Trades the code for a credential of the server's auth method.
    ///
    /// # Errors
    ///
    /// When the vendor refuses the code, or does not answer.
    async fn exchange(&self, server: &ServerConfig, grant: AuthorizationGrant) -> Result<Credential, ConnectError>;
}

/// A sign-in of people, by which it is known who opens a link: an OAuth client of the issuer whose tokens their AI clients use, in most cases.
///
/// # Contract
///
/// - The person is the same [`UserId`] that the person's requests over MCP have.
/// - Neither the code nor the verifier nor a token goes into an error, a log or `Debug`. Errors are shown to the person.
/// - What the sign-in states is proven: by the signature of a token that was made for this client and this sign-in (`nonce`). Where the issuer
///   states itself in the redirect (RFC 9207), it is compared with the expected one before the code is used.
/// - Nothing is kept between the two calls: they may come to two nodes.
#[async_trait]
pub trait SignInPeople: fmt::Debug + Send + Sync + 'static {
    /// Where people sign in, as they know it: a host. Must not block.
    fn place(&self) -> String;

    /// Where the person's browser goes, with the parameters of the request in it.
    ///
    /// # Errors
    ///
    /// When the sign-in is not configured rightly or does not answer.
    async fn authorize(&self, request: AuthorizeRequest) -> Result<Url, ConnectError>;

    /// Trades the code for who the person is.
    ///
    /// # Errors
    ///
    /// When the code is refused, the answer does not prove who it is, or there is none.
    async fn identify(&self, grant: AuthorizationGrant) -> Result<UserId, ConnectError>;
}

/// What a person agrees to by going on.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Consent {
    /// The vendor's authorization page, of which the host is shown.
    pub sign_in: Option<Url>,
    /// The scopes that are asked for; none where the vendor decides.
    pub scopes: Vec<String>,
}

impl Consent {
    /// Signing in there, for these scopes.
    pub fn new(sign_in: Url, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { sign_in: Some(sign_in), scopes: scopes.into_iter().map(Into::into).collect() }
    }
}

/// What the vendor's authorization page is asked with (RFC 6749, section 4.1.1; RFC 7636, section 4.3).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuthorizeRequest {
    /// Where the vendor sends the browser back to: exactly this URL must be registered there. It is the server's own
    /// (`https://tools.example.com/connect/callback/<server>`).
    pub redirect_uri: Url,
    /// `state`: comes back unchanged.
    pub state: String,
    /// `code_challenge`, of method `S256`.
    pub code_challenge: String,
    /// `nonce` (`OpenID` Connect Core 1.0, section 3.1.2.1), for a sign-in of people.
    pub nonce: Option<String>,
}

/// What the vendor has granted (RFC 6749, section 4.1.2).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuthorizationGrant {
    /// `code`.
    pub code: Secret,
    /// `code_verifier`, whose SHA-256 was the challenge.
    pub code_verifier: Secret,
    /// `redirect_uri`, as it was in the request.
    pub redirect_uri: Url,
    /// `iss`, where the vendor states it (RFC 9207).
    pub issuer: Option<String>,
    /// `nonce`, as it was in the request.
    pub nonce: Option<String>,
}
