//! Vendors that are sloppy, broken or hostile, over real sockets: the right kind of error, in bounded time and memory.

use std::{net::SocketAddr, time::Duration};

use mcp_govern_core::{ProviderErrorKind, Sent};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, method, path},
};

use super::*;

/// A server that answers every connection in one way; it ends with the test.
struct Raw {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Raw {
    async fn start<F, W>(play: F) -> Self
    where
        F: Fn(TcpStream) -> W + Send + Sync + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let mut head = [0; 4096];
                if stream.read(&mut head).await.is_ok() {
                    tokio::spawn(play(stream));
                }
            }
        });
        Self { address, connections, task }
    }

    /// Writes a text, then keeps writing a piece for ever.
    async fn endless(head: &'static str, piece: &'static [u8], pause: Option<Duration>) -> Self {
        Self::start(move |mut stream| async move {
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(piece).await.is_ok() {
                if let Some(pause) = pause {
                    tokio::time::sleep(pause).await;
                }
            }
        })
        .await
    }

    /// Writes a text and closes the connection.
    async fn once(text: &'static str) -> Self {
        Self::start(move |mut stream| async move {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        })
        .await
    }

    /// The pet shop here, for answers that do come, also on a machine that is busy with other work.
    fn server(&self) -> OpenApiServer {
        self.server_until(LONG)
    }

    fn server_until(&self, deadline: Duration) -> OpenApiServer {
        at(&format!("http://{}", self.address), deadline)
    }
}

const LONG: Duration = Duration::from_secs(60);

/// The pet shop at an address, over the real transport.
fn at(base: &str, deadline: Duration) -> OpenApiServer {
    let limits = Limits::new()
        .with_deadline(deadline)
        .with_response_bytes(1 << 20)
        .with_pauses(Duration::from_millis(10), Duration::from_millis(20));
    let provider = OpenApiProvider::builder().document(PETS).limits(limits).build().unwrap();
    provider.open_server(&spec(&provider).with_base_url(base.parse().unwrap())).unwrap()
}

async fn pet(server: &OpenApiServer) -> ProviderError {
    let asked = failure(server, "get_pet", json!({"pet_id": "1"}));
    let error = tokio::time::timeout(LONG * 2, asked).await.expect("it ends with its deadline");
    assert!(!error.message().contains("127.0.0.1/"), "{error}");
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_never_ends_is_left_when_it_is_too_long() {
    let raw = Raw::endless(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n",
        &[b'x'; 16_384],
        None,
    )
    .await;
    let error = pet(&raw.server()).await;
    assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::BadAnswer, Sent::Yes));
    assert!(error.message().contains("more than 1048576 bytes"), "{error}");
    assert_eq!(raw.connections.load(Ordering::SeqCst), 1, "what is too long once is not fetched again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_megabytes_are_refused_by_their_announcement() {
    let raw = Raw::endless(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n",
        b"x",
        Some(Duration::from_secs(9)),
    )
    .await;
    // What was waited for would end with the deadline, and be a timeout.
    let error = pet(&raw.server()).await;
    assert_eq!(error.kind(), ProviderErrorKind::BadAnswer, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_drip_ends_with_the_deadline() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-Slow: ",
        "",
    ] {
        let raw = Raw::endless(head, b"x", Some(Duration::from_millis(50))).await;
        let mut error = pet(&raw.server_until(Duration::from_millis(1_500))).await;
        for seconds in [6, 24] {
            // On a busy machine the deadline may pass before anything was sent.
            if raw.connections.load(Ordering::SeqCst) == 0 {
                error = pet(&raw.server_until(Duration::from_secs(seconds))).await;
            }
        }
        assert!(matches!(error.kind(), ProviderErrorKind::Timeout | ProviderErrorKind::Network), "{head:?}: {error}");
        assert_ne!(error.sent(), Sent::No);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_break_are_network_errors_and_reads_try_again() {
    for text in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{\"pet\":",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "garbage garbage garbage\r\n\r\n",
        "HTTP/1.1 99999 Huh\r\n\r\n",
    ] {
        let raw = Raw::once(text).await;
        let error = pet(&raw.server()).await;
        assert_eq!(error.kind(), ProviderErrorKind::Network, "{text:?}: {error}");
        assert_ne!(error.sent(), Sent::No, "{text:?}");
        assert_eq!(raw.connections.load(Ordering::SeqCst), 4, "{text:?}");
        let error = failure(&raw.server(), "create_pet", json!({"name": "Mia"})).await;
        assert_eq!(error.kind(), ProviderErrorKind::Network);
        assert_eq!(raw.connections.load(Ordering::SeqCst), 5, "a write is sent once: {text:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_without_end_are_bounded() {
    let raw = Raw::endless(
        "HTTP/1.1 200 OK\r\n",
        b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
        None,
    )
    .await;
    let error = pet(&raw.server()).await;
    assert_eq!(error.kind(), ProviderErrorKind::Network);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_at_the_address_proves_that_nothing_was_sent() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = pet(&at(&format!("http://{address}"), Duration::from_secs(60))).await;
    assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::Network, Sent::No));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_credential_does_not_follow_a_redirect() {
    let elsewhere = MockServer::start().await;
    let vendor = MockServer::start().await;
    for status in [301, 302, 303, 307, 308] {
        vendor.reset().await;
        let location = format!("{}/v1/pets/1", elsewhere.uri());
        let answer = ResponseTemplate::new(status).insert_header("location", location.as_str());
        Mock::given(method("GET")).respond_with(answer).mount(&vendor).await;
        let error = pet(&at(&format!("{}/v1", vendor.uri()), Duration::from_secs(60))).await;
        assert_eq!(error.kind(), ProviderErrorKind::BadAnswer, "{status}");
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_the_real_transport_a_call_is_what_the_document_says() {
    let vendor = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/v1/pets/a%20b"))
        .and(header("authorization", format!("Key {SECRET}").as_str()))
        .and(header("accept", "application/json"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"pet": {"id": 1}})))
        .expect(2)
        .mount(&vendor)
        .await;
    let server = at(&format!("{}/v1/", vendor.uri()), Duration::from_secs(60));
    for _ in 0..2 {
        assert_eq!(result(&server, "get_pet", json!({"pet_id": "a b"})).await, json!({"id": 1}));
    }
    let request = &vendor.received_requests().await.unwrap()[0];
    assert!(!request.headers.contains_key("content-length") && !request.headers.contains_key("cookie"));
    assert!(request.headers["user-agent"].to_str().unwrap().starts_with("mcp-govern/"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_at_first_and_then_works_is_a_result() {
    let vendor = MockServer::start().await;
    let fail = Mock::given(method("GET")).respond_with(ResponseTemplate::new(503)).up_to_n_times(2);
    fail.mount(&vendor).await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({"pet": {"id": 1}}));
    Mock::given(method("GET")).respond_with(answer).mount(&vendor).await;
    let output = call(&at(&vendor.uri(), Duration::from_secs(60)), "get_pet", json!({"pet_id": "1"})).await.unwrap();
    assert_eq!(output.exchanges[0].retries, 2);
}
