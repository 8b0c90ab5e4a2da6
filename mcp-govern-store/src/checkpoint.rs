//! How checkpoints are stored: sealed, in parts.

use mcp_govern_core::{
    TenantId,
    journal::Head,
    ports::{Checkpoint, StoreError, StoreErrorKind},
};

use crate::seal::{Place, Sealed, Sealer};

/// How many bytes of a checkpoint are sealed and stored in one piece.
const PART: usize = 1 << 20;

/// Seals checkpoints of one tenant, part by part.
#[derive(Debug, Clone)]
pub(crate) struct CheckpointSealer {
    tenant: TenantId,
    sealer: Sealer,
}

impl CheckpointSealer {
    pub(crate) fn new(tenant: TenantId, sealer: Sealer) -> Self {
        Self { tenant, sealer }
    }

    /// How many parts a checkpoint has: at least one.
    pub(crate) fn parts(checkpoint: &Checkpoint) -> u64 {
        u64::try_from(checkpoint.bytes().len().div_ceil(PART)).unwrap_or(u64::MAX).max(1)
    }

    /// The parts, sealed one at a time.
    pub(crate) fn seal<'a>(
        &'a self,
        checkpoint: &'a Checkpoint,
    ) -> impl Iterator<Item = Result<Sealed, StoreError>> + 'a {
        let parts = Self::parts(checkpoint);
        let chunk = |part: u64| {
            let start = usize::try_from(part).unwrap_or(usize::MAX).saturating_mul(PART).min(checkpoint.bytes().len());
            let end = start.saturating_add(PART).min(checkpoint.bytes().len());
            checkpoint.bytes().get(start..end).unwrap_or_default()
        };
        (0..parts).map(move |part| {
            self.sealer.seal(&self.place(checkpoint.head(), checkpoint.form(), part, parts), chunk(part))
        })
    }

    /// Puts the parts together; nothing when one is missing or does not open.
    pub(crate) fn open(&self, head: Head, form: u32, parts: u64, sealed: &[(String, Vec<u8>)]) -> Option<Checkpoint> {
        if u64::try_from(sealed.len()).ok() != Some(parts) {
            self.passed_over(head, "a part is missing");
            return None;
        }
        let mut bytes = Vec::with_capacity(sealed.iter().map(|(_, part)| part.len()).sum());
        for (part, (key, sealed)) in (0_u64..).zip(sealed) {
            match self.sealer.open(&self.place(head, form, part, parts), key, sealed) {
                Ok(plain) => bytes.extend_from_slice(&plain),
                Err(error) => {
                    self.passed_over(head, &error.to_string());
                    return None;
                }
            }
        }
        Some(Checkpoint::new(head, form, bytes))
    }

    fn place(&self, head: Head, form: u32, part: u64, parts: u64) -> Place {
        Place::new("checkpoint")
            .with(self.tenant.as_str().as_bytes())
            .with_number(head.revision.0)
            .with(head.hash.as_bytes())
            .with_number(u64::from(form))
            .with_number(part)
            .with_number(parts)
    }

    fn passed_over(&self, head: Head, why: &str) {
        tracing::warn!(tenant = %self.tenant, revision = head.revision.0, why, "a checkpoint is passed over");
    }
}

/// The journal does not hold the commit of a checkpoint.
pub(crate) fn not_in_journal(checkpoint: &Checkpoint) -> StoreError {
    let message = format!("the journal does not hold the commit {} of the checkpoint", checkpoint.head().revision);
    StoreError::new(StoreErrorKind::Conflict, message)
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::{Digest, journal::Revision};

    use super::*;
    use crate::keys::VaultKeys;

    fn head() -> Head {
        Head { revision: Revision(9), hash: Digest::of_bytes(b"commit") }
    }

    fn sealer(tenant: &str, keys: &VaultKeys) -> CheckpointSealer {
        CheckpointSealer::new(TenantId::new(tenant).unwrap(), Sealer::new(keys.clone()))
    }

    fn sealed(sealer: &CheckpointSealer, checkpoint: &Checkpoint) -> Vec<(String, Vec<u8>)> {
        sealer.seal(checkpoint).map(|part| part.map(|part| (part.key, part.bytes)).unwrap()).collect()
    }

    #[test]
    fn a_checkpoint_of_any_size_is_put_together_again() {
        let sealer = sealer("acme", &VaultKeys::generate().unwrap());
        for (size, parts) in [(0, 1), (1, 1), (PART, 1), (PART + 1, 2), (3 * PART - 1, 3)] {
            let bytes: Vec<u8> = (0..size).map(|index| u8::try_from(index % 251).unwrap()).collect();
            let checkpoint = Checkpoint::new(head(), 1, bytes);
            let stored = sealed(&sealer, &checkpoint);
            assert_eq!(u64::try_from(stored.len()).unwrap(), parts);
            assert_eq!(sealer.open(head(), 1, parts, &stored).unwrap(), checkpoint);
        }
    }

    #[test]
    fn parts_that_were_cut_swapped_or_moved_are_passed_over() {
        let keys = VaultKeys::generate().unwrap();
        let acme = sealer("acme", &keys);
        let checkpoint = Checkpoint::new(head(), 1, vec![7; 2 * PART]);
        let parts = sealed(&acme, &checkpoint);
        let swapped: Vec<_> = parts.iter().rev().cloned().collect();
        let other = Head { revision: Revision(8), ..head() };
        assert!(acme.open(head(), 1, 2, &parts).is_some());
        assert!(acme.open(head(), 1, 2, &swapped).is_none());
        assert!(acme.open(head(), 1, 2, &parts[..1]).is_none());
        assert!(acme.open(head(), 1, 1, &parts[..1]).is_none());
        assert!(acme.open(other, 1, 2, &parts).is_none());
        assert!(acme.open(head(), 2, 2, &parts).is_none());
        assert!(sealer("other", &keys).open(head(), 1, 2, &parts).is_none());
        assert!(sealer("acme", &VaultKeys::generate().unwrap()).open(head(), 1, 2, &parts).is_none());
    }
}
