//! Checks of the [`Checkpoints`](mcp_govern_core::ports::Checkpoints) port. Stores that keep none pass.

use mcp_govern_core::{
    Digest,
    journal::{Head, Revision, StoredCommit},
    ports::{Checkpoint, StoreErrorKind},
};

use super::{Storage, open};
use crate::failure::{Failure, Verdict, ensure};

const TENANT: &str = "acme";

fn commit(number: u64) -> StoredCommit {
    let bytes = format!("commit {number}").into_bytes();
    StoredCommit::from_parts(Revision(number), Digest::of_bytes(&bytes), bytes)
}

/// The newest checkpoint of a form comes back as it was put, on another node too; another form has its own.
///
/// # Errors
///
/// What is wrong.
pub async fn a_checkpoint_is_found_on_every_node_under_its_own_form(storage: &dyn Storage) -> Verdict {
    let (one, two) = (open(storage, TENANT).await?, open(storage, TENANT).await?);
    let (Some(here), Some(there)) = (one.checkpoints, two.checkpoints) else { return Ok(()) };
    ensure!(here.latest(1).await?.is_none() && here.newest(1).await?.is_none(), "an empty journal has a checkpoint");
    let first = one.journal.append(Head::EMPTY, &commit(1)).await?;
    let second = one.journal.append(first, &commit(2)).await?;
    let large: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let kept = [Checkpoint::new(first, 1, b"one".as_slice()), Checkpoint::new(second, 1, large)];
    for checkpoint in &kept {
        here.put(checkpoint).await?;
        ensure!(there.latest(1).await?.as_ref() == Some(checkpoint), "the newest checkpoint is another than was put");
        ensure!(there.newest(1).await? == Some(checkpoint.head()), "the newest checkpoint stands elsewhere");
    }
    ensure!(there.latest(2).await?.is_none(), "a checkpoint of another form is answered");
    let newer = Checkpoint::new(first, 2, b"of another form".as_slice());
    there.put(&newer).await?;
    ensure!(here.latest(2).await?.as_ref() == Some(&newer), "the form that was put is not found");
    ensure!(here.latest(1).await?.as_ref() == Some(&kept[1]), "a newer form took the older one away");
    Ok(())
}

/// A checkpoint of a commit that the journal does not hold is refused with `Conflict`.
///
/// # Errors
///
/// What is wrong.
pub async fn a_checkpoint_of_no_commit_is_refused(storage: &dyn Storage) -> Verdict {
    let stores = open(storage, TENANT).await?;
    let Some(checkpoints) = stores.checkpoints else { return Ok(()) };
    let head = stores.journal.append(Head::EMPTY, &commit(1)).await?;
    for wrong in
        [Head { hash: Digest::of_bytes(b"another commit"), ..head }, Head { revision: head.revision.next(), ..head }]
    {
        match checkpoints.put(&Checkpoint::new(wrong, 1, b"x".as_slice())).await {
            Err(error) if error.kind() == StoreErrorKind::Conflict => {}
            other => return Err(Failure::new(format!("a checkpoint of {wrong:?} answered {other:?}"))),
        }
    }
    ensure!(checkpoints.latest(1).await?.is_none(), "a refused checkpoint is there");
    Ok(())
}
