//! The newest records, and those that come.

use std::{collections::BTreeMap, io::Write, process::ExitCode, time::Duration};

use mcp_govern_core::{
    CallId,
    audit::RecordKind,
    ports::{AuditFilter, StoredRecord, WriterId},
};

use super::{
    calls::{Calls, Line},
    clients::Clients,
    filter,
    names::Names,
    records::{Each, Row, raw},
};
use crate::{
    failure::Failure,
    serve::Form,
    store::{
        args::FilterArguments,
        output::{line, plain},
        session::Session,
    },
};

/// How often is looked for new records.
const PAUSE: Duration = Duration::from_secs(1);

/// After so many looks a call is shown although it has not ended.
const LOOKS: u32 = 10;

/// How many records are read at once.
const PAGE: usize = 512;

/// Shows the newest calls or records, oldest first, and then each new one.
pub(super) async fn run(
    session: &Session,
    wanted: &FilterArguments,
    each: Each,
    count: usize,
    follow: bool,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let filter = filter::of(session, wanted).await?;
    let names = Names::of(session, wanted.user.as_ref()).await?;
    // Asked before the records: what comes in between is shown once, by what follows.
    let heads = session.governor.audit_heads().await?;
    let mut shown: BTreeMap<WriterId, u64> = heads.into_iter().map(|(writer, head)| (writer, head.sequence)).collect();
    let clients = Clients::of(wanted);
    let mut show =
        Show { session, filter: &filter, clients: &clients, names: &names, form, each, begun: BTreeMap::new() };
    show.newest(&mut shown, count, out).await?;
    out.flush()?;
    if !follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        tokio::time::sleep(PAUSE).await;
        let new = since(session, &filter, &mut shown).await?;
        show.come(&new, out).await?;
        out.flush()?;
    }
}

/// Shows what is on record, as it comes.
struct Show<'a> {
    session: &'a Session,
    filter: &'a AuditFilter,
    clients: &'a Clients,
    names: &'a Names,
    form: Form,
    each: Each,
    /// Calls whose end has not come, and how often was looked for it.
    begun: BTreeMap<CallId, (StoredRecord, u32)>,
}

impl Show<'_> {
    /// The newest that are there, oldest first.
    async fn newest(
        &self,
        shown: &mut BTreeMap<WriterId, u64>,
        count: usize,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        if (self.form, self.each) == (Form::Text, Each::Call) {
            let calls = Calls::new(self.session, self.filter, self.clients, self.names).with_upto(shown);
            let (lines, _) = calls.page(None, count).await?;
            return lines.iter().rev().try_for_each(|line| write_line(line, out));
        }
        let page = self.session.governor.audit(&self.session.actor, self.filter.clone(), None, count.max(1)).await?;
        for (writer, record) in page.records.iter().rev().skip(usize::from(count == 0)) {
            if self.clients.take(record) {
                self.record(writer, record, out)?;
            }
            let at = shown.entry(writer.clone()).or_default();
            *at = (*at).max(record.sequence);
        }
        Ok(())
    }

    /// Those that came since the last look. A call is shown at its end; one that takes long, at its beginning, too.
    async fn come(&mut self, new: &[(WriterId, StoredRecord)], out: &mut impl Write) -> Result<(), Failure> {
        for (writer, record) in new {
            match (self.form, self.each, record.kind) {
                (Form::Text, Each::Call, RecordKind::Intent) if self.clients.take(record) => {
                    self.begun.insert(record.call.clone(), (record.clone(), 0));
                }
                (Form::Text, Each::Call, RecordKind::Outcome) => {
                    let begin = if let Some((begin, _)) = self.begun.remove(&record.call) {
                        Some(begin)
                    } else {
                        let calls = Calls::new(self.session, self.filter, self.clients, self.names);
                        calls.other(&record.call, RecordKind::Intent, &[]).await?
                    };
                    if self.clients.take(begin.as_ref().unwrap_or(record))
                        && let Some(line) = Line::of_call(begin.as_ref(), Some(record), self.names)
                    {
                        write_line(&line, out)?;
                    }
                }
                _ if !self.clients.take(record) => {}
                (Form::Text, Each::Call, _) => write_line(&Line::of_record(record, self.names), out)?,
                _ => self.record(writer, record, out)?,
            }
        }
        for (begin, looks) in self.begun.values_mut() {
            *looks = looks.saturating_add(1);
            if *looks == LOOKS
                && let Some(line) = Line::of_call(Some(begin), None, self.names)
            {
                write_line(&line, out)?;
            }
        }
        // What has no end by now is asked for in the store, should it end after all.
        self.begun.retain(|_, (_, looks)| *looks < LOOKS);
        Ok(())
    }

    fn record(&self, writer: &WriterId, record: &StoredRecord, out: &mut impl Write) -> Result<(), Failure> {
        match self.form {
            Form::Json => line(&raw(writer, record, self.names)?, out),
            Form::Text => {
                let [at, kind, who, client, tool, result, call] =
                    Row::of(record, self.names).cells().map(|cell| plain(&cell));
                Ok(writeln!(out, "{at}  {kind:<7}  {who}  {client}  {tool}  {result}  {call}")?)
            }
        }
    }
}

fn write_line(line: &Line, out: &mut impl Write) -> Result<(), Failure> {
    let [at, who, client, tool, result, milliseconds, call] = line.cells().map(|cell| plain(&cell));
    let duration = if milliseconds == "-" { milliseconds } else { format!("{milliseconds} ms") };
    Ok(writeln!(out, "{at}  {who}  {client}  {tool}  {result}  {duration}  {call}")?)
}

/// The records that came since the last look, in the order of their times.
async fn since(
    session: &Session,
    filter: &AuditFilter,
    shown: &mut BTreeMap<WriterId, u64>,
) -> Result<Vec<(WriterId, StoredRecord)>, Failure> {
    let mut new = Vec::new();
    for (writer, head) in session.governor.audit_heads().await? {
        let at = shown.entry(writer.clone()).or_default();
        while *at < head.sequence {
            let page = session.governor.audit_chain(&session.actor, &writer, *at, PAGE).await?;
            let Some(last) = page.last().map(|record| record.sequence).filter(|last| *last > *at) else { break };
            *at = last;
            new.extend(page.into_iter().filter(|record| filter.matches(record)).map(|record| (writer.clone(), record)));
        }
    }
    new.sort_by_key(|(_, record)| record.at);
    Ok(new)
}
