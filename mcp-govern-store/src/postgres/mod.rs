//! Stores in a PostgreSQL database.

mod audit;
mod checkpoint;
mod database;
mod encryption;
mod fault;
mod journal;
mod lease;
mod listen;
mod one_time;
mod options;
mod space;
mod stores;
mod vault;

pub(crate) use self::database::check;
pub use self::{options::PostgresOptions, stores::PostgresStores};
