//! Checks of the [`Journal`] port.

use std::{sync::Arc, time::Duration};

use mcp_govern_core::{
    Digest,
    journal::{Head, Revision, StoredCommit},
    ports::{Journal, JournalUpdates},
};

use super::{Storage, open};
use crate::failure::{Failure, Verdict, ensure};

const TENANT: &str = "acme";

/// A commit is opaque to a store: any bytes do.
fn commit(after: Head, text: &str) -> StoredCommit {
    let bytes = format!("{{\"commit\":{:?},\"previous\":\"{}\"}}", text, after.hash).into_bytes();
    StoredCommit::from_parts(after.revision.next(), Digest::of_bytes(&bytes), bytes)
}

async fn append(journal: &dyn Journal, after: Head, text: &str) -> Result<Head, Failure> {
    let commit = commit(after, text);
    let head = journal.append(after, &commit).await?;
    ensure!(head == commit.head(), "append answered {head:?}, the commit makes {:?}", commit.head());
    Ok(head)
}

/// A journal without commits stands at [`Head::EMPTY`] and reads as nothing.
///
/// # Errors
///
/// What is wrong.
pub async fn an_empty_journal_stands_at_the_empty_head(storage: &dyn Storage) -> Verdict {
    let stores = open(storage, TENANT).await?;
    let head = stores.journal.head().await?;
    ensure!(head == Head::EMPTY, "an empty journal stands at {head:?}");
    ensure!(stores.journal.read(Revision::ZERO, 10).await?.is_empty(), "an empty journal has commits");
    Ok(())
}

/// What one node appends, another reads: the same bytes, hash and revision.
///
/// # Errors
///
/// What is wrong.
pub async fn an_appended_commit_is_read_back_to_the_byte_on_every_node(storage: &dyn Storage) -> Verdict {
    let (one, two) = (open(storage, TENANT).await?, open(storage, TENANT).await?);
    let written = commit(Head::EMPTY, "zero \u{0} byte, ünïcode, \"quotes\" and a line\nbreak");
    one.journal.append(Head::EMPTY, &written).await?;
    let read = two.journal.read(Revision::ZERO, 10).await?;
    ensure!(read == [written.clone()], "appended {written:?}, read {read:?}");
    ensure!(two.journal.head().await? == written.head(), "the other node's head is {:?}", two.journal.head().await?);
    Ok(())
}

/// Sixteen appends at one head, from two nodes: one wins, the others get a conflict that names the new head.
///
/// # Errors
///
/// What is wrong.
pub async fn of_many_appends_at_one_head_one_wins(storage: &dyn Storage) -> Verdict {
    let nodes = [open(storage, TENANT).await?, open(storage, TENANT).await?];
    let start = append(nodes[0].journal.as_ref(), Head::EMPTY, "first").await?;
    let mut tasks = Vec::new();
    for number in 0..16 {
        let journal = Arc::clone(&nodes[number % 2].journal);
        let commit = commit(start, &format!("racer {number}"));
        tasks.push(tokio::spawn(async move { journal.append(start, &commit).await }));
    }
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.map_err(|error| Failure::new(error.to_string()))? {
            Ok(head) => winners.push(head),
            Err(error) => match error.journal_head() {
                Some(head) => ensure!(head.revision == Revision(2), "a conflict names revision {}", head.revision),
                None => return Err(Failure::new(format!("a loser got `{error}` instead of a conflict"))),
            },
        }
    }
    ensure!(winners.len() == 1, "{} appends won at one head", winners.len());
    let read = nodes[1].journal.read(Revision::ZERO, 10).await?;
    ensure!(read.len() == 2, "the journal holds {} commits after one won", read.len());
    ensure!(
        winners.first() == read.last().map(StoredCommit::head).as_ref(),
        "the winner is not what the journal holds"
    );
    Ok(())
}

/// An append at a head that is gone is refused and leaves no trace.
///
/// # Errors
///
/// What is wrong.
pub async fn an_append_at_an_old_head_changes_nothing(storage: &dyn Storage) -> Verdict {
    let stores = open(storage, TENANT).await?;
    let head = append(stores.journal.as_ref(), Head::EMPTY, "first").await?;
    for (expected, why) in [
        (Head::EMPTY, "an old head"),
        (Head { revision: head.revision, hash: Digest::of_bytes(b"another history") }, "another hash"),
        (Head { revision: Revision(7), hash: head.hash }, "a revision that is not there"),
    ] {
        match stores.journal.append(expected, &commit(expected, "late")).await {
            Err(error) if error.journal_head().is_some() => {
                ensure!(error.journal_head() == Some(head), "the conflict names {:?}", error.journal_head());
            }
            other => return Err(Failure::new(format!("an append at {why} answered {other:?}"))),
        }
    }
    ensure!(stores.journal.read(Revision::ZERO, 10).await?.len() == 1, "a refused commit is in the journal");
    Ok(())
}

/// Reading gives whole commits in order, after a revision, at most as many as asked for.
///
/// # Errors
///
/// What is wrong.
pub async fn reading_starts_after_a_revision_and_keeps_the_limit(storage: &dyn Storage) -> Verdict {
    let stores = open(storage, TENANT).await?;
    let mut head = Head::EMPTY;
    for number in 0..7 {
        head = append(stores.journal.as_ref(), head, &format!("commit {number}")).await?;
    }
    let read = stores.journal.read(Revision(2), 3).await?;
    let revisions: Vec<u64> = read.iter().map(|commit| commit.revision().0).collect();
    ensure!(revisions == [3, 4, 5], "after 2, at most 3, read gave {revisions:?}");
    ensure!(stores.journal.read(Revision(7), 3).await?.is_empty(), "there is something after the last commit");
    Ok(())
}

/// A reader that waits on one node wakes when another node appends.
///
/// # Errors
///
/// What is wrong.
pub async fn a_waiting_reader_wakes_when_another_node_appends(storage: &dyn Storage) -> Verdict {
    let (one, two) = (open(storage, TENANT).await?, open(storage, TENANT).await?);
    let journal = Arc::clone(&two.journal);
    let reader = tokio::spawn(async move {
        loop {
            journal.changed(Revision::ZERO).await?;
            let commits = journal.read(Revision::ZERO, 1).await?;
            if let Some(commit) = commits.into_iter().next() {
                return Ok::<_, Failure>(commit);
            }
            if journal.updates() == JournalUpdates::Pushed {
                return Err(Failure::new("a pushing journal woke its reader without a commit"));
            }
        }
    });
    tokio::task::yield_now().await;
    append(one.journal.as_ref(), Head::EMPTY, "news").await?;
    let woken = tokio::time::timeout(Duration::from_secs(60), reader).await;
    let commit = woken.map_err(|_| Failure::new("the reader still waits after ten seconds"))?;
    let commit = commit.map_err(|error| Failure::new(error.to_string()))??;
    ensure!(commit.revision() == Revision(1), "the reader got revision {}", commit.revision());
    Ok(())
}

/// `changed` returns at once when there is something newer already.
///
/// # Errors
///
/// What is wrong.
pub async fn a_reader_that_is_behind_does_not_wait(storage: &dyn Storage) -> Verdict {
    let stores = open(storage, TENANT).await?;
    append(stores.journal.as_ref(), Head::EMPTY, "first").await?;
    let waited = tokio::time::timeout(Duration::from_secs(60), stores.journal.changed(Revision::ZERO)).await;
    waited.map_err(|_| Failure::new("`changed` waits although there is something newer"))??;
    Ok(())
}

/// A catalogue of a thousand tools is one commit: a megabyte is kept to the byte.
///
/// # Errors
///
/// What is wrong.
pub async fn a_commit_of_a_megabyte_is_kept(storage: &dyn Storage) -> Verdict {
    let stores = open(storage, TENANT).await?;
    let large = commit(Head::EMPTY, &"x".repeat(1 << 20));
    stores.journal.append(Head::EMPTY, &large).await?;
    ensure!(stores.journal.read(Revision::ZERO, 1).await? == [large], "a large commit came back changed");
    Ok(())
}
