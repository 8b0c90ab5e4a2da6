//! Admission and arguments, from the outside.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail the test")]

mod answers;
mod arguments;
mod cases;
mod history;
mod model;
mod properties;
mod support;
