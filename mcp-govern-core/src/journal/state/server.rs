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

    /// The version of the catalogue that was synced last; none where nothing was synced of the server's edition.
    pub fn catalogue(&self) -> Option<CatalogueVersion> {
        self.catalogue
    }

    /// When it was registered.
    pub fn registered_at(&self) -> Timestamp {
        self.registered_at
    }
}

/// Whether a credential is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialStatus {
    /// It is.
    InUse,
    /// Its time has passed. One that can be refreshed is.
    Expired,
    /// The vendor refused it, so that another one has to be set.
    Refused,
}

/// A credential that the vault holds.
#[derive(Debug, Clone)]
pub struct StoredCredential {
    pub(crate) version: u64,
    pub(crate) facts: CredentialFacts,
    pub(crate) at: Timestamp,
    /// The newest version in the vault that the vendor refused.
    pub(crate) refused: Option<u64>,
}

impl StoredCredential {
    pub(crate) fn new(version: u64, facts: CredentialFacts, at: Timestamp) -> Self {
        Self { version, facts, at, refused: None }
    }

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

    /// Whether it is sent at `now`, as far as it is known by commits: a credential is refreshed without one.
    pub fn status(&self, now: Timestamp) -> CredentialStatus {
        if self.refused.is_some() {
            CredentialStatus::Refused
        } else if !self.facts.renewable && self.facts.expires.is_some_and(|end| end <= now) {
            CredentialStatus::Expired
        } else {
            CredentialStatus::InUse
        }
    }

    /// The version in the vault that the vendor refused, where it did: that one, and those before it, are not sent again. Known of
    /// people's own credentials alone.
    pub fn refused(&self) -> Option<u64> {
        self.refused
    }
}
