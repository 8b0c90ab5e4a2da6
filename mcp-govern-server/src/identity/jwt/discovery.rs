//! From an issuer to its key set: RFC 8414 and `OpenID` Connect Discovery 1.0.

use serde::Deserialize;
use url::{Host, Url};

use super::FetchJwks;
use crate::cleaned;

/// What an issuer publishes of itself.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    /// Its name, as it spells it.
    pub(crate) issuer: String,
    /// Where its keys are.
    pub(crate) jwks_uri: Url,
    /// Where people sign in.
    pub(crate) authorization_endpoint: Option<Url>,
    /// Where codes are traded.
    pub(crate) token_endpoint: Option<Url>,
    /// RFC 9207, section 3.
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

/// An issuer's own metadata.
pub(crate) async fn published(fetch: &dyn FetchJwks, issuer: &Url) -> Result<Metadata, String> {
    let mut reasons = Vec::new();
    for url in metadata_urls(issuer) {
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
        if !same_issuer(&metadata.issuer, issuer) {
            return Err(format!("`{url}` is the metadata of `{}`", cleaned(&metadata.issuer, 256)));
        }
        if !is_safe(&metadata.jwks_uri) {
            return Err(format!("`{url}` names a key set that is not on https"));
        }
        return Ok(metadata);
    }
    Err(format!("the issuer publishes no metadata: {}", reasons.join("; ")))
}

/// RFC 8414, section 3.1: the well-known part is before the issuer's path. `OpenID` Connect puts it behind.
fn metadata_urls(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    [format!("/.well-known/oauth-authorization-server{path}"), format!("{path}/.well-known/openid-configuration")]
        .into_iter()
        .map(|path| {
            let mut url = issuer.clone();
            url.set_path(&path);
            url
        })
        .collect()
}

/// Whether it is the same issuer, however it is spelled. Tokens are held to the letter elsewhere.
fn same_issuer(text: &str, issuer: &Url) -> bool {
    let place = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    text.parse::<Url>().is_ok_and(|stated| place(&stated) == place(issuer))
}

/// https, or http on this machine.
pub(crate) fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_part_stands_before_or_behind_the_path() {
        let urls = |issuer: &str| -> Vec<String> {
            metadata_urls(&issuer.parse().unwrap()).into_iter().map(String::from).collect()
        };
        assert_eq!(
            urls("https://id.example.com/realms/a"),
            [
                "https://id.example.com/.well-known/oauth-authorization-server/realms/a",
                "https://id.example.com/realms/a/.well-known/openid-configuration",
            ]
        );
        assert_eq!(
            urls("https://id.example.com"),
            [
                "https://id.example.com/.well-known/oauth-authorization-server",
                "https://id.example.com/.well-known/openid-configuration",
            ]
        );
    }

    #[test]
    fn an_issuer_that_spells_its_name_otherwise_is_the_same_one() {
        let same = |stated: &str, issuer: &str| same_issuer(stated, &issuer.parse().unwrap());
        for stated in ["https://id.example.com", "https://id.example.com/", "https://ID.example.com:443"] {
            assert!(same(stated, "https://id.example.com") && same(stated, "https://id.example.com/"), "{stated}");
        }
        for stated in
            ["https://id.example.com/a", "http://id.example.com", "https://evil.example", "id.example.com", ""]
        {
            assert!(!same(stated, "https://id.example.com"), "{stated}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for (url, safe) in [
            ("https://id.example.com/", true),
            ("http://127.0.0.1:8080/", true),
            ("http://[::1]/", true),
            ("http://localhost/", true),
            ("http://id.example.com/", false),
            ("http://localhost.example.com/", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(is_safe(&url.parse().unwrap()), safe, "{url}");
        }
    }
}
