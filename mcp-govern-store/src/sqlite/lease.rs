use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mcp_govern_core::ports::{Lease, LeaseGuard, StoreError};

use super::database::Database;
use crate::{
    clock::Deadline,
    lease::{Held, Holder, in_background},
    rows,
};

/// The leases of one tenant.
#[derive(Debug)]
pub(crate) struct SqliteLease {
    database: Arc<Database>,
    tenant: i64,
}

impl SqliteLease {
    pub(crate) fn new(database: Arc<Database>, tenant: i64) -> Self {
        Self { database, tenant }
    }
}

#[async_trait]
impl Lease for SqliteLease {
    async fn hold(&self, name: &str, ttl: Duration) -> Result<Option<Box<dyn LeaseGuard>>, StoreError> {
        let holder = Holder::random()?;
        let mut write = self.database.write("taking a lease").await?;
        // From before it is written: the holder never believes in the lease longer than the others do.
        let deadline = Deadline::begin(ttl, Some(Arc::clone(&self.database.clock)));
        let now = self.database.clock.now().as_millis();
        let taken = sqlx::query(
            "INSERT INTO lease (tenant, name, holder, ends) VALUES (?, ?, ?, ?) \
             ON CONFLICT (tenant, name) DO UPDATE SET holder = excluded.holder, ends = excluded.ends WHERE ends <= ?",
        )
        .bind(self.tenant)
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
        let (database, tenant, owned) = (Arc::clone(&self.database), self.tenant, name.to_owned());
        let give_back = move || in_background(async move { give_back(&database, tenant, &owned, holder).await });
        Ok(Some(Box::new(Held::new(name, deadline, give_back))))
    }
}

async fn give_back(database: &Database, tenant: i64, name: &str, holder: Holder) {
    let given = async {
        let mut write = database.write("giving a lease back").await?;
        sqlx::query("DELETE FROM lease WHERE tenant = ? AND name = ? AND holder = ?")
            .bind(tenant)
            .bind(name)
            .bind(holder.0.as_slice())
            .execute(write.connection())
            .await
            .map_err(write.failed())?;
        write.commit().await
    };
    if let Err::<(), StoreError>(error) = given.await {
        tracing::warn!(name, %error, "a lease was not given back: it expires");
    }
}
