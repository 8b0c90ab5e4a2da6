//! What may stop a call on its way.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use async_trait::async_trait;
use tokio::sync::futures::Notified;

use super::core::Core;
use crate::{
    access,
    audit::SentFlag,
    denial::DenialCode,
    journal::{KillScope, Revision},
    provider::{CallObserver, ProviderError, ProviderErrorKind},
    vocabulary::{Principal, ToolDefinition, ToolId},
};

/// A call on its way, and what may stop it: a kill switch thrown after it was admitted, or rules that can no longer be trusted.
/// A grant that ends, a tool that is disabled and a server that is paused let it finish.
#[derive(Debug)]
pub(crate) struct Watched<'a> {
    core: &'a Core,
    /// The revision under which the call was admitted.
    admitted: Revision,
    principal: &'a Principal,
    tool: &'a ToolId,
    definition: &'a ToolDefinition,
}

impl<'a> Watched<'a> {
    pub(crate) fn new(
        core: &'a Core,
        admitted: Revision,
        principal: &'a Principal,
        tool: &'a ToolId,
        definition: &'a ToolDefinition,
    ) -> Self {
        Self { core, admitted, principal, tool, definition }
    }

    /// Why the call must not go on.
    pub(crate) fn stopped(&self) -> Option<DenialCode> {
        let view = self.core.view();
        if view.unreadable.is_some() {
            return Some(DenialCode::StateUnreadable);
        }
        let thrown = |scope: &KillScope| view.thrown.get(scope).is_some_and(|revision| *revision > self.admitted);
        if !view.thrown.is_empty() && self.scopes().any(|scope| thrown(&scope)) {
            return Some(DenialCode::CallKilled);
        }
        (self.core.ledger.freshness_monitor.freshness() != access::Freshness::Fresh).then_some(DenialCode::StateStale)
    }

    /// Waits until the call must not go on. `alarm` hears what is raised after it was made, also before it is waited for.
    pub(crate) async fn until_stopped(&self, alarm: Notified<'_>) -> DenialCode {
        let mut alarm = pin!(alarm);
        loop {
            alarm.as_mut().await;
            alarm.set(self.core.calls.alarm.notified());
            if let Some(code) = self.stopped() {
                return code;
            }
        }
    }

    fn scopes(&self) -> impl Iterator<Item = KillScope> {
        let server = self.tool.server();
        let used = self.definition.uses().iter().map(|name| ToolId::new(server.clone(), name.clone()));
        let tools = used.chain([self.tool.clone()]).map(KillScope::Tool);
        let Principal { user, client, .. } = self.principal;
        let callers = [KillScope::User(user.clone()), KillScope::Client(client.clone())];
        [KillScope::Tenant, KillScope::Server(server.clone())].into_iter().chain(callers).chain(tools)
    }
}

/// Tells a provider before each exchange whether it may go on, and remembers that something may have left the process.
#[derive(Debug)]
pub(crate) struct Observer<'a> {
    watched: &'a Watched<'a>,
    sent: Arc<SentFlag>,
}

impl<'a> Observer<'a> {
    pub(crate) fn new(watched: &'a Watched<'a>, sent: Arc<SentFlag>) -> Self {
        Self { watched, sent }
    }
}

#[async_trait]
impl CallObserver for Observer<'_> {
    async fn sending(&self) -> Result<(), ProviderError> {
        match self.watched.stopped() {
            None => {
                self.sent.raise();
                Ok(())
            }
            Some(code) => {
                let message = format!("the call was stopped before it was sent ({code})");
                Err(ProviderError::new(ProviderErrorKind::Cancelled, message))
            }
        }
    }
}

/// Runs `work` until it ends or `stop` does; `stop` is asked first.
pub(crate) async fn race<T, S>(
    mut work: Pin<&mut impl Future<Output = T>>,
    mut stop: Pin<&mut impl Future<Output = S>>,
) -> Result<T, S> {
    poll_fn(|cx| {
        if let Poll::Ready(stopped) = stop.as_mut().poll(cx) {
            return Poll::Ready(Err(stopped));
        }
        work.as_mut().poll(cx).map(Ok)
    })
    .await
}
