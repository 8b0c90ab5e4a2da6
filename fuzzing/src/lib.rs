//! For the tests of this workspace: hostile inputs, and work that is counted in steps instead of in time.
//!
//! A fuzz target is an ordinary test that gives [`Target::run`] a closure over bytes. It replays the files of
//! `fuzz/corpus/<target>`, then tries some hundred mutations of them. With `MCP_GOVERN_FUZZ_SECONDS=600` it goes on for that
//! long; an input that fails is made smaller and kept in that folder, so that every later run begins with it.

#![expect(
    clippy::panic,
    clippy::print_stderr,
    reason = "this crate is part of tests: it fails them and says with which input"
)]

mod corpus;
mod mutate;
pub mod steps;
mod target;

pub use self::target::Target;
