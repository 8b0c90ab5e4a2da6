use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mcp_govern_core::ports::{OneTime, OneTimeValue, StoreError};

use super::database::Database;
use crate::{
    one_time::{OneTimeSealer, in_use},
    rows,
};

/// The values of one tenant that are taken once.
#[derive(Debug)]
pub(crate) struct SqliteOneTime {
    database: Arc<Database>,
    tenant: i64,
    sealer: OneTimeSealer,
}

impl SqliteOneTime {
    pub(crate) fn new(database: Arc<Database>, tenant: i64, sealer: OneTimeSealer) -> Self {
        Self { database, tenant, sealer }
    }
}

#[async_trait]
impl OneTime for SqliteOneTime {
    async fn put(&self, key: &str, value: OneTimeValue, ttl: Duration) -> Result<(), StoreError> {
        let sealed = self.sealer.seal(key, &value)?;
        let now = self.database.clock.now();
        let mut write = self.database.write("putting a one-time value").await?;
        // Whatever has ended goes for good, of every tenant: nothing is left that a clock set back could revive.
        sqlx::query("DELETE FROM one_time WHERE ends <= ?")
            .bind(now.as_millis())
            .execute(write.connection())
            .await
            .map_err(write.failed())?;
        let put = sqlx::query(
            "INSERT INTO one_time (tenant, key, sealed_with, sealed, ends) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(self.tenant)
        .bind(OneTimeSealer::column(key))
        .bind(sealed.key)
        .bind(sealed.bytes)
        .bind(now.as_millis().saturating_add(rows::millis(ttl)))
        .execute(write.connection())
        .await
        .map_err(write.failed())?;
        write.commit().await?;
        if put.rows_affected() == 1 { Ok(()) } else { Err(in_use()) }
    }

    async fn take(&self, key: &str) -> Result<Option<OneTimeValue>, StoreError> {
        let now = self.database.clock.now();
        let mut write = self.database.write("taking a one-time value").await?;
        let taken: Option<(String, Vec<u8>, i64)> =
            sqlx::query_as("DELETE FROM one_time WHERE tenant = ? AND key = ? RETURNING sealed_with, sealed, ends")
                .bind(self.tenant)
                .bind(OneTimeSealer::column(key))
                .fetch_optional(write.connection())
                .await
                .map_err(write.failed())?;
        // INVARIANT: a value is given only once its removal is durable (`a_value_is_taken_once`).
        write.commit().await?;
        taken
            .filter(|(_, _, ends)| *ends > now.as_millis())
            .map(|(sealed_with, sealed, _)| self.sealer.open(key, &sealed_with, &sealed))
            .transpose()
    }
}
