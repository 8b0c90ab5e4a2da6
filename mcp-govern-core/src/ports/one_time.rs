//! The port to values that are taken once.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use super::StoreError;

/// A value that is taken once. It may be sensitive: `Debug` shows its length only.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeValue(Vec<u8>);

impl OneTimeValue {
    /// Takes the bytes in.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for OneTimeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OneTimeValue({} bytes)", self.0.len())
    }
}

/// Values that are taken once, across all nodes.
///
/// # Contract
///
/// Of any number of `take` calls for a key, on any nodes, at most one gets the value, and none after its time to live.
#[async_trait]
pub trait OneTime: fmt::Debug + Send + Sync + 'static {
    /// Puts a value under a key that is not in use.
    ///
    /// # Errors
    ///
    /// `Conflict` when the key is in use.
    async fn put(&self, key: &str, value: OneTimeValue, ttl: Duration) -> Result<(), StoreError>;

    /// Takes the value away, if it is there and alive.
    ///
    /// # Errors
    ///
    /// When the store failed; the value may be gone then.
    async fn take(&self, key: &str) -> Result<Option<OneTimeValue>, StoreError>;
}
