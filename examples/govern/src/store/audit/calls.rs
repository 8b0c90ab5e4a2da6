//! Calls for people: one line each, from the record of its beginning and the one of its end.

use std::collections::BTreeMap;

use mcp_govern_core::{
    CallId, Timestamp,
    audit::{AuditRecord, RecordKind},
    ports::{AuditCursor, AuditFilter, StoredRecord, WriterId},
};

use super::{
    clients::Clients,
    names::Names,
    records::{Row, ended},
};
use crate::{
    failure::Failure,
    store::{
        output::{Table, or_dash},
        session::Session,
    },
};

/// How many records are read at once.
const PAGE: usize = 512;

/// A call, or something else that is on record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// When the call began.
    at: Timestamp,
    who: String,
    client: String,
    tool: String,
    result: String,
    milliseconds: Option<u64>,
    call: Option<CallId>,
}

impl Line {
    /// A call by the records of its beginning and its end, as far as they are there.
    pub(super) fn of_call(begin: Option<&StoredRecord>, end: Option<&StoredRecord>, names: &Names) -> Option<Self> {
        let mut line = Self::of_record(begin.or(end)?, names);
        if begin.is_some() {
            "no end on record".clone_into(&mut line.result);
        }
        if let Some(end) = end {
            match end.open().map(|opened| opened.entry) {
                Ok(AuditRecord::Outcome(outcome)) => {
                    line.result = ended(&outcome.result);
                    line.milliseconds = Some(outcome.latency_ms);
                }
                _ => line.result = Row::of(end, names).result,
            }
        }
        Some(line)
    }

    /// Anything else that is on record.
    pub(super) fn of_record(record: &StoredRecord, names: &Names) -> Self {
        let Row { at, who, client, tool, result, .. } = Row::of(record, names);
        let call = (record.kind != RecordKind::Mark).then(|| record.call.clone());
        Self { at, who, client, tool, result, milliseconds: None, call }
    }

    pub(super) fn table() -> Table {
        Table::new(["TIME", "WHO", "CLIENT", "TOOL", "RESULT", "MS", "CALL"])
    }

    pub(super) fn cells(&self) -> [String; 7] {
        [
            self.at.to_string(),
            self.who.clone(),
            self.client.clone(),
            self.tool.clone(),
            self.result.clone(),
            or_dash(self.milliseconds),
            or_dash(self.call.as_ref()),
        ]
    }
}

/// Finds calls whose records pass a filter.
pub(super) struct Calls<'a> {
    session: &'a Session,
    filter: &'a AuditFilter,
    clients: &'a Clients,
    names: &'a Names,
    /// Up to here each chain counts; all of it where nothing is said.
    upto: Option<&'a BTreeMap<WriterId, u64>>,
}

impl<'a> Calls<'a> {
    pub(super) fn new(session: &'a Session, filter: &'a AuditFilter, clients: &'a Clients, names: &'a Names) -> Self {
        Self { session, filter, clients, names, upto: None }
    }

    /// Without what came after these places of the chains.
    pub(super) fn with_upto(mut self, upto: &'a BTreeMap<WriterId, u64>) -> Self {
        self.upto = Some(upto);
        self
    }

    /// At most so many lines, newest first, each call at its end; and where to go on.
    pub(super) async fn page(
        &self,
        before: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<(Vec<Line>, Option<AuditCursor>), Failure> {
        let (mut lines, mut cursor) = (Vec::new(), before.cloned());
        loop {
            let page =
                self.session.governor.audit(&self.session.actor, self.filter.clone(), cursor.as_ref(), PAGE).await?;
            for (writer, record) in &page.records {
                if lines.len() >= limit {
                    return Ok((lines, cursor));
                }
                if self.upto.is_none_or(|upto| upto.get(writer).is_some_and(|last| record.sequence <= *last)) {
                    lines.extend(self.line(record, &page.records).await?);
                }
                cursor = Some(AuditCursor { at: record.at, writer: writer.clone(), sequence: record.sequence });
            }
            if page.next.is_none() {
                return Ok((lines, None));
            }
            cursor = page.next;
        }
    }

    /// The line of a record; none for the beginning of a call that is shown at its end.
    async fn line(&self, record: &StoredRecord, near: &[(WriterId, StoredRecord)]) -> Result<Option<Line>, Failure> {
        match record.kind {
            RecordKind::Outcome => {
                let begin = self.other(&record.call, RecordKind::Intent, near).await?;
                if !self.clients.take(begin.as_ref().unwrap_or(record)) {
                    return Ok(None);
                }
                Ok(Line::of_call(begin.as_ref(), Some(record), self.names))
            }
            RecordKind::Intent | RecordKind::Denial | RecordKind::Mark if !self.clients.take(record) => Ok(None),
            RecordKind::Intent => {
                let end = self.other(&record.call, RecordKind::Outcome, near).await?;
                if end.as_ref().is_some_and(|end| self.filter.matches(end)) {
                    return Ok(None);
                }
                Ok(Line::of_call(Some(record), end.as_ref(), self.names))
            }
            RecordKind::Denial | RecordKind::Mark => Ok(Some(Line::of_record(record, self.names))),
        }
    }

    /// The record of the other end of a call.
    pub(super) async fn other(
        &self,
        call: &CallId,
        kind: RecordKind,
        near: &[(WriterId, StoredRecord)],
    ) -> Result<Option<StoredRecord>, Failure> {
        if let Some((_, found)) = near.iter().find(|(_, record)| record.kind == kind && record.call == *call) {
            return Ok(Some(found.clone()));
        }
        let mut filter = AuditFilter::new();
        (filter.call, filter.kind) = (Some(call.clone()), Some(kind));
        let page = self.session.governor.audit(&self.session.actor, filter, None, 1).await?;
        Ok(page.records.into_iter().next().map(|(_, record)| record))
    }
}
