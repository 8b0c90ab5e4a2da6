//! What is known of one connection, for the requests that come over it.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use http::Extensions;

/// A connection. Its requests carry it in their extensions.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Who is at the other end.
    pub(crate) peer: SocketAddr,
    /// The address at which it arrived.
    pub(crate) local: Option<IpAddr>,
    /// Whether the peer is a trusted proxy, whose connections are many people's.
    pub(crate) proxied: bool,
    authenticated: AtomicBool,
    requests: AtomicUsize,
}

impl Connection {
    pub(crate) fn new(peer: SocketAddr, local: Option<IpAddr>, proxied: bool) -> Arc<Self> {
        let (authenticated, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
        Arc::new(Self { peer, local, proxied, authenticated, requests })
    }

    /// The connection of a request, where [`McpServer::serve`](crate::McpServer::serve) accepted it.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get::<Arc<Self>>().map(|connection| &**connection)
    }

    /// One of its requests was authenticated.
    pub(crate) fn authenticate(&self) {
        self.authenticated.store(true, Ordering::Relaxed);
    }

    /// Whether it is a stranger's: none of its requests was authenticated yet.
    pub(crate) fn is_strange(&self) -> bool {
        !self.proxied && !self.authenticated.load(Ordering::Relaxed)
    }

    /// Counts a request; how many there were.
    pub(crate) fn count(&self) -> usize {
        self.requests.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }
}

/// The address as one party's: an IPv6 subscriber has a whole network of 64 bits to take addresses from.
pub(crate) fn party(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let network = u128::from(v6) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_party_has_one_address_or_one_network() {
        let party = |text: &str| party(text.parse().unwrap()).to_string();
        assert_eq!(party("192.0.2.1"), "192.0.2.1");
        assert_eq!(party("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(party("2001:db8:1:2:3:4:5:6"), party("2001:db8:1:2::1"));
        assert_ne!(party("2001:db8:1:3::1"), party("2001:db8:1:2::1"));
    }
}
