use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_core::{
    DenialCode, ServerId,
    ports::{AuditCursor, AuditFilter, AuditHead, AuditLog, AuditPage, StoreError, StoredRecord, WriterId},
};
use sqlx::{Postgres, QueryBuilder, Row as _, postgres::PgRow};

use super::{
    database::{Database, within},
    fault::{Access, unreachable},
};
use crate::rows::{self, RecordColumns};

/// The audit log of one tenant in the database.
#[derive(Debug)]
pub(crate) struct PostgresAuditLog {
    database: Arc<Database>,
    tenant: i64,
}

impl PostgresAuditLog {
    pub(crate) fn new(database: Arc<Database>, tenant: i64) -> Self {
        Self { database, tenant }
    }

    /// The row of a new writer. It says nothing but the name, so that it may be there without a record.
    async fn begin(&self, writer: &WriterId) -> Result<(), StoreError> {
        let mut lent = self.database.lend(Access::Read, "beginning a chain of audit records").await?;
        let insert = sqlx::query("INSERT INTO writer (tenant, name) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(self.tenant)
            .bind(writer.as_str());
        let insert = within(lent.timeout, insert.execute(lent.connection())).await;
        lent.settle(insert).map(|_| ())
    }
}

#[async_trait]
impl AuditLog for PostgresAuditLog {
    async fn head(&self, writer: &WriterId) -> Result<AuditHead, StoreError> {
        let mut lent = self.database.lend(Access::Read, "reading the head of a chain of audit records").await?;
        let read = sqlx::query_as("SELECT sequence, hash FROM writer WHERE tenant = $1 AND name = $2")
            .bind(self.tenant)
            .bind(writer.as_str());
        let read = within(lent.timeout, read.fetch_optional(lent.connection())).await;
        rows::audit_head(lent.settle(read)?)
    }

    /// One statement however many records: the row of the writer is what two appends meet on.
    async fn append(&self, writer: &WriterId, expected: AuditHead, records: &[StoredRecord]) -> Result<(), StoreError> {
        rows::continues(records, expected.sequence)?;
        let Some(last) = records.last() else {
            let stands = self.head(writer).await? == expected;
            return if stands { Ok(()) } else { Err(rows::moved_on(writer, expected)) };
        };
        if expected == AuditHead::EMPTY {
            self.begin(writer).await?;
        }
        let mut lent = self.database.lend(Access::Write, "appending audit records").await?;
        let append = sqlx::query(
            "WITH moved AS (UPDATE writer SET sequence = $1, hash = $2 \
             WHERE tenant = $3 AND name = $4 AND sequence = $5 AND hash = $6 RETURNING id) \
             INSERT INTO record (tenant, writer, sequence, hash, bytes, kind, call, at, person, server, tool, code) \
             SELECT $3, moved.id, added.* FROM moved, \
             unnest($7::bigint[], $8::bytea[], $9::bytea[], $10::smallint[], $11::text[], $12::bigint[], $13::bytea[], \
             $14::text[], $15::text[], $16::text[]) AS added",
        )
        .bind(rows::column(last.sequence))
        .bind(last.hash.as_bytes().as_slice())
        .bind(self.tenant)
        .bind(writer.as_str())
        .bind(rows::column(expected.sequence))
        .bind(expected.hash.as_bytes().as_slice())
        .bind(column(records, |record| rows::column(record.sequence)))
        .bind(column(records, |record| record.hash.as_bytes().as_slice()))
        .bind(column(records, |record| &*record.bytes))
        .bind(column(records, |record| rows::kind_number(record.kind)))
        .bind(column(records, |record| record.call.as_str()))
        .bind(column(records, |record| record.at.as_millis()))
        .bind(column(records, |record| record.user.as_bytes().as_slice()))
        .bind(column(records, |record| record.server.as_ref().map(ServerId::as_str)))
        .bind(column(records, |record| record.tool.as_ref().map(ToString::to_string)))
        .bind(column(records, |record| record.code.map(DenialCode::as_str)));
        let append = within(lent.timeout, append.execute(lent.connection())).await;
        match lent.settle(append)?.rows_affected() {
            0 => Err(rows::moved_on(writer, expected)),
            _ => Ok(()),
        }
    }

    async fn read(&self, writer: &WriterId, after: u64, limit: usize) -> Result<Vec<StoredRecord>, StoreError> {
        let mut lent = self.database.lend(Access::Read, "reading audit records").await?;
        let read = sqlx::query(
            "SELECT sequence, hash, bytes, kind, call, at, person, server, tool, code FROM record \
             WHERE writer = (SELECT id FROM writer WHERE tenant = $1 AND name = $2) AND tenant = $1 AND sequence > $3 \
             ORDER BY sequence LIMIT $4",
        )
        .bind(self.tenant)
        .bind(writer.as_str())
        .bind(rows::column(after))
        .bind(rows::limit(limit));
        let read = within(lent.timeout, read.fetch_all(lent.connection())).await;
        lent.settle(read)?.iter().map(|row| record(row)?.read()).collect()
    }

    async fn heads(&self) -> Result<Vec<(WriterId, AuditHead)>, StoreError> {
        let mut lent = self.database.lend(Access::Read, "reading the heads of the chains of audit records").await?;
        let read = sqlx::query_as(
            "SELECT name, sequence, hash FROM writer WHERE tenant = $1 AND sequence > 0 ORDER BY name COLLATE \"C\"",
        )
        .bind(self.tenant);
        let read = within(lent.timeout, read.fetch_all(lent.connection())).await;
        let heads: Vec<(String, i64, Vec<u8>)> = lent.settle(read)?;
        heads.into_iter().map(rows::writer_head).collect()
    }

    async fn writers(&self) -> Result<Vec<WriterId>, StoreError> {
        let mut lent = self.database.lend(Access::Read, "reading the writers of audit records").await?;
        let read = sqlx::query_scalar(
            "SELECT name FROM writer WHERE tenant = $1 AND sequence > 0 ORDER BY name COLLATE \"C\"",
        )
        .bind(self.tenant);
        let read = within(lent.timeout, read.fetch_all(lent.connection())).await;
        let names: Vec<String> = lent.settle(read)?;
        names.iter().map(|name| rows::writer(name)).collect()
    }

    /// One statement, all parts of which see the records as they were before it.
    async fn drop_through(&self, writer: &WriterId, through: AuditHead) -> Result<u64, StoreError> {
        let mut lent = self.database.lend(Access::Write, "dropping audit records").await?;
        let dropped = sqlx::query_as(
            "WITH chain AS (SELECT id FROM writer WHERE tenant = $1 AND name = $2 AND sequence >= $3), \
             old AS (SELECT record.sequence, record.hash FROM record JOIN chain ON record.writer = chain.id \
             WHERE record.sequence <= $3), \
             gone AS (DELETE FROM record USING chain WHERE record.writer = chain.id AND record.sequence <= $3 \
             AND EXISTS (SELECT FROM old WHERE old.sequence = $3 AND old.hash = $4) RETURNING 1) \
             SELECT (SELECT count(*) FROM chain), (SELECT count(*) FROM old), (SELECT count(*) FROM gone)",
        )
        .bind(self.tenant)
        .bind(writer.as_str())
        .bind(rows::column(through.sequence))
        .bind(through.hash.as_bytes().as_slice());
        let dropped = within(lent.timeout, dropped.fetch_one(lent.connection())).await;
        let (chains, old, gone): (i64, i64, i64) = lent.settle(dropped)?;
        if chains == 0 || old != gone {
            return Err(rows::not_held(writer, through));
        }
        rows::number(gone, "a number of records")
    }

    async fn query(
        &self,
        filter: &AuditFilter,
        before: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        filter.check_answerable()?;
        if limit == 0 {
            return Ok(AuditPage::default());
        }
        let mut lent = self.database.lend(Access::Read, LOOKING).await?;
        let mut query = query(self.tenant, filter, before, limit);
        let found = within(lent.timeout, query.build().fetch_all(lent.connection())).await;
        let found = lent.settle(found)?;
        let read = |row: &PgRow| {
            let name: &str = row.try_get("name").map_err(|error| unreachable(error, LOOKING))?;
            Ok((rows::writer(name)?, record(row)?.read()?))
        };
        Ok(rows::page(found.iter().map(read).collect::<Result<_, StoreError>>()?, limit))
    }
}

const LOOKING: &str = "looking for audit records";

/// The newest first; of one moment by writer and place.
fn query(tenant: i64, filter: &AuditFilter, before: Option<&AuditCursor>, limit: usize) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(
        "SELECT writer.name, record.sequence, record.hash, record.bytes, kind, call, at, person, server, tool, code \
         FROM record JOIN writer ON writer.id = record.writer WHERE record.tenant = ",
    );
    query.push_bind(tenant);
    rows::narrow(&mut query, filter);
    if let Some(AuditCursor { at, writer, sequence }) = before {
        query.push(" AND at <= ").push_bind(at.as_millis());
        query.push(" AND (at, writer.name COLLATE \"C\", record.sequence) < (").push_bind(at.as_millis());
        query.push(", ").push_bind(writer.to_string());
        query.push(", ").push_bind(rows::column(*sequence)).push(")");
    }
    query.push(" ORDER BY at DESC, writer.name COLLATE \"C\" DESC, record.sequence DESC LIMIT ");
    query.push_bind(rows::limit(limit).saturating_add(1));
    query
}

fn column<'a, T>(records: &'a [StoredRecord], of: impl Fn(&'a StoredRecord) -> T) -> Vec<T> {
    records.iter().map(of).collect()
}

fn record(row: &PgRow) -> Result<RecordColumns, StoreError> {
    RecordColumns::of(row).map_err(|error| unreachable(error, "reading audit records"))
}
