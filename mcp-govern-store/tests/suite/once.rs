use std::time::Duration;

use mcp_govern_core::ports::{OneTimeValue, StoreErrorKind};

use crate::{
    on_every_store,
    site::{Site, until},
};

on_every_store!(
    a_value_is_taken_once,
    a_key_in_use_is_refused_until_its_value_ends,
    nothing_is_given_after_its_time,
    a_value_stays_with_its_tenant,
    a_lease_has_one_holder,
    a_lease_ends_with_its_time_or_its_guard,
);

const MINUTE: Duration = Duration::from_mins(1);

fn value(text: &str) -> OneTimeValue {
    OneTimeValue::new(text)
}

async fn a_value_is_taken_once(site: Site) {
    let nodes = [site.node().await.acme().await.one_time, site.node().await.acme().await.one_time];
    for round in 0..10 {
        let key = format!("state-{round}");
        nodes[0].put(&key, value(&key), MINUTE).await.unwrap();
        let takers = (0..8).map(|taker| {
            let (node, key) = (nodes[taker % 2].clone(), key.clone());
            tokio::spawn(async move { node.take(&key).await.unwrap() })
        });
        let mut taken = Vec::new();
        for taker in takers.collect::<Vec<_>>() {
            taken.extend(taker.await.unwrap());
        }
        assert_eq!(taken, [value(&key)]);
    }
    assert_eq!(nodes[1].take("never put").await.unwrap(), None);
}

async fn a_key_in_use_is_refused_until_its_value_ends(site: Site) {
    let one_time = site.node().await.acme().await.one_time;
    one_time.put("state", value("first"), MINUTE).await.unwrap();
    let error = one_time.put("state", value("second"), MINUTE).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Conflict);
    site.clock.advance(MINUTE);
    one_time.put("state", value("third"), MINUTE).await.unwrap();
    assert_eq!(one_time.take("state").await.unwrap(), Some(value("third")));
    one_time.put("state", value(""), MINUTE).await.unwrap();
    assert_eq!(one_time.take("state").await.unwrap(), Some(value("")));
}

async fn nothing_is_given_after_its_time(site: Site) {
    let one_time = site.node().await.acme().await.one_time;
    for key in ["taken", "swept"] {
        one_time.put(key, value(key), MINUTE).await.unwrap();
    }
    site.clock.advance(MINUTE);
    assert_eq!(one_time.take("taken").await.unwrap(), None);
    one_time.put("another", value("x"), MINUTE).await.unwrap();
    // A clock that jumps back revives neither what was asked for nor what was swept.
    site.clock.set(mcp_govern_core::Timestamp::from_millis(1_795_000_000_000));
    for key in ["taken", "swept"] {
        assert_eq!(one_time.take(key).await.unwrap(), None, "{key}");
    }
    one_time.put("never", value("x"), Duration::ZERO).await.unwrap();
    assert_eq!(one_time.take("never").await.unwrap(), None);
    one_time.put("for ever", value("x"), Duration::MAX).await.unwrap();
    assert_eq!(one_time.take("for ever").await.unwrap(), Some(value("x")));
}

async fn a_value_stays_with_its_tenant(site: Site) {
    let node = site.node().await;
    let other = node.stores().open(&"other".parse().unwrap()).await.unwrap().one_time;
    let one_time = node.acme().await.one_time;
    one_time.put("state", value("ours"), MINUTE).await.unwrap();
    assert_eq!(other.take("state").await.unwrap(), None);
    other.put("state", value("theirs"), MINUTE).await.unwrap();
    assert_eq!(one_time.take("state").await.unwrap(), Some(value("ours")));
    // Carried over in the database, it does not open there.
    one_time.put("moved", value("ours"), MINUTE).await.unwrap();
    site.sql("UPDATE one_time SET tenant = (SELECT id FROM tenant WHERE name = 'other') WHERE tenant = (SELECT id FROM tenant WHERE name = 'acme')")
        .await;
    assert_eq!(other.take("moved").await.unwrap_err().kind(), StoreErrorKind::Corrupt);
}

async fn a_lease_has_one_holder(site: Site) {
    let nodes = [site.node().await.acme().await.lease, site.node().await.acme().await.lease];
    for round in 0..5 {
        let name = format!("sync-{round}");
        let holders = (0..8).map(|holder| {
            let (node, name) = (nodes[holder % 2].clone(), name.clone());
            tokio::spawn(async move { node.hold(&name, MINUTE).await.unwrap() })
        });
        let mut held = Vec::new();
        for holder in holders.collect::<Vec<_>>() {
            held.extend(holder.await.unwrap());
        }
        assert_eq!(held.len(), 1);
        assert!(held[0].is_held());
    }
    let other = site.node().await.stores().open(&"other".parse().unwrap()).await.unwrap().lease;
    let _held = nodes[0].hold("work", MINUTE).await.unwrap().unwrap();
    assert!(other.hold("work", MINUTE).await.unwrap().is_some(), "another tenant's lease is another lease");
}

async fn a_lease_ends_with_its_time_or_its_guard(site: Site) {
    let (one, two) = (site.node().await.acme().await.lease, site.node().await.acme().await.lease);
    let first = one.hold("sync", MINUTE).await.unwrap().unwrap();
    assert!(two.hold("sync", MINUTE).await.unwrap().is_none());
    site.clock.advance(MINUTE);
    assert!(!first.is_held());
    let second = two.hold("sync", MINUTE).await.unwrap().expect("the first one's time is over");
    // The one that overstayed gives nothing back that is not its own any more.
    drop(first);
    for _ in 0..20 {
        assert!(one.hold("sync", MINUTE).await.unwrap().is_none());
    }
    drop(second);
    until(async || one.hold("sync", MINUTE).await.unwrap()).await;
    let over = one.hold("short", Duration::ZERO).await.unwrap().unwrap();
    assert!(!over.is_held());
}
