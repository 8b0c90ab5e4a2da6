//! A journal that this release cannot read in full: deny, never skip.

use std::sync::Arc;

use mcp_govern_core::{
    DenialCode, Digest,
    access::Freshness,
    governor::GovernErrorKind,
    journal::{Action, Commit, Head, StoredCommit},
    ports::Stores,
};

use super::{
    vendor::Turn,
    world::{World, code, owner, principal, tenant},
};

/// A commit after `head` that was not written by this release: `change` alters the JSON of a good one.
fn strange(good: &Commit, head: Head, change: impl FnOnce(&str) -> String) -> StoredCommit {
    let mut commit = good.clone();
    commit.revision = head.revision.next();
    commit.previous = head.hash;
    commit.command_id = mcp_govern_core::CommandId::new("strange").unwrap();
    let text = change(&serde_json::to_string(&commit).unwrap());
    StoredCommit::from_parts(commit.revision, Digest::of_bytes(text.as_bytes()), text.into_bytes())
}

async fn last_commit(world: &World) -> Commit {
    let before = mcp_govern_core::journal::Revision(world.governor.revision().0 - 1);
    world.governor.subscribe(before).next().await.unwrap()
}

/// Alters the JSON of a commit.
type Change = fn(&str) -> String;

/// What newer releases, other programs and accidents may leave in a journal.
fn changes() -> Vec<(&'static str, Change)> {
    vec![
        ("a newer version", |text| text.replace("governance_activated.v1", "governance_activated.v2")),
        ("an unknown event", |text| text.replace("governance_activated.v1", "moon_phase_set.v1")),
        ("an unknown field in an event", |text| text.replace("\"data\":{}", "\"data\":{\"moon\":1}")),
        ("an unknown field in the commit", |text| text.replacen('{', "{\"moon\":1,", 1)),
        ("no JSON", |text| text.replace('}', ")")),
        ("another revision", |text| text.replacen("\"revision\":", "\"revision\":1", 1)),
    ]
}

#[tokio::test]
async fn an_event_of_a_newer_version_makes_the_state_unreadable() {
    for (what, change) in changes() {
        let world = World::open().await;
        let commit = strange(&last_commit(&world).await, world.governor.journal_head(), change);
        let journal = world.stores.memory.open(&tenant()).await.unwrap().journal;
        journal.append(world.governor.journal_head(), &commit).await.unwrap();
        let later = World::bare(world.stores.clone(), |builder| builder).await;
        assert_eq!(code(&later.call("ann", "list_pages").await), "state_unreadable", "{what}");
        assert_eq!(later.governor.list(&principal("ann")).unwrap_err().code(), DenialCode::StateUnreadable);
        let refused = later.try_commit(Action::ActivateGovernance).await.unwrap_err();
        assert_eq!(refused.kind(), GovernErrorKind::Unreadable, "{what}");
        let status = later.governor.status();
        assert_eq!(status.freshness, Freshness::Unreadable);
        assert!(status.unreadable.unwrap().contains(&commit.revision().to_string()), "{what}");
        assert!(!later.governor.verify_journal(&owner(), None).await.unwrap().is_intact());
    }
}

#[tokio::test]
async fn a_journal_that_becomes_unreadable_stops_the_calls_in_flight() {
    let world = World::open().await;
    world.vendor.will(Turn::Wait);
    let running = world.start("ann", "list_pages");
    world.vendor.arrival().await;
    let (_, change) = changes()[0];
    let head = world.governor.journal_head();
    let commit = strange(&last_commit(&world).await, head, change);
    let mut reader = world.governor.subscribe(head.revision);
    let reading = tokio::spawn(async move { reader.next().await });
    world.stores.memory.open(&tenant()).await.unwrap().journal.append(head, &commit).await.unwrap();
    let ended = running.await.unwrap();
    assert_eq!(code(&ended), "state_unreadable");
    assert_eq!(ended.unwrap_err().sent(), mcp_govern_core::Sent::Maybe);
    assert_eq!(reading.await.unwrap().unwrap_err().kind(), GovernErrorKind::Unreadable);
    assert_eq!(code(&world.call("ann", "list_pages").await), "state_unreadable");
    assert_eq!(world.governor.journal_head(), head, "the strange commit was not taken in");
    // What happened is on record all the same, and the governor can be closed.
    world.governor.close().await;
    assert_eq!(world.records().await.len(), 5);
}

#[tokio::test]
async fn a_commit_that_was_changed_in_the_store_makes_the_state_unreadable() {
    let world = World::open().await;
    let journal = world.stores.memory.open(&tenant()).await.unwrap().journal;
    let mut commits = journal.read(mcp_govern_core::journal::Revision::ZERO, 100).await.unwrap();
    let text = String::from_utf8(commits[3].bytes().to_vec()).unwrap().replacen("olga", "otto", 1);
    commits[3] = StoredCommit::from_parts(commits[3].revision(), commits[3].hash(), text.into_bytes());
    let changed = mcp_govern_core::memory::MemoryJournal::with_commits(commits);
    let mut stores = world.stores.memory.open(&tenant()).await.unwrap();
    stores.journal = Arc::new(changed);
    let (governor, driver) =
        mcp_govern_core::Governor::builder(tenant()).with_stores(Fixed(stores)).open().await.unwrap();
    drop(driver);
    assert!(governor.status().unreadable.unwrap().contains("revision 4 was changed"));
    assert_eq!(governor.list(&principal("ann")).unwrap_err().code(), DenialCode::StateUnreadable);
}

#[derive(Debug)]
struct Fixed(mcp_govern_core::ports::TenantStores);

#[async_trait::async_trait]
impl Stores for Fixed {
    async fn open(
        &self,
        _: &mcp_govern_core::TenantId,
    ) -> Result<mcp_govern_core::ports::TenantStores, mcp_govern_core::ports::StoreError> {
        Ok(self.0.clone())
    }
}
