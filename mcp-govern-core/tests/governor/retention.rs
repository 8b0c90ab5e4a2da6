//! The old end of the audit: sealed, put on record as dropped, and deleted.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use mcp_govern_core::{
    Actor, CommandId, Governor, Role, TenantId, Timestamp,
    audit::{AuditChain, AuditKey, AuditRecord, AuditSegment, BreakKind, Verification, Verifier, WriterMark},
    governor::{CommitOutcome, GovernErrorKind},
    journal::{Action, Command, CommitError, Event},
    memory::MemoryHeadKeeper,
    ports::{AuditHead, HeadKeeper as _, StoredRecord, WriterId},
};

use super::{
    faults::FaultyStores,
    vendor::Turn,
    world::{START, World, audit_key, owner, tenant, user},
};

const LATER: Timestamp = Timestamp::MAX;

fn id(text: &str) -> CommandId {
    CommandId::new(text).unwrap()
}

impl World {
    async fn seal(&self, writer: &WriterId) -> Option<AuditSegment> {
        self.governor.seal_audit_segment(&owner(), writer, LATER).await.unwrap()
    }

    async fn found(&self, writer: &WriterId) -> Verification {
        let found: BTreeMap<_, _> = self.governor.verify_audit(&owner(), &[]).await.unwrap().into_iter().collect();
        found.get(writer).unwrap().clone()
    }

    async fn chain(&self, writer: &WriterId) -> Vec<StoredRecord> {
        self.stores.memory.tenant(&tenant()).audit.read(writer, 0, usize::MAX).await.unwrap()
    }
}

fn head(record: &StoredRecord) -> AuditHead {
    AuditHead { sequence: record.sequence, hash: record.hash }
}

/// A node that made three calls and ended in order, and another one that goes on.
async fn ended() -> (World, WriterId, World) {
    let world = World::open().await;
    for _ in 0..3 {
        world.call("ann", "list_pages").await.unwrap();
    }
    let writer = world.governor.status().writer;
    world.governor.close().await;
    let next = World::bare(world.stores.clone(), |builder| builder).await;
    (world, writer, next)
}

#[tokio::test]
async fn a_dropped_segment_is_on_record_and_the_rest_is_verified_after_it() {
    let world = World::open().await;
    for _ in 0..3 {
        world.call("ann", "list_pages").await.unwrap();
    }
    let writer = world.governor.status().writer;
    let before = world.chain(&writer).await;
    let segment = world.seal(&writer).await.unwrap();
    assert_eq!(world.chain(&writer).await.len(), before.len(), "sealing changes nothing");
    let through = segment.header().through;
    let committed = world.governor.drop_audit_segment(&owner(), id("drop-1"), &segment).await.unwrap();
    assert!(matches!(&committed.events[..], [Event::AuditSegmentDropped(event), ..]
        if event.writer == writer && event.sequence == through.sequence && event.export == segment.digest()));
    let rest = world.chain(&writer).await;
    assert!(!rest.is_empty() && rest[0].sequence == through.sequence + 1);
    let found = world.found(&writer).await;
    assert!(found.is_intact(), "{found:?}");
    assert_eq!((found.after, found.head), (through, head(rest.last().unwrap())));
    // With the file at hand all of it is verified.
    let mut whole = Verifier::new();
    AuditSegment::open(segment.bytes(), Some(&audit_key())).unwrap().read_into(&mut whole).unwrap();
    for record in &rest {
        whole.push(record);
    }
    assert!(whole.finish().is_intact());
    // The calls go on, and a second time nothing happens.
    world.call("ann", "list_pages").await.unwrap();
    let again = world.governor.drop_audit_segment(&owner(), id("drop-2"), &segment).await.unwrap();
    assert_eq!(again.outcome, CommitOutcome::Unchanged);
    // A node that opens later follows it, and finds what was taken away without a commit.
    let later = World::bare(world.stores.clone(), |builder| builder).await;
    assert!(later.found(&writer).await.is_intact());
    let next = head(&rest[0]);
    later.stores.memory.tenant(&tenant()).audit.drop_through(&writer, next).await.unwrap();
    assert_eq!(later.found(&writer).await.broken.unwrap().kind, BreakKind::Missing);
}

#[tokio::test]
async fn a_chain_that_has_ended_is_dropped_whole_and_stays_ended() {
    let (_world, writer, next) = ended().await;
    let segment = next.seal(&writer).await.unwrap();
    next.governor.drop_audit_segment(&owner(), id("drop-1"), &segment).await.unwrap();
    assert!(next.chain(&writer).await.is_empty());
    let found = next.found(&writer).await;
    assert!(found.is_intact() && found.closed, "{found:?}");
    assert_eq!(found.head, segment.header().through);
    assert!(next.seal(&writer).await.is_none(), "nothing is left");
    next.governor.close().await;
    next.assert_intact().await;
}

#[tokio::test]
async fn of_a_chain_that_goes_on_the_last_record_and_a_call_in_flight_stay() {
    let world = World::open().await;
    let writer = world.governor.status().writer;
    world.call("ann", "list_pages").await.unwrap();
    world.vendor.will(Turn::Wait);
    let running = world.start("ann", "create_page");
    world.vendor.arrival().await;
    world.call("ann", "list_pages").await.unwrap();
    let intent = world
        .chain(&writer)
        .await
        .into_iter()
        .rfind(|record| record.tool.as_ref().is_some_and(|tool| tool.to_string() == "acme/create_page"));
    let segment = world.seal(&writer).await.unwrap();
    assert!(segment.header().through.sequence < intent.unwrap().sequence, "{:?}", segment.header());
    assert!(segment.header().unknown.is_empty());
    world.governor.drop_audit_segment(&owner(), id("drop-1"), &segment).await.unwrap();
    world.vendor.go.add_permits(1);
    running.await.unwrap().unwrap();
    world.governor.close().await;
    world.assert_intact().await;
}

#[tokio::test]
async fn what_is_younger_than_the_time_given_stays() {
    let (world, writer, next) = ended().await;
    let (from, to) = (Timestamp::from_millis(START), Timestamp::from_millis(START).plus(Duration::from_secs(60)));
    assert!(next.governor.seal_audit_segment(&owner(), &writer, from).await.unwrap().is_none());
    world.clock.advance(Duration::from_secs(60));
    let all = next.governor.seal_audit_segment(&owner(), &writer, to).await.unwrap().unwrap();
    assert_eq!(all.header().records, u64::try_from(next.chain(&writer).await.len()).unwrap());
}

#[tokio::test]
async fn who_may_read_seals_and_who_governs_drops() {
    let (_world, writer, next) = ended().await;
    let may = |role| Actor::new(user("lea"), [role]);
    let auditor = may(Role::Auditor);
    let segment = next.governor.seal_audit_segment(&auditor, &writer, LATER).await.unwrap().unwrap();
    for role in [Role::Auditor, Role::ProfileAdmin, Role::ServerOwner, Role::User] {
        let refused = next.governor.drop_audit_segment(&may(role), id("drop-1"), &segment).await.unwrap_err();
        assert_eq!(refused.kind(), GovernErrorKind::NotAllowed);
    }
    assert!(next.governor.seal_audit_segment(&may(Role::User), &writer, LATER).await.is_err());
    assert!(!next.chain(&writer).await.is_empty());
    next.governor.drop_audit_segment(&may(Role::GovernanceAdmin), id("drop-2"), &segment).await.unwrap();
}

#[tokio::test]
async fn a_segment_of_another_key_another_tenant_or_another_place_is_not_dropped() {
    let (_world, writer, next) = ended().await;
    let records = next.chain(&writer).await;
    let segment = next.seal(&writer).await.unwrap();
    let other_key = World::bare(next.stores.clone(), |builder| builder.with_audit_key(AuditKey::from_bytes([77; 32])));
    let foreign = other_key.await.seal(&writer).await.unwrap();
    for refused in [
        next.governor.drop_audit_segment(&owner(), id("drop-1"), &foreign).await,
        tenant_of(&next, "other").await.drop_audit_segment(&owner(), id("drop-2"), &segment).await,
    ] {
        assert_eq!(refused.unwrap_err().kind(), GovernErrorKind::Invalid);
    }
    assert_eq!(next.chain(&writer).await, records, "something was dropped");
}

/// A governor of another tenant with the same key, over the same stores.
async fn tenant_of(world: &World, name: &str) -> Governor {
    let builder = Governor::builder(TenantId::new(name).unwrap());
    let (governor, _driver) =
        builder.with_stores(world.stores.clone()).with_audit_key(audit_key()).open().await.unwrap();
    governor
}

#[tokio::test]
async fn a_deletion_that_failed_is_done_later_and_verification_does_not_mind() {
    let (_world, writer, next) = ended().await;
    let segment = next.seal(&writer).await.unwrap();
    next.faults().drops_fail.store(usize::MAX, Ordering::SeqCst);
    next.governor.drop_audit_segment(&owner(), id("drop-1"), &segment).await.unwrap();
    assert!(!next.chain(&writer).await.is_empty(), "the deletion was to fail");
    assert!(next.found(&writer).await.is_intact());
    next.faults().drops_fail.store(0, Ordering::SeqCst);
    next.driver.abort();
    // The next life finds what is left over, when it looks after the record.
    let later = World::bare(next.stores.clone(), |builder| builder.with_audit_anchors_every(Duration::ZERO)).await;
    for number in 0..10_000 {
        if later.chain(&writer).await.is_empty() {
            return assert!(later.found(&writer).await.is_intact());
        }
        later.commit(super::world::grant(&format!("g{number}"), "bob", None)).await;
        tokio::task::yield_now().await;
    }
    panic!("it was never deleted");
}

#[tokio::test]
async fn records_dropped_by_a_commit_without_a_seal_are_found() {
    let (_world, writer, next) = ended().await;
    // Whoever can write the store needs no key for a commit of their own, and the nodes follow it.
    let keyless = Governor::builder(tenant()).with_stores(next.stores.clone());
    let (keyless, _driver) = keyless.open().await.unwrap();
    let segment = next.seal(&writer).await.unwrap();
    let (after, through, export) = (AuditHead::EMPTY, segment.header().through, segment.digest());
    let action = Action::DropAuditSegment { writer: writer.clone(), after, through, export };
    let committed = keyless.commit(&owner(), Command::new(id("drop-1"), action)).await.unwrap();
    next.governor.reached(committed.revision).await.unwrap();
    let found = next.governor.verify_journal(&owner(), None).await.unwrap();
    assert!(
        matches!(found.broken, Some(CommitError::Seal { revision, .. }) if revision == committed.revision),
        "{found:?}"
    );
    assert_eq!(
        keyless.seal_audit_segment(&owner(), &writer, LATER).await.unwrap_err().kind(),
        GovernErrorKind::NotPossible
    );
}

#[tokio::test]
async fn a_broken_chain_is_not_put_aside() {
    let (_world, writer, next) = ended().await;
    let mut records = next.chain(&writer).await;
    records[1].bytes = b"{}".as_slice().into();
    let stores = FaultyStores::default();
    stores.memory.tenant(&tenant()).audit.append(&writer, AuditHead::EMPTY, &records).await.unwrap();
    let damaged = World::bare(stores, |builder| builder).await;
    let refused = damaged.governor.seal_audit_segment(&owner(), &writer, LATER).await.unwrap_err();
    assert!(matches!(refused.kind(), GovernErrorKind::Conflict | GovernErrorKind::Unreadable), "{refused}");
}

#[tokio::test]
async fn a_call_of_which_no_end_is_known_is_named_in_the_header() {
    let (_world, writer, next) = ended().await;
    // The same chain, and the end of its first call was never written.
    let mut chain = AuditChain::new();
    let mut lost = None;
    let mut records = Vec::new();
    for record in next.chain(&writer).await {
        match record.open().unwrap().entry {
            AuditRecord::Outcome(outcome) if lost.is_none() => lost = Some(outcome.call),
            entry => records.push(chain.append(record.at, entry).unwrap()),
        }
    }
    assert!(matches!(records.last().unwrap().open().unwrap().entry, AuditRecord::Mark(WriterMark::Closed)));
    let stores = FaultyStores::default();
    stores.memory.tenant(&tenant()).audit.append(&writer, AuditHead::EMPTY, &records).await.unwrap();
    let world = World::bare(stores, |builder| builder).await;
    let segment = world.seal(&writer).await.unwrap();
    assert_eq!(segment.header().unknown.iter().collect::<Vec<_>>(), [&lost.unwrap()]);
}

/// A node's heads are kept in the middle of its chain, and the machine is away while others drop what is old.
#[tokio::test]
async fn a_store_whose_old_records_were_dropped_on_record_is_not_behind_what_was_known() {
    let keeper = Arc::new(MemoryHeadKeeper::new());
    let world = World::open_with(super::world::spec(), |builder| builder.with_head_keeper(keeper.clone())).await;
    let writer = world.governor.status().writer;
    world.call("ann", "list_pages").await.unwrap();
    world.governor.keep_heads().await.unwrap();
    let middle = keeper.last().await.unwrap().unwrap();
    for _ in 0..3 {
        world.call("ann", "list_pages").await.unwrap();
    }
    world.governor.close().await;
    let known = middle.audit[&writer];
    let next = World::bare(world.stores.clone(), |builder| builder).await;
    let segment = next.seal(&writer).await.unwrap();
    assert!(known.sequence > 0 && known.sequence < segment.header().through.sequence);
    next.governor.drop_audit_segment(&owner(), id("drop-1"), &segment).await.unwrap();
    assert!(next.chain(&writer).await.is_empty());
    // One was kept before the drop, in the middle of what is gone, and one of the very end.
    for kept in [middle, keeper.last().await.unwrap().unwrap()] {
        let old = Arc::new(MemoryHeadKeeper::new());
        old.keep(&kept).await.unwrap();
        let builder = Governor::builder(tenant()).with_stores(world.stores.clone()).with_audit_key(audit_key());
        let (back, _driver) = builder.with_head_keeper(old).open().await.unwrap();
        for (of, found) in back.verify_audit(&owner(), &[]).await.unwrap() {
            assert!(found.is_intact(), "{of}: {found:?}");
        }
        assert!(back.verify_journal(&owner(), None).await.unwrap().is_intact());
    }
}

/// A program that looks at a store and follows nothing, as `govern` does.
#[tokio::test]
async fn what_another_node_drops_while_one_verifies_breaks_no_chain() {
    let (_world, writer, next) = ended().await;
    let builder = Governor::builder(tenant()).with_stores(next.stores.clone()).with_audit_key(audit_key());
    let (looking, _driver) = builder.open().await.unwrap();
    let segment = next.seal(&writer).await.unwrap();
    let committed = next.governor.drop_audit_segment(&owner(), id("drop-1"), &segment).await.unwrap();
    assert!(looking.revision() < committed.revision, "it followed");
    let found: BTreeMap<_, _> = looking.verify_audit(&owner(), &[]).await.unwrap().into_iter().collect();
    assert!(found[&writer].is_intact(), "{:?}", found[&writer]);
    assert_eq!(found[&writer].after, segment.header().through);
}
