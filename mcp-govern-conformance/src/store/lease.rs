//! Checks of the [`Lease`](mcp_govern_core::ports::Lease) port.

use std::time::Duration;

use super::{Storage, open};
use crate::failure::{Failure, Verdict, ensure};

const TENANT: &str = "acme";
const HOUR: Duration = Duration::from_secs(3600);

/// A name has one holder across nodes.
///
/// # Errors
///
/// What is wrong.
pub async fn a_name_has_one_holder(storage: &dyn Storage) -> Verdict {
    let (one, two) = (open(storage, TENANT).await?.lease, open(storage, TENANT).await?.lease);
    let held = one.hold("sync", HOUR).await?;
    ensure!(held.as_ref().is_some_and(|guard| guard.is_held()), "a free lease is not given");
    ensure!(two.hold("sync", HOUR).await?.is_none(), "a second node holds the same lease");
    ensure!(one.hold("sync", HOUR).await?.is_none(), "the same node holds a lease twice");
    Ok(())
}

/// Leases are counted by the beginning of their names, whoever holds them, as long as they are held.
///
/// # Errors
///
/// What is wrong.
pub async fn leases_that_are_held_are_counted_across_nodes(storage: &dyn Storage) -> Verdict {
    let (one, two) = (open(storage, TENANT).await?.lease, open(storage, TENANT).await?.lease);
    ensure!(one.count("node/").await? == 0, "a lease is counted that nobody holds");
    let held = [one.hold("node/0", HOUR).await?, two.hold("node/1", HOUR).await?, two.hold("sync", HOUR).await?];
    ensure!(held.iter().all(Option::is_some), "a free lease is not given");
    let _over = two.hold("node/2", Duration::ZERO).await?;
    for lease in [&one, &two] {
        ensure!(lease.count("node/").await? == 2, "the leases of a prefix are not counted as they are held");
        ensure!(
            lease.count("node/1").await? == 1 && lease.count("").await? == 3,
            "leases are counted by another prefix"
        );
        ensure!(lease.count("nod_/").await? == 0 && lease.count("%").await? == 0, "a prefix is taken for a pattern");
    }
    let other = open(storage, "other").await?.lease;
    ensure!(other.count("node/").await? == 0, "the leases of another tenant are counted");
    Ok(())
}

/// A lease whose time is over can be taken by somebody else, and its guard knows.
///
/// # Errors
///
/// What is wrong.
pub async fn a_lease_past_its_time_is_free(storage: &dyn Storage) -> Verdict {
    let (one, two) = (open(storage, TENANT).await?.lease, open(storage, TENANT).await?.lease);
    let held = one.hold("sync", Duration::ZERO).await?;
    ensure!(held.as_ref().is_none_or(|guard| !guard.is_held()), "a lease of no length is held");
    let next = two.hold("sync", HOUR).await?;
    ensure!(next.is_some(), "a lease past its time is not free");
    drop(held);
    ensure!(one.hold("sync", HOUR).await?.is_none(), "dropping an old guard gave away somebody else's lease");
    drop(next);
    Ok(())
}

/// A holder renews what it holds, and never what somebody else has taken.
///
/// # Errors
///
/// What is wrong.
pub async fn a_lease_is_renewed_by_its_holder_alone(storage: &dyn Storage) -> Verdict {
    let (one, two) = (open(storage, TENANT).await?.lease, open(storage, TENANT).await?.lease);
    let Some(mut held) = one.hold("sync", Duration::ZERO).await? else {
        return Err(Failure::new("a free lease is not given"));
    };
    ensure!(held.renew(HOUR).await? && held.is_held(), "a lease that nobody else has taken is not renewed");
    ensure!(two.hold("sync", HOUR).await?.is_none(), "a renewed lease is given to somebody else");
    ensure!(held.renew(Duration::ZERO).await?, "a lease is not renewed a second time");
    let taken = two.hold("sync", HOUR).await?;
    ensure!(taken.as_ref().is_some_and(|guard| guard.is_held()), "a lease past its time is not free");
    ensure!(!held.renew(HOUR).await? && !held.is_held(), "somebody else's lease is renewed");
    ensure!(one.hold("sync", HOUR).await?.is_none(), "renewing took a lease away");
    drop(held);
    ensure!(one.hold("sync", HOUR).await?.is_none(), "dropping an old guard gave away somebody else's lease");
    Ok(())
}

/// Names do not touch each other.
///
/// # Errors
///
/// What is wrong.
pub async fn leases_of_other_names_are_independent(storage: &dyn Storage) -> Verdict {
    let lease = open(storage, TENANT).await?.lease;
    let one = lease.hold("sync", HOUR).await?;
    let two = lease.hold("refresh", HOUR).await?;
    ensure!(one.is_some() && two.is_some(), "two names share one lease");
    Ok(())
}
