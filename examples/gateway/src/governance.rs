//! Bringing the file's governance about, step by step, with a protocol of what was done and what it changes for whom.

use std::collections::BTreeSet;

use mcp_govern_core::{
    Actor, Classification, Governor, Role, ServerId, ToolId, UserId,
    blueprint::{Blueprint, Kept, Removal, ToolChoice, Waiting, fits},
    governor::{Applied, AppliedStep, ApplyOptions, GovernError, SyncedServer},
    journal::{AccessChange, State, ToolState},
};
use serde::Serialize;

use crate::failure::Failure;

/// What was done.
#[derive(Debug, Serialize)]
pub(crate) struct Enacted {
    pub(crate) steps: Vec<Step>,
    pub(crate) synced: Vec<Synced>,
    pub(crate) access: Vec<AccessChange>,
    pub(crate) waiting: Vec<Wait>,
    /// Servers that could not be looked at anew; what was known of them stays.
    pub(crate) faults: Vec<String>,
    /// What is there, and the file does not name; it stays.
    pub(crate) kept: Vec<Kept>,
}

/// How many things that are kept the log names one by one.
const LOGGED: usize = 20;

/// One command of the blueprint.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    /// Where in the file it comes from.
    pub(crate) place: String,
    pub(crate) action: &'static str,
    /// What it does, for people.
    pub(crate) why: String,
}

/// A server whose tools were looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Synced {
    pub(crate) server: ServerId,
    pub(crate) new: usize,
    pub(crate) changed: usize,
    pub(crate) removed: usize,
    /// Where its tools go, where that is another place than before, and what that does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) moved: Option<String>,
}

/// A tool that has to wait for a person.
#[derive(Debug, Serialize)]
pub(crate) struct Wait {
    pub(crate) tool: ToolId,
    pub(crate) place: String,
    pub(crate) why: String,
}

impl Enacted {
    fn of(applied: Applied) -> Self {
        let steps = applied.steps.into_iter().map(|AppliedStep { place, action, why, .. }| Step { place, action, why });
        let faults = applied.faults.iter();
        Self {
            steps: steps.collect(),
            synced: applied.synced.into_iter().map(Synced::of).collect(),
            access: applied.access,
            waiting: applied.waiting.iter().map(Wait::of).collect(),
            faults: faults
                .map(|(server, error)| format!("the tools of server `{server}` could not be looked at: {error}"))
                .collect(),
            kept: applied.kept,
        }
    }

    /// Whether everything was as the file says.
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.synced.is_empty()
    }

    /// Whether a person may do more than before.
    pub(crate) fn widens(&self) -> bool {
        self.access.iter().any(|change| change.widens)
    }

    /// Writes the protocol into the log. What widens access is a warning.
    pub(crate) fn log(&self) {
        for step in &self.steps {
            tracing::info!(place = %step.place, action = step.action, "{}", step.why);
        }
        for Synced { server, new, changed, removed, moved } in &self.synced {
            tracing::info!(%server, new, changed, removed, "the server's tools were taken in");
            if let Some(moved) = moved {
                tracing::warn!(%server, "{moved}");
            }
        }
        for change in &self.access {
            let tools = change.tools.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            if change.widens {
                tracing::warn!(widens = true, tools, "access widens: {}", change.what);
            } else {
                tracing::info!(widens = false, tools, "access changes: {}", change.what);
            }
        }
        for Wait { tool, place, why } in &self.waiting {
            tracing::warn!(%tool, place, "waits for a person, and for SIGHUP or a restart afterwards: {why}");
        }
        for fault in &self.faults {
            tracing::warn!("{fault}");
        }
        for kept in self.kept.iter().take(LOGGED) {
            tracing::info!(place = kept.place, "kept, not in the file: {} ({})", kept.what, removal(kept.removed_by));
        }
        if let Some(more) = self.kept.len().checked_sub(LOGGED).filter(|more| *more > 0) {
            tracing::info!(more, "more is kept that is not in the file: `gateway plan` lists it");
        }
    }
}

/// What takes away what is kept, in a few words.
pub(crate) fn removal(by: Removal) -> &'static str {
    match by {
        Removal::Unnamed => "`unnamed = \"remove\"` takes it away",
        Removal::Value => "a value in the file replaces it",
    }
}

/// In whose name the file is applied.
pub(crate) fn administrator() -> Result<Actor, Failure> {
    Ok(Actor::process(UserId::new("gateway", "configuration")?, [Role::Owner]))
}

/// Discovers the known servers anew, and applies a blueprint. Doing it twice changes nothing the second time.
pub(crate) async fn enact(governor: &Governor, actor: &Actor, blueprint: &Blueprint) -> Result<Enacted, GovernError> {
    // A newer release of the gateway may know more tools, or others; a server that cannot be discovered now keeps nothing else from
    // being done.
    let options = ApplyOptions::new().discovering_anew().despite_faults();
    governor.apply_with(actor, blueprint, options).await.map(Enacted::of)
}

/// Lists of `approve` that approve nothing at all, one sentence each.
pub(crate) fn idle_approvals(state: &State, blueprint: &Blueprint) -> Vec<String> {
    let mut idle = Vec::new();
    for (server, row) in blueprint.servers.iter().filter(|(_, row)| !row.approve.is_empty()) {
        let offered: Vec<_> = state.tools_of(server).filter(|(_, tool)| tool.state() != ToolState::Removed).collect();
        if offered.is_empty() {
            continue;
        }
        let chooses = |choice: &ToolChoice| offered.iter().any(|(id, tool)| choice.selects(id.name(), tool));
        if row.approve.iter().any(chooses) {
            // A class of which there is none may come; a pattern that fits no name is most likely a slip.
            idle.extend(row.approve.iter().filter_map(|choice| match choice {
                ToolChoice::Pattern(pattern) if !offered.iter().any(|(id, _)| fits(pattern, id.name().as_str())) => {
                    Some(format!("servers.{server}.approve: `{pattern}` fits the name of none of its tools"))
                }
                _ => None,
            }));
            continue;
        }
        let choices = row.approve.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
        let dangerous = offered.iter().filter(|(_, tool)| tool.classification() == Classification::Dangerous).count();
        idle.push(format!(
            "servers.{server}.approve: {choices} approves none of its {} tools, of which {dangerous} are dangerous, as is whatever states \
             no effect; such tools are approved by name or as `dangerous`",
            offered.len()
        ));
    }
    idle
}

impl Synced {
    fn of(synced: SyncedServer) -> Self {
        let SyncedServer { server, found, moved, .. } = synced;
        let moved = moved.map(|(went, goes)| {
            let shown = |all: &BTreeSet<String>| all.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ");
            format!(
                "the requests of `{server}` would go to {} instead of {}: its tools wait for review, and no credential goes along to \
                 another host",
                shown(&goes),
                shown(&went)
            )
        });
        Self { server, new: found.new + found.returned, changed: found.changed, removed: found.gone, moved }
    }
}

impl Wait {
    fn of(waiting: &Waiting) -> Self {
        Self { tool: waiting.tool.clone(), place: waiting.place.clone(), why: waiting.why.clone() }
    }
}
