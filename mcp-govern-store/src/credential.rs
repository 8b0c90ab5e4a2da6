//! How a credential is written before it is sealed, and where it belongs.
//!
//! Length-prefixed parts instead of JSON: a serialiser would leave copies of the secrets in buffers that are not wiped.

use std::fmt;

use mcp_govern_core::{
    AuthMethodId, Credential, CredentialFacts, Secret, TenantId,
    ports::{StoreError, StoreErrorKind, VaultEntry, VaultKey},
};
use zeroize::Zeroizing;

use crate::{
    rows,
    seal::{Place, Sealed, Sealer},
};

const FORM: u8 = 1;

/// The sealed credentials of one tenant.
#[derive(Debug, Clone)]
pub(crate) struct CredentialSealer {
    tenant: TenantId,
    sealer: Sealer,
}

/// A key of the vault as its columns hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyColumns {
    pub(crate) server: String,
    pub(crate) owner: String,
    pub(crate) origin: String,
}

impl KeyColumns {
    pub(crate) fn of(key: &VaultKey) -> Result<Self, StoreError> {
        let owner = serde_json::to_string(&key.owner).map_err(|error| {
            StoreError::new(StoreErrorKind::Unavailable, "the owner has no JSON form").with_source(error)
        })?;
        Ok(Self { server: key.server.to_string(), owner, origin: key.origin.clone() })
    }

    pub(crate) fn read(&self) -> Result<VaultKey, StoreError> {
        let refuse =
            |column| StoreError::new(StoreErrorKind::Corrupt, format!("a {column} in the vault is not readable"));
        let server = self.server.parse().map_err(|error| refuse("server").with_source(error))?;
        let owner = serde_json::from_str(&self.owner).map_err(|error| refuse("owner").with_source(error))?;
        Ok(VaultKey::new(server, owner, self.origin.clone()))
    }

    fn place(&self, tenant: &TenantId, version: u64) -> Place {
        Place::new("credential")
            .with(tenant.as_str().as_bytes())
            .with(self.server.as_bytes())
            .with(self.owner.as_bytes())
            .with(self.origin.as_bytes())
            .with_number(version)
    }
}

/// The value under a key of the vault.
///
/// INVARIANT: versions go on after a deletion, so that a version names one credential for ever
/// (`a_deleted_credential_is_gone_and_nothing_old_takes_the_place_of_the_next`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeptVersion {
    /// A credential of this version.
    Current(u64),
    /// Nothing; the last credential had this version, 0 where there never was one.
    Nothing(u64),
}

impl KeptVersion {
    /// From the columns of the row: its version, and whether the credential is gone.
    pub(crate) fn read(row: Option<(i64, bool)>) -> Result<Self, StoreError> {
        let (version, gone) = row.unwrap_or((0, true));
        let version = rows::number(version, "a version")?;
        Ok(if gone { Self::Nothing(version) } else { Self::Current(version) })
    }

    /// The version that a caller sees, 0 for none.
    pub(crate) fn current(self) -> u64 {
        match self {
            Self::Current(version) => version,
            Self::Nothing(_) => 0,
        }
    }

    /// The version of the next credential.
    pub(crate) fn next(self) -> u64 {
        let (Self::Current(last) | Self::Nothing(last)) = self;
        last.saturating_add(1)
    }
}

/// What a list of the vault says of an entry, from its columns.
pub(crate) fn listed(row: (String, String, String, i64)) -> Result<(VaultKey, u64), StoreError> {
    let (server, owner, origin, version) = row;
    Ok((KeyColumns { server, owner, origin }.read()?, rows::number(version, "a version")?))
}

impl CredentialSealer {
    pub(crate) fn new(tenant: TenantId, sealer: Sealer) -> Self {
        Self { tenant, sealer }
    }

    pub(crate) fn seal(&self, key: &KeyColumns, version: u64, credential: &Credential) -> Result<Sealed, StoreError> {
        self.sealer.seal(&key.place(&self.tenant, version), &encode(credential)?)
    }

    fn open(&self, key: &KeyColumns, version: u64, sealed: &Sealed) -> Result<VaultEntry, StoreError> {
        let place = key.place(&self.tenant, version);
        let plain = self.sealer.open(&place, &sealed.key, &sealed.bytes).map_err(StoreError::unsealable)?;
        let credential = decode(&plain).ok_or_else(|| StoreError::unsealable("it is of an unknown form"))?;
        Ok(VaultEntry::new(version, credential))
    }

    fn is_current(&self, sealed: &Sealed) -> bool {
        self.sealer.is_current(&sealed.key)
    }

    fn reseal(&self, key: &KeyColumns, version: u64, sealed: &Sealed) -> Option<Sealed> {
        let place = key.place(&self.tenant, version);
        let plain = self.sealer.open(&place, &sealed.key, &sealed.bytes).ok()?;
        self.sealer.seal(&place, &plain).ok()
    }
}

/// The columns of an entry: version, key and bytes of the current credential, key and bytes of the one before.
pub(crate) type SealedColumns = (i64, String, Vec<u8>, Option<String>, Option<Vec<u8>>);

/// An entry of the vault as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedEntry {
    pub(crate) version: u64,
    pub(crate) sealed: Sealed,
    pub(crate) previous: Option<Sealed>,
}

impl SealedEntry {
    pub(crate) fn read(columns: SealedColumns) -> Result<Self, StoreError> {
        let (version, key, bytes, previous_key, previous_bytes) = columns;
        let previous = previous_key.zip(previous_bytes).map(|(key, bytes)| Sealed { key, bytes });
        Ok(Self { version: rows::number(version, "a version")?, sealed: Sealed { key, bytes }, previous })
    }

    /// The credential of a version, as long as it is the current one or the one before.
    pub(crate) fn open(
        &self,
        sealer: &CredentialSealer,
        key: &KeyColumns,
        version: u64,
    ) -> Result<Option<VaultEntry>, StoreError> {
        let kept = if version == self.version {
            Some(&self.sealed)
        } else {
            self.previous.as_ref().filter(|_| version.checked_add(1) == Some(self.version))
        };
        kept.map(|kept| sealer.open(key, version, kept)).transpose()
    }

    /// The entry sealed under the current key, as far as it opens; nothing where there is nothing to do or to be done.
    pub(crate) fn resealed(&self, sealer: &CredentialSealer, key: &KeyColumns) -> Option<Self> {
        let again = |sealed: &Sealed, version: u64| {
            if sealer.is_current(sealed) { None } else { sealer.reseal(key, version, sealed) }
        };
        let current = again(&self.sealed, self.version);
        let previous = self.previous.as_ref().and_then(|previous| again(previous, self.version.saturating_sub(1)));
        (current.is_some() || previous.is_some()).then(|| Self {
            version: self.version,
            sealed: current.unwrap_or_else(|| self.sealed.clone()),
            previous: previous.or_else(|| self.previous.clone()),
        })
    }

    /// Whether all of it is sealed under the current key.
    pub(crate) fn is_current(&self, sealer: &CredentialSealer) -> bool {
        std::iter::once(&self.sealed).chain(&self.previous).all(|sealed| sealer.is_current(sealed))
    }
}

fn encode(credential: &Credential) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let refuse =
        |what: &dyn fmt::Display| StoreError::new(StoreErrorKind::Unavailable, format!("the credential {what}"));
    let facts = serde_json::to_vec(credential.facts()).map_err(|_| refuse(&"has facts without a JSON form"))?;
    let fields = credential.fields();
    let parts: Vec<&[u8]> = [credential.method().as_str().as_bytes(), facts.as_slice()]
        .into_iter()
        .chain(fields.iter().flat_map(|(name, secret)| [name.as_bytes(), secret.expose().as_bytes()]))
        .collect();
    let length = parts.iter().fold(1_usize, |sum, part| sum.saturating_add(4).saturating_add(part.len()));
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    bytes.push(FORM);
    for part in parts {
        let length = u32::try_from(part.len()).map_err(|_| refuse(&"is larger than 4 GiB"))?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(part);
    }
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Option<Credential> {
    let (form, mut rest) = bytes.split_first()?;
    if *form != FORM {
        return None;
    }
    let method = AuthMethodId::new(text(take(&mut rest)?)?).ok()?;
    let facts: CredentialFacts = serde_json::from_slice(take(&mut rest)?).ok()?;
    let mut credential = Credential::new(method);
    while !rest.is_empty() {
        let name = text(take(&mut rest)?)?;
        credential = credential.with_field(name, Secret::new(text(take(&mut rest)?)?));
    }
    Some(credential.with_facts(facts))
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (part, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = after;
    Some(part)
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::{CredentialOwner, ServerId, UserId};

    use super::*;
    use crate::keys::VaultKeys;

    fn credential() -> Credential {
        let mut facts = CredentialFacts::new();
        facts.authorized_as = Some("ada@example.com".into());
        facts.scopes = ["read".into(), "write".into()].into();
        Credential::new(AuthMethodId::new("two_keys").unwrap())
            .with_field("api_key", Secret::new("\"quoted\"\n\u{1F511}"))
            .with_field("empty", Secret::new(""))
            .with_facts(facts)
    }

    fn key(subject: &str) -> KeyColumns {
        let owner = CredentialOwner::User(UserId::new("local", subject).unwrap());
        KeyColumns::of(&VaultKey::new(ServerId::new("ops").unwrap(), owner, "https://api.example.com")).unwrap()
    }

    #[test]
    fn a_credential_is_read_as_it_was_written() {
        let read = decode(&encode(&credential()).unwrap()).unwrap();
        assert_eq!(read.method().as_str(), "two_keys");
        assert_eq!(read.facts(), credential().facts());
        let fields: Vec<_> = read.fields().iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect();
        assert_eq!(fields, [("api_key", "\"quoted\"\n\u{1F511}"), ("empty", "")]);
    }

    #[test]
    fn no_cut_of_the_bytes_is_read_as_a_part_of_a_credential() {
        let bytes = encode(&credential()).unwrap();
        for length in 0..bytes.len() {
            let read = decode(&bytes[..length]).map(|credential| credential.fields().len());
            // A cut between two fields is a whole form with fewer fields: the seal, not the form, guards against it.
            assert!(read.is_none_or(|fields| fields < 2), "{length} bytes were read");
        }
        let mut newer = bytes.to_vec();
        newer[0] = 2;
        assert!(decode(&newer).is_none());
    }

    #[test]
    fn an_entry_moved_to_another_tenant_server_user_origin_or_version_does_not_open() {
        let ring = Sealer::new(VaultKeys::generate().unwrap());
        let tenant = |name: &str| CredentialSealer::new(TenantId::new(name).unwrap(), ring.clone());
        let sealed = tenant("acme").seal(&key("ada"), 4, &credential()).unwrap();
        let open =
            |who: &str, key: &KeyColumns, version| tenant(who).open(key, version, &sealed).map(|entry| entry.version);
        assert_eq!(open("acme", &key("ada"), 4).unwrap(), 4);
        let moved = [
            ("other", key("ada"), 4),
            ("acme", key("bob"), 4),
            ("acme", key("ada"), 5),
            ("acme", KeyColumns { server: "ops-eu".into(), ..key("ada") }, 4),
            ("acme", KeyColumns { origin: "https://evil.example.com".into(), ..key("ada") }, 4),
            ("acme", KeyColumns { owner: "\"shared\"".into(), ..key("ada") }, 4),
        ];
        for (who, key, version) in moved {
            let refused = open(who, &key, version).unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::Unsealable, "{who} {key:?} {version}");
        }
    }

    #[test]
    fn an_entry_gives_its_version_and_the_one_before_and_no_other() {
        let sealer = CredentialSealer::new(TenantId::new("acme").unwrap(), Sealer::new(VaultKeys::generate().unwrap()));
        let entry = SealedEntry {
            version: 5,
            sealed: sealer.seal(&key("ada"), 5, &credential()).unwrap(),
            previous: Some(sealer.seal(&key("ada"), 4, &Credential::new(AuthMethodId::new("old").unwrap())).unwrap()),
        };
        let method = |version| {
            let opened = entry.open(&sealer, &key("ada"), version).unwrap();
            opened.map(|entry| entry.credential.method().to_string())
        };
        assert_eq!((method(5).as_deref(), method(4).as_deref()), (Some("two_keys"), Some("old")));
        assert_eq!((method(3), method(6), method(0)), (None, None, None));
    }

    #[test]
    fn sealing_again_moves_what_opens_to_the_current_key() {
        let (old, new, lost) =
            (VaultKeys::generate().unwrap(), VaultKeys::generate().unwrap(), VaultKeys::generate().unwrap());
        let tenant = TenantId::new("acme").unwrap();
        let under = |keys: &VaultKeys| CredentialSealer::new(tenant.clone(), Sealer::new(keys.clone()));
        let ada = key("ada");
        let seal = |keys: &VaultKeys, version| under(keys).seal(&ada, version, &credential()).unwrap();
        let entry = SealedEntry { version: 2, sealed: seal(&old, 2), previous: Some(seal(&lost, 1)) };
        let ring = under(&old.with_current(&new));
        let again = entry.resealed(&ring, &ada).unwrap();
        assert!(!again.is_current(&ring), "the one before cannot be opened");
        assert_eq!(again.previous, entry.previous, "what cannot be opened is kept as it is");
        assert_eq!(again.resealed(&ring, &ada), None);
        assert!(again.open(&under(&new), &ada, 2).unwrap().is_some(), "it opens without the old key");
        let whole = SealedEntry { version: 2, sealed: seal(&old, 2), previous: Some(seal(&old, 1)) };
        assert!(whole.resealed(&ring, &ada).unwrap().is_current(&ring));
    }

    #[test]
    fn the_columns_are_read_as_they_were_written() {
        assert_eq!(KeyColumns::of(&key("ada").read().unwrap()).unwrap(), key("ada"));
        let shared = VaultKey::new(ServerId::new("ops").unwrap(), CredentialOwner::Shared, "https://x.example.com");
        assert_eq!(KeyColumns::of(&shared).unwrap().read().unwrap(), shared);
        let broken = KeyColumns { owner: "{".into(), ..key("ada") }.read().unwrap_err();
        assert_eq!(broken.kind(), StoreErrorKind::Corrupt);
    }
}
