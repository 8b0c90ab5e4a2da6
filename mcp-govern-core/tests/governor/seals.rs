//! Seals of the journal: what whoever can write the store, and has no key, cannot chain anew.

use std::time::Duration;

use mcp_govern_core::{
    TenantId, UserId,
    audit::{AuditKey, JournalVerification, JournalVerifier},
    journal::{Commit, CommitError, Event, Head, Revision, SealFault, StoredCommit},
};

use super::world::{World, audit_key, grant, owner, tenant};

/// Every commit of a tenant.
async fn commits(world: &World) -> Vec<StoredCommit> {
    world.stores.memory.tenant(&tenant()).journal.read(Revision::ZERO, usize::MAX).await.unwrap()
}

/// A journal with two seals: a call and the end of its node, twice. The revisions of the seals come with it.
async fn sealed_twice() -> (World, Vec<StoredCommit>, [Revision; 2]) {
    let world = World::open().await;
    world.call("ann", "list_pages").await.unwrap();
    world.governor.close().await;
    let first = world.governor.state().sealed().unwrap().revision;
    let next = World::node(world.stores.clone(), world.vendor.clone(), |builder| builder).await;
    next.commit(grant("bob", "bob", None)).await;
    next.call("bob", "list_pages").await.unwrap();
    next.governor.close().await;
    let second = next.governor.state().sealed().unwrap().revision;
    let commits = commits(&next).await;
    assert!(first < second && second == commits.last().unwrap().revision());
    (next, commits, [first, second])
}

fn verify(commits: &[StoredCommit], tenant: &TenantId, key: Option<&AuditKey>) -> JournalVerification {
    let mut verifier = JournalVerifier::new(Head::EMPTY);
    if let Some(key) = key {
        verifier = verifier.with_key(tenant, key);
    }
    for commit in commits {
        verifier.push(commit);
    }
    verifier.finish()
}

fn with_key(commits: &[StoredCommit]) -> JournalVerification {
    verify(commits, &tenant(), Some(&audit_key()))
}

fn broken(commits: &[StoredCommit]) -> (Revision, SealFault) {
    match with_key(commits).broken {
        Some(CommitError::Seal { revision, fault }) => (revision, fault),
        other => panic!("{other:?}"),
    }
}

/// The journal as somebody would write it who changes it and has no key: every hash is right.
fn chained_anew(commits: &[StoredCommit], mut change: impl FnMut(&mut Commit)) -> Vec<StoredCommit> {
    let mut head = Head::EMPTY;
    let again = |stored: &StoredCommit| {
        let mut commit: Commit = serde_json::from_slice(stored.bytes()).unwrap();
        change(&mut commit);
        commit.previous = head.hash;
        commit.revision = head.revision.next();
        let sealed = StoredCommit::seal(&commit).unwrap();
        head = sealed.head();
        sealed
    };
    commits.iter().map(again).collect()
}

fn seal_of(commit: &mut Commit) -> Option<&mut mcp_govern_core::journal::event::JournalSealed> {
    match commit.events.last_mut() {
        Some(Event::JournalSealed(seal)) => Some(seal),
        _ => None,
    }
}

#[tokio::test]
async fn a_node_seals_the_journal_whenever_it_anchors_the_audit_and_the_key_checks_it() {
    let (world, commits, [_, second]) = sealed_twice().await;
    assert_eq!(chained_anew(&commits, |_| {}), commits, "chaining anew changes nothing by itself");
    let found = with_key(&commits);
    assert!(found.is_intact(), "{found:?}");
    assert_eq!((found.seals.good, found.seals.through, found.seals.unchecked), (2, Some(second), 0));
    let same = world.governor.verify_journal(&owner(), None).await.unwrap();
    assert_eq!(same, found);
    assert_eq!(world.governor.state().sealed().unwrap().key, audit_key().id());
}

#[tokio::test]
async fn without_the_key_it_is_told_that_the_seals_were_not_checked() {
    let (world, commits, _) = sealed_twice().await;
    let found = verify(&commits, &tenant(), None);
    assert!(found.is_intact());
    assert_eq!((found.seals.good, found.seals.through, found.seals.unchecked), (0, None, 2));
    // A governor without a key of its own draws one, which checks nothing.
    let (keyless, _driver) = mcp_govern_core::Governor::builder(tenant())
        .with_stores(world.stores.clone())
        .with_clock(world.clock.clone())
        .open()
        .await
        .unwrap();
    assert_eq!(keyless.verify_journal(&owner(), None).await.unwrap().seals, found.seals);
}

#[tokio::test]
async fn a_commit_that_was_rewritten_with_everything_behind_it_is_found_by_the_next_seal() {
    let (_, commits, [first, second]) = sealed_twice().await;
    for (at, named) in [(2, first), (first.0, first), (first.0 + 1, second), (second.0, second)] {
        let forged = chained_anew(&commits, |commit| {
            if commit.revision == Revision(at) {
                commit.actor.user = UserId::new("local", "mallory").unwrap();
            }
        });
        assert!(verify(&forged, &tenant(), None).is_intact(), "the chain alone fits together");
        assert_eq!(broken(&forged), (named, SealFault::Wrong), "revision {at}");
    }
}

#[tokio::test]
async fn an_anchor_that_was_moved_with_its_chain_is_found_by_its_seal() {
    let (_, commits, [first, _]) = sealed_twice().await;
    let forged = chained_anew(&commits, |commit| {
        for event in &mut commit.events {
            if let Event::AuditAnchored(anchor) = event {
                anchor.sequence -= 1;
            }
        }
    });
    assert_eq!(broken(&forged), (first, SealFault::Wrong));
}

#[tokio::test]
async fn a_seal_that_was_taken_away_is_missed() {
    let (_, commits, [first, second]) = sealed_twice().await;
    let without = |which: Revision| {
        chained_anew(&commits, |commit| {
            if commit.revision == which {
                commit.events.pop();
            }
        })
    };
    // The second vouches for the first no more, whose commit was changed.
    assert_eq!(broken(&without(first)), (second, SealFault::Wrong));
    assert_eq!(broken(&without(second)), (second, SealFault::Missing));
    let found = verify(&without(second), &tenant(), None).broken;
    assert_eq!(
        found,
        Some(CommitError::Seal { revision: second, fault: SealFault::Missing }),
        "it takes no key to miss it"
    );
    // Whoever takes away all of them leaves a journal that vouches for nothing, and that is told.
    let bare = chained_anew(&commits, |commit| commit.events.retain(|event| !matches!(event, Event::JournalSealed(_))));
    let found = with_key(&bare);
    assert_eq!((found.is_intact(), found.seals.through, found.seals.unsealed), (true, None, 2));
}

#[tokio::test]
async fn a_seal_of_another_commit_or_of_another_tenant_is_wrong() {
    let (_, commits, [first, second]) = sealed_twice().await;
    let mut copied = None;
    let forged = chained_anew(&commits, |commit| {
        if let Some(seal) = seal_of(commit) {
            let from = *copied.get_or_insert(seal.mac);
            seal.mac = from;
        }
    });
    assert_eq!(broken(&forged), (second, SealFault::Wrong));
    let elsewhere = verify(&commits, &TenantId::new("other").unwrap(), Some(&audit_key())).broken;
    assert_eq!(elsewhere, Some(CommitError::Seal { revision: first, fault: SealFault::Wrong }));
    // A seal that is not the last word of its commit vouches for nothing.
    let forged = chained_anew(&commits, |commit| {
        if seal_of(commit).is_some() {
            commit.events.rotate_right(1);
        }
    });
    assert_eq!(broken(&forged), (first, SealFault::Wrong));
    let doubled = chained_anew(&commits, |commit| {
        let seal = seal_of(commit).cloned();
        commit.events.extend(seal.map(Event::from));
    });
    assert_eq!(broken(&doubled), (first, SealFault::Wrong));
}

#[tokio::test]
async fn a_wrong_key_is_told_as_a_wrong_key() {
    let (_, commits, [_, second]) = sealed_twice().await;
    let wrong = AuditKey::from_bytes([1; 32]);
    let found = verify(&commits, &tenant(), Some(&wrong));
    assert_eq!(found.broken, Some(CommitError::Seal { revision: second, fault: SealFault::OtherKey }));
    assert_eq!(
        (found.head, found.seals.through),
        (commits.last().unwrap().head(), None),
        "the chain was followed to its end"
    );
}

#[tokio::test]
async fn a_journal_sealed_anew_under_another_key_is_named_as_that() {
    let (world, commits, [first, second]) = sealed_twice().await;
    // Somebody opens the store with a key of theirs, and a call makes an anchor.
    let theirs = World::node(world.stores.clone(), world.vendor.clone(), |builder| {
        builder.with_audit_key(AuditKey::from_bytes([1; 32]))
    })
    .await;
    theirs.call("ann", "list_pages").await.unwrap();
    theirs.governor.close().await;
    let foreign = theirs.governor.revision();
    let now = self::commits(&theirs).await;
    assert_eq!(now[..commits.len()], commits[..]);
    assert_eq!(broken(&now), (foreign, SealFault::OtherKey));
    // Where the key was replaced, the new one vouches for what the old one had sealed.
    let found = verify(&now, &tenant(), Some(&AuditKey::from_bytes([1; 32])));
    assert!(found.is_intact(), "{found:?}");
    assert_eq!((found.seals.earlier_keys, found.seals.through), (2, Some(foreign)));
    assert!(first < second);
}

#[tokio::test]
async fn commits_without_a_call_are_sealed_in_their_time_and_a_seal_is_not_sealed_again() {
    let world =
        World::open_with(super::world::spec(), |builder| builder.with_audit_anchors_every(Duration::ZERO)).await;
    // Each commit is a moment at which the driver looks what is due.
    let mut sealed = None;
    for number in 0..10_000 {
        sealed = world.governor.state().sealed();
        if sealed.is_some() {
            break;
        }
        world.commit(grant(&format!("g{number}"), "bob", None)).await;
        tokio::task::yield_now().await;
    }
    assert!(sealed.is_some(), "nothing was sealed");
    world.governor.close().await;
    assert!(world.governor.state().audit_anchors().is_empty(), "no call was made");
    let found = world.governor.verify_journal(&owner(), None).await.unwrap();
    assert!(found.is_intact() && found.seals.good > 0, "{found:?}");
    let commits = commits(&world).await;
    let alone = |stored: &StoredCommit| {
        let commit: Commit = serde_json::from_slice(stored.bytes()).unwrap();
        matches!(&commit.events[..], [Event::JournalSealed(_)])
    };
    assert!(commits.windows(2).all(|pair| !(alone(&pair[0]) && alone(&pair[1]))), "a seal was sealed");
}

#[tokio::test]
async fn a_node_without_a_key_anchors_nothing_in_a_journal_that_is_sealed() {
    let (world, commits, _) = sealed_twice().await;
    let (keyless, driver) = mcp_govern_core::Governor::builder(tenant())
        .with_stores(world.stores.clone())
        .with_provider(super::vendor::Acme::new(world.vendor.clone()))
        .with_clock(world.clock.clone())
        .open()
        .await
        .unwrap();
    let driver = tokio::spawn(driver.run());
    super::world::call(&keyless, "ann", "list_pages").await.unwrap();
    keyless.close().await;
    driver.await.unwrap();
    assert_eq!(self::commits(&world).await, commits);
}

#[tokio::test]
async fn nothing_is_sealed_behind_a_seal_that_the_key_did_not_make() {
    let (world, commits, [_, second]) = sealed_twice().await;
    let forged = chained_anew(&commits, |commit| {
        if commit.revision == second {
            commit.actor.user = UserId::new("local", "mallory").unwrap();
        }
    });
    let stores = super::faults::FaultyStores::default();
    let journal = stores.memory.tenant(&tenant()).journal;
    let mut head = Head::EMPTY;
    for commit in &forged {
        head = journal.append(head, commit).await.unwrap();
    }
    let vault = |stores: &super::faults::FaultyStores| stores.memory.tenant(&tenant()).vault;
    for (key, _) in vault(&world.stores).list().await.unwrap() {
        let credential = vault(&world.stores).get(&key).await.unwrap().unwrap().credential;
        vault(&stores).put(&key, 0, &credential).await.unwrap();
    }
    let node = World::node(stores, world.vendor.clone(), |builder| builder).await;
    node.call("ann", "list_pages").await.unwrap();
    node.governor.close().await;
    assert_eq!(self::commits(&node).await, forged, "it vouched for what was forged");
}
