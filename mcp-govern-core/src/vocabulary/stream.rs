//! Where the two streams of a tenant are: the journal of commits, and the audit of calls.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::Digest;

/// How many commits a journal holds: the revision of its last commit, 0 when it is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision before the first commit.
    pub const ZERO: Self = Self(0);

    /// The next one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The head of a journal: what an append must name to win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The last commit's revision.
    pub revision: Revision,
    /// The last commit's hash; [`Digest::ZERO`] when the journal is empty.
    pub hash: Digest,
}

impl Head {
    /// The head of an empty journal.
    pub const EMPTY: Self = Self { revision: Revision::ZERO, hash: Digest::ZERO };
}

/// Who writes a chain of audit records: one node, one life. Records of one writer are chained; there is a chain per writer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WriterId(Arc<str>);

impl WriterId {
    /// Takes a name in: 1 to 64 characters of a-z, 0-9, `-`.
    pub fn new(name: &str) -> Option<Self> {
        let valid = (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        valid.then(|| Self(Arc::from(name)))
    }

    /// A fresh random name.
    ///
    /// # Errors
    ///
    /// When the operating system gives no random bytes.
    pub fn random() -> Result<Self, crate::RandomError> {
        crate::random::slug("w").map(Self)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for WriterId {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name).ok_or("a writer's name has 1 to 64 characters of a-z, 0-9 and `-`")
    }
}

impl From<WriterId> for String {
    fn from(writer: WriterId) -> Self {
        writer.as_str().to_owned()
    }
}

impl fmt::Display for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The head of a writer's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditHead {
    /// How many records the chain holds; the last one's sequence number, 0 when it is empty.
    pub sequence: u64,
    /// The last record's hash; [`Digest::ZERO`] when the chain is empty.
    pub hash: Digest,
}

impl AuditHead {
    /// The head of an empty chain.
    pub const EMPTY: Self = Self { sequence: 0, hash: Digest::ZERO };
}

/// What kind of record it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// A call was admitted and is about to be made.
    Intent,
    /// A call ended.
    Outcome,
    /// A call was denied.
    Denial,
    /// The chain's writer began or ended; nothing was called.
    Mark,
}
