use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mcp_govern_core::{
    Clock,
    ports::{Lease, LeaseGuard, StoreError},
};

use super::{database::Database, fault::failed};
use crate::{
    clock::Deadline,
    lease::{Held, Holder, LeaseRows},
    rows,
};

/// The leases of one tenant.
#[derive(Debug)]
pub(crate) struct SqliteLease(Arc<Rows>);

#[derive(Debug)]
struct Rows {
    database: Arc<Database>,
    tenant: i64,
}

impl SqliteLease {
    pub(crate) fn new(database: Arc<Database>, tenant: i64) -> Self {
        Self(Arc::new(Rows { database, tenant }))
    }
}

#[async_trait]
impl Lease for SqliteLease {
    async fn hold(&self, name: &str, ttl: Duration) -> Result<Option<Box<dyn LeaseGuard>>, StoreError> {
        let Rows { database, tenant } = &*self.0;
        let holder = Holder::random()?;
        let mut write = database.write("taking a lease").await?;
        // From before it is written: the holder never believes in the lease longer than the others do.
        let deadline = Deadline::begin(ttl, Some(Arc::clone(&database.clock)));
        let now = database.clock.now().as_millis();
        let taken = sqlx::query(
            "INSERT INTO lease (tenant, name, holder, ends) VALUES (?, ?, ?, ?) \
             ON CONFLICT (tenant, name) DO UPDATE SET holder = excluded.holder, ends = excluded.ends WHERE ends <= ?",
        )
        .bind(tenant)
        .bind(name)
        .bind(holder.0.as_slice())
        .bind(now.saturating_add(rows::millis(ttl)))
        .bind(now)
        .execute(write.connection())
        .await
        .map_err(write.failed())?;
        write.commit().await?;
        if taken.rows_affected() == 0 {
            return Ok(None);
        }
        Ok(Some(Box::new(Held::new(Arc::clone(&self.0), name, holder, deadline))))
    }

    async fn count(&self, prefix: &str) -> Result<usize, StoreError> {
        let Rows { database, tenant } = &*self.0;
        let held: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM lease WHERE tenant = ? AND substr(name, 1, length(?)) = ? AND ends > ?",
        )
        .bind(tenant)
        .bind(prefix)
        .bind(prefix)
        .bind(database.clock.now().as_millis())
        .fetch_one(&database.readers)
        .await
        .map_err(failed("counting leases"))?;
        Ok(usize::try_from(held).unwrap_or_default())
    }
}

#[async_trait]
impl LeaseRows for Rows {
    fn clock(&self) -> Option<Arc<dyn Clock>> {
        Some(Arc::clone(&self.database.clock))
    }

    async fn extend(&self, name: &str, holder: Holder, ttl: Duration) -> Result<bool, StoreError> {
        let mut write = self.database.write("renewing a lease").await?;
        let now = self.database.clock.now().as_millis();
        let extended = sqlx::query("UPDATE lease SET ends = ? WHERE tenant = ? AND name = ? AND holder = ?")
            .bind(now.saturating_add(rows::millis(ttl)))
            .bind(self.tenant)
            .bind(name)
            .bind(holder.0.as_slice())
            .execute(write.connection())
            .await
            .map_err(write.failed())?;
        write.commit().await?;
        Ok(extended.rows_affected() == 1)
    }

    async fn free(&self, name: &str, holder: Holder) -> Result<(), StoreError> {
        let mut write = self.database.write("giving a lease back").await?;
        sqlx::query("DELETE FROM lease WHERE tenant = ? AND name = ? AND holder = ?")
            .bind(self.tenant)
            .bind(name)
            .bind(holder.0.as_slice())
            .execute(write.connection())
            .await
            .map_err(write.failed())?;
        write.commit().await
    }
}
