//! The unit of the journal: one commit, one revision, chained to the commit before.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Event;
use crate::vocabulary::{CommandId, Digest, Head, RecordedActor, Revision, Timestamp};

/// Something that somebody did: the events of one command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Commit {
    /// The revision that this commit makes.
    pub revision: Revision,
    /// The hash of the commit before; [`Digest::ZERO`] for the first.
    pub previous: Digest,
    /// The command's idempotency key.
    pub command_id: CommandId,
    /// What the command was and who sent it ([`Command::digest`](super::Command::digest)): its id is good for nothing else. Absent
    /// from commits of earlier releases, and where the action has no canonical form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Digest>,
    /// Who did it, with the roles of the moment.
    pub actor: RecordedActor,
    /// When: never before the commit before.
    pub at: Timestamp,
    /// Why, where it was said.
    pub reason: Option<String>,
    /// What changed.
    pub events: Vec<Event>,
}

/// A commit cannot be read, so that the state that it belongs to must not be used; or verification finds that it does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The bytes are no commit of a form that this release knows (a newer event, an unknown field).
    #[error("revision {revision} cannot be read by this release: {reason}")]
    Unreadable {
        /// The revision under which it is stored.
        revision: Revision,
        /// What the reader stumbled over.
        reason: String,
    },
    /// The bytes do not have the hash under which they are stored.
    #[error("revision {revision} was changed after it was written")]
    Tampered {
        /// The revision under which it is stored.
        revision: Revision,
    },
    /// The commit does not follow the one before.
    #[error("revision {revision} does not follow {expected}")]
    Broken {
        /// The revision under which it is stored.
        revision: Revision,
        /// The revision that was due.
        expected: Revision,
    },
    /// The commit is not there, although the journal goes on or a head that was kept knows of it.
    #[error("revision {revision} is missing")]
    Missing {
        /// The revision.
        revision: Revision,
    },
    /// The commit anchors the audit, and the seal that should vouch for it does not. Only verification looks at seals.
    #[error("revision {revision} {fault}")]
    Seal {
        /// The revision under which it is stored.
        revision: Revision,
        /// What is wrong with the seal.
        fault: SealFault,
    },
    /// The commit cannot be written.
    #[error("the commit has no JSON form: {0}")]
    Unwritable(String),
}

/// What is wrong with the seal of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SealFault {
    /// It anchors the audit and has no seal, although a commit before it has one: it was not written by a node that has the key.
    #[error("anchors the audit without a seal, and a commit before it is sealed: it was written without the audit key")]
    Missing,
    /// The seal was not made under the key over this commit in this tenant: it was made up, or copied, or the commit was rewritten.
    #[error("has a seal that the audit key did not make over it: this commit, or what it rests on, was rewritten")]
    Wrong,
    /// The seal was made under another key than the one at hand.
    #[error(
        "is sealed under another audit key than the one given: either that is not the key of the nodes, or the journal was \
         rewritten under a key of somebody else's"
    )]
    OtherKey,
}

/// An act as a store keeps it: the exact bytes, and their hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCommit {
    revision: Revision,
    hash: Digest,
    bytes: Arc<[u8]>,
}

impl StoredCommit {
    /// Writes a commit.
    ///
    /// # Errors
    ///
    /// When it has no JSON form.
    pub fn seal(commit: &Commit) -> Result<Self, CommitError> {
        let bytes = serde_json::to_vec(commit).map_err(|error| CommitError::Unwritable(error.to_string()))?;
        Ok(Self { revision: commit.revision, hash: Digest::of_bytes(&bytes), bytes: bytes.into() })
    }

    /// Takes in what a store kept. Nothing is checked yet; [`StoredCommit::open`] does.
    pub fn from_parts(revision: Revision, hash: Digest, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { revision, hash, bytes: bytes.into() }
    }

    /// Reads the commit and checks that it follows `previous`.
    ///
    /// # Errors
    ///
    /// When the bytes were changed, do not follow, or hold something that this release does not know.
    pub fn open(&self, previous: Head) -> Result<Commit, CommitError> {
        let revision = self.revision;
        let expected = previous.revision.next();
        if Digest::of_bytes(&self.bytes) != self.hash {
            return Err(CommitError::Tampered { revision });
        }
        let commit: Commit = serde_json::from_slice(&self.bytes)
            .map_err(|error| CommitError::Unreadable { revision, reason: error.to_string() })?;
        if commit.revision != revision || revision != expected || commit.previous != previous.hash {
            return Err(CommitError::Broken { revision, expected });
        }
        Ok(commit)
    }

    /// The revision.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The hash of the bytes.
    pub fn hash(&self) -> Digest {
        self.hash
    }

    /// The exact bytes.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// The journal's head once this is its last commit.
    pub fn head(&self) -> Head {
        Head { revision: self.revision, hash: self.hash }
    }
}
