use mcp_govern_core::{
    CallId, DenialCode, Digest, Timestamp,
    audit::RecordKind,
    ports::{AuditCursor, AuditFilter, AuditHead, StoreErrorKind, StoredRecord, WriterId},
};

use crate::{
    chains::{Chain, verified},
    on_every_store,
    site::Site,
};

on_every_store!(
    a_batch_is_read_back_byte_for_byte_on_every_node,
    a_batch_at_another_head_does_nothing,
    of_two_writers_of_one_chain_one_wins,
    every_filter_finds_what_a_plain_search_finds,
    a_page_goes_on_where_the_last_one_ended_while_records_are_added,
    the_records_of_another_tenant_are_not_found,
    a_person_is_found_by_hash_only,
    batches_of_every_size_are_whole,
);

async fn a_batch_is_read_back_byte_for_byte_on_every_node(site: Site) {
    let (here, there) = (site.node().await.acme().await.audit, site.node().await.acme().await.audit);
    let mut chain = Chain::new("w-1");
    assert_eq!(here.head(&chain.writer()).await.unwrap(), AuditHead::EMPTY);
    assert!(here.writers().await.unwrap().is_empty());
    let records = chain.next(12, 1_000);
    here.append(&chain.writer(), AuditHead::EMPTY, &records).await.unwrap();
    assert_eq!(there.read(&chain.writer(), 0, 100).await.unwrap(), records);
    assert_eq!(there.read(&chain.writer(), 10, 1).await.unwrap(), records[10..11]);
    assert_eq!(there.head(&chain.writer()).await.unwrap(), chain.head());
    assert_eq!(there.writers().await.unwrap(), [chain.writer()]);
    assert!(there.read(&WriterId::new("nobody").unwrap(), 0, 9).await.unwrap().is_empty());
    let found = verified(&*there, &chain.writer()).await;
    assert!(found.is_intact() && !found.unfinished.is_empty(), "{found:?}");
}

async fn a_batch_at_another_head_does_nothing(site: Site) {
    let log = site.node().await.acme().await.audit;
    let mut chain = Chain::new("w-1");
    chain.append(&*log, 4, 1_000).await.unwrap();
    let head = chain.head();
    let mut rival = Chain::new("w-1");
    let late = rival.next(3, 1_000);
    for (expected, records) in [
        (AuditHead::EMPTY, late.as_slice()),
        (AuditHead { hash: Digest::of_bytes(b"another"), ..head }, chain.next(2, 2_000).as_slice()),
        (AuditHead { sequence: 3, ..head }, late.as_slice()),
    ] {
        let error = log.append(&chain.writer(), expected, records).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Conflict);
    }
    log.append(&chain.writer(), head, &[]).await.unwrap();
    let nothing = log.append(&chain.writer(), AuditHead::EMPTY, &[]).await.unwrap_err();
    assert_eq!(nothing.kind(), StoreErrorKind::Conflict);
    assert_eq!(log.head(&chain.writer()).await.unwrap(), head);
    assert_eq!(log.read(&chain.writer(), 0, 100).await.unwrap().len(), 4);
}

async fn of_two_writers_of_one_chain_one_wins(site: Site) {
    let (one, two) = (site.node().await.acme().await.audit, site.node().await.acme().await.audit);
    for round in 0..10 {
        let name = format!("w-{round}");
        let (mut first, mut second) = (Chain::new(&name), Chain::new(&name));
        let (left, right) = tokio::join!(first.append(&*one, 3, 5), second.append(&*two, 5, 5));
        assert!(left.is_ok() != right.is_ok(), "{left:?} {right:?}");
        let winner = if left.is_ok() { first } else { second };
        assert_eq!(one.head(&winner.writer()).await.unwrap(), winner.head());
        assert!(verified(&*two, &winner.writer()).await.is_intact());
    }
}

/// Three writers whose records lie between each other in time, several at the same moment.
async fn filled(site: &Site) -> (std::sync::Arc<dyn mcp_govern_core::ports::AuditLog>, Vec<(WriterId, StoredRecord)>) {
    let log = site.node().await.acme().await.audit;
    let mut chains = [Chain::new("w-b"), Chain::new("w-a"), Chain::new("w-c")];
    let mut all = Vec::new();
    for step in 0..10 {
        for chain in &mut chains {
            let head = chain.head();
            let records = chain.next(4, 1_000 + step / 2);
            log.append(&chain.writer(), head, &records).await.unwrap();
            all.extend(records.into_iter().map(|record| (chain.writer(), record)));
        }
    }
    all.sort_by(|(left, one), (right, two)| (two.at, right, two.sequence).cmp(&(one.at, left, one.sequence)));
    (log, all)
}

async fn every_filter_finds_what_a_plain_search_finds(site: Site) {
    let (log, all) = filled(&site).await;
    let mut filters = vec![AuditFilter::new()];
    let digest = |letter: &str| format!("sha256:{}", letter.repeat(64)).parse::<Digest>().unwrap();
    let mut with = |set: fn(&mut AuditFilter)| {
        for mut filter in filters.clone() {
            set(&mut filter);
            filters.push(filter);
        }
    };
    with(|filter| filter.server = Some("ops".parse().unwrap()));
    with(|filter| filter.tool = Some("ops/close_alert".parse().unwrap()));
    with(|filter| filter.code = Some(DenialCode::NoGrant));
    with(|filter| filter.kind = Some(RecordKind::Denial));
    with(|filter| filter.from = Some(Timestamp::from_millis(1_002)));
    with(|filter| filter.until = Some(Timestamp::from_millis(1_004)));
    for mut filter in filters.clone() {
        filter.user_hash = Some(digest("b"));
        filters.push(filter);
    }
    let mut of_call = AuditFilter::new();
    of_call.call = Some(CallId::new("call-w-a-5").unwrap());
    filters.push(of_call);
    let mut hits = 0;
    for filter in filters {
        let expected: Vec<_> = all.iter().filter(|(_, record)| filter.matches(record)).cloned().collect();
        let mut found = Vec::new();
        let mut before: Option<AuditCursor> = None;
        loop {
            let page = log.query(&filter, before.as_ref(), 7).await.unwrap();
            assert!(page.records.len() <= 7);
            found.extend(page.records);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{filter:?}");
        hits += usize::from(!found.is_empty());
    }
    assert!(hits > 60, "{hits} filters found something");
    assert!(log.query(&AuditFilter::new(), None, 0).await.unwrap().records.is_empty());
}

async fn a_page_goes_on_where_the_last_one_ended_while_records_are_added(site: Site) {
    let (log, all) = filled(&site).await;
    let first = log.query(&AuditFilter::new(), None, 50).await.unwrap();
    let mut newer = Chain::new("w-new");
    newer.append(&*log, 9, 9_000).await.unwrap();
    let second = log.query(&AuditFilter::new(), first.next.as_ref(), 500).await.unwrap();
    assert_eq!([first.records, second.records].concat(), all);
    assert_eq!(second.next, None);
}

async fn the_records_of_another_tenant_are_not_found(site: Site) {
    let node = site.node().await;
    let other = node.stores().open(&"other".parse().unwrap()).await.unwrap().audit;
    let log = node.acme().await.audit;
    let mut chain = Chain::new("w-1");
    chain.append(&*log, 10, 1_000).await.unwrap();
    assert!(other.writers().await.unwrap().is_empty());
    assert_eq!(other.head(&chain.writer()).await.unwrap(), AuditHead::EMPTY);
    assert!(other.read(&chain.writer(), 0, 100).await.unwrap().is_empty());
    assert!(other.query(&AuditFilter::new(), None, 100).await.unwrap().records.is_empty());
    // The same name is another chain there.
    let mut same = Chain::new("w-1");
    same.append(&*other, 2, 1_000).await.unwrap();
    assert_eq!(log.read(&chain.writer(), 0, 100).await.unwrap().len(), 10);
}

async fn a_person_is_found_by_hash_only(site: Site) {
    let (log, _) = filled(&site).await;
    let mut filter = AuditFilter::new();
    filter.user = Some(mcp_govern_core::UserId::new("local", "ada").unwrap());
    let error = log.query(&filter, None, 10).await.unwrap_err();
    assert!(error.to_string().contains("user_hash"), "a filter that is not understood finds nothing: {error}");
}

async fn batches_of_every_size_are_whole(site: Site) {
    let log = site.node().await.acme().await.audit;
    let mut chain = Chain::new("w-1");
    for size in [1, 2, 63, 64, 65, 150, 300] {
        chain.append(&*log, size, 1_000).await.unwrap();
    }
    let found = verified(&*log, &chain.writer()).await;
    assert!(found.is_intact());
    assert_eq!(found.head, chain.head());
    assert_eq!(found.head.sequence, 645);
}
