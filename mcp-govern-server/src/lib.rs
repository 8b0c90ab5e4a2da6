#![doc = include_str!("../README.md")]

mod adapter;
mod builder;
mod cleaned;
mod connect;
mod error;
#[cfg(test)]
mod fuzz;
mod http;
mod identity;
mod message;
mod metrics;
mod request_context;
mod seal;
mod server;
mod shares;
mod steps;

use self::cleaned::cleaned;
pub use self::{
    builder::McpServerBuilder,
    connect::{
        AuthorizationGrant, AuthorizeRequest, ConnectAccount, ConnectAccounts, ConnectError, ConnectErrorKind, Consent,
        IdentifyVisitor, SignInPeople, Visitor,
    },
    error::{ServerError, ServerErrorKind},
    identity::{
        AuthError, AuthErrorKind, Authenticate, Claimed, FetchJwks, FetchJwksError, FirstOf, FixedIdentity,
        FromMiddleware, Identity, JwtAlgorithm, JwtAuthenticator, JwtAuthenticatorBuilder, Presented, RefusalReason,
        StaticJwks, StaticTokens, TrustedProxies, os_user,
    },
    server::McpServer,
};
#[cfg(feature = "transport")]
pub use self::{connect::OAuthAccounts, identity::TransportJwks};
