//! Several nodes over the same stores: two releases at once, drivers that are missing, journals out of reach.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use mcp_govern_core::{
    DenialCode, Governor, NewToolState, Remedy, Sent,
    access::Freshness,
    audit::CallResult,
    governor::{GovernErrorKind, GovernorBuilder},
    journal::{Action, KillScope, Revision, ToolState},
    ports::Stores,
};

use super::{
    faults::{AT_ONCE, FaultyStores},
    vendor::{Acme, Turn, Vendor, release_one, release_two},
    world::{World, audit_key, call, code, grant, owner, principal, server, tenant, tool, user},
};

/// A second node over the same stores, whose provider is of release two.
async fn newer_node(world: &World) -> World {
    World::node(world.stores.clone(), Vendor::new(release_two()), |builder| builder).await
}

#[tokio::test]
async fn a_node_admits_a_call_only_under_the_definition_that_it_has_loaded_itself() {
    let old = World::open().await;
    let new = newer_node(&old).await;
    old.call("ann", "list_pages").await.unwrap();
    assert_eq!(code(&new.call("ann", "list_pages").await), "definition_not_approved");
    new.call("ann", "create_page").await.unwrap();
    assert!(new.vendor.seen().iter().all(|seen| seen.tool != "list_pages"));
}

#[tokio::test]
async fn during_a_rolling_upgrade_both_releases_work_each_under_what_was_reviewed_ahead() {
    let old = World::open().await;
    let coming = Arc::new(release_two());
    let digest = coming.tool(tool("list_pages").name()).unwrap().digest().unwrap();
    old.commit(Action::StageCatalogue { server: server(), catalogue: coming }).await;
    old.commit(Action::ApproveTools { tools: BTreeMap::from([(tool("list_pages"), digest)]) }).await;
    let new = newer_node(&old).await;
    old.call("ann", "list_pages").await.unwrap();
    new.call("ann", "list_pages").await.unwrap();
    // The new release's sync keeps the tool approved, and the old node goes on.
    let synced = new.governor.sync(&owner(), &server()).await.unwrap();
    old.governor.reached(synced.revision).await.unwrap();
    assert_eq!(old.governor.state().tools()[&tool("list_pages")].state(), ToolState::Approved);
    old.call("ann", "list_pages").await.unwrap();
    new.call("ann", "list_pages").await.unwrap();
    // Sync never moves backwards.
    let refused = old.governor.sync(&owner(), &server()).await.unwrap_err();
    assert!(matches!(refused.kind(), GovernErrorKind::Conflict | GovernErrorKind::NotPossible), "{refused}");
    assert_eq!(old.governor.state().tools()[&tool("list_pages")].digest(), digest);
    old.call("ann", "list_pages").await.unwrap();
}

#[tokio::test]
async fn what_a_node_states_otherwise_than_was_synced_is_in_its_status_until_it_is_taken_in() {
    let old = World::open().await;
    assert!(old.governor.status().differing.is_empty());
    let new = newer_node(&old).await;
    let status = new.governor.status();
    let told = &status.differing[&server()];
    assert!(told.contains("`list_pages`") && told.contains("sync the server"), "{told}");
    assert_eq!((status.servers_at_fault(), status.is_ready()), (1, true));
    assert!(old.governor.status().differing.is_empty());
    new.governor.sync(&owner(), &server()).await.unwrap();
    assert!(new.governor.status().differing.is_empty());
}

#[tokio::test]
async fn a_catalogue_that_changed_under_its_old_version_is_told_where_its_calls_are_denied() {
    let world = World::open().await;
    let mut changed = release_two();
    changed.version = release_one().version;
    let other = World::node(world.stores.clone(), Vendor::new(changed), |builder| builder).await;
    assert_eq!(code(&other.call("ann", "list_pages").await), "definition_not_approved");
    let refused = other.governor.sync(&owner(), &server()).await.unwrap_err();
    assert!(refused.message().contains("has a higher version"), "{refused}");
    let told = other.governor.status().differing[&server()].clone();
    assert!(told.contains("raise it above 1 (`x-govern.catalogue`"), "{told}");
}

#[tokio::test]
async fn a_definition_that_nobody_reviewed_ahead_waits_for_review_on_all_nodes() {
    let old = World::open().await;
    let new = newer_node(&old).await;
    let synced = new.governor.sync(&owner(), &server()).await.unwrap();
    old.governor.reached(synced.revision).await.unwrap();
    for node in [&old, &new] {
        let denied = node.call("ann", "list_pages").await;
        assert_eq!(code(&denied), "tool_pending");
        assert_eq!(denied.unwrap_err().denial().unwrap().remedy(), &Remedy::WaitForReview { tool: tool("list_pages") });
    }
    new.approve_pending().await;
    new.call("ann", "list_pages").await.unwrap();
    old.governor.reached(new.governor.revision()).await.unwrap();
    old.call("ann", "list_pages").await.unwrap();
}

#[tokio::test]
async fn a_kill_switch_that_is_thrown_on_one_node_stops_the_calls_on_the_other() {
    let one = World::open().await;
    let two = World::bare(one.stores.clone(), |builder| builder).await;
    two.vendor.will(Turn::Wait);
    let running = two.start("ann", "list_pages");
    two.vendor.arrival().await;
    one.commit(Action::Kill { scope: KillScope::Tenant }).await;
    assert_eq!(code(&running.await.unwrap()), "call_killed");
}

/// Waits until a node knows of so many; it looks when the time has come and something happens.
async fn knows_of(world: &World, nodes: usize) {
    let known = async {
        while world.governor.status().nodes != nodes {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), known).await.expect("the nodes were not counted");
}

/// Waits until so many are counted by the store.
async fn at_work(world: &World, nodes: usize) {
    let lease = world.stores.memory.open(&tenant()).await.unwrap().lease;
    let counted = async {
        while lease.count("node/").await.unwrap() != nodes {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), counted).await.expect("the nodes do not say that they are at work");
}

async fn looks_again(world: &World, at: &str) {
    world.clock.advance(Duration::from_secs(11));
    world.commit(grant(at, at, None)).await;
}

#[tokio::test]
async fn what_a_vendor_lets_be_sent_is_divided_between_the_nodes_that_are_at_work() {
    let one = World::open().await;
    knows_of(&one, 1).await;
    one.call("ann", "list_pages").await.unwrap();
    assert_eq!(one.vendor.nodes.load(std::sync::atomic::Ordering::SeqCst), 1);
    // Who comes counts those that are there at once; they count it when they look next.
    let two = World::bare(one.stores.clone(), |builder| builder).await;
    at_work(&one, 2).await;
    knows_of(&two, 2).await;
    looks_again(&one, "bea").await;
    knows_of(&one, 2).await;
    for node in [&one, &two] {
        node.call("ann", "list_pages").await.unwrap();
        assert_eq!(node.vendor.nodes.load(std::sync::atomic::Ordering::SeqCst), 2);
    }
    // A node that ends in order is not counted any more; a governor without a driver that runs never is.
    let builder = Governor::builder(tenant()).with_stores(one.stores.clone());
    let (_beside, _driver) = builder.with_provider(Acme::new(one.vendor.clone())).open().await.unwrap();
    two.governor.close().await;
    at_work(&one, 1).await;
    looks_again(&one, "carl").await;
    knows_of(&one, 1).await;
}

#[tokio::test]
async fn a_node_that_could_not_count_the_others_keeps_to_what_it_knew() {
    let one = World::open().await;
    knows_of(&one, 1).await;
    let lease = one.stores.memory.open(&tenant()).await.unwrap().lease;
    let _other = lease.hold("node/7", Duration::from_hours(1)).await.unwrap().unwrap();
    one.faults().counts_fail.store(1, std::sync::atomic::Ordering::SeqCst);
    looks_again(&one, "bea").await;
    while one.faults().counts_fail.load(std::sync::atomic::Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
    one.call("ann", "list_pages").await.unwrap();
    assert_eq!(one.vendor.nodes.load(std::sync::atomic::Ordering::SeqCst), 1);
    looks_again(&one, "carl").await;
    knows_of(&one, 2).await;
    // Before anything was counted, there may be another.
    one.faults().counts_wait.store(true, std::sync::atomic::Ordering::SeqCst);
    let three = World::bare(one.stores.clone(), |builder| builder).await;
    three.faults().counts_arrived.0.acquire().await.unwrap().forget();
    assert_eq!(three.governor.status().nodes, 2);
}

#[tokio::test]
async fn nodes_are_counted_although_the_clock_of_one_is_ahead_or_set_back() {
    let one = World::open().await;
    knows_of(&one, 1).await;
    let ahead = World::bare(one.stores.clone(), |builder| builder).await;
    ahead.clock.advance(Duration::from_hours(24));
    ahead.commit(grant("bea", "bea", None)).await;
    // The rules' time of this node is a day ahead from now on, and stands still.
    one.governor.reached(ahead.governor.revision()).await.unwrap();
    looks_again(&one, "carl").await;
    knows_of(&one, 2).await;
    ahead.governor.close().await;
    at_work(&one, 1).await;
    one.clock.set(mcp_govern_core::Timestamp::from_millis(super::world::START));
    one.commit(grant("dora", "dora", None)).await;
    knows_of(&one, 1).await;
}

#[tokio::test]
async fn a_node_closes_while_the_store_counts_the_others() {
    let stores = FaultyStores::default();
    stores.faults.counts_wait.store(true, std::sync::atomic::Ordering::SeqCst);
    let world = World::bare(stores, |builder| builder).await;
    world.faults().counts_arrived.0.acquire().await.unwrap().forget();
    let closed = tokio::time::timeout(Duration::from_secs(60), world.governor.close()).await;
    closed.expect("closing waits for a count that never ends");
    at_work(&world, 0).await;
}

#[tokio::test]
async fn a_person_who_is_stopped_on_one_node_is_stopped_on_the_other() {
    let one = World::open().await;
    let two = World::bare(one.stores.clone(), |builder| builder).await;
    two.vendor.will(Turn::Wait);
    let running = two.start("ann", "list_pages");
    two.vendor.arrival().await;
    let thrown = one.commit(Action::Kill { scope: KillScope::User(user("ann")) }).await;
    assert_eq!(code(&running.await.unwrap()), "call_killed");
    two.governor.reached(thrown.revision).await.unwrap();
    assert_eq!(code(&two.call("ann", "list_pages").await), "user_killed");
}

#[tokio::test]
async fn servers_that_are_registered_on_one_node_are_open_on_the_other() {
    let one = World::bare(FaultyStores::default(), |builder| builder).await;
    let two = World::bare(one.stores.clone(), |builder| builder).await;
    let spec = super::world::spec().with_new_tools(NewToolState::Approved);
    one.commit(Action::RegisterServer { server: server(), spec }).await;
    let synced = one.governor.sync(&owner(), &server()).await.unwrap();
    two.governor.reached(synced.revision).await.unwrap();
    let probe = two.governor.sync(&owner(), &server()).await.unwrap();
    assert_eq!(probe.events.len(), 0, "the second node sees what the first one saw");
}

#[tokio::test]
async fn a_forgotten_driver_leaves_every_call_denied_as_stale() {
    let world = World::open().await;
    let builder = Governor::builder(tenant()).with_stores(world.stores.clone());
    let (governor, driver) = builder.with_provider(Acme::new(world.vendor.clone())).open().await.unwrap();
    assert_eq!(code(&call(&governor, "ann", "list_pages").await), "state_stale");
    assert_eq!(governor.list(&principal("ann")).unwrap_err().code(), DenialCode::StateStale);
    assert_eq!(governor.status().freshness, Freshness::Stale);
    drop(driver.run());
    assert_eq!(code(&call(&governor, "ann", "list_pages").await), "state_stale");
    assert!(governor.reached(Revision(999)).await.is_err());
    governor.close().await;
}

#[tokio::test]
async fn a_driver_that_dies_stops_the_calls_in_flight_and_denies_the_next() {
    let world = World::open().await;
    world.vendor.will(Turn::Wait);
    let running = world.start("ann", "list_pages");
    world.vendor.arrival().await;
    world.driver.abort();
    assert_eq!(code(&running.await.unwrap()), "state_stale");
    assert_eq!(code(&world.call("ann", "list_pages").await), "state_stale");
}

#[tokio::test]
async fn a_driver_that_dies_while_an_intent_waits_denies_the_call() {
    let world = World::open().await;
    let faults = world.faults();
    faults.records_wait.store(true, std::sync::atomic::Ordering::SeqCst);
    let running = world.start("ann", "list_pages");
    faults.records_arrived.0.acquire().await.unwrap().forget();
    world.driver.abort();
    assert_eq!(code(&running.await.unwrap()), "record_unavailable");
    assert!(world.vendor.seen().is_empty());
}

#[tokio::test]
async fn a_journal_out_of_reach_stops_calls_once_the_rules_are_too_old_and_not_before() {
    for (max, stale) in [(AT_ONCE, true), (Duration::from_secs(3600), false)] {
        let world = World::open_with(super::world::spec(), |builder| builder.with_max_staleness(max)).await;
        world.vendor.will(Turn::Wait);
        let running = world.start("ann", "list_pages");
        world.vendor.arrival().await;
        world.faults().lose_journal();
        if stale {
            assert_eq!(code(&running.await.unwrap()), "state_stale");
            assert_eq!(code(&world.call("ann", "list_pages").await), "state_stale");
            assert!(!world.governor.status().is_ready());
            let stopped = CallResult::Denied { code: DenialCode::StateStale, sent: Sent::Maybe };
            world.faults().find_journal();
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            world.call("ann", "list_pages").await.unwrap();
            assert_eq!(world.closed_outcomes().await[0], stopped);
        } else {
            world.call("ann", "create_page").await.unwrap();
            world.vendor.go.add_permits(1);
            running.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_governor_that_opens_later_stands_where_the_others_stand() {
    let world = World::open().await;
    world.commit(grant("bea", "bea", None)).await;
    let later = World::bare(world.stores.clone(), |builder| builder).await;
    assert_eq!(later.governor.journal_head(), world.governor.journal_head());
    later.call("bea", "list_pages").await.unwrap();
    assert_ne!(later.governor.status().writer, world.governor.status().writer);
    later.governor.close().await;
    world.governor.close().await;
    world.assert_intact().await;
}

#[tokio::test]
async fn a_server_that_could_not_be_discovered_is_tried_again_when_its_tools_are_asked_for() {
    let world = World::open().await;
    let vendor = Vendor::new(release_one());
    *vendor.discovery_fails.lock().unwrap() = Some("no route to Acme".into());
    let later = World::node(world.stores.clone(), vendor, |builder| builder).await;
    assert!(later.governor.status().faults[&server()].contains("no route"));
    assert_eq!(code(&later.call("ann", "list_pages").await), "definition_not_approved");
    *later.vendor.discovery_fails.lock().unwrap() = None;
    assert_eq!(code(&later.call("ann", "list_pages").await), "definition_not_approved");
    // The driver has been told; it discovers when it runs next.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    later.call("ann", "list_pages").await.unwrap();
    assert!(later.governor.status().faults.is_empty());
}

#[tokio::test]
async fn a_follower_that_was_taken_out_and_forgotten_leaves_every_call_denied_as_stale() {
    let world = World::open().await;
    let (governor, mut driver) = next_node(&world).open().await.unwrap();
    let follower = driver.take_follower().unwrap();
    assert!(driver.take_follower().is_none());
    tokio::spawn(driver.run());
    assert_eq!(code(&call(&governor, "ann", "list_pages").await), "state_stale");
    let following = tokio::spawn(follower.run());
    governor.reached(world.governor.revision()).await.unwrap();
    call(&governor, "ann", "list_pages").await.unwrap();
    following.abort();
    following.await.unwrap_err();
    assert_eq!(code(&call(&governor, "ann", "list_pages").await), "state_stale");
    assert!(governor.reached(Revision(u64::MAX)).await.is_err(), "nothing is followed any more");
    // What runs is still put on record, and the chain is closed.
    governor.close().await;
    assert!(governor.verify_audit(&owner(), &[]).await.unwrap().iter().all(|(_, found)| found.is_intact()));
}

#[tokio::test]
async fn a_follower_of_its_own_sees_what_others_do_and_ends_with_its_driver() {
    let world = World::open().await;
    let (governor, mut driver) = next_node(&world).open().await.unwrap();
    let journal = Stores::open(&world.stores, &tenant()).await.unwrap().journal;
    let following = tokio::spawn(driver.take_follower().unwrap().with_journal(journal).run());
    let driver = tokio::spawn(driver.run());
    call(&governor, "ann", "list_pages").await.unwrap();
    world.commit(Action::Kill { scope: KillScope::Tenant }).await;
    governor.reached(world.governor.revision()).await.unwrap();
    assert_eq!(code(&call(&governor, "ann", "list_pages").await), "tenant_killed");
    governor.close().await;
    driver.await.unwrap();
    following.await.unwrap();
}

fn next_node(world: &World) -> GovernorBuilder {
    Governor::builder(tenant())
        .with_stores(world.stores.clone())
        .with_provider(Acme::new(world.vendor.clone()))
        .with_clock(world.clock.clone())
        .with_audit_key(audit_key())
}
