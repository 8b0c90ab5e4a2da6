//! Putting a server together.

use std::{sync::Arc, time::Duration};

use mcp_govern_core::{Governor, Secret, check::MAX_BYTES, is_encrypted_or_local};
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    ConnectAccounts, ServerError,
    adapter::{AccessRequests, Adapter, AdapterOptions},
    connect::{ConnectIngress, Connector},
    http::{
        Addressing, BodyLimits, BodyRoom, Hints, Ingress, MetadataUrls, Origins, SeldomEach, ServeLimits, Serving,
        identifier,
    },
    identity::{Authenticate, TrustedProxies},
    metrics::Metrics,
    request_context::Mark,
    seal::Sealer,
    server::{McpServer, Parts},
};

/// What a message has around the arguments of a call.
const AROUND: usize = 64 << 10;

/// Puts an [`McpServer`] together. Every bound has a default that fits a gateway for some hundred people.
#[derive(Debug)]
#[must_use = "nothing is served until `build` is called"]
pub struct McpServerBuilder {
    governor: Governor,
    authenticate: Arc<dyn Authenticate>,
    public_url: Url,
    resource: Option<String>,
    hints: Hints,
    adapter: AdapterOptions,
    serve: ServeLimits,
    operations: usize,
    body: BodyLimits,
    bodies: usize,
    hosts: Vec<String>,
    origins: Vec<String>,
    proxies: Option<TrustedProxies>,
    connect: Option<ConnectAccounts>,
    state_key: Option<Secret>,
}

impl McpServer {
    /// Puts a server together: over a governor whose driver runs, for callers that `authenticate` lets in, under the URL at which
    /// clients see it (`https://tools.example.com/mcp`).
    pub fn builder(governor: Governor, authenticate: impl Authenticate, public_url: Url) -> McpServerBuilder {
        McpServerBuilder::new(governor, Arc::new(authenticate), public_url)
    }
}

impl McpServerBuilder {
    /// How many connections [`McpServer::serve`] holds at a time when nothing else is said.
    pub const MAX_CONNECTIONS: usize = 10_000;
    /// How many connections [`McpServer::serve_operations`] holds at a time when nothing else is said.
    pub const MAX_OPERATIONS_CONNECTIONS: usize = 128;

    pub(crate) fn new(governor: Governor, authenticate: Arc<dyn Authenticate>, public_url: Url) -> Self {
        Self {
            governor,
            authenticate,
            public_url,
            resource: None,
            hints: Hints::default(),
            adapter: AdapterOptions {
                name: env!("CARGO_PKG_NAME").to_owned(),
                title: None,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                instructions: None,
                page_size: 250,
                list_ttl: Duration::from_secs(10),
                call_deadline: Duration::from_secs(120),
                recheck: Duration::from_secs(30),
                subscriptions: 1024,
                access_requests: AccessRequests::Offered,
            },
            serve: ServeLimits {
                connections: Self::MAX_CONNECTIONS,
                per_address: 512,
                head_timeout: Duration::from_secs(30),
                write: Duration::from_secs(30),
                stranger: Duration::from_secs(60),
                stranger_requests: 100,
                grace: Duration::from_secs(20),
            },
            operations: Self::MAX_OPERATIONS_CONNECTIONS,
            body: BodyLimits { bytes: MAX_BYTES + AROUND, timeout: Duration::from_secs(30) },
            bodies: 64 << 20,
            hosts: Vec::new(),
            origins: Vec::new(),
            proxies: None,
            connect: None,
            state_key: None,
        }
    }

    /// With the name and version that clients see.
    pub fn with_name(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.adapter.name = name.into();
        self.adapter.version = version.into();
        self
    }

    /// With a title for people.
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.adapter.title = Some(title.into());
        self
    }

    /// With a text that clients may hand to the model: what the tools are for.
    pub fn with_instructions(mut self, instructions: impl Into<String>) -> Self {
        self.adapter.instructions = Some(instructions.into());
        self
    }

    /// With another number than 250 of tools on a page of the list.
    pub fn with_page_size(mut self, tools: usize) -> Self {
        self.adapter.page_size = tools;
        self
    }

    /// With another time than ten seconds for which clients may keep a list.
    pub fn with_list_ttl(mut self, ttl: Duration) -> Self {
        self.adapter.list_ttl = ttl;
        self
    }

    /// With another deadline than two minutes for a call. The provider gets it; a call whose provider does not keep to it is
    /// given up five seconds later, and its record says so.
    pub fn with_call_deadline(mut self, deadline: Duration) -> Self {
        self.adapter.call_deadline = deadline;
        self
    }

    /// Without the tool `request_access`, with which a model asks for an access profile in the person's name. Otherwise it is listed for
    /// those who may ask for a profile; approvers decide as on every other request.
    pub fn without_access_requests(mut self) -> Self {
        self.adapter.access_requests = AccessRequests::NotOffered;
        self
    }

    /// With another number than 1024 of open streams that receive notices of changes. One person may have 32.
    pub fn with_subscriptions(mut self, most: usize) -> Self {
        self.adapter.subscriptions = most;
        self
    }

    /// With another time than thirty seconds after which the lists of callers with such a stream are looked at, also where nothing
    /// was changed: a grant may have ended.
    pub fn with_list_recheck(mut self, recheck: Duration) -> Self {
        self.adapter.recheck = recheck;
        self
    }

    /// With another limit for a request's body than what a call's arguments may have (1 MiB) and 64 KiB around them.
    pub fn with_max_body_bytes(mut self, bytes: usize) -> Self {
        self.body.bytes = bytes;
        self
    }

    /// With another limit than 64 MiB for the bodies of all requests that are under way together. One person may have a quarter of it.
    /// A request that waits in vain for room is answered 503.
    pub fn with_max_body_bytes_in_flight(mut self, bytes: usize) -> Self {
        self.bodies = bytes;
        self
    }

    /// With another time than thirty seconds for a request's body to arrive.
    pub fn with_body_timeout(mut self, timeout: Duration) -> Self {
        self.body.timeout = timeout;
        self
    }

    /// With another number than 10,000 of connections that [`McpServer::serve`] holds at a time.
    pub fn with_max_connections(mut self, most: usize) -> Self {
        self.serve.connections = most;
        self
    }

    /// With another time than thirty seconds for which [`McpServer::serve`] waits for the head of a connection's next request.
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.serve.head_timeout = timeout;
        self
    }

    /// With another number than 512 of connections that one address may have at a time in [`McpServer::serve`] (of IPv6: one network of
    /// 64 bits); further ones are closed at once. Behind a trusted proxy the bound is on requests in flight by the client's address, and
    /// further ones are answered 429.
    pub fn with_max_connections_per_address(mut self, most: usize) -> Self {
        self.serve.per_address = most;
        self
    }

    /// With another time than thirty seconds for which an answer of [`McpServer::serve`] waits for the peer to read on. Then the connection
    /// is closed.
    pub fn with_write_timeout(mut self, timeout: Duration) -> Self {
        self.serve.write = timeout;
        self
    }

    /// With another age than a minute at which [`McpServer::serve`] closes a connection of which no request was authenticated, once it has
    /// answered what was asked. Those of trusted proxies are left alone.
    pub fn with_unauthenticated_timeout(mut self, age: Duration) -> Self {
        self.serve.stranger = age;
        self
    }

    /// With another number than 100 of requests that such a connection may send before it is closed.
    pub fn with_max_unauthenticated_requests(mut self, most: usize) -> Self {
        self.serve.stranger_requests = most;
        self
    }

    /// With another number than 128 of connections that [`McpServer::serve_operations`] holds at a time. One address may have half of them.
    pub fn with_max_operations_connections(mut self, most: usize) -> Self {
        self.operations = most;
        self
    }

    /// With another time than twenty seconds that calls in flight have to end after the signal for [`McpServer::serve`] to stop.
    pub fn with_shutdown_grace(mut self, grace: Duration) -> Self {
        self.serve.grace = grace;
        self
    }

    /// With further names (`tools.internal`, `10.0.0.7:8700`) under which clients reach the server. That of the public URL is always
    /// accepted, and those of this machine where the public URL is on it. Every other `Host` is refused, on every route. Health and metrics
    /// answer under the names of this machine, too, and under the address at which the connection arrived.
    pub fn with_hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.hosts.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// With origins (`https://app.example.com`, `http://localhost:*`) whose pages may call the server from a browser, and read the
    /// answers. Requests that state any other `Origin` than these and the public URL's own are refused. Without a port the scheme's
    /// own is meant.
    pub fn with_origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.origins.extend(origins.into_iter().map(Into::into));
        self
    }

    /// With the public URL as it is spelled where tokens are made for it. Clients ask for tokens under this identifier (RFC 9728, `resource`),
    /// which is compared byte for byte. Without it: the public URL, without the slash that the URL standard puts behind a host.
    pub fn with_resource(mut self, identifier: impl Into<String>) -> Self {
        self.resource = Some(identifier.into());
        self
    }

    /// With the sentence that a refusal by `Host` ends with, for the operator of the server: which setting lets the host in. Without it the
    /// refusal names [`McpServerBuilder::with_hosts`].
    pub fn with_host_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.host = hint.into();
        self
    }

    /// With the sentence that a refusal by `Origin` ends with. Without it the refusal names [`McpServerBuilder::with_origins`].
    pub fn with_origin_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.origin = hint.into();
        self
    }

    /// With proxies that are believed when they say where a request comes from.
    pub fn with_trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// With pages on which people connect accounts of their own.
    pub fn with_connect(mut self, connect: ConnectAccounts) -> Self {
        self.connect = Some(connect);
        self
    }

    /// With the key, of at least 32 bytes, that seals cursors, states and links: the same on all nodes. Without it a random one is
    /// drawn, and what one node has sealed no other opens.
    pub fn with_state_key(mut self, key: Secret) -> Self {
        self.state_key = Some(key);
        self
    }

    /// The server.
    ///
    /// # Errors
    ///
    /// When the public URL is not on https (http on loopback is fine) or holds a query, or the resource is another URL; a bound is zero; a host or an origin is none; the
    /// state key is too short.
    pub fn build(self) -> Result<McpServer, ServerError> {
        let public = self.public_url;
        check_public(&public)?;
        for (bound, zero) in [
            ("page size", self.adapter.page_size == 0),
            ("body limit", self.body.bytes == 0),
            ("number of connections", self.serve.connections == 0),
            ("number of connections of an address", self.serve.per_address == 0),
            ("number of connections for operations", self.operations == 0),
            ("number of requests without authentication", self.serve.stranger_requests == 0),
            ("time for the peer to read an answer", self.serve.write.is_zero()),
            ("time for a connection to authenticate", self.serve.stranger.is_zero()),
            ("call deadline", self.adapter.call_deadline.is_zero()),
            ("time of a look at lists", self.adapter.recheck.is_zero()),
        ] {
            if zero {
                return Err(ServerError::config(format!("the {bound} must not be zero")));
            }
        }
        if self.bodies < self.body.bytes {
            return Err(ServerError::config(
                "the limit for all bodies must not be smaller than the one for a single body",
            ));
        }
        let origins = Origins::new(&public, &self.origins)?;
        let addressing = Arc::new(Addressing::new(&public, &self.hosts, origins.clone(), self.hints)?);
        let sealer = Sealer::new(self.state_key.as_ref())?;
        let metrics = Metrics::new();
        let connector = self.connect.map(|connect| Connector::new(connect, sealer.clone(), &public)).transpose()?;
        let metadata = (!self.authenticate.authorization_servers().is_empty()).then(|| MetadataUrls::of(&public));
        let operations =
            ServeLimits { connections: self.operations, per_address: self.operations.div_ceil(2), ..self.serve };
        let serving = Serving::new(self.serve, self.proxies.clone(), metrics.clone());
        let operations = Serving::new(operations, None, metrics.clone());
        let ingress = Arc::new(Ingress {
            authenticate: self.authenticate,
            proxies: self.proxies,
            bodies: BodyRoom::new(self.body, self.bodies),
            metadata_url: metadata.as_ref().map(|urls| urls.full.clone()),
            metrics: metrics.clone(),
            refused: SeldomEach::default(),
            mark: Mark::random()?,
        });
        let resource = match self.resource {
            Some(stated) if stated.parse::<Url>().is_ok_and(|parsed| parsed == public) => stated,
            Some(stated) => {
                return Err(ServerError::config(format!("the resource `{stated}` is not the public URL `{public}`")));
            }
            None => identifier(&public),
        };
        let abort = CancellationToken::new();
        let http = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            // Both were held against the lists before the request came to the library.
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_max_request_body_bytes(self.body.bytes)
            .with_cancellation_token(abort.clone());
        let connect = connector.clone().map(|connector| {
            let (governor, metrics) = (self.governor.clone(), metrics.clone());
            Arc::new(ConnectIngress { governor, metrics, ingress: Arc::clone(&ingress), connector })
        });
        let adapter = Arc::new(Adapter::new(self.governor, self.adapter, sealer, connector, metrics));
        Ok(McpServer::new(Parts {
            adapter,
            ingress,
            connect,
            metadata,
            public,
            resource,
            addressing,
            origins,
            http,
            serving,
            operations,
            abort,
        }))
    }
}

fn check_public(url: &Url) -> Result<(), ServerError> {
    let wrong = |what: &str| Err(ServerError::config(format!("the public URL `{url}` {what}")));
    if !is_encrypted_or_local(url) {
        return wrong("is not on https");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("holds a query or fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("holds a user");
    }
    if url.path().contains(['{', '}', '*', '%']) {
        return wrong("has a path that is not plain");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_url_is_on_https_or_on_this_machine() {
        for (url, fine) in [
            ("https://tools.example.com/mcp", true),
            ("https://tools.example.com", true),
            ("http://127.0.0.1:8700/mcp", true),
            ("http://tools.example.com/mcp", false),
            ("https://tools.example.com/mcp?x=1", false),
            ("https://me@tools.example.com/mcp", false),
            ("https://tools.example.com/{x}", false),
        ] {
            assert_eq!(check_public(&url.parse().unwrap()).is_ok(), fine, "{url}");
        }
    }
}
