//! What goes with a request from the network to its handler, around the protocol library: who sends it, and where its result waits.

mod verbatim;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use mcp_govern_core::{Principal, Timestamp};
use tokio_util::sync::CancellationToken;

pub(crate) use self::verbatim::{Mark, Slot, is_plain};

tokio::task_local! {
    /// Who sends the request that this task serves. Set by the ingress, after authentication.
    pub(crate) static CURRENT: Arc<Caller>;
}

/// Who a handler serves: a handler is made for one caller and never serves another.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    /// When the proof of identity ends.
    pub(crate) expires: Option<Timestamp>,
    pub(crate) transport: Transport,
    /// For what stays open after its request was answered.
    pub(crate) proof: Option<Box<dyn Proof>>,
}

/// A proof of identity that can be asked for again: tokens are taken back, sign-ins end.
#[async_trait]
pub(crate) trait Proof: fmt::Debug + Send + Sync {
    /// Whether it is still good, and for the same caller: the same groups, from the same place.
    async fn holds_for(&self, principal: &Principal) -> bool;
}

impl Caller {
    /// Whether the caller would be let in now. Over a connection of its own it is the one that it was.
    pub(crate) async fn is_still_known(&self) -> bool {
        match (&self.proof, &self.transport) {
            (Some(proof), _) => proof.holds_for(&self.principal).await,
            (None, Transport::Stream(_)) => true,
            (None, Transport::Http(..)) => false,
        }
    }
}

/// How the caller is connected.
#[derive(Debug)]
pub(crate) enum Transport {
    /// Every request is on its own. Its result may wait here.
    Http(Slot, Telling),
    /// One connection for its whole life; the token is cancelled when it ends.
    Stream(CancellationToken),
}

impl Transport {
    /// Whether progress can be sent.
    pub(crate) fn tells(&self) -> bool {
        !matches!(self, Self::Http(_, Telling::NotTaken))
    }
}

/// Whether something can be sent to the caller before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    Possible,
    /// One message is accepted, and no stream.
    NotTaken,
}
