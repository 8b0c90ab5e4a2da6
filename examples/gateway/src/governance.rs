//! Bringing the file's governance about, step by step, with a protocol of what was done and what it changes for whom.

use std::collections::{BTreeMap, BTreeSet};

use mcp_govern_core::{
    Actor, Classification, Digest, Governor, Role, ServerId, ToolId, UserId,
    blueprint::{Blueprint, Kept, Plan, Removal, ToolChoice, Waiting, fits},
    governor::{ActOutcome, GovernError},
    journal::{AccessChange, Standing, State, ToolState},
};
use serde::Serialize;

use crate::failure::Failure;

/// How often is planned anew: once for what the file says, once after servers were synced, and again where others acted.
const ROUNDS: usize = 16;

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

/// Looks at the known servers' tools anew, and brings a blueprint about. Doing it twice changes nothing the second time.
pub(crate) async fn enact(governor: &Governor, actor: &Actor, blueprint: &Blueprint) -> Result<Enacted, GovernError> {
    let before = Standing::of(&governor.state(), governor.now());
    let mut enacted = Enacted {
        steps: Vec::new(),
        synced: Vec::new(),
        access: Vec::new(),
        waiting: Vec::new(),
        faults: Vec::new(),
        kept: Vec::new(),
    };
    // Servers that cannot be looked at now: they keep nothing else from being done.
    let mut unsynced = BTreeSet::new();
    let known: Vec<ServerId> = governor.state().servers().keys().cloned().collect();
    for server in known {
        // A newer release of the gateway may know more tools, or others.
        match sync(governor, actor, &server).await {
            Ok(synced) => enacted.synced.extend(synced),
            Err(error) => {
                enacted.faults.push(format!("the tools of server `{server}` could not be looked at: {error}"));
                unsynced.insert(server);
            }
        }
    }
    for _ in 0..ROUNDS {
        let plan = governor.plan(actor, blueprint)?;
        if plan.steps().is_empty() && plan.to_sync().is_subset(&unsynced) {
            enacted.waiting = plan.waiting().iter().map(Wait::of).collect();
            enacted.access = before.changes_to(&Standing::of(&governor.state(), governor.now()));
            enacted.kept = blueprint.kept(&governor.state(), governor.now());
            return Ok(enacted);
        }
        match round(governor, actor, &plan, &mut enacted, &mut unsynced).await {
            // A plan holds only what will be accepted: somebody else acted in between, perhaps another node that starts with the
            // same file. What is left is planned anew.
            Err(error) if error.kind().is_of_the_state() => tracing::debug!(%error, "overtaken: planning anew"),
            done => done?,
        }
    }
    // Others change the same things again and again: the planner's own words for it.
    governor.apply(actor, blueprint).await?;
    enacted.access = before.changes_to(&Standing::of(&governor.state(), governor.now()));
    enacted.kept = blueprint.kept(&governor.state(), governor.now());
    Ok(enacted)
}

/// Carries a plan out, as long as nothing but the plan changes anything: what it was planned on and what its steps do are one.
async fn round(
    governor: &Governor,
    actor: &Actor,
    plan: &Plan,
    enacted: &mut Enacted,
    unsynced: &mut BTreeSet<ServerId>,
) -> Result<(), GovernError> {
    let mut at = plan.revision();
    for step in plan.steps() {
        let done = governor.act(actor, step.command.clone().expecting(at)).await?;
        at = at.max(done.revision);
        if done.outcome == ActOutcome::Done {
            let (place, why, action) = (step.place.clone(), step.why.clone(), step.command.action.name());
            enacted.steps.push(Step { place, action, why });
        }
    }
    for server in plan.to_sync() {
        if unsynced.contains(server) {
            continue;
        }
        match sync(governor, actor, server).await {
            Ok(synced) => enacted.synced.extend(synced),
            Err(error) if error.kind().is_of_the_state() => return Err(error),
            Err(error) => {
                enacted.faults.push(format!("the tools of server `{server}` could not be looked at: {error}"));
                unsynced.insert(server.clone());
            }
        }
    }
    Ok(())
}

/// Takes a server's tools in, and answers what that changed; nothing where it changed nothing.
async fn sync(governor: &Governor, actor: &Actor, server: &ServerId) -> Result<Option<Synced>, GovernError> {
    let (before, went) = (tools(&governor.state(), server), destinations(&governor.state(), server));
    let done = governor.sync(actor, server).await?;
    if done.outcome == ActOutcome::Unchanged {
        return Ok(None);
    }
    let after = tools(&governor.state(), server);
    let new = after.keys().filter(|tool| !before.contains_key(*tool)).count();
    let changed = after.iter().filter(|(tool, digest)| before.get(*tool).is_some_and(|old| old != *digest)).count();
    let removed = before.keys().filter(|tool| !after.contains_key(*tool)).count();
    let goes = destinations(&governor.state(), server);
    let moved = (!went.is_empty() && !goes.is_empty() && went != goes).then(|| {
        let shown = |all: &BTreeSet<String>| all.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ");
        format!(
            "the requests of `{server}` would go to {} instead of {}: its tools wait for review, and no credential goes along to another \
             host",
            shown(&goes),
            shown(&went)
        )
    });
    Ok((new + changed + removed > 0).then(|| Synced { server: server.clone(), new, changed, removed, moved }))
}

/// Where the document of others says that a server's tools go.
fn destinations(state: &State, server: &ServerId) -> BTreeSet<String> {
    let offered = state.tools_of(server).filter(|(_, tool)| tool.state() != ToolState::Removed);
    offered.filter_map(|(_, tool)| tool.definition().destination().map(str::to_owned)).collect()
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

/// What a server offers, by digest.
fn tools(state: &State, server: &ServerId) -> BTreeMap<ToolId, Digest> {
    let offered = state.tools_of(server).filter(|(_, tool)| tool.state() != ToolState::Removed);
    offered.map(|(id, tool)| (id.clone(), tool.digest())).collect()
}

impl Wait {
    fn of(waiting: &Waiting) -> Self {
        Self { tool: waiting.tool.clone(), place: waiting.place.clone(), why: waiting.why.clone() }
    }
}
