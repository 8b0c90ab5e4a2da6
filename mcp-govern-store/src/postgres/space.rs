use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_core::ports::{Space, StoreError, StoreSpace};

use super::{
    database::{Database, within},
    fault::Access,
};
use crate::rows;

/// How much room the database takes. What its server has left no client can know.
#[derive(Debug)]
pub(crate) struct PostgresSpace(Arc<Database>);

impl PostgresSpace {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self(database)
    }
}

#[async_trait]
impl Space for PostgresSpace {
    async fn space(&self) -> Result<StoreSpace, StoreError> {
        let mut lent = self.0.lend(Access::Read, "measuring the database").await?;
        let size = sqlx::query_scalar("SELECT pg_database_size(current_database())");
        let size = within(lent.timeout, size.fetch_one(lent.connection())).await;
        Ok(StoreSpace::new(rows::number(lent.settle(size)?, "the size of a database")?))
    }
}
