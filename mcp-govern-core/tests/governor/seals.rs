//! Seals of the journal: what whoever can write the store, and has no key, cannot chain anew.

use std::time::Duration;

use mcp_govern_core::{
    TenantId, UserId,
    audit::{AuditKey, JournalVerification, JournalVerifier},
    journal::{Act, ActError, Event, Head, Revision, SealFault, StoredAct},
};

use super::world::{World, audit_key, grant, owner, tenant};

/// Every act of a tenant.
async fn acts(world: &World) -> Vec<StoredAct> {
    world.stores.memory.tenant(&tenant()).journal.read(Revision::ZERO, usize::MAX).await.unwrap()
}

/// A journal with two seals: a call and the end of its node, twice. The revisions of the seals come with it.
async fn sealed_twice() -> (World, Vec<StoredAct>, [Revision; 2]) {
    let world = World::open().await;
    world.call("ann", "list_pages").await.unwrap();
    world.governor.close().await;
    let first = world.governor.state().sealed().unwrap().revision;
    let next = World::node(world.stores.clone(), world.vendor.clone(), |builder| builder).await;
    next.act(grant("bob", "bob", None)).await;
    next.call("bob", "list_pages").await.unwrap();
    next.governor.close().await;
    let second = next.governor.state().sealed().unwrap().revision;
    let acts = acts(&next).await;
    assert!(first < second && second == acts.last().unwrap().revision());
    (next, acts, [first, second])
}

fn verify(acts: &[StoredAct], tenant: &TenantId, key: Option<&AuditKey>) -> JournalVerification {
    let mut verifier = JournalVerifier::new(Head::EMPTY);
    if let Some(key) = key {
        verifier = verifier.with_key(tenant, key);
    }
    for act in acts {
        verifier.push(act);
    }
    verifier.finish()
}

fn with_key(acts: &[StoredAct]) -> JournalVerification {
    verify(acts, &tenant(), Some(&audit_key()))
}

fn broken(acts: &[StoredAct]) -> (Revision, SealFault) {
    match with_key(acts).broken {
        Some(ActError::Seal { revision, fault }) => (revision, fault),
        other => panic!("{other:?}"),
    }
}

/// The journal as somebody would write it who changes it and has no key: every hash is right.
fn chained_anew(acts: &[StoredAct], mut change: impl FnMut(&mut Act)) -> Vec<StoredAct> {
    let mut head = Head::EMPTY;
    let again = |stored: &StoredAct| {
        let mut act: Act = serde_json::from_slice(stored.bytes()).unwrap();
        change(&mut act);
        act.previous = head.hash;
        act.revision = head.revision.next();
        let sealed = StoredAct::seal(&act).unwrap();
        head = sealed.head();
        sealed
    };
    acts.iter().map(again).collect()
}

fn seal_of(act: &mut Act) -> Option<&mut mcp_govern_core::journal::JournalSealed> {
    match act.events.last_mut() {
        Some(Event::JournalSealed(seal)) => Some(seal),
        _ => None,
    }
}

#[tokio::test]
async fn a_node_seals_the_journal_whenever_it_anchors_the_audit_and_the_key_checks_it() {
    let (world, acts, [_, second]) = sealed_twice().await;
    assert_eq!(chained_anew(&acts, |_| {}), acts, "chaining anew changes nothing by itself");
    let found = with_key(&acts);
    assert!(found.is_intact(), "{found:?}");
    assert_eq!((found.seals.good, found.seals.through, found.seals.unchecked), (2, Some(second), 0));
    let same = world.governor.verify_journal(&owner(), None).await.unwrap();
    assert_eq!(same, found);
    assert_eq!(world.governor.state().sealed().unwrap().key, audit_key().id());
}

#[tokio::test]
async fn without_the_key_it_is_told_that_the_seals_were_not_checked() {
    let (world, acts, _) = sealed_twice().await;
    let found = verify(&acts, &tenant(), None);
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
async fn an_act_that_was_rewritten_with_everything_behind_it_is_found_by_the_next_seal() {
    let (_, acts, [first, second]) = sealed_twice().await;
    for (at, named) in [(2, first), (first.0, first), (first.0 + 1, second), (second.0, second)] {
        let forged = chained_anew(&acts, |act| {
            if act.revision == Revision(at) {
                act.actor.user = UserId::new("local", "mallory").unwrap();
            }
        });
        assert!(verify(&forged, &tenant(), None).is_intact(), "the chain alone fits together");
        assert_eq!(broken(&forged), (named, SealFault::Wrong), "revision {at}");
    }
}

#[tokio::test]
async fn an_anchor_that_was_moved_with_its_chain_is_found_by_its_seal() {
    let (_, acts, [first, _]) = sealed_twice().await;
    let forged = chained_anew(&acts, |act| {
        for event in &mut act.events {
            if let Event::AuditAnchored(anchor) = event {
                anchor.sequence -= 1;
            }
        }
    });
    assert_eq!(broken(&forged), (first, SealFault::Wrong));
}

#[tokio::test]
async fn a_seal_that_was_taken_away_is_missed() {
    let (_, acts, [first, second]) = sealed_twice().await;
    let without = |which: Revision| {
        chained_anew(&acts, |act| {
            if act.revision == which {
                act.events.pop();
            }
        })
    };
    // The second vouches for the first no more, whose act was changed.
    assert_eq!(broken(&without(first)), (second, SealFault::Wrong));
    assert_eq!(broken(&without(second)), (second, SealFault::Missing));
    let found = verify(&without(second), &tenant(), None).broken;
    assert_eq!(
        found,
        Some(ActError::Seal { revision: second, fault: SealFault::Missing }),
        "it takes no key to miss it"
    );
    // Whoever takes away all of them leaves a journal that vouches for nothing, and that is told.
    let bare = chained_anew(&acts, |act| act.events.retain(|event| !matches!(event, Event::JournalSealed(_))));
    let found = with_key(&bare);
    assert_eq!((found.is_intact(), found.seals.through, found.seals.unsealed), (true, None, 2));
}

#[tokio::test]
async fn a_seal_of_another_act_or_of_another_tenant_is_wrong() {
    let (_, acts, [first, second]) = sealed_twice().await;
    let mut copied = None;
    let forged = chained_anew(&acts, |act| {
        if let Some(seal) = seal_of(act) {
            let from = *copied.get_or_insert(seal.mac);
            seal.mac = from;
        }
    });
    assert_eq!(broken(&forged), (second, SealFault::Wrong));
    let elsewhere = verify(&acts, &TenantId::new("other").unwrap(), Some(&audit_key())).broken;
    assert_eq!(elsewhere, Some(ActError::Seal { revision: first, fault: SealFault::Wrong }));
    // A seal that is not the last word of its act vouches for nothing.
    let forged = chained_anew(&acts, |act| {
        if seal_of(act).is_some() {
            act.events.rotate_right(1);
        }
    });
    assert_eq!(broken(&forged), (first, SealFault::Wrong));
    let doubled = chained_anew(&acts, |act| {
        let seal = seal_of(act).cloned();
        act.events.extend(seal.map(Event::from));
    });
    assert_eq!(broken(&doubled), (first, SealFault::Wrong));
}

#[tokio::test]
async fn a_wrong_key_is_told_as_a_wrong_key() {
    let (_, acts, [_, second]) = sealed_twice().await;
    let wrong = AuditKey::from_bytes([1; 32]);
    let found = verify(&acts, &tenant(), Some(&wrong));
    assert_eq!(found.broken, Some(ActError::Seal { revision: second, fault: SealFault::OtherKey }));
    assert_eq!(
        (found.head, found.seals.through),
        (acts.last().unwrap().head(), None),
        "the chain was followed to its end"
    );
}

#[tokio::test]
async fn a_journal_sealed_anew_under_another_key_is_named_as_that() {
    let (world, acts, [first, second]) = sealed_twice().await;
    // Somebody opens the store with a key of theirs, and a call makes an anchor.
    let theirs = World::node(world.stores.clone(), world.vendor.clone(), |builder| {
        builder.with_audit_key(AuditKey::from_bytes([1; 32]))
    })
    .await;
    theirs.call("ann", "list_pages").await.unwrap();
    theirs.governor.close().await;
    let foreign = theirs.governor.revision();
    let now = self::acts(&theirs).await;
    assert_eq!(now[..acts.len()], acts[..]);
    assert_eq!(broken(&now), (foreign, SealFault::OtherKey));
    // Where the key was replaced, the new one vouches for what the old one had sealed.
    let found = verify(&now, &tenant(), Some(&AuditKey::from_bytes([1; 32])));
    assert!(found.is_intact(), "{found:?}");
    assert_eq!((found.seals.earlier_keys, found.seals.through), (2, Some(foreign)));
    assert!(first < second);
}

#[tokio::test]
async fn acts_without_a_call_are_sealed_in_their_time_and_a_seal_is_not_sealed_again() {
    let world =
        World::open_with(super::world::spec(), |builder| builder.with_audit_anchors_every(Duration::ZERO)).await;
    // Each act is a moment at which the driver looks what is due.
    let mut sealed = None;
    for number in 0..10_000 {
        sealed = world.governor.state().sealed();
        if sealed.is_some() {
            break;
        }
        world.act(grant(&format!("g{number}"), "bob", None)).await;
        tokio::task::yield_now().await;
    }
    assert!(sealed.is_some(), "nothing was sealed");
    world.governor.close().await;
    assert!(world.governor.state().audit_anchors().is_empty(), "no call was made");
    let found = world.governor.verify_journal(&owner(), None).await.unwrap();
    assert!(found.is_intact() && found.seals.good > 0, "{found:?}");
    let acts = acts(&world).await;
    let alone = |stored: &StoredAct| {
        let act: Act = serde_json::from_slice(stored.bytes()).unwrap();
        matches!(&act.events[..], [Event::JournalSealed(_)])
    };
    assert!(acts.windows(2).all(|pair| !(alone(&pair[0]) && alone(&pair[1]))), "a seal was sealed");
}

#[tokio::test]
async fn a_node_without_a_key_anchors_nothing_in_a_journal_that_is_sealed() {
    let (world, acts, _) = sealed_twice().await;
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
    assert_eq!(self::acts(&world).await, acts);
}

#[tokio::test]
async fn nothing_is_sealed_behind_a_seal_that_the_key_did_not_make() {
    let (world, acts, [_, second]) = sealed_twice().await;
    let forged = chained_anew(&acts, |act| {
        if act.revision == second {
            act.actor.user = UserId::new("local", "mallory").unwrap();
        }
    });
    let stores = super::faults::FaultyStores::default();
    let journal = stores.memory.tenant(&tenant()).journal;
    let mut head = Head::EMPTY;
    for act in &forged {
        head = journal.append(head, act).await.unwrap();
    }
    let vault = |stores: &super::faults::FaultyStores| stores.memory.tenant(&tenant()).vault;
    for (key, _) in vault(&world.stores).list().await.unwrap() {
        let credential = vault(&world.stores).get(&key).await.unwrap().unwrap().credential;
        vault(&stores).put(&key, 0, &credential).await.unwrap();
    }
    let node = World::node(stores, world.vendor.clone(), |builder| builder).await;
    node.call("ann", "list_pages").await.unwrap();
    node.governor.close().await;
    assert_eq!(self::acts(&node).await, forged, "it vouched for what was forged");
}
