//! The server as clients see it.
#![cfg(test)]

mod access;
mod calls;
mod clients;
mod connect;
mod identity;
mod ingress;
mod jwt;
mod listen;
mod lists;
mod memory;
mod operate;
mod protocol;
mod refusals;
mod sockets;
mod stdio;
mod told;
mod vendor;
mod world;
