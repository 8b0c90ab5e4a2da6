//! Wakes tasks that wait for commits of a tenant in this process.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tokio::sync::watch;

/// The highest revision that this process knows of, per tenant.
#[derive(Debug, Default)]
pub(crate) struct Revisions(Mutex<HashMap<i64, watch::Sender<u64>>>);

impl Revisions {
    /// Where a tenant's revision is announced and waited for.
    pub(crate) fn of(&self, tenant: i64) -> watch::Sender<u64> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(tenant).or_insert_with(|| watch::Sender::new(0)).clone()
    }

    /// Wakes all tasks, so that each looks for itself: what was missed is unknown.
    #[cfg(feature = "postgres")]
    pub(crate) fn wake_all(&self) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().for_each(|revision| revision.send_modify(|_| ()));
    }
}

/// Announces a revision; an older one than is known wakes no task.
pub(crate) fn announce(sender: &watch::Sender<u64>, revision: u64) {
    sender.send_if_modified(|known| {
        let newer = revision > *known;
        *known = revision.max(*known);
        newer
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_revision_wakes_the_readers_of_its_tenant_only() {
        let revisions = Revisions::default();
        let (mut one, other) = (revisions.of(1).subscribe(), revisions.of(2).subscribe());
        announce(&revisions.of(1), 5);
        assert!(one.has_changed().unwrap() && !other.has_changed().unwrap());
        assert_eq!(*one.borrow_and_update(), 5);
        announce(&revisions.of(1), 4);
        assert!(!one.has_changed().unwrap());
        assert_eq!(*one.borrow(), 5);
    }
}
