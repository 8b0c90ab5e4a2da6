use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mcp_govern_core::ports::{OneTime, OneTimeValue, StoreError};

use super::{
    database::{Database, within},
    fault::Access,
};
use crate::{
    one_time::{OneTimeSealer, in_use},
    rows,
};

/// The values of one tenant that are taken once, on whichever node.
#[derive(Debug)]
pub(crate) struct PostgresOneTime {
    database: Arc<Database>,
    tenant: i64,
    sealer: OneTimeSealer,
}

impl PostgresOneTime {
    pub(crate) fn new(database: Arc<Database>, tenant: i64, sealer: OneTimeSealer) -> Self {
        Self { database, tenant, sealer }
    }

    /// What has ended goes for good, of every tenant. What another node is sweeping is left to it.
    async fn sweep(&self) -> Result<(), StoreError> {
        let mut lent = self.database.lend(Access::Read, "sweeping one-time values").await?;
        let sweep = sqlx::query(
            "DELETE FROM one_time WHERE (tenant, key) IN \
             (SELECT tenant, key FROM one_time WHERE ends <= millis($1) LIMIT 100 FOR UPDATE SKIP LOCKED)",
        )
        .bind(self.database.now());
        let sweep = within(lent.timeout, sweep.execute(lent.connection())).await;
        lent.settle(sweep).map(|_| ())
    }
}

#[async_trait]
impl OneTime for PostgresOneTime {
    async fn put(&self, key: &str, value: OneTimeValue, ttl: Duration) -> Result<(), StoreError> {
        let sealed = self.sealer.seal(key, &value)?;
        self.sweep().await?;
        let mut lent = self.database.lend(Access::Write, "putting a one-time value").await?;
        let put = sqlx::query(
            "INSERT INTO one_time (tenant, key, sealed_with, sealed, ends) VALUES ($1, $2, $3, $4, millis($5) + $6) \
             ON CONFLICT (tenant, key) DO UPDATE SET sealed_with = excluded.sealed_with, sealed = excluded.sealed, \
             ends = excluded.ends WHERE one_time.ends <= millis($5)",
        )
        .bind(self.tenant)
        .bind(OneTimeSealer::column(key))
        .bind(sealed.key)
        .bind(sealed.bytes)
        .bind(self.database.now())
        .bind(rows::millis(ttl).min(i64::MAX / 2));
        let put = within(lent.timeout, put.execute(lent.connection())).await;
        match lent.settle(put)?.rows_affected() {
            0 => Err(in_use()),
            _ => Ok(()),
        }
    }

    async fn take(&self, key: &str) -> Result<Option<OneTimeValue>, StoreError> {
        let mut lent = self.database.lend(Access::Write, "taking a one-time value").await?;
        let take = sqlx::query_as(
            "DELETE FROM one_time WHERE tenant = $1 AND key = $2 RETURNING sealed_with, sealed, ends > millis($3)",
        )
        .bind(self.tenant)
        .bind(OneTimeSealer::column(key))
        .bind(self.database.now());
        let take = within(lent.timeout, take.fetch_optional(lent.connection())).await;
        let taken: Option<(String, Vec<u8>, bool)> = lent.settle(take)?;
        taken
            .filter(|(_, _, alive)| *alive)
            .map(|(sealed_with, sealed, _)| self.sealer.open(key, &sealed_with, &sealed))
            .transpose()
    }
}
