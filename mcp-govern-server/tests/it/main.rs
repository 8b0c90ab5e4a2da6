//! The server as clients see it.

mod calls;
mod connect;
mod identity;
mod jwt;
mod lists;
mod listen;
mod operate;
mod protocol;
mod refusals;
mod sockets;
mod stdio;
mod vendor;
mod world;
