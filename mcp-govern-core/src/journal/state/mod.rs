//! The fold of the journal.

mod access;
mod authors;
mod command;
mod definitions;
mod pin;
mod server;
mod tool;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(crate) use self::authors::ClientRuleAuthors;
pub(crate) use self::command::{CommandIdentity, PastCommand};
pub(crate) use self::definitions::Definitions;
pub use self::{
    access::{AccessProfile, AccessRequest, Client, Grant, RequestStatus, Toolset},
    pin::{Pin, PinSource},
    server::{CredentialStatus, Server, StoredCredential},
    tool::{Tool, ToolState},
};
use super::{Head, KillScope, Revision};
use crate::vocabulary::{
    AuditHead, ClientId, ClientType, CommandId, CredentialOwner, Digest, GrantId, ProfileId, RequestId, ServerId,
    Settings, Timestamp, ToolId, ToolsetId, UserId, WriterId,
};

/// A commit that was sealed under an audit key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Sealed {
    /// The commit's revision.
    pub revision: Revision,
    /// Which key it was ([`AuditKey::id`](crate::audit::AuditKey::id)).
    pub key: Digest,
}

/// The old end of a chain of audit records, which was sealed, kept elsewhere and dropped from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DroppedSegment {
    /// The last record that was dropped.
    pub through: AuditHead,
    /// SHA-256 of the newest sealed file.
    pub export: Digest,
}

/// Everything that a tenant's commits have led to.
#[derive(Debug, Clone)]
pub struct State {
    pub(crate) head: Head,
    /// The last commit that did more than put heads of the audit's chains on record.
    pub(crate) changed_at: Revision,
    pub(crate) last_at: Timestamp,
    pub(crate) activated: bool,
    pub(crate) schema: u32,
    pub(crate) settings: Settings,
    pub(crate) settings_by: ClientRuleAuthors,
    pub(crate) servers: BTreeMap<ServerId, Server>,
    pub(crate) tools: BTreeMap<ToolId, Tool>,
    /// Definitions that were approved before they are offered, by tool and digest.
    pub(crate) pins: BTreeMap<ToolId, BTreeMap<Digest, Pin>>,
    /// What the tools' definitions are shared by; it says nothing that they do not say.
    pub(crate) definitions: Definitions,
    pub(crate) toolsets: BTreeMap<ToolsetId, Toolset>,
    pub(crate) profiles: BTreeMap<ProfileId, AccessProfile>,
    pub(crate) grants: BTreeMap<GrantId, Grant>,
    pub(crate) requests: BTreeMap<RequestId, AccessRequest>,
    pub(crate) clients: BTreeMap<ClientId, Client>,
    pub(crate) kills: BTreeSet<KillScope>,
    pub(crate) credentials: BTreeMap<(ServerId, CredentialOwner), StoredCredential>,
    /// Where the chain of a writer of audit records stood when it was last put on record.
    pub(crate) anchors: BTreeMap<WriterId, AuditHead>,
    /// When the audit was last anchored.
    pub(crate) anchored_at: Option<Timestamp>,
    /// The newest commit that was sealed.
    pub(crate) sealed: Option<Sealed>,
    /// Up to where the chain of a writer of audit records was dropped.
    pub(crate) dropped: BTreeMap<WriterId, DroppedSegment>,
    /// Every command that was carried out: the revision that it made, and what it was.
    pub(crate) commands: HashMap<CommandId, PastCommand>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            head: Head::EMPTY,
            changed_at: Revision::ZERO,
            last_at: Timestamp::default(),
            activated: false,
            schema: 1,
            settings: Settings::default(),
            settings_by: ClientRuleAuthors::default(),
            servers: BTreeMap::new(),
            tools: BTreeMap::new(),
            pins: BTreeMap::new(),
            definitions: Definitions::default(),
            toolsets: BTreeMap::new(),
            profiles: BTreeMap::new(),
            grants: BTreeMap::new(),
            requests: BTreeMap::new(),
            clients: BTreeMap::new(),
            kills: BTreeSet::new(),
            credentials: BTreeMap::new(),
            anchors: BTreeMap::new(),
            anchored_at: None,
            sealed: None,
            dropped: BTreeMap::new(),
            commands: HashMap::new(),
        }
    }
}
impl State {
    /// The state before the first commit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the journal stands.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The revision of the last commit that changed anything: what a command may expect ([`Command::expecting`]). Commits that put
    /// nothing but heads of the audit's chains on record do not count.
    ///
    /// [`Command::expecting`]: super::Command::expecting
    pub fn changed_at(&self) -> Revision {
        self.changed_at
    }

    /// When the last commit was.
    pub fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// Whether governance is activated.
    pub fn is_activated(&self) -> bool {
        self.activated
    }

    /// The schema of the event forms that writers use.
    pub fn schema(&self) -> u32 {
        self.schema
    }

    /// The tenant's settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The servers by id.
    pub fn servers(&self) -> &BTreeMap<ServerId, Server> {
        &self.servers
    }

    /// The tools by id.
    pub fn tools(&self) -> &BTreeMap<ToolId, Tool> {
        &self.tools
    }

    /// The toolsets by id.
    pub fn toolsets(&self) -> &BTreeMap<ToolsetId, Toolset> {
        &self.toolsets
    }

    /// The profiles by id.
    pub fn profiles(&self) -> &BTreeMap<ProfileId, AccessProfile> {
        &self.profiles
    }

    /// The grants by id, ended ones included.
    pub fn grants(&self) -> &BTreeMap<GrantId, Grant> {
        &self.grants
    }

    /// The requests by id.
    pub fn requests(&self) -> &BTreeMap<RequestId, AccessRequest> {
        &self.requests
    }

    /// The AI clients that somebody set.
    pub fn clients(&self) -> &BTreeMap<ClientId, Client> {
        &self.clients
    }

    /// The kill switches that are on.
    pub fn kills(&self) -> &BTreeSet<KillScope> {
        &self.kills
    }

    /// The credential of a server, shared or a person's.
    pub fn credential(&self, server: &ServerId, owner: &CredentialOwner) -> Option<&StoredCredential> {
        self.credentials.get(&(server.clone(), owner.clone()))
    }

    /// All credentials.
    pub fn credentials(&self) -> impl Iterator<Item = (&ServerId, &CredentialOwner, &StoredCredential)> {
        self.credentials.iter().map(|((server, owner), credential)| (server, owner, credential))
    }

    /// Where the chains of writers of audit records stood when they were last put on record: each must hold that record still.
    pub fn audit_anchors(&self) -> &BTreeMap<WriterId, AuditHead> {
        &self.anchors
    }

    /// When the heads of the audit, or the journal alone, were last put on record; never at first.
    pub fn anchored_at(&self) -> Option<Timestamp> {
        self.anchored_at
    }

    /// The newest commit that was sealed under an audit key. Nothing is checked here:
    /// [`JournalVerifier`](crate::audit::JournalVerifier) does.
    pub fn sealed(&self) -> Option<Sealed> {
        self.sealed
    }

    /// Up to where the chains of writers of audit records were dropped: each begins after that record.
    pub fn audit_dropped(&self) -> &BTreeMap<WriterId, DroppedSegment> {
        &self.dropped
    }

    /// The revision that a command made.
    pub fn command(&self, id: &CommandId) -> Option<Revision> {
        self.commands.get(id).map(|past| past.revision)
    }

    /// Whether a client counts as a service, and does so by a commit of this person.
    pub(crate) fn is_service_by(&self, client: &ClientId, person: &UserId) -> bool {
        let row = self.clients.get(client);
        let said = row.is_some_and(|row| row.typed_by.as_ref() == Some(person));
        if let Some(known) = row.and_then(Client::client_type) {
            known == ClientType::Service && said
        } else {
            let by_rule = || self.settings_by.of(&self.settings, client) == Some(person);
            self.settings.client_type(client) == Some(ClientType::Service) && (said || by_rule())
        }
    }

    /// The tools of a server.
    pub fn tools_of<'a>(&'a self, server: &'a ServerId) -> impl Iterator<Item = (&'a ToolId, &'a Tool)> {
        self.tools.iter().filter(move |(id, _)| id.server() == server)
    }
}
