//! The index that calls are admitted by: built from the state, published whole, never locked.

use std::sync::Arc;

use super::{
    caller::{Caller, Resolved},
    gates::{self, ClientRow, Clients, Gates},
    holders::{self, Holders},
    loaded::Loaded,
    tool_index::{ToolIndex, ToolRecord, type_bit},
    tool_view::{ToolNumber, ToolView},
};
use crate::{
    denial::DenialCode,
    journal::{Commit, Event, Head, KillScope, Revision, State},
    schema::Schemas,
    vocabulary::{ClientId, ClientType, CredentialOwner, Grantee, Principal, ToolId},
};

/// A tenant's rules at one revision, together with the definitions that this node has loaded.
///
/// Immutable: readers share it behind an [`Arc`] and a publisher makes the next one with [`Snapshot::after`]. What a commit
/// did not touch is shared between the two.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) head: Head,
    pub(super) gates: Arc<Gates>,
    pub(super) tool_index: Arc<ToolIndex>,
    pub(super) holders: Arc<Holders>,
    pub(super) clients: Arc<Clients>,
    pub(super) schemas: Arc<Schemas>,
}

impl Snapshot {
    /// The index of a whole state.
    pub fn build(state: &State, loaded: &Loaded) -> Self {
        let tool_index = ToolIndex::build(state, loaded);
        Self {
            head: state.head,
            gates: Arc::new(Gates::of(state)),
            holders: Arc::new(Holders::build(state, &tool_index.names)),
            clients: Arc::new(gates::clients(state)),
            tool_index: Arc::new(tool_index),
            schemas: Arc::new(Schemas::new()),
        }
    }

    /// The index after one more commit. `state_after` is the state to which the commit has been applied, and this snapshot is of the
    /// state right before it; where it is not, the whole index is built anew.
    ///
    /// Grants, requests, connections, clients and tenant-wide switches cost the same whatever the size of the tenant; a commit on
    /// tools, toolsets or profiles builds everything that names no person anew.
    #[must_use]
    pub fn after(&self, state_after: &State, commit: &Commit, loaded: &Loaded) -> Self {
        let follows = self.head.revision.next() == commit.revision && state_after.head.revision == commit.revision;
        let reach = commit.events.iter().map(Reach::of).max().unwrap_or(Reach::Nothing);
        if !follows || reach == Reach::Everything {
            return Self { schemas: Arc::clone(&self.schemas), ..Self::build(state_after, loaded) };
        }
        let mut next = self.successor(state_after);
        if reach == Reach::ToolIndex {
            let rebuilt = ToolIndex::build(state_after, loaded);
            if rebuilt.names != self.tool_index.names {
                return Self { schemas: Arc::clone(&self.schemas), ..Self::build(state_after, loaded) };
            }
            next.tool_index = Arc::new(rebuilt);
        }
        for event in &commit.events {
            next.follow(event, state_after);
        }
        next
    }

    /// The same rules with what the providers have loaded meanwhile.
    #[must_use]
    pub fn reloaded(&self, state: &State, loaded: &Loaded) -> Self {
        if state.head != self.head {
            return Self { schemas: Arc::clone(&self.schemas), ..Self::build(state, loaded) };
        }
        Self { tool_index: Arc::new(ToolIndex::build(state, loaded)), ..self.successor(state) }
    }

    /// Where the journal stood.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The revision of the rules.
    pub fn revision(&self) -> Revision {
        self.head.revision
    }

    /// Looks a principal up.
    ///
    /// The grants that count are those to the user and to the groups that the identity provider states; for a client of type
    /// `service` those to the client too.
    pub fn resolve(self: &Arc<Self>, principal: &Principal) -> Caller {
        let row = self.clients.get(&principal.client);
        let client_type = self.gates.client_type(&principal.client, row);
        let own = self.holders.get(&Grantee::User(principal.user.clone()));
        let groups = principal.groups.iter().map(|group| Grantee::Group(group.clone()));
        let service = (client_type == Some(ClientType::Service)).then(|| Grantee::Service(principal.client.clone()));
        let others = groups.chain(service).filter_map(|grantee| self.holders.get(&grantee));
        Caller {
            inner: Arc::new(Resolved {
                snapshot: Arc::clone(self),
                fault: self.gates.caller_fault(principal, row, client_type),
                type_bit: client_type.map_or(0, type_bit),
                grants: holders::together(own.into_iter().chain(others)),
                connected: own.map_or_else(Arc::default, |holder| Arc::clone(&holder.connected)),
                client_type,
                principal: principal.clone(),
            }),
        }
    }

    /// The tool of an id.
    pub fn tool(&self, tool: &ToolId) -> Option<ToolNumber> {
        self.tool_index.by_id.get(tool).map(|index| self.index(*index))
    }

    /// The tool that AI clients know as `<prefix>_<tool>`.
    pub fn tool_named(&self, exposed: &str) -> Option<ToolNumber> {
        self.tool_index.named(exposed).map(|index| self.index(index))
    }

    /// What is known of a tool; none for a number of another snapshot.
    pub fn view(&self, tool: ToolNumber) -> Option<ToolView<'_>> {
        let record = self.record(tool)?;
        Some(ToolView::new(record, self.tool_index.server(record.server)?))
    }

    /// Every tool, ordered by exposed name, whoever may call it: for administrators.
    pub fn tools(&self) -> impl Iterator<Item = (ToolNumber, ToolView<'_>)> {
        let numbered = (0_u32..).zip(&self.tool_index.tools);
        numbered.filter_map(|(index, tool)| {
            Some((self.index(index), ToolView::new(tool, self.tool_index.server(tool.server)?)))
        })
    }

    /// The kill switch that stops calls of this tool by this caller, if one does: the tenant's, the person's, the client's, the
    /// server's, the tool's or that of a tool it uses. For a look at a newer snapshot once a call is on its way.
    pub fn killed(&self, tool: &ToolId, principal: &Principal) -> Option<DenialCode> {
        if self.gates.killed {
            return Some(DenialCode::TenantKilled);
        }
        if self.gates.killed_users.contains(&principal.user) {
            return Some(DenialCode::UserKilled);
        }
        if self.gates.killed_clients.contains(&principal.client) {
            return Some(DenialCode::ClientKilled);
        }
        let record = self.tool_index.tool(*self.tool_index.by_id.get(tool)?)?;
        if self.tool_index.server(record.server).is_some_and(|server| server.killed) {
            return Some(DenialCode::ServerKilled);
        }
        let used = || record.uses.iter().filter_map(|used| self.tool_index.tool(*used));
        (record.killed || used().any(|used| used.killed)).then_some(DenialCode::ToolKilled)
    }

    pub(super) fn index(&self, index: u32) -> ToolNumber {
        ToolNumber { index, tool_index: self.tool_index.stamp }
    }

    /// The record of a tool; none for a number of another tool index.
    pub(super) fn record(&self, tool: ToolNumber) -> Option<&ToolRecord> {
        if tool.tool_index == self.tool_index.stamp { self.tool_index.tool(tool.index) } else { None }
    }

    /// A copy of this snapshot at the state's head, with the tenant-wide switches of the state.
    fn successor(&self, state: &State) -> Self {
        Self {
            head: state.head,
            gates: Arc::new(Gates::of(state)),
            tool_index: Arc::clone(&self.tool_index),
            holders: Arc::clone(&self.holders),
            clients: Arc::clone(&self.clients),
            schemas: Arc::clone(&self.schemas),
        }
    }

    /// Brings what an event names of people and clients in line with the state.
    fn follow(&mut self, event: &Event, state: &State) {
        let names = &self.tool_index.names;
        match event {
            Event::ProfileGranted(e) => Arc::make_mut(&mut self.holders).follow_grant(&e.grant, state, names),
            Event::GrantRevoked(e) => Arc::make_mut(&mut self.holders).follow_grant(&e.grant, state, names),
            Event::CredentialSet(e) => self.follow_credential(&e.server, &e.owner, state),
            Event::CredentialRemoved(e) => self.follow_credential(&e.server, &e.owner, state),
            Event::CredentialRefused(e) => {
                self.follow_credential(&e.server, &CredentialOwner::User(e.user.clone()), state);
            }
            Event::ClientSet(e) => self.follow_client(&e.client, state),
            Event::ClientClosed(e) => self.follow_client(&e.client, state),
            Event::ClientReopened(e) => self.follow_client(&e.client, state),
            Event::UserOffboarded(e) => {
                Arc::make_mut(&mut self.holders).follow_leaver(&e.user, state, names);
                self.clients = Arc::new(gates::clients(state));
            }
            _ => {}
        }
    }

    fn follow_credential(&mut self, server: &crate::ServerId, owner: &CredentialOwner, state: &State) {
        if let CredentialOwner::User(user) = owner {
            Arc::make_mut(&mut self.holders).follow_connection(user, server, state, &self.tool_index.names);
        }
    }

    fn follow_client(&mut self, client: &ClientId, state: &State) {
        let row = state.clients.get(client).map(ClientRow::of);
        Arc::make_mut(&mut self.clients).set(client, row);
    }
}

/// How much of the index an event touches; the later, the more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// Nothing but the tenant-wide switches, which are always read anew.
    Nothing,
    /// One grant, connection or client.
    Entry,
    /// Whatever names no person.
    ToolIndex,
    /// Interned ids come or go.
    Everything,
}

impl Reach {
    // INVARIANT: there is no wildcard arm, so that a new event cannot be forgotten here
    // (`a_snapshot_that_follows_the_commits_equals_one_built_from_the_state`).
    fn of(event: &Event) -> Self {
        match event {
            Event::GovernanceActivated(_)
            // Nothing is approved by them until a sync finds the definition.
            | Event::ToolPinned(_)
            | Event::ToolUnpinned(_)
            | Event::SchemaActivated(_)
            | Event::SettingsChanged(_)
            | Event::AccessRequested(_)
            | Event::RequestApproved(_)
            | Event::RequestDenied(_)
            | Event::RequestCancelled(_)
            | Event::AuditAnchored(_)
            | Event::JournalSealed(_)
            | Event::RollbackAccepted(_)
            | Event::AuditSegmentDropped(_) => Self::Nothing,
            Event::KillSwitchThrown(e) => Self::of_switch(&e.scope),
            Event::KillSwitchReleased(e) => Self::of_switch(&e.scope),
            Event::ProfileGranted(_)
            | Event::GrantRevoked(_)
            | Event::ClientSet(_)
            | Event::ClientClosed(_)
            | Event::ClientReopened(_)
            | Event::CredentialSet(_)
            | Event::CredentialRemoved(_)
            | Event::CredentialRefused(_)
            | Event::UserOffboarded(_) => Self::Entry,
            Event::ServerPaused(_)
            | Event::ServerResumed(_)
            | Event::CatalogueSynced(_)
            | Event::ToolDiscovered(_)
            | Event::ToolChanged(_)
            | Event::ToolGone(_)
            | Event::ToolReturned(_)
            | Event::ToolStaged(_)
            | Event::ToolApproved(_)
            | Event::ToolApprovedAhead(_)
            | Event::ToolDisabled(_)
            | Event::ToolReset(_)
            | Event::ToolClassified(_)
            | Event::ToolClientTypesSet(_)
            | Event::ToolsetCreated(_)
            | Event::ToolsetLabelled(_)
            | Event::ToolsetToolsSet(_)
            | Event::ToolsetToolsRemoved(_)
            | Event::ToolsetDeleted(_)
            | Event::ProfileChanged(_)
            | Event::ToolsetBound(_)
            | Event::ToolsetUnbound(_) => Self::ToolIndex,
            // A changed row may take credentials away, a removed server or profile what hangs on it.
            Event::ServerRegistered(_)
            | Event::ServerChanged(_)
            | Event::ServerRemoved(_)
            | Event::ProfileCreated(_)
            | Event::ProfileDeleted(_) => Self::Everything,
        }
    }

    fn of_switch(scope: &KillScope) -> Self {
        match scope {
            KillScope::Tenant | KillScope::Client(_) | KillScope::User(_) => Self::Nothing,
            KillScope::Server(_) | KillScope::Tool(_) => Self::ToolIndex,
        }
    }
}
