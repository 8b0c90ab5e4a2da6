//! The ingress: authenticates every request before the protocol sees it, and removes the token.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use async_trait::async_trait;
use axum::{
    body::{Body, Bytes},
    extract::{ConnectInfo, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, Full};
use mcp_govern_core::{Principal, Secret};
use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{StreamableHttpService, session::never::NeverSessionManager},
};
use tower::service_fn;

use super::{
    accept::{self, Accepts},
    answers::Answers,
    aside::{MOST_VALUES, first_step_aside, holds_few_values},
    body::BodyRoom,
    challenge::refuse,
    connection::{Connection, party},
    seldom::SeldomEach,
    version,
};
use crate::{
    identity::{AuthError, Authenticate, Identity, Presented, RefusalReason, TrustedProxies},
    message::{self, Message, Unreadable},
    metrics::Metrics,
    request_context::{CURRENT, Caller, Mark, Proof, Slot, Telling, Transport},
};

/// The protocol, without sessions.
pub(crate) type Protocol<H> = StreamableHttpService<H, NeverSessionManager>;

/// Who is accepted, and how the others are refused.
#[derive(Debug)]
pub(crate) struct Ingress {
    pub(crate) authenticate: Arc<dyn Authenticate>,
    pub(crate) proxies: Option<TrustedProxies>,
    pub(crate) bodies: BodyRoom,
    /// Where the metadata of RFC 9728 is.
    pub(crate) metadata_url: Option<String>,
    pub(crate) metrics: Metrics,
    /// When a refusal is logged.
    pub(crate) refused: SeldomEach<(Option<IpAddr>, RefusalReason)>,
    /// Stands for results on their way through the protocol.
    pub(crate) mark: Mark,
}

/// The header in which a request states its method (since 2026-07-28), and the method that opens a stream.
const METHOD: &str = "mcp-method";
const LISTEN: &str = "subscriptions/listen";

/// A body that is longer is parsed on a thread for blocking work.
const LONG: usize = 64 << 10;

/// The protocol behind the ingress. Both are shared by all requests: to copy the protocol means to copy its configuration.
pub(crate) fn entrance<H: ServerHandler>(ingress: Arc<Ingress>, protocol: Protocol<H>) -> impl Answers {
    let inside = Arc::new((ingress, protocol));
    service_fn(move |request| {
        let inside = Arc::clone(&inside);
        async move { Ok(enter(inside, request).await) }
    })
}

/// Lets a request in: authenticated, without its token, read in full.
///
/// INVARIANT: what is behind the ingress never sees the token (`the_token_never_reaches_the_protocol_or_the_vendor`).
async fn enter<H: ServerHandler>(inside: Arc<(Arc<Ingress>, Protocol<H>)>, request: Request) -> Response {
    let ingress = &*inside.0;
    let (mut parts, body) = request.into_parts();
    let bearer = take_bearer(&mut parts.headers);
    let identified = match &bearer {
        Ok(bearer) => ingress.identify(&parts, bearer.as_ref()).await,
        Err(error) => Err(error.clone()),
    };
    let (identity, source) = match identified {
        Ok(identified) => identified,
        Err(error) => {
            ingress.turned_away(&error, &parts);
            return refuse(&error, ingress.metadata_url.as_deref(), &ingress.authenticate.scopes());
        }
    };
    let accepts = if parts.method == Method::POST {
        match acceptable(&mut parts.headers) {
            Ok(accepts) => accepts,
            Err(response) => return *response,
        }
    } else {
        Accepts::Both
    };
    // The room is given back when the request was answered: until then its arguments are in memory.
    let (body, _room) = if parts.method == Method::POST {
        match ingress.bodies.read(&identity.user, body).await {
            Ok((bytes, room)) => (bytes, Some(room)),
            Err(response) => return response,
        }
    } else {
        (Bytes::new(), None)
    };
    let expires = identity.expires;
    let telling = if accepts.takes_notifications() { Telling::Possible } else { Telling::NotTaken };
    let transport = Transport::Http(ingress.mark.slot(), telling);
    // What opens a stream says so in its headers: the protocol holds them against the body.
    let opens = parts.headers.get(METHOD).is_some_and(|method| method == LISTEN);
    let again =
        |bearer| Box::new(Again { ingress: Arc::clone(&inside.0), parts: parts.clone(), bearer }) as Box<dyn Proof>;
    let proof = bearer.ok().filter(|_| opens).map(again);
    let caller = Arc::new(Caller { principal: identity.into_principal(source), expires, transport, proof });
    let unknown = version::unknown(&parts.headers).map(|stated| (stated, body.clone()));
    let long = body.len() > LONG;
    let answering = answer(Arc::clone(&inside), Arc::clone(&caller), parts, body, accepts);
    let response = if long { first_step_aside(answering).await } else { Some(answering.await) };
    let Some(response) = response else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    if let Some((stated, request)) = unknown
        && let Some(refusal) = version::refusal(response.status(), response.headers(), &stated, &request)
    {
        return (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], refusal).into_response();
    }
    let response = match &caller.transport {
        Transport::Http(slot, _) => filled(response, slot).await,
        Transport::Stream(_) => response,
    };
    accepts.shaped(response).await
}

/// What a POST accepts, where it is one that can be answered.
fn acceptable(headers: &mut HeaderMap) -> Result<Accepts, Box<Response>> {
    let accepts = Accepts::take(headers).ok_or_else(|| Box::new(accept::not_acceptable()))?;
    let stated = headers.get(header::CONTENT_TYPE).and_then(|stated| stated.to_str().ok()).unwrap_or_default();
    let kind = stated.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(accepts);
    }
    let refusal = Unreadable::request("the body must be JSON and say so: `Content-Type: application/json`");
    Err(Box::new(refusal.into_response(Some(StatusCode::UNSUPPORTED_MEDIA_TYPE))))
}

/// The request that a stream was opened with, to be authenticated again. It stays in front of the protocol, which never sees the token.
struct Again {
    ingress: Arc<Ingress>,
    parts: Parts,
    bearer: Option<Secret>,
}

#[async_trait]
impl Proof for Again {
    async fn holds_for(&self, principal: &Principal) -> bool {
        match self.ingress.identify(&self.parts, self.bearer.as_ref()).await {
            Ok((identity, source)) => identity.into_principal(source) == *principal,
            Err(_) => false,
        }
    }
}

impl fmt::Debug for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Again(***)")
    }
}

/// The protocol's answer to a request that was read in full.
async fn answer<H: ServerHandler>(
    inside: Arc<(Arc<Ingress>, Protocol<H>)>,
    caller: Arc<Caller>,
    parts: Parts,
    body: Bytes,
    accepts: Accepts,
) -> Response {
    if !holds_few_values(&body) {
        let message = format!("the body holds more than {MOST_VALUES} JSON values");
        return (StatusCode::PAYLOAD_TOO_LARGE, message).into_response();
    }
    let is_message = parts.method == Method::POST;
    let Message { text, request } = match message::read(&body) {
        Ok(message) => message,
        Err(unreadable) if is_message => return unreadable.into_response(None),
        Err(_) => Message { text: Bytes::new(), request: None },
    };
    if !accepts.takes_streams() && request.as_ref().is_some_and(|request| request.method == LISTEN) {
        return accept::needs_stream();
    }
    let request_id = request.map(|request| request.id);
    let passed = http::Request::from_parts(parts, Full::new(text));
    let response = CURRENT.scope(caller, inside.1.handle(passed)).await.map(Body::new);
    if is_message && response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        // Its type is the right one: the library could not read it.
        let why = read_text(response).await;
        return Unreadable::library(request_id, &why).into_response(Some(StatusCode::BAD_REQUEST));
    }
    response
}

/// What the protocol library says in plain text.
async fn read_text(response: Response) -> String {
    match response.into_body().collect().await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        Err(_) => "it is not as it should be".to_owned(),
    }
}

/// The protocol's answer, with the result that waits in its slot.
async fn filled(response: Response, slot: &Slot) -> Response {
    let Some(text) = slot.take() else { return response };
    let (parts, body) = response.into_parts();
    let Ok(answer) = body.collect().await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    Response::from_parts(parts, Body::from(slot.put_into(answer.to_bytes(), &text)))
}

impl Ingress {
    /// Who sends a request, and from where.
    pub(crate) async fn identify(
        &self,
        parts: &Parts,
        bearer: Option<&Secret>,
    ) -> Result<(Identity, Option<IpAddr>), AuthError> {
        let presented = self.presented(parts).with_bearer(bearer);
        let identity = self.authenticate.authenticate(&presented).await?;
        if let Some(connection) = Connection::of(&parts.extensions) {
            connection.authenticate();
        }
        Ok((identity, presented.source()))
    }

    /// Counts a refusal, and logs it for the operator. A caller who presents nothing is on the way to a token, and is not logged.
    pub(crate) fn turned_away(&self, error: &AuthError, parts: &Parts) {
        self.metrics.refused(error.reason());
        if error.reason() == RefusalReason::Missing {
            return;
        }
        let presented = self.presented(parts);
        let address = presented.source().or(presented.peer());
        let Some(times) = self.refused.count((address.map(party), error.reason())) else { return };
        let shown = |text: Option<&String>| text.cloned().unwrap_or_default();
        let claimed = error.claimed().cloned().unwrap_or_default();
        tracing::warn!(
            reason = error.reason().as_str(),
            address = %address.map_or_else(|| "unknown".to_owned(), |address| address.to_string()),
            claimed_issuer = shown(claimed.issuer.as_ref()),
            claimed_audience = shown(claimed.audience.as_ref()),
            claimed_key = shown(claimed.key.as_ref()),
            times,
            "a request was refused: {error}"
        );
    }

    /// A request without its token, with the addresses that it comes from.
    pub(crate) fn presented<'a>(&self, parts: &'a Parts) -> Presented<'a> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
        let source = match &self.proxies {
            Some(proxies) => proxies.source(peer, &parts.headers),
            None => peer,
        };
        Presented::new(parts).with_peer(peer).with_source(source)
    }
}

/// Takes the token out of the headers, with everything else that could prove who the caller is to the code behind the ingress.
pub(crate) fn take_bearer(headers: &mut HeaderMap) -> Result<Option<Secret>, AuthError> {
    let several = headers.get_all(header::AUTHORIZATION).iter().nth(1).is_some();
    let value = headers.remove(header::AUTHORIZATION);
    headers.remove(header::PROXY_AUTHORIZATION);
    match value {
        None => Ok(None),
        Some(_) if several => {
            Err(AuthError::invalid("there is more than one authorization header").with_reason(RefusalReason::Malformed))
        }
        Some(value) => {
            let unfit = || {
                AuthError::invalid("the authorization header holds no bearer token")
                    .with_reason(RefusalReason::Malformed)
            };
            let (scheme, token) = value.to_str().map_err(|_| unfit())?.split_once(' ').ok_or_else(unfit)?;
            let token = token.trim();
            if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
                Ok(Some(Secret::new(token)))
            } else {
                Err(unfit())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(values: &[&str]) -> Result<Option<String>, AuthError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        let taken = take_bearer(&mut headers);
        assert!(headers.is_empty());
        taken.map(|token| token.map(|token| token.expose().to_owned()))
    }

    #[test]
    fn exactly_one_bearer_token_is_taken_out() {
        assert_eq!(taken(&[]).unwrap(), None);
        assert_eq!(taken(&["Bearer abc"]).unwrap().as_deref(), Some("abc"));
        assert_eq!(taken(&["bearer  abc "]).unwrap().as_deref(), Some("abc"));
        for values in [&["Basic abc"][..], &["Bearer"], &["Bearer "], &["abc"], &["Bearer a", "Bearer b"]] {
            assert!(taken(values).is_err(), "{values:?}");
        }
    }
}
