//! From an issuer to its key set: RFC 8414 and `OpenID` Connect Discovery 1.0.

use mcp_govern_core::{AuthorizationServer, is_encrypted_or_local};
use serde::Deserialize;
use url::Url;

use super::FetchJwks;
use crate::cleaned;

/// What an issuer publishes of itself.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    /// Its name, as it spells it.
    pub(crate) issuer: String,
    /// Where its keys are.
    pub(crate) jwks_uri: Url,
}

/// An issuer's own metadata.
pub(crate) async fn published(fetch: &dyn FetchJwks, issuer: &Url) -> Result<Metadata, String> {
    let mut reasons = Vec::new();
    let server = AuthorizationServer::new(issuer.clone());
    for url in server.metadata_urls() {
        let document = match fetch.fetch(&url).await {
            Ok(document) => document,
            Err(error) => {
                reasons.push(error.to_string());
                continue;
            }
        };
        let metadata: Metadata = serde_json::from_slice(&document)
            .map_err(|error| format!("`{url}` is not an issuer's metadata: {error}"))?;
        // RFC 8414, section 3.3: metadata of another issuer must not be used.
        if !server.is_named(&metadata.issuer) {
            return Err(format!("`{url}` is the metadata of `{}`", cleaned(&metadata.issuer, 256)));
        }
        if !is_encrypted_or_local(&metadata.jwks_uri) {
            return Err(format!("`{url}` names a key set that is not on https"));
        }
        return Ok(metadata);
    }
    Err(format!("the issuer publishes no metadata: {}", reasons.join("; ")))
}
