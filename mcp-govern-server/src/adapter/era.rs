//! Which revision of the protocol a peer speaks, as far as it matters to us.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;
use mcp_govern_core::{ClientId, Principal, UserId, audit::StatedClient};
use rmcp::{
    RoleServer,
    model::{ClientCapabilities, Implementation, InitializeRequestParams, ProtocolVersion},
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

/// What a client says of itself, as it is put on record.
pub(super) fn stated(of: &Implementation) -> Option<StatedClient> {
    StatedClient::new(&of.name, &of.version)
}

/// What clients said of themselves in the handshake. Over HTTP there are no sessions, so that a later request of a handshake
/// client does not repeat it. Kept by person and client, and of the last handshake; a client that was forgotten gets the link as text, which
/// works too, and is on record without the name that the client gives itself.
#[derive(Debug)]
pub(super) struct Handshakes(Mutex<LruCache<(UserId, ClientId), Declared>>);

/// What was said in a handshake.
#[derive(Debug, Clone)]
struct Declared {
    opens_links: bool,
    client: Option<StatedClient>,
}

impl Handshakes {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(KEPT)))
    }

    pub(super) fn note(&self, principal: &Principal, hello: &InitializeRequestParams) {
        let declared = Declared { opens_links: opens_links(&hello.capabilities), client: stated(&hello.client_info) };
        self.lock().put((principal.user.clone(), principal.client.clone()), declared);
    }

    /// What the client of this caller said of itself last.
    pub(super) fn client(&self, principal: &Principal) -> Option<StatedClient> {
        self.of(principal)?.client
    }

    fn opened_links(&self, principal: &Principal) -> bool {
        self.of(principal).is_some_and(|declared| declared.opens_links)
    }

    fn of(&self, principal: &Principal) -> Option<Declared> {
        self.lock().get(&(principal.user.clone(), principal.client.clone())).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<(UserId, ClientId), Declared>> {
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
        let hello = |capabilities: &ClientCapabilities, name: &str| {
            InitializeRequestParams::new(capabilities.clone(), Implementation::new(name, "1"))
        };
        let handshakes = Handshakes::new();
        handshakes.note(&principal("ada", "desktop"), &hello(&opens, "one"));
        assert_eq!(handshakes.client(&principal("ada", "desktop")).unwrap().to_string(), "one 1");
        assert!(handshakes.client(&principal("bob", "desktop")).is_none());
        assert!(handshakes.opened_links(&principal("ada", "desktop")));
        assert!(!handshakes.opened_links(&principal("ada", "editor")));
        assert!(!handshakes.opened_links(&principal("bob", "desktop")));
        handshakes.note(&principal("ada", "desktop"), &hello(&ClientCapabilities::default(), "two"));
        assert_eq!(handshakes.client(&principal("ada", "desktop")).unwrap().name, "two");
        assert!(!handshakes.opened_links(&principal("ada", "desktop")));
    }
}
