use mcp_govern_core::{
    Digest,
    journal::Head,
    ports::{Checkpoint, StoreErrorKind},
};
use mcp_govern_store::VaultKeys;

use crate::{
    chains::{grow, tenant},
    on_every_store,
    site::Site,
};

on_every_store!(
    the_newest_checkpoint_of_a_form_is_found_on_every_node,
    a_checkpoint_of_no_commit_is_refused,
    a_checkpoint_that_was_forged_is_passed_over,
    a_checkpoint_that_was_not_finished_is_none,
    two_checkpoints_are_kept,
    the_checkpoints_of_another_tenant_are_not_found,
);

const MEGABYTE: usize = 1 << 20;

async fn the_newest_checkpoint_of_a_form_is_found_on_every_node(site: Site) {
    let (node, other) = (site.node().await, site.node().await);
    let commits = grow(&*node.acme().await.journal, 4).await;
    let (here, there) = (node.checkpoints(&tenant()).await, other.checkpoints(&tenant()).await);
    assert_eq!(here.latest(1).await.unwrap(), None);
    let old = Checkpoint::new(commits[1].head(), 1, b"state after two".as_slice());
    let large = Checkpoint::new(commits[2].head(), 1, vec![7; 3 * MEGABYTE + 5]);
    here.put(&old).await.unwrap();
    assert_eq!(there.latest(1).await.unwrap(), Some(old));
    here.put(&large).await.unwrap();
    here.put(&large).await.unwrap();
    assert_eq!(there.latest(1).await.unwrap(), Some(large.clone()));
    assert_eq!(there.newest(1).await.unwrap(), Some(large.head()));
    // A release with a new form replays, and leaves the others theirs until it has written its own.
    assert_eq!((there.latest(2).await.unwrap(), there.newest(2).await.unwrap()), (None, None));
    let newer = Checkpoint::new(commits[3].head(), 2, b"in a new form".as_slice());
    there.put(&newer).await.unwrap();
    assert_eq!(here.latest(2).await.unwrap(), Some(newer));
    assert_eq!(here.latest(1).await.unwrap(), Some(large));
}

async fn a_checkpoint_of_no_commit_is_refused(site: Site) {
    let node = site.node().await;
    let commits = grow(&*node.acme().await.journal, 2).await;
    let checkpoints = node.checkpoints(&tenant()).await;
    let forged = Head { hash: Digest::of_bytes(b"another"), ..commits[1].head() };
    let ahead = Head { revision: commits[1].revision().next(), ..commits[1].head() };
    for head in [Head::EMPTY, forged, ahead] {
        let error = checkpoints.put(&Checkpoint::new(head, 1, b"x".as_slice())).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Conflict);
    }
    assert_eq!(checkpoints.latest(1).await.unwrap(), None);
}

async fn a_checkpoint_that_was_forged_is_passed_over(site: Site) {
    let node = site.node().await;
    let commits = grow(&*node.acme().await.journal, 3).await;
    let checkpoints = node.checkpoints(&tenant()).await;
    let (old, new) = (
        Checkpoint::new(commits[0].head(), 1, b"old".as_slice()),
        Checkpoint::new(commits[1].head(), 1, b"new".as_slice()),
    );
    checkpoints.put(&old).await.unwrap();
    checkpoints.put(&new).await.unwrap();
    let stranger = site.node_with(&VaultKeys::generate().unwrap()).await;
    assert_eq!(stranger.checkpoints(&tenant()).await.latest(1).await.unwrap(), None, "without the key there is none");
    let swapped = site
        .sql(
            "UPDATE checkpoint_part SET sealed = (SELECT sealed FROM checkpoint_part \
             WHERE checkpoint = (SELECT id FROM checkpoint WHERE revision = 1)) \
             WHERE checkpoint = (SELECT id FROM checkpoint WHERE revision = 2)",
        )
        .await;
    assert_eq!(swapped, 1);
    assert_eq!(checkpoints.latest(1).await.unwrap(), Some(old), "the one before is good");
    assert_eq!(
        site.sql(
            "UPDATE checkpoint SET revision = 3, hash = (SELECT hash FROM act WHERE revision = 3) WHERE revision = 1"
        )
        .await,
        1
    );
    assert_eq!(checkpoints.latest(1).await.unwrap(), None, "and is no checkpoint of another commit");
}

async fn a_checkpoint_that_was_not_finished_is_none(site: Site) {
    let node = site.node().await;
    let commits = grow(&*node.acme().await.journal, 3).await;
    let checkpoints = node.checkpoints(&tenant()).await;
    let [old, cut, new] = [0, 1, 2].map(|place| Checkpoint::new(commits[place].head(), 1, vec![7; 2 * MEGABYTE]));
    checkpoints.put(&old).await.unwrap();
    checkpoints.put(&cut).await.unwrap();
    let last = "DELETE FROM checkpoint_part WHERE part = 1 AND \
                checkpoint = (SELECT id FROM checkpoint WHERE revision = 2)";
    assert_eq!(site.sql(last).await, 1);
    assert_eq!(checkpoints.newest(1).await.unwrap(), Some(old.head()));
    assert_eq!(checkpoints.latest(1).await.unwrap(), Some(old));
    // Written again, it is whole; and one that was cut is not in the way of the next.
    checkpoints.put(&cut).await.unwrap();
    assert_eq!(checkpoints.latest(1).await.unwrap(), Some(cut));
    assert_eq!(site.sql(last).await, 1);
    checkpoints.put(&new).await.unwrap();
    assert_eq!(checkpoints.latest(1).await.unwrap(), Some(new));
}

async fn two_checkpoints_are_kept(site: Site) {
    let node = site.node().await;
    let commits = grow(&*node.acme().await.journal, 6).await;
    let checkpoints = node.checkpoints(&tenant()).await;
    for commit in &commits {
        checkpoints.put(&Checkpoint::new(commit.head(), 1, commit.bytes().clone())).await.unwrap();
    }
    assert_eq!(site.sql("DELETE FROM checkpoint WHERE revision = 6").await, 1);
    assert_eq!(checkpoints.latest(1).await.unwrap().unwrap().head(), commits[4].head());
    assert_eq!(site.sql("DELETE FROM checkpoint").await, 1);
    assert_eq!(site.sql("DELETE FROM checkpoint_part").await, 0, "no part stays behind");
}

async fn the_checkpoints_of_another_tenant_are_not_found(site: Site) {
    let node = site.node().await;
    let commits = grow(&*node.acme().await.journal, 1).await;
    let checkpoint = Checkpoint::new(commits[0].head(), 1, b"ours".as_slice());
    node.checkpoints(&tenant()).await.put(&checkpoint).await.unwrap();
    let other = node.checkpoints(&"other".parse().unwrap()).await;
    assert_eq!(other.latest(1).await.unwrap(), None);
    assert_eq!(other.put(&checkpoint).await.unwrap_err().kind(), StoreErrorKind::Conflict);
}
