//! Seals of the journal: commits that anchor the audit carry a MAC under the audit key.
//!
//! A person who can write the store needs no key to chain both streams anew. A seal covers its commit whole, and the commit names the hash
//! of the one before and the heads of the audit: one good seal vouches for every commit up to it and for every record up to the
//! heads that were anchored by then.

use super::AuditKey;
use crate::{
    journal::{Commit, CommitError, Event, Revision, SealFault, StoredCommit, event::JournalSealed},
    vocabulary::{Digest, TenantId},
};

impl AuditKey {
    /// Seals a commit that has no seal yet.
    ///
    /// # Errors
    ///
    /// When the commit has no JSON form.
    pub(crate) fn seal_commit(&self, tenant: &TenantId, commit: &mut Commit) -> Result<(), CommitError> {
        let mac = self.commit_mac(tenant, commit)?;
        commit.events.push(JournalSealed { key: self.id(), mac }.into());
        Ok(())
    }

    /// Whether a commit ends with a good seal under this key, and has no other.
    pub(crate) fn has_sealed(&self, tenant: &TenantId, commit: &Commit) -> bool {
        let Some((Event::JournalSealed(seal), rest)) = commit.events.split_last() else { return false };
        if seal.key != self.id() || rest.iter().any(|event| matches!(event, Event::JournalSealed(_))) {
            return false;
        }
        let unsealed = Commit { events: rest.to_vec(), ..commit.clone() };
        self.commit_mac(tenant, &unsealed).is_ok_and(|mac| mac == seal.mac)
    }

    /// Over the tenant and a commit without its seal, in the form in which commits are stored.
    fn commit_mac(&self, tenant: &TenantId, commit: &Commit) -> Result<Digest, CommitError> {
        let stored = StoredCommit::seal(commit)?;
        let tenant = tenant.as_str().as_bytes();
        let length = u64::try_from(tenant.len()).unwrap_or(u64::MAX).to_be_bytes();
        Ok(self.mac(&[b"mcp-govern/journal-seal/v1\0", &length[..], tenant, stored.bytes()].concat()))
    }
}

/// What the seals of a journal say, as far as it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct SealsFound {
    /// The newest commit with a good seal: every commit up to it is as a node that has the key wrote it. Absent where there is none, or
    /// no key to check it with.
    pub through: Option<Revision>,
    /// Commits whose seal is good.
    pub good: u64,
    /// Sealed commits that were not checked, because there was no key at hand.
    pub unchecked: u64,
    /// Commits sealed under other keys before the first good seal, which vouches for them: the key was replaced.
    pub earlier_keys: u64,
    /// Commits that anchor the audit without a seal, before the first that has one.
    pub unsealed: u64,
}

/// Looks at the seals of a journal, commit by commit.
#[derive(Debug, Clone)]
pub(super) struct SealChecker {
    key: Option<(TenantId, AuditKey)>,
    found: SealsFound,
    /// The newest commit, if its seal is of another key.
    foreign: Option<Revision>,
}

impl SealChecker {
    /// Without a key only that seals do not go missing is looked at.
    pub(super) fn new(key: Option<(TenantId, AuditKey)>) -> Self {
        Self { key, found: SealsFound::default(), foreign: None }
    }

    pub(super) fn push(&mut self, commit: &Commit) -> Result<(), CommitError> {
        let refuse = |fault| Err(CommitError::Seal { revision: commit.revision, fault });
        let is_seal = |event: &Event| matches!(event, Event::JournalSealed(_));
        let Some((Event::JournalSealed(seal), rest)) = commit.events.split_last() else {
            if commit.events.iter().any(is_seal) {
                return refuse(SealFault::Wrong);
            }
            // INVARIANT: nothing is dropped on the word of whoever can write the store alone: such a commit must be sealed
            // (`records_dropped_by_a_commit_without_a_seal_are_found`).
            if commit
                .events
                .iter()
                .any(|event| matches!(event, Event::AuditAnchored(_) | Event::AuditSegmentDropped(_)))
            {
                if self.has_seen_one() {
                    return refuse(SealFault::Missing);
                }
                self.found.unsealed = self.found.unsealed.saturating_add(1);
            }
            return Ok(());
        };
        if rest.iter().any(is_seal) {
            return refuse(SealFault::Wrong);
        }
        let Some((tenant, key)) = &self.key else {
            self.found.unchecked = self.found.unchecked.saturating_add(1);
            return Ok(());
        };
        if seal.key != key.id() {
            // INVARIANT: once the key has vouched for the journal no other one does, so that a journal cannot be rewritten under a
            // key of somebody else's (`a_journal_sealed_anew_under_another_key_is_named_as_that`).
            if self.found.good > 0 {
                return refuse(SealFault::OtherKey);
            }
            self.found.earlier_keys = self.found.earlier_keys.saturating_add(1);
            self.foreign = Some(commit.revision);
            return Ok(());
        }
        if !key.has_sealed(tenant, commit) {
            return refuse(SealFault::Wrong);
        }
        self.foreign = None;
        self.found.good = self.found.good.saturating_add(1);
        self.found.through = Some(commit.revision);
        Ok(())
    }

    /// What was found; the break, if the newest seal is of another key.
    pub(super) fn finish(self) -> (SealsFound, Option<CommitError>) {
        let broken = self.foreign.map(|revision| CommitError::Seal { revision, fault: SealFault::OtherKey });
        (self.found, broken)
    }

    fn has_seen_one(&self) -> bool {
        let SealsFound { good, unchecked, earlier_keys, .. } = self.found;
        good > 0 || unchecked > 0 || earlier_keys > 0
    }
}
