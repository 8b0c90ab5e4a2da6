//! The tenant's audit key: what makes salted hashes of people and keyed digests of arguments.

use std::fmt;

use serde_json::{Map, Value};

use crate::{
    RandomError,
    hash::Keyed,
    vocabulary::{Digest, UserId, write_canonical_object},
};

/// The tenant's audit key: 32 bytes under which people and arguments are hashed and the journal is sealed.
///
/// Plain hashes of short values can be guessed; without the key these cannot. All nodes of a tenant need the same key, else
/// the same person has another hash on each, and what one has sealed does not hold for another. The key is never written anywhere;
/// `Debug` shows no part of it.
#[derive(Clone)]
pub struct AuditKey {
    keyed: Keyed,
}

impl AuditKey {
    /// A fresh key. It is lost with the process: keep a key of your own where records must stay comparable.
    ///
    /// # Errors
    ///
    /// When the operating system gives no random bytes.
    pub fn random() -> Result<Self, RandomError> {
        crate::random::bytes().map(Self::from_bytes)
    }

    /// A key that is kept elsewhere.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self { keyed: Keyed::new(bytes) }
    }

    /// The salted hash of a person, as records name it.
    pub fn user(&self, user: &UserId) -> Digest {
        let (issuer, subject) = (user.issuer.as_str(), user.subject.as_str());
        let length = u64::try_from(issuer.len()).unwrap_or(u64::MAX).to_be_bytes();
        self.mac(&[b"mcp-govern/user/v1\0", &length[..], issuer.as_bytes(), subject.as_bytes()].concat())
    }

    /// The keyed digest of arguments: over their RFC 8785 canonical JSON; where they have none (an integer beyond 2^53),
    /// over their JSON with sorted keys.
    pub fn arguments(&self, arguments: &Map<String, Value>) -> Digest {
        self.mac(ArgumentsMessage::of(arguments).bytes())
    }

    /// A text about a person, hashed.
    pub(crate) fn text(&self, text: &str) -> String {
        let digest = self.mac(&[b"mcp-govern/text/v1\0", text.as_bytes()].concat());
        format!("hmac-{digest}")
    }

    /// Of a message that begins with its domain and a zero byte.
    pub(crate) fn mac(&self, message: &[u8]) -> Digest {
        Digest::from_bytes(self.keyed.mac(message))
    }

    /// What names this key where it made a seal. It tells nothing of the key.
    pub fn id(&self) -> Digest {
        self.mac(b"mcp-govern/key-id/v1\0")
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(***)")
    }
}

/// The message whose MAC is [`AuditKey::arguments`]: to make it costs little, so that the MAC can wait until it is needed.
#[derive(Debug)]
pub(crate) struct ArgumentsMessage {
    bytes: Vec<u8>,
    /// How long the domain before the JSON text is.
    domain: usize,
}

impl ArgumentsMessage {
    pub(crate) fn of(arguments: &Map<String, Value>) -> Self {
        const CANONICAL: &[u8] = b"mcp-govern/arguments/v1\0";
        const AS_WRITTEN: &[u8] = b"mcp-govern/arguments-as-written/v1\0";
        // Room for most arguments, so that they are written in one go.
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(CANONICAL);
        if write_canonical_object(arguments, &mut bytes).is_ok() {
            return Self { bytes, domain: CANONICAL.len() };
        }
        let written = serde_json::to_vec(arguments).unwrap_or_default();
        Self { bytes: [AS_WRITTEN, &written].concat(), domain: AS_WRITTEN.len() }
    }

    /// The whole message.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes the JSON text of the arguments has.
    pub(crate) fn json_length(&self) -> usize {
        self.bytes.len().saturating_sub(self.domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(json: &str) -> Map<String, Value> {
        serde_json::from_str(json).unwrap()
    }

    fn key() -> AuditKey {
        AuditKey::from_bytes([7; 32])
    }

    #[test]
    fn another_key_and_another_issuer_make_another_hash() {
        let (ada, other) = (UserId::new("a", "bc").unwrap(), UserId::new("ab", "c").unwrap());
        assert_eq!(key().user(&ada), key().user(&ada));
        assert_ne!(key().user(&ada), key().user(&other));
        assert_ne!(key().user(&ada), AuditKey::from_bytes([8; 32]).user(&ada));
    }

    #[test]
    fn the_digest_of_arguments_does_not_depend_on_their_order_and_always_exists() {
        assert_eq!(key().arguments(&given(r#"{"b":1,"a":"x"}"#)), key().arguments(&given(r#"{"a":"x", "b":1.0}"#)));
        let (huge, huger) = (given(r#"{"id":9007199254740993}"#), given(r#"{"id":9007199254740994}"#));
        assert_ne!(key().arguments(&huge), key().arguments(&huger));
    }

    #[test]
    fn the_mac_is_hmac_sha_256() {
        // Computed with another implementation: HMAC-SHA-256 under 32 bytes of 0x07 over "d\0m".
        let expected = "sha256:656fa4b0fd4fae822e12a2389731597b63f63d06d9dd7749d8807beb3f3d073f";
        assert_eq!(key().mac(b"d\0m").to_string(), expected);
    }

    #[test]
    fn debug_shows_no_part_of_the_key() {
        assert_eq!(format!("{:?}", key()), "AuditKey(***)");
    }
}
