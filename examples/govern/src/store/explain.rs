//! Why a call would be admitted or denied.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use mcp_govern_core::{
    ClientId, Principal, Remedy, ToolId,
    access::{Check, CheckResult, Explanation, Freshness, Moment, Snapshot},
};
use serde::Serialize;

use super::{
    args::ExplainArguments,
    known::{Unknown, unknown_person, write_unknown},
    output::{Report, plain, show},
    session::Session,
};
use crate::{failure::Failure, serve::Form};

#[derive(Debug, Serialize)]
struct Explained {
    #[serde(flatten)]
    explanation: Explanation,
    client: ClientId,
    admitted: bool,
    /// The person, where the store does not know the name: the answer is that for a stranger.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<Unknown>,
}

/// Explains. Calls are admitted by nodes; this is what one would say that has the definitions that this program has.
pub(crate) async fn run(
    session: &Session,
    asked: &ExplainArguments,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let snapshot = session.governor.snapshot();
    let tool = tool(&snapshot, &asked.tool)?;
    let mut principal =
        Principal::new(asked.user.clone(), asked.client.clone()).with_groups(asked.group.iter().cloned());
    if let Some(source) = asked.source {
        principal = principal.with_source(source);
    }
    // The state was read a moment ago: only a node that serves calls can lag behind.
    let freshness = if session.readable().is_ok() { Freshness::Fresh } else { Freshness::Unreadable };
    let moment = Moment::new(session.governor.now(), freshness);
    let explanation = snapshot.explain(&snapshot.resolve(&principal), &tool, &moment);
    let explanation = explanation.with_credential(&snapshot, &session.state(), moment.now);
    let explanation = match snapshot.tool(&tool) {
        Some(_) => explanation.with_obstacle(session.governor.obstacle(&tool)),
        None => explanation,
    };
    let admitted = explanation.denied.is_none();
    let unknown = unknown_person(session, &asked.user).await?.into_iter().collect();
    show(&Explained { explanation, client: asked.client.clone(), admitted, unknown }, form, out)?;
    Ok(if admitted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A tool by id, or by the name that AI clients see.
fn tool(snapshot: &Snapshot, text: &str) -> Result<ToolId, Failure> {
    if text.contains('/') {
        return Ok(text.parse()?);
    }
    let view = snapshot.tool_named(text).and_then(|index| snapshot.view(index));
    view.map(|view| view.id().clone())
        .ok_or_else(|| Failure::refused(format!("no tool is exposed as `{}`", text.escape_debug())))
}

impl Report for Explained {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Explanation { tool, user, checks, denied, .. } = &self.explanation;
        let (user, client) = (plain(&user.to_string()), plain(&self.client.to_string()));
        match denied {
            None => writeln!(out, "{user} may call {tool} through {client}")?,
            Some(code) => writeln!(out, "{user} may not call {tool} through {client}: {code}")?,
        }
        write_unknown(&self.unknown, out)?;
        for trace in checks {
            let sign = match trace.result {
                CheckResult::Passed => "ok",
                CheckResult::Failed(_) => "NO",
                CheckResult::NotReached => "..",
            };
            writeln!(out, "  {sign}  {:<22} {}", word(trace.check), plain(&trace.detail))?;
            if let Some(help) = trace.remedy.as_ref().and_then(remedy) {
                writeln!(out, "      {:<22} {}", "", plain(&help))?;
            }
        }
        Ok(())
    }
}

fn word(check: Check) -> String {
    let word = serde_json::to_value(check).ok().and_then(|word| word.as_str().map(str::to_owned));
    word.unwrap_or_default().replace('_', " ")
}

/// What would help, in a sentence.
fn remedy(remedy: &Remedy) -> Option<String> {
    match remedy {
        Remedy::None => None,
        Remedy::Retry => Some("it passes by itself: try again later".to_owned()),
        Remedy::RetryAfter { milliseconds } => Some(format!("it passes by itself: try again in {milliseconds} ms")),
        Remedy::AskAdministrator => Some("an administrator can change that".to_owned()),
        Remedy::WaitForReview { tool } => Some(format!("a person must review it: govern diff {tool}")),
        Remedy::RequestAccess { profiles } => {
            let names: Vec<String> = profiles.iter().map(|profile| format!("`{profile}`")).collect();
            Some(format!("the person can ask for {}", names.join(" or ")))
        }
        Remedy::ConnectAccount { server, .. } => {
            Some(format!("the person has to connect an account of their own to server `{server}`"))
        }
        other => serde_json::to_string(other).ok(),
    }
}
