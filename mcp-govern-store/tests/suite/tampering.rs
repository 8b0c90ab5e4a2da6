//! Whatever is changed behind the back of a store is found by the verification of core, or refused before it comes there.

use mcp_govern_core::{
    audit::{BreakKind, verify_commits},
    journal::{CommitError, Head, Revision},
    ports::StoreErrorKind,
};

use crate::{
    chains::{Chain, grow, verified},
    on_every_store,
    site::Site,
};

on_every_store!(
    a_changed_record_is_named,
    a_record_taken_out_of_the_middle_is_named,
    reordered_records_are_named,
    the_newest_record_taken_away_is_missed,
    a_record_filed_under_another_person_is_named,
    a_changed_commit_is_named,
    a_commit_taken_out_is_named,
    the_newest_commit_taken_away_is_missed,
);

async fn found(site: &Site, tamper: &'static str) -> (u64, BreakKind) {
    let log = site.node().await.acme().await.audit;
    let mut chain = Chain::new("w-1");
    chain.append(&*log, 30, 1_000).await.unwrap();
    assert!(verified(&*log, &chain.writer()).await.is_intact());
    assert!(site.sql(tamper).await > 0);
    let broken = verified(&*log, &chain.writer()).await.broken.expect("a break");
    (broken.sequence, broken.kind)
}

async fn a_changed_record_is_named(site: Site) {
    let changed = "UPDATE record SET bytes = (SELECT bytes FROM record WHERE sequence = 7) WHERE sequence = 12";
    assert_eq!(found(&site, changed).await, (12, BreakKind::Changed));
}

async fn a_record_taken_out_of_the_middle_is_named(site: Site) {
    assert_eq!(found(&site, "DELETE FROM record WHERE sequence = 20").await, (20, BreakKind::Missing));
}

async fn reordered_records_are_named(site: Site) {
    let swapped = "UPDATE record SET bytes = (SELECT r.bytes FROM record r WHERE r.sequence = 19 - record.sequence), \
                   hash = (SELECT r.hash FROM record r WHERE r.sequence = 19 - record.sequence) WHERE sequence IN (9, 10)";
    assert_eq!(found(&site, swapped).await.0, 9);
}

async fn the_newest_record_taken_away_is_missed(site: Site) {
    assert_eq!(found(&site, "DELETE FROM record WHERE sequence = 30").await, (30, BreakKind::Truncated));
}

async fn a_record_filed_under_another_person_is_named(site: Site) {
    let misfiled = "UPDATE record SET person = (SELECT person FROM record WHERE sequence = 2) WHERE sequence = 4";
    assert_eq!(found(&site, misfiled).await, (4, BreakKind::Misfiled));
}

async fn a_changed_commit_is_named(site: Site) {
    let journal = site.node().await.acme().await.journal;
    grow(&*journal, 6).await;
    site.sql("UPDATE act SET bytes = (SELECT bytes FROM act WHERE revision = 2) WHERE revision = 4").await;
    let commits = journal.read(Revision::ZERO, 100).await.unwrap();
    let broken = verify_commits(&commits, Head::EMPTY, None).broken;
    assert_eq!(broken, Some(CommitError::Tampered { revision: Revision(4) }));
}

async fn a_commit_taken_out_is_named(site: Site) {
    let journal = site.node().await.acme().await.journal;
    let commits = grow(&*journal, 6).await;
    site.sql("DELETE FROM act WHERE revision = 4").await;
    assert_eq!(journal.read(Revision::ZERO, 100).await.unwrap(), commits[..3]);
    let error = journal.read(Revision(3), 100).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(error.to_string().contains("revision 4"), "{error}");
}

async fn the_newest_commit_taken_away_is_missed(site: Site) {
    let journal = site.node().await.acme().await.journal;
    grow(&*journal, 6).await;
    site.sql("DELETE FROM act WHERE revision = 6").await;
    let error = journal.read(Revision(5), 100).await.unwrap_err();
    assert!(error.kind() == StoreErrorKind::Corrupt && error.to_string().contains("revision 6"), "{error}");
}
