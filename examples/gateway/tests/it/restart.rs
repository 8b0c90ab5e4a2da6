//! State in a file: what was decided stays decided, beside the gateway and after its end, however that came.

use std::sync::Arc;

use mcp_govern_core::{
    Actor, CommandId, Governor, Role, ServerId, TenantId, UserId,
    audit::{AuditKey, RecordKind},
    journal::{Action, Command, KillScope},
    ports::{AuditFilter, Stores},
};
use mcp_govern_store::{OpenOptions, VaultKeys};
use serde_json::json;

use crate::world::{ANN, Gateway, Site, code, until};

/// The key that the gateway made beside its store: under another one the seals of its journal do not hold.
fn audit_key(site: &Site) -> AuditKey {
    let text = std::fs::read_to_string(site.path().join("audit.key")).unwrap();
    let digits = text.trim();
    let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap();
    AuditKey::from_bytes(std::array::from_fn(byte))
}

/// Somebody who governs the same store from another process.
pub(crate) struct Operator {
    governor: Governor,
    actor: Actor,
}

impl Operator {
    pub(crate) async fn beside(site: &Site) -> Self {
        let keys = VaultKeys::from_file(site.path().join("vault.keys")).unwrap();
        let url = format!("sqlite:{}", site.path().join("gateway.db").display());
        let opened = mcp_govern_store::open(&url, OpenOptions::new().with_keys(keys).beside_others()).await.unwrap();
        let stores: Arc<dyn Stores> = Arc::new(opened);
        let (governor, driver) = Governor::builder(TenantId::new("default").unwrap())
            .with_shared_stores(stores)
            .with_audit_key(audit_key(site))
            .open()
            .await
            .unwrap();
        tokio::spawn(driver.run());
        Self { governor, actor: Actor::new(UserId::new("os", "olga").unwrap(), [Role::Owner]) }
    }

    pub(crate) async fn commit(&self, action: Action) {
        self.governor.commit(&self.actor, Command::new(CommandId::random().unwrap(), action)).await.unwrap();
    }
}

#[tokio::test]
async fn a_kill_switch_thrown_elsewhere_stops_calls_here() {
    let site = Site::new().await;
    let gateway = site.start().await;
    let operator = Operator::beside(&site).await;
    let scope = KillScope::Server(ServerId::new("status").unwrap());
    operator.commit(Action::Kill { scope: scope.clone() }).await;
    let line = gateway.logged("another actor changed governance").await;
    assert_eq!((&line["actor"], &line["level"]), (&json!("olga (os)"), &json!("INFO")));
    let killed = async || {
        let answer = gateway.call(ANN, "status_list_pages", json!({})).await;
        (answer["result"]["isError"] == true).then_some(answer)
    };
    let denied = until("the denial", killed).await;
    assert_eq!(code(&denied), "server_killed");
    let asked = site.vendor.count();
    gateway.call(ANN, "status_list_pages", json!({})).await;
    assert_eq!(site.vendor.count(), asked, "the vendor was asked all the same");
    operator.commit(Action::Release { scope }).await;
    let released = async || {
        let answer = gateway.call(ANN, "status_list_pages", json!({})).await;
        (answer["result"]["isError"] == false).then_some(())
    };
    until("the released server", released).await;
    gateway.stop().await;
}

#[tokio::test]
async fn what_was_decided_survives_a_kill_and_the_record_verifies() {
    let site = Site::new().await;
    let mut gateway = site.start().await;
    gateway.call(ANN, "status_list_pages", json!({})).await;
    let operator = Operator::beside(&site).await;
    let tool = |name: &str| format!("status/{name}").parse().unwrap();
    operator.commit(Action::DisableTools { tools: [tool("list_components")].into() }).await;
    let hidden = async || (gateway.tools(ANN).await == ["status_list_pages"]).then_some(());
    until("the disabled tool to be gone", hidden).await;
    let revision = operator.governor.state().head().revision;
    operator.governor.close().await;
    gateway.signal("KILL");
    assert_eq!(gateway.ended().await.code(), None);

    let gateway = site.start().await;
    assert_eq!(gateway.tools(ANN).await, ["status_list_pages"]);
    gateway.call(ANN, "status_list_pages", json!({})).await;
    let operator = Operator::beside(&site).await;
    assert_eq!(operator.governor.state().head().revision, revision, "a second start made commits");
    gateway.stop().await;
    let chains = operator.governor.verify_audit(&operator.actor, &[]).await.unwrap();
    assert!(chains.len() >= 2 && chains.iter().all(|(_, chain)| chain.is_intact()), "{chains:?}");
    assert!(operator.governor.verify_journal(&operator.actor, None).await.unwrap().is_intact());
    let mut calls = AuditFilter::new();
    calls.kind = Some(RecordKind::Outcome);
    let records = operator.governor.audit(&operator.actor, calls, None, 100).await.unwrap().records;
    let users: std::collections::BTreeSet<_> = records.iter().map(|(_, record)| record.user).collect();
    assert_eq!((records.len(), users.len()), (2, 1), "one person has one hash in both lives");
}

#[tokio::test]
async fn a_changed_key_is_put_in_place_at_the_next_start_and_an_unchanged_one_is_left() {
    let site = Site::new().await;
    site.write("status.key", "not-yet-the-key");
    let gateway = site.start().await;
    let failed = gateway.call(ANN, "status_list_pages", json!({})).await;
    assert_eq!(failed["result"]["isError"], true, "{failed}");
    gateway.stop().await;
    site.write("status.key", &site.vendor.good_key());
    let gateway = site.start().await;
    let answered = gateway.call(ANN, "status_list_pages", json!({})).await;
    assert_eq!(answered["result"]["isError"], false, "{answered}");
    gateway.logged("the shared credential is in place").await;
    gateway.stop().await;
}

#[tokio::test]
async fn gateways_that_start_at_once_on_one_store_bring_the_file_about_together() {
    let site = Site::new().await;
    let (one, two, three) = tokio::join!(site.start(), site.start(), site.start());
    for gateway in [one, two, three] {
        assert_eq!(gateway.tools(ANN).await, ["status_list_components", "status_list_pages"]);
        let answered = gateway.call(ANN, "status_list_pages", json!({})).await;
        assert_eq!(answered["result"]["isError"], false, "{answered}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn memory_forgets_and_says_so() {
    let site = Site::new().await;
    let gateway = Gateway::start(&[&site.flag(), "--store", "memory"], &[]).await;
    assert_eq!(gateway.facts["store"], "memory");
    gateway.logged("state is kept in memory").await;
    gateway.stop().await;
    assert_eq!(site.names(), ["ann.token", "ben.token", "gateway.toml", "status.key"]);
}

#[tokio::test]
async fn a_store_that_is_none_ends_it_with_a_code_of_its_own() {
    let site = Site::new().await;
    site.write("gateway.db", "this is no database, and long enough to be taken for one; ".repeat(40).as_str());
    let output = crate::world::run(&[&site.flag(), "--listen=127.0.0.1:0"], &[]).await;
    assert_eq!(output.status.code(), Some(4), "{}", crate::world::stderr(&output));
}

#[tokio::test]
async fn a_store_of_an_earlier_moment_is_refused_until_it_is_accepted_with_a_reason() {
    let site = Site::new().await;
    // What a process leaves in the write-ahead log belongs to the store as much as the file itself.
    let files =
        ["gateway.db", "gateway.db-wal"].map(|name| (site.path().join(name), site.path().join(format!("{name}.kept"))));
    let heads = site.path().join("gateway.db.default.heads.json");
    let gateway = site.start().await;
    gateway.call(ANN, "status_list_pages", json!({})).await;
    gateway.stop().await;
    for (file, kept) in files.iter().filter(|(file, _)| file.exists()) {
        std::fs::copy(file, kept).unwrap();
    }
    let gateway = site.start().await;
    gateway.call(ANN, "status_list_pages", json!({})).await;
    // Background tasks keep and measure: when they do is theirs.
    until("metrics of what is kept and of the room that is left", async || {
        let metrics = gateway.get("/metrics").await.text().await.unwrap();
        let not_yet = [
            "mcp_govern_kept_revision 0\n",
            "mcp_govern_last_anchor_timestamp_seconds 0\n",
            "mcp_govern_store_bytes 0\n",
            "mcp_govern_store_free_bytes -1\n",
        ];
        let there = ["mcp_govern_kept_revision ", "mcp_govern_store_bytes ", "mcp_govern_nodes 1\n"];
        let is_told =
            !not_yet.iter().any(|line| metrics.contains(line)) && there.iter().all(|name| metrics.contains(name));
        is_told.then_some(())
    })
    .await;
    gateway.stop().await;
    let known = std::fs::read_to_string(&heads).unwrap();
    for rest in ["gateway.db-wal", "gateway.db-shm"] {
        let _ = std::fs::remove_file(site.path().join(rest));
    }
    for (file, kept) in files.iter().filter(|(_, kept)| kept.exists()) {
        std::fs::copy(kept, file).unwrap();
    }
    let refused = crate::world::run(&[&site.flag(), "--listen=127.0.0.1:0"], &[]).await;
    let told = crate::world::stderr(&refused);
    assert_eq!(refused.status.code(), Some(4), "{told}");
    assert!(told.contains("behind what was known of it") && told.contains("--accept-rollback"), "{told}");
    assert_eq!(std::fs::read_to_string(&heads).unwrap(), known, "what was known was forgotten");
    let gateway = Gateway::start(&[&site.flag(), "--accept-rollback", "the backup of Monday"], &[]).await;
    assert_eq!(gateway.logged("the store is accepted as it is").await["reason"], "the backup of Monday");
    gateway.stop().await;
    site.start().await.stop().await;
}
