#![doc = include_str!("../README.md")]

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod checkpoint;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod clock;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod credential;
mod file;
mod heads;
mod keys;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod lease;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod one_time;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod open;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod reseal;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod revisions;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod rows;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod seal;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresOptions, PostgresStores};
#[cfg(feature = "sqlite")]
pub use self::sqlite::{IntegrityCheck, SqliteOptions, SqliteStores};
pub use self::{
    file::{create_new_private, is_open_to_others, keep_segment, write_new_secret},
    heads::FileHeadKeeper,
    keys::{KeyError, VaultKeys},
};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use self::{
    open::{MissingStore, OpenOptions, OpenedStores, Plaintext, open},
    reseal::Resealed,
};
