//! Governance acts: commands in, events out, state as their fold. Pure: no clock, no randomness, no I/O.
//!
//! [`decide`] turns a [`Command`] into events or a [`Refusal`]; [`State::act`] makes an [`Act`] of the events, which
//! [`StoredAct::seal`] writes; [`State::apply`], [`State::apply_stored`] and [`State::follow`] take an act in. Who may do what
//! is one table, [`may`]; how a tool is approved is one state machine, [`approval::next`]; how far a definition has moved is
//! graded in [`drift`]; what another edition makes of a server's tools is found in [`migration`]; who gains a tool is shown by [`gains`], and
//! who may do more or less after a change by [`Standing`]. What commands would do is shown by a [`Simulation`].

mod act;
mod apply;
pub mod approval;
mod checkpoint;
mod command;
mod decide;
pub mod drift;
mod event;
mod gains;
pub mod migration;
mod own;
mod refusal;
mod simulation;
mod standing;
mod state;
mod table;

pub use self::{
    act::{Act, ActError, SealFault, StoredAct},
    checkpoint::{CheckpointError, FORM as CHECKPOINT_FORM},
    command::{Action, Command},
    decide::{Decided, SCHEMA, decide},
    event::{
        AccessRequested, AuditAnchored, AuditSegmentDropped, CatalogueSynced, ClientClosed, ClientReopened, ClientSet,
        CredentialRefused, CredentialRemoved, CredentialSet, Event, GovernanceActivated, GrantRevoked, JournalSealed,
        KillScope, KillSwitchReleased, KillSwitchThrown, ProfileChanged, ProfileCreated, ProfileDeleted,
        ProfileGranted, RequestApproved, RequestCancelled, RequestDenied, RollbackAccepted, SchemaActivated,
        ServerChanged, ServerPaused, ServerRegistered, ServerRemoved, ServerResumed, SettingsChanged, ToolApproved,
        ToolApprovedAhead, ToolChanged, ToolClassified, ToolClientTypesSet, ToolDisabled, ToolDiscovered, ToolGone,
        ToolPinned, ToolReset, ToolReturned, ToolStaged, ToolUnpinned, ToolsetBound, ToolsetCreated, ToolsetDeleted,
        ToolsetLabelled, ToolsetToolsRemoved, ToolsetToolsSet, ToolsetUnbound, UserOffboarded,
    },
    gains::{Gain, gains},
    own::OwnAccess,
    refusal::{Refusal, RefusalKind},
    simulation::Simulation,
    standing::{AccessChange, Standing},
    state::{
        AccessProfile, AccessRequest, Client, CredentialStanding, DroppedSegment, Grant, Pin, PinSource, RequestStatus,
        Sealed, Server, State, StoredCredential, Tool, ToolState, Toolset,
    },
    table::{RESTRICTIONS, Right, may},
};
pub use crate::vocabulary::{Head, Revision};
