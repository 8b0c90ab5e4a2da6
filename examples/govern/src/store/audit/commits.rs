//! The newest governance commits: who decided what, and why.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use mcp_govern_core::{
    journal::{Commit, Event, Revision},
    ports::Stores as _,
};
use serde::Serialize;

use crate::{
    failure::Failure,
    serve::Form,
    store::{
        output::{Report, Table, or_dash, show},
        session::Session,
    },
};

#[derive(Debug, Serialize)]
struct Commits {
    commits: Vec<Commit>,
}

/// Shows the newest commits, oldest first. Whether they are as they were written is what `verify` says.
pub(super) async fn run(session: &Session, count: u64, form: Form, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let journal = session.stores.open(session.governor.tenant()).await?.journal;
    let head = session.governor.revision();
    let mut after = Revision(head.0.saturating_sub(count));
    let mut commits = Vec::new();
    while after < head {
        let page = journal.read(after, 512).await?;
        let Some(last) = page.last().map(mcp_govern_core::journal::StoredCommit::revision) else { break };
        for stored in page.iter().filter(|stored| stored.revision() <= head) {
            let commit: Commit = serde_json::from_slice(stored.bytes())
                .map_err(|error| Failure::Broken(format!("revision {} cannot be read: {error}", stored.revision())))?;
            commits.push(commit);
        }
        after = last;
    }
    show(&Commits { commits }, form, out)?;
    Ok(ExitCode::SUCCESS)
}

impl Report for Commits {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["REVISION", "TIME", "BY", "EVENTS", "WHY"]);
        for commit in &self.commits {
            table.row([
                commit.revision.to_string(),
                commit.at.to_string(),
                commit.actor.user.to_string(),
                events(&commit.events),
                or_dash(commit.reason.as_ref()),
            ]);
        }
        table.write(out, "No commits.")
    }
}

/// What happened, each kind once with how often.
fn events(events: &[Event]) -> String {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for event in events {
        let kind = event.tag().split('.').next().unwrap_or_default();
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let each =
        |(kind, count): &(&str, usize)| if *count == 1 { (*kind).to_owned() } else { format!("{kind} × {count}") };
    kinds.iter().map(each).collect::<Vec<_>>().join(", ")
}
