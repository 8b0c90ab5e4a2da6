//! `simulate`: what a list of verbs would change together, and for whom.

use std::{
    fs,
    io::{self, Read as _, Write},
    path::Path,
    process::ExitCode,
};

use clap::Parser;
use mcp_govern_core::journal::{AccessChange, Revision};
use serde::Serialize;
use serde_json::Value;

use super::{
    access::write_access,
    args::Verb,
    beside,
    output::{Report, plain, show},
    session::Session,
};
use crate::{failure::Failure, serve::Form};

/// What is answered to a verb that only shows something.
const NOTHING: &str = "this verb changes no rules, so that there is nothing to simulate";

/// One line of the list: a verb as it is typed behind `govern`.
#[derive(Debug, Parser)]
#[command(name = "govern", no_binary_name = true, disable_help_flag = true)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

/// What the verbs would change.
#[derive(Debug, Serialize)]
struct Simulated {
    file: String,
    /// The revision on which they were tried.
    revision: Revision,
    steps: Vec<Step>,
    /// Who could do more or less after all of them.
    access: Vec<AccessChange>,
    widens: bool,
    /// How many of them would be refused.
    refused: usize,
}

/// One verb.
#[derive(Debug, Serialize)]
struct Step {
    line: usize,
    command: String,
    /// What it is about, in a sentence; none where it would be refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<String>,
    /// `would_be_done`, `unchanged` or `refused`.
    outcome: &'static str,
    /// Why it would be refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Tries the verbs of a file, one on each line, on a copy of the state. Each sees what those before it left; one that would be refused
/// changes nothing, and the others are tried all the same.
pub(crate) async fn run(session: &Session, file: &Path, form: Form, out: &mut impl Write) -> Result<ExitCode, Failure> {
    session.readable()?;
    let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
    let text = read(file).map_err(|error| Failure::usage(format!("`{name}`: {error}")))?;
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let verbs = lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| match parsed(line) {
            Ok(verb) => Ok((number, line, verb)),
            Err(why) => Err(Failure::usage(format!("{name}:{number}: {why}"))),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if verbs.is_empty() {
        return Err(Failure::usage(format!(
            "`{name}` has no verb: write one on each line as behind `govern`, for example `grant on-call --user ann --for 8h`"
        )));
    }
    session.simulate();
    let mut steps = Vec::with_capacity(verbs.len());
    for (line, command, verb) in verbs {
        steps.push(tried(session, line, command, &verb).await?);
    }
    let simulation = session.simulated();
    let access = simulation.as_ref().map(mcp_govern_core::journal::Simulation::access).unwrap_or_default();
    let revision = simulation.map_or(Revision::ZERO, |simulation| simulation.before().head().revision);
    let refused = steps.iter().filter(|step| step.error.is_some()).count();
    let widens = access.iter().any(|change| change.widens);
    show(&Simulated { file: name, revision, steps, access, widens, refused }, form, out)?;
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(file: &Path) -> io::Result<String> {
    if file != Path::new("-") {
        return fs::read_to_string(file);
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map(|_| text)
}

/// The verb of a line, where it is one that can be tried on a copy.
fn parsed(line: &str) -> Result<Verb, String> {
    let words = shlex::split(line).ok_or("a quotation mark is not closed")?;
    // A line that was copied from a shell.
    let words = words.strip_prefix(&["govern".to_owned()][..]).unwrap_or(&words);
    let verb = Line::try_parse_from(words).map_err(|error| {
        let text = error.to_string();
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        first.trim_start_matches("error: ").to_owned()
    })?;
    match verb.verb {
        Verb::Plan { .. } | Verb::Apply { .. } => Err("a blueprint is tried by `govern plan`".to_owned()),
        Verb::Status
        | Verb::Servers { what: None }
        | Verb::Tools(_)
        | Verb::Diff { .. }
        | Verb::Toolsets { what: None }
        | Verb::Profiles { what: None }
        | Verb::Grants(_)
        | Verb::Requests { what: None }
        | Verb::Credentials { what: None }
        | Verb::Connections { what: None }
        | Verb::Explain(_)
        | Verb::Audit { .. }
        | Verb::Simulate { .. }
        | Verb::Backup { .. }
        | Verb::Keys { .. } => Err(NOTHING.to_owned()),
        verb => Ok(verb),
    }
}

async fn tried(session: &Session, line: usize, command: &str, verb: &Verb) -> Result<Step, Failure> {
    let mut told = Vec::new();
    let step = |what, outcome, error| Step { line, command: command.to_owned(), what, outcome, error };
    match Box::pin(beside(verb, session, Form::Json, &mut told)).await {
        Ok(_) => {
            let told: Value = serde_json::from_slice(&told)?;
            let text = |key: &str| told.get(key).and_then(Value::as_str);
            let what = Some(text("what").unwrap_or(command).to_owned());
            match text("outcome") {
                Some("done") => Ok(step(what, "would_be_done", None)),
                Some(_) => Ok(step(what, "unchanged", None)),
                None => Ok(step(None, "refused", Some(NOTHING.to_owned()))),
            }
        }
        Err(failure @ (Failure::Refused(_) | Failure::Usage(_) | Failure::NoAnswer(_))) => {
            Ok(step(None, "refused", Some(failure.to_string())))
        }
        Err(failure) => Err(failure.at(format_args!("line {line}"))),
    }
}

impl Report for Simulated {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for Step { line, command, what, outcome, error } in &self.steps {
            if let Some(error) = error {
                writeln!(out, "{line:>4}  REFUSED  {}\n               {}", plain(command), plain(error))?;
            } else {
                let sign = if *outcome == "unchanged" { "holds" } else { "ok" };
                writeln!(out, "{line:>4}  {sign:<7}  {}", plain(what.as_deref().unwrap_or(command)))?;
            }
        }
        if self.access.is_empty() {
            writeln!(out, "Nobody could do more or less than now.")?;
        } else {
            writeln!(out, "Access (+ wider, - narrower)")?;
            write_access(&self.access, out)?;
        }
        writeln!(out, "{}: tried on revision {}; nothing was changed", plain(&self.file), self.revision)
    }
}
