use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_core::{
    journal::Head,
    ports::{Checkpoint, Checkpoints, StoreError},
};

use super::{
    database::{Database, Write},
    fault::failed,
};
use crate::{
    checkpoint::{CheckpointSealer, not_in_journal},
    rows,
};

/// The checkpoints of one tenant's journal in the file.
#[derive(Debug)]
pub(crate) struct SqliteCheckpoints {
    database: Arc<Database>,
    tenant: i64,
    sealer: CheckpointSealer,
}

impl SqliteCheckpoints {
    pub(crate) fn new(database: Arc<Database>, tenant: i64, sealer: CheckpointSealer) -> Self {
        Self { database, tenant, sealer }
    }

    async fn insert(&self, write: &mut Write, checkpoint: &Checkpoint) -> Result<i64, sqlx::Error> {
        let head = checkpoint.head();
        sqlx::query("DELETE FROM checkpoint WHERE tenant = ? AND form = ? AND revision = ?")
            .bind(self.tenant)
            .bind(checkpoint.form())
            .bind(rows::column(head.revision.0))
            .execute(write.connection())
            .await?;
        sqlx::query_scalar(
            "INSERT INTO checkpoint (tenant, form, revision, hash, parts) \
             SELECT tenant, ?, revision, hash, ? FROM act WHERE tenant = ? AND revision = ? AND hash = ? RETURNING id",
        )
        .bind(checkpoint.form())
        .bind(rows::column(CheckpointSealer::parts(checkpoint)))
        .bind(self.tenant)
        .bind(rows::column(head.revision.0))
        .bind(head.hash.as_bytes().as_slice())
        .fetch_optional(write.connection())
        .await
        .map(|id| id.unwrap_or(0))
    }

    /// One transaction a part: other writers get their turn in between.
    async fn insert_parts(&self, id: i64, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        for (part, sealed) in (0_i64..).zip(self.sealer.seal(checkpoint)) {
            let sealed = sealed?;
            let mut write = self.database.write(WRITING).await?;
            sqlx::query("INSERT INTO checkpoint_part (checkpoint, part, sealed_with, sealed) VALUES (?, ?, ?, ?)")
                .bind(id)
                .bind(part)
                .bind(sealed.key)
                .bind(sealed.bytes)
                .execute(write.connection())
                .await
                .map_err(write.failed())?;
            write.commit().await?;
        }
        Ok(())
    }

    async fn sweep(&self, form: u32) -> Result<(), StoreError> {
        let mut write = self.database.write(WRITING).await?;
        sqlx::query(
            "DELETE FROM checkpoint WHERE tenant = ? AND form <= ? AND id NOT IN (SELECT id FROM checkpoint \
             WHERE tenant = ? AND form <= ? ORDER BY form DESC, revision DESC LIMIT 2)",
        )
        .bind(self.tenant)
        .bind(form)
        .bind(self.tenant)
        .bind(form)
        .execute(write.connection())
        .await
        .map_err(write.failed())?;
        write.commit().await
    }
}

const READING: &str = "reading a checkpoint";
const WRITING: &str = "writing a checkpoint";

#[async_trait]
impl Checkpoints for SqliteCheckpoints {
    async fn latest(&self, form: u32) -> Result<Option<Checkpoint>, StoreError> {
        let found: Vec<(i64, i64, Vec<u8>, i64)> = sqlx::query_as(
            "SELECT checkpoint.id, checkpoint.revision, checkpoint.hash, checkpoint.parts FROM checkpoint \
             JOIN act ON act.tenant = checkpoint.tenant AND act.revision = checkpoint.revision \
             AND act.hash = checkpoint.hash \
             WHERE checkpoint.tenant = ? AND checkpoint.form = ? AND checkpoint.parts = \
             (SELECT count(*) FROM checkpoint_part WHERE checkpoint = checkpoint.id) ORDER BY checkpoint.revision DESC",
        )
        .bind(self.tenant)
        .bind(form)
        .fetch_all(&self.database.readers)
        .await
        .map_err(failed(READING))?;
        for (id, revision, hash, parts) in found {
            let head = rows::head((revision, hash))?;
            let sealed: Vec<(String, Vec<u8>)> =
                sqlx::query_as("SELECT sealed_with, sealed FROM checkpoint_part WHERE checkpoint = ? ORDER BY part")
                    .bind(id)
                    .fetch_all(&self.database.readers)
                    .await
                    .map_err(failed(READING))?;
            let opened = self.sealer.open(head, form, rows::number(parts, "a number of parts")?, &sealed);
            if opened.is_some() {
                return Ok(opened);
            }
        }
        Ok(None)
    }

    async fn newest(&self, form: u32) -> Result<Option<Head>, StoreError> {
        let found: Option<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT revision, hash FROM checkpoint WHERE tenant = ? AND form = ? AND parts = \
             (SELECT count(*) FROM checkpoint_part WHERE checkpoint = checkpoint.id) ORDER BY revision DESC LIMIT 1",
        )
        .bind(self.tenant)
        .bind(form)
        .fetch_optional(&self.database.readers)
        .await
        .map_err(failed("looking for a checkpoint"))?;
        found.map(rows::head).transpose()
    }

    /// INVARIANT: one whose parts are not all there, because they are just being written or the writer died, is none
    /// (`a_checkpoint_that_was_not_finished_is_none`).
    async fn put(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let mut write = self.database.write(WRITING).await?;
        let id = self.insert(&mut write, checkpoint).await.map_err(write.failed())?;
        if id == 0 {
            write.roll_back().await?;
            return Err(not_in_journal(checkpoint));
        }
        write.commit().await?;
        self.insert_parts(id, checkpoint).await?;
        self.sweep(checkpoint.form()).await
    }
}
