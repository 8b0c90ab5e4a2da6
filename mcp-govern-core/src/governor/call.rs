//! The governed call: admitted, checked, put on record, authorised, sent, its end put on record.

use std::{
    pin::pin,
    sync::{Arc, PoisonError},
};

use super::{
    CallError, CallRequest, CallSuccess, Governor, Repetition,
    core::Core,
    prepare::{Prepared, Said, judge},
    watch::{Observer, Watched, race},
};
use crate::{
    audit::{CallResult, Receipt, SentFlag},
    check::check,
    denial::{Denial, DenialCode, Remedy},
    provider::{
        AuthorizedCall, CallContext, NoProgress, ProviderError, ProviderErrorKind, RequestPreview, Sent, ToolOutput,
    },
    vocabulary::{CallId, Digest, Principal, ToolId},
};

impl Governor {
    /// Calls a tool: the one way to a vendor.
    ///
    /// In this order: admission; a place among the calls in flight and in the rate of the person and the client
    /// ([`CallLimits`](super::CallLimits)); arguments against the schema, the rules and what the server says of them
    /// ([`ToolServer::check`](crate::ToolServer::check)); the intent on record, durable; a look whether a kill switch was thrown
    /// meanwhile; the credential; the vendor; the outcome on record. A kill switch stops the call wherever it
    /// is; a grant that ends or a tool that is disabled lets it finish. Nothing is sent twice, except that a vendor which refused
    /// the credential, and so did nothing, is asked once more with a refreshed one.
    ///
    /// The future may be dropped at any time: the record then says `abandoned`, and whether anything may have been sent. It may be
    /// polled on any runtime.
    ///
    /// # Errors
    ///
    /// A [`CallError`]: a denial with its code and remedy, or the provider's error. Either way the call is on record, unless the
    /// audit log is not there: then nothing was sent. Denials beyond [`CallLimits::recorded_denials_per_person`](super::CallLimits::recorded_denials_per_person) are on record as
    /// a count.
    pub async fn call(&self, principal: &Principal, request: CallRequest) -> Result<CallSuccess, CallError> {
        let call = self.core.calls.next_call();
        // INVARIANT: the alarm is subscribed to before the view is loaded
        // (`a_kill_between_admission_and_sending_stops_the_call`).
        let alarm = self.core.calls.alarm.notified();
        let CallRequest { tool: asked, arguments, deadline, trace, stated_client, progress } = request;
        let said = Said { trace: trace.as_ref(), stated_client: stated_client.as_ref() };
        let prepared = self.core.prepare(&call, principal, &asked, arguments, said);
        let Prepared { admitted, share, checked, digest, intent } = match prepared {
            Ok(prepared) => prepared,
            Err(denial) => return Err(told(call, Stop::Denied(denial))),
        };
        let permit = &admitted.permit;
        let sent = SentFlag::new();
        let Ok(receipt) = self.core.calls.audit.intent(intent, share, Arc::clone(&sent)).await else {
            let (code, tool) = (DenialCode::RecordUnavailable, Some(permit.tool().clone()));
            let caller = self.core.recorded_caller(permit.caller(), said);
            self.core.record_denial(&call, caller, &asked, permit.revision(), tool, code, Some(digest));
            let message = "the call could not be put on record, so it was not made; try again later";
            return Err(told(call, Stop::Denied(Denial::new(code, message, Remedy::Retry))));
        };
        let (tool, definition) = (permit.tool(), permit.definition());
        let watched = Watched::new(&self.core, permit.revision(), principal, tool, definition);
        let authorized = AuthorizedCall::new(
            call.clone(),
            tool.clone(),
            Arc::clone(definition),
            checked.into_arguments(),
            principal.user.clone(),
        );
        let observer = Observer::new(&watched, Arc::clone(&sent));
        let cx = CallContext::new(&observer)
            .with_user(&principal.user)
            .with_nodes(self.core.upkeep.nodes.count())
            .with_deadline(deadline)
            .with_trace(trace.as_ref())
            .with_progress(progress.as_deref().unwrap_or(&NoProgress));
        let ended = if let Some(code) = watched.stopped() {
            Err(halted(code, &sent))
        } else {
            if self.core.is_untold(tool) {
                sent.raise();
            }
            let work = pin!(self.core.authorised(&admitted, principal, &authorized, cx));
            match race(work, pin!(watched.until_stopped(alarm))).await {
                Ok(Err(Stop::Failed(error))) if error.kind() == ProviderErrorKind::Cancelled => {
                    Err(watched.stopped().map_or(Stop::Failed(error), |code| halted(code, &sent)))
                }
                Ok(ended) => ended,
                Err(code) => Err(halted(code, &sent)),
            }
        };
        let ended = self.core.settle(tool, ended, &sent);
        match record_outcome(receipt, ended) {
            Ok(output) => {
                tracing::debug!(%call, %tool, "a call was made");
                let (tool, definition) = (tool.clone(), Arc::clone(definition));
                Ok(CallSuccess { call, tool, definition, digest: permit.digest(), output })
            }
            Err(stop) => Err(told(call, stop)),
        }
    }

    /// The exact request that a call would send, secrets masked. Goes through admission and the check of the arguments like a
    /// call; sends nothing and leaves no record.
    ///
    /// # Errors
    ///
    /// As [`Governor::call`].
    pub fn preview(&self, principal: &Principal, request: CallRequest) -> Result<RequestPreview, CallError> {
        let call = self.core.calls.next_call();
        let view = self.core.view();
        let denied = |denial| CallError::denied(call.clone(), denial);
        let caller = view.snapshot.resolve(principal);
        let admitted = self.core.admit(&view, &caller, &request.tool).map_err(|refused| denied(refused.public))?;
        let checked = check(&admitted.permit, request.arguments).map_err(denied)?;
        judge(&admitted, &checked).map_err(denied)?;
        let failed = |error| CallError::failed(call.clone(), error);
        let server = admitted.server().map_err(failed)?;
        let facts = self.core.with_credential(&admitted, principal, |known| known.map(|known| known.facts().clone()));
        let tool = admitted.permit.definition();
        server
            .preview(&tool.name, checked.arguments(), &facts.unwrap_or_default())
            .map_err(|error| CallError::failed(call, error))
    }
}

/// Why a call did not come to its end.
pub(super) enum Stop {
    Denied(Denial),
    /// Denied on its way: the vendor may have been asked already.
    Halted(Denial, Sent),
    /// The vendor refused the person's own credential. What had been sent before that is in the error.
    Refused(Box<RefusedOwn>),
    Failed(ProviderError),
}

/// A call whose credential, the person's own, the vendor refused.
pub(super) struct RefusedOwn {
    pub(super) denial: Denial,
    pub(super) error: ProviderError,
    pub(super) repetition: Repetition,
}

impl Core {
    /// What is known of sending when a call has ended, where its error does not state it.
    ///
    /// INVARIANT: what was let send is never on record as not sent, unless the provider states it
    /// (`the_record_says_sent_no_only_where_nothing_was_let_send_or_the_provider_states_it`).
    fn settle(&self, tool: &ToolId, ended: Result<ToolOutput, Stop>, sent: &SentFlag) -> Result<ToolOutput, Stop> {
        match ended {
            Err(Stop::Failed(error)) => Err(Stop::Failed(error.settled(sent.get()))),
            Err(Stop::Refused(refused)) => {
                let RefusedOwn { denial, error, repetition } = *refused;
                let error = error.settled(sent.get());
                Err(Stop::Refused(Box::new(RefusedOwn { denial, error, repetition })))
            }
            Ok(output) if sent.get() == Sent::No => {
                let mut untold = self.calls.untold.write().unwrap_or_else(PoisonError::into_inner);
                if untold.insert(tool.clone()) {
                    tracing::warn!(
                        %tool,
                        "the provider made a call without reporting that it was about to send: kill switches cannot stop it there, \
                         and its failures count as ones that may have acted"
                    );
                }
                Ok(output)
            }
            ended => ended,
        }
    }

    /// Whether the tool has succeeded without telling that it sends.
    fn is_untold(&self, tool: &ToolId) -> bool {
        self.calls.untold.read().unwrap_or_else(PoisonError::into_inner).contains(tool)
    }
}

/// What the caller gets of a call that did not come to its end.
fn told(call: CallId, stop: Stop) -> CallError {
    let error = match stop {
        Stop::Denied(denial) => CallError::denied(call, denial),
        Stop::Halted(denial, sent) => CallError::halted(call, denial, sent),
        Stop::Refused(refused) => CallError::refused(call, refused.denial, refused.error.sent(), refused.repetition),
        Stop::Failed(error) => CallError::failed(call, error),
    };
    // Codes and kinds alone: sentences may name what the caller asked for.
    let kind = error.provider_error().map(ProviderError::kind);
    tracing::debug!(call = %error.call(), code = ?error.code(), ?kind, "a call was not made, or failed");
    error
}

fn halted(code: DenialCode, sent: &SentFlag) -> Stop {
    let (message, remedy) = match code {
        DenialCode::CallKilled => {
            ("a kill switch was thrown while the call ran; look before you try again", Remedy::AskAdministrator)
        }
        DenialCode::StateStale => {
            ("this node lost sight of its rules while the call ran; look before you try again", Remedy::Retry)
        }
        _ => ("the rules became unreadable while the call ran; look before you try again", Remedy::AskAdministrator),
    };
    Stop::Halted(Denial::new(code, message, remedy), sent.get())
}

/// Puts the end of a call on record. The result is passed on whatever becomes of the record.
fn record_outcome(receipt: Receipt, ended: Result<ToolOutput, Stop>) -> Result<ToolOutput, Stop> {
    match &ended {
        Ok(output) => {
            let bytes = output.content.get().as_bytes();
            let result = CallResult::Success {
                digest: Digest::of_bytes(bytes),
                bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            };
            receipt.outcome(result, output.exchanges.clone());
        }
        Err(Stop::Denied(denial)) => {
            receipt.outcome(CallResult::Denied { code: denial.code(), sent: Sent::No }, Vec::new());
        }
        Err(Stop::Halted(denial, sent)) => {
            receipt.outcome(CallResult::Denied { code: denial.code(), sent: *sent }, Vec::new());
        }
        Err(Stop::Refused(refused)) => {
            let RefusedOwn { denial, error, .. } = &**refused;
            let result = CallResult::Denied { code: denial.code(), sent: error.sent() };
            receipt.outcome(result, error.exchanges().to_vec());
        }
        Err(Stop::Failed(error)) => {
            let status = error.exchanges().last().and_then(|exchange| exchange.status);
            let result = CallResult::Failure { kind: error.kind(), sent: error.sent(), status };
            receipt.outcome(result, error.exchanges().to_vec());
        }
    }
    ended
}
