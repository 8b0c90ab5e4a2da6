use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_core::{
    journal::Head,
    ports::{Checkpoint, Checkpoints, StoreError},
};

use super::{
    database::{Database, Lent, within},
    fault::Access,
};
use crate::{
    checkpoint::{CheckpointSealer, not_in_journal},
    rows,
};

/// The checkpoints of one tenant's journal in the database.
#[derive(Debug)]
pub(crate) struct PostgresCheckpoints {
    database: Arc<Database>,
    tenant: i64,
    sealer: CheckpointSealer,
}

impl PostgresCheckpoints {
    pub(crate) fn new(database: Arc<Database>, tenant: i64, sealer: CheckpointSealer) -> Self {
        Self { database, tenant, sealer }
    }

    async fn insert(&self, lent: &mut Lent, checkpoint: &Checkpoint) -> Result<Option<i64>, StoreError> {
        let head = checkpoint.head();
        let delete = sqlx::query("DELETE FROM checkpoint WHERE tenant = $1 AND form = $2 AND revision = $3")
            .bind(self.tenant)
            .bind(i64::from(checkpoint.form()))
            .bind(rows::column(head.revision.0));
        let delete = within(lent.timeout, delete.execute(lent.connection())).await;
        lent.check(delete)?;
        let insert = sqlx::query_scalar(
            "INSERT INTO checkpoint (tenant, form, revision, hash, parts) \
             SELECT tenant, $1, revision, hash, $2 FROM act WHERE tenant = $3 AND revision = $4 AND hash = $5 \
             ON CONFLICT DO NOTHING RETURNING id",
        )
        .bind(i64::from(checkpoint.form()))
        .bind(rows::column(CheckpointSealer::parts(checkpoint)))
        .bind(self.tenant)
        .bind(rows::column(head.revision.0))
        .bind(head.hash.as_bytes().as_slice());
        let insert = within(lent.timeout, insert.fetch_optional(lent.connection())).await;
        lent.check(insert)
    }

    async fn insert_parts(&self, lent: &mut Lent, id: i64, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        for (part, sealed) in (0_i64..).zip(self.sealer.seal(checkpoint)) {
            let sealed = sealed?;
            let insert = sqlx::query(
                "INSERT INTO checkpoint_part (checkpoint, part, sealed_with, sealed) VALUES ($1, $2, $3, $4)",
            )
            .bind(id)
            .bind(part)
            .bind(sealed.key)
            .bind(sealed.bytes);
            let insert = within(lent.timeout, insert.execute(lent.connection())).await;
            lent.check(insert)?;
        }
        Ok(())
    }

    async fn sweep(&self, lent: &mut Lent, form: u32) -> Result<(), StoreError> {
        let sweep = sqlx::query(
            "DELETE FROM checkpoint WHERE tenant = $1 AND form <= $2 AND id NOT IN (SELECT id FROM checkpoint \
             WHERE tenant = $1 AND form <= $2 ORDER BY form DESC, revision DESC LIMIT 2)",
        )
        .bind(self.tenant)
        .bind(i64::from(form));
        let sweep = within(lent.timeout, sweep.execute(lent.connection())).await;
        lent.check(sweep).map(|_| ())
    }

    async fn step(lent: &mut Lent, statement: &'static str) -> Result<(), StoreError> {
        let step = within(lent.timeout, sqlx::query(statement).execute(lent.connection())).await;
        lent.check(step).map(|_| ())
    }

    async fn parts(&self, id: i64) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let mut lent = self.database.lend(Access::Read, READING).await?;
        let read =
            sqlx::query_as("SELECT sealed_with, sealed FROM checkpoint_part WHERE checkpoint = $1 ORDER BY part")
                .bind(id);
        let read = within(lent.timeout, read.fetch_all(lent.connection())).await;
        lent.settle(read)
    }
}

const READING: &str = "reading a checkpoint";

#[async_trait]
impl Checkpoints for PostgresCheckpoints {
    async fn latest(&self, form: u32) -> Result<Option<Checkpoint>, StoreError> {
        let mut lent = self.database.lend(Access::Read, READING).await?;
        let read = sqlx::query_as(
            "SELECT checkpoint.id, checkpoint.revision, checkpoint.hash, checkpoint.parts FROM checkpoint \
             JOIN act ON act.tenant = checkpoint.tenant AND act.revision = checkpoint.revision \
             AND act.hash = checkpoint.hash \
             WHERE checkpoint.tenant = $1 AND checkpoint.form = $2 AND checkpoint.parts = \
             (SELECT count(*) FROM checkpoint_part WHERE checkpoint = checkpoint.id) ORDER BY checkpoint.revision DESC",
        )
        .bind(self.tenant)
        .bind(i64::from(form));
        let read = within(lent.timeout, read.fetch_all(lent.connection())).await;
        let found: Vec<(i64, i64, Vec<u8>, i64)> = lent.settle(read)?;
        for (id, revision, hash, parts) in found {
            let head = rows::head((revision, hash))?;
            let sealed = self.parts(id).await?;
            let opened = self.sealer.open(head, form, rows::number(parts, "a number of parts")?, &sealed);
            if opened.is_some() {
                return Ok(opened);
            }
        }
        Ok(None)
    }

    async fn newest(&self, form: u32) -> Result<Option<Head>, StoreError> {
        let mut lent = self.database.lend(Access::Read, "looking for a checkpoint").await?;
        let read = sqlx::query_as(
            "SELECT revision, hash FROM checkpoint WHERE tenant = $1 AND form = $2 AND parts = \
             (SELECT count(*) FROM checkpoint_part WHERE checkpoint = checkpoint.id) ORDER BY revision DESC LIMIT 1",
        )
        .bind(self.tenant)
        .bind(i64::from(form));
        let read = within(lent.timeout, read.fetch_optional(lent.connection())).await;
        let found: Option<(i64, Vec<u8>)> = lent.settle(read)?;
        found.map(rows::head).transpose()
    }

    async fn put(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let mut lent = self.database.lend(Access::Write, "writing a checkpoint").await?;
        Self::step(&mut lent, "BEGIN").await?;
        let Some(id) = self.insert(&mut lent, checkpoint).await? else {
            return Err(not_in_journal(checkpoint));
        };
        self.insert_parts(&mut lent, id, checkpoint).await?;
        self.sweep(&mut lent, checkpoint.form()).await?;
        let commit = within(lent.timeout, sqlx::query("COMMIT").execute(lent.connection())).await;
        lent.settle(commit).map(|_| ())
    }
}
