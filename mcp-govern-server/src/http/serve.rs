//! Serving HTTP/1.1 on a listener, within bounds.

use std::{convert::Infallible, future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tower::Service;

/// The bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServeOptions {
    /// How many connections are open at a time; further ones wait to be accepted.
    pub(crate) connections: usize,
    /// How long a connection may take for the head of its next request, or be idle.
    pub(crate) head_patience: Duration,
    /// How long requests in flight may take to end once the server closes.
    pub(crate) grace: Duration,
}

/// Serves until `shutdown` ends; then streams are closed, requests in flight finish, and what is left after the grace is dropped.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    shutdown: impl Future<Output = ()>,
    options: ServeOptions,
    closing: &CancellationToken,
    abort: &CancellationToken,
) {
    let mut shutdown = pin!(shutdown);
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(options.connections));
    let mut connections = JoinSet::new();
    loop {
        let room = tokio::select! {
            biased;
            () = &mut shutdown => break,
            room = Arc::clone(&room).acquire_owned() => room,
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
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let connection = connection(stream, peer, app.clone(), options);
        let watched = graceful.watch(connection);
        connections.spawn(async move {
            let _room = room;
            if let Err(error) = watched.await {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    closing.cancel();
    if tokio::time::timeout(options.grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests in flight did not end in time and are dropped");
    }
    abort.cancel();
    connections.shutdown().await;
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    options: ServeOptions,
) -> http1::Connection<
    TokioIo<TcpStream>,
    impl hyper::service::HttpService<Incoming, ResBody = axum::body::Body, Error = Infallible, Future: Send>,
> {
    // Streams are written piece by piece: waiting for more would hold every piece back.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "small packets cannot be sent at once");
    }
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        app.clone().call(request)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.head_patience)
        .serve_connection(TokioIo::new(stream), answer)
}
