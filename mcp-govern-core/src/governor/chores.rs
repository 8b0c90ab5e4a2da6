//! Runs what follows from an act and is not part of it: loading definitions, taking secrets out of the vault.

use std::{
    collections::BTreeSet,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
};

use tokio::sync::Notify;

use super::core::Core;
use crate::{
    journal::Event,
    ports::{VaultError, VaultKey, WriterId},
    vocabulary::{CredentialOwner, ServerId, UserId},
};

/// Something to be done after an act. Doing it twice, or on several nodes, does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chore {
    /// Discover the server's tools and load their definitions.
    Load(ServerId),
    /// Take secrets out of the vault that no longer count.
    Forget(BTreeSet<Forget>),
    /// Write a checkpoint of the state.
    Checkpoint,
    /// Put on record where the chains of audit records stand.
    Anchor,
    /// Keep the heads outside of the stores.
    KeepHeads,
    /// Measure how much room the store has left.
    Measure,
    /// Delete the audit records of the writer's dropped segments that are still there; of every writer's, where none is named.
    DeleteDropped(Option<WriterId>),
    /// Count the nodes at work.
    CountNodes,
}

/// Which secrets to take out of the vault, as far as the state no longer knows them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Forget {
    Server(ServerId),
    Owner(ServerId, CredentialOwner),
    User(UserId),
}

impl Forget {
    /// Which secrets an event takes away.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        match event {
            Event::ServerRemoved(event) => Some(Self::Server(event.server.clone())),
            // Another base URL needs other credentials.
            Event::ServerChanged(event) => Some(Self::Server(event.server.clone())),
            Event::CredentialRemoved(event) => Some(Self::Owner(event.server.clone(), event.owner.clone())),
            Event::UserOffboarded(event) => Some(Self::User(event.user.clone())),
            _ => None,
        }
    }

    fn speaks_of(&self, key: &VaultKey) -> bool {
        match self {
            Self::Server(server) => key.server == *server,
            Self::Owner(server, owner) => key.server == *server && key.owner == *owner,
            Self::User(user) => matches!(&key.owner, CredentialOwner::User(owner) if owner == user),
        }
    }
}

impl Chore {
    pub(crate) fn of(event: &Event) -> Vec<Self> {
        let load = match event {
            Event::ServerChanged(event) => Some(event.server.clone()),
            Event::CatalogueSynced(event) => Some(event.server.clone()),
            _ => None,
        };
        let forget = Forget::of(event).map(|forget| Self::Forget(BTreeSet::from([forget])));
        let delete = match event {
            Event::AuditSegmentDropped(event) => Some(Self::DeleteDropped(Some(event.writer.clone()))),
            _ => None,
        };
        load.map(Self::Load).into_iter().chain(forget).chain(delete).collect()
    }
}

/// Chores that wait for the driver.
#[derive(Debug, Default)]
pub(crate) struct Chores {
    waiting: Mutex<Vec<Chore>>,
    work: Notify,
}

impl Chores {
    pub(crate) fn push(&self, chores: impl IntoIterator<Item = Chore>) {
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            for chore in chores {
                if !waiting.contains(&chore) {
                    waiting.push(chore);
                }
            }
            if waiting.is_empty() {
                return;
            }
        }
        self.work.notify_one();
    }

    fn take(&self) -> Vec<Chore> {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Chores that somebody does at once; what is not done when they are dropped is left to the driver.
#[derive(Debug)]
pub(crate) struct Owed<'a> {
    core: &'a Core,
    chores: Vec<Chore>,
}

impl Owed<'_> {
    pub(crate) async fn settle(mut self) {
        while let Some(chore) = self.chores.first().cloned() {
            let failed = self.core.attend(&chore).await.is_err();
            self.chores.remove(0);
            if failed {
                self.core.chores.push([chore]);
            }
        }
    }
}

impl Drop for Owed<'_> {
    fn drop(&mut self) {
        self.core.chores.push(self.chores.drain(..));
    }
}

/// A chore could not be done; it is worth another try.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Undone;

impl Core {
    pub(crate) fn owe(&self, chores: Vec<Chore>) -> Owed<'_> {
        Owed { core: self, chores }
    }

    /// Does a chore. A server that cannot be discovered is no chore undone: it is tried again when its tools are asked for.
    pub(crate) async fn attend(&self, chore: &Chore) -> Result<(), Undone> {
        match chore {
            Chore::Load(server) => {
                if let Err(error) = self.load(server).await {
                    tracing::warn!(%server, %error, "the definitions of a server could not be loaded");
                }
                Ok(())
            }
            Chore::Forget(which) => self.forget(which).await.map_err(|error| {
                tracing::warn!(%error, "secrets could not be taken out of the vault yet");
                Undone
            }),
            Chore::Checkpoint => {
                self.keep_checkpoint().await;
                Ok(())
            }
            Chore::Anchor => {
                self.keep_anchors().await;
                Ok(())
            }
            Chore::KeepHeads => {
                self.keep_heads_or_warn().await;
                Ok(())
            }
            Chore::Measure => {
                self.measure_or_tell().await;
                Ok(())
            }
            Chore::DeleteDropped(writer) => self.delete_dropped(writer.as_ref()).await.map_err(|error| {
                tracing::warn!(%error, "a dropped segment of the audit could not be deleted yet");
                Undone
            }),
            Chore::CountNodes => {
                self.count_nodes().await;
                Ok(())
            }
        }
    }

    async fn forget(&self, which: &BTreeSet<Forget>) -> Result<(), VaultError> {
        let _turn = self.vault_turn.lock().await;
        for (key, _) in self.stores.vault.list().await? {
            if which.iter().any(|forget| forget.speaks_of(&key)) && !self.counts(&key) {
                self.stores.vault.delete(&key).await?;
            }
        }
        Ok(())
    }

    /// Whether the state knows of a credential under this key.
    fn counts(&self, key: &VaultKey) -> bool {
        let known = self.with_state(|state| state.credential(&key.server, &key.owner).is_some());
        known && self.view().servers.get(&key.server).is_some_and(|open| open.origin() == key.origin)
    }

    /// Does chores as they come, several at a time. What fails is tried again when the next one comes.
    pub(super) async fn attend_all(self: Arc<Self>) {
        let mut busy: Vec<Pin<Box<dyn Future<Output = Option<Chore>> + Send>>> = Vec::new();
        let mut undone = Vec::new();
        loop {
            for chore in self.chores.take().into_iter().chain(undone.drain(..)) {
                let core = Arc::clone(&self);
                busy.push(Box::pin(async move { core.attend(&chore).await.err().map(|Undone| chore) }));
            }
            let mut work = pin!(self.chores.work.notified());
            poll_fn(|cx| {
                busy.retain_mut(|chore| match chore.as_mut().poll(cx) {
                    Poll::Ready(failed) => {
                        undone.extend(failed);
                        false
                    }
                    Poll::Pending => true,
                });
                work.as_mut().poll(cx)
            })
            .await;
        }
    }
}
