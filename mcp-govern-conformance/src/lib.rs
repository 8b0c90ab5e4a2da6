#![doc = include_str!("../README.md")]
#![expect(clippy::indexing_slicing, reason = "checks index what they have just made; a check that panics has failed")]

mod chosen;
pub mod digests;
mod failed;
mod failure;
mod harness;
pub mod kit;
mod leak;
pub mod lists;
pub mod provider;
pub mod store;
pub mod wire;

pub use failed::Failed;
pub use failure::{Failure, Verdict};
pub use harness::{Harness, HarnessBuilder};
pub use leak::LeakDetector;

/// A text that is planted as a secret and must appear nowhere else.
pub const CANARY: &str = "canary-5f1d7c0e9b";
