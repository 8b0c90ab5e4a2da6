//! Records of calls, and those whose end is not known.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use mcp_govern_core::{
    CallId, Sent, Timestamp,
    audit::{AuditRecord, CallIntent, CallResult, RecordKind, WriterMark},
    ports::{AuditFilter, StoredRecord, WriterId},
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    calls::{Calls, Line},
    clients::{self, Clients},
    names::Names,
};
use crate::{
    failure::Failure,
    serve::Form,
    store::{
        args::FilterArguments,
        output::{Report, Table, or_dash, show},
        parse::{Cursor, Moment},
        session::Session,
    },
};

/// How many records of a page there may be.
const LARGEST: usize = 10_000;

/// A page of records.
#[derive(Debug, Serialize)]
struct Page {
    /// Each as an export has it.
    records: Vec<Box<RawValue>>,
    /// What `--before` takes to go on.
    next: Option<String>,
    #[serde(skip)]
    rows: Vec<Row>,
}

/// A record, for people.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) at: Timestamp,
    kind: &'static str,
    pub(super) who: String,
    pub(super) client: String,
    pub(super) tool: String,
    pub(super) result: String,
    call: Option<CallId>,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Each {
    /// A call, from its beginning to its end.
    Call,
    /// A record.
    Record,
}

/// What a line is by the command line: a record where records are asked for, or those of one kind.
pub(super) fn each(records: bool, filter: &FilterArguments) -> Each {
    if records || filter.kind.is_some() { Each::Record } else { Each::Call }
}

/// Shows a page of calls or records, newest first.
#[expect(clippy::too_many_arguments, reason = "each is one part of the command line")]
pub(super) async fn query(
    session: &Session,
    filter: &AuditFilter,
    clients: &Clients,
    each: Each,
    names: &Names,
    limit: usize,
    before: Option<&Cursor>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let (before, limit) = (before.map(|cursor| &cursor.0), limit.clamp(1, LARGEST));
    if (form, each) == (Form::Text, Each::Call) {
        let (lines, next) = Calls::new(session, filter, clients, names).page(before, limit).await?;
        let mut table = Line::table();
        for line in &lines {
            table.row(line.cells());
        }
        table.write(out, "No such calls.")?;
        more(next.map(|cursor| Cursor(cursor).to_string()).as_ref(), out)?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    let (mut records, mut cursor) = (Vec::new(), before.cloned());
    loop {
        let left = limit.saturating_sub(records.len());
        let page = session.governor.audit(&session.actor, filter.clone(), cursor.as_ref(), left).await?;
        records.extend(page.records.into_iter().filter(|(_, record)| clients.take(record)));
        cursor = page.next;
        if cursor.is_none() || records.len() >= limit {
            break;
        }
    }
    let next = cursor.map(|cursor| Cursor(cursor).to_string());
    show(&Page::of(&records, names, next)?, form, out)?;
    Ok(ExitCode::SUCCESS)
}

/// Says how to go on.
fn more(next: Option<&String>, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    match next {
        Some(next) => writeln!(out, "\nOlder ones: --before {next}"),
        None => Ok(()),
    }
}

/// Shows the calls of which no end is on record.
pub(super) async fn unknown(
    session: &Session,
    since: Moment,
    older_than: Duration,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let now = session.governor.now();
    let (from, until) = (since.from(now), Moment::Ago(older_than).from(now));
    let found = session.governor.unknown_outcomes(&session.actor, from, until).await?;
    let names = Names::of(session, None).await?;
    show(&Page::of(&found, &names, None)?, form, out)?;
    Ok(ExitCode::SUCCESS)
}

impl Page {
    fn of(records: &[(WriterId, StoredRecord)], names: &Names, next: Option<String>) -> Result<Self, Failure> {
        let raw = records.iter().map(|(writer, record)| raw(writer, record, names)).collect::<Result<_, _>>()?;
        Ok(Self { records: raw, next, rows: records.iter().map(|(_, record)| Row::of(record, names)).collect() })
    }
}

/// A record as a line of an export, which keeps its bytes, with the person's name as `person` behind it where that is known.
pub(super) fn raw(writer: &WriterId, record: &StoredRecord, names: &Names) -> Result<Box<RawValue>, Failure> {
    let line = record.to_json_line(writer).map_err(|error| Failure::Broken(error.to_string()))?;
    let line = match (names.of_record(record), line.strip_suffix('}')) {
        (Some(name), Some(open)) => format!("{open},\"person\":{}}}", serde_json::to_string(name)?),
        _ => line,
    };
    Ok(RawValue::from_string(line)?)
}

impl Report for Page {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Row::table();
        for row in &self.rows {
            table.row(row.cells());
        }
        table.write(out, "No such records.")?;
        more(self.next.as_ref(), out)
    }
}

impl Row {
    pub(super) fn of(record: &StoredRecord, names: &Names) -> Self {
        let empty = |kind| Self {
            at: record.at,
            kind,
            who: "-".to_owned(),
            client: "-".to_owned(),
            tool: record.tool.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            result: String::new(),
            call: (record.kind != RecordKind::Mark).then(|| record.call.clone()),
        };
        let Ok(opened) = record.open() else {
            return Self { result: format!("record {} cannot be read", record.sequence), ..empty("DAMAGED") };
        };
        match opened.entry {
            AuditRecord::Intent(intent) => Self {
                who: names.caller(&intent.caller),
                client: clients::client(&intent.caller),
                result: begins(&intent),
                ..empty("intent")
            },
            AuditRecord::Outcome(outcome) => Self {
                who: names.shown(&outcome.user),
                result: format!("{}, {} ms", ended(&outcome.result), outcome.latency_ms),
                ..empty("outcome")
            },
            AuditRecord::Denial(denial) => Self {
                who: names.caller(&denial.caller),
                client: clients::client(&denial.caller),
                tool: denial.tool.as_ref().map_or_else(|| denial.name.clone(), ToString::to_string),
                result: denial.code.to_string(),
                ..empty("denial")
            },
            AuditRecord::Mark(mark) => Self { result: marked(&mark, names), ..empty("mark") },
            _ => empty("unknown"),
        }
    }

    pub(super) fn table() -> Table {
        Table::new(["TIME", "KIND", "WHO", "CLIENT", "TOOL", "RESULT", "CALL"])
    }

    pub(super) fn cells(&self) -> [String; 7] {
        [
            self.at.to_string(),
            self.kind.to_owned(),
            self.who.clone(),
            self.client.clone(),
            self.tool.clone(),
            self.result.clone(),
            or_dash(self.call.as_ref()),
        ]
    }
}

/// How a call begins; arguments that are too long for a record are named by their length.
fn begins(intent: &CallIntent) -> String {
    let left_out = intent.arguments_bytes.map(|bytes| format!(", {bytes} bytes of arguments not kept"));
    format!("begins, grant {}{}", intent.grant, left_out.unwrap_or_default())
}

/// How a call ended.
pub(super) fn ended(result: &CallResult) -> String {
    match result {
        CallResult::Success { bytes, .. } => format!("success, {bytes} bytes"),
        CallResult::Failure { kind, sent, status } => {
            let status = status.map_or_else(String::new, |status| format!(" {status}"));
            format!("failed: {}{status}, {}", kind.as_str(), was_sent(*sent))
        }
        CallResult::Denied { code, sent } => format!("{code}, {}", was_sent(*sent)),
        CallResult::Abandoned { sent } => format!("abandoned, {}", was_sent(*sent)),
        _ => "ended".to_owned(),
    }
}

/// Whether the vendor may have acted.
fn was_sent(sent: Sent) -> &'static str {
    match sent {
        Sent::No => "not sent",
        Sent::Maybe => "perhaps sent",
        Sent::Yes => "sent",
    }
}

fn marked(mark: &WriterMark, names: &Names) -> String {
    match mark {
        WriterMark::Opened { revision, .. } => format!("the writer begins, at revision {revision}"),
        WriterMark::DenialsLost { count, user: None } => format!("{count} denials came too fast to be written"),
        WriterMark::DenialsLost { count, user: Some(user) } => {
            format!("{count} more denials of {} are counted here and not recorded one by one", names.shown(user))
        }
        WriterMark::Closed => "the writer ends in order".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::Digest;
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_that_the_record_does_not_hold_are_named_by_their_length() {
        let mut intent = json!({
            "call": "call-1", "caller": {"user": Digest::ZERO, "client": "desktop"}, "tool": "acme/list_pages",
            "digest": Digest::ZERO, "grant": "g-1", "profile": "staff", "revision": 1, "arguments": {"page_id": "p1"},
            "arguments_digest": Digest::ZERO, "credential": {"sharing": "shared"},
        });
        assert_eq!(begins(&serde_json::from_value(intent.clone()).unwrap()), "begins, grant g-1");
        (intent["arguments"], intent["arguments_bytes"]) = (json!(null), json!(900_000));
        let told = begins(&serde_json::from_value(intent).unwrap());
        assert_eq!(told, "begins, grant g-1, 900000 bytes of arguments not kept");
    }
}
