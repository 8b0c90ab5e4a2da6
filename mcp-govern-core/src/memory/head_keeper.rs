//! Kept heads in memory.

use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use crate::ports::{HeadKeeper, KeptHeads, StoreError};

/// The last known heads in memory: for tests, and for a process that opens a store several times.
#[derive(Debug, Default)]
pub struct MemoryHeadKeeper(Mutex<Option<KeptHeads>>);

impl MemoryHeadKeeper {
    /// Nothing is kept yet.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl HeadKeeper for MemoryHeadKeeper {
    async fn last(&self) -> Result<Option<KeptHeads>, StoreError> {
        Ok(lock(&self.0).clone())
    }

    async fn keep(&self, heads: &KeptHeads) -> Result<(), StoreError> {
        *lock(&self.0) = Some(heads.clone());
        Ok(())
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}
