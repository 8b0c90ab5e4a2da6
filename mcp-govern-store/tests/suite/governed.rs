//! Real governors over the stores: what a person is promised, with everything in between.

use std::{sync::Arc, time::Duration};

use mcp_govern_conformance::Harness;
use mcp_govern_core::{
    CredentialOwner, ManualClock, TenantId, Timestamp, ToolId,
    audit::BreakKind,
    governor::{CommitOutcome, Committed, GovernError, GovernErrorKind},
    journal::{Action, CHECKPOINT_FORM, Commit, CommitError, KillScope, Revision, StoredCommit},
    ports::Stores,
};
use serde_json::json;

use crate::{
    nodes::{Running, TENANT, Vendor, admin, denied, furnish, grant, start, start_with},
    on_every_store,
    site::{Site, TIMEOUT, until},
};

on_every_store!(
    what_was_approved_yesterday_is_approved_today,
    a_kill_switch_on_one_node_stops_the_calls_on_the_other,
    of_two_nodes_that_commit_at_once_both_are_done_and_of_one_thing_one_wins,
    a_revoked_grant_denies_the_next_call_on_every_node,
    the_newest_records_removed_with_their_head_are_found_by_the_journal,
    the_newest_commits_removed_with_their_head_are_found_by_the_audit,
    a_call_that_was_under_way_in_a_crash_is_listed_as_unknown,
    a_node_opens_from_a_checkpoint_and_goes_on_from_there,
    a_checkpoint_that_is_of_no_use_is_passed_over,
    a_secret_that_an_earlier_life_left_behind_is_taken_away_also_after_a_checkpoint,
    a_commit_that_is_gone_from_the_middle_is_found_and_everything_denied,
    a_commit_of_a_newer_release_opens_closed_and_says_why,
    a_grant_that_has_ended_stays_ended_when_the_clock_jumps_back,
    two_tenants_of_one_store_do_not_touch,
    a_node_without_vault_keys_governs_and_opens_no_secret,
);

async fn stores(site: &Site) -> Arc<dyn Stores> {
    site.node().await.into_stores()
}

/// A furnished tenant and the first node on it.
async fn first(site: &Site) -> (Arc<Vendor>, Running) {
    let vendor = Vendor::new();
    furnish(stores(site).await, &vendor).await;
    let node = start(stores(site).await, &vendor).await;
    (vendor, node)
}

async fn what_was_approved_yesterday_is_approved_today(site: Site) {
    let (vendor, node) = first(&site).await;
    node.call().await.unwrap();
    let tools = node.governor.state().tools().len();
    for _ in 0..3 {
        // A new life with the old files, and nothing was closed.
        let next = start(stores(&site).await, &vendor).await;
        assert_eq!(next.governor.state().tools().len(), tools);
        next.call().await.unwrap();
    }
    assert_eq!(vendor.calls(), 4);
    node.governor.close().await;
    let last = start(stores(&site).await, &vendor).await;
    for (writer, found) in last.governor.verify_audit(&admin(), &[]).await.unwrap() {
        assert!(found.is_intact(), "{writer}: {found:?}");
    }
}

async fn a_kill_switch_on_one_node_stops_the_calls_on_the_other(site: Site) {
    let (vendor, _) = first(&site).await;
    // With the intervals that are shipped: what they are is held by a test of the options.
    let one = start(site.node_as_shipped().await.into_stores(), &vendor).await;
    let two = start(site.node_as_shipped().await.into_stores(), &vendor).await;
    let tool: ToolId = format!("{}/get_page", Harness::SERVER).parse().unwrap();
    for scope in [KillScope::Tenant, KillScope::Tool(tool)] {
        two.call().await.unwrap();
        vendor.wait();
        let under_way = two.begin();
        vendor.arrival().await;
        one.commit(Action::Kill { scope: scope.clone() }).await.unwrap();
        let stopped = tokio::time::timeout(TIMEOUT, under_way).await.expect("it is stopped").unwrap();
        assert_eq!(denied(&stopped), "call_killed");
        assert!(matches!(denied(&two.call().await), "tenant_killed" | "tool_killed"));
        vendor.go();
        let released = one.commit(Action::Release { scope }).await.unwrap();
        two.governor.reached(released.revision).await.unwrap();
    }
    two.call().await.unwrap();
}

async fn of_two_nodes_that_commit_at_once_both_are_done_and_of_one_thing_one_wins(site: Site) {
    let (vendor, one) = first(&site).await;
    let two = start(stores(&site).await, &vendor).await;
    let before = one.governor.revision().0;
    for round in 0..10 {
        let (left, right, same) = (format!("l{round}"), format!("r{round}"), format!("same{round}"));
        let (left, right) = tokio::join!(one.commit(grant(&left, None)), two.commit(grant(&right, None)));
        assert_ne!(left.unwrap().revision, right.unwrap().revision);
        let (left, right) = tokio::join!(one.commit(grant(&same, None)), two.commit(grant(&same, None)));
        let won = |committed: &Result<Committed, GovernError>| {
            committed.as_ref().is_ok_and(|committed| committed.outcome == CommitOutcome::Done)
        };
        assert!(won(&left) != won(&right), "{left:?} {right:?}");
    }
    until(async || (one.governor.revision() == two.governor.revision()).then_some(())).await;
    assert_eq!(one.governor.revision().0, before + 30, "as many commits as were done, and no commit twice");
    assert_eq!(one.governor.journal_head(), two.governor.journal_head());
    one.assert_intact(0).await;
}

async fn a_revoked_grant_denies_the_next_call_on_every_node(site: Site) {
    let (vendor, one) = first(&site).await;
    let two = start(stores(&site).await, &vendor).await;
    one.commit(grant("ann", None)).await.unwrap();
    two.governor.reached(one.governor.revision()).await.unwrap();
    two.call_as("ann").await.unwrap();
    let revoked = two.commit(Action::RevokeGrant { grant: "ann".parse().unwrap() }).await.unwrap();
    // Whoever holds nothing is told of nothing.
    assert_eq!(denied(&two.call_as("ann").await), "unknown_tool");
    one.governor.reached(revoked.revision).await.unwrap();
    assert_eq!(denied(&one.call_as("ann").await), "unknown_tool");
}

async fn the_newest_records_removed_with_their_head_are_found_by_the_journal(site: Site) {
    let (vendor, node) = first(&site).await;
    let writer = node.governor.status().writer;
    node.call().await.unwrap();
    // Opened, intent, outcome, closed; the end of the chain is a commit of the journal.
    node.governor.close().await;
    assert_eq!(node.governor.state().audit_anchors()[&writer].sequence, 4);
    for (removed, rewritten, first_missing) in [
        (
            "DELETE FROM record WHERE sequence = 4",
            "UPDATE writer SET sequence = 3, hash = (SELECT hash FROM record WHERE record.writer = writer.id AND \
             record.sequence = 3) WHERE sequence = 4",
            4,
        ),
        ("DELETE FROM record WHERE writer = (SELECT id FROM writer WHERE sequence = 3)", "SELECT 1", 1),
        ("SELECT 1", "DELETE FROM writer WHERE sequence = 3", 1),
    ] {
        site.sql(removed).await;
        site.sql(rewritten).await;
        let next = start(stores(&site).await, &vendor).await;
        let found = next.governor.verify_audit(&admin(), &[]).await.unwrap();
        let (_, found) = found.into_iter().find(|(of, _)| *of == writer).expect("the journal knows of the writer");
        let broken = found.broken.expect("a break");
        assert_eq!((broken.sequence, broken.kind), (first_missing, BreakKind::Truncated));
    }
}

async fn the_newest_commits_removed_with_their_head_are_found_by_the_audit(site: Site) {
    let (vendor, node) = first(&site).await;
    node.commit(grant("ann", None)).await.unwrap();
    node.commit(grant("bob", None)).await.unwrap();
    // A node that opens says in its chain where the journal stands.
    let head = node.governor.journal_head();
    let other = start(stores(&site).await, &vendor).await;
    other.call().await.unwrap();
    other.governor.close().await;
    let anchored = other.governor.journal_head();
    drop((node, other));
    let cut = "DELETE FROM act WHERE revision > (SELECT max(revision) - 3 FROM act)";
    assert_eq!(site.sql(cut).await, 3);
    let forge = "UPDATE tenant SET revision = (SELECT max(revision) FROM act), \
                 hash = (SELECT hash FROM act ORDER BY revision DESC LIMIT 1)";
    assert_eq!(site.sql(forge).await, 1);
    let next = start(stores(&site).await, &vendor).await;
    assert_eq!(next.governor.revision().0, anchored.revision.0 - 3);
    let found = next.governor.verify_journal(&admin(), None).await.unwrap();
    let expected = Revision(anchored.revision.0 - 2);
    assert_eq!(found.broken, Some(CommitError::Broken { revision: head.revision, expected }));
}

async fn a_call_that_was_under_way_in_a_crash_is_listed_as_unknown(site: Site) {
    let (vendor, node) = first(&site).await;
    node.call().await.unwrap();
    vendor.wait();
    let under_way = node.begin();
    vendor.arrival().await;
    let writer = node.governor.status().writer;
    drop(node);
    under_way.abort();
    vendor.go();
    let next = start(stores(&site).await, &vendor).await;
    next.call().await.unwrap();
    let (from, until) = (Timestamp::from_millis(0), next.governor.now().plus(Duration::from_secs(1)));
    let unknown = next.governor.unknown_outcomes(&admin(), from, until).await.unwrap();
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    assert_eq!(unknown[0].0, writer);
    next.governor.close().await;
    next.assert_intact(1).await;
}

async fn a_node_opens_from_a_checkpoint_and_goes_on_from_there(site: Site) {
    let (vendor, _) = first(&site).await;
    let keeper = start_with(stores(&site).await, &vendor, |builder| builder.with_checkpoint_every(10)).await.unwrap();
    for number in 0..25 {
        keeper.commit(grant(&format!("g{number}"), None)).await.unwrap();
    }
    let checkpoints = site.node().await.stores().open(&TENANT.parse().unwrap()).await.unwrap().checkpoints.unwrap();
    let kept = until(async || checkpoints.newest(CHECKPOINT_FORM).await.unwrap()).await;
    let before = keeper.governor.state();
    drop(keeper);
    // Whoever opened by reading every commit would meet this one.
    assert_eq!(site.sql("UPDATE act SET bytes = hash WHERE revision = 2").await, 1);
    assert!(kept.revision > Revision(2), "{kept:?}");
    let next = start(stores(&site).await, &vendor).await;
    assert_eq!(next.governor.status().unreadable, None);
    assert_eq!(next.governor.journal_head(), before.head());
    assert_eq!(next.governor.state().to_checkpoint().unwrap(), before.to_checkpoint().unwrap());
    next.call().await.unwrap();
    // A checkpoint hides nothing from verification.
    let found = next.governor.verify_journal(&admin(), None).await.unwrap();
    assert!(matches!(found.broken, Some(CommitError::Tampered { revision: Revision(2) })), "{found:?}");
}

async fn a_checkpoint_that_is_of_no_use_is_passed_over(site: Site) {
    let (vendor, node) = first(&site).await;
    let tenant = stores(&site).await.open(&TENANT.parse().unwrap()).await.unwrap();
    let checkpoints = tenant.checkpoints.unwrap();
    let head = node.governor.journal_head();
    let before = node.governor.state();
    // Of this form by its number, and not by what it is: the journal is read instead.
    for bytes in [&b"no checkpoint"[..], b"[]\n{}", &before.to_checkpoint().unwrap()] {
        checkpoints.put(&mcp_govern_core::ports::Checkpoint::new(head, CHECKPOINT_FORM, bytes)).await.unwrap();
        let next = start(stores(&site).await, &vendor).await;
        assert_eq!(next.governor.state().to_checkpoint().unwrap(), before.to_checkpoint().unwrap());
        next.call().await.unwrap();
    }
    assert!(site.sql("UPDATE checkpoint_part SET sealed = substr(sealed, 1, 30)").await > 0);
    start(stores(&site).await, &vendor).await.call().await.unwrap();
}

async fn a_secret_that_an_earlier_life_left_behind_is_taken_away_also_after_a_checkpoint(site: Site) {
    let (vendor, _) = first(&site).await;
    let node = start_with(stores(&site).await, &vendor, |builder| builder.with_checkpoint_every(1)).await.unwrap();
    let tenant = stores(&site).await.open(&TENANT.parse().unwrap()).await.unwrap();
    let (key, _) = tenant.vault.list().await.unwrap().remove(0);
    let secret = tenant.vault.get(&key).await.unwrap().unwrap().credential;
    let server = key.server.clone();
    node.commit(Action::RemoveCredential { server, owner: CredentialOwner::Shared }).await.unwrap();
    assert!(tenant.vault.list().await.unwrap().is_empty());
    let checkpoints = tenant.checkpoints.unwrap();
    let removed = node.governor.revision();
    // A burst of commits, so that no time is waited for until the next checkpoint.
    for number in 0..12 {
        node.commit(grant(&format!("g{number}"), None)).await.unwrap();
    }
    until(async || checkpoints.newest(CHECKPOINT_FORM).await.unwrap().filter(|head| head.revision >= removed)).await;
    drop(node);
    // As if that life had died between the commit and the deletion.
    tenant.vault.put(&key, 0, &secret).await.unwrap();
    let next = start(stores(&site).await, &vendor).await;
    until(async || tenant.vault.list().await.unwrap().is_empty().then_some(())).await;
    assert_eq!(denied(&next.call().await), "credential_missing");
}

async fn a_commit_that_is_gone_from_the_middle_is_found_and_everything_denied(site: Site) {
    let (vendor, node) = first(&site).await;
    drop(node);
    assert_eq!(site.sql("DELETE FROM act WHERE revision = 4").await, 1);
    let next = start(stores(&site).await, &vendor).await;
    let why = next.governor.status().unreadable.expect("it is unreadable from the first moment on");
    assert!(why.contains("revision 4"), "{why}");
    assert_eq!(denied(&next.call().await), "state_unreadable");
    let found = next.governor.verify_journal(&admin(), None).await.unwrap();
    assert_eq!(
        (found.head.revision, found.broken),
        (Revision(3), Some(CommitError::Missing { revision: Revision(4) }))
    );
}

async fn a_commit_of_a_newer_release_opens_closed_and_says_why(site: Site) {
    let (vendor, node) = first(&site).await;
    let journal = stores(&site).await.open(&TENANT.parse().unwrap()).await.unwrap().journal;
    let head = journal.head().await.unwrap();
    let commit: Commit = serde_json::from_value(json!({
        "revision": head.revision.next(), "previous": head.hash, "command_id": "newer",
        "actor": admin().to_recorded(), "at": node.governor.now(), "reason": null,
        "events": [{"event": "governance_activated.v1", "data": {}}],
    }))
    .unwrap();
    let bytes = String::from_utf8(StoredCommit::seal(&commit).unwrap().bytes().to_vec()).unwrap();
    let bytes = bytes.replace("governance_activated.v1", "governance_activated.v2").into_bytes();
    let newer = StoredCommit::from_parts(commit.revision, mcp_govern_core::Digest::of_bytes(&bytes), bytes);
    journal.append(head, &newer).await.unwrap();
    let next = start(stores(&site).await, &vendor).await;
    let why = next.governor.status().unreadable.expect("a newer commit is never skipped");
    assert!(why.contains("governance_activated.v2"), "{why}");
    for node in [&next, &node] {
        // A node that runs learns of it within its poll interval.
        let called = until(async || Some(node.call().await).filter(Result::is_err)).await;
        assert_eq!(denied(&called), "state_unreadable");
        let refused = node.commit(grant("late", None)).await.unwrap_err();
        assert_eq!(refused.kind(), GovernErrorKind::Unreadable);
    }
}

async fn a_grant_that_has_ended_stays_ended_when_the_clock_jumps_back(site: Site) {
    let (vendor, node) = first(&site).await;
    let noon = node.governor.now();
    drop(node);
    let clock = Arc::new(ManualClock::new(noon));
    let at = |clock: &Arc<ManualClock>| {
        let clock = Arc::clone(clock);
        move |builder: mcp_govern_core::governor::GovernorBuilder| builder.with_clock(clock)
    };
    let node = start_with(stores(&site).await, &vendor, at(&clock)).await.unwrap();
    node.commit(grant("ann", Some(noon.plus(Duration::from_mins(1))))).await.unwrap();
    node.call_as("ann").await.unwrap();
    clock.advance(Duration::from_mins(2));
    assert_eq!(denied(&node.call_as("ann").await), "grant_expired");
    node.commit(grant("bob", None)).await.unwrap();
    clock.set(noon);
    assert_eq!(denied(&node.call_as("ann").await), "grant_expired");
    node.governor.close().await;
    // Also in a new life: the last commit was later.
    let next = start_with(stores(&site).await, &vendor, at(&clock)).await.unwrap();
    assert_eq!(denied(&next.call_as("ann").await), "grant_expired");
    next.call_as("bob").await.unwrap();
    next.governor.close().await;
    next.assert_intact(0).await;
}

async fn two_tenants_of_one_store_do_not_touch(site: Site) {
    let (vendor, ours) = first(&site).await;
    let other = TenantId::new("other").unwrap();
    let (theirs, driver) =
        mcp_govern_core::Governor::builder(other).with_shared_stores(stores(&site).await).open().await.unwrap();
    let driver = tokio::spawn(driver.run());
    assert!(theirs.state().tools().is_empty() && theirs.revision() == Revision::ZERO);
    let command = mcp_govern_core::CommandId::random().unwrap();
    let kill = Action::Kill { scope: KillScope::Tenant };
    theirs.commit(&admin(), mcp_govern_core::journal::Command::new(command, kill)).await.unwrap();
    let before = ours.governor.revision();
    ours.call().await.unwrap();
    assert_eq!((ours.governor.revision(), theirs.revision()), (before, Revision(1)));
    let records = theirs.audit(&admin(), mcp_govern_core::ports::AuditFilter::new(), None, 100).await.unwrap();
    assert!(records.records.iter().all(|(writer, _)| *writer == theirs.status().writer), "{records:?}");
    assert_eq!(vendor.calls(), 1);
    theirs.close().await;
    driver.await.unwrap();
}

async fn a_node_without_vault_keys_governs_and_opens_no_secret(site: Site) {
    let (vendor, node) = first(&site).await;
    let without = site.node_without_keys().await.into_stores();
    assert!(without.open(&TENANT.parse().unwrap()).await.unwrap().checkpoints.is_none());
    let command = start(without, &vendor).await;
    assert_eq!(command.governor.journal_head(), node.governor.journal_head());
    let committed = command.commit(grant("ann", None)).await.unwrap();
    node.governor.reached(committed.revision).await.unwrap();
    node.call_as("ann").await.unwrap();
    assert_eq!(denied(&command.call_as("ann").await), "credential_unusable");
    assert_eq!(vendor.calls(), 1);
}
