//! What is known of a registered server and of its credentials.

use crate::vocabulary::{CatalogueVersion, CredentialFacts, ServerSpec, Timestamp};

/// A registered server.
#[derive(Debug, Clone)]
pub struct Server {
    pub(crate) spec: ServerSpec,
    pub(crate) paused: bool,
    pub(crate) catalogue: Option<CatalogueVersion>,
    pub(crate) registered_at: Timestamp,
}

impl Server {
    /// The operator's row.
    pub fn spec(&self) -> &ServerSpec {
        &self.spec
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// The version of the catalogue that was synced last.
    pub fn catalogue(&self) -> Option<CatalogueVersion> {
        self.catalogue
    }

    /// When it was registered.
    pub fn registered_at(&self) -> Timestamp {
        self.registered_at
    }
}

/// A credential that the vault holds.
#[derive(Debug, Clone)]
pub struct StoredCredential {
    pub(crate) version: u64,
    pub(crate) facts: CredentialFacts,
    pub(crate) at: Timestamp,
}

impl StoredCredential {
    /// The version in the vault.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What is known of it and is no secret.
    pub fn facts(&self) -> &CredentialFacts {
        &self.facts
    }

    /// When it was put there.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}
