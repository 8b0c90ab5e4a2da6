//! Whether a request is meant for this server: what it says of itself in target, `Host` and `Origin`, before anything else of it is looked at.

use std::{borrow::Cow, fmt, sync::Arc};

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, StatusCode, Version, header, uri::Authority};
use tower::service_fn;
use url::{Host, Url};

use super::{answers::Answers, connection::Connection, origins::Origins, seldom::Seldom};
use crate::{ServerError, cleaned};

/// The names of this machine, by which a page of another one cannot be reached.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The names under which the server is reached, and the origins whose pages may call it.
#[derive(Debug)]
pub(crate) struct Addressing {
    names: Vec<Name>,
    origins: Origins,
    hints: Hints,
    refused: Seldom,
}

/// What the operator of the server can do about a refusal.
#[derive(Debug, Clone)]
pub(crate) struct Hints {
    pub(crate) host: String,
    pub(crate) origin: String,
}

impl Default for Hints {
    fn default() -> Self {
        Self {
            host: "Use the public URL, or add the host with `McpServerBuilder::with_hosts`".to_owned(),
            origin: "Add the origin with `McpServerBuilder::with_origins`".to_owned(),
        }
    }
}

/// How much is shown of a host or origin that was refused, in characters.
const SHOWN: usize = 128;

/// A host, with a port where only that one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    host: String,
    port: Option<u16>,
}

/// Who a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// AI clients, and pages of the allowed origins.
    Clients,
    /// People's browsers, and programs that look for metadata.
    Browsers,
    /// Probes and scrapers, which know an address and no name: they may use the one at which the connection arrived, and those of this
    /// machine. A page that reaches the server under a name of its own (DNS rebinding) states that name.
    Operations,
}

impl Addressing {
    /// Takes the names of the public URL, and further ones (`tools.internal`, `10.0.0.7:8700`).
    pub(crate) fn new(public: &Url, more: &[String], origins: Origins, hints: Hints) -> Result<Self, ServerError> {
        let port = public.port();
        let own = Name { host: public.host_str().unwrap_or_default().to_ascii_lowercase(), port };
        let mut names = vec![own];
        let here = match public.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if here {
            names.extend(LOOPBACK.map(|host| Name { host: host.to_owned(), port }));
        }
        for text in more {
            let name = Name::read(text).ok_or_else(|| {
                ServerError::config(format!("`{text}` is not a host such as `tools.internal` or `10.0.0.7:8700`"))
            })?;
            names.push(name);
        }
        Ok(Self { names, origins, hints, refused: Seldom::default() })
    }

    /// The service, for requests that are meant for this server.
    pub(crate) fn around(self: &Arc<Self>, audience: Audience, service: impl Answers) -> impl Answers {
        let addressing = Arc::clone(self);
        service_fn(move |request: Request| {
            let (addressing, mut service) = (Arc::clone(&addressing), service.clone());
            async move {
                match addressing.check(audience, &request) {
                    Ok(()) => service.call(request).await,
                    Err(refusal) => Ok(refusal.into_response()),
                }
            }
        })
    }

    /// The routes of a router, for requests that are meant for this server.
    pub(crate) fn guard(self: &Arc<Self>, audience: Audience, router: Router) -> Router {
        let addressing = Arc::clone(self);
        router.route_layer(from_fn(move |request: Request, next: Next| {
            let checked = addressing.check(audience, &request);
            async move {
                match checked {
                    Ok(()) => next.run(request).await,
                    Err(refusal) => refusal.into_response(),
                }
            }
        }))
    }

    fn check(&self, audience: Audience, request: &Request) -> Result<(), Refusal> {
        let stated = stated(request)?;
        if let Some(host) = &stated
            && !self.accepts(audience, host, request)
        {
            let stated = cleaned(&host.to_string(), SHOWN);
            self.tell("host", &stated);
            let hint = &self.hints.host;
            return Err(Refusal::not_ours(format!(
                "`{stated}`, the `Host` of the request, is not a name of this server. {hint}"
            )));
        }
        if stated.is_none() && audience != Audience::Operations {
            return Err(Refusal::malformed("the request has no `Host` header"));
        }
        let origin = single(request.headers(), &header::ORIGIN)?;
        if audience == Audience::Clients
            && let Some(origin) = origin
            && !self.origins.allows(origin)
        {
            let stated = cleaned(origin, SHOWN);
            self.tell("origin", &stated);
            let hint = &self.hints.origin;
            return Err(Refusal::not_ours(format!(
                "pages of the `Origin` `{stated}` may not call this server. {hint}"
            )));
        }
        Ok(())
    }

    fn accepts(&self, audience: Audience, host: &Name, request: &Request) -> bool {
        let named = |name: &Name| name.host == host.host && (name.port.is_none() || name.port == host.port);
        if self.names.iter().any(named) {
            return true;
        }
        let arrived = || Connection::of(request.extensions()).and_then(|connection| connection.local);
        audience == Audience::Operations
            && (LOOPBACK.contains(&host.host.as_str())
                || bare(&host.host).parse().is_ok_and(|address| arrived() == Some(address)))
    }

    fn tell(&self, what: &'static str, stated: &str) {
        if let Some(times) = self.refused.count() {
            tracing::warn!(
                what,
                stated,
                times,
                "requests were refused that state another host, or the origin of a page that may not call"
            );
        }
    }
}

impl Name {
    fn read(text: &str) -> Option<Self> {
        let bracketed = text.parse::<std::net::Ipv6Addr>().is_ok().then(|| format!("[{text}]"));
        let text = bracketed.as_deref().unwrap_or(text);
        let authority: Authority = text.parse().ok()?;
        let host = authority.host();
        let port = authority.port_u16();
        // What stands beside host and port is a user, or a port that is none.
        let whole = host.len() + port.map_or(0, |port| 1 + port.to_string().len());
        let plain = !host.is_empty() && whole == authority.as_str().len();
        plain.then(|| Self { host: host.to_ascii_lowercase(), port })
    }

    /// The same place, the port of http and https being the one where none is said.
    fn is_same(&self, other: &Self) -> bool {
        let port = |name: &Self| name.port.filter(|port| !matches!(port, 80 | 443));
        self.host == other.host && port(self) == port(other)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// The host that a request states (RFC 9112, section 3.2): once, plainly, and in the target no other one. Before HTTP/1.1 there may be none,
/// and in HTTP/2 it is the target's.
fn stated(request: &Request) -> Result<Option<Name>, Refusal> {
    let read = |text: &str| {
        Name::read(text).ok_or(Refusal::malformed("the request's host is not a plain name with or without a port"))
    };
    let header = single(request.headers(), &header::HOST)?.map(read).transpose()?;
    let target = request.uri().authority().map(|authority| read(authority.as_str())).transpose()?;
    match (header, target) {
        (Some(header), Some(target)) if !header.is_same(&target) => {
            Err(Refusal::malformed("the request's target and its `Host` header name two hosts"))
        }
        (None, None) if request.version() >= Version::HTTP_11 => {
            Err(Refusal::malformed("the request has no `Host` header"))
        }
        (Some(host), _) | (None, Some(host)) => Ok(Some(host)),
        (None, None) => Ok(None),
    }
}

/// A header that may stand there once, as a text.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(Refusal::malformed("the request has a header twice that may be there once: `Host` or `Origin`"));
    }
    let text = first.map(|value| value.to_str()).transpose();
    text.map_err(|_| Refusal::malformed("`Host` or `Origin` of the request is not visible text"))
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Why a request was not let through.
#[derive(Debug, Clone)]
struct Refusal {
    status: StatusCode,
    message: Cow<'static, str>,
}

impl Refusal {
    fn malformed(message: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    fn not_ours(message: String) -> Self {
        Self { status: StatusCode::FORBIDDEN, message: message.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let headers = [(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
        (self.status, headers, self.message).into_response()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn addressing(public: &str, more: &[&str]) -> Result<Addressing, ServerError> {
        let public: Url = public.parse().unwrap();
        let more: Vec<String> = more.iter().map(ToString::to_string).collect();
        Addressing::new(&public, &more, Origins::new(&public, &[]).unwrap(), Hints::default())
    }

    fn asked(hosts: &[&str], target: &str) -> Request {
        let builder = hosts.iter().fold(Request::builder().uri(target), |builder, host| builder.header("host", *host));
        builder.body(Body::empty()).unwrap()
    }

    fn status(addressing: &Addressing, audience: Audience, request: &Request) -> u16 {
        addressing.check(audience, request).map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
    }

    #[test]
    fn only_the_names_that_were_given_are_accepted() {
        let addressing = addressing("https://tools.example.com/mcp", &["inner", "10.0.0.7:8700", "fd00::1"]).unwrap();
        for (host, expected) in [
            ("tools.example.com", 200),
            ("TOOLS.example.com:443", 200),
            ("inner:9", 200),
            ("10.0.0.7:8700", 200),
            ("10.0.0.7", 403),
            ("[fd00::1]:1", 200),
            ("evil.example", 403),
            ("localhost", 403),
            ("", 400),
            ("me@tools.example.com", 400),
            ("tools.example.com:", 400),
            ("tools.example.com:x", 400),
            ("a b", 400),
        ] {
            for audience in [Audience::Clients, Audience::Browsers] {
                assert_eq!(status(&addressing, audience, &asked(&[host], "/")), expected, "{host}");
            }
        }
    }

    #[test]
    fn a_request_states_one_host_and_one_origin() {
        let addressing = addressing("http://127.0.0.1:8700/mcp", &[]).unwrap();
        let status = |request: &Request| status(&addressing, Audience::Clients, request);
        assert_eq!(status(&asked(&["127.0.0.1:8700"], "/mcp")), 200);
        assert_eq!(status(&asked(&["localhost:8700"], "/mcp")), 200);
        assert_eq!(status(&asked(&["127.0.0.1:8700", "127.0.0.1:8700"], "/mcp")), 400);
        assert_eq!(status(&asked(&["127.0.0.1:8700"], "http://127.0.0.1:8700/mcp")), 200);
        assert_eq!(status(&asked(&["127.0.0.1:8700"], "http://evil.example/mcp")), 400);
        assert_eq!(status(&asked(&["127.0.0.1:8700"], "http://me@127.0.0.1:8700/mcp")), 400);
        assert_eq!(status(&asked(&[], "/mcp")), 400);
        let mut origins = asked(&["127.0.0.1:8700"], "/mcp");
        origins.headers_mut().append("origin", "http://127.0.0.1:8700".parse().unwrap());
        assert_eq!(status(&origins), 200);
        origins.headers_mut().append("origin", "http://127.0.0.1:8700".parse().unwrap());
        assert_eq!(status(&origins), 400);
    }

    #[test]
    fn probes_may_use_the_address_at_which_they_arrive_and_no_name_of_theirs() {
        let addressing = addressing("https://tools.example.com/mcp", &[]).unwrap();
        let ask = |host: &str, audience| {
            let mut request = asked(&[host], "/healthz");
            let connection = Connection::new(([10, 0, 0, 9], 1).into(), Some([10, 0, 0, 7].into()), false);
            request.extensions_mut().insert(connection);
            status(&addressing, audience, &request)
        };
        for (host, expected) in [
            ("10.0.0.7:8701", 200),
            ("localhost:8701", 200),
            ("[::1]", 200),
            ("tools.example.com", 200),
            ("10.0.0.8:8701", 403),
            ("evil.example:8701", 403),
        ] {
            assert_eq!(ask(host, Audience::Operations), expected, "{host}");
        }
        assert_eq!(ask("10.0.0.7:8701", Audience::Clients), 403);
        // A probe of HTTP/1.0 states no host, and no browser does that.
        let mut old = asked(&[], "/healthz");
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(status(&addressing, Audience::Operations, &old), 200);
        assert_eq!(status(&addressing, Audience::Browsers, &old), 400);
    }

    #[test]
    fn what_is_no_host_is_refused_when_it_is_configured() {
        for text in ["", "a b", "https://a.example", "me@a.example", "a.example:x", "a.example/b"] {
            assert!(addressing("https://tools.example.com", &[text]).is_err(), "{text}");
        }
    }
}
