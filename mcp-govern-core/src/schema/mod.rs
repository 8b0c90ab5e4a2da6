//! Schemas of arguments: how they are narrowed by rules and shown, how values are held to them, and what of these is put on record.

mod bounds;
mod call_rules;
mod email;
mod example;
mod fault;
#[cfg(test)]
mod fuzz;
mod narrow;
mod narrowing;
mod nearest;
mod normal;
mod redact;
mod rules;
mod schemas;
mod send;

pub use self::{
    bounds::{MAX_BYTES, MAX_DEPTH, MAX_VALUES},
    call_rules::CallRules,
    narrow::narrow,
    redact::{REDACTED, redact},
    rules::KEYS_OF,
    send::send_faults,
};
pub(crate) use self::{
    bounds::{bounded, fits},
    fault::{MOST as MOST_FAULTS, faults, told, unknown_names},
    narrow::{narrow_shown, stripped},
    nearest::nearest,
    normal::{Normal, normal},
    redact::redact_in_place,
    rules::{Bearing, bearing, fill_fixed, property, violations},
    schemas::{Compiled, Schemas},
};
