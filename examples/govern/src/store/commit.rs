//! Carrying a command out: shown first, confirmed where it widens access, done, reported.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    process::ExitCode,
};

use mcp_govern_core::{
    CommandId,
    governor::{CommitOutcome, GovernErrorKind},
    journal::{AccessChange, Action, Command, Event, Revision, Simulation},
};
use serde::Serialize;

use super::{
    access::write_access,
    args::CommitArguments,
    effect::{Effect, TURNS, consented, never_still, unchanged_since},
    known::{self, Unknown, write_unknown},
    leaving::Consequences,
    output::{Report, show},
    session::Session,
};
use crate::{failure::Failure, serve::Form};

/// The exit code of what was not confirmed, and of a plan that has something to do.
pub(crate) const UNCONFIRMED: u8 = 5;

/// Whether something was done, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It was done, now.
    Done,
    /// It was done before, under the same command id.
    Repeated,
    /// What was asked for held already.
    Unchanged,
    /// It would be done: a dry run.
    WouldBeDone,
    /// It widens access, names what is not on record, or takes something away for good, and was not confirmed. Nothing was changed.
    ConfirmationNeeded,
}

impl Outcome {
    fn of(outcome: CommitOutcome) -> Self {
        match outcome {
            CommitOutcome::Done => Self::Done,
            CommitOutcome::Repeated => Self::Repeated,
            CommitOutcome::Unchanged => Self::Unchanged,
        }
    }

    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Self::Done | Self::Repeated | Self::Unchanged | Self::WouldBeDone => ExitCode::SUCCESS,
            Self::ConfirmationNeeded => ExitCode::from(UNCONFIRMED),
        }
    }

    /// The words in front of what it is about.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Repeated => "done before, under the same command id",
            Self::Unchanged => "nothing to change",
            Self::WouldBeDone => "would be done",
            Self::ConfirmationNeeded => "not done: it widens access, and was not confirmed (`--yes`)",
        }
    }
}

/// What became of a command.
#[derive(Debug, Serialize)]
struct Told {
    outcome: Outcome,
    /// What it is about, in a sentence.
    what: String,
    action: &'static str,
    command_id: CommandId,
    revision: Revision,
    events: Vec<&'static str>,
    access: Vec<AccessChange>,
    /// Names in it that are not on record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<Unknown>,
    /// What it takes away for good, and what stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    consequences: Option<Consequences>,
    /// Whether it widens what the person who sends it holds.
    widens_own: bool,
}

impl Report for Told {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let words = match self.outcome {
            Outcome::ConfirmationNeeded if !widens(&self.access) && !self.unknown.is_empty() => {
                "not done: a name is not on record, and the command was not confirmed (`--yes`)"
            }
            Outcome::ConfirmationNeeded if self.consequences.is_some() => {
                "not done: it takes this away for good, and was not confirmed (`--yes`)"
            }
            outcome => outcome.words(),
        };
        writeln!(out, "{} ({words}, revision {})", self.what, self.revision)?;
        write_unknown(&self.unknown, out)?;
        write_access(&self.access, out)?;
        self.consequences.as_ref().map_or(Ok(()), |consequences| consequences.write(out))
    }
}

/// Carries an action out and tells what became of it.
///
/// INVARIANT: what widens access is done only where it was confirmed (`what_widens_access_is_shown_and_waits_for_a_yes`), and what
/// was confirmed is what happens (`a_commit_between_the_question_and_the_yes_is_shown_and_asked_about`,
/// `a_yes_beforehand_is_not_good_for_more_than_was_there`).
pub(crate) async fn carry_out(
    session: &Session,
    how: &CommitArguments,
    action: Action,
    what: String,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    let command = command(how, action)?;
    let mut shown: Option<Effect> = None;
    for _ in 0..TURNS {
        let state = session.state();
        unchanged_since(&state, how.expecting)?;
        let now = session.governor.now();
        let known = state.command(&command.id).is_some();
        let mut simulation = Simulation::new(&state, session.actor.clone(), now);
        let events = simulation.try_command(&command).map_err(|refusal| known::refused(refusal, &state))?;
        let mut effect = Effect::of(&simulation);
        let consequences = Consequences::of(&state, &command.action, now).filter(|_| !known);
        effect.consequences = consequences.clone().filter(|_| !events.is_empty());
        // While a copy of the state is kept the next commit makes another one.
        drop((state, simulation));
        // What holds already, or was done before, is confirmed by that; but that a person has nothing may follow from the name.
        if !events.is_empty() || (!known && known::is_about_a_person(&command.action)) {
            effect.unknown = known::unknown_in(session, &command.action).await?;
        }
        let mut told = Told {
            outcome: Outcome::WouldBeDone,
            what: what.clone(),
            action: command.action.name(),
            command_id: command.id.clone(),
            revision: effect.revision,
            events: events.iter().map(Event::tag).collect(),
            access: effect.access.clone(),
            unknown: effect.unknown.clone(),
            consequences,
            widens_own: effect.widens_own(&session.actor),
        };
        if told.widens_own {
            told.what.push_str(", which widens what you hold yourself");
        }
        if how.dry_run {
            if told.events.is_empty() {
                told.outcome = if known { Outcome::Repeated } else { Outcome::Unchanged };
            }
        } else if session.simulates() || consented(shown.as_ref(), &effect, &told.what, how.yes, form)? {
            // A kill switch widens nothing, and waits for nothing.
            let sent = match &command.action {
                Action::Kill { .. } => session.commit(command.clone()).await,
                _ => session.commit(command.clone().expecting(effect.revision)).await,
            };
            match sent {
                Ok(committed) => {
                    told.outcome = Outcome::of(committed.outcome);
                    told.revision = committed.revision;
                    told.events = committed.events.iter().map(Event::tag).collect();
                }
                Err(error) if error.kind() == GovernErrorKind::Conflict => {
                    shown = Some(effect);
                    continue;
                }
                Err(error) if error.kind() == GovernErrorKind::Unknown => {
                    let id = &told.command_id;
                    return Err(Failure::NoAnswer(format!("{error}: with `--command-id {id}` it is carried out once")));
                }
                Err(error) => return Err(error.into()),
            }
        } else {
            told.outcome = Outcome::ConfirmationNeeded;
        }
        show(&told, form, out)?;
        return Ok(told.outcome.exit_code());
    }
    Err(never_still(&what))
}

fn command(how: &CommitArguments, action: Action) -> Result<Command, Failure> {
    let id = match &how.command_id {
        Some(id) => id.clone(),
        None => CommandId::random()?,
    };
    let command = Command::new(id, action);
    Ok(match &how.reason {
        Some(reason) => command.with_reason(reason),
        None => command,
    })
}

fn widens(access: &[AccessChange]) -> bool {
    access.iter().any(|change| change.widens)
}

/// Whether it may be done: nothing in it widens access or takes something away for good, and every name is on record; or a person
/// says yes, now or with `--yes`. A person at a terminal is asked; without one the answer is no.
pub(crate) fn confirmed(what: &str, effect: &Effect, yes: bool, form: Form) -> Result<bool, Failure> {
    if yes || (effect.unknown.is_empty() && effect.consequences.is_none() && !widens(&effect.access)) {
        return Ok(true);
    }
    let mut told = io::stderr();
    if form == Form::Json || !io::stdin().is_terminal() || !told.is_terminal() {
        return Ok(false);
    }
    writeln!(told, "{what}")?;
    write_unknown(&effect.unknown, &mut told)?;
    write_access(&effect.access, &mut told)?;
    if let Some(consequences) = &effect.consequences {
        consequences.write(&mut told)?;
    }
    write!(told, "Go on? [y/N] ")?;
    told.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
