//! What a commit changes. The encoding is for ever.
//!
//! Every variant carries its version in its name and wraps a struct that refuses unknown fields. A new form of an event is a
//! new variant; the old one stays readable. A golden corpus of every version is kept in `tests/golden`.
//!
//! INVARIANT: an event that this release does not know makes the state unreadable, never skipped
//! (`an_event_of_a_newer_version_makes_the_state_unreadable`).

use std::{collections::BTreeMap, collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

use super::Head;
use crate::vocabulary::{
    CatalogueVersion, ClientId, ClientType, CredentialFacts, CredentialOwner, Digest, DriftAction, EditionId, Effect,
    GrantId, Grantee, Label, NewToolState, ProfileId, ProfileSpec, RequestId, RequestPolicy, Risk, ServerId,
    ServerSpec, Settings, Timestamp, ToolDefinition, ToolId, ToolsetBinding, ToolsetContent, ToolsetEntry, ToolsetId,
    UserId, WriterId,
};

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $tag:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        /// One change of the state.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "event", content = "data", deny_unknown_fields)]
        #[non_exhaustive]
        pub enum Event {
            $($(#[$doc])* #[serde(rename = $tag)] $variant($variant),)*
        }

        impl Event {
            /// The tags of every event that this release reads, versions included.
            pub const TAGS: &'static [&'static str] = &[$($tag),*];

            /// The event's tag, version included, for example `tool_approved.v1`.
            pub fn tag(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $tag,)*
                }
            }
        }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            #[non_exhaustive]
            pub struct $variant {
                $($(#[$field_doc])* pub $field: $type,)*
            }

            impl From<$variant> for Event {
                fn from(event: $variant) -> Self {
                    Self::$variant(event)
                }
            }
        )*
    };
}

events! {
    /// Governance was activated: from now on calls are admitted by the rules. Before, every call is denied.
    GovernanceActivated = "governance_activated.v1" {}
    /// Writers use the event forms of this schema from now on.
    SchemaActivated = "schema_activated.v1" {
        /// The schema's number.
        schema: u32,
    }
    /// The tenant's settings were replaced.
    SettingsChanged = "settings_changed.v1" {
        /// The new settings.
        settings: Settings,
    }
    /// A server was registered.
    ServerRegistered = "server_registered.v1" {
        /// The server.
        server: ServerId,
        /// What the operator decided.
        spec: ServerSpec,
    }
    /// A server's row was replaced.
    ServerChanged = "server_changed.v1" {
        /// The server.
        server: ServerId,
        /// The new row.
        spec: ServerSpec,
    }
    /// A server was paused: its tools stay listed, calls are denied.
    ServerPaused = "server_paused.v1" {
        /// The server.
        server: ServerId,
    }
    /// A paused server goes on.
    ServerResumed = "server_resumed.v1" {
        /// The server.
        server: ServerId,
    }
    /// A server was removed, with its tools and credentials.
    ServerRemoved = "server_removed.v1" {
        /// The server.
        server: ServerId,
    }
    /// The catalogue of a server was read; what changed follows as events of the same commit.
    CatalogueSynced = "catalogue_synced.v1" {
        /// The server.
        server: ServerId,
        /// The catalogue's version.
        version: CatalogueVersion,
    }
    /// Sync found a tool for the first time.
    ToolDiscovered = "tool_discovered.v1" {
        /// The tool.
        tool: ToolId,
        /// The digest of its definition.
        digest: Digest,
        /// The definition.
        definition: Arc<ToolDefinition>,
        /// The state it starts in.
        state: NewToolState,
    }
    /// Sync found another definition of a known tool.
    ToolChanged = "tool_changed.v1" {
        /// The tool.
        tool: ToolId,
        /// The digest of the new definition.
        digest: Digest,
        /// The new definition.
        definition: Arc<ToolDefinition>,
        /// What becomes of the tool if it is approved: by the drift policy of the moment, or `keep` where the digest had
        /// been reviewed ahead.
        action: DriftAction,
    }
    /// Sync no longer found the tool.
    ToolGone = "tool_gone.v1" {
        /// The tool.
        tool: ToolId,
    }
    /// Sync found a removed tool again.
    ToolReturned = "tool_returned.v1" {
        /// The tool.
        tool: ToolId,
        /// The digest of its definition.
        digest: Digest,
        /// The definition.
        definition: Arc<ToolDefinition>,
    }
    /// A definition of a coming catalogue was put up for review ahead of its release.
    ToolStaged = "tool_staged.v1" {
        /// The tool.
        tool: ToolId,
        /// The version of the coming catalogue.
        version: CatalogueVersion,
        /// The digest of the coming definition.
        digest: Digest,
        /// The coming definition.
        definition: Arc<ToolDefinition>,
    }
    /// The tool's current definition was approved.
    ToolApproved = "tool_approved.v1" {
        /// The tool.
        tool: ToolId,
        /// The digest that the reviewer saw.
        digest: Digest,
    }
    /// A staged definition was approved ahead of its release.
    ToolApprovedAhead = "tool_approved_ahead.v1" {
        /// The tool.
        tool: ToolId,
        /// The digest that the reviewer saw.
        digest: Digest,
    }
    /// A definition that is not offered yet was approved ahead, by its digest: a sync that finds exactly this one approves the tool.
    ToolPinned = "tool_pinned.v1" {
        /// The tool, which need not be known yet.
        tool: ToolId,
        /// The digest that the reviewer saw.
        digest: Digest,
        /// The edition of the server that is expected to offer it; the provider's first where absent.
        edition: Option<EditionId>,
    }
    /// An approval ahead was taken back before a sync found its definition.
    ToolUnpinned = "tool_unpinned.v1" {
        /// The tool.
        tool: ToolId,
        /// The digest that was approved ahead.
        digest: Digest,
    }
    /// The tool was disabled; its approvals are gone, those given ahead too.
    ToolDisabled = "tool_disabled.v1" {
        /// The tool.
        tool: ToolId,
    }
    /// The tool was set back to pending review; its approvals are gone, those given ahead too.
    ToolReset = "tool_reset.v1" {
        /// The tool.
        tool: ToolId,
    }
    /// An administrator raised or lowered effect or risk.
    ToolClassified = "tool_classified.v1" {
        /// The tool.
        tool: ToolId,
        /// The effect; the provider's where absent.
        effect: Option<Effect>,
        /// The risk; the provider's where absent.
        risk: Option<Risk>,
    }
    /// The client types that may call the tool were set.
    ToolClientTypesSet = "tool_client_types_set.v1" {
        /// The tool.
        tool: ToolId,
        /// The types; every type that the tenant admits where absent.
        types: Option<BTreeSet<ClientType>>,
    }
    /// A toolset was created.
    ToolsetCreated = "toolset_created.v1" {
        /// The toolset.
        toolset: ToolsetId,
        /// Title and description.
        label: Label,
        /// What it holds.
        content: ToolsetContent,
    }
    /// Title and description of a toolset were replaced.
    ToolsetLabelled = "toolset_labelled.v1" {
        /// The toolset.
        toolset: ToolsetId,
        /// The new title and description.
        label: Label,
    }
    /// Tools were put into a toolset, or their rules there were replaced.
    ToolsetToolsSet = "toolset_tools_set.v1" {
        /// The toolset.
        toolset: ToolsetId,
        /// The tools with their rules.
        tools: BTreeMap<ToolId, ToolsetEntry>,
    }
    /// Tools were taken out of a toolset.
    ToolsetToolsRemoved = "toolset_tools_removed.v1" {
        /// The toolset.
        toolset: ToolsetId,
        /// The tools.
        tools: BTreeSet<ToolId>,
    }
    /// A toolset was deleted; it is unbound everywhere.
    ToolsetDeleted = "toolset_deleted.v1" {
        /// The toolset.
        toolset: ToolsetId,
    }
    /// A profile was created.
    ProfileCreated = "profile_created.v1" {
        /// The profile.
        profile: ProfileId,
        /// What the admin wrote.
        spec: ProfileSpec,
    }
    /// A profile was replaced; its bindings and grants stay.
    ProfileChanged = "profile_changed.v1" {
        /// The profile.
        profile: ProfileId,
        /// The new text.
        spec: ProfileSpec,
    }
    /// A profile was deleted, with its grants; open requests for it are cancelled.
    ProfileDeleted = "profile_deleted.v1" {
        /// The profile.
        profile: ProfileId,
    }
    /// A toolset was bound to a profile, or the binding's rules were replaced.
    ToolsetBound = "toolset_bound.v1" {
        /// The profile.
        profile: ProfileId,
        /// The toolset and its rules.
        binding: ToolsetBinding,
    }
    /// A toolset was unbound from a profile.
    ToolsetUnbound = "toolset_unbound.v1" {
        /// The profile.
        profile: ProfileId,
        /// The toolset.
        toolset: ToolsetId,
    }
    /// A profile was granted.
    ProfileGranted = "profile_granted.v1" {
        /// The grant.
        grant: GrantId,
        /// The profile.
        profile: ProfileId,
        /// To whom.
        grantee: Grantee,
        /// When it ends; never where absent.
        until: Option<Timestamp>,
        /// The request that it answers.
        request: Option<RequestId>,
    }
    /// A grant was taken back.
    GrantRevoked = "grant_revoked.v1" {
        /// The grant.
        grant: GrantId,
    }
    /// A person asked for a profile.
    AccessRequested = "access_requested.v1" {
        /// The request.
        request: RequestId,
        /// The profile.
        profile: ProfileId,
        /// Who asks.
        user: UserId,
        /// Why.
        justification: Option<String>,
        /// For how many seconds; without end where absent.
        seconds: Option<u64>,
        /// The policy of the moment, which governs the request from now on.
        policy: RequestPolicy,
        /// When it expires undecided.
        expires: Timestamp,
    }
    /// An approver approved a step. When it was the last approval needed, the grant follows in the same commit.
    RequestApproved = "request_approved.v1" {
        /// The request.
        request: RequestId,
        /// The step, counted from 0.
        step: u32,
    }
    /// An approver denied the request.
    RequestDenied = "request_denied.v1" {
        /// The request.
        request: RequestId,
    }
    /// The person who asked, or an administrator, took the request back.
    RequestCancelled = "request_cancelled.v1" {
        /// The request.
        request: RequestId,
    }
    /// What is known of an AI client was set. Ephemeral clients are never journalled.
    ClientSet = "client_set.v1" {
        /// The client.
        client: ClientId,
        /// A name for people.
        label: Label,
        /// Its type; by the tenant's rules where absent.
        client_type: Option<ClientType>,
        /// Who it belongs to, for a personal client.
        owner: Option<UserId>,
    }
    /// An AI client was closed: its calls are denied.
    ClientClosed = "client_closed.v1" {
        /// The client.
        client: ClientId,
    }
    /// A closed AI client may call again.
    ClientReopened = "client_reopened.v1" {
        /// The client.
        client: ClientId,
    }
    /// A kill switch was thrown: calls in flight are aborted, new ones denied.
    KillSwitchThrown = "kill_switch_thrown.v1" {
        /// What it stops.
        scope: KillScope,
    }
    /// A kill switch was released.
    KillSwitchReleased = "kill_switch_released.v1" {
        /// What it stopped.
        scope: KillScope,
    }
    /// A credential was put into the vault: this version counts from now on.
    CredentialSet = "credential_set.v1" {
        /// The server.
        server: ServerId,
        /// Whose it is.
        owner: CredentialOwner,
        /// The version in the vault.
        version: u64,
        /// What is known of it and is no secret.
        facts: CredentialFacts,
    }
    /// A credential was taken away.
    CredentialRemoved = "credential_removed.v1" {
        /// The server.
        server: ServerId,
        /// Whose it was.
        owner: CredentialOwner,
    }
    /// The vendor refused a person's own credential: it is not sent again until another one is set.
    CredentialRefused = "credential_refused.v1" {
        /// The server.
        server: ServerId,
        /// Whose it is.
        user: UserId,
        /// The version in the vault that was refused. It may be newer than the one that was set: a credential is refreshed without
        /// a commit.
        version: u64,
    }
    /// Where a writer's chain of audit records stood was put on record: from now on the chain must hold this record.
    AuditAnchored = "audit_anchored.v1" {
        /// Who writes the chain.
        writer: WriterId,
        /// The place of its last record, from 1.
        sequence: u64,
        /// The hash of that record.
        hash: Digest,
    }
    /// This commit, and with it the whole journal before it and the heads that it anchors, was sealed under the audit key, which no
    /// store holds. It is the last event of its commit; [`JournalVerifier`](crate::audit::JournalVerifier) checks it.
    JournalSealed = "journal_sealed.v1" {
        /// Which key it was ([`AuditKey::id`](crate::audit::AuditKey::id)).
        key: Digest,
        /// HMAC-SHA-256 over the tenant and the commit without this event.
        mac: Digest,
    }
    /// A store that was behind what was known of it was accepted as it is: what was decided between the two is gone.
    RollbackAccepted = "rollback_accepted.v1" {
        /// Where the journal was known to stand.
        known: Head,
        /// Where it stood in the store.
        found: Head,
    }
    /// The old end of a writer's chain of audit records was dropped from the store: it was sealed and kept elsewhere. From now on the
    /// chain begins after this record.
    AuditSegmentDropped = "audit_segment_dropped.v1" {
        /// Who wrote the chain.
        writer: WriterId,
        /// The place of the last record that was dropped.
        sequence: u64,
        /// The hash of that record.
        hash: Digest,
        /// SHA-256 of the sealed file.
        export: Digest,
    }
    /// A person left: grants, open requests, connections and personal clients end with this one event.
    UserOffboarded = "user_offboarded.v1" {
        /// The person.
        user: UserId,
    }
}

/// What a kill switch stops.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum KillScope {
    /// Every call of the tenant.
    Tenant,
    /// Every call to the server.
    Server(ServerId),
    /// Every call to the tool, and to recipes that use it.
    Tool(ToolId),
    /// Every call of the AI client.
    Client(ClientId),
    /// Every call of the person, through whatever AI client, and whatever the person holds it by.
    User(UserId),
}

impl std::fmt::Display for KillScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tenant => f.write_str("the tenant"),
            Self::Server(server) => write!(f, "server `{server}`"),
            Self::Tool(tool) => write!(f, "tool `{tool}`"),
            Self::Client(client) => write!(f, "client `{client}`"),
            Self::User(user) => write!(f, "user `{user}`"),
        }
    }
}
