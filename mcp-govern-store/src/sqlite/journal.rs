use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use mcp_govern_core::{
    journal::{Head, Revision, StoredCommit},
    ports::{Journal, JournalUpdates, StoreError, StoreErrorKind},
};
use tokio::sync::watch;

use super::{database::Database, fault::failed, follow::Epoch};
use crate::{revisions::announce, rows};

/// The journal of one tenant in the file.
#[derive(Debug)]
pub(crate) struct SqliteJournal {
    database: Arc<Database>,
    tenant: i64,
    /// What this process knows of; wakes its readers.
    announced: watch::Sender<u64>,
    /// Where the journal stood in an epoch of the file.
    known: Mutex<Option<(Epoch, u64)>>,
}

impl SqliteJournal {
    pub(crate) fn new(database: Arc<Database>, tenant: i64) -> Self {
        let announced = database.revisions.of(tenant);
        Self { database, tenant, announced, known: Mutex::new(None) }
    }

    /// The head of the journal, without reading it while no process has written to the file.
    async fn revision(&self) -> Result<u64, StoreError> {
        let epoch = self.database.follower.epoch().await?;
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, revision)) = known.filter(|(of, _)| *of == epoch) {
            return Ok(revision.max(*self.announced.borrow()));
        }
        let revision = self.head().await?.revision.0;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((epoch, revision));
        announce(&self.announced, revision);
        Ok(revision)
    }

    async fn follow(&self, after: Revision) -> Result<(), StoreError> {
        if self.revision().await? > after.0 {
            return Ok(());
        }
        let mut announced = self.announced.subscribe();
        let newer = announced.wait_for(|revision| *revision > after.0);
        let woken = tokio::time::timeout(self.database.follower.interval(), newer).await.is_ok();
        if !woken {
            self.revision().await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    fn updates(&self) -> JournalUpdates {
        JournalUpdates::Confirmed
    }

    async fn head(&self) -> Result<Head, StoreError> {
        let head: (i64, Vec<u8>) = sqlx::query_as("SELECT revision, hash FROM tenant WHERE id = ?")
            .bind(self.tenant)
            .fetch_one(&self.database.readers)
            .await
            .map_err(failed("reading the journal's head"))?;
        rows::head(head)
    }

    async fn append(&self, expected: Head, commit: &StoredCommit) -> Result<Head, StoreError> {
        if commit.revision() != expected.revision.next() {
            let message = format!("commit {} was given where {} is due", commit.revision(), expected.revision.next());
            return Err(StoreError::new(StoreErrorKind::Conflict, message));
        }
        let mut write = self.database.write("appending a commit").await?;
        let moved = sqlx::query("UPDATE tenant SET revision = ?, hash = ? WHERE id = ? AND revision = ? AND hash = ?")
            .bind(rows::column(commit.revision().0))
            .bind(commit.hash().as_bytes().as_slice())
            .bind(self.tenant)
            .bind(rows::column(expected.revision.0))
            .bind(expected.hash.as_bytes().as_slice())
            .execute(write.connection())
            .await
            .map_err(write.failed())?;
        if moved.rows_affected() == 0 {
            write.roll_back().await?;
            return Err(StoreError::journal_moved(self.head().await?));
        }
        sqlx::query("INSERT INTO act (tenant, revision, hash, bytes) VALUES (?, ?, ?, ?)")
            .bind(self.tenant)
            .bind(rows::column(commit.revision().0))
            .bind(commit.hash().as_bytes().as_slice())
            .bind(commit.bytes().to_vec())
            .execute(write.connection())
            .await
            .map_err(write.failed())?;
        write.commit().await?;
        announce(&self.announced, commit.revision().0);
        Ok(commit.head())
    }

    async fn read(&self, after: Revision, limit: usize) -> Result<Vec<StoredCommit>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let rows: Vec<rows::CommitColumns> = sqlx::query_as(
            "SELECT tenant.revision, act.revision, act.hash, act.bytes FROM tenant \
             LEFT JOIN act ON act.tenant = tenant.id AND act.revision > ? \
             WHERE tenant.id = ? ORDER BY act.revision LIMIT ?",
        )
        .bind(rows::column(after.0))
        .bind(self.tenant)
        .bind(rows::limit(limit))
        .fetch_all(&self.database.readers)
        .await
        .map_err(failed("reading the journal"))?;
        rows::commits(rows, after)
    }

    async fn changed(&self, after: Revision) -> Result<(), StoreError> {
        let followed = self.follow(after).await;
        if followed.is_err() {
            tokio::time::sleep(self.database.follower.interval()).await;
        }
        followed
    }
}
