//! The newest governance acts: who decided what, and why.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use mcp_govern_core::{
    journal::{Act, Event, Revision},
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
struct Acts {
    acts: Vec<Act>,
}

/// Shows the newest acts, oldest first. Whether they are as they were written is what `verify` says.
pub(super) async fn run(session: &Session, count: u64, form: Form, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let journal = session.stores.open(session.governor.tenant()).await?.journal;
    let head = session.governor.revision();
    let mut after = Revision(head.0.saturating_sub(count));
    let mut acts = Vec::new();
    while after < head {
        let page = journal.read(after, 512).await?;
        let Some(last) = page.last().map(mcp_govern_core::journal::StoredAct::revision) else { break };
        for stored in page.iter().filter(|stored| stored.revision() <= head) {
            let act: Act = serde_json::from_slice(stored.bytes())
                .map_err(|error| Failure::Broken(format!("revision {} cannot be read: {error}", stored.revision())))?;
            acts.push(act);
        }
        after = last;
    }
    show(&Acts { acts }, form, out)?;
    Ok(ExitCode::SUCCESS)
}

impl Report for Acts {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["REVISION", "TIME", "BY", "EVENTS", "WHY"]);
        for act in &self.acts {
            table.row([
                act.revision.to_string(),
                act.at.to_string(),
                act.actor.user.to_string(),
                events(&act.events),
                or_dash(act.reason.as_ref()),
            ]);
        }
        table.write(out, "No acts.")
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
