//! Seals of the journal: acts that anchor the audit carry a MAC under the audit key.
//!
//! A person who can write the store needs no key to chain both streams anew. A seal covers its act whole, and the act names the hash
//! of the one before and the heads of the audit: one good seal vouches for every act up to it and for every record up to the
//! heads that were anchored by then.

use super::AuditKey;
use crate::{
    journal::{Act, ActError, Event, JournalSealed, Revision, SealFault, StoredAct},
    vocabulary::{Digest, TenantId},
};

impl AuditKey {
    /// Seals an act that has no seal yet.
    ///
    /// # Errors
    ///
    /// When the act has no JSON form.
    pub(crate) fn seal_act(&self, tenant: &TenantId, act: &mut Act) -> Result<(), ActError> {
        let mac = self.act_mac(tenant, act)?;
        act.events.push(JournalSealed { key: self.id(), mac }.into());
        Ok(())
    }

    /// Whether an act ends with a good seal under this key, and has no other.
    pub(crate) fn has_sealed(&self, tenant: &TenantId, act: &Act) -> bool {
        let Some((Event::JournalSealed(seal), rest)) = act.events.split_last() else { return false };
        if seal.key != self.id() || rest.iter().any(|event| matches!(event, Event::JournalSealed(_))) {
            return false;
        }
        let unsealed = Act { events: rest.to_vec(), ..act.clone() };
        self.act_mac(tenant, &unsealed).is_ok_and(|mac| mac == seal.mac)
    }

    /// Over the tenant and an act without its seal, in the form in which acts are stored.
    fn act_mac(&self, tenant: &TenantId, act: &Act) -> Result<Digest, ActError> {
        let stored = StoredAct::seal(act)?;
        let tenant = tenant.as_str().as_bytes();
        let length = u64::try_from(tenant.len()).unwrap_or(u64::MAX).to_be_bytes();
        Ok(self.mac(&[b"mcp-govern/journal-seal/v1\0", &length[..], tenant, stored.bytes()].concat()))
    }
}

/// What the seals of a journal say, as far as it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct SealsFound {
    /// The newest act with a good seal: every act up to it is as a node that has the key wrote it. Absent where there is none, or
    /// no key to check it with.
    pub through: Option<Revision>,
    /// Acts whose seal is good.
    pub good: u64,
    /// Sealed acts that were not checked, because there was no key at hand.
    pub unchecked: u64,
    /// Acts sealed under other keys before the first good seal, which vouches for them: the key was replaced.
    pub earlier_keys: u64,
    /// Acts that anchor the audit without a seal, before the first that has one.
    pub unsealed: u64,
}

/// Looks at the seals of a journal, act by act.
#[derive(Debug, Clone)]
pub(super) struct SealChecker {
    key: Option<(TenantId, AuditKey)>,
    found: SealsFound,
    /// The newest act, if its seal is of another key.
    foreign: Option<Revision>,
}

impl SealChecker {
    /// Without a key only that seals do not go missing is looked at.
    pub(super) fn new(key: Option<(TenantId, AuditKey)>) -> Self {
        Self { key, found: SealsFound::default(), foreign: None }
    }

    pub(super) fn push(&mut self, act: &Act) -> Result<(), ActError> {
        let refuse = |fault| Err(ActError::Seal { revision: act.revision, fault });
        let is_seal = |event: &Event| matches!(event, Event::JournalSealed(_));
        let Some((Event::JournalSealed(seal), rest)) = act.events.split_last() else {
            if act.events.iter().any(is_seal) {
                return refuse(SealFault::Wrong);
            }
            // INVARIANT: nothing is dropped on the word of whoever can write the store alone: such an act must be sealed
            // (`records_dropped_by_an_act_without_a_seal_are_found`).
            if act.events.iter().any(|event| matches!(event, Event::AuditAnchored(_) | Event::AuditSegmentDropped(_))) {
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
            self.foreign = Some(act.revision);
            return Ok(());
        }
        if !key.has_sealed(tenant, act) {
            return refuse(SealFault::Wrong);
        }
        self.foreign = None;
        self.found.good = self.found.good.saturating_add(1);
        self.found.through = Some(act.revision);
        Ok(())
    }

    /// What was found; the break, if the newest seal is of another key.
    pub(super) fn finish(self) -> (SealsFound, Option<ActError>) {
        let broken = self.foreign.map(|revision| ActError::Seal { revision, fault: SealFault::OtherKey });
        (self.found, broken)
    }

    fn has_seen_one(&self) -> bool {
        let SealsFound { good, unchecked, earlier_keys, .. } = self.found;
        good > 0 || unchecked > 0 || earlier_keys > 0
    }
}
