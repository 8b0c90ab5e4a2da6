//! An OAuth 2.0 client of vendors' authorization servers: for people who connect their own accounts, for applications that act as
//! themselves, and for people who sign in.
//!
//! The requests are those of the crate `oauth2`; they leave the process through a [`Transport`](crate::Transport), as vendor requests
//! do. What that crate does not have is here: the issuer in the redirect (RFC 9207), metadata of the authorization server (RFC 8414,
//! `OpenID` Connect Discovery), the comparison of granted scopes with those that were asked for, and the region of an account.

mod app;
mod client;
mod error;
mod exchange;
mod metadata;
mod region;
mod tokens;

#[cfg(test)]
mod tests;

pub use self::{
    app::{ClientAuthentication, OAuthApp, OAuthEndpoints},
    client::{AuthorizationUrl, OAuthClient, OAuthRedirect},
    error::{OAuthError, OAuthErrorKind},
    region::account_region,
    tokens::OAuthTokens,
};
