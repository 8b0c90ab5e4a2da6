//! Arguments: the tool's schema, what is sent for those left out, and the rules of those who hand the tool out.
//!
//! [`check`] takes a [`Permit`](crate::access::Permit) and the arguments of a call and answers with the arguments that are sent,
//! or with a denial that says what to correct. What clients are known to write for a value that is plainly meant is read first, so
//! that rules, records, previews and providers see one form. [`narrow`] makes the schema that a model is shown, [`redact`] the arguments that
//! are put on record, and [`send_faults`] holds what a definition sends for arguments that are left out to its own schema.

mod arguments;

pub use self::arguments::{Checked, check, check_against};
pub(crate) use self::arguments::{check_normal, invalid, normalised};
pub use crate::schema::{CallRules, KEYS_OF, MAX_BYTES, MAX_DEPTH, MAX_VALUES, REDACTED, narrow, redact, send_faults};
