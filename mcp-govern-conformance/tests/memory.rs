//! The in-memory stores pass the store suite.

use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_conformance::{
    Failure,
    store::{Storage, StorageFactory},
    store_suite,
};
use mcp_govern_core::{memory::MemoryStores, ports::Stores};

struct Memory;

struct Shared(MemoryStores);

#[async_trait]
impl StorageFactory for Memory {
    async fn create(&self) -> Result<Box<dyn Storage>, Failure> {
        Ok(Box::new(Shared(MemoryStores::new())))
    }
}

#[async_trait]
impl Storage for Shared {
    async fn node(&self) -> Result<Arc<dyn Stores>, Failure> {
        Ok(Arc::new(self.0.clone()))
    }
}

store_suite!(Memory);
