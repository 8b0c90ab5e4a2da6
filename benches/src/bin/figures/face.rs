//! A governed `tools/call` over HTTP beside a bare rmcp server whose one tool makes the same vendor request. Both are processes of this
//! program, so that the CPU time of each can be read; they are asked in turns by the same sixteen connections.
//!
//! Where the governed one's further CPU goes, as sampled: half of it is spread over this workspace's own code, in which no function has
//! more than 0.7 % of the whole; a sixth is the kernel's (a further deadline, wake-ups of the task that keeps the records); the rest is
//! SHA-256 of arguments, result and records, and the header maps, timers and tasks of a second layer in front of the protocol. At 1.2,
//! which it had once, bodies, connections, addresses and persons were not bounded, and messages not read before the protocol reads them.
//!
//! Both allocate as the gateway binary does, so that nothing but governance is compared. What a bare one needs that allocates as a
//! program does which says nothing about it, with the system's allocator, is told beside.

use std::{
    future,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use axum::{Router, serve::ListenerExt};
use mcp_govern_benches::{allocations::AS_THE_GATEWAY, clock::median};
use mcp_govern_server::{FixedIdentity, Identity, McpServer};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{CallToolRequestParams, CallToolResponse, CallToolResult, ServerCapabilities, ServerConfig},
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{call::governor, figure::Figure, stub::stub};

const CONNECTIONS: u32 = 16;
/// How many calls each connection makes in a block; the blocks of the two servers alternate.
const CALLS: u32 = 300;
/// How many blocks of each; the median of the ratios counts.
const ROUNDS: usize = 7;
/// What `/proc` counts CPU time in.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) fn figures() -> Vec<Figure> {
    let vendor = stub();
    let governed = Served::start("governed", vendor, Allocator::TheGateways);
    let bare = Served::start("bare", vendor, Allocator::TheGateways);
    let usual = Served::start("bare", vendor, Allocator::TheSystems);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let turn = |served: &Served| {
        let (cpu, begun) = (served.cpu(), Instant::now());
        runtime.block_on(load(served.address));
        let calls = f64::from(CONNECTIONS * CALLS);
        Turn { micros: (served.cpu() - cpu) / calls * 1e6, rate: calls / begun.elapsed().as_secs_f64() }
    };
    let mut rounds: [Vec<Turn>; 3] = [const { Vec::new() }; 3];
    for round in 0..=ROUNDS {
        for (turns, served) in rounds.iter_mut().zip([&bare, &governed, &usual]) {
            let turn = turn(served);
            // The first of each warms up.
            if round > 0 {
                turns.push(turn);
            }
        }
    }
    let [bare, governed, usual] = &rounds;
    let of = |turns: &[Turn], pick: fn(&Turn) -> f64| median(turns.iter().map(pick).collect());
    let cpu_against = |peer: &[Turn]| {
        let ratio = median(governed.iter().zip(peer).map(|(one, other)| one.micros / other.micros).collect());
        (ratio, format!("{:.0} us against {:.0} us", of(governed, |turn| turn.micros), of(peer, |turn| turn.micros)))
    };
    let rate_against = |peer: &[Turn]| {
        let ratio = median(peer.iter().zip(governed).map(|(one, other)| one.rate / other.rate).collect());
        let (own, other) = (of(governed, |turn| turn.rate), of(peer, |turn| turn.rate));
        (ratio, format!("{own:.0} against {other:.0} calls a second"))
    };
    let ((cpu, used), (rate, done)) = (cpu_against(bare), rate_against(bare));
    let ((usual_cpu, usual_used), (usual_rate, usual_done)) = (cpu_against(usual), rate_against(usual));
    vec![
        Figure::new("gateway_cpu_vs_bare", cpu, 1.5, "times its CPU for a call", used),
        Figure::new("bare_rate_vs_gateway", rate, 1.5, "times its calls a second", done),
        Figure::told("gateway_cpu_vs_usual_bare", usual_cpu, "times that with the system's allocator", usual_used),
        Figure::told("usual_bare_rate_vs_gateway", usual_rate, "times that with the system's allocator", usual_done),
    ]
}

/// How a server allocates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allocator {
    TheSystems,
    TheGateways,
}

/// What a block of calls cost.
struct Turn {
    /// Microseconds of the server's CPU time for a call.
    micros: f64,
    /// Calls a second.
    rate: f64,
}

/// A server in a process of its own, until this is dropped.
struct Served {
    process: Child,
    address: SocketAddr,
}

impl Served {
    fn start(kind: &str, vendor: SocketAddr, allocator: Allocator) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.args(["--serve", kind, &vendor.to_string()]).stdout(Stdio::piped());
        if allocator == Allocator::TheGateways {
            command.env(AS_THE_GATEWAY, "1");
        }
        let mut process = command.spawn().expect("a process");
        let mut line = String::new();
        let output = process.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        Self { process, address: line.trim().parse().expect("an address") }
    }

    /// Seconds of CPU time that its threads have used.
    fn cpu(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("the process's figures");
        // The name of the program may hold blanks; what is counted stands after it, the 12th and 13th.
        let (_, counted) = text.rsplit_once(')').expect("a name");
        let ticks: f64 = counted.split_whitespace().skip(11).take(2).map(|n| n.parse::<f64>().expect("a number")).sum();
        ticks / TICKS_PER_SECOND
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn load(address: SocketAddr) {
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        connections.spawn(connection(address));
    }
    connections.join_all().await;
}

async fn connection(address: SocketAddr) {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"stub_get_incident","arguments":{"id":"i1","updates":5}}}"#;
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         mcp-protocol-version: 2025-11-25\r\ncontent-length: {}\r\n\r\n{call}",
        call.len()
    );
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    let (mut seen, mut buffer) = (Vec::new(), vec![0; 16 << 10]);
    for _ in 0..CALLS {
        stream.write_all(request.as_bytes()).await.expect("a request");
        seen.clear();
        loop {
            let read = stream.read(&mut buffer).await.expect("an answer");
            assert!(read > 0, "the connection was closed after {}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&buffer[..read]);
            if is_whole(&seen) {
                break;
            }
        }
    }
}

/// Whether the answer is there to its end. It must be a good one.
fn is_whole(seen: &[u8]) -> bool {
    let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&seen[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).expect("a length");
    if seen.len() < end + 4 + length.trim().parse::<usize>().expect("a number") {
        return false;
    }
    let body = String::from_utf8_lossy(&seen[end + 4..]);
    assert!(head.starts_with("http/1.1 200") && body.contains("Checkout is slow"), "{head}\n{body}");
    true
}

/// What the processes run: serves until it is killed.
pub(crate) fn serve(kind: &str, vendor: SocketAddr) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        println!("{address}");
        match kind {
            "governed" => governed(listener, address, vendor).await,
            _ => bare(listener, address, vendor).await,
        }
    });
}

async fn governed(listener: TcpListener, address: SocketAddr, vendor: SocketAddr) {
    let (governor, person) = governor(vendor).await;
    let identity = FixedIdentity::new(Identity::new(person.user, person.client));
    let url = format!("http://{address}/mcp").parse().expect("a URL");
    let server = McpServer::builder(governor, identity, url).build().expect("a server");
    let router = server.router();
    server.serve(listener, router, future::pending()).await;
}

async fn bare(listener: TcpListener, address: SocketAddr, vendor: SocketAddr) {
    let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build().expect("a client");
    let url = format!("http://{vendor}/incidents");
    let tool = Bare { client, url };
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_allowed_hosts([address.to_string()]);
    let sessions = std::sync::Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(tool.clone()), sessions, config);
    let router = Router::new().route_service("/mcp", service);
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await.expect("a server");
}

/// One tool, which asks the vendor what the governed one asks, and answers in the same form.
#[derive(Clone)]
struct Bare {
    client: reqwest::Client,
    url: String,
}

impl ServerHandler for Bare {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let id = arguments.get("id").and_then(|id| id.as_str()).unwrap_or_default();
        let updates = arguments.get("updates").and_then(serde_json::Value::as_u64).unwrap_or_default();
        let url = format!("{}/{id}?updates={updates}", self.url);
        let asked = self.client.get(url).bearer_auth("key").header("accept", "application/json");
        let failed = |error: reqwest::Error| ErrorData::internal_error(error.to_string(), None);
        let answer = asked.timeout(Duration::from_secs(30)).send().await.map_err(failed)?;
        let bytes = answer.bytes().await.map_err(failed)?;
        let value =
            serde_json::from_slice(&bytes).map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        Ok(CallToolResult::structured(value).into())
    }
}
