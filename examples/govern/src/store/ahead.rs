//! The definitions that were approved before they are offered.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    process::ExitCode,
};

use mcp_govern_core::{
    Digest, EditionId, Timestamp, ToolId,
    journal::{Action, Pin, PinSource, State},
};
use serde::Serialize;

use super::{
    args::AheadVerb,
    commit::carry_out,
    output::{Report, Table, count, or_dash, show},
    session::Session,
};
use crate::{failure::Failure, serve::Form};

#[derive(Debug, Serialize)]
struct Ahead {
    ahead: Vec<Row>,
}

/// An approval ahead.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    tool: ToolId,
    pub(crate) digest: Digest,
    /// Who approved it; absent where it was approved by default.
    pub(crate) by: Option<String>,
    pub(crate) at: Timestamp,
    /// The edition that is expected to offer it; the provider's first where absent.
    edition: Option<EditionId>,
    source: PinSource,
}

impl Row {
    fn of(tool: &ToolId, digest: Digest, pin: &Pin) -> Self {
        Self {
            tool: tool.clone(),
            digest,
            by: pin.by.as_ref().map(|actor| actor.user.to_string()),
            at: pin.at,
            edition: pin.edition.clone(),
            source: pin.source,
        }
    }
}

/// The approvals ahead of one tool.
pub(crate) fn of_tool(state: &State, tool: &ToolId) -> Vec<Row> {
    state
        .pins_of(tool.server())
        .filter(|(of, ..)| *of == tool)
        .map(|(of, digest, pin)| Row::of(of, digest, pin))
        .collect()
}

/// Lists them, or takes some back.
pub(crate) async fn run(
    session: &Session,
    what: Option<&AheadVerb>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    let state = session.state();
    match what {
        None => {
            let all = state.servers().keys().flat_map(|server| state.pins_of(server));
            show(&Ahead { ahead: all.map(|(tool, digest, pin)| Row::of(tool, digest, pin)).collect() }, form, out)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(AheadVerb::Revoke { tools, commit }) => {
            let mut revoked = BTreeMap::new();
            for seen in tools {
                let mut found = of_tool(&state, &seen.tool).into_iter().filter(|row| seen.digest.names(&row.digest));
                let row = found.next().ok_or_else(|| {
                    Failure::refused(format!(
                        "no definition `{}` of tool `{}` is approved ahead",
                        seen.digest, seen.tool
                    ))
                })?;
                if revoked.insert(seen.tool.clone(), row.digest).is_some() {
                    return Err(Failure::usage(format!(
                        "name tool `{}` once: take the others back afterwards",
                        seen.tool
                    )));
                }
            }
            drop(state);
            let what = format!("take {} ahead back", count(revoked.len(), "approval"));
            carry_out(session, commit, Action::UnpinTools { tools: revoked }, what, form, out).await
        }
    }
}

impl Report for Ahead {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["TOOL", "DIGEST", "EDITION", "APPROVED BY", "AT", "FROM"]);
        for row in &self.ahead {
            table.row([
                row.tool.to_string(),
                super::output::short(&row.digest),
                row.edition.as_ref().map_or_else(|| "the first".to_owned(), ToString::to_string),
                or_dash(row.by.as_ref()),
                row.at.to_string(),
                match row.source {
                    PinSource::Ahead => "approved ahead".to_owned(),
                    PinSource::Left => "the edition that was left".to_owned(),
                },
            ]);
        }
        table.write(out, "Nothing is approved ahead.")
    }
}
