//! The toolsets.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    process::ExitCode,
};

use mcp_govern_core::{
    ArgumentRule, Effect, Follows, ProfileId, ToolId, ToolsetContent, ToolsetEntry, ToolsetId,
    journal::{Action, State, ToolState, Toolset},
};
use serde::Serialize;

use super::{
    args::{ToolsetsVerb, label},
    commit::carry_out,
    output::{Report, Table, count, plain, show},
    session::Session,
};
use crate::{failure::Failure, serve::Form};

#[derive(Debug, Serialize)]
struct Toolsets {
    toolsets: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    toolset: ToolsetId,
    title: String,
    description: String,
    /// The server that it follows, where its tools were not chosen.
    follows: Option<String>,
    /// How many tools it holds, and how many of them can be called.
    tools: usize,
    approved: usize,
    /// The profiles that bind it.
    profiles: Vec<ProfileId>,
}

/// One toolset.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    row: Row,
    entries: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    tool: ToolId,
    state: ToolState,
    rules: Vec<ArgumentRule>,
}

/// Lists toolsets, shows one, or changes one.
pub(crate) async fn run(
    session: &Session,
    what: Option<&ToolsetsVerb>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    let (commit, action, what) = match what {
        None => {
            let state = session.state();
            let toolsets = state.toolsets().iter().map(|(id, toolset)| Row::of(&state, id, toolset)).collect();
            show(&Toolsets { toolsets }, form, out)?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(ToolsetsVerb::Show { toolset: id }) => {
            let state = session.state();
            let toolset = known(&state, id)?;
            show(&Shown { row: Row::of(&state, id, toolset), entries: entries(&state, toolset) }, form, out)?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(ToolsetsVerb::Create { toolset, tools, title, follows, areas, up_to, commit }) => {
            let content = match follows {
                Some(server) => {
                    let follows = Follows::new(server.clone()).with_areas(areas.iter().cloned());
                    ToolsetContent::Maintained(up_to.map_or(follows.clone(), |most| follows.with_up_to(most)))
                }
                None => ToolsetContent::Chosen(plain_entries(tools)),
            };
            let label = label(title.as_deref(), toolset);
            let action = Action::CreateToolset { toolset: toolset.clone(), label, content };
            (commit, action, format!("make toolset `{toolset}`"))
        }
        Some(ToolsetsVerb::Add { toolset, tools, commit }) => {
            let action = add(&session.state(), toolset, tools)?;
            (commit, action, format!("put {} into toolset `{toolset}`", count(tools.len(), "tool")))
        }
        Some(ToolsetsVerb::Remove { toolset, tools, commit }) => {
            let action =
                Action::RemoveToolsetTools { toolset: toolset.clone(), tools: tools.iter().cloned().collect() };
            (commit, action, format!("take {} out of toolset `{toolset}`", count(tools.len(), "tool")))
        }
        Some(ToolsetsVerb::Delete { toolset, commit }) => {
            let action = Action::DeleteToolset { toolset: toolset.clone() };
            (commit, action, format!("delete toolset `{toolset}`"))
        }
    };
    carry_out(session, commit, action, what, form, out).await
}

fn known<'a>(state: &'a State, id: &ToolsetId) -> Result<&'a Toolset, Failure> {
    state.toolsets().get(id).ok_or_else(|| Failure::refused(format!("there is no toolset `{id}`")))
}

fn plain_entries(tools: &[ToolId]) -> BTreeMap<ToolId, ToolsetEntry> {
    tools.iter().map(|tool| (tool.clone(), ToolsetEntry::default())).collect()
}

/// Those that are in it already keep their rules: putting them in again would take the rules away.
fn add(state: &State, id: &ToolsetId, tools: &[ToolId]) -> Result<Action, Failure> {
    let mut entries = plain_entries(tools);
    if let ToolsetContent::Chosen(chosen) = known(state, id)?.content() {
        if entries.keys().any(|tool| !chosen.contains_key(tool)) {
            entries.retain(|tool, _| !chosen.contains_key(tool));
        } else {
            for (tool, entry) in &mut entries {
                *entry = chosen.get(tool).cloned().unwrap_or_default();
            }
        }
    }
    Ok(Action::SetToolsetTools { toolset: id.clone(), tools: entries })
}

fn entries(state: &State, toolset: &Toolset) -> Vec<Entry> {
    let held = state.tools().iter().filter(|(id, tool)| toolset.holds(id, tool));
    held.map(|(id, tool)| Entry {
        tool: id.clone(),
        state: tool.state(),
        rules: match toolset.content() {
            ToolsetContent::Chosen(chosen) => chosen.get(id).map(|entry| entry.rules.clone()).unwrap_or_default(),
            ToolsetContent::Maintained(_) => Vec::new(),
        },
    })
    .collect()
}

/// What a maintained toolset follows: `status: incidents, metrics up to read`.
fn followed(follows: &Follows) -> String {
    let areas: Vec<&str> = follows.areas.iter().map(String::as_str).collect();
    let areas = if areas.is_empty() { String::new() } else { format!(": {}", areas.join(", ")) };
    let word = |effect: &Effect| serde_json::to_value(effect).ok()?.as_str().map(|word| format!(" up to {word}"));
    format!("{}{areas}{}", follows.server, follows.up_to.as_ref().and_then(word).unwrap_or_default())
}

impl Row {
    fn of(state: &State, id: &ToolsetId, toolset: &Toolset) -> Self {
        let held = state.tools().iter().filter(|(id, tool)| toolset.holds(id, tool));
        let (mut tools, mut approved) = (0, 0);
        for (_, tool) in held {
            tools += 1;
            approved += usize::from(tool.state() == ToolState::Approved);
        }
        let follows = match toolset.content() {
            ToolsetContent::Chosen(_) => None,
            ToolsetContent::Maintained(follows) => Some(followed(follows)),
        };
        let bound = state.profiles().iter().filter(|(_, profile)| profile.bindings().contains_key(id));
        Self {
            toolset: id.clone(),
            title: toolset.label().title.clone(),
            description: toolset.label().description.clone(),
            follows,
            tools,
            approved,
            profiles: bound.map(|(id, _)| id.clone()).collect(),
        }
    }

    fn content(&self) -> String {
        match &self.follows {
            Some(followed) => format!("follows {followed}"),
            None => "chosen".to_owned(),
        }
    }

    fn bound(&self) -> String {
        if self.profiles.is_empty() {
            return "-".to_owned();
        }
        self.profiles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl Report for Toolsets {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["TOOLSET", "TITLE", "CONTENT", "TOOLS", "CALLABLE", "IN PROFILES"]);
        for row in &self.toolsets {
            table.row([
                row.toolset.to_string(),
                row.title.clone(),
                row.content(),
                row.tools.to_string(),
                row.approved.to_string(),
                row.bound(),
            ]);
        }
        table.write(out, "No toolsets.")
    }
}

impl Report for Shown {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let row = &self.row;
        writeln!(out, "{}  {} ({}), in profiles: {}", row.toolset, plain(&row.title), row.content(), row.bound())?;
        if !row.description.is_empty() {
            writeln!(out, "{}", plain(&row.description))?;
        }
        let mut table = Table::new(["TOOL", "STATE", "RULES"]);
        for entry in &self.entries {
            table.row([entry.tool.to_string(), entry.state.to_string(), rules(&entry.rules)]);
        }
        table.write(out, "It holds no tools.")
    }
}

/// Rules in one line.
pub(crate) fn rules(rules: &[ArgumentRule]) -> String {
    if rules.is_empty() {
        return "-".to_owned();
    }
    let one = |rule: &ArgumentRule| {
        format!("{}: {}", rule.argument, serde_json::to_string(&rule.constraint).unwrap_or_default())
    };
    rules.iter().map(one).collect::<Vec<_>>().join("; ")
}
