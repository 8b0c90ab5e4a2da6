//! From columns to what the ports speak of. Whatever does not fit is corrupt: it is named, never skipped.

use std::time::Duration;

use mcp_govern_core::{
    CallId, DenialCode, Digest, TenantId, Timestamp,
    audit::RecordKind,
    journal::{Head, Revision, StoredCommit},
    ports::{AuditCursor, AuditFilter, AuditHead, AuditPage, StoreError, StoreErrorKind, StoredRecord, WriterId},
};
use sqlx::{ColumnIndex, Database, Decode, Encode, QueryBuilder, Row, Type};

/// The columns of a record, as both databases hold them.
#[derive(Debug)]
pub(crate) struct RecordColumns {
    pub(crate) sequence: i64,
    pub(crate) hash: Vec<u8>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) kind: i16,
    pub(crate) call: String,
    pub(crate) at: i64,
    pub(crate) user: Vec<u8>,
    pub(crate) server: Option<String>,
    pub(crate) tool: Option<String>,
    pub(crate) code: Option<String>,
}

impl RecordColumns {
    /// Takes a row apart, of either database.
    pub(crate) fn of<'r, R>(row: &'r R) -> Result<Self, sqlx::Error>
    where
        R: Row,
        &'static str: ColumnIndex<R>,
        i16: Decode<'r, R::Database> + Type<R::Database>,
        i64: Decode<'r, R::Database> + Type<R::Database>,
        String: Decode<'r, R::Database> + Type<R::Database>,
        Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    {
        Ok(Self {
            sequence: row.try_get("sequence")?,
            hash: row.try_get("hash")?,
            bytes: row.try_get("bytes")?,
            kind: row.try_get("kind")?,
            call: row.try_get("call")?,
            at: row.try_get("at")?,
            user: row.try_get("person")?,
            server: row.try_get("server")?,
            tool: row.try_get("tool")?,
            code: row.try_get("code")?,
        })
    }

    pub(crate) fn read(self) -> Result<StoredRecord, StoreError> {
        let sequence = number(self.sequence, "a sequence number")?;
        let refuse = |column: &str| corrupt(format!("record {sequence}: the column {column} is not readable"));
        let kind = kind_of(self.kind).ok_or_else(|| refuse("kind"))?;
        let call = CallId::new(&self.call).map_err(|error| refuse("call").with_source(error))?;
        let hash = digest(&self.hash).ok_or_else(|| refuse("hash"))?;
        let user = digest(&self.user).ok_or_else(|| refuse("user"))?;
        let at = Timestamp::from_millis(self.at);
        let mut record = StoredRecord::from_parts(sequence, hash, self.bytes, kind, call, at, user);
        record.server = self.server.map(|text| text.parse().map_err(|_| refuse("server"))).transpose()?;
        record.tool = self.tool.map(|text| text.parse().map_err(|_| refuse("tool"))).transpose()?;
        record.code = self.code.map(|text| code_of(&text).ok_or_else(|| refuse("code"))).transpose()?;
        Ok(record)
    }
}

/// Adds the conditions of a filter to a query for records; `WHERE` is there already.
pub(crate) fn narrow<DB>(query: &mut QueryBuilder<DB>, filter: &AuditFilter)
where
    DB: Database,
    i16: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
    String: for<'q> Encode<'q, DB> + Type<DB>,
    Vec<u8>: for<'q> Encode<'q, DB> + Type<DB>,
{
    if let Some(user) = &filter.user_hash {
        query.push(" AND person = ").push_bind(user.as_bytes().to_vec());
    }
    if let Some(server) = &filter.server {
        query.push(" AND server = ").push_bind(server.to_string());
    }
    if let Some(tool) = &filter.tool {
        query.push(" AND tool = ").push_bind(tool.to_string());
    }
    if let Some(code) = filter.code {
        query.push(" AND code = ").push_bind(code.as_str().to_owned());
    }
    if let Some(kind) = filter.kind {
        query.push(" AND kind = ").push_bind(kind_number(kind));
    }
    if let Some(call) = &filter.call {
        query.push(" AND call = ").push_bind(call.to_string());
    }
    if let Some(from) = filter.from {
        query.push(" AND at >= ").push_bind(from.as_millis());
    }
    if let Some(until) = filter.until {
        query.push(" AND at < ").push_bind(until.as_millis());
    }
}

/// The number under which a kind is stored. For ever: see `kinds_keep_their_numbers`.
pub(crate) fn kind_number(kind: RecordKind) -> i16 {
    match kind {
        RecordKind::Intent => 1,
        RecordKind::Outcome => 2,
        RecordKind::Denial => 3,
        RecordKind::Mark => 4,
    }
}

fn kind_of(number: i16) -> Option<RecordKind> {
    [RecordKind::Intent, RecordKind::Outcome, RecordKind::Denial, RecordKind::Mark]
        .into_iter()
        .find(|kind| kind_number(*kind) == number)
}

fn code_of(text: &str) -> Option<DenialCode> {
    DenialCode::ALL.iter().copied().find(|code| code.as_str() == text)
}

/// Where the journal stands, and a commit of it: revision, hash and bytes; no commit where there is none to read.
pub(crate) type CommitColumns = (i64, Option<i64>, Option<Vec<u8>>, Option<Vec<u8>>);

/// Commits as they were read: in order, without gaps. What follows a gap is left out; where the very first is missing
/// although the journal goes on, that is an error which names it.
pub(crate) fn commits(rows: Vec<CommitColumns>, after: Revision) -> Result<Vec<StoredCommit>, StoreError> {
    let mut due = after.next();
    let mut head = Revision::ZERO;
    let mut commits = Vec::with_capacity(rows.len());
    for (stands, revision, hash, bytes) in rows {
        head = Revision(number(stands, "a revision")?);
        let (Some(revision), Some(hash), Some(bytes)) = (revision, hash, bytes) else { break };
        if number(revision, "a revision")? != due.0 {
            break;
        }
        let hash =
            digest(&hash).ok_or_else(|| corrupt(format!("revision {due} of the journal: the hash is not readable")))?;
        commits.push(StoredCommit::from_parts(due, hash, bytes));
        due = due.next();
    }
    if commits.is_empty() && head > after {
        return Err(corrupt(format!("revision {due} of the journal is missing, although its head is {head}")));
    }
    Ok(commits)
}

/// A page out of `limit` rows and, where there are more, one more.
pub(crate) fn page(mut records: Vec<(WriterId, StoredRecord)>, limit: usize) -> AuditPage {
    let mut page = AuditPage::default();
    if records.len() > limit {
        records.truncate(limit);
        page.next = records.last().map(|(writer, record)| AuditCursor {
            at: record.at,
            writer: writer.clone(),
            sequence: record.sequence,
        });
    }
    page.records = records;
    page
}

pub(crate) fn writer(name: &str) -> Result<WriterId, StoreError> {
    WriterId::new(name).ok_or_else(|| corrupt("the name of a writer of audit records is not readable".to_owned()))
}

pub(crate) fn tenant(name: &str) -> Result<TenantId, StoreError> {
    TenantId::new(name).map_err(|error| corrupt("the name of a tenant is not readable".to_owned()).with_source(error))
}

pub(crate) fn digest(bytes: &[u8]) -> Option<Digest> {
    bytes.try_into().ok().map(Digest::from_bytes)
}

/// The head of a journal, from its columns.
pub(crate) fn head((revision, hash): (i64, Vec<u8>)) -> Result<Head, StoreError> {
    Ok(Head { revision: Revision(number(revision, "a revision")?), hash: head_digest(&hash)? })
}

pub(crate) fn head_digest(bytes: &[u8]) -> Result<Digest, StoreError> {
    digest(bytes).ok_or_else(|| corrupt("the hash of a head is not readable".to_owned()))
}

pub(crate) fn number(value: i64, what: &str) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| corrupt(format!("{what} in the store is negative: {value}")))
}

/// A number of ours as a column; beyond 2^63 nothing is ever stored, so the largest replaces it.
pub(crate) fn column(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A limit as a column.
pub(crate) fn limit(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A time to live in milliseconds.
pub(crate) fn millis(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn corrupt(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, message)
}

/// Whether records continue a chain at `sequence` one by one.
pub(crate) fn continues(records: &[StoredRecord], sequence: u64) -> Result<(), StoreError> {
    let mut due = sequence;
    for record in records {
        due = due.saturating_add(1);
        if record.sequence != due {
            let message = format!("record {} was given where {due} is due", record.sequence);
            return Err(StoreError::new(StoreErrorKind::Conflict, message));
        }
    }
    Ok(())
}

/// The head of the chain is not the one that the caller gave.
pub(crate) fn moved_on(writer: &WriterId, expected: AuditHead) -> StoreError {
    let message = format!("the chain of `{writer}` is not at record {} as given", expected.sequence);
    StoreError::new(StoreErrorKind::Conflict, message)
}

/// The chain does not hold the record up to which it is to be dropped.
pub(crate) fn not_held(writer: &WriterId, through: AuditHead) -> StoreError {
    let message = format!("the chain of `{writer}` does not hold record {} as given", through.sequence);
    StoreError::new(StoreErrorKind::Conflict, message)
}

/// The head of a writer's chain, from a row of all writers.
pub(crate) fn writer_head((name, sequence, hash): (String, i64, Vec<u8>)) -> Result<(WriterId, AuditHead), StoreError> {
    Ok((writer(&name)?, audit_head(Some((sequence, hash)))?))
}

/// The head of a chain, from the columns of its writer.
pub(crate) fn audit_head(columns: Option<(i64, Vec<u8>)>) -> Result<AuditHead, StoreError> {
    match columns {
        None => Ok(AuditHead::EMPTY),
        Some((sequence, hash)) => {
            Ok(AuditHead { sequence: number(sequence, "a sequence number")?, hash: head_digest(&hash)? })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> RecordColumns {
        RecordColumns {
            sequence: 7,
            hash: vec![1; 32],
            bytes: b"{}".to_vec(),
            kind: 3,
            call: "call-1".into(),
            at: 5,
            user: vec![2; 32],
            server: Some("ops".into()),
            tool: Some("ops/list_alerts".into()),
            code: Some("no_grant".into()),
        }
    }

    #[test]
    fn a_record_is_read_from_its_columns() {
        let record = columns().read().unwrap();
        assert_eq!((record.sequence, record.kind, record.code), (7, RecordKind::Denial, Some(DenialCode::NoGrant)));
        assert_eq!(record.tool.unwrap().to_string(), "ops/list_alerts");
    }

    #[test]
    fn every_unreadable_column_is_named_with_its_record() {
        type Spoil = fn(&mut RecordColumns);
        let spoil: [(&str, Spoil); 7] = [
            ("hash", |row| row.hash.truncate(31)),
            ("kind", |row| row.kind = 9),
            ("call", |row| row.call.clear()),
            ("user", |row| row.user.push(0)),
            ("server", |row| row.server = Some("No Server".into())),
            ("tool", |row| row.tool = Some("ops".into())),
            ("code", |row| row.code = Some("no_such_code".into())),
        ];
        for (column, spoil) in spoil {
            let mut row = columns();
            spoil(&mut row);
            let error = row.read().unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Corrupt);
            assert_eq!(error.to_string(), format!("record 7: the column {column} is not readable"));
        }
    }

    #[test]
    fn kinds_keep_their_numbers() {
        for (number, kind) in (1..).zip([RecordKind::Intent, RecordKind::Outcome, RecordKind::Denial, RecordKind::Mark])
        {
            assert_eq!((kind_number(kind), kind_of(number)), (number, Some(kind)));
        }
        assert_eq!(kind_of(0), None);
    }

    #[test]
    fn commits_end_before_a_gap_and_a_missing_first_one_is_named() {
        let row = |revision: i64| (6, Some(revision), Some(vec![0; 32]), Some(vec![b'x']));
        let read = |rows, after| commits(rows, Revision(after));
        assert_eq!(read(vec![row(3), row(4), row(6)], 2).unwrap().len(), 2);
        assert!(read(vec![(6, None, None, None)], 6).unwrap().is_empty());
        let missing = read(vec![row(6)], 4).unwrap_err();
        assert!(missing.kind() == StoreErrorKind::Corrupt && missing.to_string().contains("revision 5"), "{missing}");
        let newest = read(vec![(6, None, None, None)], 5).unwrap_err();
        assert!(newest.to_string().contains("revision 6"), "{newest}");
    }

    #[test]
    fn a_page_ends_where_the_next_one_starts() {
        let record = |sequence| {
            let mut row = columns();
            row.sequence = sequence;
            (WriterId::new("w").unwrap(), row.read().unwrap())
        };
        let cut = page(vec![record(3), record(2), record(1)], 2);
        assert_eq!((cut.records.len(), cut.next.unwrap().sequence), (2, 2));
        assert_eq!(page(vec![record(1)], 2).next, None);
        assert_eq!(page(vec![record(2), record(1)], 2).next, None);
    }

    #[test]
    fn records_that_leave_a_gap_are_not_appended() {
        let record = |sequence| {
            let mut row = columns();
            row.sequence = sequence;
            row.read().unwrap()
        };
        assert!(continues(&[record(4), record(5)], 3).is_ok());
        assert!(continues(&[record(4), record(6)], 3).is_err());
        assert!(continues(&[record(3)], 3).is_err());
    }
}
