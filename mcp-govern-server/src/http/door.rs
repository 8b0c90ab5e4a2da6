//! The door: nobody reaches the protocol who has not been authenticated, and no token gets past it.

use std::{
    convert::Infallible,
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
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use mcp_govern_core::{Principal, Secret};
use rmcp::transport::streamable_http_server::{StreamableHttpService, session::never::NeverSessionManager};
use tower::service_fn;

use super::{
    answers::Answers,
    aside::{MOST_VALUES, first_step_aside, holds_few_values},
    body::BodyRoom,
    challenge::refuse,
    connection::Connection,
    repeated, version,
};
use crate::{
    face::{CURRENT, Caller, Handler, Mark, Proof, Slot, Transport},
    identity::{AuthError, Authenticate, Identity, Presented, TrustedProxies},
    metrics::Metrics,
};

/// The protocol, without sessions.
pub(crate) type Protocol = StreamableHttpService<Handler, NeverSessionManager>;

/// What the protocol answers.
type BoxResponse = http::Response<BoxBody<Bytes, Infallible>>;

/// Who may come in, and how they are told that they may not.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) authenticate: Arc<dyn Authenticate>,
    pub(crate) proxies: Option<TrustedProxies>,
    pub(crate) bodies: BodyRoom,
    /// Where the metadata of RFC 9728 is.
    pub(crate) metadata_url: Option<String>,
    pub(crate) metrics: Metrics,
    /// Stands for results on their way through the protocol.
    pub(crate) mark: Mark,
}

/// The header in which a request states its method (since 2026-07-28), and the method that opens a stream.
const METHOD: &str = "mcp-method";
const LISTEN: &str = "subscriptions/listen";

/// A body that is longer is parsed on a thread for blocking work.
const LONG: usize = 64 << 10;

/// The protocol behind the door. Both are shared by all requests: to copy the protocol means to copy its configuration.
pub(crate) fn entrance(door: Arc<Door>, protocol: Protocol) -> impl Answers {
    let inside = Arc::new((door, protocol));
    service_fn(move |request| {
        let inside = Arc::clone(&inside);
        async move { Ok(enter(inside, request).await) }
    })
}

/// Lets a request in: authenticated, without its token, read in full.
///
/// INVARIANT: what is behind the door never sees the token (`the_token_never_reaches_the_protocol_or_the_vendor`).
async fn enter(inside: Arc<(Arc<Door>, Protocol)>, request: Request) -> Response {
    let door = &*inside.0;
    let (mut parts, body) = request.into_parts();
    let bearer = take_bearer(&mut parts.headers);
    let identified = match &bearer {
        Ok(bearer) => door.identify(&parts, bearer.as_ref()).await,
        Err(error) => Err(error.clone()),
    };
    let (identity, source) = match identified {
        Ok(identified) => identified,
        Err(error) => {
            door.metrics.refused(error.kind());
            return refuse(&error, door.metadata_url.as_deref(), &door.authenticate.scopes());
        }
    };
    // The room is given back when the request was answered: until then its arguments are in memory.
    let (body, _room) = if parts.method == Method::POST {
        match door.bodies.read(&identity.user, body).await {
            Ok((bytes, room)) => (bytes, Some(room)),
            Err(response) => return response,
        }
    } else {
        (Bytes::new(), None)
    };
    let expires = identity.expires;
    let transport = Transport::Http(door.mark.slot());
    // What opens a stream says so in its headers: the protocol holds them against the body.
    let opens = parts.headers.get(METHOD).is_some_and(|method| method == LISTEN);
    let again =
        |bearer| Box::new(Again { door: Arc::clone(&inside.0), parts: parts.clone(), bearer }) as Box<dyn Proof>;
    let proof = bearer.ok().filter(|_| opens).map(again);
    let caller = Arc::new(Caller { principal: identity.into_principal(source), expires, transport, proof });
    let unknown = version::unknown(&parts.headers).map(|stated| (stated, body.clone()));
    let long = body.len() > LONG;
    let answering = answer(Arc::clone(&inside), Arc::clone(&caller), parts, body);
    let response = if long { first_step_aside(answering).await } else { Some(answering.await) };
    let Some(response) = response else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    if let Some((stated, request)) = unknown
        && let Some(refusal) = version::refusal(response.status(), response.headers(), &stated, &request)
    {
        return (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], refusal).into_response();
    }
    match &caller.transport {
        Transport::Http(slot) => filled(response, slot).await,
        Transport::Stream(_) => response.map(Body::new),
    }
}

/// The request that a stream was opened with, to be authenticated again. It stays in front of the protocol, which never sees the token.
struct Again {
    door: Arc<Door>,
    parts: Parts,
    bearer: Option<Secret>,
}

#[async_trait]
impl Proof for Again {
    async fn holds_for(&self, principal: &Principal) -> bool {
        match self.door.identify(&self.parts, self.bearer.as_ref()).await {
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
async fn answer(inside: Arc<(Arc<Door>, Protocol)>, caller: Arc<Caller>, parts: Parts, body: Bytes) -> BoxResponse {
    if !holds_few_values(&body) {
        let message = format!("the body holds more than {MOST_VALUES} JSON values");
        let mut response = http::Response::new(BoxBody::new(Full::from(message)));
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return response;
    }
    if let Some(refusal) = repeated::refusal(&body) {
        let mut response = http::Response::new(BoxBody::new(Full::from(refusal)));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return response;
    }
    let request = http::Request::from_parts(parts, Full::new(body));
    CURRENT.scope(caller, inside.1.handle(request)).await
}

/// The protocol's answer, with the result that waits in its slot.
async fn filled(response: BoxResponse, slot: &Slot) -> Response {
    let Some(text) = slot.take() else { return response.map(Body::new) };
    let (parts, body) = response.into_parts();
    let Ok(answer) = body.collect().await;
    Response::from_parts(parts, Body::from(slot.put_into(answer.to_bytes(), &text)))
}

impl Door {
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

/// Takes the token out of the headers, with everything else that could prove who the caller is to somebody behind the door.
pub(crate) fn take_bearer(headers: &mut HeaderMap) -> Result<Option<Secret>, AuthError> {
    let several = headers.get_all(header::AUTHORIZATION).iter().nth(1).is_some();
    let value = headers.remove(header::AUTHORIZATION);
    headers.remove(header::PROXY_AUTHORIZATION);
    match value {
        None => Ok(None),
        Some(_) if several => Err(AuthError::invalid("there is more than one authorization header")),
        Some(value) => {
            let unfit = || AuthError::invalid("the authorization header holds no bearer token");
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
