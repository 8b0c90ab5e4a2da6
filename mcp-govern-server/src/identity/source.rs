//! Where a request comes from, also behind proxies.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// Proxies that are believed when they say where a request comes from, and the header in which they say it.
///
/// The header holds addresses, the nearest last (`X-Forwarded-For`), or a single one (`X-Real-IP`). It is read from the right:
/// the first address that is not of a trusted proxy is the source. What a client wrote into the header itself is further left
/// and is never reached. From anybody else the header is ignored.
#[derive(Debug, Clone)]
pub struct TrustedProxies {
    header: HeaderName,
    proxies: Vec<IpNet>,
}

impl TrustedProxies {
    /// Proxies within these networks, and the header that they set.
    pub fn new(header: HeaderName, proxies: impl IntoIterator<Item = IpNet>) -> Self {
        Self { header, proxies: proxies.into_iter().collect() }
    }

    /// The source of a request. None where a trusted proxy does not say: the peer's own address would be the proxy's.
    pub(crate) fn source(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer?.to_canonical();
        if !self.trusts(peer) {
            return Some(peer);
        }
        for value in headers.get_all(&self.header).iter().rev() {
            for text in value.to_str().ok()?.rsplit(',') {
                let address = address(text.trim())?.to_canonical();
                if !self.trusts(address) {
                    return Some(address);
                }
            }
        }
        None
    }

    /// Whether an address is a proxy's.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(&address))
    }
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]:443`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> TrustedProxies {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        TrustedProxies::new(HeaderName::from_static("x-forwarded-for"), networks)
    }

    fn source(peer: &str, lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        proxies().source(peer.parse().ok(), &headers).map(|address| address.to_string())
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(source("192.0.2.9", &["203.0.113.1"]).as_deref(), Some("192.0.2.9"));
        assert_eq!(source("10.0.0.1", &["203.0.113.1"]).as_deref(), Some("203.0.113.1"));
        assert_eq!(source("::ffff:10.0.0.1", &["203.0.113.1"]).as_deref(), Some("203.0.113.1"));
    }

    #[test]
    fn what_a_client_wrote_into_the_header_is_never_reached() {
        assert_eq!(source("10.0.0.1", &["127.0.0.1, 198.51.100.7, 10.9.9.9"]).as_deref(), Some("198.51.100.7"));
        assert_eq!(source("10.0.0.1", &["127.0.0.1", "198.51.100.7"]).as_deref(), Some("198.51.100.7"));
    }

    #[test]
    fn a_proxy_that_says_nothing_or_nonsense_leaves_the_source_unknown() {
        assert_eq!(source("10.0.0.1", &[]), None);
        assert_eq!(source("10.0.0.1", &["unknown"]), None);
        assert_eq!(source("10.0.0.1", &["198.51.100.7, nonsense"]), None);
        assert_eq!(source("10.0.0.1", &["10.2.2.2"]), None);
        assert_eq!(source("no address", &["198.51.100.7"]), None);
    }

    #[test]
    fn ports_and_brackets_are_understood() {
        assert_eq!(source("10.0.0.1", &["198.51.100.7:4711"]).as_deref(), Some("198.51.100.7"));
        assert_eq!(source("fd00::1", &["[2001:db8::1]:443"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(source("fd00::1", &["[2001:db8::1]"]).as_deref(), Some("2001:db8::1"));
    }
}
