//! The governor as a whole: a real journal, audit log and vault in memory, and a small provider that plays the vendor.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail the test")]

mod audit;
mod blueprint;
mod calls;
mod commits;
mod credentials;
mod faults;
mod futures;
mod golden;
mod keep;
mod kills;
mod lists;
mod load;
mod nodes;
mod renewal;
mod retention;
mod rollback;
mod seals;
mod sent;
mod shares;
mod small;
mod unreadable;
mod vendor;
mod world;
