//! The provider against its stand-in, through a real governor.
#![cfg(test)]

mod catalogue;
mod changes;
mod credentials;
mod errors;
mod kit;
mod lists;
mod recipes;
mod refusals;
mod requests;
mod results;
mod retries;
mod setup;
