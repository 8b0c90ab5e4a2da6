//! The audit of tool calls: records, their chain, and its verification.
//!
//! Every record is one JSON object; each holds the hash of the one before, and a store keeps the exact bytes with their
//! SHA-256. That makes the log *tamper-evident*, not immutable: [`verify`] finds the first record that was changed, moved,
//! taken out or put in. A person who can write the whole store can chain both streams anew: what shows that are the seals under the
//! [`AuditKey`] that the journal carries ([`JournalVerifier`]), and an [`AuditHead`](crate::ports::AuditHead) that was kept
//! elsewhere ([`verify_to`]), which shows also that the newest records are gone.

mod chain;
mod commit;
mod export;
mod journal;
mod line;
mod names;
mod record;
mod seal;
mod segment;
mod verify;
mod withheld;
mod writer;

pub use self::{
    chain::{AuditChain, RecordError},
    journal::{JournalVerification, JournalVerifier, KeptCheck, verify_commits},
    names::ReadableNames,
    record::{
        AuditRecord, CallDenial, CallIntent, CallOutcome, CallResult, Caller, ChainedRecord, CredentialUse,
        MAX_RECORDED_ARGUMENTS, StatedClient, WriterMark,
    },
    seal::SealsFound,
    segment::{AuditSegment, SegmentError, SegmentHeader},
    verify::{BreakKind, ChainBreak, Verification, Verifier, verify, verify_to},
    writer::AuditHealth,
};
pub(crate) use self::{
    commit::AuditCommitter,
    names::escaped,
    segment::{droppable, unended},
    writer::{AuditWriter, Receipt, RecordUnavailable, SentFlag},
};
pub(crate) use crate::audit_key::ArgumentsMessage;
pub use crate::{audit_key::AuditKey, vocabulary::RecordKind};
