//! The last known heads in a file beside the keys.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use mcp_govern_core::ports::{HeadKeeper, KeptHeads, StoreError, StoreErrorKind};

use crate::file::replace;

/// Keeps the last known heads of a tenant in a file of its owner's alone (mode 600).
///
/// The file belongs where a person who can write the store cannot write: beside the keys, not inside of a database's folder or its
/// backups. It is replaced as a whole and survives a crash.
#[derive(Debug, Clone)]
pub struct FileHeadKeeper {
    path: Arc<Path>,
}

impl FileHeadKeeper {
    /// In this file, which need not be there yet; its folder must.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into().into() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reading and writing wait for a disk: they are done aside.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let path = Arc::clone(&self.path);
        let done = tokio::task::spawn_blocking(move || work(&path)).await.map_err(io::Error::other).flatten();
        done.map_err(|error| {
            let message = format!("the kept heads in {} cannot be used: {error}", self.place());
            StoreError::new(StoreErrorKind::Unavailable, message)
        })
    }
}

#[async_trait]
impl HeadKeeper for FileHeadKeeper {
    async fn last(&self) -> Result<Option<KeptHeads>, StoreError> {
        let read = self.aside(|path| match fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        });
        let Some(text) = read.await? else { return Ok(None) };
        let kept = KeptHeads::from_json(&text)
            .map_err(|error| StoreError::new(error.kind(), format!("{}: {error}", self.place())))?;
        Ok(Some(kept))
    }

    async fn keep(&self, heads: &KeptHeads) -> Result<(), StoreError> {
        let text = format!("{}\n", heads.to_json()?);
        self.aside(move |path| replace(path, text.as_bytes())).await
    }

    fn place(&self) -> String {
        format!("`{}`", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mcp_govern_core::{
        TenantId, Timestamp,
        audit::AuditKey,
        journal::{Head, Revision},
    };

    use super::*;

    fn heads(revision: u64) -> KeptHeads {
        let journal = Head { revision: Revision(revision), ..Head::EMPTY };
        let (tenant, at) = (TenantId::new("acme").unwrap(), Timestamp::from_millis(5));
        KeptHeads::seal(&AuditKey::from_bytes([7; 32]), tenant, at, journal, BTreeMap::new()).unwrap()
    }

    #[tokio::test]
    async fn what_was_kept_last_is_read_back_and_nothing_else_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = FileHeadKeeper::new(folder.path().join("gateway.heads.json"));
        assert_eq!(keeper.last().await.unwrap(), None);
        for revision in [1, 2] {
            keeper.keep(&heads(revision)).await.unwrap();
            assert_eq!(keeper.last().await.unwrap(), Some(heads(revision)));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(keeper.path()).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn a_file_of_something_else_and_a_folder_that_is_not_there_are_told_with_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = FileHeadKeeper::new(folder.path().join("heads.json"));
        fs::write(keeper.path(), "canary").unwrap();
        let error = keeper.last().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        assert!(error.to_string().contains("heads.json") && !error.to_string().contains("canary"), "{error}");
        let nowhere = FileHeadKeeper::new(folder.path().join("gone/heads.json"));
        assert_eq!(nowhere.keep(&heads(1)).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert_eq!(nowhere.last().await.unwrap(), None);
    }
}
