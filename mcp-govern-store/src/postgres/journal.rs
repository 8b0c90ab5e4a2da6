use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use async_trait::async_trait;
use mcp_govern_core::{
    journal::{Head, Revision, StoredCommit},
    ports::{Journal, JournalUpdates, StoreError, StoreErrorKind},
};
use tokio::sync::watch;

use super::{
    database::{Database, within},
    fault::Access,
};
use crate::{revisions::announce, rows};

/// The journal of one tenant in the database.
#[derive(Debug)]
pub(crate) struct PostgresJournal {
    database: Arc<Database>,
    tenant: i64,
    /// What this node knows of; wakes its readers.
    announced: watch::Sender<u64>,
    /// When the database was last asked.
    asked: Mutex<Option<Instant>>,
}

impl PostgresJournal {
    pub(crate) fn new(database: Arc<Database>, tenant: i64) -> Self {
        let announced = database.revisions.of(tenant);
        Self { database, tenant, announced, asked: Mutex::new(None) }
    }

    async fn look(&self) -> Result<(), StoreError> {
        let at = Instant::now();
        announce(&self.announced, self.head().await?.revision.0);
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
        Ok(())
    }

    fn has_just_looked(&self) -> bool {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.is_some_and(|at| at.elapsed() < self.database.poll / 2)
    }

    async fn follow(&self, after: Revision) -> Result<(), StoreError> {
        let mut announced = self.announced.subscribe();
        if !self.has_just_looked() {
            self.look().await?;
        }
        if *announced.borrow_and_update() > after.0 {
            return Ok(());
        }
        let woken = tokio::time::timeout(self.database.poll, announced.changed()).await;
        // Woken without a newer revision, or not at all: what was missed cannot be known, so it is looked for.
        if woken.is_err() || *announced.borrow() <= after.0 {
            self.look().await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Journal for PostgresJournal {
    fn updates(&self) -> JournalUpdates {
        JournalUpdates::Confirmed
    }

    async fn head(&self) -> Result<Head, StoreError> {
        let mut lent = self.database.lend(Access::Read, "reading the journal's head").await?;
        let read = sqlx::query_as("SELECT revision, hash FROM tenant WHERE id = $1").bind(self.tenant);
        let read = within(lent.timeout, read.fetch_one(lent.connection())).await;
        let head: (i64, Vec<u8>) = lent.settle(read)?;
        rows::head(head)
    }

    /// One statement: the row of the tenant is what two appends meet on, and the notification goes out with the commit.
    async fn append(&self, expected: Head, commit: &StoredCommit) -> Result<Head, StoreError> {
        if commit.revision() != expected.revision.next() {
            let message = format!("commit {} was given where {} is due", commit.revision(), expected.revision.next());
            return Err(StoreError::new(StoreErrorKind::Conflict, message));
        }
        let hash = commit.hash();
        let mut lent = self.database.lend(Access::Write, "appending a commit").await?;
        let append = sqlx::query_scalar(
            "WITH moved AS (UPDATE tenant SET revision = $1, hash = $2 WHERE id = $3 AND revision = $4 AND hash = $5 \
             RETURNING id), \
             added AS (INSERT INTO act (tenant, revision, hash, bytes) SELECT id, $1, $2, $6 FROM moved RETURNING tenant) \
             SELECT pg_notify($7, tenant || ':' || $1)::text FROM added",
        )
        .bind(rows::column(commit.revision().0))
        .bind(hash.as_bytes().as_slice())
        .bind(self.tenant)
        .bind(rows::column(expected.revision.0))
        .bind(expected.hash.as_bytes().as_slice())
        .bind(&**commit.bytes())
        .bind(&self.database.schema);
        let append = within(lent.timeout, append.fetch_optional(lent.connection())).await;
        let appended: Option<String> = lent.settle(append)?;
        if appended.is_none() {
            return Err(StoreError::journal_moved(self.head().await?));
        }
        announce(&self.announced, commit.revision().0);
        Ok(commit.head())
    }

    async fn read(&self, after: Revision, limit: usize) -> Result<Vec<StoredCommit>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut lent = self.database.lend(Access::Read, "reading the journal").await?;
        let read = sqlx::query_as(
            "SELECT tenant.revision, act.revision, act.hash, act.bytes FROM tenant \
             LEFT JOIN act ON act.tenant = tenant.id AND act.revision > $1 \
             WHERE tenant.id = $2 ORDER BY act.revision LIMIT $3",
        )
        .bind(rows::column(after.0))
        .bind(self.tenant)
        .bind(rows::limit(limit));
        let read = within(lent.timeout, read.fetch_all(lent.connection())).await;
        rows::commits(lent.settle(read)?, after)
    }

    async fn changed(&self, after: Revision) -> Result<(), StoreError> {
        let followed = self.follow(after).await;
        if followed.is_err() {
            tokio::time::sleep(self.database.poll).await;
        }
        followed
    }
}
