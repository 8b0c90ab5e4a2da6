//! Taking in what the servers offer now.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use mcp_govern_core::{
    Catalogue, CommandId, ServerId, ServerSpec,
    journal::{AccessChange, Action, Command, Event, Revision, Standing},
};
use serde::Serialize;

use super::{
    access::write_access,
    act::{Outcome, confirmed},
    args::ActArguments,
    output::{Report, Table, or_dash, plain, show},
    session::Session,
    shadow::Shadow,
};
use crate::{failure::Failure, serve::Form};

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
    pub(crate) found: Found,
    /// Why the server could not be looked at; what was known of it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// How many tools a sync found to be what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    pub(crate) new: usize,
    pub(crate) changed: usize,
    pub(crate) gone: usize,
    pub(crate) returned: usize,
}

impl Found {
    pub(crate) fn of(events: &[Event]) -> Self {
        let mut found = Self::default();
        for event in events {
            match event {
                Event::ToolDiscovered(_) => found.new += 1,
                Event::ToolChanged(_) => found.changed += 1,
                Event::ToolGone(_) => found.gone += 1,
                Event::ToolReturned(_) => found.returned += 1,
                _ => {}
            }
        }
        found
    }
}

/// Syncs servers; all, where none is named. A server that cannot be looked at does not keep the others: it is told of, and the
/// exit code is 3, or 1 where it was refused (the store knows a newer release's tools).
pub(crate) async fn run(
    session: &Session,
    servers: &[ServerId],
    how: &ActArguments,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    if how.command_id.is_some() && servers.len() != 1 {
        return Err(Failure::usage("a command id is for one server: name it"));
    }
    let state = session.state();
    let servers: Vec<ServerId> =
        if servers.is_empty() { state.servers().keys().cloned().collect() } else { servers.to_vec() };
    let now = session.governor.now();
    let mut shadow = Shadow::of(&state, &session.actor, now);
    let (mut rows, mut due): (Vec<Row>, Vec<(Command, usize)>) = (Vec::new(), Vec::new());
    let mut refused = false;
    for server in servers {
        let Some(row) = state.servers().get(&server) else {
            return Err(Failure::refused(format!("there is no server `{server}`")));
        };
        match tried(session, &mut shadow, how, &server, row.spec()).await {
            Ok((command, found)) => {
                due.push((command, rows.len()));
                rows.push(Row { server, found, fault: None });
            }
            Err(failure) => {
                refused |= matches!(failure, Failure::Refused(_));
                rows.push(Row { server, found: Found::default(), fault: Some(failure.to_string()) });
            }
        }
    }
    let access = Standing::of(&state, now).changes_to(&Standing::of(shadow.state(), now));
    let revision = state.head().revision;
    drop((state, shadow));
    let mut synced = Synced { outcome: Outcome::WouldBeDone, servers: rows, access, revision };
    if !how.dry_run {
        if confirmed("take in what the servers offer", &synced.access, how.yes, form)? {
            synced.outcome = Outcome::Unchanged;
            for (command, at) in due {
                let acted = session.governor.act(&session.actor, command).await?;
                synced.revision = acted.revision;
                if !acted.events.is_empty() {
                    synced.outcome = Outcome::Done;
                }
                if let Some(row) = synced.servers.get_mut(at) {
                    row.found = Found::of(&acted.events);
                }
            }
        } else {
            synced.outcome = Outcome::ConfirmationNeeded;
        }
    }
    show(&synced, form, out)?;
    let faulty = synced.servers.iter().any(|row| row.fault.is_some());
    Ok(match synced.outcome {
        Outcome::ConfirmationNeeded => synced.outcome.exit_code(),
        _ if refused => ExitCode::FAILURE,
        _ if faulty => ExitCode::from(3),
        outcome => outcome.exit_code(),
    })
}

/// What a sync of one server would find, on the copy of the state.
async fn tried(
    session: &Session,
    shadow: &mut Shadow<'_>,
    how: &ActArguments,
    server: &ServerId,
    spec: &ServerSpec,
) -> Result<(Command, Found), Failure> {
    let catalogue = session.discover(server, spec).await?;
    let command = command(how, server, catalogue)?;
    let found = Found::of(&shadow.carry_out(&command)?);
    Ok((command, found))
}

fn command(how: &ActArguments, server: &ServerId, catalogue: Arc<Catalogue>) -> Result<Command, Failure> {
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
            let Found { new, changed, gone, returned } = row.found;
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
        write_access(&self.access, out)?;
        writeln!(out, "{} (revision {})", plain(self.outcome.words()), self.revision)
    }
}
