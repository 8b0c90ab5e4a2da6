//! What calls need beside the view: the record, the bounds, and how people are named in it.

use std::{
    collections::BTreeSet,
    num::NonZeroUsize,
    sync::{
        Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use lru::LruCache;
use tokio::sync::Notify;

use crate::{
    audit::{AuditKey, AuditWriter, ReadableNames},
    quota::Quotas,
    vocabulary::{CallId, Digest, ToolId, UserId},
};

/// How many people's salted hashes are kept.
const PEOPLE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

/// What calls on this node share.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) audit: AuditWriter,
    pub(crate) quotas: Quotas,
    pub(crate) key: AuditKey,
    pub(crate) names: ReadableNames,
    /// Tools that have succeeded without telling that they send: of their failures nothing is known.
    pub(crate) untold: RwLock<BTreeSet<ToolId>>,
    /// Raised when calls in flight must look whether they may go on.
    pub(crate) alarm: Notify,
    /// The salted hashes of people who called lately.
    people: Mutex<LruCache<UserId, Digest>>,
    node: u64,
    begun: AtomicU64,
}

impl Calls {
    /// `node` tells the calls of this node from those of others.
    pub(super) fn new(audit: AuditWriter, quotas: Quotas, key: AuditKey, names: ReadableNames, node: u64) -> Self {
        Self {
            audit,
            quotas,
            key,
            names,
            untold: RwLock::default(),
            alarm: Notify::new(),
            people: Mutex::new(LruCache::new(PEOPLE)),
            node,
            begun: AtomicU64::new(0),
        }
    }

    /// The salted hash of a person, as records name it.
    pub(crate) fn user_hash(&self, user: &UserId) -> Digest {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = people.get(user) {
            return *known;
        }
        let hash = self.key.user(user);
        people.put(user.clone(), hash);
        hash
    }

    pub(crate) fn next_call(&self) -> CallId {
        CallId::numbered(self.node, self.begun.fetch_add(1, Ordering::Relaxed))
    }
}
