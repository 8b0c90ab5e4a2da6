//! What an authorization server publishes of itself (RFC 8414; `OpenID` Connect Discovery 1.0).

use mcp_govern_core::{AuthorizationServer, is_encrypted_or_local};
use serde::Deserialize;
use url::Url;

use super::{OAuthError, OAuthErrorKind, exchange::Exchange};
use crate::text::one_line;

/// An authorization server's metadata.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    pub(super) issuer: String,
    #[serde(default)]
    pub(super) authorization_endpoint: Option<Url>,
    #[serde(default)]
    pub(super) token_endpoint: Option<Url>,
    #[serde(default)]
    pub(super) revocation_endpoint: Option<Url>,
    /// RFC 9207, section 3.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// Where the metadata is looked for.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// At the issuer.
    Issuer(Url),
    /// At this URL, which belongs to the issuer that the metadata states.
    Document(Url),
}

impl Source {
    /// Reads it.
    pub(super) async fn read(&self, exchange: &Exchange) -> Result<Metadata, OAuthError> {
        let urls = match self {
            Self::Issuer(issuer) => AuthorizationServer::new(issuer.clone()).metadata_urls().to_vec(),
            Self::Document(url) => vec![url.clone()],
        };
        let mut last = None;
        for url in urls {
            match exchange.get(&url).await {
                // Some servers answer a page to whatever they do not have.
                Ok(document) => match self.parse(exchange, &url, &document) {
                    Err(error) if error.kind() == OAuthErrorKind::Unavailable => last = Some(error),
                    parsed => return parsed,
                },
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| OAuthError::unavailable(&exchange.whose, &"it publishes no metadata")))
    }

    fn parse(&self, exchange: &Exchange, url: &Url, document: &[u8]) -> Result<Metadata, OAuthError> {
        let wrong = |what: String| OAuthError::new(OAuthErrorKind::Config, what);
        let metadata: Metadata = serde_json::from_slice(document)
            .map_err(|_| OAuthError::unavailable(&exchange.whose, &format_args!("`{url}` is not its metadata")))?;
        let is_its_own = match self {
            // RFC 8414, section 3.3: metadata of another issuer must not be used.
            Self::Issuer(issuer) => AuthorizationServer::new(issuer.clone()).is_named(&metadata.issuer),
            Self::Document(url) => metadata
                .issuer
                .parse()
                .is_ok_and(|issuer| AuthorizationServer::new(issuer).metadata_urls().contains(url)),
        };
        if !is_its_own {
            return Err(wrong(format!("`{url}` is the metadata of `{}`", one_line(&metadata.issuer, 256))));
        }
        let endpoints = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.revocation_endpoint];
        if let Some(endpoint) = endpoints.into_iter().flatten().find(|endpoint| !is_encrypted_or_local(endpoint)) {
            return Err(wrong(format!("`{url}` names `{endpoint}`, which is not on https")));
        }
        Ok(metadata)
    }
}
