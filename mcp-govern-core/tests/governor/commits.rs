//! Acting: two at once, lost acknowledgements, repeated commands, readers of the commits.

use std::sync::atomic::Ordering;

use mcp_govern_core::{
    Actor, DenialCode, Governor, Label, Role, ToolsetId,
    governor::{CommitOutcome, GovernErrorKind},
    journal::{Action, KillScope, Revision},
};

use super::world::{World, audit_key, call, command, grant, owner, tenant, user};

fn toolset(id: &str, title: &str) -> Action {
    Action::CreateToolset {
        toolset: ToolsetId::new(id).unwrap(),
        label: Label::new(title),
        content: mcp_govern_core::ToolsetContent::Chosen([].into()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_admins_at_once_on_two_nodes_both_get_through_one_after_the_other() {
    let one = World::open().await;
    let two = World::bare(one.stores.clone(), |builder| builder).await;
    let before = one.governor.revision();
    let many = |world: &World, name: &'static str| {
        let governor = world.governor.clone();
        tokio::spawn(async move {
            let mut revisions = Vec::new();
            for number in 0..40 {
                let id = format!("{name}-{number}");
                let command = command(&id, grant(&id, &format!("user-{id}"), None));
                revisions.push(governor.commit(&owner(), command).await.unwrap().revision);
            }
            revisions
        })
    };
    let (of_one, of_two) = (many(&one, "one"), many(&two, "two"));
    let mut all = of_one.await.unwrap();
    all.extend(of_two.await.unwrap());
    all.sort();
    let due: Vec<_> = (1..=80).map(|n| Revision(before.0 + n)).collect();
    assert_eq!(all, due);
    let last = *all.last().unwrap();
    one.governor.reached(last).await.unwrap();
    two.governor.reached(last).await.unwrap();
    assert_eq!(one.governor.journal_head(), two.governor.journal_head());
    assert_eq!(one.governor.state().grants().len(), 81);
    one.assert_intact().await;
}

#[tokio::test]
async fn of_two_admins_who_contradict_each_other_the_second_is_told() {
    let one = World::open().await;
    let two = World::bare(one.stores.clone(), |builder| builder).await;
    let admin = owner();
    let first = one.governor.commit(&admin, command("a", toolset("new", "a")));
    let second = two.governor.commit(&admin, command("b", toolset("new", "b")));
    let (first, second) = tokio::join!(first, second);
    let kinds: Vec<_> =
        [first, second].into_iter().map(|committed| committed.map(|_| ()).map_err(|error| error.kind())).collect();
    assert!(kinds.contains(&Ok(())) && kinds.contains(&Err(GovernErrorKind::AlreadyExists)), "{kinds:?}");
}

#[tokio::test]
async fn a_lost_acknowledgement_is_found_again_and_the_command_is_carried_out_once() {
    let world = World::open().await;
    let before = world.governor.revision();
    world.faults().commit_acks_lost.store(1, Ordering::SeqCst);
    let committed = world.governor.commit(&owner(), command("once", grant("bea", "bea", None))).await.unwrap();
    assert_eq!((committed.revision, committed.outcome), (before.next(), CommitOutcome::Done));
    assert_eq!(committed.events.len(), 1);
    assert_eq!(world.governor.revision(), before.next());
    world.call("bea", "list_pages").await.unwrap();
}

#[tokio::test]
async fn a_commit_that_was_lost_before_it_was_written_is_written_by_the_next_attempt() {
    let world = World::open().await;
    let before = world.governor.revision();
    world.faults().commits_lost.store(3, Ordering::SeqCst);
    let committed = world.governor.commit(&owner(), command("once", grant("bea", "bea", None))).await.unwrap();
    assert_eq!((committed.revision, committed.outcome), (before.next(), CommitOutcome::Done));
    assert_eq!(world.governor.state().grants().len(), 2);
}

#[tokio::test]
async fn where_it_cannot_be_known_whether_it_was_done_the_sender_is_told_and_the_same_command_settles_it() {
    let world = World::open().await;
    let before = world.governor.revision();
    world.faults().commit_acks_lost.store(1, Ordering::SeqCst);
    world.faults().reads_fail.store(100, Ordering::SeqCst);
    let command = command("once", grant("bea", "bea", None));
    let error = world.governor.commit(&owner(), command.clone()).await.unwrap_err();
    assert_eq!(error.kind(), GovernErrorKind::Unknown);
    world.faults().reads_fail.store(0, Ordering::SeqCst);
    let committed = world.governor.commit(&owner(), command).await.unwrap();
    assert_eq!((committed.revision, committed.events.len()), (before.next(), 1));
    assert_eq!(world.governor.revision(), before.next());
}

#[tokio::test]
async fn a_repeated_command_answers_what_the_first_time_answered() {
    let world = World::open().await;
    let first = world.governor.commit(&owner(), command("once", grant("bea", "bea", None))).await.unwrap();
    world.commit(grant("cleo", "cleo", None)).await;
    let again = world.governor.commit(&owner(), command("once", grant("bea", "bea", None))).await.unwrap();
    assert_eq!((again.revision, &again.events), (first.revision, &first.events));
    assert_eq!((first.outcome, again.outcome), (CommitOutcome::Done, CommitOutcome::Repeated));
}

#[tokio::test]
async fn another_command_under_a_used_id_is_refused_and_not_answered_as_done() {
    let world = World::open().await;
    world.governor.commit(&owner(), command("nightly-1", grant("bea", "bea", None))).await.unwrap();
    let before = world.governor.journal_head();
    let kill = Action::Kill { scope: KillScope::Tenant };
    for (actor, action) in [(owner(), kill), (Actor::new(user("otto"), [Role::Owner]), grant("bea", "bea", None))] {
        let error = world.governor.commit(&actor, command("nightly-1", action)).await.unwrap_err();
        assert_eq!(error.kind(), GovernErrorKind::CommandIdUsed, "{error}");
        assert!(error.message().contains(&format!("at revision {}", before.revision)), "{error}");
    }
    assert_eq!(world.governor.journal_head(), before);
}

#[tokio::test]
async fn a_command_is_carried_out_on_the_revision_that_it_expects_alone() {
    let one = World::open().await;
    let two = World::bare(one.stores.clone(), |builder| builder).await;
    let expected = one.governor.state().changed_at();
    let bea = command("bea", grant("bea", "bea", None)).expecting(expected);
    two.governor.commit(&owner(), command("cleo", grant("cleo", "cleo", None))).await.unwrap();
    // Whether this node has heard of it or not.
    let error = one.governor.commit(&owner(), bea.clone()).await.unwrap_err();
    assert_eq!(error.kind(), GovernErrorKind::Conflict, "{error}");
    assert!(error.message().contains(&format!("after revision {expected}")), "{error}");
    let expected = one.governor.state().changed_at();
    let committed = one.governor.commit(&owner(), bea.expecting(expected)).await.unwrap();
    assert_eq!((committed.outcome, committed.revision), (CommitOutcome::Done, expected.next()));
}

#[tokio::test]
async fn a_command_that_was_carried_out_is_not_asked_what_it_expected() {
    let world = World::open().await;
    let expected = world.governor.state().changed_at();
    let command = command("bea", grant("bea", "bea", None)).expecting(expected);
    world.faults().commit_acks_lost.store(1, Ordering::SeqCst);
    let first = world.governor.commit(&owner(), command.clone()).await.unwrap();
    let again = world.governor.commit(&owner(), command).await.unwrap();
    assert_eq!((first.outcome, again.outcome), (CommitOutcome::Done, CommitOutcome::Repeated));
    assert_eq!(again.revision, first.revision);
}

#[tokio::test]
async fn a_lost_acknowledgement_of_a_grant_given_back_is_found_again() {
    let world = World::open().await;
    world.commit(grant("bea", "bea", None)).await;
    world.faults().commit_acks_lost.store(1, Ordering::SeqCst);
    let grant = world.governor.state().grants().keys().find(|grant| grant.as_str().contains("bea")).unwrap().clone();
    let bea = Actor::new(user("bea"), []);
    let committed = world.governor.commit(&bea, command("back", Action::RevokeGrant { grant })).await.unwrap();
    assert_eq!((committed.outcome, committed.events.len()), (CommitOutcome::Done, 1));
}

#[tokio::test]
async fn a_command_whose_wish_already_holds_writes_nothing() {
    let world = World::open().await;
    let before = world.governor.revision();
    let settings = world.governor.state().settings().clone();
    let committed = world.commit(Action::ChangeSettings { settings }).await;
    assert_eq!((committed.outcome, committed.events.len()), (CommitOutcome::Unchanged, 0));
    assert_eq!(world.governor.revision(), before);
}

#[tokio::test]
async fn a_refused_command_says_why_and_changes_nothing() {
    let world = World::open().await;
    let before = world.governor.journal_head();
    let nobody = Actor::new(user("bob"), []);
    let error = world.governor.commit(&nobody, command("a", grant("bob", "bob", None))).await.unwrap_err();
    assert_eq!(error.kind(), GovernErrorKind::NotAllowed);
    let error = world.governor.commit(&owner(), command("b", grant("olga", "olga", None))).await.unwrap_err();
    assert_eq!(error.kind(), GovernErrorKind::AnotherPersonNeeded, "{error}");
    assert_eq!(world.governor.journal_head(), before);
}

#[tokio::test]
async fn a_reader_of_the_commits_gets_each_of_them_once_and_in_order() {
    let world = World::open().await;
    let other = World::bare(world.stores.clone(), |builder| builder).await;
    let mut all = world.governor.subscribe(Revision::ZERO);
    let now = world.governor.revision();
    let mut new = world.governor.subscribe(now);
    for number in 0..300 {
        let id = format!("g{number}");
        let by = if number % 2 == 0 { &world } else { &other };
        by.governor.commit(&owner(), command(&id, grant(&id, "cleo", None))).await.unwrap();
    }
    for due in 1..=now.0 + 300 {
        assert_eq!(all.next().await.unwrap().revision, Revision(due));
    }
    for due in 0..300 {
        assert_eq!(new.next().await.unwrap().command_id.as_str(), format!("g{due}"));
    }
    let waiting = tokio::spawn(async move { new.next().await.unwrap().command_id });
    world.governor.commit(&owner(), command("last", grant("last", "cleo", None))).await.unwrap();
    assert_eq!(waiting.await.unwrap().as_str(), "last");
}

#[tokio::test]
async fn a_governor_commits_and_subscribes_without_its_driver() {
    let builder = Governor::builder(tenant());
    let (governor, _driver) = builder.open().await.unwrap();
    let committed = governor.commit(&owner(), command("a", toolset("new", "New"))).await.unwrap();
    assert_eq!(committed.revision, Revision(1));
    assert_eq!(governor.subscribe(Revision::ZERO).next().await.unwrap().revision, Revision(1));
    assert_eq!(governor.subscribe(Revision(7)).next().await.unwrap_err().kind(), GovernErrorKind::NotFound);
}

#[tokio::test]
async fn commits_that_nobody_waits_for_any_more_are_carried_out_or_not_but_never_in_part() {
    let world = World::open().await;
    for number in 0..50 {
        let id = format!("g{number}");
        let commit = tokio::spawn({
            let governor = world.governor.clone();
            let command = command(&id, grant(&id, &id, None));
            async move { governor.commit(&owner(), command).await }
        });
        commit.abort();
        let _ = commit.await;
    }
    world.commit(grant("last", "last", None)).await;
    world.assert_intact().await;
    let fresh = World::bare(world.stores.clone(), |builder| builder).await;
    assert_eq!(fresh.governor.state().grants().len(), world.governor.state().grants().len());
}

#[tokio::test]
async fn a_governor_for_commands_commits_and_looks_and_calls_nothing() {
    let world = World::open().await;
    let chains = world.governor.audit_heads().await.unwrap();
    let builder = Governor::builder(tenant()).with_stores(world.stores.clone()).with_clock(world.clock.clone());
    let commands = builder.with_audit_key(audit_key()).open_for_commands().await.unwrap();
    let committed = commands.commit(&owner(), command("bea", grant("bea", "bea", None))).await.unwrap();
    assert_eq!(commands.revision(), committed.revision);
    world.governor.reached(committed.revision).await.unwrap();
    world.call("bea", "list_pages").await.unwrap();
    let denied = call(&commands, "bea", "list_pages").await.unwrap_err();
    assert_eq!(denied.code(), Some(DenialCode::StateStale));
    commands.close().await;
    assert_eq!(commands.audit_heads().await.unwrap().len(), chains.len().max(1), "it has begun no chain of its own");
}
