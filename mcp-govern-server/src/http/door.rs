//! The door: nobody reaches the protocol who has not been authenticated, and no token gets past it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderValue, Method, header, request::Parts};
use mcp_govern_core::Secret;

use super::{
    body::{BodyLimits, read_body},
    challenge::refuse,
};
use crate::{
    face::{CURRENT, Caller, Transport},
    identity::{AuthError, Authenticate, Identity, Presented, TrustedProxies},
    metrics::Metrics,
};

/// Who may come in, and how they are told that they may not.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) authenticate: Arc<dyn Authenticate>,
    pub(crate) proxies: Option<TrustedProxies>,
    pub(crate) limits: BodyLimits,
    /// Where the metadata of RFC 9728 is.
    pub(crate) metadata_url: Option<String>,
    pub(crate) metrics: Metrics,
}

/// Lets a request in: authenticated, without its token, read in full.
///
/// INVARIANT: what is behind the door never sees the token (`the_token_never_reaches_the_protocol_or_the_vendor`).
pub(crate) async fn enter(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let bearer = take_bearer(&mut parts.headers);
    let identified = match bearer {
        Ok(bearer) => door.identify(&parts, bearer.as_ref()).await,
        Err(error) => Err(error),
    };
    let (identity, source) = match identified {
        Ok(identified) => identified,
        Err(error) => {
            door.metrics.refused(error.kind());
            return refuse(&error, door.metadata_url.as_deref(), &door.authenticate.scopes());
        }
    };
    let body = if parts.method == Method::POST {
        match read_body(body, door.limits).await {
            Ok(bytes) => Body::from(bytes),
            Err(response) => return response,
        }
    } else {
        Body::empty()
    };
    let caller =
        Caller { principal: identity.to_principal(source), expires: identity.expires, transport: Transport::Http };
    CURRENT.scope(caller, next.run(Request::from_parts(parts, body))).await
}

impl Door {
    /// Who sends a request, and from where.
    pub(crate) async fn identify(
        &self,
        parts: &Parts,
        bearer: Option<&Secret>,
    ) -> Result<(Identity, Option<IpAddr>), AuthError> {
        let presented = self.presented(parts).with_bearer(bearer);
        Ok((self.authenticate.authenticate(&presented).await?, presented.source()))
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
    let values: Vec<HeaderValue> = headers.get_all(header::AUTHORIZATION).iter().cloned().collect();
    headers.remove(header::AUTHORIZATION);
    headers.remove(header::PROXY_AUTHORIZATION);
    match values.as_slice() {
        [] => Ok(None),
        [value] => {
            let unfit = || AuthError::invalid("the authorization header holds no bearer token");
            let (scheme, token) = value.to_str().map_err(|_| unfit())?.split_once(' ').ok_or_else(unfit)?;
            let token = token.trim();
            if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
                Ok(Some(Secret::new(token)))
            } else {
                Err(unfit())
            }
        }
        _ => Err(AuthError::invalid("there is more than one authorization header")),
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
