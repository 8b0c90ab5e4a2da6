//! What has changed in a tool since somebody reviewed it, field by field.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use mcp_govern_core::{
    Classification, Digest, Timestamp, ToolDefinition, ToolId,
    journal::{
        Impact, ToolState,
        drift::{FieldChange, Grade, diff},
        impact,
    },
};
use serde::Serialize;
use serde_json::Value;

use super::{
    ahead,
    output::{Report, plain, short, show},
    review::{DigestPrefix, named},
    session::Session,
    tools::sends,
};
use crate::{failure::Failure, serve::Form};

#[derive(Debug, Serialize)]
struct Diff {
    tool: ToolId,
    state: ToolState,
    /// Of the definition that is shown: what an approval names.
    digest: Digest,
    /// Of the definition that was reviewed last.
    reviewed: Option<Digest>,
    reviewed_by: Option<String>,
    /// When it was reviewed last: before its definition was found, where that had been approved ahead.
    reviewed_at: Option<Timestamp>,
    changed_at: Timestamp,
    /// Definitions that are not offered now and were approved ahead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ahead: Vec<ahead::Row>,
    /// What it sends: method and path of an operation, or the operations that a recipe uses.
    sends: Vec<String>,
    class: Classification,
    risk_reason: Option<String>,
    notifies: Option<String>,
    /// The strongest of the changes.
    grade: Option<Grade>,
    changes: Vec<FieldChange>,
    /// The whole definition, where none was reviewed before.
    #[serde(skip_serializing_if = "Option::is_none")]
    definition: Option<Arc<ToolDefinition>>,
    /// How this program's own provider or document of the server differs from what was synced.
    #[serde(skip_serializing_if = "Option::is_none")]
    differs: Option<String>,
    /// What keeps it from working with its server as it is configured, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    obstacle: Option<String>,
    /// Whose holders can call it once it is approved.
    impact: Vec<Impact>,
}

/// Shows a tool as a reviewer needs it.
pub(crate) fn run(
    session: &Session,
    id: &ToolId,
    to: Option<&DigestPrefix>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    let state = session.state();
    let Some(tool) = state.tools().get(id) else { return Err(Failure::refused(format!("there is no tool `{id}`"))) };
    let digest = match to {
        Some(prefix) => named(tool, prefix).ok_or_else(|| {
            Failure::refused(format!(
                "tool `{id}` has no definition `{prefix}`: its current one is `{}`",
                tool.digest()
            ))
        })?,
        None => tool.digest(),
    };
    let staged = tool.staged().find(|(staged, _, _)| *staged == digest).map(|(_, _, definition)| definition);
    let definition = staged.unwrap_or_else(|| tool.definition());
    let changes = tool.reviewed().map(|reviewed| diff(reviewed, definition)).unwrap_or_default();
    let reviewed = match tool.reviewed() {
        Some(reviewed) => Some(reviewed.digest().map_err(|error| Failure::Broken(error.to_string()))?),
        None => None,
    };
    let shown = Diff {
        tool: id.clone(),
        state: tool.state(),
        digest,
        reviewed,
        reviewed_by: tool.reviewed_by().map(|actor| actor.user.to_string()),
        reviewed_at: tool.reviewed_at(),
        changed_at: tool.changed_at(),
        ahead: ahead::of_tool(&state, id),
        sends: sends(definition),
        class: definition.classification(),
        risk_reason: definition.risk_reason.clone(),
        notifies: definition.notifies.clone(),
        grade: changes.iter().map(|change| change.grade).max(),
        changes,
        definition: reviewed.is_none().then(|| Arc::clone(definition)),
        differs: session.differing().remove(id.server()),
        obstacle: session.governor.obstacle(id),
        impact: impact(&state, [id]),
    };
    show(&shown, form, out)?;
    Ok(ExitCode::SUCCESS)
}

impl Report for Diff {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}  {}, since {}", self.tool, self.state, self.changed_at)?;
        writeln!(out, "  definition  {}", self.digest)?;
        match (&self.reviewed, &self.reviewed_by) {
            (None, _) => writeln!(out, "  reviewed    never")?,
            (Some(digest), None) => writeln!(out, "  reviewed    {digest}")?,
            (Some(digest), Some(who)) => {
                let at = self.reviewed_at.map(|at| format!(" at {at}")).unwrap_or_default();
                let ahead = self.reviewed_at.is_some_and(|at| at < self.changed_at && self.grade.is_none());
                let ahead = if ahead { ", before it was offered" } else { "" };
                writeln!(out, "  reviewed    {digest}, by {}{at}{ahead}", plain(who))?;
            }
        }
        for ahead in &self.ahead {
            let who = ahead.by.as_deref().unwrap_or("default");
            writeln!(out, "  ahead       {}, approved by {} at {}", ahead.digest, plain(who), ahead.at)?;
        }
        writeln!(out, "  sends       {}", plain(&self.sends.join(", ")))?;
        let why = self.risk_reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        writeln!(out, "  class       {}{}", self.class, plain(&why))?;
        if let Some(whom) = &self.notifies {
            writeln!(out, "  notifies    {}", plain(whom))?;
        }
        if let Some(obstacle) = &self.obstacle {
            writeln!(out, "  cannot work {}", plain(obstacle))?;
        }
        for impact in &self.impact {
            writeln!(out, "  reached by  holders of `{}` through toolset `{}`", impact.profile, impact.toolset)?;
        }
        writeln!(out)?;
        if let Some(definition) = &self.definition {
            write_definition(definition, out)?;
        } else if self.changes.is_empty() {
            writeln!(out, "It is as it was reviewed.")?;
        }
        if let Some(differs) = &self.differs {
            writeln!(out, "Its server is not as it was synced: {}", plain(differs))?;
        }
        for change in &self.changes {
            writeln!(out, "{:<8}  {}", change.grade, plain(&change.field))?;
            write_value('-', change.before.as_ref(), out)?;
            write_value('+', change.after.as_ref(), out)?;
        }
        if self.state != ToolState::Removed && (self.state != ToolState::Approved || !self.changes.is_empty()) {
            writeln!(out, "\nTo approve what is shown here: govern approve {}@{}", self.tool, short(&self.digest))?;
        }
        Ok(())
    }
}

fn write_value(sign: char, value: Option<&Value>, out: &mut dyn Write) -> io::Result<()> {
    let Some(value) = value else { return Ok(()) };
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => serde_json::to_string_pretty(value).map_err(io::Error::from)?,
        plain => plain.to_string(),
    };
    text.lines().try_for_each(|line| writeln!(out, "  {sign} {}", plain(line)))
}

/// A definition that nobody has reviewed: all of it, since all of it is new.
fn write_definition(definition: &ToolDefinition, out: &mut dyn Write) -> io::Result<()> {
    let Value::Object(fields) = serde_json::to_value(definition).map_err(io::Error::from)? else { return Ok(()) };
    for (name, value) in &fields {
        writeln!(out, "{}", plain(name))?;
        write_value('+', Some(value), out)?;
    }
    Ok(())
}
