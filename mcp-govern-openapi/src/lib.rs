#![cfg_attr(feature = "engine", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "engine"),
    doc = "Merges the files of an OpenAPI document. The feature `engine` has the rest."
)]
#![cfg_attr(
    all(test, feature = "engine"),
    expect(clippy::needless_pass_by_value, reason = "tests write values in place with `json!`")
)]

mod error;
mod merge;

#[cfg(feature = "engine")]
mod base_url;
#[cfg(feature = "engine")]
mod bind;
#[cfg(feature = "engine")]
mod catalog;
#[cfg(feature = "engine")]
mod decode;
#[cfg(feature = "engine")]
mod document;
#[cfg(feature = "engine")]
mod header;
#[cfg(feature = "engine")]
mod limits;
#[cfg(feature = "engine")]
mod oauth;
#[cfg(feature = "engine")]
mod plan;
#[cfg(feature = "engine")]
mod pointer;
#[cfg(feature = "engine")]
mod provider;
#[cfg(feature = "engine")]
mod redact;
#[cfg(feature = "engine")]
mod send;
#[cfg(feature = "engine")]
mod server;
#[cfg(feature = "engine")]
mod steps;
#[cfg(feature = "engine")]
mod text;
#[cfg(feature = "engine")]
mod transport;

#[cfg(feature = "engine")]
#[cfg(test)]
mod tests;

#[cfg(feature = "engine")]
pub use self::{
    catalog::catalog_line,
    document::{ForeignDocument, lint_directory, lint_documents},
    limits::Limits,
    oauth::{
        AuthorizationUrl, ClientAuthentication, OAuthApp, OAuthClient, OAuthEndpoints, OAuthError, OAuthErrorKind,
        OAuthRedirect, OAuthTokens, account_region,
    },
    plan::RecipeSpec,
    provider::{EditionDocument, OpenApiProvider, OpenApiProviderBuilder, ResultForms},
    server::recipe::{Recipe, RowAnswer, RowCaller, RowList},
    transport::{BodySource, BodyStream, ReqwestTransport, Transport, TransportError},
};
pub use self::{
    error::{DocumentError, DocumentErrorKind, Fault},
    merge::{merge_directory, merge_documents},
};
