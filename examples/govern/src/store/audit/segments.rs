//! The old end of the record: sealed into files, dropped from the store, verified together with it.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufRead as _, IsTerminal as _, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use mcp_govern_core::{
    CallId, CommandId, Timestamp,
    audit::{AuditKey, AuditSegment},
    governor::CommitOutcome,
    ports::{AuditHead, WriterId},
};
use mcp_govern_store::keep_segment;
use serde::Serialize;

use crate::{
    failure::Failure,
    serve::Form,
    store::{
        commit::UNCONFIRMED,
        output::{Report, Table, count, plain, show},
        parse::Moment,
        session::Session,
    },
};

#[derive(Debug, Serialize)]
struct Segments {
    outcome: &'static str,
    segments: Vec<Row>,
}

/// What is shown of a segment.
#[derive(Debug, Serialize)]
struct Row {
    file: PathBuf,
    writer: WriterId,
    first: u64,
    last: u64,
    records: u64,
    from: Timestamp,
    until: Timestamp,
    /// Calls of which the end is unknown.
    unknown: Vec<CallId>,
}

impl Row {
    fn of(file: &Path, segment: &AuditSegment) -> Self {
        let header = segment.header();
        Self {
            file: file.to_owned(),
            writer: header.writer.clone(),
            first: header.after.sequence.saturating_add(1),
            last: header.through.sequence,
            records: header.records,
            from: header.from,
            until: header.until,
            unknown: header.unknown.iter().cloned().collect(),
        }
    }
}

/// Seals the next segment of each chain into a new file. One that is there already, with the same content, is as good.
pub(super) async fn seal(
    session: &Session,
    before: Moment,
    only: Option<&WriterId>,
    to: &Path,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    session.need_audit_key().await?;
    let before = before.from(session.governor.now());
    let mut segments = Vec::new();
    for (writer, _) in session.governor.audit_heads().await? {
        if only.is_some_and(|only| *only != writer) {
            continue;
        }
        if let Some(segment) = session.governor.seal_audit_segment(&session.actor, &writer, before).await? {
            let file =
                keep_segment(to, &segment).map_err(|error| Failure::usage(format!("`{}`: {error}", to.display())))?;
            segments.push(Row::of(&file, &segment));
        }
    }
    show(&Segments { outcome: "sealed", segments }, form, out)?;
    Ok(ExitCode::SUCCESS)
}

/// Drops what was sealed, in the order of the chains.
pub(super) async fn drop(
    session: &Session,
    files: &[PathBuf],
    yes: bool,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    session.need_audit_key().await?;
    let mut read = Vec::new();
    for file in files {
        read.push((file, open(file, session.audit_key.as_ref())?));
    }
    read.sort_by(|(_, one), (_, two)| {
        let key = |segment: &AuditSegment| (segment.header().writer.clone(), segment.header().after.sequence);
        key(one).cmp(&key(two))
    });
    let segments = read.iter().map(|(file, segment)| Row::of(file, segment)).collect();
    let mut told = Segments { outcome: "confirmation_needed", segments };
    if !confirmed(&told, yes, form)? {
        show(&told, form, out)?;
        return Ok(ExitCode::from(UNCONFIRMED));
    }
    let mut changed = false;
    for (file, segment) in &read {
        let committed = session.governor.drop_audit_segment(&session.actor, CommandId::random()?, segment).await;
        let committed = committed.map_err(|error| Failure::from(error).at(format!("`{}`", file.display())))?;
        changed |= committed.outcome == CommitOutcome::Done;
    }
    told.outcome = if changed { "done" } else { "unchanged" };
    show(&told, form, out)?;
    Ok(ExitCode::SUCCESS)
}

/// Whether the sealed files in a folder lead, chain by chain, from the beginning to where the store begins; what is wrong otherwise, by
/// writer.
pub(super) fn lacking(
    folder: &Path,
    key: Option<&AuditKey>,
    dropped: &BTreeMap<WriterId, AuditHead>,
) -> Result<BTreeMap<WriterId, String>, Failure> {
    let mut read: BTreeMap<(WriterId, u64), (PathBuf, AuditSegment)> = BTreeMap::new();
    let mut wrong = BTreeMap::new();
    let place = format!("`{}`", folder.display());
    let files = fs::read_dir(folder).map_err(|error| Failure::Usage(error.to_string()).at(&place))?;
    for file in files {
        let file = file?.path();
        if file.extension().is_some_and(|extension| extension == "jsonl") {
            let segment = open(&file, key)?;
            let header = segment.header();
            read.insert((header.writer.clone(), header.after.sequence), (file, segment));
        }
    }
    for (writer, through) in dropped {
        let mut at = AuditHead::EMPTY;
        while at.sequence < through.sequence {
            match read.get(&(writer.clone(), at.sequence)) {
                Some((_, segment)) if segment.header().after == at => at = segment.header().through,
                Some((file, _)) => {
                    wrong.insert(writer.clone(), format!("`{}` is of another chain", file.display()));
                    break;
                }
                None => {
                    let after = at.sequence;
                    wrong.insert(writer.clone(), format!("there is no file of what was dropped after record {after}"));
                    break;
                }
            }
        }
        if at.sequence >= through.sequence && at != *through {
            wrong
                .insert(writer.clone(), format!("the files do not lead to record {} of the journal", through.sequence));
        }
    }
    Ok(wrong)
}

fn open(file: &Path, key: Option<&AuditKey>) -> Result<AuditSegment, Failure> {
    let place = format!("`{}`", file.display());
    let bytes = fs::read(file).map_err(|error| Failure::Usage(error.to_string()).at(&place))?;
    AuditSegment::open(bytes, key).map_err(|error| Failure::Broken(format!("{place}: {error}")))
}

fn confirmed(told: &Segments, yes: bool, form: Form) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    let mut screen = io::stderr();
    if form == Form::Json || !io::stdin().is_terminal() || !screen.is_terminal() {
        return Ok(false);
    }
    told.text(&mut screen)?;
    write!(screen, "These records are deleted from the store; the files are then the only copy. Go on? [y/N] ")?;
    screen.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

impl Report for Segments {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["CHAIN", "RECORDS", "FROM", "UNTIL", "NO END OF", "FILE"]);
        for row in &self.segments {
            table.row([
                row.writer.to_string(),
                format!("{}-{}", row.first, row.last),
                row.from.to_string(),
                row.until.to_string(),
                count(row.unknown.len(), "call"),
                row.file.display().to_string(),
            ]);
        }
        table.write(out, "Nothing is old enough.")?;
        for row in &self.segments {
            for call in &row.unknown {
                writeln!(out, "{}: it is unknown how call {} ended", row.writer, plain(call.as_str()))?;
            }
        }
        match self.outcome {
            "done" => writeln!(out, "Dropped. Keep the files: they are the record of these calls."),
            "unchanged" => writeln!(out, "All of it was dropped before."),
            "confirmation_needed" => writeln!(out, "Not dropped: it was not confirmed (`--yes`)."),
            _ => Ok(()),
        }
    }
}
