//! How a value that is taken once is stored: under the hash of its key, sealed.

use mcp_govern_core::{
    Digest, TenantId,
    ports::{OneTimeValue, StoreError, StoreErrorKind},
};

use crate::{
    rows::corrupt,
    seal::{Place, Sealed, Sealer},
};

/// Seals the one-time values of one tenant.
#[derive(Debug, Clone)]
pub(crate) struct OneTimeSealer {
    tenant: TenantId,
    sealer: Sealer,
}

impl OneTimeSealer {
    pub(crate) fn new(tenant: TenantId, sealer: Sealer) -> Self {
        Self { tenant, sealer }
    }

    /// What the database holds instead of the key: a person who reads it there cannot take the value.
    pub(crate) fn column(key: &str) -> Vec<u8> {
        Digest::of_bytes(key.as_bytes()).as_bytes().to_vec()
    }

    pub(crate) fn seal(&self, key: &str, value: &OneTimeValue) -> Result<Sealed, StoreError> {
        self.sealer.seal(&self.place(key), value.as_bytes())
    }

    pub(crate) fn open(&self, key: &str, sealed_with: &str, sealed: &[u8]) -> Result<OneTimeValue, StoreError> {
        self.sealer
            .open(&self.place(key), sealed_with, sealed)
            .map(|plain| OneTimeValue::new(plain.as_slice()))
            .map_err(|error| corrupt(format!("a one-time value cannot be opened: {error}")))
    }

    fn place(&self, key: &str) -> Place {
        Place::new("one-time").with(self.tenant.as_str().as_bytes()).with(key.as_bytes())
    }
}

/// The key is in use.
pub(crate) fn in_use() -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, "the one-time key is in use")
}
