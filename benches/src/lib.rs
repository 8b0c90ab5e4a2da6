//! What the benchmarks of mcp-govern share: tenants of a given size, the peers, and how time and allocations are counted.
//!
//! Time is the thread's own CPU time, so that a busy machine does not count; every figure is a ratio of two things that were
//! measured in one run.

pub mod allocations;
pub mod cedar;
pub mod clock;
pub mod tenant;
