//! Runs the verbs that govern a store, on SQLite files and databases of PostgreSQL, beside a governor that uses the same store.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail the test")]

/// Makes a test of each function on each kind of store: it is given a site of its own.
macro_rules! on_every_store {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(
                #[test]
                fn $name() {
                    super::$name(&crate::site::Site::empty());
                }
            )*
        }

        mod on_postgres {
            $(
                #[test]
                fn $name() {
                    if let Some(site) = crate::site::Site::on_postgres() {
                        super::$name(&site);
                    }
                }
            )*
        }
    };
}

mod keys;
mod life;
mod moving;
mod names;
mod node;
mod own;
mod people;
mod record;
mod refused;
mod requests;
mod review;
mod site;
mod terminal;
