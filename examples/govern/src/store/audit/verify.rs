//! Whether every act and every record is as it was written.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::ExitCode,
};

use mcp_govern_core::{
    CallId, Digest,
    audit::{ChainBreak, Verification, Verifier},
    journal::Revision,
    ports::{StoredRecord, WriterId},
};
use serde::Serialize;

use super::heads::Heads;
use crate::{
    failure::Failure,
    serve::Form,
    store::{
        output::{Report, Table, count, plain, short, show},
        session::Session,
    },
};

/// The exit code of a record that does not hold.
const BROKEN: u8 = 4;

#[derive(Debug, Serialize)]
struct Verified {
    intact: bool,
    /// Absent where an export was verified: it holds no acts.
    journal: Option<JournalFound>,
    chains: Vec<ChainFound>,
}

#[derive(Debug, Serialize)]
struct JournalFound {
    /// Where it stands, as far as it holds.
    revision: Revision,
    hash: Digest,
    /// The first act that does not hold.
    broken: Option<String>,
}

#[derive(Debug, Serialize)]
struct ChainFound {
    writer: WriterId,
    /// How many records hold.
    records: u64,
    hash: Digest,
    /// Whether its writer ended in order.
    closed: bool,
    /// Calls without an end: in flight while the writer lives, unknown when it was killed.
    unfinished: Vec<CallId>,
    /// The first record that does not hold.
    broken: Option<ChainBreak>,
}

/// Verifies a store.
pub(super) async fn store(
    session: &Session,
    anchors: Option<&Path>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let kept = anchors.map(Heads::read).transpose()?;
    if let Some(kept) = kept.as_ref().filter(|kept| kept.tenant != *session.governor.tenant()) {
        return Err(Failure::usage(format!("these heads are of tenant `{}`: say `--tenant`", kept.tenant)));
    }
    let (journal, heads) = match kept {
        Some(kept) => (Some(kept.journal), kept.audit.into_iter().collect()),
        None => (None, Vec::new()),
    };
    let journal = session.governor.verify_journal(&session.actor, journal).await?;
    let mut chains = Vec::new();
    for (writer, found) in session.governor.verify_audit(&session.actor, &heads).await? {
        chains.push(ChainFound::of(writer, found));
    }
    // A journal that this release cannot read is found by opening it, whatever its chain says.
    let unreadable = session.governor.status().unreadable.map(|reason| reason.to_string());
    let broken = journal.broken.map(|error| error.to_string()).or(unreadable);
    let journal = JournalFound { revision: journal.head.revision, hash: journal.head.hash, broken };
    tell(Some(journal), chains, form, out)
}

/// Verifies an export, wherever it lies: no store is needed.
pub(crate) fn export(
    file: &Path,
    anchors: Option<&Path>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let kept = anchors.map(Heads::read).transpose()?;
    let mut chains: BTreeMap<WriterId, Verifier> = BTreeMap::new();
    for (writer, head) in kept.map(|kept| kept.audit).unwrap_or_default() {
        chains.insert(writer, Verifier::new().with_anchor(head));
    }
    let place = format!("`{}`", file.display());
    let opened = File::open(file).map_err(|error| Failure::Usage(error.to_string()).at(&place))?;
    for (index, line) in BufReader::new(opened).lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let (writer, record) = StoredRecord::from_json_line(&line)
            .map_err(|error| Failure::Broken(format!("{place}, line {}: {error}", index + 1)))?;
        chains.entry(writer).or_default().push(&record);
    }
    let chains = chains.into_iter().map(|(writer, verifier)| ChainFound::of(writer, verifier.finish()));
    tell(None, chains.collect(), form, out)
}

fn tell(
    journal: Option<JournalFound>,
    chains: Vec<ChainFound>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let intact = journal.as_ref().is_none_or(|journal| journal.broken.is_none())
        && chains.iter().all(|chain| chain.broken.is_none());
    show(&Verified { intact, journal, chains }, form, out)?;
    Ok(if intact { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) })
}

impl ChainFound {
    fn of(writer: WriterId, found: Verification) -> Self {
        Self {
            writer,
            records: found.head.sequence,
            hash: found.head.hash,
            closed: found.closed,
            unfinished: found.unfinished.into_iter().collect(),
            broken: found.broken,
        }
    }
}

impl Report for Verified {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["CHAIN", "HOLDS", "UP TO", "HASH", "ENDED", "NO END OF"]);
        let holds = |broken: bool| if broken { "NO" } else { "yes" }.to_owned();
        if let Some(journal) = &self.journal {
            table.row([
                "journal".to_owned(),
                holds(journal.broken.is_some()),
                journal.revision.to_string(),
                short(&journal.hash),
                "-".to_owned(),
                "-".to_owned(),
            ]);
        }
        for chain in &self.chains {
            table.row([
                chain.writer.to_string(),
                holds(chain.broken.is_some()),
                chain.records.to_string(),
                short(&chain.hash),
                if chain.closed { "in order" } else { "no" }.to_owned(),
                count(chain.unfinished.len(), "call"),
            ]);
        }
        table.write(out, "Nothing is on record.")?;
        if let Some(broken) = self.journal.as_ref().and_then(|journal| journal.broken.as_ref()) {
            writeln!(out, "BROKEN journal: {}", plain(broken))?;
        }
        for chain in &self.chains {
            if let Some(broken) = &chain.broken {
                writeln!(out, "BROKEN {}: {}", chain.writer, plain(&broken.to_string()))?;
            }
        }
        writeln!(out, "{}", if self.intact { "Everything is as it was written." } else { "NOT as it was written." })
    }
}
