//! Who a handler serves.

use std::sync::Arc;

use mcp_govern_core::{Principal, Timestamp};
use tokio_util::sync::CancellationToken;

use super::Slot;

tokio::task_local! {
    /// Who sends the request that this task serves. Set by the door, after authentication.
    pub(crate) static CURRENT: Arc<Caller>;
}

/// Who a handler serves: a handler is made for one caller and never serves another.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    /// When the proof of identity ends.
    pub(crate) expires: Option<Timestamp>,
    pub(crate) transport: Transport,
}

/// How the caller is connected.
#[derive(Debug)]
pub(crate) enum Transport {
    /// Every request stands for itself. Its result may wait here.
    Http(Slot),
    /// One connection for its whole life; the token is cancelled when it ends.
    Stream(CancellationToken),
}
