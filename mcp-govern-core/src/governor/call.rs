//! The governed call: admitted, checked, put on record, authorised, sent, its end put on record.

use std::{
    pin::pin,
    sync::{Arc, PoisonError},
};

use serde_json::{Map, Value};

use super::{
    CallError, CallRequest, CallSuccess, Governor, Repetition, ToolRef,
    chores::Chore,
    core::{Core, View},
    servers::OpenServer,
    watch::{Observer, Watched, race},
};
use crate::{
    access::{self, Admission, Permit, Refused, admit},
    audit::{
        self, ArgumentsMessage, CallDenial, CallIntent, CallResult, CredentialUse, MAX_RECORDED_ARGUMENTS,
        ReadableNames, Receipt, SentFlag, StatedClient, escaped,
    },
    check::{Checked, check, check_normal, invalid, normalised},
    denial::{Denial, DenialCode, Remedy},
    journal::{Revision, StoredCredential},
    provider::{
        AuthorizedCall, CallContext, NoProgress, ProviderError, ProviderErrorKind, RequestPreview, Sent, ToolOutput,
        TraceContext,
    },
    quota::Share,
    vocabulary::{CallId, CredentialOwner, CredentialSharing, Digest, Principal, ToolId},
};

impl Governor {
    /// Calls a tool: the one way to a vendor.
    ///
    /// In this order: admission; a place among the calls in flight and in the rate of the person and the client ([`CallLimits`](super::CallLimits));
    /// arguments against the schema, the rules and what the server says of them ([`ToolServer::check`](crate::ToolServer::check)); the intent on record, durable; a look whether a kill
    /// switch was thrown meanwhile; the credential; the vendor; the outcome on record. A kill switch stops the call wherever it
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
        let call = self.core.next_call();
        // INVARIANT: the alarm is subscribed to before the view is loaded
        // (`a_kill_between_admission_and_sending_stops_the_call`).
        let alarm = self.core.alarm.notified();
        let CallRequest { tool: asked, arguments, deadline, trace, stated_client, progress } = request;
        let said = Said { trace: trace.as_ref(), stated_client: stated_client.as_ref() };
        let prepared = self.core.prepare(&call, principal, &asked, arguments, said);
        let Prepared { admitted, share, checked, digest, intent } = match prepared {
            Ok(prepared) => prepared,
            Err(denial) => return Err(told(call, Stop::Denied(denial))),
        };
        let permit = &admitted.permit;
        let sent = SentFlag::new();
        let Ok(receipt) = self.core.audit.intent(intent, share, Arc::clone(&sent)).await else {
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
            .with_nodes(self.core.nodes.count())
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
        let call = self.core.next_call();
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

/// A call that was admitted.
pub(super) struct Admitted {
    pub(super) permit: Permit,
    pub(super) open: Option<Arc<OpenServer>>,
}

/// A call that can be made once its intent is on record.
struct Prepared {
    admitted: Admitted,
    /// The person's and the client's part of the calls in flight.
    share: Share,
    checked: Checked,
    /// The digest of the arguments that are sent.
    digest: Digest,
    intent: Box<CallIntent>,
}

/// A call that was not admitted.
struct NotAdmitted {
    /// What the caller may be told.
    public: Denial,
    /// The true code, for the record.
    code: DenialCode,
    tool: Option<ToolId>,
}

impl Admitted {
    pub(super) fn server(&self) -> Result<&Arc<dyn crate::provider::ToolServer>, ProviderError> {
        let closed = |reason: String| Err(ProviderError::new(ProviderErrorKind::Config, reason));
        match self.open.as_deref() {
            None => closed(format!("server `{}` is not open on this node", self.permit.server())),
            Some(open) => open.ready().or_else(|error| closed(error.message().to_owned())),
        }
    }

    pub(super) fn owner(&self, principal: &Principal) -> CredentialOwner {
        match self.permit.sharing() {
            CredentialSharing::Shared => CredentialOwner::Shared,
            CredentialSharing::PerUser => CredentialOwner::User(principal.user.clone()),
        }
    }
}

/// What the tool's server finds wrong with arguments that fit the schema and the rules.
///
/// INVARIANT: arguments are judged whole before anything is on record, and for a preview alike
/// (`what_a_server_refuses_of_arguments_is_denied_before_the_record_and_the_vault_and_in_a_preview_alike`).
fn judge(admitted: &Admitted, checked: &Checked) -> Result<(), Denial> {
    let permit = &admitted.permit;
    // A server that is not open says so when it is called.
    let Ok(server) = admitted.server() else { return Ok(()) };
    server
        .check(&permit.definition().name, checked.arguments())
        .map_err(|faults| invalid(permit.exposed_name(), faults))
}

/// What a request says beside who sends it: put on record, and nothing is decided by it.
#[derive(Debug, Clone, Copy)]
struct Said<'a> {
    trace: Option<&'a TraceContext>,
    stated_client: Option<&'a StatedClient>,
}

impl Core {
    /// Whatever comes before the intent; a denial is put on record.
    fn prepare(
        &self,
        call: &CallId,
        principal: &Principal,
        asked: &ToolRef,
        arguments: Map<String, Value>,
        said: Said<'_>,
    ) -> Result<Prepared, Denial> {
        let view = self.view();
        let caller = view.snapshot.resolve(principal);
        let recorded = |tool, code, digest| {
            let caller = self.recorded_caller(&caller, said);
            self.record_denial(call, caller, asked, view.snapshot.revision(), tool, code, digest);
        };
        // INVARIANT: arguments are looked at for a caller who may call the tool, and made a digest of where they are small enough
        // (`arguments_of_somebody_who_may_not_call_are_not_looked_at`).
        let admitted = self.admit(&view, &caller, asked).map_err(|refused| {
            recorded(refused.tool, refused.code, None);
            refused.public
        })?;
        let permit = &admitted.permit;
        let refused = |denial: &Denial, digest| recorded(Some(permit.tool().clone()), denial.code(), digest);
        let share = self.quotas.begin(self.user_hash(&principal.user), &principal.client).map_err(|used_up| {
            let denial = used_up.denial();
            refused(&denial, None);
            denial
        })?;
        let arguments = normalised(permit, arguments).inspect_err(|denial| refused(denial, None))?;
        let given = ArgumentsMessage::of(arguments.as_map());
        let checked = check_normal(permit, arguments)
            .and_then(|checked| judge(&admitted, &checked).map(|()| checked))
            .inspect_err(|denial| refused(denial, Some(self.key.mac(given.bytes()))))?;
        let sent = if checked.are_as_given() { given } else { ArgumentsMessage::of(checked.arguments().as_map()) };
        let digest = self.key.mac(sent.bytes());
        let credential = self.credential_use(&admitted, principal);
        let caller = self.recorded_caller(&caller, said);
        let arguments = RecordedArguments { digest, length: sent.json_length() };
        let intent = Box::new(intent(call, caller, permit, &checked, &arguments, credential));
        Ok(Prepared { admitted, share, checked, digest, intent })
    }

    /// Whether the principal may call the tool now.
    fn admit(&self, view: &View, caller: &access::Caller, asked: &ToolRef) -> Result<Admitted, NotAdmitted> {
        let snapshot = &view.snapshot;
        let moment = self.moment(view);
        let admission = match view.find(asked) {
            Some(tool) => admit(snapshot, caller, tool, &moment),
            None => Admission::Deny(snapshot.refuse_unknown(caller, &moment)),
        };
        match admission {
            Admission::Permit(permit) => {
                let open = view.servers.get(permit.server()).cloned();
                Ok(Admitted { permit, open })
            }
            Admission::Deny(refused) => {
                let public = snapshot.public_denial(caller, &refused);
                let tool = refused.tool().and_then(|tool| snapshot.view(tool)).map(|tool| tool.id().clone());
                self.note_unloaded(&refused, tool.as_ref());
                Err(NotAdmitted { public, code: refused.code(), tool })
            }
        }
    }

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
                let mut untold = self.untold.write().unwrap_or_else(PoisonError::into_inner);
                if untold.insert(tool.clone()) {
                    tracing::warn!(
                        %tool,
                        "the provider made a call without telling that it was about to send: kill switches cannot stop it there, \
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
        self.untold.read().unwrap_or_else(PoisonError::into_inner).contains(tool)
    }

    /// A tool whose server could not be discovered is asked for: the driver tries again.
    fn note_unloaded(&self, refused: &Refused, tool: Option<&ToolId>) {
        let Some(tool) = tool.filter(|_| refused.code() == DenialCode::DefinitionNotApproved) else { return };
        if self.desk().faults.contains_key(tool.server()) {
            self.chores.push([Chore::Load(tool.server().clone())]);
        }
    }

    fn with_credential<T>(
        &self,
        admitted: &Admitted,
        principal: &Principal,
        look: impl FnOnce(Option<&StoredCredential>) -> T,
    ) -> T {
        let (server, owner) = (admitted.permit.server(), admitted.owner(principal));
        self.with_state(|state| look(state.credential(server, &owner)))
    }

    /// Whose credential the call uses, as its record names it.
    fn credential_use(&self, admitted: &Admitted, principal: &Principal) -> CredentialUse {
        let sharing = admitted.permit.sharing();
        let named = |name: &str| match (sharing, self.names) {
            (CredentialSharing::PerUser, ReadableNames::Omitted) => self.key.text(name),
            _ => name.to_owned(),
        };
        self.with_credential(admitted, principal, |known| {
            let authorized_as = known.and_then(|known| known.facts().authorized_as.as_deref()).map(named);
            CredentialUse::new(sharing, known.map(StoredCredential::version), authorized_as)
        })
    }

    fn recorded_caller(&self, caller: &access::Caller, said: Said<'_>) -> audit::Caller {
        let (principal, client_type) = (caller.principal(), caller.client_type());
        let mut caller = audit::Caller::new(self.user_hash(&principal.user), principal.client.to_text());
        caller.user_name = (self.names == ReadableNames::Recorded).then(|| principal.user.to_string());
        caller.client_type = client_type;
        caller.source = principal.source;
        caller.trace_id = said.trace.map(|trace| trace.trace_id().to_owned());
        caller.stated_client = said.stated_client.cloned();
        caller
    }

    #[expect(clippy::too_many_arguments, reason = "each is a column of the record")]
    fn record_denial(
        &self,
        call: &CallId,
        caller: audit::Caller,
        asked: &ToolRef,
        revision: Revision,
        tool: Option<ToolId>,
        code: DenialCode,
        arguments_digest: Option<Digest>,
    ) {
        if !self.quotas.records_denial(caller.user) {
            self.audit.withhold_denial(caller.user);
            return;
        }
        self.audit.denial(Box::new(CallDenial {
            call: call.clone(),
            caller,
            name: match asked {
                ToolRef::Exposed(name) => escaped(name),
                ToolRef::Id(id) => id.to_string(),
            },
            tool,
            code,
            revision,
            arguments_digest,
        }));
    }
}

/// What the record says of arguments, whatever it holds of them.
struct RecordedArguments {
    digest: Digest,
    /// How many bytes their canonical JSON has.
    length: usize,
}

/// What is put on record before a call is made.
fn intent(
    call: &CallId,
    caller: audit::Caller,
    permit: &Permit,
    checked: &Checked,
    arguments: &RecordedArguments,
    credential: CredentialUse,
) -> CallIntent {
    // INVARIANT: a record is small whatever the caller sent (`a_record_is_small_whatever_the_caller_sent`).
    let kept = (arguments.length <= MAX_RECORDED_ARGUMENTS)
        .then(|| checked.redacted_within(&permit.definition().input_schema, MAX_RECORDED_ARGUMENTS))
        .flatten();
    let length = u64::try_from(arguments.length).unwrap_or(u64::MAX);
    CallIntent {
        call: call.clone(),
        caller,
        tool: permit.tool().clone(),
        digest: permit.digest(),
        grant: checked.grant().clone(),
        profile: checked.profile().clone(),
        revision: permit.revision(),
        arguments_bytes: kept.is_none().then_some(length),
        arguments: kept.unwrap_or(Value::Null),
        arguments_digest: arguments.digest,
        credential,
    }
}

/// What the caller is told of a call that did not come to its end.
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
