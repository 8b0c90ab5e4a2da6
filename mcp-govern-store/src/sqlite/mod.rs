//! Stores in a SQLite file.

mod audit;
mod checkpoint;
mod database;
mod fault;
mod follow;
mod journal;
mod lease;
mod one_time;
mod options;
mod space;
mod stores;
mod vault;

pub use self::{
    options::{IntegrityCheck, SqliteOptions},
    stores::SqliteStores,
};
