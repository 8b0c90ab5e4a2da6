//! One exchange with the vendor: wait for a place, tell the observer, send, read within bounds, try again where that is right.

mod attempt;
mod limit;
mod read;
mod retry;
mod turns;

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, response::Parts};
use mcp_govern_core::{CallObserver, Exchange, ProviderError, ProviderErrorKind, Sent};
use tokio::time::{Instant, Sleep, sleep_until};

pub(crate) use self::{
    attempt::unrepeated,
    limit::{Limiter, RateBucketKey},
    retry::Permission,
};
use self::{
    attempt::{Attempt, Fault, Head, State},
    limit::{Joined, Turn, Wish},
    read::{Overflow, ReadFault, read_body},
    retry::{Ending, again, pause},
    turns::{MOST_WAITING, Person},
};
use crate::{
    limits::Limits,
    plan::{MOST_READ, Policy, Rate, Throttle},
    redact::Redactor,
    text::one_line,
    transport::Transport,
};

/// What an exchange needs of its server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub(crate) transport: &'a dyn Transport,
    pub(crate) limiter: &'a Limiter,
    pub(crate) limits: &'a Limits,
    pub(crate) policy: &'a Policy,
    pub(crate) redactor: Redactor<'a>,
    /// Who takes turns with others for a place in the rate bucket.
    pub(crate) person: Person,
}

/// A request, ready to go.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: Uri,
    /// A name is once in the request: the last value counts.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
    /// The path template, for records: it holds no value of an argument.
    pub(crate) template: &'a Arc<str>,
    pub(crate) permission: Permission,
    pub(crate) rate_bucket: RateBucketKey,
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
    /// Why the request was not sent again, although that would have been right.
    pub(crate) unrepeated: Option<String>,
}

/// A rate bucket is silent no longer than this, whatever a vendor asks for: after it, one call may ask again.
const LONGEST_SILENCE: Duration = Duration::from_secs(15 * 60);

/// Room for the headers that a transport adds, so that the map need not grow.
const MORE_HEADERS: usize = 4;

impl Outgoing<'_> {
    fn request(&self) -> http::Request<Bytes> {
        let mut request = http::Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.reserve(self.headers.len() + MORE_HEADERS);
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        request
    }
}

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
        let mut timer = pin!(sleep_until(deadline));
        let mut last: Option<Attempt> = None;
        loop {
            match self.take_turn(out, observer, timer.as_mut(), &mut state).await {
                Ok(()) => {}
                Err(NoTurn::Stopped(refused)) => return Err(refused),
                // INVARIANT: what the vendor answered is never covered by a later refusal of our own
                // (`an_attempt_that_finds_no_room_leaves_the_answer_before_it`).
                Err(NoTurn::NoRoom(error, why)) => match last.take() {
                    None => return Err(error),
                    Some(outcome) => {
                        state.exchange.retries -= 1;
                        state.unrepeated = Some(why);
                        return state.finish(outcome);
                    }
                },
            }
            let begun = Instant::now();
            let outcome = self.attempt(out, timer.as_mut(), &mut state).await;
            state.ended(out, begun);
            let next = match self.next(out, &outcome, &state) {
                Some(next) if next < deadline => next,
                too_late => {
                    state.unrepeated = too_late.map(|_| "the deadline leaves no time for it".to_owned());
                    return state.finish(outcome);
                }
            };
            last = Some(outcome);
            tracing::debug!(method = %out.method, path = &**out.template, attempt = state.attempts, "trying again");
            state.exchange.retries += 1;
            sleep_until(next).await;
        }
    }

    /// When to try again, if that is right.
    fn next(&self, out: &Outgoing<'_>, outcome: &Attempt, state: &State) -> Option<Instant> {
        let (ending, wait) = match outcome {
            Attempt::Answered(answer) => {
                (Ending::Answered(answer.status, answer.throttle), self.cool_down(out, answer))
            }
            Attempt::Broken(fault) => (Ending::Broken(fault.sent()), None),
            Attempt::Final(..) => return None,
        };
        let more = again(ending, out.permission) && state.attempts < self.limits.attempts;
        more.then(|| later(wait.unwrap_or_else(|| pause(self.limits, state.attempts))))
    }

    /// Waits for a place in the line and for the observer's consent.
    async fn take_turn(
        &self,
        out: &Outgoing<'_>,
        observer: &dyn CallObserver,
        mut timer: Pin<&mut Sleep>,
        state: &mut State,
    ) -> Result<(), NoTurn> {
        let no_room = |error: ProviderError| {
            let why = error.message().to_owned();
            NoTurn::NoRoom(error, why)
        };
        let turn = self.turn(out, timer.as_mut(), state).await.map_err(no_room)?;
        match before(timer, observer.sending().as_mut()).await {
            Err(TooLate) => {
                Err(no_room(state.error(ProviderErrorKind::Timeout, "the deadline passed before the request was sent")))
            }
            Ok(Err(refused)) => {
                let sent = refused.sent().max(state.sent);
                Err(NoTurn::Stopped(refused.with_sent(sent).with_exchanges(state.exchanges())))
            }
            Ok(Ok(())) => {
                turn.keep();
                state.attempts += 1;
                Ok(())
            }
        }
    }

    /// Waits for a turn in the rate bucket, unless it would come too late.
    async fn turn<'a>(
        &'a self,
        out: &'a Outgoing<'_>,
        timer: Pin<&mut Sleep>,
        state: &State,
    ) -> Result<Turn<'a>, ProviderError> {
        let (now, deadline) = (Instant::now(), timer.deadline());
        let wish = Wish { key: &out.rate_bucket, rate: out.rate, person: self.person };
        let no_room = |at: Instant| {
            let wait = at.saturating_duration_since(Instant::now());
            state.limited(wait, "the rate limit leaves no room for this call")
        };
        match self.limiter.join(wish, now) {
            // Most calls need no timer: one that is due already fires at the next tick only.
            Joined::Turn(turn) => Ok(turn),
            Joined::Waiting(place) => match place.expected(now) {
                at if at >= deadline => Err(no_room(at)),
                _ => match before(timer, pin!(place.turn())).await {
                    Ok(turn) => Ok(turn),
                    Err(TooLate) => Err(no_room(self.limiter.expected(wish, Instant::now()))),
                },
            },
            Joined::Crowded(at) => {
                let wait = at.saturating_duration_since(now);
                let text = format!(
                    "{MOST_WAITING} of your calls wait for the vendor's rate limit already; wait for them, or try again in {} s",
                    seconds(wait)
                );
                Err(state.limited(wait, &text))
            }
        }
    }

    /// Remembers that the vendor asked for cool-down; the pause that follows from it for this call.
    fn cool_down(&self, out: &Outgoing<'_>, answer: &Head) -> Option<Duration> {
        if answer.throttle == Throttle::No {
            // One operation that is out of order says nothing about the others.
            let out_of_order = answer.status == StatusCode::SERVICE_UNAVAILABLE;
            return if out_of_order { self.policy.wait(&answer.headers, SystemTime::now()) } else { None };
        }
        let wait = self.policy.wait(&answer.headers, SystemTime::now()).or_else(|| self.policy.wait_default())?;
        let now = Instant::now();
        self.limiter.block(&out.rate_bucket, now + wait.min(LONGEST_SILENCE), now);
        Some(wait)
    }

    async fn attempt(&self, out: &Outgoing<'_>, mut timer: Pin<&mut Sleep>, state: &mut State) -> Attempt {
        state.exchange.status = None;
        let deadline = timer.deadline().into_std();
        let response = match before(timer.as_mut(), self.transport.send(out.request(), deadline).as_mut()).await {
            Err(TooLate) => {
                state.sent = state.sent.max(Sent::Maybe);
                return Attempt::Final(ProviderErrorKind::Timeout, "gave no answer before the deadline".to_owned());
            }
            Ok(Err(fault)) => {
                state.sent = state.sent.max(fault.sent());
                return Attempt::Broken(Fault::Transport(fault));
            }
            Ok(Ok(response)) => response,
        };
        let (head, mut body) = response.into_parts();
        let (cap, overflow) = self.begun(head.status, state);
        let body = before(timer, pin!(read_body(&mut body, &head.headers, cap, overflow))).await;
        self.read(head, body, state)
    }

    /// An answer has begun: how much of its body to read.
    fn begun(&self, status: StatusCode, state: &mut State) -> (usize, Overflow) {
        let nothing_done = self.policy.throttle(status) == Throttle::NothingDone;
        state.sent = state.sent.max(if nothing_done { Sent::No } else { Sent::Yes });
        state.exchange.status = Some(status.as_u16());
        if status.is_success() {
            (self.limits.response_bytes, Overflow::Refuse)
        } else {
            (MOST_READ.min(self.limits.response_bytes), Overflow::Cut)
        }
    }

    /// An answer has ended, one way or another.
    fn read(&self, head: Parts, body: Result<Result<Bytes, ReadFault>, TooLate>, state: &mut State) -> Attempt {
        let succeeded = head.status.is_success();
        let body = match body {
            Ok(Ok(body)) => body,
            Ok(Err(ReadFault::TooLarge)) => {
                let cap = self.limits.response_bytes;
                let text = format!("sent more than {cap} bytes, which is the most that is read; ask for less");
                return Attempt::Final(ProviderErrorKind::BadAnswer, text);
            }
            Ok(Err(ReadFault::Broken(fault))) if succeeded => return Attempt::Broken(Fault::Body(fault.to_string())),
            Err(TooLate) if succeeded => {
                let text = "began to answer and did not end before the deadline";
                return Attempt::Final(ProviderErrorKind::Timeout, text.to_owned());
            }
            // The status of a refusal says enough, even when its body never ends.
            Err(TooLate) | Ok(Err(ReadFault::Broken(_))) => Bytes::new(),
        };
        state.exchange.received_bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let text = if succeeded { "" } else { std::str::from_utf8(&body).unwrap_or_default() };
        state.exchange.request_id =
            self.policy.errors.request_id(&head.headers, text).map(|id| one_line(&self.redactor.clean(id), 120));
        let throttle = self.policy.throttle(head.status);
        Attempt::Answered(Head { status: head.status, headers: head.headers, body, throttle })
    }
}

/// An attempt is not made.
enum NoTurn {
    /// The call must not go on.
    Stopped(ProviderError),
    /// There is no room or time for it: the error where it is the first, and why for any other.
    NoRoom(ProviderError, String),
}

/// The deadline came first.
struct TooLate;

/// The future's answer, if it comes before the timer. One timer serves the whole exchange: to set a timer costs more than a look
/// at one.
fn before<'a, T>(
    mut timer: Pin<&'a mut Sleep>,
    mut work: Pin<&'a mut (impl Future<Output = T> + ?Sized)>,
) -> impl Future<Output = Result<T, TooLate>> {
    poll_fn(move |cx| match work.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Ok(answer)),
        Poll::Pending => timer.as_mut().poll(cx).map(|()| Err(TooLate)),
    })
}

/// That much later; a time that no clock can show counts as a year from now.
pub(crate) fn later(duration: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(duration).unwrap_or_else(|| now + Duration::from_secs(365 * 24 * 3600))
}

/// Whole seconds, rounded up.
pub(crate) fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, AUTHORIZATION};

    use super::*;

    #[test]
    fn a_header_stands_once_and_its_last_value_counts() {
        let headers = [(AUTHORIZATION, "first"), (ACCEPT, "a"), (AUTHORIZATION, "second")];
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value))).to_vec();
        let (template, limiter) = (Arc::from("/"), Limiter::default());
        let out = Outgoing {
            method: &Method::GET,
            uri: Uri::from_static("https://x/"),
            rate_bucket: limiter.key("https://x", &headers, &Arc::from("default")),
            headers,
            body: Bytes::new(),
            template: &template,
            permission: Permission { repeat: true, throttled: None },
            rate: None,
        };
        let sent = out.request().into_parts().0.headers;
        assert_eq!((sent.len(), sent[AUTHORIZATION].to_str().unwrap()), (2, "second"));
    }
}
