//! One exchange with the vendor: wait for a place, tell the observer, send, read within bounds, try again where that is right.

mod limit;
mod read;
mod retry;

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use mcp_govern_core::{CallObserver, Exchange, ProviderError, ProviderErrorKind, Sent, VendorError};
use tokio::time::{Instant, Sleep, sleep_until};

pub(crate) use self::{
    limit::{LaneKey, Limiter},
    retry::Permission,
};
use self::{
    read::{Overflow, ReadFault, read_body},
    retry::{Ending, again, pause},
};
use crate::{
    decode::Scrubber,
    document::policy::{Policy, Rate, Throttle},
    limits::Limits,
    transport::Transport,
};

/// What an exchange needs of its server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub(crate) transport: &'a dyn Transport,
    pub(crate) limiter: &'a Limiter,
    pub(crate) limits: &'a Limits,
    pub(crate) policy: &'a Policy,
    pub(crate) scrubber: &'a Scrubber,
}

/// A request, ready to go.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The path template, for records: it holds no value of an argument.
    pub(crate) template: &'a str,
    pub(crate) permission: Permission,
    pub(crate) lane: LaneKey,
    pub(crate) rate: Option<Rate>,
}

/// An answer of any status, its body read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) throttle: Throttle,
    pub(crate) sent: Sent,
    pub(crate) exchange: Exchange,
}

/// A lane is silent no longer than this, whatever a vendor asks for: after it, one call may ask again.
const LONGEST_SILENCE: Duration = Duration::from_secs(15 * 60);
/// Error bodies are read up to here; nobody reads more of them.
const ERROR_BYTES: usize = 64 << 10;

impl Sender<'_> {
    /// Sends the request, as often as that is right and the deadline allows.
    ///
    /// # Errors
    ///
    /// When no whole answer came. The error carries the exchange, if anything was attempted.
    pub(crate) async fn exchange(
        &self,
        out: &Outgoing<'_>,
        observer: &dyn CallObserver,
        deadline: Instant,
    ) -> Result<Answer, ProviderError> {
        let mut state = State::new(out);
        let mut bell = pin!(sleep_until(deadline));
        loop {
            self.take_turn(out, observer, bell.as_mut(), &mut state).await?;
            let outcome = self.attempt(out, bell.as_mut(), &mut state).await;
            let (ending, asked) = match &outcome {
                Attempt::Answered(answer) => {
                    (Ending::Answered(answer.status, answer.throttle), self.policy.wait(&answer.headers))
                }
                Attempt::Broken(fault) => (Ending::Broken(fault.sent()), None),
                Attempt::Final(..) => return Err(state.fail(outcome)),
            };
            let wait = self.silence(out, ending, asked);
            let next = later(wait.unwrap_or_else(|| pause(self.limits, state.attempts)));
            if !again(ending, out.permission) || state.attempts >= self.limits.attempts || next >= deadline {
                return state.finish(outcome);
            }
            tracing::debug!(method = %out.method, path = out.template, attempt = state.attempts, "trying again");
            state.exchange.retries += 1;
            sleep_until(next).await;
        }
    }

    /// Waits for a place in the line and for the observer's consent.
    async fn take_turn(
        &self,
        out: &Outgoing<'_>,
        observer: &dyn CallObserver,
        bell: Pin<&mut Sleep>,
        state: &mut State,
    ) -> Result<(), ProviderError> {
        let (now, deadline) = (Instant::now(), bell.deadline());
        let slot = self.limiter.reserve(&out.lane, out.rate, now);
        if slot.at() >= deadline && slot.at() > now {
            let wait = slot.at() - now;
            let mut vendor = VendorError::new();
            vendor.retry_after = Some(wait);
            let text = format!("the rate limit leaves no room for this call; try again in {} s", seconds(wait));
            return Err(state.error(ProviderErrorKind::RateLimited, text).with_vendor(vendor));
        }
        // A timer that is due already fires at the next tick only: most calls would wait a millisecond for nothing.
        if slot.at() > now {
            sleep_until(slot.at()).await;
        }
        match before(bell, observer.sending()).await {
            Err(TooLate) => {
                Err(state.error(ProviderErrorKind::Timeout, "the deadline passed before the request was sent"))
            }
            Ok(Err(refused)) => {
                let sent = refused.sent().max(state.sent);
                Err(refused.with_sent(sent).with_exchanges(state.exchanges()))
            }
            Ok(Ok(())) => {
                slot.keep();
                state.attempts += 1;
                Ok(())
            }
        }
    }

    /// Remembers that the vendor asked for silence; the pause that follows from it for this call.
    fn silence(&self, out: &Outgoing<'_>, ending: Ending, asked: Option<Duration>) -> Option<Duration> {
        let Ending::Answered(status, throttle) = ending else { return None };
        if throttle == Throttle::No {
            // One operation that is out of order says nothing about the others.
            return asked.filter(|_| status == StatusCode::SERVICE_UNAVAILABLE);
        }
        let wait = asked.or_else(|| self.policy.wait_default())?;
        let now = Instant::now();
        self.limiter.block(&out.lane, now + wait.min(LONGEST_SILENCE), now);
        Some(wait)
    }

    async fn attempt(&self, out: &Outgoing<'_>, mut bell: Pin<&mut Sleep>, state: &mut State) -> Attempt {
        let mut request = http::Request::new(out.body.clone());
        *request.method_mut() = out.method.clone();
        *request.uri_mut() = out.uri.clone();
        *request.headers_mut() = out.headers.clone();
        let begun = Instant::now();
        state.exchange.status = None;
        let sending = self.transport.send(request, bell.deadline().into_std());
        let outcome = match before(bell.as_mut(), sending).await {
            Err(TooLate) => {
                state.sent = state.sent.max(Sent::Maybe);
                Attempt::Final(ProviderErrorKind::Timeout, "gave no answer before the deadline".to_owned())
            }
            Ok(Err(fault)) => {
                state.sent = state.sent.max(fault.sent());
                Attempt::Broken(Fault::Transport(fault))
            }
            Ok(Ok(response)) => self.read(response, bell, state).await,
        };
        let now = Instant::now();
        state.exchange.latency_ms = millis(now - state.begun.unwrap_or(begun));
        state.begun.get_or_insert(begun);
        tracing::debug!(
            method = %out.method,
            path = out.template,
            status = state.exchange.status,
            ms = millis(now - begun),
            "exchange"
        );
        outcome
    }

    async fn read(
        &self,
        response: http::Response<crate::transport::BodyStream>,
        bell: Pin<&mut Sleep>,
        state: &mut State,
    ) -> Attempt {
        let (parts, mut body) = response.into_parts();
        let throttle = self.policy.throttle(parts.status);
        let answered = if throttle == Throttle::NothingDone { Sent::No } else { Sent::Yes };
        state.sent = state.sent.max(answered);
        state.exchange.status = Some(parts.status.as_u16());
        let (cap, overflow) = if parts.status.is_success() {
            (self.limits.response_bytes, Overflow::Refuse)
        } else {
            (ERROR_BYTES.min(self.limits.response_bytes), Overflow::Cut)
        };
        match before(bell, read_body(&mut body, &parts.headers, cap, overflow)).await {
            Err(TooLate) if overflow == Overflow::Refuse => Attempt::Final(
                ProviderErrorKind::Timeout,
                "began to answer and did not end before the deadline".to_owned(),
            ),
            Ok(Err(ReadFault::TooLarge)) => {
                let text = format!("sent more than {cap} bytes, which is the most that is read; ask for less");
                Attempt::Final(ProviderErrorKind::BadAnswer, text)
            }
            Ok(Err(ReadFault::Broken(fault))) if overflow == Overflow::Refuse => {
                Attempt::Broken(Fault::Body(fault.to_string()))
            }
            // The status of a refusal says enough, even when its body never ends.
            Err(TooLate) | Ok(Err(ReadFault::Broken(_))) => {
                self.answered(parts.status, parts.headers, Bytes::new(), state)
            }
            Ok(Ok(body)) => self.answered(parts.status, parts.headers, body, state),
        }
    }

    fn answered(&self, status: StatusCode, headers: HeaderMap, body: Bytes, state: &mut State) -> Attempt {
        state.exchange.received_bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let text = if status.is_success() { "" } else { std::str::from_utf8(&body).unwrap_or_default() };
        state.exchange.request_id = crate::decode::error::request_id(&self.policy.errors, &headers, text)
            .map(|id| crate::decode::error::one_line(&self.scrubber.clean(id), 120));
        let throttle = self.policy.throttle(status);
        Attempt::Answered(Box::new(Head { status, headers, body, throttle }))
    }
}

/// The deadline came first.
struct TooLate;

/// The future's answer, if it comes before the bell. One bell serves the whole exchange: to set a timer costs more than a look
/// at one.
async fn before<T>(mut bell: Pin<&mut Sleep>, work: impl Future<Output = T>) -> Result<T, TooLate> {
    let mut work = pin!(work);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Ok(answer)),
        Poll::Pending => bell.as_mut().poll(cx).map(|()| Err(TooLate)),
    })
    .await
}

/// How far an exchange has come.
#[derive(Debug)]
struct State {
    attempts: u32,
    sent: Sent,
    begun: Option<Instant>,
    exchange: Exchange,
}

/// An answer as it came, its body read.
struct Head {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    throttle: Throttle,
}

enum Attempt {
    Answered(Box<Head>),
    Broken(Fault),
    /// Not to be tried again.
    Final(ProviderErrorKind, String),
}

enum Fault {
    Transport(crate::transport::TransportError),
    /// The head of an answer came and its body broke off.
    Body(String),
}

impl Fault {
    fn sent(&self) -> Sent {
        match self {
            Self::Transport(fault) => fault.sent(),
            Self::Body(_) => Sent::Yes,
        }
    }
}

impl State {
    fn new(out: &Outgoing<'_>) -> Self {
        let exchange = Exchange {
            method: out.method.as_str().to_owned(),
            path: out.template.to_owned(),
            status: None,
            request_id: None,
            sent_bytes: u64::try_from(out.body.len()).unwrap_or(u64::MAX),
            received_bytes: 0,
            latency_ms: 0,
            retries: 0,
        };
        Self { attempts: 0, sent: Sent::No, begun: None, exchange }
    }

    fn exchanges(&self) -> Vec<Exchange> {
        if self.attempts == 0 { Vec::new() } else { vec![self.exchange.clone()] }
    }

    fn error(&self, kind: ProviderErrorKind, text: impl Into<String>) -> ProviderError {
        ProviderError::new(kind, text).with_sent(self.sent).with_exchanges(self.exchanges())
    }

    fn finish(self, outcome: Attempt) -> Result<Answer, ProviderError> {
        match outcome {
            Attempt::Answered(head) => {
                let Head { status, headers, body, throttle } = *head;
                Ok(Answer { status, headers, body, throttle, sent: self.sent, exchange: self.exchange })
            }
            other => Err(self.fail(other)),
        }
    }

    fn fail(&self, outcome: Attempt) -> ProviderError {
        match outcome {
            Attempt::Final(kind, text) => self.error(kind, format!("the vendor {text}")),
            Attempt::Broken(Fault::Transport(fault)) => {
                let text = format!("the vendor could not be reached: {fault}");
                self.error(ProviderErrorKind::Network, text).with_source(fault)
            }
            Attempt::Broken(Fault::Body(fault)) => {
                self.error(ProviderErrorKind::Network, format!("the vendor's answer broke off: {fault}"))
            }
            Attempt::Answered(_) => self.error(ProviderErrorKind::Internal, "an answer was taken for a failure"),
        }
    }
}

/// Adds the credential's headers to the others. A name stands once: the credential's value replaces what was there.
pub(crate) fn header_map(
    headers: Vec<(HeaderName, HeaderValue)>,
    credential: Vec<(HeaderName, HeaderValue)>,
) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(headers.len() + credential.len());
    for (name, value) in headers.into_iter().chain(credential) {
        map.insert(name, value);
    }
    map
}

/// That much later; a time that no clock can show counts as a year from now.
pub(crate) fn later(duration: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(duration).unwrap_or_else(|| now + Duration::from_secs(365 * 24 * 3600))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Whole seconds, rounded up.
pub(crate) fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
