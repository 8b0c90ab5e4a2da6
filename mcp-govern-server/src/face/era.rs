//! Which revision of the protocol a peer speaks, as far as it matters to us.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;
use mcp_govern_core::{ClientId, Principal, UserId};
use rmcp::{
    RoleServer,
    model::{ClientCapabilities, ProtocolVersion},
    service::RequestContext,
};

/// How many handshakes are remembered.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// How a peer can be asked to open a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// 2026-07-28 and later, with links: a result that asks for input.
    InputRequired,
    /// 2025-11-25 with links: error -32042.
    UrlError,
    /// Everything else: a sentence with the link in it.
    Text,
}

impl Era {
    pub(super) fn of(cx: &RequestContext<RoleServer>, principal: &Principal, handshakes: &Handshakes) -> Self {
        let version = cx.protocol_version();
        let declared = cx.client_capabilities().is_some_and(|capabilities| opens_links(&capabilities));
        if is_modern(cx) {
            return if declared { Self::InputRequired } else { Self::Text };
        }
        let newest_handshake = version.as_ref() == Some(&ProtocolVersion::V_2025_11_25);
        let opens = newest_handshake && (declared || handshakes.opened_links(principal));
        if opens { Self::UrlError } else { Self::Text }
    }
}

/// Whether the request is of 2026-07-28 or later. The versions are dates, which sort as text.
pub(super) fn is_modern(cx: &RequestContext<RoleServer>) -> bool {
    cx.protocol_version().is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
}

/// Whether a client can open links for a person.
pub(super) fn opens_links(capabilities: &ClientCapabilities) -> bool {
    capabilities.elicitation.as_ref().is_some_and(|elicitation| elicitation.url.is_some())
}

/// What clients said of themselves in the handshake. Over HTTP there are no sessions, so that a later request of a handshake
/// client does not repeat it. Kept by person and client; whoever is forgotten is shown the link as text, which works too.
#[derive(Debug)]
pub(super) struct Handshakes(Mutex<LruCache<(UserId, ClientId), bool>>);

impl Handshakes {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(KEPT)))
    }

    pub(super) fn note(&self, principal: &Principal, capabilities: &ClientCapabilities) {
        self.lock().put((principal.user.clone(), principal.client.clone()), opens_links(capabilities));
    }

    fn opened_links(&self, principal: &Principal) -> bool {
        self.lock().get(&(principal.user.clone(), principal.client.clone())).copied().unwrap_or(false)
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<(UserId, ClientId), bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{ElicitationCapability, UrlElicitationCapability};

    use super::*;

    #[test]
    fn what_one_client_said_is_not_taken_for_another() {
        let principal = |user: &str, client: &str| {
            Principal::new(UserId::new("idp", user).unwrap(), ClientId::new("idp", client).unwrap())
        };
        let mut opens = ClientCapabilities::default();
        opens.elicitation = Some(ElicitationCapability::new().with_url(UrlElicitationCapability::default()));
        let handshakes = Handshakes::new();
        handshakes.note(&principal("ada", "desktop"), &opens);
        assert!(handshakes.opened_links(&principal("ada", "desktop")));
        assert!(!handshakes.opened_links(&principal("ada", "editor")));
        assert!(!handshakes.opened_links(&principal("bob", "desktop")));
        handshakes.note(&principal("ada", "desktop"), &ClientCapabilities::default());
        assert!(!handshakes.opened_links(&principal("ada", "desktop")));
    }
}
