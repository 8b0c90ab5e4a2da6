//! What somebody wants done.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::Serialize;

use super::{Head, KillScope, Revision};
use crate::vocabulary::{
    AuditHead, Catalogue, ClientId, ClientType, CommandId, CredentialFacts, CredentialOwner, Digest, DigestError,
    EditionId, Effect, GrantId, Grantee, Label, ProfileId, ProfileSpec, RequestId, Risk, ServerId, ServerSpec,
    Settings, Timestamp, ToolId, ToolsetBinding, ToolsetContent, ToolsetEntry, ToolsetId, UserId, WriterId,
};

/// A command with its idempotency key. Ids of new things come with it: deciding has no randomness.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Command {
    /// The same command under the same id is carried out once; repeated, it answers with the revision of the first time. Another
    /// command under it, or another person's, is refused.
    pub id: CommandId,
    /// Why, for the record.
    pub reason: Option<String>,
    /// The revision on which it was decided to send it: where anything was changed after it, the command is refused. Carried out on
    /// whatever is there where absent.
    pub expected: Option<Revision>,
    /// What to do.
    pub action: Action,
}

impl Command {
    /// A command without a reason.
    pub fn new(id: CommandId, action: Action) -> Self {
        Self { id, reason: None, expected: None, action }
    }

    /// With a reason for the record.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Only where nothing was changed after this revision, on which its effect was looked at. Commits that put nothing but heads of
    /// the audit's chains on record change nothing.
    #[must_use]
    pub fn expecting(mut self, revision: Revision) -> Self {
        self.expected = Some(revision);
        self
    }

    /// What binds the id to this very command: the SHA-256 of the canonical JSON of the action and of the person who sends it. The
    /// reason and the revision that it expects are no part of it.
    ///
    /// # Errors
    ///
    /// When the action has no canonical form: it holds an integer beyond 2^53, or is nested deeper than 128 levels.
    pub fn digest(&self, sender: &UserId) -> Result<Digest, DigestError> {
        #[derive(Serialize)]
        struct Bound<'a> {
            action: &'a Action,
            sender: &'a UserId,
        }
        Digest::of_json(&Bound { action: &self.action, sender })
    }
}

/// What to do. Each says which roles may; the table in [`crate::journal`] is tested cell by cell.
///
/// Its JSON form is what [`Command::digest`] covers, and nothing reads it back.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Let calls be admitted by the rules. Owner.
    ActivateGovernance,
    /// Write the event forms of a newer schema from now on. Owner.
    ActivateSchema {
        /// The schema's number, one more than the current.
        schema: u32,
    },
    /// Replace the tenant's settings. Governance admin.
    ChangeSettings {
        /// The new settings.
        settings: Settings,
    },
    /// Register a server. Governance admin.
    RegisterServer {
        /// Its id.
        server: ServerId,
        /// Its row.
        spec: ServerSpec,
    },
    /// Replace a server's row. Governance admin, server owner; only an admin changes the owners. The provider stays, and so
    /// does the prefix once tools are known under it. Another edition, base URL, region or auth method takes the credentials
    /// away. After another edition the server counts as never synced until it is; what was approved of the edition that is left
    /// stays approved ahead ([`Pin`](super::Pin)), so that going back is no new review.
    ChangeServer {
        /// The server.
        server: ServerId,
        /// The new row.
        spec: ServerSpec,
    },
    /// Pause a server. Governance admin, server owner.
    PauseServer {
        /// The server.
        server: ServerId,
    },
    /// Let a paused server go on. Governance admin, server owner.
    ResumeServer {
        /// The server.
        server: ServerId,
    },
    /// Remove a server with its tools and credentials. Governance admin.
    RemoveServer {
        /// The server.
        server: ServerId,
    },
    /// Take in what a server's provider states. Governance admin, server owner. Refused when the catalogue is older.
    SyncServer {
        /// The server.
        server: ServerId,
        /// What was discovered.
        catalogue: Arc<Catalogue>,
    },
    /// Put a coming catalogue up for review ahead of its release. Governance admin, server owner.
    StageCatalogue {
        /// The server.
        server: ServerId,
        /// The coming catalogue, newer than the current.
        catalogue: Arc<Catalogue>,
    },
    /// Approve tools, each under the digest that the reviewer saw: its current definition or a staged one. All or none.
    /// Governance admin, server owner.
    ApproveTools {
        /// The tools and the digests.
        tools: BTreeMap<ToolId, Digest>,
    },
    /// Approve tools ahead, each under the digest of a definition that is not offered yet: once a sync finds exactly this one, the
    /// tool is approved by this commit. All or none. Governance admin, server owner.
    PinTools {
        /// The tools, which need not be known yet, and the digests.
        tools: BTreeMap<ToolId, Digest>,
        /// The edition that is expected to offer them; the provider's first where absent.
        edition: Option<EditionId>,
    },
    /// Take approvals ahead back, as long as no sync has found their definitions. Governance admin, server owner.
    UnpinTools {
        /// The tools and the digests.
        tools: BTreeMap<ToolId, Digest>,
    },
    /// Disable tools. All or none. Governance admin, server owner.
    DisableTools {
        /// The tools.
        tools: BTreeSet<ToolId>,
    },
    /// Set tools back to pending review. All or none. Governance admin, server owner.
    ResetTools {
        /// The tools.
        tools: BTreeSet<ToolId>,
    },
    /// Raise or lower a tool's effect or risk. Governance admin, server owner.
    ClassifyTool {
        /// The tool.
        tool: ToolId,
        /// The effect; the provider's where absent.
        effect: Option<Effect>,
        /// The risk; the provider's where absent.
        risk: Option<Risk>,
    },
    /// Say which client types may call a tool. Governance admin, server owner.
    SetToolClientTypes {
        /// The tool.
        tool: ToolId,
        /// The types; all that the tenant admits where absent.
        types: Option<BTreeSet<ClientType>>,
    },
    /// Create a toolset. Governance admin.
    CreateToolset {
        /// Its id.
        toolset: ToolsetId,
        /// Title and description.
        label: Label,
        /// What it holds: chosen tools must be approved.
        content: ToolsetContent,
    },
    /// Replace a toolset's title and description. Governance admin.
    LabelToolset {
        /// The toolset.
        toolset: ToolsetId,
        /// The new title and description.
        label: Label,
    },
    /// Put approved tools into a toolset, or replace their rules there. Governance admin.
    SetToolsetTools {
        /// The toolset.
        toolset: ToolsetId,
        /// The tools with their rules.
        tools: BTreeMap<ToolId, ToolsetEntry>,
    },
    /// Take tools out of a toolset. Governance admin.
    RemoveToolsetTools {
        /// The toolset.
        toolset: ToolsetId,
        /// The tools.
        tools: BTreeSet<ToolId>,
    },
    /// Delete a toolset; it is unbound everywhere. Governance admin.
    DeleteToolset {
        /// The toolset.
        toolset: ToolsetId,
    },
    /// Create a profile. Profile admin.
    CreateProfile {
        /// Its id.
        profile: ProfileId,
        /// What it is.
        spec: ProfileSpec,
    },
    /// Replace a profile's text and policy. Profile admin.
    ChangeProfile {
        /// The profile.
        profile: ProfileId,
        /// What it becomes.
        spec: ProfileSpec,
    },
    /// Delete a profile with its grants. Profile admin.
    DeleteProfile {
        /// The profile.
        profile: ProfileId,
    },
    /// Bind a toolset to a profile, or replace the binding's rules. Governance admin.
    BindToolset {
        /// The profile.
        profile: ProfileId,
        /// The toolset and its rules.
        binding: ToolsetBinding,
    },
    /// Unbind a toolset from a profile. Governance admin.
    UnbindToolset {
        /// The profile.
        profile: ProfileId,
        /// The toolset.
        toolset: ToolsetId,
    },
    /// Grant a profile. Profile admin; never to oneself, nor to a group that one belongs to.
    GrantProfile {
        /// The grant's id.
        grant: GrantId,
        /// The profile.
        profile: ProfileId,
        /// To whom.
        grantee: Grantee,
        /// When it ends; never where absent.
        until: Option<Timestamp>,
    },
    /// Take a grant back. Profile admin; the person who holds it.
    RevokeGrant {
        /// The grant.
        grant: GrantId,
    },
    /// Ask for a profile. Every user to whom the profile is visible.
    RequestAccess {
        /// The request's id.
        request: RequestId,
        /// The id of the grant, should it be approved.
        grant: GrantId,
        /// The profile.
        profile: ProfileId,
        /// Why.
        justification: Option<String>,
        /// For how many seconds; the policy's longest where absent.
        seconds: Option<u64>,
    },
    /// Approve the current step of a request. Its approvers; a profile admin is none by office.
    ApproveRequest {
        /// The request.
        request: RequestId,
        /// The id of the grant, should this be the last approval needed.
        grant: GrantId,
    },
    /// Deny a request. Its approvers; profile admin (not one's own request).
    DenyRequest {
        /// The request.
        request: RequestId,
    },
    /// Take a request back. The person who asked; profile admin.
    CancelRequest {
        /// The request.
        request: RequestId,
    },
    /// Set what is known of an AI client. Governance admin.
    SetClient {
        /// The client.
        client: ClientId,
        /// A name for people.
        label: Label,
        /// Its type; by the tenant's rules where absent. Ephemeral clients are refused: they are not journalled.
        client_type: Option<ClientType>,
        /// Who it belongs to, for a personal client.
        owner: Option<UserId>,
    },
    /// Close an AI client. Governance admin; the owner of a personal client.
    CloseClient {
        /// The client.
        client: ClientId,
    },
    /// Let a closed AI client call again. Governance admin.
    ReopenClient {
        /// The client.
        client: ClientId,
    },
    /// Throw a kill switch. Governance admin; server owner for own servers and their tools.
    Kill {
        /// What it stops.
        scope: KillScope,
    },
    /// Release a kill switch. As [`Action::Kill`].
    Release {
        /// What it stopped.
        scope: KillScope,
    },
    /// Name the version of a credential in the vault that counts from now on. Shared: governance admin, server owner; a
    /// person's own: that person alone. Sent by the [`Governor`](crate::Governor) after it has put the secret away.
    SetCredential {
        /// The server.
        server: ServerId,
        /// Whose it is.
        owner: CredentialOwner,
        /// The version in the vault.
        version: u64,
        /// What is known of it and is no secret.
        facts: CredentialFacts,
    },
    /// Take a credential away. As [`Action::SetCredential`]; a governance admin may take away any.
    RemoveCredential {
        /// The server.
        server: ServerId,
        /// Whose it is.
        owner: CredentialOwner,
    },
    /// Put on record that the vendor refuses a person's own credential, so that it is not sent again. Governance admin; sent by the
    /// [`Governor`](crate::Governor) when a call or a probe ends so.
    NoteRefusedCredential {
        /// The server.
        server: ServerId,
        /// Whose it is.
        user: UserId,
        /// The version in the vault that was refused.
        version: u64,
    },
    /// Put on record where chains of audit records stand; a chain must hold that record from then on. Governance admin; sent by
    /// the [`Driver`](crate::governor::Driver) now and then.
    AnchorAudit {
        /// The head of each chain.
        heads: BTreeMap<WriterId, AuditHead>,
    },
    /// Accept that the store is behind what was known of it. Governance admin; sent by
    /// [`GovernorBuilder::accepting_rollback`](crate::governor::GovernorBuilder::accepting_rollback).
    AcceptRollback {
        /// Where the journal was known to stand.
        known: Head,
        /// Where it stands in the store.
        found: Head,
    },
    /// Put on record that the old end of a chain of audit records is dropped: it was sealed, and kept elsewhere. Owner, governance
    /// admin; sent by [`Governor::drop_audit_segment`](crate::Governor::drop_audit_segment), which deletes the records then.
    DropAuditSegment {
        /// Who wrote the chain.
        writer: WriterId,
        /// The last record that was dropped before: where the segment begins.
        after: AuditHead,
        /// The last record of the segment.
        through: AuditHead,
        /// SHA-256 of the sealed file.
        export: Digest,
    },
    /// End everything that a person has: grants, requests, connections, personal clients. Governance admin, profile admin;
    /// never oneself.
    OffboardUser {
        /// The person.
        user: UserId,
    },
}

macro_rules! action_names {
    ($($variant:ident = $text:literal,)*) => {
        impl Action {
            /// The names of all actions.
            pub const NAMES: &'static [&'static str] = &[$($text),*];

            /// The action's name, for records and messages.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $text,)*
                }
            }
        }
    };
}

action_names! {
    ActivateGovernance = "activate_governance",
    ActivateSchema = "activate_schema",
    ChangeSettings = "change_settings",
    RegisterServer = "register_server",
    ChangeServer = "change_server",
    PauseServer = "pause_server",
    ResumeServer = "resume_server",
    RemoveServer = "remove_server",
    SyncServer = "sync_server",
    StageCatalogue = "stage_catalogue",
    ApproveTools = "approve_tools",
    PinTools = "pin_tools",
    UnpinTools = "unpin_tools",
    DisableTools = "disable_tools",
    ResetTools = "reset_tools",
    ClassifyTool = "classify_tool",
    SetToolClientTypes = "set_tool_client_types",
    CreateToolset = "create_toolset",
    LabelToolset = "label_toolset",
    SetToolsetTools = "set_toolset_tools",
    RemoveToolsetTools = "remove_toolset_tools",
    DeleteToolset = "delete_toolset",
    CreateProfile = "create_profile",
    ChangeProfile = "change_profile",
    DeleteProfile = "delete_profile",
    BindToolset = "bind_toolset",
    UnbindToolset = "unbind_toolset",
    GrantProfile = "grant_profile",
    RevokeGrant = "revoke_grant",
    RequestAccess = "request_access",
    ApproveRequest = "approve_request",
    DenyRequest = "deny_request",
    CancelRequest = "cancel_request",
    SetClient = "set_client",
    CloseClient = "close_client",
    ReopenClient = "reopen_client",
    Kill = "kill",
    Release = "release",
    SetCredential = "set_credential",
    RemoveCredential = "remove_credential",
    NoteRefusedCredential = "note_refused_credential",
    AnchorAudit = "anchor_audit",
    AcceptRollback = "accept_rollback",
    DropAuditSegment = "drop_audit_segment",
    OffboardUser = "offboard_user",
}
