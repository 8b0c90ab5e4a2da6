//! `tools/call`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use mcp_govern_core::{
    Denial, Exchange, ProviderErrorKind, Remedy, ServerId, ToolId, TraceContext,
    audit::StatedClient,
    governor::{CallError, CallFailure, CallRequest, CallSuccess, Repetition},
};
use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ElicitRequest, ElicitRequestParams, ErrorCode,
        InputRequest, InputRequests, InputRequiredResult, MetaObject, ProgressToken,
    },
    service::RequestContext,
};
use serde_json::{Map, Value, json};

use super::{
    Adapter,
    answer::{self, Shape},
    era::{self, Era},
    failure,
    fault::{Panicked, caught},
    meta_key, progress,
    refusal::{self, OutputForm},
};
use crate::{
    connect::{Answered, QUESTION},
    metrics::{CallEnd, Called},
    request_context::{Caller, Transport},
};

/// How long after its deadline a call is given up whose provider does not keep to it.
const GRACE: Duration = Duration::from_secs(5);

/// The JSON-RPC code with which 2025-11-25 asks to open a link. Later revisions forbid it.
const URL_ELICITATION_REQUIRED: i32 = -32_042;

/// A call as it was asked for, and by whom.
struct Asked<'a> {
    caller: &'a Caller,
    cx: &'a RequestContext<RoleServer>,
    tool: String,
    arguments: Map<String, Value>,
    modern: bool,
    /// Whether the person was sent to connect an account already.
    went: bool,
}

impl Asked<'_> {
    /// Where progress goes, if the caller asked for it and takes what comes before the answer.
    fn progress_token(&self) -> Option<ProgressToken> {
        self.cx.meta.get_progress_token().filter(|_| self.caller.transport.tells())
    }
}

/// Why a call did not run to its end.
enum Stopped {
    Cancelled,
    Overdue,
    Broken,
}

/// How a call ended.
type Ended = Result<Result<CallSuccess, CallError>, Stopped>;

/// How much of a name that no tool has is logged.
const LOGGED_NAME: usize = 64;

/// What was exchanged with the vendor.
fn exchanges(ended: &Ended) -> &[Exchange] {
    match ended {
        Ok(Ok(success)) => &success.output.exchanges,
        Ok(Err(error)) => error.provider_error().map_or(&[], |failed| failed.exchanges()),
        Err(_) => &[],
    }
}

impl Adapter {
    /// Calls a tool. Everything but an unknown tool and a bad state is answered as a result that a model can read.
    pub(super) async fn call(
        &self,
        caller: &Caller,
        request: CallToolRequestParams,
        cx: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let mut running = self.metrics.call();
        let mut asked = Asked {
            caller,
            cx,
            tool: request.name.into_owned(),
            arguments: request.arguments.unwrap_or_default(),
            modern: era::is_modern(cx),
            went: false,
        };
        if let Some(state) = &request.request_state {
            match self.answered(&asked, state, request.input_responses.as_ref()).await? {
                Answered::Declined(server) => {
                    running.ends(CallEnd::Asked);
                    return Ok(self.declined(&server, &asked).into());
                }
                _ => asked.went = true,
            }
        }
        if self.is_access_request(&caller.principal, &asked.tool) {
            let arguments = std::mem::take(&mut asked.arguments);
            let meta = self.meta(&asked);
            // Rare: boxed, so that no call carries the place for it.
            let (result, end) = Box::pin(self.request_access(&caller.principal, arguments, meta)).await;
            running.ends(end);
            return Ok(result.into());
        }
        let ended = self.run(&mut asked).await;
        let tool_and_class = self.called(&ended, &asked);
        if let Some((_, class)) = &tool_and_class {
            running.of(class.clone(), exchanges(&ended));
        }
        self.log_failure(&ended, tool_and_class.as_ref().map(|(tool, _)| tool), &asked);
        let (response, end) = self.respond(ended, &asked);
        running.ends(end);
        response
    }

    /// The tool that was called, with its server and class; nothing for a name that no tool has.
    fn called(&self, ended: &Ended, asked: &Asked<'_>) -> Option<(ToolId, Called)> {
        let snapshot = self.governor.snapshot();
        let view = snapshot.tool_named(&asked.tool).and_then(|tool| snapshot.view(tool));
        if let Some(view) = view {
            let class = view.classification().as_str();
            return Some((view.id().clone(), Called { server: view.server().to_string(), class }));
        }
        // It went while it was called.
        let Ok(Ok(success)) = ended else { return None };
        let server = success.tool.server().to_string();
        Some((success.tool.clone(), Called { server, class: "removed" }))
    }

    /// A line in the log for a call that was denied or failed, with codes and kinds alone: sentences may name what the caller asked
    /// for. Lines of one reason and server come so often and not more.
    fn log_failure(&self, ended: &Ended, tool: Option<&ToolId>, asked: &Asked<'_>) {
        let (reason, failed) = match ended {
            Ok(Ok(_)) | Err(Stopped::Cancelled) => return,
            Ok(Err(error)) => match error.failure() {
                CallFailure::Denied(denial) => (denial.code().as_str(), None),
                CallFailure::Provider(failed) => (failed.kind().as_str(), Some(failed)),
                _ => ("failed", None),
            },
            Err(Stopped::Overdue) => ("overdue", None),
            Err(Stopped::Broken) => ("broken", None),
        };
        let server = tool.map(ToolId::server);
        let Some(before) = self.failures.count(server, reason) else { return };
        let principal = &asked.caller.principal;
        let (user, client) = (&principal.user, &principal.client);
        let call = match ended {
            Ok(Err(error)) => error.call().as_str(),
            _ => "",
        };
        let name = match tool {
            Some(tool) => tool.to_string(),
            None => asked.tool.chars().take(LOGGED_NAME).flat_map(char::escape_debug).collect(),
        };
        let status = failed.and_then(|failed| failed.exchanges().last()?.status);
        // What a caller can mend is not the operator's matter.
        let is_the_callers = match (ended, failed) {
            (_, Some(failed)) => matches!(
                failed.kind(),
                ProviderErrorKind::InvalidArguments
                    | ProviderErrorKind::RuleViolated
                    | ProviderErrorKind::NotFound
                    | ProviderErrorKind::Conflict
                    | ProviderErrorKind::Rejected
            ),
            (Err(_), None) => false,
            (Ok(_), None) => !matches!(reason, "record_unavailable" | "state_stale" | "state_unreadable"),
        };
        if is_the_callers {
            tracing::info!(call, reason, tool = name, %user, %client, status, more = before, "a call was not made, or failed");
        } else {
            tracing::warn!(call, reason, tool = name, %user, %client, status, more = before, "a call failed");
        }
    }

    /// Runs the call until it ends, the client goes away, or its time is up.
    ///
    /// INVARIANT: dropping the governed call drops the vendor request, and its record says so
    /// (`a_client_that_goes_away_leaves_an_abandoned_record_and_no_vendor_request`).
    async fn run(&self, asked: &mut Asked<'_>) -> Ended {
        let deadline = Instant::now() + self.options.call_deadline;
        // They are needed once more where a state for the call's repetition is made: since 2026-07-28.
        let again = asked.modern && self.connector.is_some();
        let arguments = if again { asked.arguments.clone() } else { std::mem::take(&mut asked.arguments) };
        let mut request = CallRequest::new(asked.tool.as_str()).with_arguments(arguments).with_deadline(deadline);
        request = request.with_stated_client(self.stated_client(asked));
        if let Some(trace) = asked.cx.meta.get_traceparent().and_then(TraceContext::parse) {
            request = request.with_trace(trace);
        }
        let mut tell = None;
        if let Some(token) = asked.progress_token() {
            let (reports, told) = progress::channel();
            request = request.with_progress(Arc::new(reports));
            tell = Some(Box::pin(told.forward(&asked.cx.peer, token)));
        }
        // A governed call is a large future, and the protocol library moves the one that it is part of about.
        let call = Box::pin(self.governor.call(&asked.caller.principal, request));
        tokio::select! {
            biased;
            () = asked.cx.ct.cancelled() => Err(Stopped::Cancelled),
            called = caught(call) => called.map_err(|Panicked| Stopped::Broken),
            () = async { if let Some(tell) = tell { tell.await } }, if tell.is_some() => Err(Stopped::Cancelled),
            () = tokio::time::sleep_until((deadline + GRACE).into()) => Err(Stopped::Overdue),
        }
    }

    fn respond(&self, ended: Ended, asked: &Asked<'_>) -> (Result<CallToolResponse, ErrorData>, CallEnd) {
        let meta = self.meta(asked);
        match ended {
            Ok(Ok(success)) => {
                let slot = match &asked.caller.transport {
                    // Who is told of progress is answered in a stream, which is not the ingress's to change.
                    Transport::Http(slot, _) if asked.progress_token().is_none() => Some(slot),
                    Transport::Http(..) | Transport::Stream(_) => None,
                };
                let server = success.tool.server().clone();
                let told = |note: &str| self.told(&asked.caller.principal, &server, note);
                let shape = Shape { outputs: &self.outputs, modern: asked.modern, told: &told, slot };
                let result = answer::result(success, &shape, meta);
                let end = if result.is_error == Some(true) { CallEnd::BadOutput } else { CallEnd::Success };
                (Ok(result.into()), end)
            }
            Ok(Err(error)) => match error.failure() {
                CallFailure::Denied(denial) => {
                    let end = CallEnd::Denied(denial.code().as_str());
                    match denial.remedy() {
                        Remedy::ConnectAccount { server, url } => {
                            (self.ask_to_connect(asked, &error, denial, server, url.as_deref(), meta), CallEnd::Asked)
                        }
                        _ => {
                            (refusal::answer(denial, error.call(), self.form(asked), self.access_requests(), meta), end)
                        }
                    }
                }
                CallFailure::Provider(failed) => {
                    let told = |text: &str| self.told_of(asked, text);
                    let result = failure::result(failed, error.call(), self.form(asked), meta, &told);
                    (Ok(result.into()), CallEnd::Failed)
                }
                _ => (Err(ErrorData::internal_error("the call failed", None)), CallEnd::Failed),
            },
            Err(Stopped::Overdue) => {
                let seconds = self.options.call_deadline.as_secs();
                (Ok(failure::overdue(seconds, self.form(asked), meta).into()), CallEnd::Overdue)
            }
            Err(Stopped::Broken) => {
                tracing::error!(tool = asked.tool, "a provider broke off in the middle of a call");
                (Ok(failure::broken(self.form(asked), meta).into()), CallEnd::Failed)
            }
            // Nobody is there to read it.
            Err(Stopped::Cancelled) => {
                (Err(ErrorData::internal_error("the call was cancelled", None)), CallEnd::Cancelled)
            }
        }
    }

    /// What a state that the client brings back means.
    async fn answered(
        &self,
        asked: &Asked<'_>,
        state: &str,
        responses: Option<&rmcp::model::InputResponses>,
    ) -> Result<Answered, ErrorData> {
        let invalid = || ErrorData::invalid_params("the request state is not valid: call again without it", None);
        let connector = self.connector.as_ref().ok_or_else(invalid)?;
        let (principal, tool) = (&asked.caller.principal, &asked.tool);
        let answered = connector.answered(&self.governor, principal, tool, &asked.arguments, state, responses);
        let answered = tokio::select! {
            biased;
            () = asked.cx.ct.cancelled() => Answered::Unavailable,
            answered = answered => answered,
        };
        match answered {
            Answered::Invalid => Err(invalid()),
            Answered::Used => {
                Err(ErrorData::invalid_params("the request state was used already: call again without it", None))
            }
            Answered::Unavailable => Err(ErrorData::internal_error("the request state cannot be checked now", None)),
            answered => Ok(answered),
        }
    }

    /// Asks for an account to be connected, in the form that the client understands. After the person was sent to the page once, the
    /// answer is a text: a client that repeats by itself must not go round in circles. So it is where the call has done something before
    /// the vendor refused the account.
    fn ask_to_connect(
        &self,
        asked: &Asked<'_>,
        error: &CallError,
        denial: &Denial,
        server: &ServerId,
        url: Option<&str>,
        meta: MetaObject,
    ) -> Result<CallToolResponse, ErrorData> {
        let (principal, call) = (&asked.caller.principal, error.call());
        let own = || self.connector.as_ref()?.link(&self.governor, principal, server);
        let Some(url) = url.map(str::to_owned).or_else(own) else {
            return refusal::answer(denial, call, self.form(asked), self.access_requests(), meta);
        };
        let remedy = Remedy::ConnectAccount { server: server.clone(), url: Some(url.clone()) };
        // The vendor's own refusal may stand in it, which names the tool without the server's prefix.
        let denial = Denial::new(denial.code(), self.told_of(asked, denial.message()), remedy);
        let repeated = !asked.went && error.repetition() == Repetition::Harmless;
        let era = if repeated { Era::of(asked.cx, principal, &self.handshakes) } else { Era::Text };
        let message = denial.message();
        match era {
            Era::InputRequired => {
                let state = self.connector.as_ref().and_then(|connector| {
                    connector.request_state(&self.governor, principal, server, &asked.tool, &asked.arguments)
                });
                let mut meta = meta;
                meta.insert(meta_key("denial"), refusal::facts(&denial));
                let question = ElicitRequest::new(ElicitRequestParams::UrlElicitationParams {
                    meta: None,
                    message: message.to_owned(),
                    url,
                    // 2026-07-28 has no such field; the library writes it as an empty text.
                    elicitation_id: String::new(),
                });
                let questions = InputRequests::from([(QUESTION.to_owned(), InputRequest::Elicitation(question))]);
                Ok(InputRequiredResult::new(Some(questions), state).with_meta(meta).into())
            }
            Era::UrlError => {
                // Clients that do not know the code show the message: the link stands there too.
                let text = format!("{message}: {url}");
                let data = json!({"elicitations": [{
                    "mode": "url",
                    "elicitationId": call.as_str(),
                    "url": url,
                    "message": message,
                }]});
                Err(ErrorData::new(ErrorCode(URL_ELICITATION_REQUIRED), text, Some(data)))
            }
            Era::Text => Ok(refusal::result(&denial, call, self.form(asked), self.access_requests(), meta).into()),
        }
    }

    /// What the caller's client says of itself: in the request since 2026-07-28, before that in the handshake.
    fn stated_client(&self, asked: &Asked<'_>) -> Option<StatedClient> {
        if let Some(client) = asked.cx.meta.client_info() {
            return era::stated(&client);
        }
        if asked.modern {
            return None;
        }
        self.handshakes.client(&asked.caller.principal)
    }

    fn declined(&self, server: &ServerId, asked: &Asked<'_>) -> CallToolResult {
        let text = format!("the person did not connect an account with server `{server}`, so the call was not made");
        let facts = json!({"code": "credential_missing", "remedy": {"action": "connect_account", "server": server}});
        refusal::error_result(text, "denial", facts, OutputForm::Declared, self.meta(asked))
    }

    /// A text about the tool, with the tools in it named as the caller sees them.
    fn told_of(&self, asked: &Asked<'_>, text: &str) -> String {
        let snapshot = self.governor.snapshot();
        let view = snapshot.tool_named(&asked.tool).and_then(|tool| snapshot.view(tool));
        view.map_or_else(|| text.to_owned(), |view| self.told(&asked.caller.principal, view.id().server(), text))
    }

    /// Whether results of the tool are of a declared form.
    fn form(&self, asked: &Asked<'_>) -> OutputForm {
        let snapshot = self.governor.snapshot();
        let view = snapshot.tool_named(&asked.tool).and_then(|tool| snapshot.view(tool));
        if view.is_some_and(|view| view.definition().output_schema.is_some()) {
            OutputForm::Declared
        } else {
            OutputForm::Free
        }
    }

    fn meta(&self, asked: &Asked<'_>) -> MetaObject {
        if asked.modern { self.result_meta() } else { MetaObject::new() }
    }
}
