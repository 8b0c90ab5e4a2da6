//! A governor with its driver running.

use std::{sync::Arc, time::Duration};

use mcp_govern_core::{
    Governor, Provider, TenantId,
    audit::{AuditKey, ReadableNames},
    governor::GovernorBuilder,
    ports::{Stores, TenantStores},
};
use tokio::task::JoinHandle;

use crate::failure::Failure;

/// How long the record may take to be closed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A governor with its driver running, and the tenant's stores.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) governor: Governor,
    pub(crate) stores: TenantStores,
    pub(crate) driver: JoinHandle<()>,
}

impl Node {
    pub(crate) async fn open(
        tenant: TenantId,
        stores: Arc<dyn Stores>,
        providers: &[Arc<dyn Provider>],
        audit_key: AuditKey,
        names: ReadableNames,
    ) -> Result<Self, Failure> {
        let of_tenant = stores.open(&tenant).await?;
        let builder =
            Governor::builder(tenant).with_shared_stores(stores).with_audit_key(audit_key).with_readable_names(names);
        let builder = providers.iter().cloned().fold(builder, GovernorBuilder::with_shared_provider);
        let (governor, driver) = builder.open().await?;
        Ok(Self { governor, stores: of_tenant, driver: tokio::spawn(driver.run()) })
    }

    /// Ends in order: the record is closed, and every outcome is in it.
    pub(crate) async fn close(self) {
        if tokio::time::timeout(PATIENCE, self.governor.close()).await.is_err() {
            tracing::error!("the record could not be closed in time: outcomes of the last calls may be missing");
        }
        self.driver.abort();
    }
}
