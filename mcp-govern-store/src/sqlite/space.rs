use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use mcp_govern_core::ports::{Space, StoreError, StoreErrorKind, StoreSpace};

use super::{
    database::{Database, beside, size},
    fault::failed,
};

/// How much room a SQLite file takes and has left: on its disk, and up to its largest size.
#[derive(Debug)]
pub(crate) struct SqliteSpace(Arc<Database>);

impl SqliteSpace {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self(database)
    }
}

#[async_trait]
impl Space for SqliteSpace {
    async fn space(&self) -> Result<StoreSpace, StoreError> {
        const DOING: &str = "measuring the store";
        let (pages, unused, page): (i64, i64, i64) = sqlx::query_as(
            "SELECT page_count, freelist_count, page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        )
        .fetch_one(&self.0.readers)
        .await
        .map_err(failed(DOING))?;
        let bytes = |pages: i64| u64::try_from(pages.saturating_mul(page)).unwrap_or(0);
        // What was deleted leaves pages in the file that are written again before it grows.
        let (file, unused) = (bytes(pages), bytes(unused));
        let log = size(&beside(&self.0.path, "-wal"));
        let used = file.saturating_sub(unused).saturating_add(log);
        let path = self.0.path.clone();
        // A disk that hangs is to keep nothing else waiting.
        let disk = tokio::task::spawn_blocking(move || free_beside(&path))
            .await
            .map_err(|error| StoreError::new(StoreErrorKind::Unavailable, format!("{DOING}: {error}")))?;
        let on_disk = disk.map(|free| free.saturating_add(unused));
        let to_limit = self.0.largest.map(|largest| largest.saturating_sub(file).saturating_add(unused));
        let space = StoreSpace::new(used);
        Ok(match on_disk.into_iter().chain(to_limit).min() {
            Some(free) => space.with_free(free),
            None => space,
        })
    }
}

/// What a program without special rights may still write on the disk of a file.
#[cfg(unix)]
fn free_beside(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[cfg(not(unix))]
fn free_beside(_path: &Path) -> Option<u64> {
    None
}
