//! The accounts of a person's own that are connected with servers: shown to the person, and taken away by it.

use super::{Committed, GovernError, Governor};
use crate::{
    journal::{CredentialStatus, StoredCredential},
    vocabulary::{Actor, CredentialFacts, CredentialOwner, ServerId, Timestamp, UserId},
};

/// An account of a person's own that is connected with a server. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Connection {
    /// The server.
    pub server: ServerId,
    /// The server's name for people.
    pub title: String,
    /// Whose account it is at the vendor, what it may do, and until when, as far as that is known.
    pub facts: CredentialFacts,
    /// When it was connected.
    pub at: Timestamp,
    /// Whether it is used.
    pub status: CredentialStatus,
}

impl Governor {
    /// The accounts that a person has connected, ordered by server. Show them to that person alone.
    pub fn connections(&self, person: &UserId) -> Vec<Connection> {
        let (owner, now) = (CredentialOwner::User(person.clone()), self.now());
        let connection = |server: &ServerId, title: &str, credential: &StoredCredential| Connection {
            server: server.clone(),
            title: title.to_owned(),
            facts: credential.facts().clone(),
            at: credential.at(),
            status: credential.status(now),
        };
        self.core.with_state(|state| {
            let servers = state.servers().iter();
            servers
                .filter_map(|(id, server)| Some(connection(id, &server.spec().title, state.credential(id, &owner)?)))
                .collect()
        })
    }

    /// Disconnects the actor's own account from a server: its credential is taken out of the vault, and no call uses it any more. At
    /// the vendor nothing is revoked. Where there is none, nothing is done.
    ///
    /// # Errors
    ///
    /// When the commit cannot be put on record.
    pub async fn disconnect(&self, actor: &Actor, server: &ServerId) -> Result<Committed, GovernError> {
        self.remove_credential(actor, server, CredentialOwner::User(actor.user().clone())).await
    }
}
