//! The tools, with the digests of their definitions.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::{self, Write},
    process::ExitCode,
};

use example_vendors::nearest;
use mcp_govern_core::{
    Binding, Classification, ClientType, Digest, Effect, Risk, ServerId, Timestamp, ToolDefinition, ToolId, ToolsetId,
    journal::{
        State, Tool, ToolState,
        drift::{Grade, grade},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    args::ToolsArguments,
    output::{Report, Table, or_dash, short, show},
    session::Session,
};
use crate::{failure::Failure, serve::Form};

/// How many tools are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) pending_review: usize,
    pub(crate) approved: usize,
    pub(crate) disabled: usize,
    pub(crate) removed: usize,
}

impl Counts {
    pub(crate) fn of<'a>(tools: impl IntoIterator<Item = &'a Tool>) -> Self {
        let mut counts = Self::default();
        for tool in tools {
            match tool.state() {
                ToolState::PendingReview => counts.pending_review += 1,
                ToolState::Approved => counts.approved += 1,
                ToolState::Disabled => counts.disabled += 1,
                ToolState::Removed => counts.removed += 1,
            }
        }
        counts
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pending_review, approved, disabled, removed } = self;
        write!(f, "{approved} approved, {pending_review} to review, {disabled} disabled, {removed} removed")
    }
}

/// How far a tool has moved from the definition that was reviewed last; none where it is that one, or none was reviewed.
pub(crate) fn drift(tool: &Tool) -> Option<Grade> {
    let reviewed = tool.reviewed()?;
    if reviewed == tool.definition() {
        return None;
    }
    grade(reviewed, tool.definition())
}

/// What a tool sends: method and path of an operation, or the operations that a recipe uses.
pub(crate) fn sends(definition: &ToolDefinition) -> Vec<String> {
    match &definition.binding {
        Binding::Operation(operation) => vec![format!("{} {}", operation.method, operation.path)],
        Binding::Recipe(recipe) => recipe.uses.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

/// The tools that were asked for.
#[derive(Debug, Serialize)]
struct Tools {
    tools: Vec<Row>,
    /// Servers of which this program's own providers and documents state other tools than were synced.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    differing: BTreeMap<ServerId, String>,
}

#[derive(Debug, Serialize)]
struct Row {
    tool: ToolId,
    title: String,
    /// What a model is shown of it.
    description: String,
    area: Option<String>,
    /// What it sends: method and path of an operation, the operations that a recipe uses.
    sends: Vec<String>,
    risk_reason: Option<String>,
    notifies: Option<String>,
    state: ToolState,
    class: Classification,
    effect: Effect,
    risk: Risk,
    /// Of the current definition: what an approval names.
    digest: Digest,
    /// How far it has moved since it was reviewed.
    changed: Option<Grade>,
    changed_at: Timestamp,
    reviewed_by: Option<String>,
    /// The digests under which it may be called while it is approved.
    approvals: BTreeSet<Digest>,
    /// What is sent for arguments that a caller leaves out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    send: BTreeMap<String, Value>,
    /// Definitions of coming catalogues, to be reviewed ahead.
    staged: Vec<Digest>,
    client_types: Option<BTreeSet<ClientType>>,
    toolsets: Vec<ToolsetId>,
    /// What keeps it from working with its server as it is configured, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    obstacle: Option<String>,
}

/// A row of an answer of this verb, as far as `approve --from` reads it.
#[derive(Debug, Deserialize)]
pub(crate) struct SeenRow {
    pub(crate) tool: ToolId,
    pub(crate) digest: Digest,
}

/// An answer of this verb, as far as `approve --from` reads it.
#[derive(Debug, Deserialize)]
pub(crate) struct SeenRows {
    pub(crate) tools: Vec<SeenRow>,
}

/// Lists tools.
pub(crate) fn run(
    session: &Session,
    which: &ToolsArguments,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    let state = session.state();
    if let Some(server) = which.server.as_ref().filter(|server| !state.servers().contains_key(*server)) {
        return Err(Failure::refused(format!("there is no server `{server}`")));
    }
    let areas: BTreeSet<&String> = state.tools().values().filter_map(|tool| tool.definition().area.as_ref()).collect();
    if let Some(area) = which.areas.iter().find(|area| !areas.contains(area)) {
        let near = nearest(area, areas.iter().map(|area| area.as_str()));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(Failure::refused(format!("no tool is of the area `{area}`{near}")));
    }
    let wanted = state.tools().iter().filter(|(id, tool)| {
        which.server.as_ref().is_none_or(|server| id.server() == server)
            && (!which.pending || tool.state() == ToolState::PendingReview)
            && (!which.changed || drift(tool).is_some())
            && which.state.is_none_or(|state| tool.state() == state)
            && (which.areas.is_empty()
                || tool.definition().area.as_ref().is_some_and(|area| which.areas.contains(area)))
            && which.up_to.is_none_or(|most| tool.effect() <= most && tool.risk() == Risk::None)
    });
    let mut differing = session.differing();
    differing.retain(|server, _| which.server.as_ref().is_none_or(|only| only == server));
    let tools = wanted.map(|(id, tool)| Row::of(session, &state, id, tool)).collect();
    show(&Tools { tools, differing }, form, out)?;
    Ok(ExitCode::SUCCESS)
}

impl Row {
    fn of(session: &Session, state: &State, id: &ToolId, tool: &Tool) -> Self {
        let toolsets = state.toolsets().iter().filter(|(_, toolset)| toolset.holds(id, tool));
        Self {
            tool: id.clone(),
            title: tool.definition().title.clone(),
            description: tool.definition().description.clone(),
            area: tool.definition().area.clone(),
            sends: sends(tool.definition()),
            risk_reason: tool.definition().risk_reason.clone(),
            notifies: tool.definition().notifies.clone(),
            state: tool.state(),
            class: tool.classification(),
            effect: tool.effect(),
            risk: tool.risk(),
            digest: tool.digest(),
            changed: drift(tool),
            changed_at: tool.changed_at(),
            reviewed_by: tool.reviewed_by().map(|actor| actor.user.to_string()),
            approvals: tool.approvals().clone(),
            send: tool.definition().send().clone(),
            staged: tool.staged().map(|(digest, _, _)| digest).collect(),
            client_types: tool.client_types().cloned(),
            toolsets: toolsets.map(|(id, _)| id.clone()).collect(),
            obstacle: session.governor.obstacle(id),
        }
    }
}

impl Report for Tools {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["TOOL", "AREA", "STATE", "CLASS", "CHANGED", "DIGEST", "REVIEWED BY", "SINCE"]);
        for row in &self.tools {
            table.row([
                row.tool.to_string(),
                or_dash(row.area.as_ref()),
                row.state.to_string(),
                row.class.to_string(),
                or_dash(row.changed),
                short(&row.digest),
                or_dash(row.reviewed_by.as_ref()),
                row.changed_at.to_string(),
            ]);
        }
        table.write(out, "No such tools.")?;
        for (tool, obstacle) in self.tools.iter().filter_map(|row| Some((&row.tool, row.obstacle.as_ref()?))) {
            writeln!(out, "{tool} cannot work: {}", super::output::plain(obstacle))?;
        }
        for (server, how) in &self.differing {
            writeln!(out, "`{server}` is not as it was synced: {}", super::output::plain(how))?;
        }
        Ok(())
    }
}
