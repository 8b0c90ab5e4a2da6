#![doc = include_str!("../README.md")]

mod checkpoint;
mod clock;
mod credential;
mod keys;
mod lease;
mod one_time;
#[cfg(feature = "postgres")]
mod postgres;
mod reseal;
mod revisions;
mod rows;
mod seal;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresOptions, PostgresStores};
#[cfg(feature = "sqlite")]
pub use self::sqlite::{IntegrityCheck, SqliteOptions, SqliteStores};
pub use self::{
    checkpoint::{Checkpoint, Checkpoints},
    keys::{KeyError, VaultKeys},
    reseal::Resealed,
};
