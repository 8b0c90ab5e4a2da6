//! What is checked before the tool is looked at: the tenant, the source address, the AI client.

use std::collections::HashSet;

use ipnet::IpNet;

use super::{shared_map::SharedMap, tool_index::type_bit};
use crate::{
    denial::DenialCode,
    journal::{Client, KillScope, State},
    vocabulary::{ClientId, ClientType, Principal, RequestableTools, Settings, UserId},
};

/// Tenant-wide switches and settings.
#[derive(Debug)]
pub(super) struct Gates {
    pub(super) activated: bool,
    pub(super) killed: bool,
    pub(super) killed_clients: HashSet<ClientId>,
    pub(super) killed_users: HashSet<UserId>,
    pub(super) sources: Box<[IpNet]>,
    /// The client types that the tenant admits, see [`type_bit`].
    pub(super) client_types: u8,
    pub(super) list_requestable: RequestableTools,
    settings: Settings,
}

/// What is known of an AI client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ClientRow {
    pub(super) client_type: Option<ClientType>,
    pub(super) owner: Option<UserId>,
    pub(super) closed: bool,
}

/// The AI clients that an administrator set, by id. Versions share what did not change.
pub(super) type Clients = SharedMap<ClientId, ClientRow>;

impl Gates {
    pub(super) fn of(state: &State) -> Self {
        let settings = state.settings.clone();
        let killed_clients = state.kills.iter().filter_map(|scope| match scope {
            KillScope::Client(client) => Some(client.clone()),
            KillScope::Tenant | KillScope::Server(_) | KillScope::Tool(_) | KillScope::User(_) => None,
        });
        let killed_users = state.kills.iter().filter_map(|scope| match scope {
            KillScope::User(user) => Some(user.clone()),
            KillScope::Tenant | KillScope::Server(_) | KillScope::Tool(_) | KillScope::Client(_) => None,
        });
        Self {
            activated: state.activated,
            killed: state.kills.contains(&KillScope::Tenant),
            killed_clients: killed_clients.collect(),
            killed_users: killed_users.collect(),
            sources: settings.sources.clone().into(),
            client_types: settings.client_types.iter().fold(0, |mask, client_type| mask | type_bit(*client_type)),
            list_requestable: settings.list_requestable,
            settings,
        }
    }

    /// A client's type: as an administrator set it, else by the tenant's rules.
    pub(super) fn client_type(&self, client: &ClientId, row: Option<&ClientRow>) -> Option<ClientType> {
        row.and_then(|row| row.client_type).or_else(|| self.settings.client_type(client))
    }

    /// Whether calls may come from where this one does. Where sources are limited, an unknown one is refused.
    pub(super) fn allows_source(&self, principal: &Principal) -> bool {
        let inside = |address| self.sources.iter().any(|net| net.contains(&address));
        // A v4 address that arrives over a v6 socket is the same address.
        self.sources.is_empty() || principal.source.is_some_and(|source| inside(source.to_canonical()))
    }

    /// The first check on source, person and client that fails.
    pub(super) fn caller_fault(
        &self,
        principal: &Principal,
        row: Option<&ClientRow>,
        client_type: Option<ClientType>,
    ) -> Option<DenialCode> {
        if !self.allows_source(principal) {
            Some(DenialCode::SourceNotAllowed)
        } else if self.killed_users.contains(&principal.user) {
            Some(DenialCode::UserKilled)
        } else if client_type.is_none() || is_anothers(row, client_type, principal) {
            Some(DenialCode::ClientUnknown)
        } else if row.is_some_and(|row| row.closed) {
            Some(DenialCode::ClientClosed)
        } else if self.killed_clients.contains(&principal.client) {
            Some(DenialCode::ClientKilled)
        } else if client_type.is_some_and(|client_type| self.client_types & type_bit(client_type) == 0) {
            Some(DenialCode::ClientTypeNotAllowed)
        } else {
            None
        }
    }
}

/// Whether a personal client belongs to another person: one registration for one person.
pub(super) fn is_anothers(row: Option<&ClientRow>, client_type: Option<ClientType>, principal: &Principal) -> bool {
    let owner = row.and_then(|row| row.owner.as_ref());
    client_type == Some(ClientType::Personal) && owner.is_some_and(|owner| *owner != principal.user)
}

impl ClientRow {
    pub(super) fn of(client: &Client) -> Self {
        Self { client_type: client.client_type, owner: client.owner.clone(), closed: client.closed }
    }
}

/// Every client that an administrator set.
pub(super) fn clients(state: &State) -> Clients {
    let rows = state.clients.iter().map(|(id, client)| (id.clone(), ClientRow::of(client)));
    SharedMap::folded(rows, &ClientRow::default(), |place, row| *place = row)
}
