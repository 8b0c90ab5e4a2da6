//! Telling clients that their list of tools has changed.

use std::{pin::pin, sync::Arc, time::Duration};

use mcp_govern_core::{
    Denial, Principal, UserId,
    governor::{ListedTool, RequestableProfile},
};
use rmcp::{
    ErrorData, RoleServer,
    service::{Peer, SubscriptionContext},
};
use tokio_util::sync::CancellationToken;

use super::{Adapter, list::refused};
use crate::{
    metrics::Metrics,
    request_context::Caller,
    shares::{Share, Shares},
};

/// How many streams one person may have open.
const PER_PERSON: usize = 32;

/// How long a stream is open at most before its caller is looked at again.
const LONGEST_LOOK: Duration = Duration::from_secs(60);

/// The streams that are open: bounded in all, and for each person.
#[derive(Debug)]
pub(super) struct Subscriptions {
    open: Arc<Shares<UserId>>,
    metrics: Metrics,
}

/// One open stream.
#[derive(Debug)]
pub(super) struct Subscribed {
    _share: Share<UserId>,
    metrics: Metrics,
}

impl Subscriptions {
    pub(super) fn new(most: usize, metrics: Metrics) -> Self {
        Self { open: Shares::new(most, PER_PERSON), metrics }
    }

    /// Room for one more stream, given back when the answer is dropped.
    fn enter(&self, user: &UserId) -> Option<Subscribed> {
        let share = self.open.take(user, 1)?;
        self.metrics.subscribed(1);
        Some(Subscribed { _share: share, metrics: self.metrics.clone() })
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.metrics.subscribed(-1);
    }
}

/// Whether to go on after a look.
enum Look {
    Changed,
    Same,
    End,
}

/// A caller's list as it was last seen.
struct Seen<'a> {
    adapter: &'a Adapter,
    principal: &'a Principal,
    generation: u64,
    list: Result<Vec<ListedTool>, Denial>,
    /// What the caller may ask for: it is in the description of the tool that asks.
    requestable: Option<Vec<RequestableProfile>>,
}

impl<'a> Seen<'a> {
    fn now(adapter: &'a Adapter, principal: &'a Principal) -> Self {
        // The generation first: a change in between is then looked at once more, never missed.
        let generation = adapter.governor.generation();
        let (list, requestable) = (adapter.governor.list(principal), adapter.requestable(principal));
        Self { adapter, principal, generation, list, requestable }
    }

    /// Waits for a change of rules or definitions, or for the time of a look without one (a grant may have ended).
    async fn look(&mut self) -> Look {
        let changed = self.adapter.governor.changed(self.generation);
        let wait = self.adapter.options.recheck.min(LONGEST_LOOK);
        if let Ok(Err(_)) = tokio::time::timeout(wait, changed).await {
            return Look::End;
        }
        let now = Self::now(self.adapter, self.principal);
        let same = same_list(&self.list, &now.list) && self.requestable == now.requestable;
        *self = now;
        if same { Look::Same } else { Look::Changed }
    }
}

fn same_list(one: &Result<Vec<ListedTool>, Denial>, other: &Result<Vec<ListedTool>, Denial>) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_tool(one, other))
        }
        (Err(one), Err(other)) => one.code() == other.code(),
        _ => false,
    }
}

fn same_tool(one: &ListedTool, other: &ListedTool) -> bool {
    one.name == other.name
        && one.visibility == other.visibility
        && one.classification == other.classification
        && one.effect == other.effect
        && (Arc::ptr_eq(&one.definition, &other.definition) || one.definition == other.definition)
        && (Arc::ptr_eq(&one.input_schema, &other.input_schema) || one.input_schema == other.input_schema)
}

impl Adapter {
    /// Runs a subscription: until the client goes away, the caller may not come in any more, or the server closes.
    ///
    /// INVARIANT: a stream is open only for a caller who could open it now (`a_stream_ends_when_its_token_is_taken_back`,
    /// `a_stream_is_neither_opened_nor_kept_where_the_caller_may_not_come_in`).
    pub(super) async fn listen(&self, caller: &Caller, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let mut seen = Seen::now(self, &caller.principal);
        if let Err(denial) = &seen.list {
            return Err(refused(denial));
        }
        let Some(_subscribed) = self.subscriptions.enter(&caller.principal.user) else {
            return Err(ErrorData::internal_error("too many streams are open; close one", None));
        };
        let tells = subscription.accepted().tools_list_changed == Some(true);
        let mut ended = pin!(self.ended(caller));
        loop {
            let look = tokio::select! {
                biased;
                () = subscription.cancelled() => Look::End,
                () = &mut ended => Look::End,
                look = seen.look() => look,
            };
            if matches!(look, Look::End) || seen.list.is_err() || !caller.is_still_known().await {
                return Ok(());
            }
            let changed = tells && matches!(look, Look::Changed);
            if changed && subscription.sink().notify_tool_list_changed().await.is_err() {
                return Ok(());
            }
        }
    }

    /// The same for a handshake client that has a connection of its own: there it needs no subscription.
    pub(super) async fn follow(self: Arc<Self>, caller: Arc<Caller>, peer: Peer<RoleServer>, gone: CancellationToken) {
        let mut seen = Seen::now(&self, &caller.principal);
        let mut ended = pin!(self.ended(&caller));
        loop {
            let look = tokio::select! {
                biased;
                () = gone.cancelled() => Look::End,
                () = &mut ended => Look::End,
                look = seen.look() => look,
            };
            match look {
                Look::Same => {}
                Look::Changed if peer.notify_tool_list_changed().await.is_ok() => {}
                Look::Changed | Look::End => return,
            }
        }
    }

    /// Waits until the server closes or the caller's proof of identity ends.
    async fn ended(&self, caller: &Caller) {
        match caller.expires {
            None => self.closing.cancelled().await,
            Some(expires) => {
                let left: Duration = expires.since(self.governor.now());
                let _ = tokio::time::timeout(left, self.closing.cancelled()).await;
            }
        }
    }
}
