//! The newest records, and those that come.

use std::{collections::BTreeMap, io::Write, process::ExitCode, time::Duration};

use mcp_govern_core::ports::{AuditFilter, StoredRecord, WriterId};

use super::records::{self, Row, raw};
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

/// How many records are read at once.
const PAGE: usize = 512;

/// Shows the newest records, oldest first, and then each new one.
pub(super) async fn run(
    session: &Session,
    wanted: &FilterArguments,
    count: usize,
    follow: bool,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let filter = records::filter(session, wanted)?;
    // Asked before the records: what comes in between is shown once more by neither.
    let heads = session.governor.audit_heads().await?;
    let mut shown: BTreeMap<WriterId, u64> = heads.into_iter().map(|(writer, head)| (writer, head.sequence)).collect();
    let page = session.governor.audit(&session.actor, filter.clone(), None, count.max(1)).await?;
    for (writer, record) in page.records.iter().rev().skip(usize::from(count == 0)) {
        write(writer, record, form, out)?;
        let at = shown.entry(writer.clone()).or_default();
        *at = (*at).max(record.sequence);
    }
    out.flush()?;
    if !follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        tokio::time::sleep(PAUSE).await;
        for (writer, record) in since(session, &filter, &mut shown).await? {
            write(&writer, &record, form, out)?;
        }
        out.flush()?;
    }
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

fn write(writer: &WriterId, record: &StoredRecord, form: Form, out: &mut impl Write) -> Result<(), Failure> {
    match form {
        Form::Json => line(&raw(writer, record)?, out),
        Form::Text => {
            let [at, kind, who, client, tool, result] = Row::of(record).cells().map(|cell| plain(&cell));
            Ok(writeln!(out, "{at}  {kind:<7}  {who}  {client}  {tool}  {result}")?)
        }
    }
}
