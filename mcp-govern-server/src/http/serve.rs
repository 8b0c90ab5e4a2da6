//! Serving HTTP/1.1 on a listener, within bounds: whatever waits for a peer has a clock, and what all peers share is bounded for each of them.

use std::{
    convert::Infallible,
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::ConnectInfo,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Request, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::{
    connection::{Connection, party},
    held::Held,
    seldom::Seldom,
    timely::Timely,
};
use crate::{
    identity::TrustedProxies,
    metrics::{Cut, Metrics},
    shares::{Share, Shares},
};

/// How much of a connection's bytes is buffered: the longest head of a request.
const BUFFER: usize = 64 << 10;

/// The bounds of a listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServeLimits {
    /// How many connections are open at a time; further ones wait to be accepted.
    pub(crate) connections: usize,
    /// How many of them one address may have; further ones are closed at once.
    pub(crate) per_address: usize,
    /// How long a connection may take for the head of its next request, or be idle.
    pub(crate) head_timeout: Duration,
    /// How long an answer may wait for the peer to read on.
    pub(crate) write: Duration,
    /// How old a connection may become of which no request was authenticated.
    pub(crate) stranger: Duration,
    /// How many requests may come over such a connection.
    pub(crate) stranger_requests: usize,
    /// How long requests in flight may take to end once the server closes.
    pub(crate) grace: Duration,
}

/// What the connections of one listener share.
#[derive(Debug)]
pub(crate) struct Serving {
    limits: ServeLimits,
    proxies: Option<TrustedProxies>,
    metrics: Metrics,
    /// Connections by address; behind a trusted proxy, requests in flight by the client's address.
    addresses: Arc<Shares<IpAddr>>,
    not_accepted: Seldom,
    refused: Seldom,
    stalled: Seldom,
}

/// When serving ends.
#[derive(Debug)]
pub(crate) struct Ends<'a> {
    /// Cancelled once nothing new is accepted: streams are closed.
    pub(crate) closing: &'a CancellationToken,
    /// Cancelled when the grace is over: requests in flight are dropped.
    pub(crate) abort: &'a CancellationToken,
}

impl Serving {
    pub(crate) fn new(limits: ServeLimits, proxies: Option<TrustedProxies>, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self {
            addresses: Shares::new(usize::MAX, limits.per_address),
            limits,
            proxies,
            metrics,
            not_accepted: Seldom::default(),
            refused: Seldom::default(),
            stalled: Seldom::default(),
        })
    }

    /// Serves until `shutdown` ends; then streams are closed, requests in flight finish, and what is left after the grace is dropped.
    pub(crate) async fn run(
        self: Arc<Self>,
        listener: TcpListener,
        app: Router,
        shutdown: impl Future<Output = ()>,
        ends: &Ends<'_>,
    ) {
        let mut shutdown = pin!(shutdown);
        let room = Arc::new(Semaphore::new(self.limits.connections.min(Semaphore::MAX_PERMITS)));
        let (mut connections, stop) = (JoinSet::new(), CancellationToken::new());
        loop {
            let place = tokio::select! {
                biased;
                () = &mut shutdown => break,
                place = Arc::clone(&room).acquire_owned() => place,
            };
            let accepted = tokio::select! {
                biased;
                () = &mut shutdown => break,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, or a connection that was gone before it was accepted.
                    if let Some(times) = self.not_accepted.count() {
                        tracing::warn!(%error, times, "connections could not be accepted");
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            if let Some((connection, share)) = self.admit(&stream, peer) {
                let served = Arc::clone(&self).serve(stream, connection, app.clone(), stop.clone());
                connections.spawn(async move {
                    served.await;
                    drop((place, share));
                });
            }
            while connections.try_join_next().is_some() {}
        }
        drop(listener);
        ends.closing.cancel();
        stop.cancel();
        let ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.limits.grace, ended).await.is_err() {
            tracing::warn!("requests in flight did not end in time and are dropped");
        }
        ends.abort.cancel();
        connections.shutdown().await;
    }

    /// Takes a connection in; none where its address has as many as one may have. Those of a trusted proxy are many people's.
    fn admit(&self, stream: &TcpStream, peer: SocketAddr) -> Option<(Arc<Connection>, Option<Share<IpAddr>>)> {
        let proxied = self.proxies.as_ref().is_some_and(|proxies| proxies.trusts(peer.ip().to_canonical()));
        let share = if proxied { None } else { Some(self.place(peer.ip())?) };
        // Streams are written piece by piece: waiting for more would hold every piece back.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "small packets cannot be sent at once");
        }
        let local = stream.local_addr().ok().map(|address| address.ip().to_canonical());
        Some((Connection::new(peer, local, proxied), share))
    }

    /// Takes one of the places of an address.
    fn place(&self, address: IpAddr) -> Option<Share<IpAddr>> {
        let share = self.addresses.take(&party(address), 1);
        if share.is_none() {
            self.metrics.cut(Cut::Address);
            if let Some(times) = self.refused.count() {
                let most = self.limits.per_address;
                tracing::warn!(%address, times, most, "connections were refused: an address has as many as it may have");
            }
        }
        share
    }

    /// Serves one connection until it ends, or until `stop` is cancelled and its request is answered.
    async fn serve<S>(self: Arc<Self>, stream: S, connection: Arc<Connection>, app: Router, stop: CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let _open = self.metrics.connected_peer();
        let io = TokioIo::new(Timely::new(stream, self.limits.write));
        let answer = service_fn(|request| self.answer(request, &connection, app.clone()));
        let mut serving = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.limits.head_timeout)
                .max_buf_size(BUFFER)
                .serve_connection(io, answer)
        );
        let mut known = pin!(tokio::time::sleep(self.limits.stranger));
        let (mut stopping, mut judged) = (false, false);
        let ended = loop {
            tokio::select! {
                biased;
                ended = &mut serving => break ended,
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    serving.as_mut().graceful_shutdown();
                }
                () = &mut known, if !judged => {
                    judged = true;
                    if connection.is_strange() {
                        self.metrics.cut(Cut::Stranger);
                        // What it asks now is answered, within the bounds of reading and writing.
                        serving.as_mut().graceful_shutdown();
                    }
                }
            }
        };
        let Err(error) = ended else { return };
        if timed_out(&error) {
            self.metrics.cut(Cut::NotRead);
            if let Some(times) = self.stalled.count() {
                tracing::warn!(peer = %connection.peer, times, "connections were closed: answers were not read");
            }
        } else {
            tracing::debug!(peer = %connection.peer, %error, "a connection ended early");
        }
    }

    /// Answers one request.
    async fn answer(
        &self,
        mut request: Request<Incoming>,
        connection: &Arc<Connection>,
        mut app: Router,
    ) -> Result<Response, Infallible> {
        let requests = connection.count();
        let share = match self.client_of(&request, connection) {
            None => None,
            Some(client) => match self.place(client) {
                Some(share) => Some(share),
                None => return Ok(too_many()),
            },
        };
        // What stands behind a body in chunks is read as the next request by one reader and as a part of the body by another: nothing
        // that follows such a request is read (RFC 9112, section 6.3).
        let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
        let extensions = request.extensions_mut();
        extensions.insert(ConnectInfo(connection.peer));
        extensions.insert(Arc::clone(connection));
        let Ok(mut response) = app.call(request).await;
        if chunked || (connection.is_strange() && requests >= self.limits.stranger_requests) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(match share {
            None => response,
            Some(share) => response.map(|body| Held::body(body, share)),
        })
    }

    /// The address behind a trusted proxy.
    fn client_of(&self, request: &Request<Incoming>, connection: &Connection) -> Option<IpAddr> {
        let proxies = self.proxies.as_ref().filter(|_| connection.proxied)?;
        proxies.source(Some(connection.peer.ip()), request.headers())
    }
}

fn too_many() -> Response {
    let message = "too many requests of this address are in flight; try again when some have ended";
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "5")], message).into_response()
}

/// Whether a connection ended because its peer did not read.
fn timed_out(error: &hyper::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut) {
            return true;
        }
        source = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use axum::{Extension, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        sync::Notify,
        task::JoinHandle,
        time::Instant,
    };

    use super::*;

    const LIMITS: ServeLimits = ServeLimits {
        connections: 100,
        per_address: 2,
        head_timeout: Duration::from_secs(30),
        write: Duration::from_secs(20),
        stranger: Duration::from_secs(60),
        stranger_requests: 1000,
        grace: Duration::from_secs(5),
    };

    fn peer() -> SocketAddr {
        ([192, 0, 2, 1], 4711).into()
    }

    /// Answers every request; one for `/in` counts as authenticated.
    fn app() -> Router {
        let enter = |Extension(connection): Extension<Arc<Connection>>| async move { connection.authenticate() };
        Router::new()
            .route("/", get(async || "hello").post(async || "hello"))
            .route("/in", get(enter))
            .route("/long", get(async || "x".repeat(10_000)))
    }

    /// A connection of which the peer buffers so many bytes.
    fn open(
        limits: ServeLimits,
        connection: Arc<Connection>,
        app: Router,
        bytes: usize,
    ) -> (DuplexStream, JoinHandle<()>) {
        let (near, far) = duplex(bytes);
        let proxies = TrustedProxies::new("x-forwarded-for".parse().unwrap(), ["192.0.2.0/24".parse().unwrap()]);
        let serving = Serving::new(limits, Some(proxies), Metrics::new());
        (far, tokio::spawn(serving.serve(near, connection, app, CancellationToken::new())))
    }

    fn direct() -> Arc<Connection> {
        Connection::new(peer(), None, false)
    }

    async fn ask(stream: &mut DuplexStream, path: &str) -> Option<String> {
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.ok()?;
        let mut answer = [0; 4096];
        match stream.read(&mut answer).await {
            Ok(0) | Err(_) => None,
            Ok(read) => Some(String::from_utf8_lossy(&answer[..read]).into_owned()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_over_which_nobody_is_authenticated_ends_and_another_does_not() {
        for (path, ends) in [("/", true), ("/in", false)] {
            let (mut stream, served) = open(LIMITS, direct(), app(), 1 << 16);
            assert!(ask(&mut stream, path).await.unwrap().starts_with("HTTP/1.1 200"));
            let began = Instant::now();
            while began.elapsed() < LIMITS.stranger * 3 && ask(&mut stream, "/").await.is_some() {
                // Never idle for long enough to be closed for that.
                tokio::time::sleep(LIMITS.head_timeout / 2).await;
            }
            assert_eq!(began.elapsed() < LIMITS.stranger * 2, ends, "{path}");
            assert_eq!(served.is_finished(), ends, "{path}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_of_strangers_over_one_connection_are_counted() {
        let limits = ServeLimits { stranger_requests: 4, ..LIMITS };
        let (mut stream, served) = open(limits, direct(), app(), 1 << 16);
        stream.write_all("GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(10).as_bytes()).await.unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).await.unwrap();
        assert_eq!(answers.matches("HTTP/1.1 200").count(), 4);
        assert_eq!(answers.matches("connection: close").count(), 1);
        served.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_read_closes_the_connection() {
        let (mut stream, served) = open(LIMITS, direct(), app(), 64);
        stream.write_all(b"GET /in HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        stream.write_all(b"GET /long HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let began = Instant::now();
        served.await.unwrap();
        assert!(began.elapsed() >= LIMITS.write && began.elapsed() < LIMITS.write * 2);
        drop(stream);
    }

    #[tokio::test]
    async fn nothing_behind_a_body_in_chunks_is_read_as_a_request() {
        let (mut stream, served) = open(LIMITS, direct(), app(), 1 << 16);
        let one = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
        stream.write_all(one.repeat(2).as_bytes()).await.unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).await.unwrap();
        assert_eq!(answers.matches("HTTP/1.1").count(), 1);
        served.await.unwrap();
    }

    #[tokio::test]
    async fn a_client_behind_a_trusted_proxy_is_bounded_and_the_others_are_not() {
        let (begun, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (starts, ends) = (Arc::clone(&begun), Arc::clone(&done));
        let wait = move || async move {
            starts.notify_one();
            ends.notified().await;
        };
        let app = app().route("/wait", get(wait));
        let proxies = TrustedProxies::new("x-forwarded-for".parse().unwrap(), ["192.0.2.0/24".parse().unwrap()]);
        let serving = Serving::new(LIMITS, Some(proxies), Metrics::new());
        let ask = |path: &'static str, client: &'static str| {
            let (near, mut far) = duplex(1 << 16);
            let connection = Connection::new(peer(), None, true);
            tokio::spawn(Arc::clone(&serving).serve(near, connection, app.clone(), CancellationToken::new()));
            tokio::spawn(async move {
                let request = format!("GET {path} HTTP/1.0\r\nhost: x\r\nx-forwarded-for: {client}\r\n\r\n");
                far.write_all(request.as_bytes()).await.unwrap();
                let mut answer = String::new();
                far.read_to_string(&mut answer).await.unwrap();
                answer
            })
        };
        let mut waiting = Vec::new();
        for _ in 0..LIMITS.per_address {
            waiting.push(ask("/wait", "198.51.100.7"));
            begun.notified().await;
        }
        let refused = ask("/", "198.51.100.7").await.unwrap();
        assert!(refused.starts_with("HTTP/1.0 429") && refused.contains("retry-after"), "{refused}");
        assert!(ask("/", "198.51.100.8").await.unwrap().starts_with("HTTP/1.0 200"));
        for waiting in waiting {
            done.notify_one();
            assert!(waiting.await.unwrap().starts_with("HTTP/1.0 200"));
        }
        assert!(ask("/", "198.51.100.7").await.unwrap().starts_with("HTTP/1.0 200"));
    }
}
