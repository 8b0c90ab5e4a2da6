//! Governance commits: commands in, events out, state as their fold. Pure: no clock, no randomness, no I/O.
//!
//! [`decide`] turns a [`Command`] into events or a [`Refusal`]; [`State::commit`] makes a [`Commit`] of the events, which
//! [`StoredCommit::seal`] writes; [`State::apply`], [`State::apply_stored`] and [`State::follow`] take a commit in. Who may do what
//! is one table, [`may`]; how a tool is approved is one state machine, [`approval::next`]; how far a definition has moved is
//! graded in [`drift`]; what another edition makes of a server's tools is found in [`migration`]; who gains a tool is shown by [`impact`], and
//! who may do more or less after a change by [`EffectiveAccess`]. What commands would do is shown by a [`Simulation`].

mod apply;
pub mod approval;
mod checkpoint;
mod command;
mod commit;
mod decide;
pub mod drift;
mod effective_access;
pub mod event;
mod impact;
pub mod migration;
mod own;
mod refusal;
mod simulation;
mod state;
mod table;

pub use self::{
    checkpoint::{CheckpointError, FORM as CHECKPOINT_FORM},
    command::{Action, Command},
    commit::{Commit, CommitError, SealFault, StoredCommit},
    decide::{Decided, SCHEMA, decide},
    effective_access::{AccessChange, EffectiveAccess},
    event::{Event, KillScope},
    impact::{Impact, impact},
    own::OwnAccess,
    refusal::{Refusal, RefusalKind},
    simulation::Simulation,
    state::{
        AccessProfile, AccessRequest, Client, CredentialStatus, DroppedSegment, Grant, Pin, PinSource, RequestStatus,
        Sealed, Server, State, StoredCredential, Tool, ToolState, Toolset,
    },
    table::{RESTRICTIONS, Right, may},
};
pub use crate::vocabulary::{Head, Revision};
