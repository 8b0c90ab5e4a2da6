//! `plan` and `apply`: governance as one document.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use mcp_govern_core::{
    CommandId, ToolId,
    blueprint::{Blueprint, Waiting},
    journal::{AccessChange, Action, Command, Revision, Standing},
};
use serde::Serialize;

use super::{
    access::write_access,
    act::{Outcome, UNCONFIRMED, confirmed},
    output::{Report, plain, show},
    session::Session,
    shadow::Shadow,
    sync::Found,
};
use crate::{failure::Failure, serve::Form};

/// How often is planned anew: once for what the document says, once after servers were synced.
const ROUNDS: usize = 16;

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
    server: String,
    #[serde(flatten)]
    found: Found,
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
    let planned = preview(session, file, &read(file)?).await?;
    show(&planned, form, out)?;
    Ok(if planned.changes && exit_code { ExitCode::from(UNCONFIRMED) } else { ExitCode::SUCCESS })
}

/// Brings a blueprint about, once what it widens is confirmed.
pub(crate) async fn apply(
    session: &Session,
    file: &Path,
    yes: bool,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    let blueprint = read(file)?;
    let mut planned = preview(session, file, &blueprint).await?;
    if planned.changes {
        if confirmed(&format!("apply {}", planned.file), &planned.access, yes, form)? {
            let applied = session.governor.apply(&session.actor, &blueprint).await.map_err(|error| {
                let note = "what was done before stays, and applying it again goes on from there";
                Failure::from(error).at(format_args!("{} ({note})", planned.file))
            })?;
            planned.outcome = Outcome::Done;
            planned.revision = session.governor.revision();
            planned.waiting = applied.waiting.iter().map(Wait::of).collect();
        } else {
            planned.outcome = Outcome::ConfirmationNeeded;
        }
    }
    show(&planned, form, out)?;
    Ok(planned.outcome.exit_code())
}

fn read(file: &Path) -> Result<Blueprint, Failure> {
    let place = format!("`{}`", file.display());
    let text = fs::read_to_string(file).map_err(|error| Failure::Usage(error.to_string()).at(&place))?;
    toml::from_str(&text).map_err(|error| Failure::Usage(error.to_string()).at(&place))
}

/// Plays a blueprint through on a copy of the state: tools that only a sync will find are in it too.
async fn preview(session: &Session, file: &Path, blueprint: &Blueprint) -> Result<Planned, Failure> {
    let state = session.state();
    let now = session.governor.now();
    let mut shadow = Shadow::of(&state, &session.actor, now);
    let (mut steps, mut synced) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let plan = blueprint.plan(shadow.state(), &session.actor, now)?;
        if plan.is_empty() {
            let access = Standing::of(&state, now).changes_to(&Standing::of(shadow.state(), now));
            let changes = !(steps.is_empty() && synced.is_empty());
            return Ok(Planned {
                outcome: if changes { Outcome::WouldBeDone } else { Outcome::Unchanged },
                file: file.display().to_string(),
                revision: state.head().revision,
                changes,
                widens: access.iter().any(|change| change.widens),
                steps,
                synced,
                access,
                waiting: plan.waiting().iter().map(Wait::of).collect(),
            });
        }
        for step in plan.steps() {
            if !shadow.carry_out(&step.command)?.is_empty() {
                let (place, why, action) = (step.place.clone(), step.why.clone(), step.command.action.name());
                steps.push(Step { place, action, why });
            }
        }
        for server in plan.to_sync() {
            let Some(spec) = shadow.state().servers().get(server).map(|row| row.spec().clone()) else { continue };
            let catalogue = session.discover(server, &spec).await?;
            let action = Action::SyncServer { server: server.clone(), catalogue };
            let events = shadow.carry_out(&Command::new(CommandId::random()?, action))?;
            synced.push(Synced { server: server.to_string(), found: Found::of(&events) });
        }
    }
    Err(Failure::Other(format!("`{}` leads to further changes again and again", file.display())))
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
            let Found { new, changed, gone, returned } = found;
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
