//! A governor with its driver running.

use std::{sync::Arc, time::Duration};

use mcp_govern_core::{
    Governor, Provider, TenantId,
    governor::{Follower, GovernorBuilder},
    ports::{Stores, TenantStores},
};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{failure::Failure, store::StorePlace};

/// How long the record may take to be closed.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where the journal is followed.
#[derive(Debug)]
pub(crate) enum Following {
    /// On the runtime of the calls.
    Beside,
    /// On a thread of its own with connections of its own, so that no load on the calls' runtime makes the rules stale.
    Apart(StorePlace),
}

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
        following: Following,
        configure: impl FnOnce(GovernorBuilder) -> GovernorBuilder,
    ) -> Result<Self, Failure> {
        let of_tenant = stores.open(&tenant).await?;
        let builder = configure(Governor::builder(tenant).with_shared_stores(stores));
        let builder = providers.iter().cloned().fold(builder, GovernorBuilder::with_shared_provider);
        let (governor, mut driver) = builder.open().await?;
        let driver = match following {
            Following::Beside => tokio::spawn(driver.run()),
            Following::Apart(place) => {
                let followed = match driver.take_follower() {
                    Some(follower) => Some(follow_apart(follower, governor.tenant().clone(), place).await?),
                    None => None,
                };
                tokio::spawn(async move {
                    let gone = async {
                        match followed {
                            Some(followed) => drop(followed.await),
                            None => std::future::pending().await,
                        }
                    };
                    // Without one of the two nothing is admitted any more.
                    tokio::select! {
                        () = driver.run() => {}
                        () = gone => tracing::error!("the journal is followed no more"),
                    }
                })
            }
        };
        Ok(Self { governor, stores: of_tenant, driver })
    }

    /// Ends in order: the record is closed, and every outcome is in it.
    pub(crate) async fn close(self) {
        if tokio::time::timeout(TIMEOUT, self.governor.close()).await.is_err() {
            tracing::error!("the record could not be closed in time: outcomes of the last calls may be missing");
        }
        self.driver.abort();
    }
}

/// Follows the journal on a thread of its own. What comes back resolves once the thread has ended.
async fn follow_apart(
    follower: Follower,
    tenant: TenantId,
    place: StorePlace,
) -> Result<oneshot::Receiver<()>, Failure> {
    let (opened, ready) = oneshot::channel();
    let (here, gone) = oneshot::channel::<()>();
    let follow = move || {
        // Dropped when the thread ends, however it ends.
        let _here = here;
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(opened.send(Err(Failure::from(error)))),
        };
        runtime.block_on(async move {
            // A connection belongs to the runtime that made it: the follower has its own.
            let own = async {
                match place.open_if_there().await? {
                    Some(stores) => Ok(Some(stores.open(&tenant).await?.journal)),
                    None => Ok(None),
                }
            };
            let follower = match own.await {
                Ok(Some(journal)) => follower.with_journal(journal),
                // What is in memory has no connection.
                Ok(None) => follower,
                Err(failure) => return drop(opened.send(Err(failure))),
            };
            let running = follower.run();
            let _ = opened.send(Ok(()));
            running.await;
        });
    };
    std::thread::Builder::new().name("follower".to_owned()).spawn(follow)?;
    match ready.await {
        Ok(opened) => opened.map(|()| gone),
        Err(_) => Err(Failure::Other("the journal cannot be followed".to_owned())),
    }
}
