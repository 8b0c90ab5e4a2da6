//! The old end of the record: sealed into files and dropped from the store while the gateway runs.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use mcp_govern_core::{Actor, CommandId, Governor, Timestamp, ports::TenantStores};
use mcp_govern_store::keep_segment;
use tokio::task::JoinHandle;

use crate::{config::Config, failure::Failure, governance::administrator, node::Node, store::make_folder};

/// How soon after the start the record is looked at.
const FIRST: Duration = Duration::from_mins(1);
/// How long to wait before it is looked at again.
const PAUSE: Duration = Duration::from_hours(1);
/// How long one node has the turn without a word.
const LEASE: Duration = Duration::from_mins(10);

/// Keeps the record as long as the file says. Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Retention(Option<JoinHandle<()>>);

impl Drop for Retention {
    fn drop(&mut self) {
        if let Some(working) = &self.0 {
            working.abort();
        }
    }
}

impl Retention {
    /// Begins, where the file says how long the record is kept. The folder for the files is made where it is not there.
    pub(crate) fn start(node: &Node, config: &Config) -> Result<Self, Failure> {
        let audit = &config.document.audit;
        let (Some(days), Some(folder)) = (audit.keep_days, &audit.export) else { return Ok(Self(None)) };
        let folder = config.base().join(folder);
        make_folder(&folder).map_err(|error| Failure::config(format!("`{}`: {error}", folder.display())))?;
        let keep = Duration::from_secs(u64::from(days).saturating_mul(24 * 60 * 60));
        let (governor, stores, actor) = (node.governor.clone(), node.stores.clone(), administrator()?);
        Ok(Self(Some(tokio::spawn(run(governor, stores, actor, folder, keep)))))
    }
}

async fn run(governor: Governor, stores: TenantStores, actor: Actor, folder: PathBuf, keep: Duration) {
    tokio::time::sleep(FIRST).await;
    loop {
        let kept = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::from_millis(governor.now().as_millis().saturating_sub(kept));
        match stores.lease.hold("audit-retention", LEASE).await {
            Ok(Some(_turn)) => {
                if let Err(error) = put_aside(&governor, &actor, &folder, before).await {
                    tracing::warn!(%error, "the old end of the record could not be put aside: it is tried again in an hour");
                }
            }
            // Another node does it.
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "the store cannot be asked whose turn it is to put the old record aside");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Seals what is older into files, and drops it from the store.
async fn put_aside(governor: &Governor, actor: &Actor, folder: &Path, before: Timestamp) -> Result<(), Failure> {
    for (writer, _) in governor.audit_heads().await? {
        while let Some(segment) = governor.seal_audit_segment(actor, &writer, before).await? {
            let file = keep_segment(folder, &segment)
                .map_err(|error| Failure::from(error).at(format!("`{}`", folder.display())))?;
            for call in &segment.header().unknown {
                tracing::warn!(%writer, %call, "it is unknown how this call ended, and its record leaves the store");
            }
            governor.drop_audit_segment(actor, CommandId::random()?, &segment).await?;
            let (records, file) = (segment.header().records, file.display());
            tracing::info!(%writer, records, %file, "the old end of the record was sealed and dropped from the store");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc};

    use mcp_govern_core::{
        TenantId,
        audit::{AuditKey, AuditSegment},
        governor::GovernorBuilder,
        memory::MemoryStores,
        ports::Stores,
    };

    use super::*;
    use crate::node::Following;

    #[tokio::test]
    async fn what_is_old_is_in_a_file_before_it_leaves_the_store() {
        let (stores, folder) = (Arc::new(MemoryStores::new()), tempfile::tempdir().unwrap());
        let (tenant, key) = (TenantId::new("acme").unwrap(), || AuditKey::from_bytes([7; 32]));
        let open = async || {
            let shared: Arc<dyn Stores> = stores.clone();
            let with_key = |builder: GovernorBuilder| builder.with_audit_key(key());
            Node::open(tenant.clone(), shared, &[], Following::Beside, with_key).await.unwrap()
        };
        let actor = administrator().unwrap();
        open().await.close().await;
        let log = stores.tenant(&tenant).audit;
        let writer = log.writers().await.unwrap().remove(0);
        let node = open().await;
        put_aside(&node.governor, &actor, folder.path(), Timestamp::from_millis(1)).await.unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is that old");
        put_aside(&node.governor, &actor, &folder.path().join("nowhere"), Timestamp::MAX).await.unwrap_err();
        assert!(!log.read(&writer, 0, 1).await.unwrap().is_empty(), "it was dropped without a file");

        put_aside(&node.governor, &actor, folder.path(), Timestamp::MAX).await.unwrap();
        assert!(log.read(&writer, 0, 1).await.unwrap().is_empty());
        let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let segment = AuditSegment::open(fs::read(file).unwrap(), Some(&key())).unwrap();
        assert_eq!(segment.header().writer, writer);
        let found = node.governor.verify_audit(&actor, &[]).await.unwrap();
        assert!(found.iter().all(|(_, found)| found.is_intact()), "{found:?}");
    }
}
