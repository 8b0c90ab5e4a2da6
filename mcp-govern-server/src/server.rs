//! The server: its routes, its loops, its end.

use std::{future::Future, sync::Arc};

use axum::Router;
use mcp_govern_core::Governor;
use rmcp::{
    service::serve_server_with_ct,
    transport::{
        stdio,
        streamable_http_server::{
            StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
        },
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    Identity, ServerError,
    adapter::{Adapter, Handler},
    connect::{self, ConnectIngress},
    error::ServerErrorKind,
    http::{self, Addressing, Audience, Ends, Ingress, MetadataUrls, Origins, Readiness, Serving},
    message::Pipe,
    request_context::{CURRENT, Caller, Transport},
};

/// Governed tools over MCP. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct McpServer {
    parts: Arc<Parts>,
}

/// What a builder hands over.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) adapter: Arc<Adapter>,
    pub(crate) ingress: Arc<Ingress>,
    pub(crate) connect: Option<Arc<ConnectIngress>>,
    pub(crate) metadata: Option<MetadataUrls>,
    pub(crate) public: Url,
    /// The public URL as an identifier, to the letter.
    pub(crate) resource: String,
    pub(crate) addressing: Arc<Addressing>,
    pub(crate) origins: Origins,
    pub(crate) http: StreamableHttpServerConfig,
    pub(crate) serving: Arc<Serving>,
    pub(crate) operations: Arc<Serving>,
    /// Requests in flight are dropped when this is cancelled.
    pub(crate) abort: CancellationToken,
}

impl McpServer {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// The routes: the protocol at the public URL's path, RFC 9728 metadata where tokens come from an authorization server, and the
    /// pages on which people connect accounts. Merge them with the application's own.
    ///
    /// The source address of a request is known where the router is served by [`McpServer::serve`], or with
    /// `into_make_service_with_connect_info::<SocketAddr>()`.
    pub fn router(&self) -> Router {
        let Parts { adapter, ingress, connect, metadata, public, resource, addressing, origins, http, .. } =
            &*self.parts;
        let shared = Arc::clone(adapter);
        let factory = move || {
            // The task that serves a request has authenticated it. Without that nobody is served.
            let caller = CURRENT.try_with(Arc::clone).map_err(std::io::Error::other)?;
            Ok(Handler::new(Arc::clone(&shared), caller))
        };
        let sessions = Arc::new(NeverSessionManager::default());
        let protocol = StreamableHttpService::new(factory, sessions, http.clone());
        let path = match public.path().trim_end_matches('/') {
            "" => "/",
            path => path,
        };
        // On the route and not around the router: paths that nobody knows are the application's to answer.
        let entrance = origins.around(http::entrance(Arc::clone(ingress), protocol));
        let entrance = addressing.around(Audience::Clients, entrance);
        let mut router = Router::new().route_service(path, entrance.clone());
        if path != "/" {
            // People write the URL with a slash behind it. A redirect would lose the token or the body on the way.
            router = router.route_service(&format!("{path}/"), entrance);
        }
        if let Some(urls) = metadata {
            let metadata = http::metadata(urls, resource, adapter.name(), &*ingress.authenticate);
            router = router.merge(addressing.guard(Audience::Browsers, metadata));
        }
        if let Some(connect) = connect {
            router = router.merge(addressing.guard(Audience::Browsers, connect::routes(Arc::clone(connect))));
        }
        router
    }

    /// `/healthz` (the process answers) and `/readyz` (calls are admitted and put on record, and callers can be authenticated: an issuer's keys
    /// were read; 503 otherwise). They ask for no token and
    /// tell nothing about servers, tools or people.
    pub fn health_router(&self) -> Router {
        let Parts { addressing, adapter, ingress, .. } = &*self.parts;
        let readiness = Readiness {
            governor: adapter.governor().clone(),
            closing: adapter.closing().clone(),
            authenticate: Arc::clone(&ingress.authenticate),
        };
        addressing.guard(Audience::Operations, http::health(readiness))
    }

    /// `/metrics`, in the `OpenMetrics` text format that Prometheus reads. It asks for no token: keep it from the outside.
    pub fn metrics_router(&self) -> Router {
        let Parts { addressing, adapter, .. } = &*self.parts;
        addressing.guard(Audience::Operations, http::metrics(adapter.governor().clone(), adapter.metrics().clone()))
    }

    /// Serves a router over HTTP/1.1 until `shutdown` ends: this server's routes, and whatever the application has merged with them.
    ///
    /// Small packets are sent at once and source addresses are known. Bounded are: the connections, in all and of one address; the time for
    /// a request's head; the time for which an answer waits for the peer to read on; and age and requests of a connection of which no
    /// request was authenticated by this server (it is closed when what was asked is answered, so that an application's own routes work
    /// over it, too). After `shutdown` nothing new is accepted, streams are closed, calls in flight have the grace to end.
    /// A connection that cannot be accepted is passed over.
    pub async fn serve(&self, listener: TcpListener, app: Router, shutdown: impl Future<Output = ()> + Send) {
        let Parts { adapter, serving, abort, .. } = &*self.parts;
        let ends = Ends { closing: adapter.closing(), abort };
        Arc::clone(serving).run(listener, app, shutdown, &ends).await;
    }

    /// Serves a router on a listener of its own until `shutdown` ends, for those who operate the server: health and metrics answer there
    /// however many connections [`McpServer::serve`] holds. The bounds are the same, but for the number of connections, which is its own
    /// ([`with_max_operations_connections`](crate::McpServerBuilder::with_max_operations_connections)). Its end closes nothing of [`McpServer::serve`].
    pub async fn serve_operations(
        &self,
        listener: TcpListener,
        app: Router,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        let (closing, abort) = (CancellationToken::new(), CancellationToken::new());
        let ends = Ends { closing: &closing, abort: &abort };
        Arc::clone(&self.parts.operations).run(listener, app, shutdown, &ends).await;
    }

    /// Ends streams that receive notices of changes, and answers `/readyz` with 503 from now on. Calls in flight go on. For an application that
    /// serves the router itself: call it on the signal to stop.
    pub fn close(&self) {
        self.parts.adapter.closing().cancel();
    }

    /// Serves one client over standard input and output, until it closes them. Nothing else may write to standard output meanwhile.
    ///
    /// # Errors
    ///
    /// When what comes in is not MCP.
    pub async fn serve_stdio(&self, identity: Identity) -> Result<(), ServerError> {
        let (read, write) = stdio();
        self.serve_io(identity, read, write).await
    }

    /// Serves one client over a stream of lines, as on stdio.
    ///
    /// # Errors
    ///
    /// When what comes in is not MCP.
    pub async fn serve_io(
        &self,
        identity: Identity,
        read: impl AsyncRead + Send + Unpin + 'static,
        write: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Result<(), ServerError> {
        let gone = CancellationToken::new();
        let _gone = gone.clone().drop_guard();
        let expires = identity.expires;
        let caller = Caller {
            principal: identity.into_principal(None),
            expires,
            transport: Transport::Stream(gone),
            proof: None,
        };
        let handler = Handler::new(Arc::clone(&self.parts.adapter), Arc::new(caller));
        let broken =
            |error| ServerError::caused(ServerErrorKind::Transport, "the connection did not become MCP", error);
        let stop = self.parts.adapter.closing().child_token();
        let pipe = Pipe::new(read, write);
        let service = Box::pin(serve_server_with_ct(handler, pipe, stop)).await.map_err(broken)?;
        service
            .waiting()
            .await
            .map(drop)
            .map_err(|error| ServerError::caused(ServerErrorKind::Transport, "the connection broke", error))
    }

    /// The governor behind the server.
    pub fn governor(&self) -> &Governor {
        self.parts.adapter.governor()
    }
}
