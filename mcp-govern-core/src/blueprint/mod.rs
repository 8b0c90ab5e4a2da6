//! Governance as one declarative document: how a developer configures the first hour, and how a team keeps governance in git.
//!
//! A [`Blueprint`] names servers, toolsets, profiles, bindings, grants and settings as they should be. [`Blueprint::plan`]
//! lists the commands that lead there from a state; sending them is the [`Governor`](crate::Governor)'s business. It is plain
//! serde, so any format will do; in TOML:
//!
//! ```toml
//! governance = "activated"
//!
//! [servers.status]
//! provider = "statuspage"
//! title = "Status page"
//! prefix = "status"
//! auth_method = "api_key"
//! approve = ["read", "create_incident"]
//!
//! [toolsets.status-readers]
//! title = "Read the status page"
//! follows = { server = "status", up_to = "read" }
//!
//! [profiles.on-call]
//! title = "On call"
//! visibility = "everyone"
//! policy = { steps = [{ approvers = [{ group = "leads" }], quorum = 1 }], longest_seconds = 28800 }
//! toolsets = ["status-readers"]
//!
//! [grants.ann-on-call]
//! profile = "on-call"
//! grantee = { user = { issuer = "https://id.example.com", subject = "ann" } }
//! ```
//!
//! - What the blueprint does not name is left alone, unless `unnamed = "remove"`; [`Blueprint::kept`] lists it.
//! - All faults are reported at once, and none that only follows from another.
//! - Planning against a state that is as the blueprint says gives an empty plan.
//! - `approve` speaks for tools that no person has reviewed yet. A tool whose definition has changed since a review, or that
//!   a person disabled or reset, waits for a person, or for a pin that names the digest of its definition.
//! - Tools become known by syncing their server. A plan names the servers that are to be synced first; after that, plan again.

mod choice;
mod document;
mod error;
#[cfg(test)]
mod fuzz;
mod kept;
mod plan;
mod planner;
mod reviews;
mod seconds;
mod toolsets;

pub use self::{
    choice::{ParseToolChoiceError, ToolChoice, fits},
    document::{
        Blueprint, GovernanceBlueprint, GrantBlueprint, PolicyBlueprint, ProfileBlueprint, ServerBlueprint,
        SettingsBlueprint, ToolsetBlueprint, Unnamed,
    },
    error::BlueprintError,
    kept::{Kept, Removal},
    plan::{Plan, PlannedStep, Waiting},
    seconds::{optional_seconds, seconds},
};
