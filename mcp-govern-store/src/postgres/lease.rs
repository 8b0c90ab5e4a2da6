use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mcp_govern_core::ports::{Lease, LeaseGuard, StoreError};

use super::{
    database::{Database, within},
    fault::Access,
};
use crate::{
    clock::Deadline,
    lease::{Held, Holder, in_background},
    rows,
};

/// The leases of one tenant.
#[derive(Debug)]
pub(crate) struct PostgresLease {
    database: Arc<Database>,
    tenant: i64,
}

impl PostgresLease {
    pub(crate) fn new(database: Arc<Database>, tenant: i64) -> Self {
        Self { database, tenant }
    }
}

#[async_trait]
impl Lease for PostgresLease {
    async fn hold(&self, name: &str, ttl: Duration) -> Result<Option<Box<dyn LeaseGuard>>, StoreError> {
        let holder = Holder::random()?;
        let mut lent = self.database.lend(Access::Write, "taking a lease").await?;
        // From before it is written: the holder never believes in the lease longer than the others do.
        let deadline = Deadline::begin(ttl, self.database.clock.clone());
        let take = sqlx::query(
            "INSERT INTO lease (tenant, name, holder, ends) VALUES ($1, $2, $3, millis($4) + $5) \
             ON CONFLICT (tenant, name) DO UPDATE SET holder = excluded.holder, ends = excluded.ends \
             WHERE lease.ends <= millis($4)",
        )
        .bind(self.tenant)
        .bind(name)
        .bind(holder.0.as_slice())
        .bind(self.database.now())
        .bind(rows::millis(ttl).min(i64::MAX / 2));
        let take = within(lent.patience, take.execute(lent.connection())).await;
        if lent.settle(take)?.rows_affected() == 0 {
            return Ok(None);
        }
        let (database, tenant, owned) = (Arc::clone(&self.database), self.tenant, name.to_owned());
        let give_back = move || in_background(async move { give_back(&database, tenant, &owned, holder).await });
        Ok(Some(Box::new(Held::new(name, deadline, give_back))))
    }
}

async fn give_back(database: &Database, tenant: i64, name: &str, holder: Holder) {
    let given = async {
        let mut lent = database.lend(Access::Write, "giving a lease back").await?;
        let delete = sqlx::query("DELETE FROM lease WHERE tenant = $1 AND name = $2 AND holder = $3")
            .bind(tenant)
            .bind(name)
            .bind(holder.0.as_slice());
        let delete = within(lent.patience, delete.execute(lent.connection())).await;
        lent.settle(delete)
    };
    if let Err(error) = given.await {
        tracing::warn!(name, %error, "a lease was not given back: it expires");
    }
}
