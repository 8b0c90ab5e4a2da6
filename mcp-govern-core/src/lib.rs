//! scaffold
pub mod access;
pub mod audit;
pub mod blueprint;
pub mod check;
mod denial;
pub mod governor;
pub mod journal;
pub mod memory;
pub mod ports;
pub mod provider;
mod random;
mod vocabulary;
pub use denial::{ArgumentFault, Denial, DenialCode, Remedy};
pub use governor::Governor;
pub use provider::*;
pub use random::RandomError;
pub use vocabulary::*;
