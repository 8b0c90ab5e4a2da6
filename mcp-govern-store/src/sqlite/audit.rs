use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_core::{
    DenialCode, ServerId,
    ports::{AuditCursor, AuditFilter, AuditHead, AuditLog, AuditPage, StoreError, StoredRecord, WriterId},
};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection, sqlite::SqliteRow};

use super::{database::Database, fault::failed};
use crate::rows::{self, RecordColumns};

/// How many records one statement inserts. A few sizes only, so that their statements stay prepared.
const CHUNKS: [usize; 4] = [64, 16, 4, 1];

/// The audit log of one tenant in the file.
#[derive(Debug)]
pub(crate) struct SqliteAuditLog {
    database: Arc<Database>,
    tenant: i64,
}

impl SqliteAuditLog {
    pub(crate) fn new(database: Arc<Database>, tenant: i64) -> Self {
        Self { database, tenant }
    }

    /// Moves the chain on if its head is `expected`; answers the writer's number.
    async fn move_on(
        &self,
        connection: &mut SqliteConnection,
        writer: &WriterId,
        expected: AuditHead,
        to: AuditHead,
    ) -> Result<Option<i64>, sqlx::Error> {
        if expected == AuditHead::EMPTY {
            sqlx::query("INSERT INTO writer (tenant, name) VALUES (?, ?) ON CONFLICT DO NOTHING")
                .bind(self.tenant)
                .bind(writer.as_str())
                .execute(&mut *connection)
                .await?;
        }
        sqlx::query_scalar(
            "UPDATE writer SET sequence = ?, hash = ? WHERE tenant = ? AND name = ? AND sequence = ? AND hash = ? \
             RETURNING id",
        )
        .bind(rows::column(to.sequence))
        .bind(to.hash.as_bytes().as_slice())
        .bind(self.tenant)
        .bind(writer.as_str())
        .bind(rows::column(expected.sequence))
        .bind(expected.hash.as_bytes().as_slice())
        .fetch_optional(connection)
        .await
    }

    async fn insert(
        &self,
        connection: &mut SqliteConnection,
        writer: i64,
        mut records: &[StoredRecord],
    ) -> Result<(), sqlx::Error> {
        for size in CHUNKS {
            while let Some((chunk, rest)) = records.split_at_checked(size) {
                let mut insert = QueryBuilder::<Sqlite>::new(
                    "INSERT INTO record (tenant, writer, sequence, hash, bytes, kind, call, at, person, server, tool, code) ",
                );
                insert.push_values(chunk, |mut row, record| {
                    row.push_bind(self.tenant)
                        .push_bind(writer)
                        .push_bind(rows::column(record.sequence))
                        .push_bind(record.hash.as_bytes().as_slice())
                        .push_bind(&*record.bytes)
                        .push_bind(rows::kind_number(record.kind))
                        .push_bind(record.call.as_str())
                        .push_bind(record.at.as_millis())
                        .push_bind(record.user.as_bytes().as_slice())
                        .push_bind(record.server.as_ref().map(ServerId::as_str))
                        .push_bind(record.tool.as_ref().map(ToString::to_string))
                        .push_bind(record.code.map(DenialCode::as_str));
                });
                insert.build().execute(&mut *connection).await?;
                records = rest;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl AuditLog for SqliteAuditLog {
    async fn head(&self, writer: &WriterId) -> Result<AuditHead, StoreError> {
        let head: Option<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT sequence, hash FROM writer WHERE tenant = ? AND name = ?")
                .bind(self.tenant)
                .bind(writer.as_str())
                .fetch_optional(&self.database.readers)
                .await
                .map_err(failed("reading the head of a chain of audit records"))?;
        rows::audit_head(head)
    }

    async fn append(&self, writer: &WriterId, expected: AuditHead, records: &[StoredRecord]) -> Result<(), StoreError> {
        rows::continues(records, expected.sequence)?;
        let Some(last) = records.last() else {
            let stands = self.head(writer).await? == expected;
            return if stands { Ok(()) } else { Err(rows::moved_on(writer, expected)) };
        };
        let to = AuditHead { sequence: last.sequence, hash: last.hash };
        let mut write = self.database.write("appending audit records").await?;
        let failed = write.failed();
        let moved = self.move_on(write.connection(), writer, expected, to).await.map_err(&failed)?;
        let Some(number) = moved else {
            write.roll_back().await?;
            return Err(rows::moved_on(writer, expected));
        };
        self.insert(write.connection(), number, records).await.map_err(&failed)?;
        write.commit().await
    }

    async fn read(&self, writer: &WriterId, after: u64, limit: usize) -> Result<Vec<StoredRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT sequence, hash, bytes, kind, call, at, person, server, tool, code FROM record \
             WHERE writer = (SELECT id FROM writer WHERE tenant = ? AND name = ?) AND tenant = ? AND sequence > ? \
             ORDER BY sequence LIMIT ?",
        )
        .bind(self.tenant)
        .bind(writer.as_str())
        .bind(self.tenant)
        .bind(rows::column(after))
        .bind(rows::limit(limit))
        .fetch_all(&self.database.readers)
        .await
        .map_err(failed("reading audit records"))?;
        rows.iter().map(|row| record(row)?.read()).collect()
    }

    async fn heads(&self) -> Result<Vec<(WriterId, AuditHead)>, StoreError> {
        let heads: Vec<(String, i64, Vec<u8>)> =
            sqlx::query_as("SELECT name, sequence, hash FROM writer WHERE tenant = ? AND sequence > 0 ORDER BY name")
                .bind(self.tenant)
                .fetch_all(&self.database.readers)
                .await
                .map_err(failed("reading the heads of the chains of audit records"))?;
        heads.into_iter().map(rows::writer_head).collect()
    }

    async fn writers(&self) -> Result<Vec<WriterId>, StoreError> {
        let names: Vec<String> =
            sqlx::query_scalar("SELECT name FROM writer WHERE tenant = ? AND sequence > 0 ORDER BY name")
                .bind(self.tenant)
                .fetch_all(&self.database.readers)
                .await
                .map_err(failed("reading the writers of audit records"))?;
        names.iter().map(|name| rows::writer(name)).collect()
    }

    async fn drop_through(&self, writer: &WriterId, through: AuditHead) -> Result<u64, StoreError> {
        const DOING: &str = "dropping audit records";
        let mut write = self.database.write(DOING).await?;
        let chain: Option<(i64, i64)> = sqlx::query_as("SELECT id, sequence FROM writer WHERE tenant = ? AND name = ?")
            .bind(self.tenant)
            .bind(writer.as_str())
            .fetch_optional(write.connection())
            .await
            .map_err(failed(DOING))?;
        let Some((id, _)) = chain.filter(|(_, stands)| *stands >= rows::column(through.sequence)) else {
            write.roll_back().await?;
            return Err(rows::not_held(writer, through));
        };
        let last: Option<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT sequence, hash FROM record WHERE writer = ? AND tenant = ? AND sequence <= ? \
             ORDER BY sequence DESC LIMIT 1",
        )
        .bind(id)
        .bind(self.tenant)
        .bind(rows::column(through.sequence))
        .fetch_optional(write.connection())
        .await
        .map_err(failed(DOING))?;
        let Some(last) = last else {
            write.roll_back().await?;
            return Ok(0);
        };
        if rows::audit_head(Some(last))? != through {
            write.roll_back().await?;
            return Err(rows::not_held(writer, through));
        }
        let gone = sqlx::query("DELETE FROM record WHERE writer = ? AND tenant = ? AND sequence <= ?")
            .bind(id)
            .bind(self.tenant)
            .bind(rows::column(through.sequence))
            .execute(write.connection())
            .await
            .map_err(failed(DOING))?
            .rows_affected();
        write.commit().await?;
        Ok(gone)
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
        let found = query(self.tenant, filter, before, limit)
            .build()
            .fetch_all(&self.database.readers)
            .await
            .map_err(failed("looking for audit records"))?;
        let read = |row: &SqliteRow| {
            let name: &str = row.try_get("name").map_err(failed("looking for audit records"))?;
            Ok((rows::writer(name)?, record(row)?.read()?))
        };
        Ok(rows::page(found.iter().map(read).collect::<Result<_, StoreError>>()?, limit))
    }
}

/// The newest first; of one moment by writer and place.
///
/// INVARIANT: every combination of conditions is answered from an index that is in the order of time, so that a page costs
/// its own size (`no_query_reads_or_sorts_the_whole_log`). `CROSS JOIN` keeps the planner from beginning with the writers.
fn query(tenant: i64, filter: &AuditFilter, before: Option<&AuditCursor>, limit: usize) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(
        "SELECT writer.name, record.sequence, record.hash, record.bytes, kind, call, at, person, server, tool, code \
         FROM record CROSS JOIN writer ON writer.id = record.writer WHERE record.tenant = ",
    );
    query.push_bind(tenant);
    rows::narrow(&mut query, filter);
    if let Some(AuditCursor { at, writer, sequence }) = before {
        let at = at.as_millis();
        query.push(" AND at <= ").push_bind(at);
        query.push(" AND (at < ").push_bind(at).push(" OR writer.name < ").push_bind(writer.as_str());
        query.push(" OR (writer.name = ").push_bind(writer.as_str());
        query.push(" AND record.sequence < ").push_bind(rows::column(*sequence)).push("))");
    }
    query.push(" ORDER BY at DESC, writer.name DESC, record.sequence DESC LIMIT ");
    query.push_bind(rows::limit(limit).saturating_add(1));
    query
}

fn record(row: &SqliteRow) -> Result<RecordColumns, StoreError> {
    RecordColumns::of(row).map_err(failed("reading audit records"))
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::{CallId, Digest, Timestamp, audit::RecordKind};

    use super::*;
    use crate::{VaultKeys, sqlite::SqliteOptions};

    #[tokio::test]
    async fn no_query_reads_or_sorts_the_whole_log() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new(VaultKeys::generate().unwrap());
        let database = Database::open(&folder.path().join("store"), options).await.unwrap();
        let cursor = AuditCursor { at: Timestamp::from_millis(9), writer: WriterId::new("w").unwrap(), sequence: 4 };
        for conditions in 0_u32..256 {
            let on = |bit: u32| conditions & (1 << bit) != 0;
            let mut filter = AuditFilter::new();
            filter.user_hash = on(0).then_some(Digest::ZERO);
            filter.server = on(1).then(|| "ops".parse().unwrap());
            filter.tool = on(2).then(|| "ops/list_alerts".parse().unwrap());
            filter.code = on(3).then_some(DenialCode::NoGrant);
            filter.kind = on(4).then_some(RecordKind::Denial);
            filter.call = on(5).then(|| CallId::new("call-1").unwrap());
            filter.from = on(6).then_some(Timestamp::from_millis(1));
            filter.until = on(7).then_some(Timestamp::from_millis(5));
            for before in [None, Some(&cursor)] {
                let plan = plan(&database, query(1, &filter, before, 50)).await;
                let searched = plan.iter().any(|step| step.contains("SEARCH record USING INDEX record_by_"));
                let scanned = plan.iter().any(|step| step.starts_with("SCAN"));
                // A call has a handful of records, so that sorting all of them is nothing.
                let sorted = !on(5) && plan.iter().any(|step| step == "USE TEMP B-TREE FOR ORDER BY");
                assert!(searched && !scanned && !sorted, "{filter:?} {plan:?}");
            }
        }
    }

    async fn plan(database: &Database, mut query: QueryBuilder<Sqlite>) -> Vec<String> {
        let explain = format!("EXPLAIN QUERY PLAN {}", query.sql().as_str());
        // The values do not matter: the plan is made without them.
        drop(query.build());
        let rows = sqlx::query(sqlx::AssertSqlSafe(explain)).fetch_all(&database.readers).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>("detail")).collect()
    }

    #[test]
    fn any_number_of_records_is_made_of_the_prepared_sizes() {
        assert_eq!(CHUNKS.last(), Some(&1));
        assert!(CHUNKS.is_sorted_by(|one, next| one > next));
        assert!(CHUNKS.first().is_some_and(|largest| largest * 12 <= 32_766), "SQLite's limit of bound values");
    }
}
