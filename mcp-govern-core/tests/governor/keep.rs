//! What outlives a node: anchors of its audit in the journal, calls of which nobody knows the end.

use std::{collections::BTreeMap, time::Duration};

use mcp_govern_core::{
    Digest, Timestamp,
    audit::BreakKind,
    governor::GovernErrorKind,
    journal::{Action, Event},
    ports::{AuditHead, WriterId},
};

use super::{
    vendor::Turn,
    world::{START, World, owner},
};

#[tokio::test]
async fn a_node_that_ends_in_order_puts_the_end_of_its_chain_on_record() {
    let world = World::open().await;
    world.call("ann", "list_pages").await.unwrap();
    let writer = world.governor.status().writer;
    world.governor.close().await;
    let head = world.governor.audit_heads().await.unwrap().into_iter().find(|(of, _)| *of == writer).unwrap().1;
    assert_eq!(world.governor.state().audit_anchors().get(&writer), Some(&head));
    let commits = world.stores.memory.tenant(&super::world::tenant()).journal;
    let last = commits.read(mcp_govern_core::journal::Revision(world.governor.revision().0 - 1), 1).await.unwrap();
    let commit: mcp_govern_core::journal::Commit = serde_json::from_slice(last[0].bytes()).unwrap();
    assert!(
        matches!(&commit.events[..], [Event::AuditAnchored(event), Event::JournalSealed(_)] if event.writer == writer)
    );
    assert_eq!(commit.actor.user.to_string(), "driver (mcp-govern)");
    world.assert_intact().await;
}

#[tokio::test]
async fn a_node_that_made_no_call_leaves_the_journal_alone() {
    let world = World::open().await;
    let command = World::bare(world.stores.clone(), |builder| builder).await;
    let before = world.governor.revision();
    command.governor.close().await;
    assert_eq!(command.governor.revision(), before);
    assert!(command.governor.state().audit_anchors().is_empty());
}

#[tokio::test]
async fn what_the_journal_knows_of_a_chain_is_verified_without_being_asked() {
    let world = World::open().await;
    world.call("ann", "list_pages").await.unwrap();
    let known = WriterId::new("gone").unwrap();
    let head = AuditHead { sequence: 7, hash: Digest::of_bytes(b"record 7") };
    world.commit(Action::AnchorAudit { heads: BTreeMap::from([(known.clone(), head)]) }).await;
    let found: BTreeMap<_, _> = world.governor.verify_audit(&owner(), &[]).await.unwrap().into_iter().collect();
    let broken = found[&known].broken.as_ref().unwrap();
    assert_eq!((broken.sequence, broken.kind), (1, BreakKind::Truncated));
    assert!(found[&world.governor.status().writer].is_intact());
    // An anchor is for ever: it goes on, and never says something else of the same record.
    let back = AuditHead { sequence: 6, ..head };
    let committed = world.commit(Action::AnchorAudit { heads: BTreeMap::from([(known.clone(), back)]) }).await;
    assert!(committed.events.is_empty());
    let other = AuditHead { hash: Digest::of_bytes(b"another"), ..head };
    let refused = world.try_commit(Action::AnchorAudit { heads: BTreeMap::from([(known, other)]) }).await.unwrap_err();
    assert_eq!(refused.kind(), GovernErrorKind::NotPossible);
}

#[tokio::test]
async fn a_call_whose_end_a_crash_took_away_is_listed_as_unknown_by_the_next_life() {
    let world = World::open().await;
    world.call("ann", "list_pages").await.unwrap();
    world.vendor.will(Turn::Wait);
    let running = world.start("ann", "create_page");
    world.vendor.arrival().await;
    let (from, later) = (Timestamp::from_millis(START), Timestamp::from_millis(START + 60_000));
    assert!(world.governor.unknown_outcomes(&owner(), from, later).await.unwrap().is_empty(), "it is in flight");
    // The process is gone: nobody writes the end.
    world.driver.abort();
    running.abort();
    let next = World::bare(world.stores.clone(), |builder| builder).await;
    let unknown = next.governor.unknown_outcomes(&owner(), from, later).await.unwrap();
    let tools: Vec<_> =
        unknown.iter().map(|(writer, call)| (writer, call.tool.as_ref().unwrap().to_string())).collect();
    assert_eq!(tools, [(&world.governor.status().writer, "acme/create_page".to_owned())]);
    let before = next.governor.unknown_outcomes(&owner(), from, from).await.unwrap();
    assert!(before.is_empty(), "`until` is not part of it");
    let person = mcp_govern_core::Actor::new(super::world::user("ann"), []);
    assert!(next.governor.unknown_outcomes(&person, from, later).await.is_err());
}

#[tokio::test]
async fn the_chains_of_every_node_are_anchored_in_their_time() {
    let world =
        World::open_with(super::world::spec(), |builder| builder.with_audit_anchors_every(Duration::ZERO)).await;
    world.call("ann", "list_pages").await.unwrap();
    let writer = world.governor.status().writer;
    // Each commit is a moment at which the driver looks what is due.
    for number in 0..10_000 {
        if world.governor.state().audit_anchors().contains_key(&writer) {
            return world.assert_intact().await;
        }
        world.commit(super::world::grant(&format!("g{number}"), "bob", None)).await;
        tokio::task::yield_now().await;
    }
    panic!("nothing was anchored");
}
