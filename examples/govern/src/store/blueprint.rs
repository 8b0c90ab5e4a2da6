//! `plan` and `apply`: governance as one document.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use mcp_govern_core::{
    ServerId, ToolId,
    blueprint::{Blueprint, Waiting},
    governor::{AppliedStep, ApplyOptions, SyncCounts, SyncedServer},
    journal::{AccessChange, Command, Revision},
};
use serde::Serialize;

use super::{
    access::write_access,
    commit::{Outcome, UNCONFIRMED},
    effect::{Effect, Sent, TURNS, consented, never_still, send, unchanged_since},
    output::{Report, plain, show},
    session::Session,
};
use crate::{failure::Failure, serve::Form};

/// What a blueprint leads to.
#[derive(Debug, Serialize)]
struct Planned {
    outcome: Outcome,
    file: String,
    revision: Revision,
    changes: bool,
    widens: bool,
    steps: Vec<Step>,
    synced: Vec<Synced>,
    access: Vec<AccessChange>,
    waiting: Vec<Wait>,
}

/// What a blueprint leads to, and the commands that do it: exactly they are sent.
struct Preview {
    told: Planned,
    changes: bool,
    effect: Effect,
    commands: Vec<Command>,
}

#[derive(Debug, Serialize)]
struct Step {
    /// Where in the document it comes from.
    place: String,
    action: &'static str,
    /// What it does, for people.
    why: String,
}

#[derive(Debug, Serialize)]
struct Synced {
    server: ServerId,
    #[serde(flatten)]
    found: SyncCounts,
}

/// A tool that has to wait for a person.
#[derive(Debug, Serialize)]
struct Wait {
    tool: ToolId,
    place: String,
    why: String,
}

/// Says what a blueprint would change.
pub(crate) async fn plan(
    session: &Session,
    file: &Path,
    exit_code: bool,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    let Preview { told: planned, .. } = preview(session, file, &read(file)?, None).await?;
    show(&planned, form, out)?;
    Ok(if planned.changes && exit_code { ExitCode::from(UNCONFIRMED) } else { ExitCode::SUCCESS })
}

/// Brings a blueprint about, once what it widens is confirmed.
pub(crate) async fn apply(
    session: &Session,
    file: &Path,
    yes: bool,
    expecting: Option<u64>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    let blueprint = read(file)?;
    let what = format!("apply {}", file.display());
    let mut planned = preview(session, file, &blueprint, expecting).await?;
    let mut shown: Option<Effect> = None;
    for _ in 0..TURNS {
        if !planned.changes || !consented(shown.as_ref(), &planned.effect, &what, yes, form)? {
            if planned.changes {
                planned.told.outcome = Outcome::ConfirmationNeeded;
            }
            show(&planned.told, form, out)?;
            return Ok(planned.told.outcome.exit_code());
        }
        let sent = send(session, &planned.commands, planned.effect.revision).await.map_err(|error| {
            let note = "what was done before stays, and applying it again goes on from there";
            Failure::from(error).at(format_args!("{} ({note})", planned.told.file))
        })?;
        if let Sent::Done(_) = sent {
            planned.told.outcome = Outcome::Done;
            planned.told.revision = session.governor.revision();
            show(&planned.told, form, out)?;
            return Ok(planned.told.outcome.exit_code());
        }
        let next = preview(session, file, &blueprint, None).await?;
        let overtaken = std::mem::replace(&mut planned, next);
        // What is left is done without another question, and told with what was done already.
        if !planned.effect.goes_beyond(&overtaken.effect) {
            (planned.told, planned.changes) = (overtaken.told, true);
        }
        shown = Some(overtaken.effect);
    }
    Err(never_still(&what))
}

fn read(file: &Path) -> Result<Blueprint, Failure> {
    let place = format!("`{}`", file.display());
    let text = fs::read_to_string(file).map_err(|error| Failure::Usage(error.to_string()).at(&place))?;
    toml::from_str(&text).map_err(|error| Failure::Usage(error.to_string()).at(&place))
}

/// Applies a blueprint to a copy of the state: tools that only a sync will find are in it too.
async fn preview(
    session: &Session,
    file: &Path,
    blueprint: &Blueprint,
    expecting: Option<u64>,
) -> Result<Preview, Failure> {
    unchanged_since(&session.state(), expecting)?;
    let simulated = session.governor.simulate(&session.actor, blueprint, ApplyOptions::new()).await?;
    let (applied, effect) = (simulated.applied, Effect::of(&simulated.simulation));
    let changes = !applied.commands.is_empty();
    let synced = applied.synced.into_iter().map(|SyncedServer { server, found, .. }| Synced { server, found });
    let steps = applied.steps.into_iter().map(|AppliedStep { place, action, why, .. }| Step { place, action, why });
    let told = Planned {
        outcome: if changes { Outcome::WouldBeDone } else { Outcome::Unchanged },
        file: file.display().to_string(),
        revision: effect.revision,
        changes,
        widens: effect.access.iter().any(|change| change.widens),
        steps: steps.collect(),
        synced: synced.collect(),
        access: effect.access.clone(),
        waiting: applied.waiting.iter().map(Wait::of).collect(),
    };
    Ok(Preview { told, changes, effect, commands: applied.commands })
}

impl Wait {
    fn of(waiting: &Waiting) -> Self {
        Self { tool: waiting.tool.clone(), place: waiting.place.clone(), why: waiting.why.clone() }
    }
}

impl Report for Planned {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = self.steps.iter().map(|step| step.place.chars().count()).max().unwrap_or_default().min(40);
        for step in &self.steps {
            writeln!(out, "  {:width$}  {}", plain(&step.place), plain(&step.why))?;
        }
        for Synced { server, found } in &self.synced {
            let SyncCounts { new, changed, gone, returned, .. } = found;
            writeln!(out, "  the tools of `{server}`: {new} new, {changed} changed, {gone} gone, {returned} returned")?;
        }
        if !self.access.is_empty() {
            writeln!(out, "Access (+ wider, - narrower)")?;
            write_access(&self.access, out)?;
        }
        if !self.waiting.is_empty() {
            writeln!(out, "Waits for a person")?;
        }
        for wait in &self.waiting {
            writeln!(out, "  {} ({}): {}", wait.tool, plain(&wait.place), plain(&wait.why))?;
        }
        writeln!(out, "{}: {} (revision {})", self.file, self.outcome.words(), self.revision)
    }
}
