//! The state in a form that is read back faster than its commits are replayed.
//!
//! Derived from the journal and never a source: whoever cannot read it replays. Grants and commands are many, so that what
//! many of them name stands once, in a table.
//!
//! INVARIANT: what is read back is the state that was written (`a_checkpoint_is_read_back_as_the_state_that_was_written`),
//! and a change of the form changes [`FORM`] (`the_form_of_a_checkpoint_is_what_its_number_says`).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::Hash,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    AccessProfile, AccessRequest, Client, DroppedSegment, Event, Grant, Head, KillScope, Pin, PinSource, RequestStatus,
    Revision, Sealed, Server, State, StoredCredential, Tool, ToolState, Toolset,
    state::{self, ClientRuleAuthors, CommandIdentity, PastCommand},
};
use crate::vocabulary::{
    AuditHead, CatalogueVersion, ClientId, ClientType, CommandId, CredentialFacts, CredentialOwner, Digest, EditionId,
    Effect, GrantId, Grantee, Label, ProfileId, ProfileSpec, RecordedActor, RequestId, RequestPolicy, Risk, ServerId,
    ServerSpec, Settings, Timestamp, ToolDefinition, ToolId, ToolsetBinding, ToolsetContent, ToolsetId, UserId,
    WriterId,
};

/// The number of the form; another number for every change of it, however small.
pub const FORM: u32 = 7;

/// A checkpoint cannot be written or read; the journal can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the checkpoint is of no use: {0}")]
pub struct CheckpointError(String);

impl CheckpointError {
    pub(crate) fn new(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }
}

/// The state as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    head: Head,
    changed_at: Revision,
    last_at: i64,
    activated: bool,
    schema: u32,
    settings: Settings,
    settings_by: ClientRuleAuthors,
    servers: Vec<(ServerId, SavedServer)>,
    definitions: Vec<Arc<ToolDefinition>>,
    tools: Vec<(ToolId, SavedTool)>,
    pins: Vec<SavedPin>,
    toolsets: Vec<(ToolsetId, Label, ToolsetContent)>,
    profiles: Vec<(ProfileId, ProfileSpec, Vec<ToolsetBinding>, UserId)>,
    requests: Vec<(RequestId, SavedRequest)>,
    clients: Vec<(ClientId, SavedClient)>,
    kills: BTreeSet<KillScope>,
    credentials: Vec<SavedCredential>,
    anchors: Vec<(WriterId, AuditHead)>,
    anchored_at: Option<i64>,
    sealed: Option<Sealed>,
    dropped: Vec<(WriterId, DroppedSegment)>,
    granted: Vec<ProfileId>,
    grantees: Vec<Grantee>,
    grantors: Vec<UserId>,
    grants: Vec<SavedGrant>,
    commands: Vec<SavedCommand>,
    /// Commands of commits without a digest.
    unbound: Vec<SavedUnbound>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedServer {
    spec: ServerSpec,
    paused: bool,
    catalogue: Option<CatalogueVersion>,
    registered_at: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedTool {
    state: ToolState,
    digest: Digest,
    definition: usize,
    approvals: BTreeSet<Digest>,
    reviewed: Option<(Digest, usize)>,
    staged: Vec<(Digest, CatalogueVersion, usize)>,
    arguments_seen: BTreeSet<String>,
    effect: Option<Effect>,
    risk: Option<Risk>,
    client_types: Option<BTreeSet<ClientType>>,
    changed_at: i64,
    reviewed_by: Option<RecordedActor>,
    reviewed_at: Option<i64>,
}

/// Tool, digest, who approved it, when, the expected edition, where it comes from.
type SavedPin = (ToolId, Digest, Option<RecordedActor>, i64, Option<EditionId>, PinSource);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedRequest {
    profile: ProfileId,
    user: UserId,
    justification: Option<String>,
    seconds: Option<u64>,
    policy: RequestPolicy,
    policy_by: UserId,
    at: i64,
    expires: i64,
    approvals: Vec<(u32, UserId)>,
    decided: RequestStatus,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedClient {
    label: Label,
    #[serde(rename = "type")]
    client_type: Option<ClientType>,
    typed_by: Option<UserId>,
    owner: Option<UserId>,
    closed: bool,
}

/// Id, profile, grantee and grantor (places in their tables), end, time, request.
type SavedGrant = (GrantId, usize, usize, usize, Option<i64>, i64, Option<RequestId>);

/// Server, owner, version, facts, time, the version that the vendor refused.
type SavedCredential = (ServerId, CredentialOwner, u64, CredentialFacts, i64, Option<u64>);

/// Id, revision, the first half of the digest.
type SavedCommand = (CommandId, u64, u128);

/// Id, revision, sender, tags of the events.
type SavedUnbound = (CommandId, u64, UserId, Vec<String>);

impl State {
    /// The state in the form of number [`CHECKPOINT_FORM`](super::CHECKPOINT_FORM).
    ///
    /// # Errors
    ///
    /// When it has no JSON form; no state that a journal leads to is such a one.
    pub fn to_checkpoint(&self) -> Result<Vec<u8>, CheckpointError> {
        serde_json::to_vec(&Saved::of(self)).map_err(CheckpointError::new)
    }

    /// Reads a state in the form of number [`CHECKPOINT_FORM`](super::CHECKPOINT_FORM), which must stand at `head`. That the
    /// bytes are those that a node wrote is the business of whoever kept them.
    ///
    /// # Errors
    ///
    /// When the bytes are of another form or belong to another commit: replay the journal.
    pub fn from_checkpoint(head: Head, bytes: &[u8]) -> Result<Self, CheckpointError> {
        let saved: Saved = serde_json::from_slice(bytes).map_err(CheckpointError::new)?;
        if saved.head != head {
            return Err(CheckpointError::new("it belongs to another commit"));
        }
        saved.restore().ok_or_else(|| CheckpointError::new("it names something that is not in it"))
    }
}

impl Saved {
    fn of(state: &State) -> Self {
        let mut definitions = Definitions::default();
        let tools = state.tools.iter().map(|(id, tool)| (id.clone(), SavedTool::of(tool, &mut definitions))).collect();
        let (mut granted, mut grantees, mut grantors) = (Table::default(), Table::default(), Table::default());
        let mut grants = Vec::with_capacity(state.grants.len());
        for (id, Grant { profile, grantee, until, by, at, request }) in &state.grants {
            let until = until.map(Timestamp::as_millis);
            let places = (granted.place(profile), grantees.place(grantee), grantors.place(by));
            grants.push((id.clone(), places.0, places.1, places.2, until, at.as_millis(), request.clone()));
        }
        let (commands, unbound) = commands(state);
        Self {
            head: state.head,
            changed_at: state.changed_at,
            last_at: state.last_at.as_millis(),
            activated: state.activated,
            schema: state.schema,
            settings: state.settings.clone(),
            settings_by: state.settings_by.clone(),
            servers: state.servers.iter().map(|(id, server)| (id.clone(), SavedServer::of(server))).collect(),
            definitions: definitions.all,
            tools,
            pins: pins(state),
            toolsets: rows(&state.toolsets, |id, set| (id, set.label.clone(), set.content.clone())),
            profiles: rows(&state.profiles, |id, profile| {
                let bindings = profile.bindings.values().cloned().collect();
                (id, profile.spec.clone(), bindings, profile.policy_by.clone())
            }),
            requests: rows(&state.requests, |id, request| (id, SavedRequest::of(request))),
            clients: rows(&state.clients, |id, client| (id, SavedClient::of(client))),
            kills: state.kills.clone(),
            credentials: rows(&state.credentials, |(server, owner), credential| {
                let StoredCredential { version, facts, at, refused } = credential;
                (server, owner, *version, facts.clone(), at.as_millis(), *refused)
            }),
            anchors: rows(&state.anchors, |writer, head| (writer, *head)),
            anchored_at: state.anchored_at.map(Timestamp::as_millis),
            sealed: state.sealed,
            dropped: rows(&state.dropped, |writer, dropped| (writer, *dropped)),
            granted: granted.all(),
            grantees: grantees.all(),
            grantors: grantors.all(),
            grants,
            commands,
            unbound,
        }
    }

    /// Nothing where a place is in no table.
    fn restore(self) -> Option<State> {
        let Self { definitions, granted, grantees, grantors, .. } = self;
        let tool = |(id, tool): (ToolId, SavedTool)| Some((id, tool.restore(&definitions)?));
        let grant = |saved: SavedGrant| {
            let (id, profile, grantee, by, until, at, request) = saved;
            let grant = Grant {
                profile: granted.get(profile)?.clone(),
                grantee: grantees.get(grantee)?.clone(),
                until: until.map(Timestamp::from_millis),
                by: grantors.get(by)?.clone(),
                at: Timestamp::from_millis(at),
                request,
            };
            Some((id, grant))
        };
        let credential = |(server, owner, version, facts, at, refused): SavedCredential| {
            ((server, owner), StoredCredential { version, facts, at: Timestamp::from_millis(at), refused })
        };
        let profile = |(id, spec, bindings, policy_by): (_, _, Vec<ToolsetBinding>, _)| {
            let bindings = bindings.into_iter().map(|binding| (binding.toolset.clone(), binding)).collect();
            (id, AccessProfile { spec, bindings, policy_by })
        };
        let tools: BTreeMap<ToolId, Tool> = self.tools.into_iter().map(tool).collect::<Option<_>>()?;
        let mut shared = state::Definitions::default();
        for tool in tools.values() {
            shared.shared(tool.digest, &tool.definition);
        }
        Some(State {
            head: self.head,
            changed_at: self.changed_at,
            last_at: Timestamp::from_millis(self.last_at),
            activated: self.activated,
            schema: self.schema,
            settings: self.settings,
            settings_by: self.settings_by,
            servers: self.servers.into_iter().map(|(id, server)| (id, server.restore())).collect(),
            tools,
            definitions: shared,
            pins: restored_pins(self.pins),
            toolsets: self.toolsets.into_iter().map(|(id, label, content)| (id, Toolset { label, content })).collect(),
            profiles: self.profiles.into_iter().map(profile).collect(),
            grants: self.grants.into_iter().map(grant).collect::<Option<_>>()?,
            requests: self.requests.into_iter().map(|(id, request)| (id, request.restore())).collect(),
            clients: self.clients.into_iter().map(|(id, client)| (id, client.restore())).collect(),
            kills: self.kills,
            credentials: self.credentials.into_iter().map(credential).collect(),
            anchors: self.anchors.into_iter().collect(),
            anchored_at: self.anchored_at.map(Timestamp::from_millis),
            sealed: self.sealed,
            dropped: self.dropped.into_iter().collect(),
            commands: self
                .commands
                .into_iter()
                .map(|(id, revision, digest)| Some((id, past(revision, CommandIdentity::Digest(digest)))))
                .chain(self.unbound.into_iter().map(|(id, revision, sender, tags)| {
                    let known = |tag: &String| Event::TAGS.iter().copied().find(|known| known == tag);
                    let tags = tags.iter().map(known).collect::<Option<_>>()?;
                    Some((id, past(revision, CommandIdentity::Events(Box::new((sender, tags))))))
                }))
                .collect::<Option<_>>()?,
        })
    }
}

/// The commands by revision: those that are known by their digest, and the others.
fn commands(state: &State) -> (Vec<SavedCommand>, Vec<SavedUnbound>) {
    let mut all: Vec<_> = state.commands.iter().collect();
    all.sort_unstable_by_key(|(id, past)| (past.revision, *id));
    let (mut commands, mut unbound) = (Vec::with_capacity(all.len()), Vec::new());
    for (id, PastCommand { revision, identity }) in all {
        match identity {
            CommandIdentity::Digest(digest) => commands.push((id.clone(), revision.0, *digest)),
            CommandIdentity::Events(known) => {
                let (sender, tags) = known.as_ref();
                let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
                unbound.push((id.clone(), revision.0, sender.clone(), tags));
            }
        }
    }
    (commands, unbound)
}

fn pins(state: &State) -> Vec<SavedPin> {
    let of_tool = |(tool, pins): (&ToolId, &BTreeMap<Digest, Pin>)| -> Vec<SavedPin> {
        let saved = pins.iter().map(|(digest, Pin { by, at, edition, source })| {
            (tool.clone(), *digest, by.clone(), at.as_millis(), edition.clone(), *source)
        });
        saved.collect()
    };
    state.pins.iter().flat_map(of_tool).collect()
}

fn restored_pins(saved: Vec<SavedPin>) -> BTreeMap<ToolId, BTreeMap<Digest, Pin>> {
    let mut pins: BTreeMap<ToolId, BTreeMap<Digest, Pin>> = BTreeMap::new();
    for (tool, digest, by, at, edition, source) in saved {
        let pin = Pin { by, at: Timestamp::from_millis(at), edition, source };
        pins.entry(tool).or_default().insert(digest, pin);
    }
    pins
}

fn past(revision: u64, identity: CommandIdentity) -> PastCommand {
    PastCommand { revision: Revision(revision), identity }
}

fn rows<K: Clone, V, R>(map: &BTreeMap<K, V>, row: impl Fn(K, &V) -> R) -> Vec<R> {
    map.iter().map(|(key, value)| row(key.clone(), value)).collect()
}

impl SavedServer {
    fn of(server: &Server) -> Self {
        let Server { spec, paused, catalogue, registered_at } = server.clone();
        Self { spec, paused, catalogue, registered_at: registered_at.as_millis() }
    }

    fn restore(self) -> Server {
        let Self { spec, paused, catalogue, registered_at } = self;
        Server { spec, paused, catalogue, registered_at: Timestamp::from_millis(registered_at) }
    }
}

impl SavedTool {
    fn of(tool: &Tool, definitions: &mut Definitions) -> Self {
        let staged = tool.staged.iter();
        Self {
            state: tool.state,
            digest: tool.digest,
            definition: definitions.place(tool.digest, &tool.definition),
            approvals: tool.approvals.clone(),
            reviewed: tool.reviewed.as_ref().map(|(digest, it)| (*digest, definitions.place(*digest, it))),
            staged: staged.map(|(digest, (version, it))| (*digest, *version, definitions.place(*digest, it))).collect(),
            arguments_seen: tool.arguments_seen.clone(),
            effect: tool.effect,
            risk: tool.risk,
            client_types: tool.client_types.clone(),
            changed_at: tool.changed_at.as_millis(),
            reviewed_by: tool.reviewed_by.clone(),
            reviewed_at: tool.reviewed_at.map(Timestamp::as_millis),
        }
    }

    fn restore(self, definitions: &[Arc<ToolDefinition>]) -> Option<Tool> {
        let at = |place: usize| definitions.get(place).cloned();
        let staged = self.staged.into_iter().map(|(digest, version, place)| Some((digest, (version, at(place)?))));
        Some(Tool {
            state: self.state,
            digest: self.digest,
            definition: at(self.definition)?,
            approvals: self.approvals,
            reviewed: match self.reviewed {
                Some((digest, place)) => Some((digest, at(place)?)),
                None => None,
            },
            staged: staged.collect::<Option<_>>()?,
            arguments_seen: self.arguments_seen,
            effect: self.effect,
            risk: self.risk,
            client_types: self.client_types,
            changed_at: Timestamp::from_millis(self.changed_at),
            reviewed_by: self.reviewed_by,
            reviewed_at: self.reviewed_at.map(Timestamp::from_millis),
        })
    }
}

impl SavedRequest {
    fn of(request: &AccessRequest) -> Self {
        let AccessRequest { profile, user, justification, seconds, policy, policy_by, at, expires, approvals, decided } =
            request.clone();
        let (at, expires) = (at.as_millis(), expires.as_millis());
        Self { profile, user, justification, seconds, policy, policy_by, at, expires, approvals, decided }
    }

    fn restore(self) -> AccessRequest {
        let Self { profile, user, justification, seconds, policy, policy_by, at, expires, approvals, decided } = self;
        let (at, expires) = (Timestamp::from_millis(at), Timestamp::from_millis(expires));
        AccessRequest { profile, user, justification, seconds, policy, policy_by, at, expires, approvals, decided }
    }
}

impl SavedClient {
    fn of(client: &Client) -> Self {
        let Client { label, client_type, typed_by, owner, closed } = client.clone();
        Self { label, client_type, typed_by, owner, closed }
    }

    fn restore(self) -> Client {
        let Self { label, client_type, typed_by, owner, closed } = self;
        Client { label, client_type, typed_by, owner, closed }
    }
}

/// What stands once, however often it is named.
#[derive(Debug)]
struct Table<'a, T>(HashMap<&'a T, usize>);

impl<T> Default for Table<'_, T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<'a, T: Clone + Eq + Hash> Table<'a, T> {
    fn place(&mut self, value: &'a T) -> usize {
        let next = self.0.len();
        *self.0.entry(value).or_insert(next)
    }

    /// In the order of their places.
    fn all(self) -> Vec<T> {
        let mut all: Vec<(&T, usize)> = self.0.into_iter().collect();
        all.sort_unstable_by_key(|(_, place)| *place);
        all.into_iter().map(|(value, _)| value.clone()).collect()
    }
}

/// The definitions by digest: the current one of a tool is most often the reviewed one.
#[derive(Debug, Default)]
struct Definitions {
    places: HashMap<Digest, usize>,
    all: Vec<Arc<ToolDefinition>>,
}

impl Definitions {
    fn place(&mut self, digest: Digest, definition: &Arc<ToolDefinition>) -> usize {
        *self.places.entry(digest).or_insert_with(|| {
            self.all.push(Arc::clone(definition));
            self.all.len() - 1
        })
    }
}
