//! What a failure of SQLite means for the caller.

use mcp_govern_core::ports::{StoreError, StoreErrorKind};
use sqlx::migrate::MigrateError;

/// How far the work had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing was to be written, or the transaction had not been committed: nothing was done.
    Before,
    /// The transaction was being committed.
    Commit,
}

/// Turns a failure into what the caller should do.
///
/// INVARIANT: a failure of the disk while a transaction is committed is `Unknown`: its last page may have reached the disk
/// although syncing it failed (`a_disk_error_while_committing_is_unknown`). A full disk is not: the page that ends the
/// transaction was not written.
pub(crate) fn fault(error: sqlx::Error, stage: Stage, doing: &str) -> StoreError {
    let (kind, why) = classify(&error, stage);
    StoreError::new(kind, format!("{doing}: {why}")).with_source(error)
}

/// A failure outside a commit.
pub(crate) fn failed(doing: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| fault(error, Stage::Before, doing)
}

/// A failure while the tables were made or brought up to date.
pub(crate) fn migration(error: MigrateError, stage: Stage) -> StoreError {
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
            fault(error, stage, "bringing the store's tables up to date")
        }
        error => StoreError::new(StoreErrorKind::Unavailable, "the store's tables cannot be brought up to date")
            .with_source(error),
    }
}

/// Whether another connection holds the file.
pub(crate) fn is_locked(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(code_of).is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

fn code_of(error: &(dyn sqlx::error::DatabaseError + 'static)) -> Option<u32> {
    error.code()?.parse().ok()
}

fn classify(error: &sqlx::Error, stage: Stage) -> (StoreErrorKind, String) {
    use StoreErrorKind::{Corrupt, Unavailable, Unknown};
    let undone = match stage {
        Stage::Before => Unavailable,
        Stage::Commit => Unknown,
    };
    match error {
        sqlx::Error::Database(error) => {
            let code = code_of(&**error).unwrap_or(0);
            let (kind, why) = of_code(code, undone);
            (kind, format!("{why} (SQLite {code}: {})", error.message()))
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound => {
            (Corrupt, "a row is not readable".to_owned())
        }
        sqlx::Error::PoolTimedOut => (Unavailable, "no connection became free in time".to_owned()),
        sqlx::Error::PoolClosed => (Unavailable, "the store is closed".to_owned()),
        _ => (undone, "the connection to the file failed".to_owned()),
    }
}

/// The low byte of a code is what SQLite calls the primary result code (<https://sqlite.org/rescode.html>).
fn of_code(code: u32, undone: StoreErrorKind) -> (StoreErrorKind, &'static str) {
    use StoreErrorKind::{Corrupt, Unavailable};
    // SQLITE_IOERR_CORRUPTFS
    const CORRUPT_FILE_SYSTEM: u32 = 8_458;
    match (code, code & 0xff) {
        (CORRUPT_FILE_SYSTEM, _) => (Corrupt, "the file system is damaged"),
        (_, 5 | 6) => (Unavailable, "another process is writing"),
        (_, 8) => (Unavailable, "the file is read-only"),
        (_, 13) => (Unavailable, "the disk is full or the file has its largest size"),
        (_, 14) => (Unavailable, "the file cannot be opened"),
        (_, 11) => (Corrupt, "the file is damaged: restore it from a backup"),
        (_, 26) => (Corrupt, "the file is not a SQLite database"),
        (_, 1 | 19 | 20) => (Corrupt, "the tables are not as this release makes them"),
        (_, 10) => (undone, "the disk failed"),
        _ => (undone, "SQLite failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIMARY: [(u32, StoreErrorKind, StoreErrorKind); 9] = {
        use StoreErrorKind::{Corrupt, Unavailable, Unknown};
        [
            (5, Unavailable, Unavailable),
            (6, Unavailable, Unavailable),
            (8, Unavailable, Unavailable),
            (13, Unavailable, Unavailable),
            (14, Unavailable, Unavailable),
            (11, Corrupt, Corrupt),
            (26, Corrupt, Corrupt),
            (10, Unavailable, Unknown),
            (7, Unavailable, Unknown),
        ]
    };

    #[test]
    fn a_disk_error_while_committing_is_unknown() {
        for (code, before, commit) in PRIMARY {
            for extended in [code, code | (4 << 8)] {
                assert_eq!(of_code(extended, StoreErrorKind::Unavailable).0, before, "code {extended} before");
                assert_eq!(of_code(extended, StoreErrorKind::Unknown).0, commit, "code {extended} at the commit");
            }
        }
        assert_eq!(of_code(8_458, StoreErrorKind::Unavailable).0, StoreErrorKind::Corrupt);
    }

    #[test]
    fn a_lost_connection_is_unknown_only_while_committing() {
        let lost = || sqlx::Error::WorkerCrashed;
        assert_eq!(fault(lost(), Stage::Before, "reading").kind(), StoreErrorKind::Unavailable);
        assert_eq!(fault(lost(), Stage::Commit, "writing").kind(), StoreErrorKind::Unknown);
        let error = fault(sqlx::Error::PoolTimedOut, Stage::Commit, "writing a commit");
        assert_eq!(error.to_string(), "writing a commit: no connection became free in time");
    }

    #[test]
    fn a_newer_store_says_so() {
        let error = migration(MigrateError::VersionMissing(7), Stage::Before);
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        assert!(error.to_string().contains("newer release"), "{error}");
    }
}
