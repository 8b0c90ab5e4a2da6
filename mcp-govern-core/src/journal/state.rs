//! The fold of the journal.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{Head, KillScope, Revision};
use crate::ports::{AuditHead, WriterId};
use crate::vocabulary::{
    CatalogueVersion, Classification, ClientId, ClientType, CommandId, CredentialFacts, CredentialOwner, Digest,
    Effect, GrantId, Grantee, Label, ProfileId, ProfileSpec, RecordedActor, RequestId, RequestPolicy, Risk, ServerId,
    ServerSpec, Settings, Timestamp, ToolDefinition, ToolId, ToolsetBinding, ToolsetContent, ToolsetId, UserId,
};

/// Everything that a tenant's acts have led to.
#[derive(Debug, Clone)]
pub struct State {
    pub(crate) head: Head,
    pub(crate) last_at: Timestamp,
    pub(crate) activated: bool,
    pub(crate) schema: u32,
    pub(crate) settings: Settings,
    pub(crate) servers: BTreeMap<ServerId, Server>,
    pub(crate) tools: BTreeMap<ToolId, Tool>,
    pub(crate) toolsets: BTreeMap<ToolsetId, Toolset>,
    pub(crate) profiles: BTreeMap<ProfileId, Profile>,
    pub(crate) grants: BTreeMap<GrantId, Grant>,
    pub(crate) requests: BTreeMap<RequestId, AccessRequest>,
    pub(crate) clients: BTreeMap<ClientId, Client>,
    pub(crate) kills: BTreeSet<KillScope>,
    pub(crate) credentials: BTreeMap<(ServerId, CredentialOwner), StoredCredential>,
    /// Where the chain of a writer of audit records stood when it was last put on record.
    pub(crate) anchors: BTreeMap<WriterId, AuditHead>,
    /// Every command that was carried out, and the revision it made.
    pub(crate) commands: HashMap<CommandId, Revision>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            head: Head::EMPTY,
            last_at: Timestamp::default(),
            activated: false,
            schema: 1,
            settings: Settings::default(),
            servers: BTreeMap::new(),
            tools: BTreeMap::new(),
            toolsets: BTreeMap::new(),
            profiles: BTreeMap::new(),
            grants: BTreeMap::new(),
            requests: BTreeMap::new(),
            clients: BTreeMap::new(),
            kills: BTreeSet::new(),
            credentials: BTreeMap::new(),
            anchors: BTreeMap::new(),
            commands: HashMap::new(),
        }
    }
}

/// The state of a tool's approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolState {
    /// Somebody must review it.
    PendingReview,
    /// It can be put into toolsets and called.
    Approved,
    /// It was refused.
    Disabled,
    /// Its server no longer offers it.
    Removed,
}

impl ToolState {
    /// All four.
    pub const ALL: [Self; 4] = [Self::PendingReview, Self::Approved, Self::Disabled, Self::Removed];

    /// The state's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingReview => "pending_review",
            Self::Approved => "approved",
            Self::Disabled => "disabled",
            Self::Removed => "removed",
        }
    }
}

impl std::fmt::Display for ToolState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A registered server.
#[derive(Debug, Clone)]
pub struct Server {
    pub(crate) spec: ServerSpec,
    pub(crate) paused: bool,
    pub(crate) catalogue: Option<CatalogueVersion>,
    pub(crate) registered_at: Timestamp,
}

impl Server {
    /// The operator's row.
    pub fn spec(&self) -> &ServerSpec {
        &self.spec
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// The version of the catalogue that was synced last.
    pub fn catalogue(&self) -> Option<CatalogueVersion> {
        self.catalogue
    }

    /// When it was registered.
    pub fn registered_at(&self) -> Timestamp {
        self.registered_at
    }
}

/// A tool with its review.
#[derive(Debug, Clone)]
pub struct Tool {
    pub(crate) state: ToolState,
    /// The current definition: the one that sync saw last.
    pub(crate) digest: Digest,
    pub(crate) definition: Arc<ToolDefinition>,
    /// The digests under which the tool may be called while it is approved.
    pub(crate) approvals: BTreeSet<Digest>,
    /// The last definition that a person approved: what drift is graded against.
    pub(crate) reviewed: Option<(Digest, Arc<ToolDefinition>)>,
    /// Definitions of coming catalogues, put up for review ahead.
    pub(crate) staged: BTreeMap<Digest, (CatalogueVersion, Arc<ToolDefinition>)>,
    /// The names of all arguments that the tool ever had.
    pub(crate) arguments_seen: BTreeSet<String>,
    pub(crate) effect: Option<Effect>,
    pub(crate) risk: Option<Risk>,
    pub(crate) client_types: Option<BTreeSet<ClientType>>,
    pub(crate) changed_at: Timestamp,
    pub(crate) reviewed_by: Option<RecordedActor>,
}

impl Tool {
    /// The state of its approval.
    pub fn state(&self) -> ToolState {
        self.state
    }

    /// The digest of the current definition.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The current definition.
    pub fn definition(&self) -> &Arc<ToolDefinition> {
        &self.definition
    }

    /// The digests under which it may be called while it is approved.
    pub fn approvals(&self) -> &BTreeSet<Digest> {
        &self.approvals
    }

    /// The last definition that a person approved.
    pub fn reviewed(&self) -> Option<&Arc<ToolDefinition>> {
        self.reviewed.as_ref().map(|(_, definition)| definition)
    }

    /// Definitions of coming catalogues that can be reviewed ahead.
    pub fn staged(&self) -> impl Iterator<Item = (Digest, CatalogueVersion, &Arc<ToolDefinition>)> {
        self.staged.iter().map(|(digest, (version, definition))| (*digest, *version, definition))
    }

    /// The effect that counts: an administrator's, else the provider's.
    pub fn effect(&self) -> Effect {
        self.effect.unwrap_or(self.definition.effect)
    }

    /// The risk that counts: an administrator's, else the provider's.
    pub fn risk(&self) -> Risk {
        self.risk.unwrap_or(self.definition.risk)
    }

    /// One word for people.
    pub fn classification(&self) -> Classification {
        Classification::of(self.effect(), self.risk())
    }

    /// The client types that may call it; all that the tenant admits where absent.
    pub fn client_types(&self) -> Option<&BTreeSet<ClientType>> {
        self.client_types.as_ref()
    }

    /// When its state or definition last changed.
    pub fn changed_at(&self) -> Timestamp {
        self.changed_at
    }

    /// Who reviewed it last.
    pub fn reviewed_by(&self) -> Option<&RecordedActor> {
        self.reviewed_by.as_ref()
    }
}

/// A toolset.
#[derive(Debug, Clone)]
pub struct Toolset {
    pub(crate) label: Label,
    pub(crate) content: ToolsetContent,
}

impl Toolset {
    /// Title and description.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// What it holds. A tool that was disabled or removed stays listed; it is skipped when calls are admitted.
    pub fn content(&self) -> &ToolsetContent {
        &self.content
    }
}

/// An access profile with its bindings.
#[derive(Debug, Clone)]
pub struct Profile {
    pub(crate) spec: ProfileSpec,
    pub(crate) bindings: BTreeMap<ToolsetId, ToolsetBinding>,
}

impl Profile {
    /// What the admin wrote.
    pub fn spec(&self) -> &ProfileSpec {
        &self.spec
    }

    /// The bound toolsets.
    pub fn bindings(&self) -> &BTreeMap<ToolsetId, ToolsetBinding> {
        &self.bindings
    }
}

/// A grant. Its end is derived from `until`, never an event.
#[derive(Debug, Clone)]
pub struct Grant {
    pub(crate) profile: ProfileId,
    pub(crate) grantee: Grantee,
    pub(crate) until: Option<Timestamp>,
    pub(crate) by: UserId,
    pub(crate) at: Timestamp,
    pub(crate) request: Option<RequestId>,
}

impl Grant {
    /// The profile.
    pub fn profile(&self) -> &ProfileId {
        &self.profile
    }

    /// Who holds it.
    pub fn grantee(&self) -> &Grantee {
        &self.grantee
    }

    /// When it ends.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Who granted it; for a request, the last approver.
    pub fn by(&self) -> &UserId {
        &self.by
    }

    /// When it was granted.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The request that it answers.
    pub fn request(&self) -> Option<&RequestId> {
        self.request.as_ref()
    }

    /// Whether it holds at `now`: a grant ends at `until`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// Waits for approvers.
    Pending,
    /// Approved; the grant was made.
    Approved,
    /// Denied by an approver.
    Denied,
    /// Taken back.
    Cancelled,
    /// Nobody decided in time.
    Expired,
}

/// A person's request for a profile.
#[derive(Debug, Clone)]
pub struct AccessRequest {
    pub(crate) profile: ProfileId,
    pub(crate) user: UserId,
    pub(crate) justification: Option<String>,
    pub(crate) seconds: Option<u64>,
    pub(crate) policy: RequestPolicy,
    pub(crate) at: Timestamp,
    pub(crate) expires: Timestamp,
    /// Who approved which step.
    pub(crate) approvals: Vec<(u32, UserId)>,
    /// `Pending` until an event says otherwise; expiry is derived.
    pub(crate) decided: RequestStatus,
}

impl AccessRequest {
    /// The profile.
    pub fn profile(&self) -> &ProfileId {
        &self.profile
    }

    /// Who asked.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// Why.
    pub fn justification(&self) -> Option<&str> {
        self.justification.as_deref()
    }

    /// For how many seconds; without end where absent.
    pub fn seconds(&self) -> Option<u64> {
        self.seconds
    }

    /// The policy of the moment it was made.
    pub fn policy(&self) -> &RequestPolicy {
        &self.policy
    }

    /// When it was made.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// When it expires undecided.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Who approved which step, in order.
    pub fn approvals(&self) -> &[(u32, UserId)] {
        &self.approvals
    }

    /// Where it stands at `now`.
    pub fn status(&self, now: Timestamp) -> RequestStatus {
        if self.decided == RequestStatus::Pending && now >= self.expires {
            RequestStatus::Expired
        } else {
            self.decided
        }
    }
}

/// What is known of an AI client.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "`type` is a keyword, and the vocabulary says client type")]
pub struct Client {
    pub(crate) label: Label,
    pub(crate) client_type: Option<ClientType>,
    pub(crate) owner: Option<UserId>,
    pub(crate) closed: bool,
}

impl Client {
    /// A name for people.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// Its type; by the tenant's rules where absent.
    pub fn client_type(&self) -> Option<ClientType> {
        self.client_type
    }

    /// Who it belongs to.
    pub fn owner(&self) -> Option<&UserId> {
        self.owner.as_ref()
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.closed
    }
}

/// A credential that the vault holds.
#[derive(Debug, Clone)]
pub struct StoredCredential {
    pub(crate) version: u64,
    pub(crate) facts: CredentialFacts,
    pub(crate) at: Timestamp,
}

impl StoredCredential {
    /// The version in the vault.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What is known of it and is no secret.
    pub fn facts(&self) -> &CredentialFacts {
        &self.facts
    }

    /// When it was put there.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

impl State {
    /// The state before the first act.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the journal stands.
    pub fn head(&self) -> Head {
        self.head
    }

    /// When the last act was.
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
    pub fn profiles(&self) -> &BTreeMap<ProfileId, Profile> {
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

    /// The revision that a command made.
    pub fn command(&self, id: &CommandId) -> Option<Revision> {
        self.commands.get(id).copied()
    }

    /// The tools of a server.
    pub fn tools_of<'a>(&'a self, server: &'a ServerId) -> impl Iterator<Item = (&'a ToolId, &'a Tool)> {
        self.tools.iter().filter(move |(id, _)| id.server() == server)
    }
}
