//! Which pages may call the server from a browser.

use std::sync::Arc;

use axum::extract::Request;
use http::{HeaderValue, Method, Uri, header, request::Parts};
use tower::{Layer, Service, service_fn};
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, Cors, CorsLayer};
use url::Url;

use super::answers::Answers;
use crate::ServerError;

/// How long a browser may remember that it may call.
const REMEMBERED: std::time::Duration = std::time::Duration::from_secs(600);

/// What answers to pages depend on.
const VARIES: HeaderValue =
    HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers");

/// Origins whose pages may call the server: that of the public URL, and those that were configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origins(Vec<Origin>);

/// An origin (RFC 6454). Without a port the scheme's own is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Port,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    Any,
    Exact(u16),
    /// The scheme knows none.
    None,
}

impl Origins {
    /// Takes configured origins in: `https://app.example.com`, `http://localhost:*`.
    pub(crate) fn new(public: &Url, more: &[String]) -> Result<Self, ServerError> {
        let own = public.origin().ascii_serialization();
        let read = |text: &str| {
            let (text, port) = text.strip_suffix(":*").map_or((text, None), |text| (text, Some(Port::Any)));
            let mut origin = Origin::read(text)?;
            origin.port = port.unwrap_or(origin.port);
            Some(origin)
        };
        let all = [own.as_str()].into_iter().chain(more.iter().map(String::as_str));
        let refused =
            |text| ServerError::config(format!("`{text}` is not an origin such as `https://app.example.com`"));
        all.map(|text| read(text).ok_or_else(|| refused(text))).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a page of this origin may call.
    pub(crate) fn allows(&self, stated: &str) -> bool {
        let Some(stated) = Origin::read(stated) else { return false };
        let same = |allowed: &Origin| {
            let port = allowed.port == Port::Any || allowed.port == stated.port;
            port && allowed.scheme == stated.scheme && allowed.host == stated.host
        };
        self.0.iter().any(same)
    }

    /// The service, for pages of these origins too. A request of no page passes by all that: its answer says only that the answer to a page
    /// may be another one.
    pub(crate) fn around(&self, service: impl Answers) -> impl Answers {
        // Shared by all requests: the layer is not copied for one.
        let pages = Arc::new(self.layer().layer(service.clone()));
        service_fn(move |request: Request| {
            let (pages, mut service) = (Arc::clone(&pages), service.clone());
            async move {
                if request.method() == Method::OPTIONS || request.headers().contains_key(header::ORIGIN) {
                    return Box::pin(Cors::clone(&pages).call(request)).await;
                }
                let mut response = service.call(request).await?;
                response.headers_mut().append(header::VARY, VARIES);
                Ok(response)
            }
        })
    }

    /// Answers browsers that ask beforehand, and lets pages of these origins read the answers. It gives no access: a page needs a token
    /// as every client does, and requests of other origins were refused before.
    fn layer(&self) -> CorsLayer {
        let origins = self.clone();
        let allows = move |stated: &HeaderValue, _: &Parts| stated.to_str().is_ok_and(|stated| origins.allows(stated));
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(allows))
            .allow_methods([Method::POST])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([header::WWW_AUTHENTICATE, header::RETRY_AFTER])
            .max_age(REMEMBERED)
    }
}

/// Public answers may be read by every page.
pub(crate) fn open_to_all() -> CorsLayer {
    CorsLayer::new().allow_origin(Any).allow_methods([Method::GET]).allow_headers(AllowHeaders::mirror_request())
}

impl Origin {
    fn read(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?.to_ascii_lowercase(), uri.authority()?);
        if authority.host().is_empty() || authority.host().contains('*') {
            return None;
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.as_str().contains('@') {
            return None;
        }
        let port = match (authority.port(), scheme.as_str()) {
            (Some(port), _) => Port::Exact(port.as_u16()),
            // Something else than a host stands there: a user, a port that is none.
            (None, _) if authority.as_str() != authority.host() => return None,
            (None, "http") => Port::Exact(80),
            (None, "https") => Port::Exact(443),
            (None, _) => Port::None,
        };
        Some(Self { scheme, host: authority.host().to_ascii_lowercase(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(public: &str, more: &[&str]) -> Origins {
        let more: Vec<String> = more.iter().map(ToString::to_string).collect();
        Origins::new(&public.parse().unwrap(), &more).unwrap()
    }

    #[test]
    fn an_origin_without_a_port_means_the_port_of_its_scheme() {
        let origins = origins(
            "https://tools.example.com/mcp",
            &["https://app.example.com", "http://localhost:*", "vscode-webview://panel"],
        );
        for (origin, allowed) in [
            ("https://tools.example.com", true),
            ("https://tools.example.com:443", true),
            ("https://APP.example.com", true),
            ("https://app.example.com:8443", false),
            ("http://app.example.com", false),
            ("http://localhost", true),
            ("http://localhost:5173", true),
            ("http://localhost.evil.example.com", false),
            ("https://localhost:5173", false),
            ("vscode-webview://panel", true),
            ("https://app.example.com@evil.example.com", false),
            ("https://evil.example.com/app.example.com", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(origins.allows(origin), allowed, "{origin}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_when_it_is_configured() {
        let public: Url = "https://tools.example.com".parse().unwrap();
        for text in
            ["*", "null", "", "app.example.com", "https://app.example.com/page", "https://*", "https://a:b", "https://"]
        {
            assert!(Origins::new(&public, &[text.to_owned()]).is_err(), "{text}");
        }
    }
}
