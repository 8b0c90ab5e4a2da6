//! The audit of tool calls: records, their chain, and its verification.

mod record;

pub use self::record::{
    AuditRecord, CallDenial, CallIntent, CallOutcome, CallResult, Caller, ChainedRecord, CredentialUse, RecordKind,
    WriterMark,
};
