//! The chain: records in, exact bytes with their hash out.

use std::sync::Arc;

use super::{AuditRecord, ChainedRecord, RecordKind, line};
use crate::{
    denial::DenialCode,
    ports::{AuditHead, StoredRecord},
    vocabulary::{CallId, Digest, ServerId, Timestamp, ToolId},
};

/// Most records are smaller than this, in bytes.
const TYPICAL: usize = 1024;

/// A record has no stored form, or its stored form cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes are no record of a form that this release knows.
    #[error("record {sequence} cannot be read by this release: {reason}")]
    Unreadable {
        /// The position under which it is stored.
        sequence: u64,
        /// What the reader stumbled over.
        reason: String,
    },
    /// The record cannot be written.
    #[error("the record has no JSON form: {0}")]
    Unwritable(String),
}

/// A writer's chain: gives each record its place and the hash of the one before.
#[derive(Debug, Clone, Copy)]
pub struct AuditChain {
    head: AuditHead,
    last_at: Timestamp,
}

impl Default for AuditChain {
    fn default() -> Self {
        Self::new()
    }
}

impl AuditChain {
    /// An empty chain.
    pub fn new() -> Self {
        Self::from_head(AuditHead::EMPTY, Timestamp::default())
    }

    /// A chain with the head `head`, whose last record was written at `last_at`.
    pub fn from_head(head: AuditHead, last_at: Timestamp) -> Self {
        Self { head, last_at }
    }

    /// The head of the chain.
    pub fn head(&self) -> AuditHead {
        self.head
    }

    /// Puts a record at the end. Its time is `at`, or that of the record before where that is later.
    ///
    /// # Errors
    ///
    /// When the record has no JSON form; the chain is then as before.
    pub fn append(&mut self, at: Timestamp, entry: AuditRecord) -> Result<StoredRecord, RecordError> {
        self.append_by(&mut Vec::with_capacity(TYPICAL), at, entry)
    }

    /// As [`AuditChain::append`], with a place to write in.
    pub(super) fn append_by(
        &mut self,
        scratch: &mut Vec<u8>,
        at: Timestamp,
        entry: AuditRecord,
    ) -> Result<StoredRecord, RecordError> {
        let at = at.max(self.last_at);
        let sequence = self.head.sequence.saturating_add(1);
        let stored = StoredRecord::seal_by(scratch, &ChainedRecord { sequence, previous: self.head.hash, at, entry })?;
        self.head = AuditHead { sequence, hash: stored.hash };
        self.last_at = at;
        Ok(stored)
    }
}

impl StoredRecord {
    /// Takes in what a store kept. Nothing is checked: [`verify`](super::verify) does. The columns that not every record has
    /// are public fields, absent at first.
    pub fn from_parts(
        sequence: u64,
        hash: Digest,
        bytes: impl Into<Arc<[u8]>>,
        kind: RecordKind,
        call: CallId,
        at: Timestamp,
        user: Digest,
    ) -> Self {
        Self { sequence, hash, bytes: bytes.into(), kind, call, at, user, server: None, tool: None, code: None }
    }

    /// Writes a record.
    ///
    /// # Errors
    ///
    /// When it has no JSON form.
    pub fn seal(record: &ChainedRecord) -> Result<Self, RecordError> {
        Self::seal_by(&mut Vec::with_capacity(TYPICAL), record)
    }

    /// As [`StoredRecord::seal`], with a place to write in.
    fn seal_by(scratch: &mut Vec<u8>, record: &ChainedRecord) -> Result<Self, RecordError> {
        scratch.clear();
        line::write(record, scratch).map_err(|error| RecordError::Unwritable(error.to_string()))?;
        let Columns { kind, call, user, tool, code } = Columns::of(&record.entry);
        // A mark belongs to no call.
        let call = match call {
            Some(call) => call.clone(),
            None => CallId::new("mark").map_err(|error| RecordError::Unwritable(error.to_string()))?,
        };
        let hash = Digest::of_bytes(scratch);
        let mut stored = Self::from_parts(record.sequence, hash, scratch.as_slice(), kind, call, record.at, user);
        stored.server = tool.map(ToolId::server).cloned();
        stored.tool = tool.cloned();
        stored.code = code;
        Ok(stored)
    }

    /// Reads the record. Whether its hash is right and it follows the one before is [`verify`](super::verify)'s business.
    ///
    /// # Errors
    ///
    /// When the bytes are no record that this release knows.
    pub fn open(&self) -> Result<ChainedRecord, RecordError> {
        serde_json::from_slice(&self.bytes)
            .map_err(|error| RecordError::Unreadable { sequence: self.sequence, reason: error.to_string() })
    }

    /// Whether the columns that a store indexes say what the record says.
    pub(crate) fn is_filed_as(&self, record: &ChainedRecord) -> bool {
        let columns = Columns::of(&record.entry);
        let server: Option<&ServerId> = columns.tool.map(ToolId::server);
        self.kind == columns.kind
            && columns.call.is_none_or(|call| self.call == *call)
            && self.at == record.at
            && self.user == columns.user
            && self.server.as_ref() == server
            && self.tool.as_ref() == columns.tool
            && self.code == columns.code
    }
}

struct Columns<'a> {
    kind: RecordKind,
    call: Option<&'a CallId>,
    user: Digest,
    tool: Option<&'a ToolId>,
    code: Option<DenialCode>,
}

impl<'a> Columns<'a> {
    fn of(entry: &'a AuditRecord) -> Self {
        match entry {
            AuditRecord::Intent(intent) => Self {
                kind: RecordKind::Intent,
                call: Some(&intent.call),
                user: intent.caller.user,
                tool: Some(&intent.tool),
                code: None,
            },
            AuditRecord::Outcome(outcome) => Self {
                kind: RecordKind::Outcome,
                call: Some(&outcome.call),
                user: outcome.user,
                tool: Some(&outcome.tool),
                code: match outcome.result {
                    super::CallResult::Denied { code, .. } => Some(code),
                    _ => None,
                },
            },
            AuditRecord::Denial(denial) => Self {
                kind: RecordKind::Denial,
                call: Some(&denial.call),
                user: denial.caller.user,
                tool: denial.tool.as_ref(),
                code: Some(denial.code),
            },
            AuditRecord::Mark(_) => {
                Self { kind: RecordKind::Mark, call: None, user: Digest::ZERO, tool: None, code: None }
            }
        }
    }
}
