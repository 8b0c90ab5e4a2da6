//! Whether every commit and every record is as it was written.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::ExitCode,
};

use mcp_govern_core::{
    CallId, Digest,
    audit::{ChainBreak, JournalVerification, KeptCheck, SealsFound, Verification, Verifier},
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
    /// Whether nothing was found.
    intact: bool,
    /// Whether everything was looked at that can be: a seal vouches for the journal, and heads that were kept outside of the store
    /// show that the newest is there.
    complete: bool,
    /// Absent where an export was verified: it holds no commits.
    journal: Option<JournalFound>,
    chains: Vec<ChainFound>,
    /// What was not looked at, and why, in sentences.
    not_checked: Vec<String>,
}

#[derive(Debug, Serialize)]
struct JournalFound {
    /// Its head, as far as it holds.
    revision: Revision,
    hash: Digest,
    /// What the seals under the audit key vouch for.
    seals: SealsFound,
    /// Whether it was held to what is kept outside of the store.
    kept: KeptCheck,
    /// The first commit that does not hold.
    broken: Option<String>,
}

#[derive(Debug, Serialize)]
struct ChainFound {
    writer: WriterId,
    /// How many records hold.
    records: u64,
    hash: Digest,
    /// The record up to which the journal vouches for it.
    anchored: Option<u64>,
    /// The record up to which heads that were kept outside of the store vouch for it.
    kept: Option<u64>,
    /// Whether its writer ended in order.
    closed: bool,
    /// Calls without an end: in flight while the writer lives, unknown when it was killed.
    unfinished: Vec<CallId>,
    /// The first record that does not hold.
    broken: Option<ChainBreak>,
    /// How many records were sealed and dropped from the store; the journal says so.
    #[serde(skip_serializing_if = "is_zero")]
    dropped: u64,
    /// What is wrong with the sealed files of what was dropped; they are looked at where `--segments` names them.
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Verifies a store.
pub(super) async fn store(
    session: &Session,
    anchors: Option<&Path>,
    segments: Option<&Path>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let kept = anchors.map(Heads::read).transpose()?;
    if let Some(kept) = kept.as_ref().filter(|kept| kept.tenant != *session.governor.tenant()) {
        return Err(Failure::usage(format!("these heads are of tenant `{}`: say `--tenant`", kept.tenant)));
    }
    let (anchor, heads) = match kept {
        Some(kept) => (Some(kept.journal), kept.audit.into_iter().collect()),
        None => (None, Vec::new()),
    };
    // Before the store is read, so that what is written meanwhile is not missed.
    let outside = session.governor.kept_heads().await?;
    let journal = session.governor.verify_journal(&session.actor, anchor).await?;
    let outside = outside.filter(|_| matches!(journal.kept, KeptCheck::Held { .. }));
    let anchored = session.state().audit_anchors().clone();
    let mut chains = Vec::new();
    for (writer, found) in session.governor.verify_audit(&session.actor, &heads).await? {
        let given = heads.iter().filter(|(of, _)| *of == writer).map(|(_, head)| head.sequence);
        let known = outside.as_ref().and_then(|kept| kept.audit.get(&writer)).map(|head| head.sequence);
        let kept = given.chain(known).max();
        let anchored = anchored.get(&writer).map(|head| head.sequence);
        chains.push(ChainFound { anchored, kept, ..ChainFound::of(writer, found) });
    }
    if let Some(folder) = segments {
        let dropped = session.state().audit_dropped().iter().map(|(writer, at)| (writer.clone(), at.through)).collect();
        let mut wrong = super::segments::lacking(folder, session.audit_key.as_ref(), &dropped)?;
        for chain in &mut chains {
            chain.segments = wrong.remove(&chain.writer);
        }
    }
    // A journal that this release cannot read is found by opening it, whatever its chain says.
    let unreadable = session.governor.status().unreadable.map(|reason| reason.to_string());
    let not_checked = not_checked(session, &journal, anchor.is_some());
    let (seals, kept) = (journal.seals, journal.kept);
    let untrusted = (kept == KeptCheck::NotSealed).then(|| {
        "the heads that are kept outside of the store are not sealed under this audit key: either it is not the key of the nodes, or \
         they were changed"
            .to_owned()
    });
    let broken = journal.broken.map(|error| error.to_string()).or(unreadable).or(untrusted);
    let journal = JournalFound { revision: journal.head.revision, hash: journal.head.hash, seals, kept, broken };
    tell(Some(journal), chains, not_checked, form, out)
}

/// What could not be looked at, and what it would have shown.
fn not_checked(session: &Session, journal: &JournalVerification, anchored: bool) -> Vec<String> {
    let mut missing = Vec::new();
    if let Some(why) = session.no_audit_key() {
        missing.push(format!(
            "the {} of the journal, without which a person who can write the store can write another record that fits together: {why}",
            count(usize::try_from(journal.seals.unchecked).unwrap_or(usize::MAX), "seal")
        ));
    } else if journal.seals.through.is_none() && journal.broken.is_none() {
        missing.push(
            "whether the journal was written anew: no commit of it is sealed yet, which nodes with an audit key do every 15 minutes"
                .to_owned(),
        );
    }
    if !anchored && journal.kept == KeptCheck::NothingKept {
        missing.push(
            "whether the newest commits and records are there: no heads are kept outside of the store (`--heads FILE`, or `--anchors FILE`)"
                .to_owned(),
        );
    }
    missing
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
    let given = kept.map(|kept| kept.audit).unwrap_or_default();
    for (writer, head) in &given {
        chains.insert(writer.clone(), Verifier::new().with_anchor(*head));
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
    let chains = chains.into_iter().map(|(writer, verifier)| {
        let known = given.get(&writer).map(|head| head.sequence);
        ChainFound { kept: known, ..ChainFound::of(writer, verifier.finish()) }
    });
    let mut not_checked =
        vec!["the commits, and what the journal knows of these records: an export has neither".to_owned()];
    if given.is_empty() {
        not_checked.push("whether the newest records are there: say `--anchors FILE`".to_owned());
    }
    tell(None, chains.collect(), not_checked, form, out)
}

fn tell(
    journal: Option<JournalFound>,
    chains: Vec<ChainFound>,
    not_checked: Vec<String>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let intact = journal.as_ref().is_none_or(|journal| journal.broken.is_none())
        && chains.iter().all(|chain| chain.broken.is_none() && chain.segments.is_none());
    let complete = not_checked.is_empty();
    show(&Verified { intact, complete, journal, chains, not_checked }, form, out)?;
    Ok(if intact { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) })
}

impl ChainFound {
    fn of(writer: WriterId, found: Verification) -> Self {
        Self {
            writer,
            records: found.head.sequence,
            hash: found.head.hash,
            anchored: None,
            kept: None,
            closed: found.closed,
            unfinished: found.unfinished.into_iter().collect(),
            broken: found.broken,
            dropped: found.after.sequence,
            segments: None,
        }
    }
}

impl Report for Verified {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["CHAIN", "HOLDS", "UP TO", "HASH", "VOUCHED FOR", "KEPT", "ENDED", "NO END OF"]);
        let holds = |broken: bool| if broken { "NO" } else { "yes" }.to_owned();
        let up_to = |place: Option<u64>| place.map_or_else(|| "-".to_owned(), |place| format!("to {place}"));
        if let Some(journal) = &self.journal {
            let kept = match journal.kept {
                KeptCheck::Held { revision, .. } => Some(revision.0),
                _ => None,
            };
            table.row([
                "journal".to_owned(),
                holds(journal.broken.is_some()),
                journal.revision.to_string(),
                short(&journal.hash),
                up_to(journal.seals.through.map(|revision| revision.0)),
                up_to(kept),
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
                up_to(chain.anchored),
                up_to(chain.kept),
                if chain.closed { "in order" } else { "no" }.to_owned(),
                count(chain.unfinished.len(), "call"),
            ]);
        }
        table.write(out, "Nothing is on record.")?;
        if let Some(journal) = &self.journal
            && let Some(through) = journal.seals.through
        {
            let seals = count(usize::try_from(journal.seals.good).unwrap_or(usize::MAX), "good seal");
            writeln!(
                out,
                "{seals} under the audit key: revision {through} and what it names was written with the key."
            )?;
        }
        if let Some(broken) = self.journal.as_ref().and_then(|journal| journal.broken.as_ref()) {
            writeln!(out, "BROKEN journal: {}", plain(broken))?;
        }
        for chain in &self.chains {
            if let Some(broken) = &chain.broken {
                writeln!(out, "BROKEN {}: {}", chain.writer, plain(&broken.to_string()))?;
            }
            if let Some(wrong) = &chain.segments {
                writeln!(out, "BROKEN {}: {}", chain.writer, plain(wrong))?;
            } else if chain.dropped > 0 {
                writeln!(out, "{}: records 1 to {} were sealed and dropped, on record", chain.writer, chain.dropped)?;
            }
        }
        for missing in &self.not_checked {
            writeln!(out, "NOT CHECKED: {}", plain(missing))?;
        }
        let verdict = match (self.intact, self.complete) {
            (false, _) => "NOT as it was written.",
            (true, true) => "Everything is as it was written.",
            (true, false) => "What was checked is as it was written.",
        };
        writeln!(out, "{verdict}")
    }
}
