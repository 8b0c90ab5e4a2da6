//! The shell around the pure centre: the one way to commit, to list and to call.
//!
//! [`Governor::builder`] opens a tenant; the [`Driver`] that comes with it must run. Every entry - list, search, describe,
//! preview, call - goes through the same admission.

mod ask;
mod authorise;
mod background_tasks;
mod blueprint;
mod builder;
mod call;
mod calls;
mod commit;
mod commits;
mod connections;
mod core;
mod credentials;
mod differing;
mod driver;
mod error;
mod follow;
mod freshness_monitor;
mod heads;
mod keep;
mod ledger;
mod list;
mod nodes;
mod prepare;
mod records;
mod refresh;
mod renewal;
mod request;
mod retention;
mod servers;
mod space;
mod status;
mod sync;
mod upkeep;
mod watch;

use std::{pin::pin, sync::Arc, time::Duration};

pub(crate) use self::freshness_monitor::{FreshnessMonitor, Part};
pub use self::{
    ask::{AccessWish, RequestState, RequestableProfile},
    blueprint::{Applied, AppliedStep, ApplyOptions, Simulated, SyncCounts, SyncedServer},
    builder::GovernorBuilder,
    commit::{CommitOutcome, Committed},
    commits::Commits,
    connections::Connection,
    credentials::{CredentialAccepted, Probe},
    driver::{Driver, Follower},
    error::{GovernError, GovernErrorKind},
    list::{ListedTool, Listing},
    refresh::{ConnectUrls, CredentialRefresher},
    request::{CallError, CallFailure, CallRequest, CallSuccess, Repetition, ToolRef},
    status::Status,
};
pub use crate::quota::{CallBound, CallLimits, CallRate};
use crate::{
    access::Snapshot,
    journal::{Command, Head, Revision, State, StoredCredential},
    provider::ServerConfig,
    vocabulary::{Actor, CredentialOwner, ServerId, TenantId, Timestamp},
};

/// How long discovery and probing may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Governs one tenant on this node: the only way to commit, to list and to call. Cheap to clone; clones share everything.
///
/// Several governors over the same stores, on one node or on many, govern the same tenant: each follows what the others do.
#[derive(Debug, Clone)]
pub struct Governor {
    core: Arc<core::Core>,
}

impl Governor {
    /// Puts a governor for a tenant together.
    pub fn builder(tenant: TenantId) -> GovernorBuilder {
        GovernorBuilder::new(tenant)
    }

    /// Carries a command out, once: a repeated id answers what the first time answered, also where the acknowledgement of the
    /// first time was lost. What it changes is visible to the next call on this node, and soon on every other.
    ///
    /// # Errors
    ///
    /// A refusal as [`decide`](crate::journal::decide) says it, or a store that failed. Only with
    /// [`GovernErrorKind::Unknown`] may something have been done: send the same command again.
    pub async fn commit(&self, actor: &Actor, command: Command) -> Result<Committed, GovernError> {
        self.core.commit(actor, &command, commit::JustLoaded::Nothing).await
    }

    /// The tenant.
    pub fn tenant(&self) -> &TenantId {
        &self.core.tenant
    }

    /// The state of the moment. Keep it no longer than needed: while it is kept, the next commit copies it.
    pub fn state(&self) -> Arc<State> {
        self.core.state()
    }

    /// The rules of the moment, as calls are admitted by them.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.core.view().snapshot)
    }

    /// The revision of the rules.
    pub fn revision(&self) -> Revision {
        self.core.view().snapshot.revision()
    }

    /// The head of the journal, as far as this node has read it: keep it elsewhere as an anchor.
    pub fn journal_head(&self) -> Head {
        self.core.view().snapshot.head()
    }

    /// The time by which the rules go: the largest of the clock, the last commit and every time seen before.
    pub fn now(&self) -> Timestamp {
        self.core.time.now()
    }

    /// Waits until this node's rules are of at least this revision: for a node that learns of a commit of another one.
    ///
    /// # Errors
    ///
    /// When the driver has ended, so that nothing is followed any more.
    pub async fn reached(&self, revision: Revision) -> Result<(), GovernError> {
        let ended = || GovernError::new(GovernErrorKind::Unavailable, "the driver has ended: nothing is followed");
        let (mut at, mut end) = (self.core.ledger.revision.subscribe(), self.core.ledger.unfollowed.subscribe());
        let reached = watch::race(pin!(at.wait_for(|at| *at >= revision)), pin!(end.wait_for(|ended| *ended))).await;
        match reached {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(ended()),
        }
    }

    /// A number that changes with every change of what may be listed or called on this node: a commit that was taken in, a server's
    /// definitions that were loaded.
    pub fn generation(&self) -> u64 {
        *self.core.generation.borrow()
    }

    /// Waits until the generation is another one than this.
    ///
    /// # Errors
    ///
    /// When the driver has ended, so that nothing is followed any more.
    pub async fn changed(&self, generation: u64) -> Result<u64, GovernError> {
        let ended = || GovernError::new(GovernErrorKind::Unavailable, "the driver has ended: nothing is followed");
        let (mut at, mut end) = (self.core.generation.subscribe(), self.core.ledger.unfollowed.subscribe());
        match watch::race(pin!(at.wait_for(|at| *at != generation)), pin!(end.wait_for(|ended| *ended))).await {
            Ok(Ok(now)) => Ok(*now),
            Ok(Err(_)) | Err(_) => Err(ended()),
        }
    }

    /// A server as its provider sees it.
    pub fn server_config(&self, server: &ServerId) -> Option<ServerConfig> {
        self.core.with_state(|state| {
            let spec = state.servers().get(server)?.spec().clone();
            Some(ServerConfig::new(self.core.tenant.clone(), server.clone(), spec))
        })
    }

    /// The version of a credential that is in place: none before there is one, and a greater one with each that replaces it.
    pub fn credential_version(&self, server: &ServerId, owner: &CredentialOwner) -> Option<u64> {
        self.core.with_state(|state| state.credential(server, owner).map(StoredCredential::version))
    }

    /// Ends in order: no new call is let in, calls in flight finish, the audit chain is closed, and the driver's future ends.
    /// Waits for that; without a driver that runs there is nothing to wait for.
    pub async fn close(&self) {
        self.core.calls.audit.close();
        if self.core.ledger.freshness_monitor.runs(Part::Driver) {
            let mut ended = self.core.upkeep.ended.subscribe();
            let _ = ended.wait_for(|ended| *ended).await;
        }
    }
}
