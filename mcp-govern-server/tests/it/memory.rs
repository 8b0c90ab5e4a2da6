//! What calls leave behind: nothing.
//!
//! 5,000 calls, or as many as `MCP_GOVERN_CALLS` says: `MCP_GOVERN_CALLS=100000 cargo test -p mcp-govern-server memory`.

use std::{
    env,
    process::Command,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use axum::body::Body;
use mcp_govern_core::{
    memory::MemoryStores,
    ports::{
        AuditCursor, AuditFilter, AuditHead, AuditLog, AuditPage, StoreError, StoredRecord, Stores, TenantStores,
        WriterId,
    },
};
use mcp_govern_server::{ConnectAccounts, McpServer};
use serde_json::json;
use tower::ServiceExt;

use crate::{
    connect::{Account, opens_links},
    world::{Governed, PUBLIC, World, modern, modern_with, post, send_to, tenant, token, tokens},
};

/// Set for the process that measures itself: the other tests' memory must not be counted.
const ALONE: &str = "MCP_GOVERN_ALONE";

/// What may be added after the warm-up, however many calls there are: heaps are never quite still.
const ALLOWED: usize = 4 << 20;

#[test]
fn calls_of_every_kind_leave_no_memory_behind() {
    if resident().is_none() {
        return;
    }
    if env::var_os(ALONE).is_some() {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(measure());
        return;
    }
    let name = "memory::calls_of_every_kind_leave_no_memory_behind";
    let mut alone = Command::new(env::current_exe().unwrap());
    let ran = alone.args([name, "--exact", "--nocapture"]).env(ALONE, "1").output().unwrap();
    let told = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && told.contains("1 passed"), "{told}");
}

async fn measure() {
    let calls: usize = env::var("MCP_GOVERN_CALLS").map_or(5_000, |calls| calls.parse().unwrap());
    let account = Account::start().await;
    let ready = Governed::with_stores(Forgetful::default()).await;
    let builder = McpServer::builder(ready.governor.clone(), tokens(), PUBLIC.parse().unwrap());
    let world = ready.serve(builder.with_connect(ConnectAccounts::new(account)));
    for number in 0..calls / 4 {
        request(&world, number).await;
    }
    let before = resident().unwrap();
    for number in 0..calls {
        request(&world, number).await;
    }
    let grown = resident().unwrap().saturating_sub(before);
    assert!(grown <= ALLOWED, "{calls} calls left {grown} bytes behind");
}

/// One of everything that a client may do.
async fn request(world: &World, number: usize) {
    let call = |tool: &str, text: String| json!({"name": tool, "arguments": {"text": text}});
    let ada = token("ada");
    let request = match number % 10 {
        0 => modern(Some(&ada), "tools/list", json!({})),
        1 => modern(Some(&ada), "tools/call", call("acme_secret", String::new())),
        2 => modern(Some(&ada), "tools/call", call("acme_limited", String::new())),
        3 => modern(Some(&format!("nobodys-token-{number}")), "tools/list", json!({})),
        4 => post(Some(&ada)).body(Body::from(format!("{{\"jsonrpc\": {number}"))).unwrap(),
        5 => modern_with(
            Some(&ada),
            "tools/call",
            json!({"name": "own_mine", "arguments": {"of": number}}),
            opens_links(),
        ),
        6 => {
            let token = json!({"progressToken": number});
            modern(Some(&ada), "tools/call", json!({"name": "acme_free", "arguments": {}, "_meta": token}))
        }
        7 => {
            // A client that goes away.
            let hang = modern(Some(&ada), "tools/call", json!({"name": "acme_hang", "arguments": {}}));
            let gone = tokio::spawn(world.app.clone().oneshot(hang));
            world.vendor.hanging.notified().await;
            gone.abort();
            world.vendor.released.notified().await;
            return;
        }
        _ => modern(Some(&ada), "tools/call", call("acme_echo", format!("text {number}"))),
    };
    let answer = send_to(&world.app, request).await;
    assert!(!answer.status.is_server_error(), "{} {}", answer.status, answer.text());
}

/// The memory of this process in bytes, where the system tells.
fn resident() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split_whitespace().nth(1)?.parse::<usize>().ok()? * 4096)
}

/// Stores in memory whose audit log forgets its records: they are supposed to grow.
#[derive(Debug, Default)]
struct Forgetful {
    stores: MemoryStores,
    head: Arc<Head>,
}

#[derive(Debug, Default)]
struct Head(Mutex<Option<(WriterId, AuditHead)>>);

#[async_trait]
impl Stores for Forgetful {
    async fn open(&self, _tenant: &mcp_govern_core::TenantId) -> Result<TenantStores, StoreError> {
        let mut stores = self.stores.tenant(&tenant());
        stores.audit = Arc::clone(&self.head) as Arc<dyn AuditLog>;
        Ok(stores)
    }
}

#[async_trait]
impl AuditLog for Head {
    async fn head(&self, writer: &WriterId) -> Result<AuditHead, StoreError> {
        let head = self.0.lock().unwrap();
        Ok(head.as_ref().filter(|(known, _)| known == writer).map_or(AuditHead::EMPTY, |(_, head)| *head))
    }

    async fn append(
        &self,
        writer: &WriterId,
        _expected: AuditHead,
        records: &[StoredRecord],
    ) -> Result<(), StoreError> {
        if let Some(last) = records.last() {
            let head = AuditHead { sequence: last.sequence, hash: last.hash };
            *self.0.lock().unwrap() = Some((writer.clone(), head));
        }
        Ok(())
    }

    async fn read(&self, _writer: &WriterId, _after: u64, _limit: usize) -> Result<Vec<StoredRecord>, StoreError> {
        Ok(Vec::new())
    }

    async fn writers(&self) -> Result<Vec<WriterId>, StoreError> {
        Ok(self.0.lock().unwrap().iter().map(|(writer, _)| writer.clone()).collect())
    }

    async fn query(
        &self,
        _filter: &AuditFilter,
        _before: Option<&AuditCursor>,
        _limit: usize,
    ) -> Result<AuditPage, StoreError> {
        Ok(AuditPage::default())
    }
}
