//! The port to work that one node at a time does.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use super::StoreError;

/// A lease that is held. It ends with its time to live; dropping it gives it back as soon as the store can.
#[async_trait]
pub trait LeaseGuard: fmt::Debug + Send + Sync {
    /// Whether the lease is still held for certain.
    fn is_held(&self) -> bool;

    /// Holds it for `ttl` from now, if no other node has taken it meanwhile: for work that takes longer than was thought.
    /// Answers whether it is held; after `false` it is another node's.
    ///
    /// # Errors
    ///
    /// When the store failed: the lease ends when it would have ended, or `ttl` from now.
    async fn renew(&mut self, ttl: Duration) -> Result<bool, StoreError>;
}

/// Leases of one tenant.
///
/// # Contract
///
/// A name has one holder at a time, across all nodes; renewing never takes a lease from another holder.
#[async_trait]
pub trait Lease: fmt::Debug + Send + Sync + 'static {
    /// Takes the lease if it is free.
    ///
    /// # Errors
    ///
    /// When the store failed.
    async fn hold(&self, name: &str, ttl: Duration) -> Result<Option<Box<dyn LeaseGuard>>, StoreError>;

    /// How many leases are held at the moment, across all nodes, whose names begin with `prefix`.
    ///
    /// # Errors
    ///
    /// When the store failed.
    async fn count(&self, prefix: &str) -> Result<usize, StoreError>;
}
