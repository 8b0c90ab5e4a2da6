//! Where an authorization server publishes its metadata: RFC 8414 and `OpenID` Connect Discovery 1.0.

use url::{Host, Url};

/// An authorization server, by the URL that is its issuer identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationServer(Url);

impl AuthorizationServer {
    /// The authorization server with this issuer.
    pub fn new(issuer: Url) -> Self {
        Self(issuer)
    }

    /// Returns where its metadata is, in the order in which to look. By RFC 8414, section 3.1, the well-known part is before the issuer's
    /// path; `OpenID` Connect puts it behind.
    pub fn metadata_urls(&self) -> [Url; 2] {
        let path = self.0.path().trim_end_matches('/');
        let at = |path: String| {
            let mut url = self.0.clone();
            url.set_path(&path);
            url
        };
        [
            at(format!("/.well-known/oauth-authorization-server{path}")),
            at(format!("{path}/.well-known/openid-configuration")),
        ]
    }

    /// Returns whether metadata that states this issuer is its own (RFC 8414, section 3.3), however it is spelled. Tokens are held to the
    /// letter elsewhere.
    pub fn is_named(&self, issuer: &str) -> bool {
        let place = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
        issuer.parse::<Url>().is_ok_and(|stated| place(&stated) == place(&self.0))
    }
}

/// Returns whether secrets may be sent to a URL: https, or http on this machine.
pub fn is_encrypted_or_local(url: &Url) -> bool {
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

    fn server(issuer: &str) -> AuthorizationServer {
        AuthorizationServer::new(issuer.parse().unwrap())
    }

    #[test]
    fn the_well_known_part_stands_before_or_behind_the_path() {
        let urls = |issuer: &str| server(issuer).metadata_urls().map(String::from);
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
        for stated in ["https://id.example.com", "https://id.example.com/", "https://ID.example.com:443"] {
            assert!(server("https://id.example.com").is_named(stated), "{stated}");
            assert!(server("https://id.example.com/").is_named(stated), "{stated}");
        }
        for stated in
            ["https://id.example.com/a", "http://id.example.com", "https://evil.example", "id.example.com", ""]
        {
            assert!(!server("https://id.example.com").is_named(stated), "{stated}");
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
            assert_eq!(is_encrypted_or_local(&url.parse().unwrap()), safe, "{url}");
        }
    }
}
