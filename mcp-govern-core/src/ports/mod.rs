//! What the [`Governor`](crate::Governor) needs from stores. All of it is opened per tenant.
//!
//! In-memory implementations are in [`crate::memory`]; the conformance crate holds every implementation to the contracts.

mod audit_log;
mod checkpoint;
mod head_keeper;
mod journal;
mod lease;
mod one_time;
mod space;
mod vault;

use std::{fmt, sync::Arc};

use async_trait::async_trait;

pub use self::{
    audit_log::{AuditCursor, AuditFilter, AuditLog, AuditPage, StoredRecord},
    checkpoint::{Checkpoint, Checkpoints},
    head_keeper::{HeadKeeper, KeptHeads},
    journal::{Journal, JournalUpdates},
    lease::{Lease, LeaseGuard},
    one_time::{OneTime, OneTimeValue},
    space::{Space, StoreSpace},
    vault::{Vault, VaultEntry, VaultKey},
};
pub use crate::vocabulary::{AuditHead, WriterId};
use crate::vocabulary::{Head, TenantId};

/// A store did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    current: Option<Current>,
    #[source]
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What is there instead of what a caller expected.
#[derive(Debug, Clone, Copy)]
enum Current {
    Journal(Head),
    Version(u64),
}

/// What a caller of a store should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached or is busy. Nothing was done; try again.
    Unavailable,
    /// The connection broke while the store was writing: it may or may not have been done. Look before trying again.
    Unknown,
    /// What the store holds cannot be read. Do not go on.
    Corrupt,
    /// The caller's own position is out of date (another writer was first). Read again.
    Conflict,
    /// The caller asks for something that makes no sense here (a malformed URL, a filter that the store does not understand,
    /// a secret without vault keys). Nothing was done; trying again does not help.
    Invalid,
    /// What the vault holds cannot be opened: a wrong key, changed bytes, or an entry moved from another tenant, server, origin or user.
    Unsealable,
}

impl StoreError {
    /// An error of a kind.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), current: None, source: None }
    }

    /// `Conflict`: another commit was first. Nothing was done.
    pub fn journal_moved(head: Head) -> Self {
        let message = format!("the journal has moved on to revision {}", head.revision);
        Self { current: Some(Current::Journal(head)), ..Self::new(StoreErrorKind::Conflict, message) }
    }

    /// `Conflict`: another put was first, and the credential is at this version. Nothing was done.
    pub fn version_taken(version: u64) -> Self {
        let message = format!("the credential is at version {version} already");
        Self { current: Some(Current::Version(version)), ..Self::new(StoreErrorKind::Conflict, message) }
    }

    /// `Unsealable`: why a credential cannot be opened, in words that hold nothing of it.
    pub fn unsealable(why: impl fmt::Display) -> Self {
        Self::new(StoreErrorKind::Unsealable, format!("the credential cannot be opened: {why}"))
    }

    /// Where the journal stands, after [`StoreError::journal_moved`].
    pub fn journal_head(&self) -> Option<Head> {
        match self.current {
            Some(Current::Journal(head)) => Some(head),
            _ => None,
        }
    }

    /// At which version the credential is, after [`StoreError::version_taken`].
    pub fn version(&self) -> Option<u64> {
        match self.current {
            Some(Current::Version(version)) => Some(version),
            _ => None,
        }
    }

    /// With its cause, which must hold no secret.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What a caller should do.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

/// Opens the stores of a tenant.
///
/// # Contract
///
/// Two tenants share nothing that a caller could see. Opening a tenant that has no data creates it.
#[async_trait]
pub trait Stores: fmt::Debug + Send + Sync + 'static {
    /// The stores of a tenant.
    ///
    /// # Errors
    ///
    /// When the stores cannot be reached or read.
    async fn open(&self, tenant: &TenantId) -> Result<TenantStores, StoreError>;
}

/// The stores of one tenant.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TenantStores {
    /// Governance commits.
    pub journal: Arc<dyn Journal>,
    /// Tool calls.
    pub audit: Arc<dyn AuditLog>,
    /// Credentials.
    pub vault: Arc<dyn Vault>,
    /// Values that are taken once.
    pub one_time: Arc<dyn OneTime>,
    /// Work that one node at a time does.
    pub lease: Arc<dyn Lease>,
    /// The state after a commit, where the stores keep it: without checkpoints the whole journal is read when a governor opens.
    pub checkpoints: Option<Arc<dyn Checkpoints>>,
    /// How much room there is, where the stores know.
    pub space: Option<Arc<dyn Space>>,
}

impl TenantStores {
    /// Puts the stores of a tenant together.
    pub fn new(
        journal: Arc<dyn Journal>,
        audit: Arc<dyn AuditLog>,
        vault: Arc<dyn Vault>,
        one_time: Arc<dyn OneTime>,
        lease: Arc<dyn Lease>,
    ) -> Self {
        Self { journal, audit, vault, one_time, lease, checkpoints: None, space: None }
    }

    /// With checkpoints.
    #[must_use]
    pub fn with_checkpoints(mut self, checkpoints: Arc<dyn Checkpoints>) -> Self {
        self.checkpoints = Some(checkpoints);
        self
    }

    /// With what says how much room there is.
    #[must_use]
    pub fn with_space(mut self, space: Arc<dyn Space>) -> Self {
        self.space = Some(space);
        self
    }
}
