//! Governance acts: commands in, events out, state as their fold. Pure: no clock, no randomness, no I/O.

mod act;
mod command;
mod event;
mod state;

pub use self::{
    act::{Act, ActError, Head, Revision, StoredAct},
    command::{Action, Command},
    event::{
        AccessRequested, CatalogueSynced, ClientClosed, ClientReopened, ClientSet, CredentialRemoved, CredentialSet,
        Event, GovernanceActivated, GrantRevoked, KillScope, KillSwitchReleased, KillSwitchThrown, ProfileChanged,
        ProfileCreated, ProfileDeleted, ProfileGranted, RequestApproved, RequestCancelled, RequestDenied,
        SchemaActivated, ServerChanged, ServerPaused, ServerRegistered, ServerRemoved, ServerResumed, SettingsChanged,
        ToolApproved, ToolApprovedAhead, ToolChanged, ToolClassified, ToolClientTypesSet, ToolDisabled, ToolDiscovered,
        ToolGone, ToolReset, ToolReturned, ToolStaged, ToolsetBound, ToolsetCreated, ToolsetDeleted, ToolsetLabelled,
        ToolsetToolsRemoved, ToolsetToolsSet, ToolsetUnbound, UserOffboarded,
    },
    state::{
        AccessRequest, Client, Grant, Profile, RequestStatus, Server, State, StoredCredential, Tool, ToolState, Toolset,
    },
};
