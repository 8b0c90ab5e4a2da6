//! The transport that is used unless another is given.

use std::{
    collections::HashMap,
    fmt,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::pin,
    sync::{OnceLock, PoisonError, RwLock},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Uri, header};
use mcp_govern_core::{is_encrypted_or_local, with_causes};
use url::Url;

use super::{BodySource, BodyStream, Transport, TransportError};

/// HTTPS with the system's trust roots, HTTP/1.1 and HTTP/2, pooled connections.
///
/// Plain `http` goes to the loopback interface alone. Redirects are never followed. The proxies of the environment are
/// used only when asked for ([`ReqwestTransport::with_system_proxy`]). A request is sent again on its own only when the
/// protocol proves that the server did not look at it (HTTP/2 stream refused, pooled connection closed before use). The client behind it is made at the first request.
pub struct ReqwestTransport {
    connect_timeout: Duration,
    proxy: SystemProxy,
    client: OnceLock<Result<reqwest::Client, String>>,
    origins: Origins,
}

/// The origins that were asked before, by authority, as URLs without a path: to read a host anew for every request costs more than
/// the rest of its URL.
#[derive(Debug, Default)]
struct Origins(RwLock<HashMap<String, Vec<Url>>>);

/// More origins are not remembered: a provider has a few.
const MOST_ORIGINS: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SystemProxy {
    Ignored,
    Used,
}

impl Default for ReqwestTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl ReqwestTransport {
    /// With a connect timeout of 10 seconds and without proxies.
    pub fn new() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            proxy: SystemProxy::Ignored,
            client: OnceLock::new(),
            origins: Origins::default(),
        }
    }

    /// With another connect timeout.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self.client = OnceLock::new();
        self
    }

    /// With the proxies that the environment names (`HTTPS_PROXY`, `NO_PROXY` and their kin).
    #[must_use]
    pub fn with_system_proxy(mut self) -> Self {
        self.proxy = SystemProxy::Used;
        self.client = OnceLock::new();
        self
    }

    fn client(&self) -> Result<&reqwest::Client, TransportError> {
        let client = self.client.get_or_init(|| self.build().map_err(|error| with_causes(&error.without_url())));
        client.as_ref().map_err(|fault| TransportError::not_sent(format!("no HTTP client could be made: {fault}")))
    }

    fn outgoing(&self, request: http::Request<Bytes>) -> Result<reqwest::Request, TransportError> {
        let (parts, body) = request.into_parts();
        let mut outgoing = reqwest::Request::new(parts.method, self.origins.url(&parts.uri)?);
        if !body.is_empty() || parts.headers.contains_key(header::CONTENT_TYPE) {
            *outgoing.body_mut() = Some(body.into());
        }
        *outgoing.headers_mut() = parts.headers;
        Ok(outgoing)
    }

    fn build(&self) -> Result<reqwest::Client, reqwest::Error> {
        // `localhost` is what this machine says it is; no name server is asked.
        let localhost = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(self.connect_timeout)
            .resolve_to_addrs("localhost", &localhost)
            .tcp_nodelay(true)
            .user_agent(concat!("mcp-govern/", env!("CARGO_PKG_VERSION")));
        match self.proxy {
            SystemProxy::Ignored => builder.no_proxy().build(),
            SystemProxy::Used => builder.build(),
        }
    }
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ReqwestTransport");
        shown.field("connect_timeout", &self.connect_timeout).field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _deadline: Instant,
    ) -> Result<http::Response<BodyStream>, TransportError> {
        let outgoing = self.outgoing(request)?;
        self.client()?.execute(outgoing).await.map(answer).map_err(failure)
    }
}

impl Origins {
    /// The address as a URL.
    fn url(&self, uri: &Uri) -> Result<Url, TransportError> {
        let mut url = self.origin(uri)?;
        url.set_path(uri.path());
        url.set_query(uri.query());
        // What the URL parser rewrites (a dot segment, for one) was not meant by whoever bound the request.
        if url.path() != uri.path() || url.query() != uri.query() {
            return Err(TransportError::not_sent("the address changes when it is read as a URL"));
        }
        Ok(url)
    }

    fn origin(&self, uri: &Uri) -> Result<Url, TransportError> {
        let no_url = || TransportError::not_sent("the address is not a valid URL");
        let (scheme, authority) = uri.scheme().zip(uri.authority()).ok_or_else(no_url)?;
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let of_scheme = |url: &&Url| url.scheme() == scheme.as_str();
        if let Some(known) = known.get(authority.as_str()).and_then(|urls| urls.iter().find(of_scheme)) {
            return Ok(known.clone());
        }
        drop(known);
        let origin = Url::parse(&format!("{scheme}://{authority}/")).map_err(|_| no_url())?;
        check_scheme(&origin)?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST_ORIGINS {
            let urls = known.entry(authority.as_str().to_owned()).or_default();
            if !urls.contains(&origin) {
                urls.push(origin.clone());
            }
        }
        Ok(origin)
    }
}

struct Pieces(reqwest::Response);

impl BodySource for Pieces {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransportError>> {
        // The future holds nothing but the response: to make it anew for each look loses nothing.
        pin!(self.0.chunk()).poll(cx).map_err(failure)
    }
}

fn answer(mut response: reqwest::Response) -> http::Response<BodyStream> {
    let (status, version, headers) = (response.status(), response.version(), std::mem::take(response.headers_mut()));
    let mut answer = http::Response::new(BodyStream::pieces(Pieces(response)));
    *answer.status_mut() = status;
    *answer.version_mut() = version;
    *answer.headers_mut() = headers;
    answer
}

/// https anywhere, http on loopback alone.
fn check_scheme(url: &Url) -> Result<(), TransportError> {
    if is_encrypted_or_local(url) && url.has_host() {
        return Ok(());
    }
    Err(TransportError::not_sent("plain http is spoken on the loopback interface alone: use https"))
}

fn failure(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    // None of the causes holds the URL, which was taken out, or a header.
    let message = with_causes(&error);
    if error.is_connect() || error.is_builder() {
        TransportError::not_sent(message)
    } else {
        TransportError::maybe_sent(message)
    }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::Sent;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    async fn send(uri: &str) -> Result<http::Response<BodyStream>, TransportError> {
        let request = http::Request::get(uri).body(Bytes::new()).unwrap();
        ReqwestTransport::new().send(request, soon()).await
    }

    #[tokio::test]
    async fn plain_http_leaves_the_machine_for_nobody() {
        for uri in ["http://example.com/a", "http://127.0.0.1.example.com/", "http://10.0.0.1/", "ftp://localhost/"] {
            let error = send(uri).await.unwrap_err();
            assert_eq!(error.sent(), Sent::No, "{uri}");
            assert!(error.to_string().contains("loopback"), "{uri}: {error}");
        }
    }

    #[tokio::test]
    async fn an_address_that_a_url_parser_would_rewrite_is_not_sent() {
        for uri in ["http://127.0.0.1:9/a/../b", "http://127.0.0.1:9/a/%2e%2e/b"] {
            let error = send(uri).await.unwrap_err();
            assert!(error.to_string().contains("changes"), "{uri}: {error}");
        }
    }

    #[test]
    fn an_origin_is_remembered_together_with_its_scheme() {
        let origins = Origins::default();
        for _ in 0..2 {
            for uri in
                ["http://127.0.0.1:9/a?b=1", "https://127.0.0.1:9/a?b=1", "https://127.0.0.1:9/", "https://127.0.0.1/c"]
            {
                assert_eq!(origins.url(&Uri::from_static(uri)).unwrap().as_str(), uri);
            }
        }
        assert!(origins.url(&Uri::from_static("http://10.0.0.1:9/")).is_err());
        let known: usize = origins.0.read().unwrap().values().map(Vec::len).sum();
        assert_eq!(known, 3);
    }

    #[tokio::test]
    async fn a_refused_connection_proves_that_nothing_was_sent_and_its_error_holds_no_query() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = send(&format!("http://localhost:{port}/path?key=canary")).await.unwrap_err();
        assert_eq!(error.sent(), Sent::No);
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}
