use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mcp_govern_core::{
    Clock,
    ports::{Lease, LeaseGuard, StoreError},
};

use super::{
    database::{Database, within},
    fault::Access,
};
use crate::{
    clock::Deadline,
    lease::{Held, Holder, LeaseRows},
    rows,
};

/// The leases of one tenant.
#[derive(Debug)]
pub(crate) struct PostgresLease(Arc<Rows>);

#[derive(Debug)]
struct Rows {
    database: Arc<Database>,
    tenant: i64,
}

impl PostgresLease {
    pub(crate) fn new(database: Arc<Database>, tenant: i64) -> Self {
        Self(Arc::new(Rows { database, tenant }))
    }
}

#[async_trait]
impl Lease for PostgresLease {
    async fn hold(&self, name: &str, ttl: Duration) -> Result<Option<Box<dyn LeaseGuard>>, StoreError> {
        let Rows { database, tenant } = &*self.0;
        let holder = Holder::random()?;
        let mut lent = database.lend(Access::Write, "taking a lease").await?;
        // From before it is written: the holder never believes in the lease longer than the others do.
        let deadline = Deadline::begin(ttl, database.clock.clone());
        let take = sqlx::query(
            "INSERT INTO lease (tenant, name, holder, ends) VALUES ($1, $2, $3, millis($4) + $5) \
             ON CONFLICT (tenant, name) DO UPDATE SET holder = excluded.holder, ends = excluded.ends \
             WHERE lease.ends <= millis($4)",
        )
        .bind(tenant)
        .bind(name)
        .bind(holder.0.as_slice())
        .bind(database.now())
        .bind(longest(ttl));
        let take = within(lent.timeout, take.execute(lent.connection())).await;
        if lent.settle(take)?.rows_affected() == 0 {
            return Ok(None);
        }
        Ok(Some(Box::new(Held::new(Arc::clone(&self.0), name, holder, deadline))))
    }

    async fn count(&self, prefix: &str) -> Result<usize, StoreError> {
        let Rows { database, tenant } = &*self.0;
        let mut lent = database.lend(Access::Read, "counting leases").await?;
        let count = sqlx::query_scalar(
            "SELECT count(*) FROM lease WHERE tenant = $1 AND starts_with(name, $2) AND ends > millis($3)",
        )
        .bind(tenant)
        .bind(prefix)
        .bind(database.now());
        let count = within(lent.timeout, count.fetch_one(lent.connection())).await;
        let held: i64 = lent.settle(count)?;
        Ok(usize::try_from(held).unwrap_or_default())
    }
}

#[async_trait]
impl LeaseRows for Rows {
    fn clock(&self) -> Option<Arc<dyn Clock>> {
        self.database.clock.clone()
    }

    async fn extend(&self, name: &str, holder: Holder, ttl: Duration) -> Result<bool, StoreError> {
        let mut lent = self.database.lend(Access::Write, "renewing a lease").await?;
        let extend =
            sqlx::query("UPDATE lease SET ends = millis($1) + $2 WHERE tenant = $3 AND name = $4 AND holder = $5")
                .bind(self.database.now())
                .bind(longest(ttl))
                .bind(self.tenant)
                .bind(name)
                .bind(holder.0.as_slice());
        let extend = within(lent.timeout, extend.execute(lent.connection())).await;
        Ok(lent.settle(extend)?.rows_affected() == 1)
    }

    async fn free(&self, name: &str, holder: Holder) -> Result<(), StoreError> {
        let mut lent = self.database.lend(Access::Write, "giving a lease back").await?;
        let delete = sqlx::query("DELETE FROM lease WHERE tenant = $1 AND name = $2 AND holder = $3")
            .bind(self.tenant)
            .bind(name)
            .bind(holder.0.as_slice());
        let delete = within(lent.timeout, delete.execute(lent.connection())).await;
        lent.settle(delete).map(|_| ())
    }
}

/// A time to live that can be added to any time.
fn longest(ttl: Duration) -> i64 {
    rows::millis(ttl).min(i64::MAX / 2)
}
