//! One identity for all callers on this machine.

use std::net::IpAddr;

use async_trait::async_trait;

use super::{AuthError, Authenticate, Identity, Presented, RefusalReason};

/// All callers from this machine are one and the same person: for a laptop, without any token.
///
/// A request from another address, or from an unknown one, is refused, whatever the server listens on. Behind a proxy on
/// the same machine every connection comes from this machine: name the proxy as a trusted one, or do not use it there.
#[derive(Debug, Clone)]
pub struct FixedIdentity(Identity);

impl FixedIdentity {
    /// Every caller on this machine is `identity`.
    pub fn new(identity: Identity) -> Self {
        Self(identity)
    }
}

#[async_trait]
impl Authenticate for FixedIdentity {
    async fn authenticate(&self, request: &Presented<'_>) -> Result<Identity, AuthError> {
        let here = |address: Option<IpAddr>| address.is_some_and(|address| address.to_canonical().is_loopback());
        if here(request.peer()) && here(request.source()) {
            Ok(self.0.clone())
        } else {
            Err(AuthError::invalid("only this machine is served without a token").with_reason(RefusalReason::Place))
        }
    }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::{ClientId, UserId};

    use super::*;

    #[tokio::test]
    async fn only_this_machine_is_let_in() {
        let identity = Identity::new(UserId::new("local", "ada").unwrap(), ClientId::new("local", "any").unwrap());
        let fixed = FixedIdentity::new(identity.clone());
        let (parts, ()) = http::Request::new(()).into_parts();
        let from = |peer: &str, source: &str| {
            Presented::new(&parts).with_peer(peer.parse().ok()).with_source(source.parse().ok())
        };
        for peer in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(fixed.authenticate(&from(peer, peer)).await.unwrap(), identity);
        }
        for peer in ["192.0.2.1", "10.0.0.1", "::ffff:10.0.0.1", "0.0.0.0"] {
            assert!(fixed.authenticate(&from(peer, peer)).await.is_err(), "{peer}");
            assert!(fixed.authenticate(&from("127.0.0.1", peer)).await.is_err(), "{peer} behind a proxy");
        }
        assert!(fixed.authenticate(&from("127.0.0.1", "unknown")).await.is_err());
        assert!(fixed.authenticate(&Presented::new(&parts)).await.is_err());
    }
}
