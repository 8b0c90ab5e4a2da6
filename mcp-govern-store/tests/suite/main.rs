//! What the stores promise, held against SQLite files and throw-away PostgreSQL clusters.
#![cfg(test)]

mod audit;
mod chains;
mod checkpoints;
mod conformance;
#[cfg(feature = "postgres")]
mod encryption;
mod follower;
mod governed;
mod journal;
mod nodes;
mod once;
mod outages;
#[cfg(feature = "postgres")]
mod postgres;
mod promised;
#[cfg(feature = "postgres")]
mod proxy;
mod site;
mod sqlite;
mod tampering;
mod vault;

/// Makes a test of each function for each kind of store: `#[tokio::test]` for a site of its own.
macro_rules! on_every_store {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(crate::site::Site::sqlite()).await;
                }
            )*
        }

        #[cfg(feature = "postgres")]
        mod on_postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    if let Some(site) = crate::site::Site::postgres() {
                        super::$name(site).await;
                    }
                }
            )*
        }
    };
}
pub(crate) use on_every_store;
