//! Syncing a server: what its provider states is loaded here and taken into the journal.

use std::sync::Arc;

use super::{Committed, GovernError, GovernErrorKind, Governor, commit::JustLoaded};
use crate::{
    journal::{Action, Command},
    vocabulary::{Actor, Catalogue, CatalogueVersion, CommandId, ServerId},
};

impl Governor {
    /// Discovers a server's tools, with the shared credential where there is one, loads their definitions on this node and takes
    /// them into the journal: new tools wait for review, changed ones go by the drift policy, missing ones are removed.
    ///
    /// # Errors
    ///
    /// When the server cannot be opened or discovered, the actor may not, or the journal knows a newer catalogue.
    pub async fn sync(&self, actor: &Actor, server: &ServerId) -> Result<Committed, GovernError> {
        self.sync_by_command(actor, server).await.map(|(_, committed)| committed)
    }

    /// Like [`Governor::sync`]; answers the command, too.
    pub(super) async fn sync_by_command(
        &self,
        actor: &Actor,
        server: &ServerId,
    ) -> Result<(Command, Committed), GovernError> {
        self.may_sync(actor, server)?;
        let catalogue = self.core.load(server).await?;
        let action = Action::SyncServer { server: server.clone(), catalogue };
        let command = Command::new(CommandId::random()?, action);
        let committed = self.core.commit(actor, &command, JustLoaded::Server(server)).await?;
        Ok((command, committed))
    }

    /// An actor who may not sync must not make this node discover either.
    fn may_sync(&self, actor: &Actor, server: &ServerId) -> Result<(), GovernError> {
        let nothing = Catalogue { version: CatalogueVersion(u64::MAX), tools: Vec::new() };
        let action = Action::SyncServer { server: server.clone(), catalogue: Arc::new(nothing) };
        match self.core.allowed(actor, &Command::new(CommandId::random()?, action)) {
            Err(error) if matches!(error.kind(), GovernErrorKind::NotAllowed | GovernErrorKind::Unreadable) => {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Discovers a server's tools and loads their definitions on this node, without touching the journal: for a server that could
    /// not be discovered when it was due ([`Status::faults`](super::Status::faults)).
    ///
    /// # Errors
    ///
    /// When the server cannot be opened or discovered.
    pub async fn reload(&self, server: &ServerId) -> Result<Arc<Catalogue>, GovernError> {
        self.core.load(server).await
    }
}
