//! Taking in what the servers offer now.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use mcp_govern_core::{
    Catalogue, CommandId, ServerId,
    governor::{Committed, SyncCounts},
    journal::{AccessChange, Action, Command, Revision, Simulation, State},
};
use serde::Serialize;

use super::{
    access::write_access,
    args::CommitArguments,
    commit::Outcome,
    effect::{Effect, Sent, TURNS, consented, never_still, send, unchanged_since},
    output::{Report, Table, or_dash, plain, show},
    session::Session,
};
use crate::{failure::Failure, serve::Form};

const WHAT: &str = "take in what the servers offer";

#[derive(Debug, Serialize)]
struct Synced {
    outcome: Outcome,
    servers: Vec<Row>,
    access: Vec<AccessChange>,
    revision: Revision,
}

/// What a sync found.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) server: ServerId,
    #[serde(flatten)]
    pub(crate) found: SyncCounts,
    /// What its document has and cannot be honoured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
    /// Why the server could not be looked at; what was known of it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// Syncs servers; all, where none is named. A server that cannot be looked at does not keep the others: it is reported, and the
/// exit code is 3, or 1 where it was refused (the store knows a newer release's tools).
pub(crate) async fn run(
    session: &Session,
    servers: &[ServerId],
    how: &CommitArguments,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    if how.command_id.is_some() && servers.len() != 1 {
        return Err(Failure::usage("a command id is for one server: name it"));
    }
    let found = discovered(session, servers, how).await?;
    let mut shown: Option<Effect> = None;
    for _ in 0..TURNS {
        let state = session.state();
        unchanged_since(&state, how.expecting)?;
        let mut simulation = Simulation::new(&state, session.actor.clone(), session.governor.now());
        let (mut rows, mut due): (Vec<Row>, Vec<(Command, usize)>) = (Vec::new(), Vec::new());
        let mut refused = false;
        for (server, found) in &found {
            let tried = match found {
                Ok(command) => simulation.try_command(command).map_err(Failure::from).map(|events| (command, events)),
                Err(fault) => Err(fault.again()),
            };
            let server = server.clone();
            match tried {
                Ok((command, events)) => {
                    due.push((command.clone(), rows.len()));
                    let left_out = left_out(session, &state, &server);
                    rows.push(Row { server, found: SyncCounts::of(&events), left_out, fault: None });
                }
                Err(failure) => {
                    refused |= matches!(failure, Failure::Refused(_));
                    let fault = Some(failure.to_string());
                    rows.push(Row { server, found: SyncCounts::default(), left_out: Vec::new(), fault });
                }
            }
        }
        let effect = Effect::of(&simulation);
        drop((state, simulation));
        let (access, revision) = (effect.access.clone(), effect.revision);
        let mut synced = Synced { outcome: Outcome::WouldBeDone, servers: rows, access, revision };
        if !how.dry_run {
            if session.simulates() || consented(shown.as_ref(), &effect, WHAT, how.yes, form)? {
                let (commands, places): (Vec<Command>, Vec<usize>) = due.into_iter().unzip();
                let Sent::Done(commits) = send(session, &commands, revision).await? else {
                    shown = Some(effect);
                    continue;
                };
                synced.take_in(commits, &places);
            } else {
                synced.outcome = Outcome::ConfirmationNeeded;
            }
        }
        show(&synced, form, out)?;
        let faulty = synced.servers.iter().any(|row| row.fault.is_some());
        return Ok(match synced.outcome {
            Outcome::ConfirmationNeeded => synced.outcome.exit_code(),
            _ if refused => ExitCode::FAILURE,
            _ if faulty => ExitCode::from(3),
            outcome => outcome.exit_code(),
        });
    }
    Err(never_still(WHAT))
}

fn left_out(session: &Session, state: &State, server: &ServerId) -> Vec<String> {
    let row = state.servers().get(server);
    row.map(|row| session.left_out(row.spec()).iter().map(ToString::to_string).collect()).unwrap_or_default()
}

/// What the servers offer now, each as the command that takes it in. All servers, where none is named.
async fn discovered(
    session: &Session,
    servers: &[ServerId],
    how: &CommitArguments,
) -> Result<Vec<(ServerId, Result<Command, Failure>)>, Failure> {
    let state = session.state();
    let servers: Vec<ServerId> =
        if servers.is_empty() { state.servers().keys().cloned().collect() } else { servers.to_vec() };
    let mut all = Vec::with_capacity(servers.len());
    for server in servers {
        let Some(row) = state.servers().get(&server) else {
            return Err(Failure::refused(format!("there is no server `{server}`")));
        };
        let found = match session.discover(&server, row.spec()).await {
            Ok(catalogue) => command(how, &server, catalogue),
            Err(failure) => Err(failure),
        };
        all.push((server, found));
    }
    Ok(all)
}

impl Synced {
    fn take_in(&mut self, commits: Vec<Committed>, places: &[usize]) {
        self.outcome = Outcome::Unchanged;
        for (committed, at) in commits.into_iter().zip(places) {
            self.revision = committed.revision;
            if !committed.events.is_empty() {
                self.outcome = Outcome::Done;
            }
            if let Some(row) = self.servers.get_mut(*at) {
                row.found = SyncCounts::of(&committed.events);
            }
        }
    }
}

fn command(how: &CommitArguments, server: &ServerId, catalogue: Arc<Catalogue>) -> Result<Command, Failure> {
    let id = match &how.command_id {
        Some(id) => id.clone(),
        None => CommandId::random()?,
    };
    let command = Command::new(id, Action::SyncServer { server: server.clone(), catalogue });
    Ok(match &how.reason {
        Some(reason) => command.with_reason(reason),
        None => command,
    })
}

impl Report for Synced {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["SERVER", "NEW", "CHANGED", "GONE", "RETURNED", "FAULT"]);
        for row in &self.servers {
            let SyncCounts { new, changed, gone, returned, .. } = row.found;
            table.row([
                row.server.to_string(),
                new.to_string(),
                changed.to_string(),
                gone.to_string(),
                returned.to_string(),
                or_dash(row.fault.as_ref()),
            ]);
        }
        table.write(out, "No servers.")?;
        for row in &self.servers {
            for fault in &row.left_out {
                writeln!(out, "`{}`: left out: {}", row.server, plain(fault))?;
            }
        }
        write_access(&self.access, out)?;
        writeln!(out, "{} (revision {})", plain(self.outcome.words()), self.revision)
    }
}
