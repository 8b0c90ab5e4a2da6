//! The operator's keys, under which secrets are sealed.

use std::{fmt, fs, io, path::Path, sync::Arc};

use mcp_govern_core::Secret;
use secrecy::{ExposeSecret, SecretBox};
use zeroize::Zeroizing;

use crate::file::{is_open_to_others, write_new_secret};

/// Keys that seal what a store must not hold in the clear: the first is the *current* one, which seals; the older ones
/// only open what was sealed before.
///
/// # The text form
///
/// One key per line (in an environment variable: separated by commas), the current one first. Empty lines and what
/// follows a `#` are ignored.
///
/// ```text
/// # made on 2026-11-21
/// k-5f3a9c01:8f1d…64 hexadecimal digits…c2
/// k-01c77e2b:…
/// ```
///
/// The name before the colon (1 to 64 characters of a-z, 0-9, `-`, `_`) is stored next to every sealed entry, so that a
/// key can be found again; it is not secret. Never give two keys the same name, and never use a name for another key.
///
/// # Replacing a key while nodes run
///
/// 1. Give every node the new key as an *older* one ([`VaultKeys::with_older`]), so that each can open what another seals.
/// 2. Make it the current one on every node ([`VaultKeys::with_current`]).
/// 3. Seal again what is sealed under the old one (`reseal` of the stores); the answer says what is left.
/// 4. Take the old one away.
///
/// With one node, steps 1 and 2 are one.
#[derive(Clone)]
pub struct VaultKeys {
    current: Arc<SealingKey>,
    older: Vec<Arc<SealingKey>>,
}

/// The keys cannot be read or made. No message holds any part of a key.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is not a list of keys: correct the line.
    #[error("line {line} of the vault keys: {fault}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What is wrong and what is expected.
        fault: &'static str,
    },
    /// There is no key in the text: make one with [`VaultKeys::generate`].
    #[error("there is no vault key in {0}")]
    Missing(String),
    /// The file or variable cannot be read or written.
    #[error("the vault keys in {place} cannot be used: {reason}")]
    Unusable {
        /// The file or variable.
        place: String,
        /// Why.
        reason: String,
    },
    /// The operating system gave no random bytes; try again.
    #[error("the operating system gave no random bytes: {0}")]
    NoRandom(String),
}

/// One key with its name.
pub(crate) struct SealingKey {
    id: String,
    key: SecretBox<[u8; 32]>,
}

impl SealingKey {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        self.key.expose_secret()
    }

    fn generate() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; 36]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|error| KeyError::NoRandom(error.to_string()))?;
        let (name, key) = bytes.split_at(4);
        let mut kept = Box::new([0; 32]);
        kept.copy_from_slice(key);
        Ok(Self { id: format!("k-{}", Hex(name)), key: SecretBox::new(kept) })
    }

    fn parse(line: usize, text: &str) -> Result<Self, KeyError> {
        let refuse = |fault| KeyError::Malformed { line, fault };
        let (id, digits) = text.split_once(':').ok_or_else(|| refuse("expected `name:64 hexadecimal digits`"))?;
        let (id, digits) = (id.trim(), digits.trim());
        let valid = (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        if !valid {
            return Err(refuse("a key's name has 1 to 64 characters of a-z, 0-9, `-` and `_`"));
        }
        if digits.len() != 64 {
            return Err(refuse("a key has exactly 64 hexadecimal digits"));
        }
        let mut key = Box::new([0; 32]);
        for (byte, pair) in key.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let mut value = 0;
            for digit in pair {
                let digit =
                    char::from(*digit).to_digit(16).ok_or_else(|| refuse("a key has hexadecimal digits only"))?;
                value = (value << 4) | u8::try_from(digit).unwrap_or_default();
            }
            *byte = value;
        }
        Ok(Self { id: id.to_owned(), key: SecretBox::new(key) })
    }
}

impl VaultKeys {
    /// One new random key.
    ///
    /// # Errors
    ///
    /// When the operating system gives no random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self { current: Arc::new(SealingKey::generate()?), older: Vec::new() })
    }

    /// Reads keys from their text form.
    ///
    /// # Errors
    ///
    /// When a line is no key, a name stands twice or there is no key.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        Self::parse(text, "the text")
    }

    /// Reads keys from a file in the text form. A file that others on the machine may read is used, with a warning in
    /// the log.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or holds no keys.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let place = format!("`{}`", path.display());
        let unusable = |error: io::Error| KeyError::Unusable { place: place.clone(), reason: error.to_string() };
        let text = Zeroizing::new(fs::read_to_string(path).map_err(unusable)?);
        warn_of_readers(path);
        Self::parse(&text, &place)
    }

    /// Reads keys from an environment variable in the text form.
    ///
    /// # Errors
    ///
    /// When the variable is not set or holds no keys.
    pub fn from_env(variable: &str) -> Result<Self, KeyError> {
        let place = format!("the environment variable `{variable}`");
        let text = std::env::var(variable)
            .map_err(|error| KeyError::Unusable { place: place.clone(), reason: error.to_string() })?;
        Self::parse(&Zeroizing::new(text), &place)
    }

    /// Reads keys from a file, or makes one and writes it there, readable by its owner only, when there is no such file.
    ///
    /// Processes that start at once end with the same key, and a crash leaves a whole file or none: the key is written beside
    /// the file, synced, and linked to its name where there is none yet. The file system must know hard links.
    ///
    /// Keep a copy of the file away from the store: without it no credential can be opened again.
    ///
    /// # Errors
    ///
    /// When the file is there and cannot be read, or cannot be written.
    pub fn from_file_or_generate(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let unusable =
            |error: io::Error| KeyError::Unusable { place: format!("`{}`", path.display()), reason: error.to_string() };
        if path.try_exists().map_err(unusable)? {
            return Self::from_file(path);
        }
        let keys = Self::generate()?;
        match write_new_secret(path, &keys.to_text()) {
            Ok(()) => Ok(keys),
            // Another process was first: its key counts.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::from_file(path),
            Err(error) => Err(unusable(error)),
        }
    }

    /// With another current key; the one that was current becomes an older one.
    #[must_use]
    pub fn with_current(&self, keys: &Self) -> Self {
        let mut all = Self { current: Arc::clone(&keys.current), older: Vec::new() };
        for key in self.all().chain(keys.all()) {
            all.add_older(key);
        }
        all
    }

    /// With the keys of another ring as older ones: they open and do not seal.
    #[must_use]
    pub fn with_older(&self, keys: &Self) -> Self {
        let mut all = self.clone();
        keys.all().for_each(|key| all.add_older(key));
        all
    }

    /// The text form, to be written where only the operator can read it.
    pub fn to_text(&self) -> Secret {
        let mut text = Zeroizing::new(String::with_capacity((1 + self.older.len()) * 130));
        for key in self.all() {
            text.push_str(&key.id);
            text.push(':');
            for byte in key.bytes() {
                for digit in [byte >> 4, byte & 15] {
                    text.push(char::from_digit(u32::from(digit), 16).unwrap_or_default());
                }
            }
            text.push('\n');
        }
        Secret::new(text.as_str())
    }

    /// The name of the key that seals.
    pub fn current_id(&self) -> &str {
        self.current.id()
    }

    /// The names of all keys, the current one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.all().map(|key| key.id())
    }

    #[cfg(any(feature = "sqlite", feature = "postgres", test))]
    pub(crate) fn current(&self) -> &SealingKey {
        &self.current
    }

    pub(crate) fn find(&self, id: &str) -> Option<&SealingKey> {
        self.all().find(|key| key.id == id).map(|key| &**key)
    }

    fn all(&self) -> impl Iterator<Item = &Arc<SealingKey>> {
        std::iter::once(&self.current).chain(&self.older)
    }

    fn add_older(&mut self, key: &Arc<SealingKey>) {
        if self.find(key.id()).is_none() {
            self.older.push(Arc::clone(key));
        }
    }

    fn parse(text: &str, place: &str) -> Result<Self, KeyError> {
        let mut found: Option<Self> = None;
        for (line, content) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
            let content = content.split_once('#').map_or(content, |(before, _)| before);
            for entry in content.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
                let key = Arc::new(SealingKey::parse(line, entry)?);
                match &mut found {
                    None => found = Some(Self { current: key, older: Vec::new() }),
                    Some(keys) if keys.find(key.id()).is_some() => {
                        return Err(KeyError::Malformed { line, fault: "two keys have the same name" });
                    }
                    Some(keys) => keys.older.push(key),
                }
            }
        }
        found.ok_or_else(|| KeyError::Missing(place.to_owned()))
    }
}

impl fmt::Debug for VaultKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

/// Bytes, written in hexadecimal digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn warn_of_readers(path: &Path) {
    if is_open_to_others(path) {
        tracing::warn!(path = %path.display(), "others than the owner may read the vault keys");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_were_written() {
        let keys = VaultKeys::generate().unwrap().with_current(&VaultKeys::generate().unwrap());
        let read = VaultKeys::from_text(keys.to_text().expose()).unwrap();
        assert_eq!(read.ids().collect::<Vec<_>>(), keys.ids().collect::<Vec<_>>());
        for id in keys.ids() {
            assert_eq!(read.find(id).unwrap().bytes(), keys.find(id).unwrap().bytes());
        }
        assert_eq!(read.ids().count(), 2);
    }

    #[test]
    fn a_variable_separates_keys_by_commas_and_a_file_may_have_comments() {
        let (a, b) = ("a1".repeat(32), "b2".repeat(32));
        let one_line = VaultKeys::from_text(&format!("new:{a}, old:{b}")).unwrap();
        let lines = VaultKeys::from_text(&format!("# ours\n\nnew:{a} # since May\n  old : {b}\n")).unwrap();
        assert_eq!(one_line.current_id(), "new");
        assert_eq!(lines.find("old").unwrap().bytes(), &[0xb2; 32]);
        assert_eq!(one_line.find("new").unwrap().bytes(), lines.find("new").unwrap().bytes());
    }

    #[test]
    fn what_is_no_list_of_keys_is_refused_without_showing_it() {
        let digits = "0f".repeat(32);
        for text in [
            format!("k{digits}"),
            format!("K:{digits}"),
            format!(":{digits}"),
            format!("k:{digits}0"),
            format!("k:{}", "0x".repeat(32)),
            format!("k:{digits}\nk:{digits}"),
        ] {
            let error = VaultKeys::from_text(&text).unwrap_err();
            assert!(matches!(error, KeyError::Malformed { .. }), "{text}");
            assert!(!format!("{error} {error:?}").contains("0f0f"), "{error:?}");
        }
        assert!(matches!(VaultKeys::from_text("# nothing\n"), Err(KeyError::Missing(_))));
    }

    #[test]
    fn a_file_is_made_once_for_its_owner_only_and_read_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.keys");
        let made = VaultKeys::from_file_or_generate(&path).unwrap();
        let read = VaultKeys::from_file_or_generate(&path).unwrap();
        assert_eq!(made.current().bytes(), read.current().bytes());
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        }
        fs::write(&path, "").unwrap();
        assert!(VaultKeys::from_file_or_generate(&path).is_err(), "an emptied file was replaced");
        assert!(VaultKeys::from_file_or_generate(folder.path().join("no/such/folder")).is_err());
    }

    #[test]
    fn processes_that_start_at_once_end_with_one_key() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let path = folder.path().join(format!("{round}.keys"));
            let start = std::sync::Barrier::new(4);
            let made = std::thread::scope(|scope| {
                let one = || {
                    start.wait();
                    VaultKeys::from_file_or_generate(&path).unwrap()
                };
                let all = [scope.spawn(one), scope.spawn(one), scope.spawn(one), scope.spawn(one)];
                all.map(|thread| thread.join().unwrap())
            });
            let kept = VaultKeys::from_file(&path).unwrap();
            for keys in made {
                assert_eq!((keys.current_id(), keys.current().bytes()), (kept.current_id(), kept.current().bytes()));
            }
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 20, "something was left beside the files");
    }

    #[test]
    fn nobody_ever_reads_half_of_a_file_of_keys() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let path = folder.path().join(format!("{round}.keys"));
            // What a process left that was killed before the file had its name.
            fs::write(folder.path().join(format!("{round}.keys.k-00000000.new")), "k-00000000:0").unwrap();
            std::thread::scope(|scope| {
                let reading = scope.spawn(|| {
                    loop {
                        match fs::read_to_string(&path) {
                            Ok(text) => return VaultKeys::from_text(&text).unwrap(),
                            Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound),
                        }
                    }
                });
                let made = VaultKeys::from_file_or_generate(&path).unwrap();
                assert_eq!(reading.join().unwrap().current().bytes(), made.current().bytes());
            });
        }
    }

    #[test]
    fn debug_shows_names_and_no_key() {
        let keys = VaultKeys::from_text(&format!("mine:{}", "ab".repeat(32))).unwrap();
        assert_eq!(format!("{keys:?}"), r#"["mine"]"#);
    }

    #[test]
    fn a_new_current_key_keeps_the_old_one_for_opening() {
        let old = VaultKeys::generate().unwrap();
        let new = VaultKeys::generate().unwrap();
        let ring = old.with_current(&new);
        assert_eq!(ring.ids().collect::<Vec<_>>(), [new.current_id(), old.current_id()]);
        let ahead = old.with_older(&new);
        assert_eq!(ahead.current_id(), old.current_id());
        assert!(ahead.find(new.current_id()).is_some());
    }
}
