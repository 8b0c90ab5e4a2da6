//! The provider against its stand-in, through a real governor.
#![cfg(test)]

mod asynchronous;
mod catalogue;
mod credentials;
mod errors;
mod kit;
mod refusals;
mod requests;
mod results;
mod setup;
