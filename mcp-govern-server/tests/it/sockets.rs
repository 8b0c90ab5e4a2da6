//! Real connections: slow ones, idle ones, many, and the end.

use std::{sync::atomic::Ordering, time::Duration};

use rmcp::{
    ServiceExt,
    model::{CallToolRequestParams, ClientCapabilities, ClientConfig, Implementation, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt},
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::world::{World, modern_message, token};

struct Served {
    world: World,
    address: std::net::SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Served {
    async fn new(configure: impl FnOnce(mcp_govern_server::McpServerBuilder) -> mcp_govern_server::McpServerBuilder) -> Self {
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
        let body = modern_message("tools/call", json!({"name": tool, "arguments": {}}), json!({})).to_string();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: {}\r\naccept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
             authorization: Bearer {}\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: {tool}\r\n\
             content-length: {}\r\n\r\n",
            self.address,
            token("ada"),
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
        assert_eq!(client.list_all_tools().await.unwrap().len(), 10);
        let arguments = json!({"text": "hello"}).as_object().unwrap().clone();
        let call = CallToolRequestParams::new("acme_echo").with_arguments(arguments);
        let result = client.call_tool(call).await.unwrap();
        assert_eq!(result.structured_content, Some(json!({"text": "hello"})));
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_sends_no_head_is_closed() {
    let served = Served::new(|builder| builder.with_idle_patience(Duration::from_millis(50))).await;
    for begin in ["", "POST /mcp HTTP/1.1\r\nhost:"] {
        let mut stream = served.connect().await;
        stream.write_all(begin.as_bytes()).await.unwrap();
        // Ends: with nothing, or with a refusal before it.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
    }
    // One that was used and then falls silent, too.
    let mut stream = served.connect().await;
    served.whole(&mut stream, "acme_free").await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_given_up() {
    let served = Served::new(|builder| builder.with_body_patience(Duration::from_millis(50))).await;
    let mut stream = served.connect().await;
    let (head, body) = served.call("acme_free");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body.as_bytes()[..10]).await.unwrap();
    assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 408"));
    assert_eq!(served.world.vendor.begun.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_thousand_idle_connections_are_in_nobodys_way() {
    let served = Served::new(|builder| builder).await;
    let mut idle = Vec::new();
    for _ in 0..1000 {
        idle.push(served.connect().await);
    }
    let mut stream = served.connect().await;
    served.whole(&mut stream, "acme_free").await;
    assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 200"));
    drop(idle);
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_their_turn() {
    let served = Served::new(|builder| builder.with_max_connections(1)).await;
    let mut first = served.connect().await;
    served.whole(&mut first, "acme_free").await;
    assert!(read_some(&mut first).await.starts_with("HTTP/1.1 200"));
    let mut second = served.connect().await;
    served.whole(&mut second, "acme_free").await;
    let waits = tokio::time::timeout(Duration::from_millis(50), read_some(&mut second)).await;
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

/// Takes a while: `cargo test -- --ignored`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a hundred thousand calls"]
async fn memory_does_not_grow_over_a_hundred_thousand_calls() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
    };
    let world = World::new().await;
    let round = async |calls: usize| {
        for number in 0..calls {
            let tool = ["acme_echo", "acme_secret", "acme_limited", "own_mine"][number % 4];
            let name = ["ada", "bob", "eve"][number % 3];
            world.call(name, tool, json!({"text": "x"})).await;
        }
    };
    // The records themselves are kept in memory here: what grows besides is measured against a first round.
    round(10_000).await;
    let first = resident();
    round(10_000).await;
    let second = resident();
    round(80_000).await;
    let last = resident();
    let per_round = second.saturating_sub(first);
    assert!(last.saturating_sub(second) <= per_round * 10 + 20_000, "{first} {second} {last} kB");
}
