//! The link that a person is sent, and what is behind it.

use std::sync::Arc;

use mcp_govern_core::{ClientName, Governor, Principal, ServerConfig, ServerId, UserId};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{ConnectAccounts, SignInPeople, pending::Spent};
use crate::{
    ServerError,
    seal::{Purpose, Sealer, random_text},
};

/// What makes, opens and spends links and states.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(super) config: Arc<ConnectAccounts>,
    pub(super) sealer: Sealer,
    pub(super) spent: Spent,
    /// Scheme, host and port under which browsers see the pages.
    pub(super) public: Url,
}

/// What a link holds: nothing personal, and nothing that gives access.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub(super) server: ServerId,
    /// The AI client that asked, for the page to show.
    pub(super) client: ClientName,
    /// Opens for the person who was asked alone, and does not tell who that is.
    who: String,
    pub(super) nonce: String,
}

impl Connector {
    pub(crate) fn new(config: ConnectAccounts, sealer: Sealer, public: &Url) -> Result<Self, ServerError> {
        config.check()?;
        let spent = Spent::new(Arc::clone(&config.one_time), config.ttl);
        Ok(Self { config: Arc::new(config), sealer, spent, public: public.clone() })
    }

    /// The path of the first page.
    pub(crate) fn path(&self) -> &str {
        &self.config.path
    }

    /// Where a server's vendor redirects to. Each has a URL of its own, so that what one vendor sends is never taken for another's (RFC 9700,
    /// section 4.4).
    pub(super) fn callback_url(&self, server: &ServerId) -> Url {
        self.url(&format!("{}/callback/{server}", self.config.path))
    }

    /// Where people sign in, where that is configured.
    pub(super) fn sign_in(&self) -> Option<&dyn SignInPeople> {
        self.config.sign_in.as_deref()
    }

    /// Where the sign-in of people redirects to.
    pub(super) fn signed_in_url(&self) -> Url {
        self.url(&format!("{}/signed-in", self.config.path))
    }

    /// The URL of a link that was sealed.
    pub(super) fn link_url(&self, sealed: &str) -> Url {
        let mut url = self.url(self.path());
        url.query_pairs_mut().append_pair("ticket", sealed);
        url
    }

    /// The page on which a person sees the accounts that are connected.
    pub(super) fn accounts_url(&self) -> Url {
        self.url(&format!("{}/accounts", self.path()))
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.public.clone();
        url.set_path(path);
        url.set_query(None);
        url.set_fragment(None);
        url
    }

    /// The server as its provider sees it, where accounts of it can be connected.
    pub(super) fn server(&self, governor: &Governor, server: &ServerId) -> Option<ServerConfig> {
        let config = governor.server_config(server)?;
        self.config.account.can_connect(&config).then_some(config)
    }

    /// A link for a person to connect an account with a server. None where that cannot be done here.
    pub(crate) fn link(&self, governor: &Governor, principal: &Principal, server: &ServerId) -> Option<String> {
        self.server(governor, server)?;
        let nonce = random_text().ok()?;
        let ticket = Ticket {
            server: server.clone(),
            client: principal.client.name.clone(),
            who: self.sealer.seal(Purpose::Visitor, &who(&principal.user, &nonce), self.config.ttl, &())?,
            nonce,
        };
        let sealed = self.sealer.seal(Purpose::Link, &[], self.config.ttl, &ticket)?;
        Some(self.link_url(&sealed).into())
    }

    /// What is behind a link that we have made and whose time has not passed.
    pub(super) fn open(&self, sealed: &str) -> Option<Ticket> {
        self.sealer.open(Purpose::Link, &[], sealed)
    }

    /// Whether the link was made for this person.
    pub(super) fn is_for(&self, ticket: &Ticket, user: &UserId) -> bool {
        self.sealer.open::<()>(Purpose::Visitor, &who(user, &ticket.nonce), &ticket.who).is_some()
    }
}

fn who<'a>(user: &'a UserId, nonce: &'a str) -> [&'a str; 3] {
    [user.issuer.as_str(), user.subject.as_str(), nonce]
}
