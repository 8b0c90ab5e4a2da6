use std::fmt;

use async_trait::async_trait;

use super::StoreError;

/// How much room what is stored takes, and how much is left for more. In bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreSpace {
    /// What all tenants of the store take.
    pub used: u64,
    /// What can still be written before a write is refused; absent where the store does not know (a database server's disk).
    pub free: Option<u64>,
}

/// Below this much free room a store is low, however small it is.
const LOW: u64 = 64 * 1024 * 1024;
/// A large store is low below a tenth of what it takes, and at the latest here.
const LOW_AT_MOST: u64 = 4 * 1024 * 1024 * 1024;

impl StoreSpace {
    /// So much is used, and how much is free is not known.
    pub fn new(used: u64) -> Self {
        Self { used, free: None }
    }

    /// With what is free.
    #[must_use]
    pub fn with_free(mut self, free: u64) -> Self {
        self.free = Some(free);
        self
    }

    /// Whether it is time to make room: less is free than 64 MiB, or than a tenth of what is used (of that, at most 4 GiB are asked for).
    /// A full store refuses records, and a call that cannot be put on record is denied.
    pub fn is_low(&self) -> bool {
        self.free.is_some_and(|free| free < (self.used / 10).clamp(LOW, LOW_AT_MOST))
    }
}

/// Says how much room a store takes and has left.
///
/// # Contract
///
/// Measuring changes nothing, reads no record, and takes no turn that a writer waits for.
#[async_trait]
pub trait Space: fmt::Debug + Send + Sync + 'static {
    /// The room of the moment.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked.
    async fn space(&self) -> Result<StoreSpace, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn a_store_is_low_below_a_tenth_of_it_and_never_because_nobody_knows() {
        assert!(!StoreSpace::new(u64::MAX).is_low());
        assert!(StoreSpace::new(MIB).with_free(63 * MIB).is_low());
        assert!(!StoreSpace::new(MIB).with_free(64 * MIB).is_low());
        assert!(StoreSpace::new(10_000 * MIB).with_free(999 * MIB).is_low());
        assert!(!StoreSpace::new(10_000 * MIB).with_free(1_000 * MIB).is_low());
        assert!(!StoreSpace::new(1_000_000 * MIB).with_free(4_096 * MIB).is_low());
    }
}
