//! Records of calls, and those whose end is not known.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use mcp_govern_core::{
    Digest, Sent, Timestamp,
    audit::{AuditRecord, CallIntent, CallResult, Caller, WriterMark},
    ports::{AuditFilter, StoredRecord, WriterId},
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    failure::Failure,
    serve::Form,
    store::{
        args::FilterArguments,
        output::{Report, Table, show},
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
    at: Timestamp,
    kind: &'static str,
    who: String,
    client: String,
    tool: String,
    result: String,
}

/// Which records are meant. A person is looked for by the hash under which the record names them.
pub(super) fn filter(session: &Session, wanted: &FilterArguments) -> Result<AuditFilter, Failure> {
    let mut filter = AuditFilter::new();
    if let Some(user) = &wanted.user {
        session.need_audit_key()?;
        filter.user_hash = Some(session.governor.user_hash(user));
    }
    filter.server.clone_from(&wanted.server);
    filter.tool.clone_from(&wanted.tool);
    filter.call.clone_from(&wanted.call);
    (filter.code, filter.kind) = (wanted.code, wanted.kind);
    Ok(filter)
}

/// Shows a page of records, newest first.
pub(super) async fn query(
    session: &Session,
    filter: AuditFilter,
    limit: usize,
    before: Option<&Cursor>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let before = before.map(|cursor| &cursor.0);
    let found = session.governor.audit(&session.actor, filter, before, limit.clamp(1, LARGEST)).await?;
    let next = found.next.map(|cursor| Cursor(cursor).to_string());
    show(&Page::of(&found.records, next)?, form, out)?;
    Ok(ExitCode::SUCCESS)
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
    show(&Page::of(&found, None)?, form, out)?;
    Ok(ExitCode::SUCCESS)
}

impl Page {
    fn of(records: &[(WriterId, StoredRecord)], next: Option<String>) -> Result<Self, Failure> {
        let raw = records.iter().map(|(writer, record)| raw(writer, record)).collect::<Result<_, _>>()?;
        Ok(Self { records: raw, next, rows: records.iter().map(|(_, record)| Row::of(record)).collect() })
    }
}

/// A record as a line of an export.
pub(super) fn raw(writer: &WriterId, record: &StoredRecord) -> Result<Box<RawValue>, Failure> {
    let line = record.to_json_line(writer).map_err(|error| Failure::Broken(error.to_string()))?;
    Ok(RawValue::from_string(line)?)
}

impl Report for Page {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Row::table();
        for row in &self.rows {
            table.row(row.cells());
        }
        table.write(out, "No such records.")?;
        match &self.next {
            Some(next) => writeln!(out, "\nOlder ones: --before {next}"),
            None => Ok(()),
        }
    }
}

impl Row {
    pub(super) fn of(record: &StoredRecord) -> Self {
        let empty = |kind| Self {
            at: record.at,
            kind,
            who: "-".to_owned(),
            client: "-".to_owned(),
            tool: record.tool.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            result: String::new(),
        };
        let Ok(opened) = record.open() else {
            return Self { result: format!("record {} cannot be read", record.sequence), ..empty("DAMAGED") };
        };
        match opened.entry {
            AuditRecord::Intent(intent) => Self {
                who: who(&intent.caller),
                client: intent.caller.client.clone(),
                result: begins(&intent),
                ..empty("intent")
            },
            AuditRecord::Outcome(outcome) => Self {
                who: hashed(&outcome.user),
                result: format!("{}, {} ms", ended(&outcome.result), outcome.latency_ms),
                ..empty("outcome")
            },
            AuditRecord::Denial(denial) => Self {
                who: who(&denial.caller),
                client: denial.caller.client.clone(),
                tool: denial.tool.as_ref().map_or_else(|| denial.name.clone(), ToString::to_string),
                result: denial.code.to_string(),
                ..empty("denial")
            },
            AuditRecord::Mark(mark) => Self { result: marked(&mark), ..empty("mark") },
            _ => empty("unknown"),
        }
    }

    pub(super) fn table() -> Table {
        Table::new(["TIME", "KIND", "WHO", "CLIENT", "TOOL", "RESULT"])
    }

    pub(super) fn cells(&self) -> [String; 6] {
        [
            self.at.to_string(),
            self.kind.to_owned(),
            self.who.clone(),
            self.client.clone(),
            self.tool.clone(),
            self.result.clone(),
        ]
    }
}

/// How a call begins; arguments that are too long for a record are named by their length.
fn begins(intent: &CallIntent) -> String {
    let left_out = intent.arguments_bytes.map(|bytes| format!(", {bytes} bytes of arguments not kept"));
    format!("begins, grant {}{}", intent.grant, left_out.unwrap_or_default())
}

fn who(caller: &Caller) -> String {
    caller.user_name.clone().unwrap_or_else(|| hashed(&caller.user))
}

/// A person by the hash under which the record names them.
fn hashed(user: &Digest) -> String {
    format!("#{}", user.to_string().chars().skip("sha256:".len()).take(12).collect::<String>())
}

fn ended(result: &CallResult) -> String {
    match result {
        CallResult::Success { bytes, .. } => format!("success, {bytes} bytes"),
        CallResult::Failure { kind, sent, status } => {
            let status = status.map_or_else(String::new, |status| format!(" {status}"));
            format!("failed: {}{status}, {}", kind.as_str(), acted(*sent))
        }
        CallResult::Denied { code, sent } => format!("{code}, {}", acted(*sent)),
        CallResult::Abandoned { sent } => format!("abandoned, {}", acted(*sent)),
        _ => "ended".to_owned(),
    }
}

/// Whether the vendor may have acted.
fn acted(sent: Sent) -> &'static str {
    match sent {
        Sent::No => "not sent",
        Sent::Maybe => "perhaps sent",
        Sent::Yes => "sent",
    }
}

fn marked(mark: &WriterMark) -> String {
    match mark {
        WriterMark::Opened { revision, .. } => format!("the writer begins, at revision {revision}"),
        WriterMark::DenialsLost { count, user: None } => format!("{count} denials came too fast to be written"),
        WriterMark::DenialsLost { count, user: Some(user) } => {
            format!("{count} more denials of {} are counted here and not recorded one by one", hashed(user))
        }
        WriterMark::Closed => "the writer ends in order".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
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
