//! The port to checkpoints: the state after a commit, so that a node need not replay the whole journal when it starts.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::StoreError;
use crate::journal::Head;

/// The state after a commit, in a form that its writer chooses and reads again.
///
/// `Debug` shows its head and how large it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Checkpoint {
    head: Head,
    form: u32,
    bytes: Arc<[u8]>,
}

impl Checkpoint {
    /// The state after the commit at `head`, written in the form of this number.
    pub fn new(head: Head, form: u32, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { head, form, bytes: bytes.into() }
    }

    /// The commit that it holds the state after.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The number of the form that it is written in.
    pub fn form(&self) -> u32 {
        self.form
    }

    /// The state.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { head, form, bytes } = self;
        write!(f, "Checkpoint(revision {}, form {form}, {} bytes)", head.revision, bytes.len())
    }
}

/// The checkpoints of one tenant's journal.
///
/// # Contract
///
/// - A checkpoint is derived from the journal and may be lost at any time: a node that finds none replays.
/// - It is kept so that a person who can write into the store, but has no key, cannot make one up, and with it grants that
///   no commit made: sealed, or in a place that only the nodes can write.
/// - `latest` answers one whose commit is in the journal under the same hash; one that cannot be used is passed over.
/// - Forms are kept side by side: during a rolling upgrade old and new releases each find theirs.
#[async_trait]
pub trait Checkpoints: fmt::Debug + Send + Sync + 'static {
    /// The newest checkpoint of this form that can be used.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    async fn latest(&self, form: u32) -> Result<Option<Checkpoint>, StoreError>;

    /// The head of the newest checkpoint of this form, without reading it.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    async fn newest(&self, form: u32) -> Result<Option<Head>, StoreError>;

    /// Keeps a checkpoint, and the newest one before it; older ones go. It may take turns with other writes.
    ///
    /// # Errors
    ///
    /// `Conflict` when the journal does not hold the commit that it belongs to.
    async fn put(&self, checkpoint: &Checkpoint) -> Result<(), StoreError>;
}
