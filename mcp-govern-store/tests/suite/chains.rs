//! Journals and audit chains of the real forms.

use mcp_govern_core::{
    Actor, Role, TenantId, Timestamp, UserId,
    audit::{AuditChain, AuditRecord, Verification, Verifier, verify_commits},
    journal::{Commit, Head, StoredCommit},
    ports::{AuditHead, AuditLog, Journal, StoreError, StoredRecord, WriterId},
};
use serde_json::{Value, json};

/// The tenant that most tests use.
pub(crate) fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

/// The commit after `head`; `name` makes it another one than a rival's.
pub(crate) fn commit(head: Head, name: &str) -> StoredCommit {
    let owner = Actor::new(UserId::new("local", "ada").unwrap(), [Role::Owner]);
    let commit: Commit = serde_json::from_value(json!({
        "revision": head.revision.next(),
        "previous": head.hash,
        "command_id": format!("{name}-{}", head.revision),
        "actor": owner.to_recorded(),
        "at": Timestamp::from_millis(1_795_000_000_000),
        "reason": format!("a test of the store by {name}"),
        "events": [{"event": "governance_activated.v1", "data": {}}],
    }))
    .unwrap();
    StoredCommit::seal(&commit).unwrap()
}

/// Appends `count` commits; answers them.
pub(crate) async fn grow(journal: &dyn Journal, count: usize) -> Vec<StoredCommit> {
    let mut head = journal.head().await.unwrap();
    let mut commits = Vec::new();
    for _ in 0..count {
        let commit = commit(head, "grow");
        head = journal.append(head, &commit).await.unwrap();
        commits.push(commit);
    }
    commits
}

/// Reads the whole journal and verifies it against its head.
pub(crate) async fn whole_journal(journal: &dyn Journal) -> Vec<StoredCommit> {
    let head = journal.head().await.unwrap();
    let mut commits: Vec<StoredCommit> = Vec::new();
    loop {
        let after = commits.last().map_or(Head::EMPTY, StoredCommit::head).revision;
        let page = journal.read(after, 17).await.unwrap();
        if page.is_empty() {
            break;
        }
        commits.extend(page);
    }
    let found = verify_commits(&commits, Head::EMPTY, Some(head));
    assert!(found.is_intact(), "{found:?}");
    assert!(found.head.revision >= head.revision);
    commits
}

/// A chain that grows by one kind of record after the other.
#[derive(Debug)]
pub(crate) struct Chain {
    records: AuditChain,
    calls: usize,
    name: String,
}

impl Chain {
    pub(crate) fn new(name: &str) -> Self {
        Self { records: AuditChain::new(), calls: 0, name: name.to_owned() }
    }

    pub(crate) fn writer(&self) -> WriterId {
        WriterId::new(&self.name).unwrap()
    }

    pub(crate) fn head(&self) -> AuditHead {
        self.records.head()
    }

    /// The next records, at a time in milliseconds.
    pub(crate) fn next(&mut self, count: usize, at: i64) -> Vec<StoredRecord> {
        (0..count)
            .map(|_| {
                let entry = record(&self.name, self.calls);
                self.calls += 1;
                self.records.append(Timestamp::from_millis(at), entry).unwrap()
            })
            .collect()
    }

    /// Appends the next records to a log.
    pub(crate) async fn append(&mut self, log: &dyn AuditLog, count: usize, at: i64) -> Result<(), StoreError> {
        let head = self.head();
        let records = self.next(count, at);
        log.append(&self.writer(), head, &records).await
    }
}

/// Verifies a writer's whole chain against its head in the store.
pub(crate) async fn verified(log: &dyn AuditLog, writer: &WriterId) -> Verification {
    let mut verifier = Verifier::new().with_anchor(log.head(writer).await.unwrap());
    let mut after = 0;
    loop {
        let page = log.read(writer, after, 19).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.sequence;
        for record in &page {
            verifier.push(record);
        }
    }
    verifier.finish()
}

/// The record of a chain that comes at this place.
pub(crate) fn record(name: &str, number: usize) -> AuditRecord {
    serde_json::from_value(entry(name, number)).unwrap()
}

/// Two intents and their outcomes, a denial with a tool and one without, and so on.
fn entry(name: &str, number: usize) -> Value {
    let call = |number: usize| format!("call-{name}-{number}");
    let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
    let person = |number: usize| digest(["a", "b", "c"][number % 3]);
    let tool = |number: usize| ["ops/list_alerts", "ops/close_alert", "status/list_pages"][number % 3];
    match number % 5 {
        0 | 1 => json!({"record": "intent.v1", "data": {
            "call": call(number),
            "caller": {"user": person(number), "client": "https://client.example.com/mcp", "client_type": "personal"},
            "tool": tool(number),
            "digest": digest("d"),
            "grant": "grant-1",
            "profile": "on-call",
            "revision": 7,
            "arguments": {"query": "status:open AND priority:P1", "limit": 20},
            "arguments_digest": digest("e"),
            "credential": {"sharing": "shared", "version": 3},
        }}),
        2 => json!({"record": "outcome.v1", "data": {
            "call": call(number - 2),
            "user": person(number - 2),
            "tool": tool(number - 2),
            "result": {"result": "success", "digest": digest("f"), "bytes": 512},
            "exchanges": [],
            "latency_ms": 20,
        }}),
        3 => denial(&call(number), &person(number), Some(tool(number)), "no_grant"),
        _ => denial(&call(number), &person(number), None, "unknown_tool"),
    }
}

fn denial(call: &str, person: &str, tool: Option<&str>, code: &str) -> Value {
    let mut denial = json!({"record": "denial.v1", "data": {
        "call": call,
        "caller": {"user": person, "client": "client"},
        "name": "ops_close_alert",
        "code": code,
        "revision": 7,
    }});
    if let Some(tool) = tool {
        denial["data"]["tool"] = tool.into();
    }
    denial
}
