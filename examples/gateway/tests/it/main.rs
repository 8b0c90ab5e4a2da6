//! The gateway as its users meet it: the program is started, and spoken to from outside.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail the test")]

mod world;

mod apis;
mod check;
mod clients;
mod connect;
mod demonstration;
mod ending;
mod hostile;
mod oauth;
mod plan;
mod refused;
mod reload;
mod restart;
mod sign_in;
mod strangers;
