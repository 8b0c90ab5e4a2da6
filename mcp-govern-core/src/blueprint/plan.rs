//! What a blueprint leads to from a state.

use std::collections::BTreeSet;

use crate::{
    journal::{Command, Revision},
    vocabulary::{ServerId, ToolId},
};

/// The commands that lead from a state to a blueprint, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub(super) revision: Revision,
    pub(super) steps: Vec<PlannedStep>,
    pub(super) to_sync: BTreeSet<ServerId>,
    pub(super) waiting: Vec<Waiting>,
}

/// One command of a plan.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PlannedStep {
    /// The command. Its id follows from the state's head, the blueprint, the place in the plan, the action and the actor, so that
    /// a plan that was made again from the same state repeats its commands instead of doubling them.
    pub command: Command,
    /// Where in the document it comes from, for example `servers.status`.
    pub place: String,
    /// What it does, for people.
    pub why: String,
}

/// A tool that the blueprint wants and that has to wait for a person or a sync.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// The tool.
    pub tool: ToolId,
    /// Where in the document it is wanted.
    pub place: String,
    /// What it waits for.
    pub why: String,
}

impl Plan {
    /// The revision that was planned on. Where no other commit comes meanwhile, each command can expect the revision of the one before it.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The commands, in the order in which to send them.
    pub fn steps(&self) -> &[PlannedStep] {
        &self.steps
    }

    /// The servers of the blueprint that were never synced. Sync them after the steps, then plan again.
    pub fn to_sync(&self) -> &BTreeSet<ServerId> {
        &self.to_sync
    }

    /// The tools that have to wait. No plan can do more for them: they are no reason to plan again.
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// Whether there is nothing to do: the state is as the blueprint says, but for what waits for a person.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.to_sync.is_empty()
    }
}
