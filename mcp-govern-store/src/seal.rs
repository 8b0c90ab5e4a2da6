//! Sealing: XChaCha20-Poly1305 under the operator's keys, bound to where the sealed bytes belong.

use std::sync::{Arc, RwLock};

use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{AeadInOut as _, KeyInit as _},
};
use mcp_govern_core::ports::{StoreError, StoreErrorKind};
use zeroize::Zeroizing;

use crate::keys::{SealingKey, VaultKeys};

const FORM: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;

/// Seals and opens under the keys of the moment. Clones share the keys.
#[derive(Debug, Clone)]
pub(crate) struct Sealer(Arc<RwLock<Option<Arc<VaultKeys>>>>);

/// What was sealed: the key's name, and form, nonce, ciphertext and tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) key: String,
    pub(crate) bytes: Vec<u8>,
}

/// Why sealed bytes do not open. Says nothing of what is in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("the stores were opened without vault keys")]
    NoKeys,
    #[error("it was sealed with the key `{0}`, which is not among the vault keys")]
    NoKey(String),
    #[error("it is too short or of an unknown form")]
    Malformed,
    #[error("it was changed or moved, or the key named `{0}` is another one")]
    Refused(String),
}

impl Sealer {
    /// Without keys nothing can be sealed or opened.
    pub(crate) fn new(keys: impl Into<Option<VaultKeys>>) -> Self {
        Self(Arc::new(RwLock::new(keys.into().map(Arc::new))))
    }

    /// Whether there are keys at all.
    pub(crate) fn has_keys(&self) -> bool {
        self.keys().is_some()
    }

    /// Whether a key is the one that seals.
    pub(crate) fn is_current(&self, key: &str) -> bool {
        self.keys().is_some_and(|keys| keys.current_id() == key)
    }

    pub(crate) fn replace(&self, keys: VaultKeys) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Arc::new(keys));
    }

    /// The keys of the moment.
    fn keys(&self) -> Option<Arc<VaultKeys>> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Seals under the current key.
    ///
    /// INVARIANT: a nonce is random and 192 bits long, so that no counter has to survive a crash
    /// (`the_same_text_is_sealed_differently_each_time`).
    pub(crate) fn seal(&self, place: &Place, plain: &[u8]) -> Result<Sealed, StoreError> {
        let keys = self.keys().ok_or_else(|| {
            StoreError::new(StoreErrorKind::Invalid, "the stores were opened without vault keys: nothing can be sealed")
        })?;
        let key = keys.current();
        let failed = || StoreError::new(StoreErrorKind::Unavailable, "the secret could not be sealed");
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| failed().with_source(NoRandom(error.to_string())))?;
        // Room for the tag from the start: growing would leave a copy of the plain text behind.
        let mut buffer = Zeroizing::new(Vec::with_capacity(plain.len().saturating_add(TAG)));
        buffer.extend_from_slice(plain);
        cipher(key).encrypt_in_place(&nonce.into(), &place.bound_to(key), &mut *buffer).map_err(|_| failed())?;
        let mut bytes = Vec::with_capacity(1 + NONCE + buffer.len());
        bytes.push(FORM);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&buffer);
        Ok(Sealed { key: key.id().to_owned(), bytes })
    }

    /// Opens what was sealed for this place.
    pub(crate) fn open(&self, place: &Place, key: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let keys = self.keys().ok_or(OpenError::NoKeys)?;
        let key = keys.find(key).ok_or_else(|| OpenError::NoKey(key.to_owned()))?;
        let (form, rest) = sealed.split_first().ok_or(OpenError::Malformed)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(OpenError::Malformed)?;
        if *form != FORM || sealed.len() < TAG {
            return Err(OpenError::Malformed);
        }
        let mut buffer = Zeroizing::new(sealed.to_vec());
        cipher(key)
            .decrypt_in_place(&(*nonce).into(), &place.bound_to(key), &mut *buffer)
            .map_err(|_| OpenError::Refused(key.id().to_owned()))?;
        Ok(buffer)
    }
}

fn cipher(key: &SealingKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.bytes().into())
}

#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes: {0}")]
struct NoRandom(String);

/// Where sealed bytes belong: they open nowhere else.
///
/// INVARIANT: two places never have the same encoding, because every part follows its length
/// (`parts_of_a_place_cannot_flow_into_each_other`).
#[derive(Debug, Clone)]
pub(crate) struct Place(Vec<u8>);

impl Place {
    /// A place of a kind, for example `credential`.
    pub(crate) fn new(kind: &str) -> Self {
        Self(Vec::with_capacity(192)).with(b"mcp-govern").with(kind.as_bytes())
    }

    /// With a further part.
    pub(crate) fn with(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }

    /// With a number.
    pub(crate) fn with_number(self, number: u64) -> Self {
        self.with(&number.to_be_bytes())
    }

    fn bound_to(&self, key: &SealingKey) -> Vec<u8> {
        self.clone().with(&[FORM]).with(key.id().as_bytes()).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer() -> Sealer {
        Sealer::new(VaultKeys::generate().unwrap())
    }

    fn place(user: &str) -> Place {
        Place::new("credential").with(b"acme").with(user.as_bytes()).with_number(3)
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_and_in_no_other() {
        let ring = sealer();
        let sealed = ring.seal(&place("ada"), b"secret").unwrap();
        assert_eq!(ring.open(&place("ada"), &sealed.key, &sealed.bytes).unwrap().as_slice(), b"secret");
        let elsewhere = ring.open(&place("bob"), &sealed.key, &sealed.bytes).unwrap_err();
        assert_eq!(elsewhere, OpenError::Refused(sealed.key));
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_refused() {
        let ring = sealer();
        let sealed = ring.seal(&place("ada"), b"secret").unwrap();
        for bit in 0..sealed.bytes.len() * 8 {
            let mut changed = sealed.bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(ring.open(&place("ada"), &sealed.key, &changed).is_err(), "bit {bit}");
        }
        for length in 0..sealed.bytes.len() {
            assert!(ring.open(&place("ada"), &sealed.key, &sealed.bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time() {
        let ring = sealer();
        let seal = || ring.seal(&place("ada"), b"secret").unwrap().bytes;
        let distinct: std::collections::BTreeSet<_> = (0..64).map(|_| seal()).collect();
        assert_eq!(distinct.len(), 64);
    }

    #[test]
    fn another_key_of_the_same_name_opens_nothing() {
        let ring = |byte: &str| Sealer::new(VaultKeys::from_text(&format!("k:{}", byte.repeat(32))).unwrap());
        let sealed = ring("aa").seal(&place("ada"), b"secret").unwrap();
        assert_eq!(ring("ab").open(&place("ada"), "k", &sealed.bytes), Err(OpenError::Refused("k".into())));
        assert_eq!(ring("aa").open(&place("ada"), "j", &sealed.bytes), Err(OpenError::NoKey("j".into())));
    }

    #[test]
    fn without_keys_nothing_is_sealed_or_opened_until_there_are_some() {
        let ring = Sealer::new(None);
        let refused = ring.seal(&place("ada"), b"secret").unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Invalid);
        let sealed = sealer().seal(&place("ada"), b"secret").unwrap();
        assert_eq!(ring.open(&place("ada"), &sealed.key, &sealed.bytes), Err(OpenError::NoKeys));
        ring.replace(VaultKeys::generate().unwrap());
        assert!(ring.has_keys() && ring.seal(&place("ada"), b"secret").is_ok());
    }

    #[test]
    fn parts_of_a_place_cannot_flow_into_each_other() {
        let one = Place::new("x").with(b"ab").with(b"c").0;
        let two = Place::new("x").with(b"a").with(b"bc").0;
        let three = Place::new("x").with(b"abc").0;
        assert!(one != two && two != three && one != three);
    }
}
