//! What a failure of PostgreSQL means for the caller.

use mcp_govern_core::ports::{StoreError, StoreErrorKind};
use sqlx::migrate::MigrateError;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It reads, or what it writes has not been committed: when the answer is lost, nothing was done.
    Read,
    /// It is one statement that commits itself, or a commit: when the answer is lost, it may have been done.
    Write,
}

/// A failure, and whether the connection it came over can still be used.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) error: StoreError,
    pub(crate) connection: Connection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection {
    Usable,
    Lost,
}

/// Turns a failure into what the caller should do.
///
/// INVARIANT: an error that the server reports for a statement means that the statement was rolled back; everything else,
/// an ended session included (it may be waiting for a standby after the commit), leaves a write `Unknown`
/// (`only_what_the_server_has_refused_is_certain_not_to_be_done`).
pub(crate) fn fault(error: sqlx::Error, access: Access, doing: &str) -> Fault {
    let (kind, why, connection) = classify(&error, access);
    let told = StoreError::new(kind, format!("{doing}: {why}"));
    // What the database said is told whole; its own form adds a line of the database's source.
    let error = if matches!(error, sqlx::Error::Database(_)) { told } else { told.with_source(error) };
    Fault { error, connection }
}

/// What a failure says, in a few words.
pub(crate) fn told(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => {
            format!("{} (PostgreSQL {})", error.message(), error.code().unwrap_or_default())
        }
        other => other.to_string(),
    }
}

/// A failure where no connection could be had: nothing was done.
pub(crate) fn unreachable(error: sqlx::Error, doing: &str) -> StoreError {
    fault(error, Access::Read, doing).error
}

/// A failure while the tables were made or brought up to date.
pub(crate) fn migration(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(version) => StoreError::new(
            StoreErrorKind::Corrupt,
            format!("the store was written by a newer release (its tables have version {version}): use that release"),
        ),
        MigrateError::VersionMismatch(version) => StoreError::new(
            StoreErrorKind::Corrupt,
            format!("version {version} of the store's tables is not the one that this release makes"),
        ),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            unreachable(error, "bringing the store's tables up to date")
        }
        error => StoreError::new(StoreErrorKind::Unavailable, "the store's tables cannot be brought up to date")
            .with_source(error),
    }
}

fn classify(error: &sqlx::Error, access: Access) -> (StoreErrorKind, String, Connection) {
    use StoreErrorKind::{Corrupt, Unavailable, Unknown};
    let lost = match access {
        Access::Read => Unavailable,
        Access::Write => Unknown,
    };
    match error {
        sqlx::Error::Database(error) => {
            let state = error.code().unwrap_or_default();
            let (kind, why, connection) = of_state(&state, lost);
            // The message, not the detail: PostgreSQL puts the values of a row into the detail.
            (kind, format!("{why} (PostgreSQL {state}: {})", error.message()), connection)
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound => {
            (Corrupt, "a row is not readable".to_owned(), Connection::Usable)
        }
        sqlx::Error::PoolTimedOut => (Unavailable, "no connection became free in time".to_owned(), Connection::Usable),
        sqlx::Error::PoolClosed => (Unavailable, "the stores are closed".to_owned(), Connection::Usable),
        sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_) => {
            (Unavailable, "a value cannot be sent".to_owned(), Connection::Usable)
        }
        sqlx::Error::Configuration(why) => (Unavailable, why.to_string(), Connection::Lost),
        // Nothing was sent: the connection is made before anything else.
        sqlx::Error::Tls(why) => {
            let what = "no connection that is encrypted and verified can be made";
            let hint = "see `sslmode` and `sslrootcert` of the URL";
            (Unavailable, format!("{what} ({why}): {hint}"), Connection::Lost)
        }
        sqlx::Error::Io(error) => (lost, format!("the connection failed ({error})"), Connection::Lost),
        _ => (lost, "the connection failed".to_owned(), Connection::Lost),
    }
}

/// SQLSTATE codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn of_state(state: &str, lost: StoreErrorKind) -> (StoreErrorKind, &'static str, Connection) {
    use StoreErrorKind::{Corrupt, Unavailable};
    match state {
        "57P01" | "57P02" | "57P03" | "57P05" => (lost, "the server ended the session", Connection::Lost),
        "40003" => (lost, "the server does not know whether it was done", Connection::Lost),
        state if state.starts_with("08") => (lost, "the connection failed", Connection::Lost),
        "25006" => (Unavailable, "the server is read-only (a replica?)", Connection::Lost),
        "40001" | "40P01" => (Unavailable, "another transaction came in between", Connection::Usable),
        "55P03" => (Unavailable, "something else holds a lock", Connection::Usable),
        "57014" => (Unavailable, "it took too long", Connection::Usable),
        "XX001" | "XX002" => (Corrupt, "the database is damaged: restore it from a backup", Connection::Usable),
        "42P01" | "42703" | "42883" | "3F000" => {
            (Corrupt, "the tables are not as this release makes them", Connection::Usable)
        }
        state if state.starts_with("23") => (Corrupt, "the store contradicts itself", Connection::Usable),
        state if state.starts_with("53") => {
            (Unavailable, "the server has run out of space, memory or connections", Connection::Usable)
        }
        _ => (Unavailable, "the server refused it", Connection::Usable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_server_has_refused_is_certain_not_to_be_done() {
        use StoreErrorKind::{Corrupt, Unavailable, Unknown};
        for (state, expected) in [
            ("57P01", Unknown),
            ("08006", Unknown),
            ("40003", Unknown),
            ("25006", Unavailable),
            ("40001", Unavailable),
            ("40P01", Unavailable),
            ("55P03", Unavailable),
            ("57014", Unavailable),
            ("53100", Unavailable),
            ("XX001", Corrupt),
            ("42P01", Corrupt),
            ("23505", Corrupt),
            ("XX000", Unavailable),
        ] {
            assert_eq!(of_state(state, Unknown).0, expected, "{state} while writing");
            let reading = if expected == Unknown { Unavailable } else { expected };
            assert_eq!(of_state(state, Unavailable).0, reading, "{state} while reading");
        }
    }

    #[test]
    fn a_lost_connection_is_unknown_for_a_write_and_nothing_for_a_read() {
        let lost = || sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert_eq!(fault(lost(), Access::Write, "appending").error.kind(), StoreErrorKind::Unknown);
        assert_eq!(fault(lost(), Access::Read, "reading").error.kind(), StoreErrorKind::Unavailable);
        assert_eq!(fault(lost(), Access::Read, "reading").connection, Connection::Lost);
        let waiting = fault(sqlx::Error::PoolTimedOut, Access::Write, "appending");
        assert_eq!(waiting.error.kind(), StoreErrorKind::Unavailable);
        assert_eq!(waiting.connection, Connection::Usable);
    }
}
