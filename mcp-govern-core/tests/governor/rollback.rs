//! Heads that are kept outside of the stores: a store that was put back to an earlier moment is not gone on with.

use std::{collections::BTreeMap, sync::Arc};

use mcp_govern_core::{
    Role, TenantId,
    audit::{AuditKey, BreakKind, KeptCheck},
    governor::{Driver, GovernError, GovernErrorKind, Governor, GovernorBuilder},
    journal::{Commit, Event, Head, Revision},
    memory::MemoryHeadKeeper,
    ports::{HeadKeeper, KeptHeads},
};

use super::{
    faults::FaultyStores,
    world::{World, audit_key, grant, owner, tenant, user},
};

/// A node whose heads are kept, with a call on record, ended in order.
async fn kept() -> (World, Arc<MemoryHeadKeeper>) {
    let keeper = Arc::new(MemoryHeadKeeper::new());
    let world = World::open_with(super::world::spec(), |builder| builder.with_head_keeper(keeper.clone())).await;
    world.call("ann", "list_pages").await.unwrap();
    world.governor.close().await;
    (world, keeper)
}

/// The stores as they were: so many commits, and so many records of each chain.
async fn earlier(world: &World, commits: usize, records: usize) -> FaultyStores {
    let (now, then) = (world.stores.memory.tenant(&tenant()), FaultyStores::default());
    let back = then.memory.tenant(&tenant());
    let mut head = Head::EMPTY;
    for commit in now.journal.read(Revision::ZERO, commits).await.unwrap() {
        head = back.journal.append(head, &commit).await.unwrap();
    }
    for writer in now.audit.writers().await.unwrap() {
        let kept = now.audit.read(&writer, 0, records).await.unwrap();
        back.audit.append(&writer, mcp_govern_core::ports::AuditHead::EMPTY, &kept).await.unwrap();
    }
    then
}

async fn open(
    stores: &FaultyStores,
    keeper: &Arc<MemoryHeadKeeper>,
    configure: impl FnOnce(GovernorBuilder) -> GovernorBuilder,
) -> Result<(Governor, Driver), GovernError> {
    let builder = Governor::builder(tenant()).with_stores(stores.clone()).with_audit_key(audit_key());
    configure(builder.with_head_keeper(keeper.clone())).open().await
}

async fn refused(stores: &FaultyStores, keeper: &Arc<MemoryHeadKeeper>) -> String {
    let error = open(stores, keeper, |builder| builder).await.expect_err("it opened");
    assert_eq!(error.kind(), GovernErrorKind::RolledBack, "{error}");
    error.to_string()
}

#[tokio::test]
async fn heads_are_kept_after_the_commit_and_a_crash_between_leaves_them_behind() {
    let (world, keeper) = kept().await;
    let last = keeper.last().await.unwrap().unwrap();
    assert!(last.is_sealed_by(&audit_key()) && last.tenant == tenant());
    assert_eq!(last.journal, world.governor.journal_head());
    let heads: BTreeMap<_, _> = world.governor.audit_heads().await.unwrap().into_iter().collect();
    assert_eq!(last.audit, heads);
    assert_eq!(world.governor.status().kept.map(|(revision, _)| revision), Some(last.journal.revision));
    // A commit, and the process is gone before it is kept.
    let (crashed, _driver) = open(&world.stores, &keeper, |builder| builder).await.unwrap();
    let commit = super::world::command("late", grant("late", "bob", None));
    crashed.commit(&owner(), commit).await.unwrap();
    assert_eq!(keeper.last().await.unwrap().unwrap(), last);
    let (next, _driver) = open(&world.stores, &keeper, |builder| builder).await.unwrap();
    assert!(next.revision() > last.journal.revision);
    next.keep_heads().await.unwrap();
    assert_eq!(keeper.last().await.unwrap().unwrap().journal, next.journal_head());
}

#[tokio::test]
async fn a_driver_keeps_the_heads_after_every_commit_that_its_node_learns_of() {
    let keeper = Arc::new(MemoryHeadKeeper::new());
    let world = World::open_with(super::world::spec(), |builder| builder.with_head_keeper(keeper.clone())).await;
    // What another node does is learned, too.
    let other = World::bare(world.stores.clone(), |builder| builder).await;
    let committed = other.commit(grant("bob", "bob", None)).await;
    for _ in 0..1_000_000 {
        if keeper.last().await.unwrap().is_some_and(|kept| kept.journal.revision >= committed.revision) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it was not kept");
}

#[tokio::test]
async fn a_store_of_an_earlier_moment_is_refused_with_what_is_known_and_what_it_has() {
    let (world, keeper) = kept().await;
    let known = keeper.last().await.unwrap().unwrap().journal.revision;
    let short = usize::try_from(known.0).unwrap() - 3;
    // Both streams, as an earlier backup has them.
    let told = refused(&earlier(&world, short, 2).await, &keeper).await;
    assert!(told.contains(&format!("revision {known}")) && told.contains(&format!("has revision {short}")), "{told}");
    assert!(told.contains("accept"), "{told}");
    // The record alone.
    let told = refused(&earlier(&world, usize::MAX, 3).await, &keeper).await;
    let writer = world.governor.status().writer;
    assert!(told.contains(&format!("chain `{writer}` had 4 records and has 3")), "{told}");
    // An empty store.
    let told = refused(&FaultyStores::default(), &keeper).await;
    assert!(told.contains("has revision 0"), "{told}");
    // What is kept is as it was, and the store of the moment opens.
    assert_eq!(keeper.last().await.unwrap().unwrap().journal.revision, known);
    let (_governor, _driver) = open(&world.stores, &keeper, |builder| builder).await.unwrap();
}

#[tokio::test]
async fn a_store_of_an_earlier_moment_that_has_grown_since_is_another_one() {
    let (world, keeper) = kept().await;
    let known = keeper.last().await.unwrap().unwrap().journal.revision;
    let stores = earlier(&world, usize::try_from(known.0).unwrap() - 3, usize::MAX).await;
    let grown = World::bare(stores.clone(), |builder| builder).await;
    for number in 0..5 {
        grown.commit(grant(&format!("g{number}"), "bob", None)).await;
    }
    let told = refused(&stores, &keeper).await;
    assert!(told.contains(&format!("revision {known} of the journal is another commit")), "{told}");
}

#[tokio::test]
async fn what_is_looked_at_opens_and_verification_finds_what_is_gone() {
    let (world, keeper) = kept().await;
    let kept = keeper.last().await.unwrap().unwrap();
    let stores = earlier(&world, usize::try_from(kept.journal.revision.0).unwrap() - 3, 2).await;
    let (look, _driver) = open(&stores, &keeper, GovernorBuilder::despite_rollback).await.unwrap();
    let found = look.verify_journal(&owner(), None).await.unwrap();
    assert!(!found.is_intact(), "{found:?}");
    assert_eq!(found.kept, KeptCheck::Held { revision: kept.journal.revision, at: kept.at });
    let chains: BTreeMap<_, _> = look.verify_audit(&owner(), &[]).await.unwrap().into_iter().collect();
    let broken = chains[&world.governor.status().writer].broken.as_ref().unwrap();
    assert_eq!((broken.sequence, broken.kind), (3, BreakKind::Truncated));
    assert_eq!(keeper.last().await.unwrap().unwrap(), kept);
}

#[tokio::test]
async fn what_is_accepted_is_on_record_with_its_reason_and_is_what_is_known_from_then_on() {
    let (world, keeper) = kept().await;
    let known = keeper.last().await.unwrap().unwrap().journal;
    let stores = earlier(&world, usize::try_from(known.revision.0).unwrap() - 3, 2).await;
    let auditor = mcp_govern_core::Actor::new(user("al"), [Role::Auditor]);
    let refused = open(&stores, &keeper, |builder| builder.accepting_rollback(auditor, "x")).await.unwrap_err();
    assert_eq!(refused.kind(), GovernErrorKind::NotAllowed);
    let accept = |builder: GovernorBuilder| builder.accepting_rollback(owner(), "the backup of Monday");
    let (next, _driver) = open(&stores, &keeper, accept).await.unwrap();
    let commits = stores.memory.tenant(&tenant()).journal.read(Revision::ZERO, usize::MAX).await.unwrap();
    let commit: Commit = serde_json::from_slice(commits.last().unwrap().bytes()).unwrap();
    let found = commits[commits.len() - 2].head();
    assert_eq!(commit.reason.as_deref(), Some("the backup of Monday"));
    assert!(
        matches!(&commit.events[..], [Event::RollbackAccepted(event)] if event.known == known && event.found == found)
    );
    assert_eq!(keeper.last().await.unwrap().unwrap().journal, next.journal_head());
    let revision = next.revision();
    // It is accepted once: the next start finds nothing to accept.
    let (again, _driver) = open(&stores, &keeper, accept).await.unwrap();
    assert_eq!(again.revision(), revision);
    assert!(again.verify_journal(&owner(), None).await.unwrap().is_intact());
}

#[tokio::test]
async fn heads_that_were_changed_or_are_of_another_key_or_tenant_are_not_believed() {
    let (world, keeper) = kept().await;
    let good = keeper.last().await.unwrap().unwrap();
    let mut changed = good.clone();
    changed.journal = Head::EMPTY;
    let other = AuditKey::from_bytes([1; 32]);
    let foreign = KeptHeads::seal(&other, tenant(), good.at, good.journal, good.audit.clone()).unwrap();
    for kept in [changed, foreign] {
        keeper.keep(&kept).await.unwrap();
        let told = refused(&world.stores, &keeper).await;
        assert!(told.contains("not sealed under this audit key"), "{told}");
        let (look, _driver) = open(&world.stores, &keeper, GovernorBuilder::despite_rollback).await.unwrap();
        assert_eq!(look.verify_journal(&owner(), None).await.unwrap().kept, KeptCheck::NotSealed);
    }
    let elsewhere = TenantId::new("other").unwrap();
    let theirs = KeptHeads::seal(&audit_key(), elsewhere, good.at, good.journal, good.audit.clone()).unwrap();
    keeper.keep(&theirs).await.unwrap();
    let error = open(&world.stores, &keeper, |builder| builder).await.expect_err("it opened");
    assert_eq!(error.kind(), GovernErrorKind::Invalid, "{error}");
}

/// Whenever it is asked, another node commits before the answer is used.
#[derive(Debug)]
struct Busy(Arc<MemoryHeadKeeper>, Governor);

#[async_trait::async_trait]
impl HeadKeeper for Busy {
    async fn last(&self) -> Result<Option<KeptHeads>, mcp_govern_core::ports::StoreError> {
        let last = self.0.last().await?;
        let id = mcp_govern_core::CommandId::random().unwrap();
        let action = grant(&format!("busy-{}", self.1.revision()), "bob", None);
        self.1.commit(&owner(), mcp_govern_core::journal::Command::new(id, action)).await.unwrap();
        self.1.keep_heads().await.unwrap();
        Ok(last)
    }

    async fn keep(&self, heads: &KeptHeads) -> Result<(), mcp_govern_core::ports::StoreError> {
        self.0.keep(heads).await
    }

    fn place(&self) -> String {
        "a busy place".to_owned()
    }
}

#[tokio::test]
async fn what_others_do_while_a_node_opens_makes_no_store_look_old() {
    let (world, keeper) = kept().await;
    let (other, _driver) = open(&world.stores, &keeper, |builder| builder).await.unwrap();
    let busy = Arc::new(Busy(keeper.clone(), other));
    let opened = Governor::builder(tenant())
        .with_stores(world.stores.clone())
        .with_audit_key(audit_key())
        .with_head_keeper(busy)
        .open()
        .await;
    let (node, _driver) = opened.unwrap();
    assert!(node.verify_journal(&owner(), None).await.unwrap().is_intact());
}

#[tokio::test]
async fn without_an_audit_key_heads_are_compared_and_not_kept() {
    let (world, keeper) = kept().await;
    let kept = keeper.last().await.unwrap().unwrap();
    let keyless = |stores: &FaultyStores| {
        Governor::builder(tenant()).with_stores(stores.clone()).with_head_keeper(keeper.clone()).open()
    };
    let (node, _driver) = keyless(&world.stores).await.unwrap();
    node.commit(&owner(), super::world::command("late", grant("late", "bob", None))).await.unwrap();
    node.keep_heads().await.unwrap();
    assert_eq!(keeper.last().await.unwrap().unwrap(), kept);
    let error = keyless(&earlier(&world, 3, 1).await).await.expect_err("it opened");
    assert_eq!(error.kind(), GovernErrorKind::RolledBack);
}
