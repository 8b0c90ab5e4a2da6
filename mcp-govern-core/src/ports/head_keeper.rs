//! The port to a place outside of the stores in which the last known heads are kept.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{StoreError, StoreErrorKind};
use crate::{
    audit_key::AuditKey,
    journal::Head,
    vocabulary::{AuditHead, Digest, TenantId, Timestamp, WriterId},
};

/// The heads of the journal and the chains of a tenant when a node last looked, with a MAC under the audit key.
///
/// It holds no secret. As JSON it is one object with these fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KeptHeads {
    /// The tenant.
    pub tenant: TenantId,
    /// When they were kept.
    pub at: Timestamp,
    /// The head of the journal.
    pub journal: Head,
    /// The head of the chain of each writer of audit records.
    pub audit: BTreeMap<WriterId, AuditHead>,
    /// Which key it was ([`AuditKey::id`]).
    pub key: Digest,
    /// HMAC-SHA-256 over the other fields.
    pub mac: Digest,
}

impl KeptHeads {
    /// Puts heads together and seals them.
    ///
    /// # Errors
    ///
    /// `Invalid` when they have no JSON form.
    pub fn seal(
        audit_key: &AuditKey,
        tenant: TenantId,
        at: Timestamp,
        journal: Head,
        audit: BTreeMap<WriterId, AuditHead>,
    ) -> Result<Self, StoreError> {
        let mut heads = Self { tenant, at, journal, audit, key: audit_key.id(), mac: Digest::ZERO };
        heads.mac = heads.mac(audit_key)?;
        Ok(heads)
    }

    /// Whether this key sealed them, and nothing was changed since.
    pub fn is_sealed_by(&self, key: &AuditKey) -> bool {
        self.key == key.id() && self.mac(key).is_ok_and(|mac| mac == self.mac)
    }

    /// One line of JSON, without the line's end.
    ///
    /// # Errors
    ///
    /// `Invalid` when they have no JSON form.
    pub fn to_json(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(|error| StoreError::new(StoreErrorKind::Invalid, error.to_string()))
    }

    /// Reads what [`KeptHeads::to_json`] wrote. The seal is not checked: [`KeptHeads::is_sealed_by`] does.
    ///
    /// # Errors
    ///
    /// `Corrupt` when it is something else.
    pub fn from_json(text: &str) -> Result<Self, StoreError> {
        serde_json::from_str(text)
            .map_err(|error| StoreError::new(StoreErrorKind::Corrupt, format!("these are not kept heads: {error}")))
    }

    fn mac(&self, key: &AuditKey) -> Result<Digest, StoreError> {
        let fields = (&self.tenant, self.at, self.journal, &self.audit, self.key);
        let text =
            serde_json::to_vec(&fields).map_err(|error| StoreError::new(StoreErrorKind::Invalid, error.to_string()))?;
        Ok(key.mac(&[&b"mcp-govern/kept-heads/v1\0"[..], &text].concat()))
    }
}

/// A place outside of the stores of one tenant in which the last known heads are kept: what tells a store that was put back to an
/// earlier moment from one that was not. It may be a file beside the keys, another database, an object store: a person who can write the
/// store should not be able to write it.
///
/// # Contract
///
/// - `keep` replaces what was kept, as a whole: `last` gives what was kept before or what is kept now, never a mixture.
/// - After `Ok` it survives a crash of what it is kept in. After an error either is there.
/// - Several nodes may share one: whichever keeps last counts, and what is kept may then lie a little behind what is known.
#[async_trait]
pub trait HeadKeeper: fmt::Debug + Send + Sync + 'static {
    /// What was kept last; nothing at first.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is something else. A governor does not open then: it cannot know whether its store is the newest.
    async fn last(&self) -> Result<Option<KeptHeads>, StoreError>;

    /// Keeps these heads.
    ///
    /// # Errors
    ///
    /// When they cannot be written. A governor goes on, warns, and tries again.
    async fn keep(&self, heads: &KeptHeads) -> Result<(), StoreError>;

    /// The place, for people: messages name it.
    fn place(&self) -> String;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Revision;

    fn heads(key: &AuditKey) -> KeptHeads {
        let head = |text: &[u8]| Digest::of_bytes(text);
        let audit = BTreeMap::from([(WriterId::new("w-1").unwrap(), AuditHead { sequence: 7, hash: head(b"record") })]);
        let journal = Head { revision: Revision(24), hash: head(b"commit") };
        let at = Timestamp::from_millis(1_795_000_000_000);
        KeptHeads::seal(key, TenantId::new("acme").unwrap(), at, journal, audit).unwrap()
    }

    #[test]
    fn kept_heads_are_read_back_and_every_changed_field_breaks_their_seal() {
        let key = AuditKey::from_bytes([7; 32]);
        let kept = heads(&key);
        let read = KeptHeads::from_json(&kept.to_json().unwrap()).unwrap();
        assert!(read == kept && read.is_sealed_by(&key) && !read.is_sealed_by(&AuditKey::from_bytes([8; 32])));
        let changes: [fn(&mut KeptHeads); 5] = [
            |kept| kept.tenant = TenantId::new("other").unwrap(),
            |kept| kept.at = Timestamp::from_millis(0),
            |kept| kept.journal.revision = Revision(23),
            |kept| kept.audit.clear(),
            |kept| kept.mac = Digest::ZERO,
        ];
        for change in changes {
            let mut other = kept.clone();
            change(&mut other);
            assert!(!other.is_sealed_by(&key), "{other:?}");
        }
        assert_eq!(KeptHeads::from_json("{}").unwrap_err().kind(), StoreErrorKind::Corrupt);
    }
}
