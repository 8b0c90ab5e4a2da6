//! Runs what follows from a commit and is not part of it: loading definitions, taking secrets out of the vault.

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
    ports::{StoreError, VaultKey, WriterId},
    vocabulary::{CredentialOwner, ServerId, UserId},
};

/// Something to be done after a commit. Doing it twice, or on several nodes, does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BackgroundTask {
    /// Discover the server's tools and load their definitions.
    Load(ServerId),
    /// Take secrets out of the vault that no longer count.
    SecretPurge(BTreeSet<SecretPurge>),
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
pub(crate) enum SecretPurge {
    Server(ServerId),
    Owner(ServerId, CredentialOwner),
    User(UserId),
}

impl SecretPurge {
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

impl BackgroundTask {
    pub(crate) fn of(event: &Event) -> Vec<Self> {
        let load = match event {
            Event::ServerChanged(event) => Some(event.server.clone()),
            Event::CatalogueSynced(event) => Some(event.server.clone()),
            _ => None,
        };
        let purge = SecretPurge::of(event).map(|purge| Self::SecretPurge(BTreeSet::from([purge])));
        let delete = match event {
            Event::AuditSegmentDropped(event) => Some(Self::DeleteDropped(Some(event.writer.clone()))),
            _ => None,
        };
        load.map(Self::Load).into_iter().chain(purge).chain(delete).collect()
    }
}

/// Background tasks that wait for the driver.
#[derive(Debug, Default)]
pub(crate) struct BackgroundTasks {
    waiting: Mutex<Vec<BackgroundTask>>,
    work: Notify,
}

impl BackgroundTasks {
    pub(crate) fn push(&self, background_tasks: impl IntoIterator<Item = BackgroundTask>) {
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            for background_task in background_tasks {
                if !waiting.contains(&background_task) {
                    waiting.push(background_task);
                }
            }
            if waiting.is_empty() {
                return;
            }
        }
        self.work.notify_one();
    }

    fn take(&self) -> Vec<BackgroundTask> {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Background tasks that the task which caused them does itself; the driver does those that are left when this is dropped.
#[derive(Debug)]
pub(crate) struct PendingTasks<'a> {
    core: &'a Core,
    background_tasks: Vec<BackgroundTask>,
}

impl PendingTasks<'_> {
    pub(crate) async fn settle(mut self) {
        while let Some(background_task) = self.background_tasks.first().cloned() {
            let failed = self.core.attend(&background_task).await.is_err();
            self.background_tasks.remove(0);
            if failed {
                self.core.upkeep.background_tasks.push([background_task]);
            }
        }
    }
}

impl Drop for PendingTasks<'_> {
    fn drop(&mut self) {
        self.core.upkeep.background_tasks.push(self.background_tasks.drain(..));
    }
}

/// A background task could not be done; it is worth another try.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Undone;

impl Core {
    pub(crate) fn pending(&self, background_tasks: Vec<BackgroundTask>) -> PendingTasks<'_> {
        PendingTasks { core: self, background_tasks }
    }

    /// Does a background task. That a server cannot be discovered is no error of the task: discovery is tried again when the tools are asked for.
    pub(crate) async fn attend(&self, background_task: &BackgroundTask) -> Result<(), Undone> {
        match background_task {
            BackgroundTask::Load(server) => {
                if let Err(error) = self.load(server).await {
                    tracing::warn!(%server, %error, "the definitions of a server could not be loaded");
                }
                Ok(())
            }
            BackgroundTask::SecretPurge(which) => self.purge(which).await.map_err(|error| {
                tracing::warn!(%error, "secrets could not be taken out of the vault yet");
                Undone
            }),
            BackgroundTask::Checkpoint => {
                self.keep_checkpoint().await;
                Ok(())
            }
            BackgroundTask::Anchor => {
                self.keep_anchors().await;
                Ok(())
            }
            BackgroundTask::KeepHeads => {
                self.keep_heads_or_warn().await;
                Ok(())
            }
            BackgroundTask::Measure => {
                self.measure_or_tell().await;
                Ok(())
            }
            BackgroundTask::DeleteDropped(writer) => self.delete_dropped(writer.as_ref()).await.map_err(|error| {
                tracing::warn!(%error, "a dropped segment of the audit could not be deleted yet");
                Undone
            }),
            BackgroundTask::CountNodes => {
                self.count_nodes().await;
                Ok(())
            }
        }
    }

    async fn purge(&self, which: &BTreeSet<SecretPurge>) -> Result<(), StoreError> {
        let _turn = self.servers.vault_turn.lock().await;
        for (key, _) in self.stores.vault.list().await? {
            if which.iter().any(|purge| purge.speaks_of(&key)) && !self.counts(&key) {
                // One that cannot be opened cannot be revoked.
                let entry = match &self.servers.refresher {
                    Some(_) => self.stores.vault.get(&key).await.ok().flatten(),
                    None => None,
                };
                self.stores.vault.delete(&key).await?;
                if let (Some(refresher), Some(entry)) = (&self.servers.refresher, entry) {
                    let (revoker, server) = (Arc::clone(refresher), key.server.clone());
                    // The vendor is not waited for.
                    refresher.run(Box::pin(async move { revoker.revoke(&server, &entry.credential).await }));
                }
            }
        }
        Ok(())
    }

    /// Whether the state knows of a credential under this key.
    fn counts(&self, key: &VaultKey) -> bool {
        let known = self.with_state(|state| state.credential(&key.server, &key.owner).is_some());
        known && self.view().servers.get(&key.server).is_some_and(|open| open.origin() == key.origin)
    }

    /// Does background tasks as they come, several at a time. What fails is tried again when the next one comes.
    pub(super) async fn attend_all(self: Arc<Self>) {
        let mut busy: Vec<Pin<Box<dyn Future<Output = Option<BackgroundTask>> + Send>>> = Vec::new();
        let mut undone = Vec::new();
        loop {
            for background_task in self.upkeep.background_tasks.take().into_iter().chain(undone.drain(..)) {
                let core = Arc::clone(&self);
                busy.push(Box::pin(
                    async move { core.attend(&background_task).await.err().map(|Undone| background_task) },
                ));
            }
            let mut work = pin!(self.upkeep.background_tasks.work.notified());
            poll_fn(|cx| {
                busy.retain_mut(|background_task| match background_task.as_mut().poll(cx) {
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
