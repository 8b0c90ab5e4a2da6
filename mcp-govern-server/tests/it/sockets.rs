//! Real connections: slow ones, idle ones, many, and the end.

use std::{sync::atomic::Ordering, time::Duration};

use rmcp::{
    model::{CallToolRequestParams, ClientCapabilities, ClientConfig, Implementation, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt},
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use crate::world::{World, get, modern_message, token};

/// Longer than anything takes here; what waits longer hangs.
const GENEROUS: Duration = Duration::from_secs(60);

struct Served {
    world: World,
    address: std::net::SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Served {
    async fn new(
        configure: impl FnOnce(mcp_govern_server::McpServerBuilder) -> mcp_govern_server::McpServerBuilder,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let world = World::with(|builder| configure(builder.with_hosts([address.to_string()]))).await;
        let (stop, stopped) = oneshot::channel::<()>();
        let (server, app) = (world.server.clone(), world.app.clone());
        let serving = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            server.serve(listener, app, shutdown).await;
        });
        Self { world, address, stop: Some(stop), serving }
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The bytes of a call by Ada.
    fn call(&self, tool: &str) -> (String, String) {
        self.call_with(&json!({"name": tool, "arguments": {}}))
    }

    fn call_with(&self, params: &Value) -> (String, String) {
        let body = modern_message("tools/call", params.clone(), json!({})).to_string();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: {}\r\naccept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
             authorization: Bearer {}\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: {}\r\n\
             content-length: {}\r\n\r\n",
            self.address,
            token("ada"),
            params["name"].as_str().unwrap(),
            body.len(),
        );
        (head, body)
    }

    async fn whole(&self, stream: &mut TcpStream, tool: &str) {
        let (head, body) = self.call(tool);
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    }
}

async fn read_some(stream: &mut TcpStream) -> String {
    let mut buffer = vec![0; 8192];
    let read = stream.read(&mut buffer).await.unwrap_or(0);
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

/// One whole answer of a connection that stays open.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    loop {
        answer.push_str(&read_some(stream).await);
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() >= length.parse().unwrap() {
            return answer;
        }
    }
}

#[tokio::test]
async fn a_real_client_lists_and_calls_in_both_eras() {
    let served = Served::new(|builder| builder.with_page_size(4)).await;
    let modes = [
        ClientLifecycleMode::Auto { preferred_versions: vec![ProtocolVersion::LATEST], legacy_version: None },
        ClientLifecycleMode::Initialize,
    ];
    for mode in modes {
        let config = StreamableHttpClientTransportConfig::with_uri(format!("http://{}/mcp", served.address))
            .auth_header(token("ada"));
        let transport = StreamableHttpClientTransport::with_client(reqwest::Client::new(), config);
        let client = ClientConfig::new(ClientCapabilities::default(), Implementation::new("test", "1"))
            .serve_with_lifecycle(transport, mode)
            .await
            .unwrap();
        assert_eq!(client.list_all_tools().await.unwrap().len(), 12);
        let arguments = json!({"text": "hello"}).as_object().unwrap().clone();
        let call = CallToolRequestParams::new("acme_echo").with_arguments(arguments);
        let result = client.call_tool(call).await.unwrap();
        assert_eq!(result.structured_content, Some(json!({"text": "hello"})));
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_sends_no_head_is_closed() {
    let served = Served::new(|builder| builder.with_idle_timeout(Duration::from_millis(50))).await;
    for begin in ["", "POST /mcp HTTP/1.1\r\nhost:"] {
        let mut stream = served.connect().await;
        stream.write_all(begin.as_bytes()).await.unwrap();
        // Ends: with nothing, or with a refusal before it.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
    }
    // One that was used and then falls silent, too.
    loop {
        let mut stream = served.connect().await;
        let (head, body) = served.call("acme_free");
        // On a machine that is busy with other work it may be closed before it is used.
        let written = stream.write_all(format!("{head}{body}").as_bytes()).await;
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer).await;
        if written.is_ok() && ended.is_ok() && answer.starts_with(b"HTTP/1.1 200") {
            break;
        }
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_given_up() {
    let served = Served::new(|builder| builder.with_body_timeout(Duration::from_millis(50))).await;
    let mut stream = served.connect().await;
    let (head, body) = served.call("acme_free");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body.as_bytes()[..10]).await.unwrap();
    assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 408"));
    assert_eq!(served.world.vendor.begun.load(Ordering::SeqCst), 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn idle_connections_of_one_address_are_in_nobody_elses_way() {
    let served = Served::new(|builder| builder.with_max_connections_per_address(20)).await;
    let mut idle = Vec::new();
    for _ in 0..60 {
        idle.push(served.connect().await);
    }
    // Those beyond the bound are closed at once, not when they have been idle for long.
    for stream in &mut idle[20..] {
        assert!(read_some(stream).await.is_empty());
    }
    let other = TcpSocket::new_v4().unwrap();
    other.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut stream = other.connect(served.address).await.unwrap();
    served.whole(&mut stream, "acme_free").await;
    assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 200"));
    let metrics = served.world.send(get("/metrics")).await;
    for line in ["connections 21", "connections_cut_total{reason=\"address\"} 40"] {
        assert!(metrics.text().contains(line), "{line}\n{}", metrics.text());
    }
    // What an address gives back, it may have again.
    drop(idle);
    let answer = timeout(GENEROUS, async {
        loop {
            let mut stream = served.connect().await;
            let (head, body) = served.call("acme_free");
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            let answer = read_some(&mut stream).await;
            if !answer.is_empty() {
                return answer;
            }
        }
    });
    assert!(answer.await.unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_peer_that_asks_and_does_not_read_is_closed() {
    let served = Served::new(|builder| {
        let builder = builder.with_write_timeout(Duration::from_millis(200));
        builder.with_max_unauthenticated_requests(usize::MAX)
    })
    .await;
    let mut stream = served.connect().await;
    let asks = format!("GET /metrics HTTP/1.1\r\nhost: {}\r\n\r\n", served.address).repeat(1000);
    // Until the server has closed it: then there is nobody to write to.
    let closed = async { while stream.write_all(asks.as_bytes()).await.is_ok() {} };
    timeout(GENEROUS, closed).await.unwrap();
    let metrics = served.world.send(get("/metrics")).await;
    assert!(metrics.text().contains("connections_cut_total{reason=\"not_read\"} 1"), "{}", metrics.text());
}

#[tokio::test]
async fn operations_are_served_while_the_other_listener_is_full() {
    let full = Served::new(|builder| builder.with_max_connections(1)).await;
    let _full = full.connect().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (server, app) = (full.world.server.clone(), full.world.server.health_router());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        let shutdown = async {
            let _ = stopped.await;
        };
        server.serve_operations(listener, app, shutdown).await;
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\n\r\n").as_bytes()).await.unwrap();
    assert!(read_answer(&mut stream).await.contains("\"ready\":true"));
    stop.send(()).unwrap();
    serving.await.unwrap();
    // The end of this listener is not the server's.
    assert_eq!(full.world.send(get("/readyz")).await.status, 200);
}

#[tokio::test]
async fn one_connection_serves_many_people_and_mixes_nothing() {
    let served = Served::new(|builder| builder).await;
    let mut stream = served.connect().await;
    let body = modern_message("tools/list", json!({}), json!({})).to_string();
    for (name, tools) in [("ada", 12), ("eve", 2), ("bob", 12), ("nobody", 0), ("eve", 2), ("ada", 12)] {
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: {}\r\naccept: application/json, text/event-stream\r\n\
             content-type: application/json\r\nauthorization: Bearer {}\r\nmcp-protocol-version: 2026-07-28\r\n\
             mcp-method: tools/list\r\ncontent-length: {}\r\n\r\n",
            served.address,
            token(name),
            body.len(),
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await;
        let status = if tools == 0 { "HTTP/1.1 401" } else { "HTTP/1.1 200" };
        assert!(answer.starts_with(status), "{name}: {answer}");
        assert_eq!(answer.matches("\"inputSchema\"").count(), tools, "{name}");
    }
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_their_turn() {
    let served = Served::new(|builder| builder.with_max_connections(1)).await;
    let mut first = served.connect().await;
    served.whole(&mut first, "acme_free").await;
    assert!(read_some(&mut first).await.starts_with("HTTP/1.1 200"));
    let mut second = served.connect().await;
    served.whole(&mut second, "acme_free").await;
    let waits = timeout(Duration::from_millis(50), read_some(&mut second)).await;
    assert!(waits.is_err());
    drop(first);
    assert!(read_some(&mut second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_vanishes_in_the_middle_of_a_call_takes_the_vendor_request_with_it() {
    let served = Served::new(|builder| builder).await;
    let mut stream = served.connect().await;
    served.whole(&mut stream, "acme_hang").await;
    served.world.vendor.hanging.notified().await;
    drop(stream);
    served.world.vendor.released.notified().await;
    assert_eq!(served.world.outcomes(1).await[0]["result"]["result"], "abandoned");
}

#[tokio::test]
async fn a_client_that_vanishes_after_it_was_told_of_progress_does_so_too() {
    let served = Served::new(|builder| builder).await;
    let mut stream = served.connect().await;
    let (head, body) =
        served.call_with(&json!({"name": "acme_hang", "arguments": {}, "_meta": {"progressToken": "p"}}));
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut told = String::new();
    while !told.contains("notifications/progress") {
        told.push_str(&read_some(&mut stream).await);
    }
    drop(stream);
    served.world.vendor.released.notified().await;
    assert_eq!(served.world.outcomes(1).await[0]["result"], json!({"result": "abandoned", "sent": "maybe"}));
}

#[tokio::test]
async fn a_server_that_stops_lets_calls_in_flight_finish() {
    let mut served = Served::new(|builder| builder).await;
    let mut stream = served.connect().await;
    served.whole(&mut stream, "acme_hang").await;
    served.world.vendor.hanging.notified().await;
    let idle = served.connect().await;
    served.stop();
    // Closed to others at once, while the call goes on.
    while TcpStream::connect(served.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    served.world.vendor.let_go.notify_one();
    let answer = read_some(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"let\":\"go\""), "{answer}");
    (&mut served.serving).await.unwrap();
    drop(idle);
}

#[tokio::test]
async fn a_call_that_outlasts_the_grace_is_dropped_and_on_record() {
    let mut served = Served::new(|builder| builder.with_shutdown_grace(Duration::from_millis(50))).await;
    let mut stream = served.connect().await;
    served.whole(&mut stream, "acme_hang").await;
    served.world.vendor.hanging.notified().await;
    served.stop();
    (&mut served.serving).await.unwrap();
    served.world.vendor.released.notified().await;
    assert_eq!(served.world.outcomes(1).await[0]["result"]["result"], "abandoned");
}
