use mcp_govern_core::{
    Digest,
    journal::{Head, Revision, StoredCommit},
    ports::StoreErrorKind,
};

use crate::{
    chains::{commit, grow, tenant, whole_journal},
    on_every_store,
    site::{Site, TIMEOUT, until},
};

on_every_store!(
    a_commit_is_read_back_byte_for_byte_on_every_node,
    of_appends_at_the_same_head_one_wins,
    an_append_at_another_head_does_nothing,
    pages_are_whole_and_in_order,
    a_commit_wakes_the_readers_of_every_node,
    a_reader_is_told_that_nothing_has_changed,
    the_readers_of_another_tenant_are_left_alone,
    tenants_share_nothing,
    a_dropped_append_leaves_nothing_behind,
    a_large_commit_comes_back_whole,
);

async fn a_commit_is_read_back_byte_for_byte_on_every_node(site: Site) {
    let (one, two) = (site.node().await, site.node().await);
    let (here, there) = (one.acme().await.journal, two.acme().await.journal);
    assert_eq!(here.head().await.unwrap(), Head::EMPTY);
    assert!(here.read(Revision::ZERO, 10).await.unwrap().is_empty());
    let commits = grow(&*here, 3).await;
    assert_eq!(there.head().await.unwrap(), commits[2].head());
    assert_eq!(there.read(Revision::ZERO, 10).await.unwrap(), commits);
    let after = site.node().await.acme().await.journal;
    assert_eq!(after.read(Revision(1), 1).await.unwrap(), commits[1..2]);
}

async fn of_appends_at_the_same_head_one_wins(site: Site) {
    let nodes = [site.node().await, site.node().await];
    let journals = [nodes[0].acme().await.journal, nodes[1].acme().await.journal];
    let mut head = Head::EMPTY;
    for round in 0..10 {
        let rivals = (0..8).map(|rival| {
            let journal = journals[rival % 2].clone();
            let commit = commit(head, &format!("rival-{round}-{rival}"));
            tokio::spawn(async move { journal.append(head, &commit).await })
        });
        let mut won = Vec::new();
        let mut lost = Vec::new();
        for rival in rivals.collect::<Vec<_>>() {
            match rival.await.unwrap() {
                Ok(head) => won.push(head),
                Err(error) => lost.push(error.journal_head().unwrap_or_else(|| panic!("{error}"))),
            }
        }
        assert_eq!((won.len(), lost.len()), (1, 7));
        assert!(lost.iter().all(|head| *head == won[0]), "the losers are told where the journal stands");
        head = won[0];
    }
    assert_eq!(whole_journal(&*journals[1]).await.len(), 10);
}

async fn an_append_at_another_head_does_nothing(site: Site) {
    let journal = site.node().await.acme().await.journal;
    let commits = grow(&*journal, 2).await;
    let forged = Head { hash: Digest::of_bytes(b"another"), ..commits[1].head() };
    for head in [Head::EMPTY, commits[0].head(), forged] {
        let refused = journal.append(head, &commit(head, "late")).await.unwrap_err();
        assert_eq!(refused.journal_head(), Some(commits[1].head()), "{refused:?}");
    }
    let gap = commit(Head { revision: Revision(5), ..commits[1].head() }, "gap");
    let refused = journal.append(commits[1].head(), &gap).await.unwrap_err();
    assert_eq!((refused.kind(), refused.journal_head()), (StoreErrorKind::Conflict, None));
    assert_eq!(whole_journal(&*journal).await, commits);
}

async fn pages_are_whole_and_in_order(site: Site) {
    let journal = site.node().await.acme().await.journal;
    let commits = grow(&*journal, 23).await;
    let mut read: Vec<StoredCommit> = Vec::new();
    for limit in [5, 1, 7, 100] {
        let after = read.last().map_or(Revision::ZERO, StoredCommit::revision);
        let page = journal.read(after, limit).await.unwrap();
        assert!(page.len() <= limit);
        read.extend(page);
    }
    assert_eq!(read, commits);
    assert!(journal.read(Revision(23), 10).await.unwrap().is_empty());
    assert!(journal.read(Revision(99), 10).await.unwrap().is_empty());
    assert!(journal.read(Revision::ZERO, 0).await.unwrap().is_empty());
}

async fn a_commit_wakes_the_readers_of_every_node(site: Site) {
    let (one, two) = (site.node().await, site.node().await);
    let (here, there) = (one.acme().await.journal, two.acme().await.journal);
    for after in 0..3 {
        let wait = async |journal: &dyn mcp_govern_core::ports::Journal| {
            until(async || {
                journal.changed(Revision(after)).await.unwrap();
                let read = journal.read(Revision(after), 1).await.unwrap();
                (!read.is_empty()).then_some(())
            })
            .await;
        };
        tokio::join!(wait(&*here), wait(&*there), grow(&*here, 1));
    }
}

async fn a_reader_is_told_that_nothing_has_changed(site: Site) {
    let journal = site.node().await.acme().await.journal;
    grow(&*journal, 1).await;
    for _ in 0..3 {
        let told = tokio::time::timeout(TIMEOUT, journal.changed(Revision(1))).await;
        told.expect("it is confirmed at least once per poll interval").unwrap();
    }
    let known = tokio::time::timeout(TIMEOUT, journal.changed(Revision::ZERO)).await;
    known.expect("a commit that is there already is no news to wait for").unwrap();
}

async fn the_readers_of_another_tenant_are_left_alone(site: Site) {
    let node = site.node().await;
    let other = node.stores().open(&"other".parse().unwrap()).await.unwrap().journal;
    grow(&*node.acme().await.journal, 3).await;
    other.changed(Revision::ZERO).await.unwrap();
    assert_eq!(other.head().await.unwrap(), Head::EMPTY);
    assert!(other.read(Revision::ZERO, 10).await.unwrap().is_empty());
}

async fn tenants_share_nothing(site: Site) {
    let node = site.node().await;
    let other = node.stores().open(&"other".parse().unwrap()).await.unwrap();
    let acme = node.acme().await;
    let (ours, theirs) = (grow(&*acme.journal, 3).await, grow(&*other.journal, 2).await);
    assert_eq!(whole_journal(&*acme.journal).await, ours);
    assert_eq!(whole_journal(&*other.journal).await, theirs);
    assert_eq!(node.tenants().await, [tenant(), "other".parse().unwrap()]);
}

async fn a_dropped_append_leaves_nothing_behind(site: Site) {
    let journal = site.node().await.acme().await.journal;
    for timeout in 0..60 {
        let head = journal.head().await.unwrap();
        let commit = commit(head, &format!("dropped-{timeout}"));
        let dropped = async {
            for _ in 0..timeout {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            appended = journal.append(head, &commit) => drop(appended.unwrap()),
            () = dropped => {}
        }
        // Whether or not it was done, it was done as a whole, and the next one gets through.
        until(async || {
            let head = journal.head().await.unwrap();
            let next = crate::chains::commit(head, &format!("next-{timeout}"));
            match journal.append(head, &next).await {
                Ok(_) => Some(()),
                Err(error) if error.journal_head().is_some() => None,
                Err(error) => panic!("{error}"),
            }
        })
        .await;
    }
    assert!(whole_journal(&*journal).await.len() >= 60);
}

async fn a_large_commit_comes_back_whole(site: Site) {
    let journal = site.node().await.acme().await.journal;
    let commit = commit(Head::EMPTY, &"x".repeat(50));
    let mut text: serde_json::Value = serde_json::from_slice(commit.bytes()).unwrap();
    text["reason"] = "long ".repeat(1_000_000).into();
    let bytes = serde_json::to_vec(&text).unwrap();
    let large = StoredCommit::from_parts(Revision(1), Digest::of_bytes(&bytes), bytes);
    journal.append(Head::EMPTY, &large).await.unwrap();
    assert_eq!(whole_journal(&*journal).await, [large]);
}
