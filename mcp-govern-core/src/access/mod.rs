//! The index that calls are admitted by.
//!
//! [`Snapshot`] is built from the [`State`](crate::journal::State) and from what this node's providers have [`Loaded`]. A
//! principal is looked up once ([`Snapshot::resolve`]); then [`admit`] answers for one tool, [`Snapshot::list`] for all, and
//! [`Snapshot::explain`] says why. All of them read the same rows.

mod admit;
mod ask;
mod buckets;
mod caller;
mod credential;
mod explain;
#[cfg(test)]
pub(crate) mod fixture;
mod gates;
mod holders;
mod id_set;
mod list;
mod loaded;
mod permit;
mod refusal;
mod shared_map;
mod snapshot;
mod tool_index;
mod tool_index_build;
mod tool_view;

pub(crate) use self::list::ListedSet;
pub use self::{
    admit::{Admission, Freshness, Moment, Refused, admit},
    caller::Caller,
    explain::{Check, CheckResult, CheckTrace, Explanation},
    list::{Listed, Visibility},
    loaded::{LoadError, Loaded},
    permit::{Path, Permit},
    snapshot::Snapshot,
    tool_view::{ToolNumber, ToolView},
};
