//! One client on one connection, as on stdio.

use std::{collections::BTreeSet, sync::atomic::Ordering};

use mcp_govern_core::journal::Action;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf},
    task::JoinHandle,
};

use crate::world::{World, identity, message, modern_message};

pub(crate) struct Client {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    write: WriteHalf<DuplexStream>,
    serving: JoinHandle<Result<(), mcp_govern_server::ServerError>>,
}

impl Client {
    pub(crate) fn connect(world: &World, name: &str) -> Self {
        let (near, far) = tokio::io::duplex(1 << 16);
        let (read, write) = tokio::io::split(far);
        let (server, identity) = (world.server.clone(), identity(name));
        let serving = tokio::spawn(async move { server.serve_io(identity, read, write).await });
        let (read, write) = tokio::io::split(near);
        Self { lines: BufReader::new(read).lines(), write, serving }
    }

    async fn send(&mut self, message: &Value) {
        self.write_line(message.to_string().as_bytes()).await;
    }

    /// Bytes as they are, as one line.
    pub(crate) async fn write_line(&mut self, line: &[u8]) {
        self.write.write_all(&[line, b"\n"].concat()).await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> Value {
        serde_json::from_str(&self.lines.next_line().await.unwrap().unwrap()).unwrap()
    }

    pub(crate) async fn ask(&mut self, message: &Value) -> Value {
        self.send(message).await;
        self.next().await
    }

    pub(crate) async fn shake_hands(&mut self, version: &str) -> Value {
        let hello =
            json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
        let answer = self.ask(&message("initialize", hello)).await;
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        answer["result"].clone()
    }
}

#[tokio::test]
async fn both_eras_list_and_call_over_a_pipe() {
    let world = World::new().await;
    let mut modern = Client::connect(&world, "ada");
    let listed = modern.ask(&modern_message("tools/list", json!({}), json!({}))).await;
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 12);
    let call = json!({"name": "acme_echo", "arguments": {"text": "x"}});
    let called = modern.ask(&modern_message("tools/call", call.clone(), json!({}))).await;
    assert_eq!(called["result"]["structuredContent"], json!({"text": "x"}));
    let mut legacy = Client::connect(&world, "eve");
    let hello = legacy.shake_hands("2025-06-18").await;
    assert_eq!(hello["protocolVersion"], "2025-06-18");
    assert_eq!(hello["capabilities"], json!({"tools": {"listChanged": true}}));
    let called = legacy.ask(&message("tools/call", call)).await;
    assert_eq!(called["error"]["code"], -32602, "Eve holds nothing");
    drop((legacy.write, legacy.lines));
    legacy.serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_handshake_client_on_a_pipe_is_told_of_changes() {
    let world = World::new().await;
    let mut client = Client::connect(&world, "ada");
    client.shake_hands("2025-11-25").await;
    // The list is looked at once before the change, so that there is something to compare.
    client.ask(&message("tools/list", json!({}))).await;
    world.commit(Action::DisableTools { tools: BTreeSet::from(["acme/echo".parse().unwrap()]) }).await;
    assert_eq!(client.next().await["method"], "notifications/tools/list_changed");
}

#[tokio::test]
async fn a_cancelled_call_drops_the_vendor_request_and_says_so_on_record() {
    let world = World::new().await;
    let mut client = Client::connect(&world, "ada");
    client.shake_hands("2025-11-25").await;
    client.send(&message("tools/call", json!({"name": "acme_hang", "arguments": {}}))).await;
    world.vendor.hanging.notified().await;
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})).await;
    world.vendor.released.notified().await;
    assert_eq!(world.vendor.dropped.load(Ordering::SeqCst), 1);
    assert_eq!(world.outcomes(1).await[0]["result"], json!({"result": "abandoned", "sent": "maybe"}));
    // The connection goes on.
    let listed = client.ask(&message("tools/list", json!({}))).await;
    assert!(listed["result"]["tools"].is_array());
}

#[tokio::test]
async fn progress_is_told_on_a_pipe_too() {
    let world = World::new().await;
    let mut client = Client::connect(&world, "ada");
    let call = json!({"name": "acme_steps", "arguments": {}, "_meta": {"progressToken": 7}});
    let mut told = client.ask(&modern_message("tools/call", call, json!({}))).await;
    let mut steps = 0;
    while told.get("method").is_some() {
        assert_eq!((&told["method"], &told["params"]["progressToken"]), (&json!("notifications/progress"), &json!(7)));
        steps += 1;
        told = client.next().await;
    }
    assert!(steps > 0);
    assert_eq!(told["result"]["structuredContent"], json!({"steps": 3}));
}

#[tokio::test]
async fn what_is_no_mcp_ends_the_connection() {
    let world = World::new().await;
    let mut client = Client::connect(&world, "ada");
    client.write.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    drop((client.write, client.lines));
    assert!(client.serving.await.unwrap().is_err());
}
