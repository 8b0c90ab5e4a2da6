//! A copy of the store.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use mcp_govern_store::MissingStore;
use serde::Serialize;

use super::{
    output::{Report, show},
    place::Place,
    session::open_stores,
};
use crate::{failure::Failure, serve::Form};

#[derive(Debug, Serialize)]
struct Copied {
    file: PathBuf,
    bytes: u64,
}

/// Writes the store as it is at this moment to a new file. Needs no key, and has none in it.
pub(crate) async fn run(place: &Place<'_>, file: &Path, form: Form, out: &mut impl Write) -> Result<ExitCode, Failure> {
    if file.exists() {
        return Err(Failure::usage(format!("`{}` is there already: name a new file", file.display())));
    }
    let stores = open_stores(place, MissingStore::Refuse).await?;
    let done = match stores.as_sqlite() {
        Some(sqlite) => sqlite.backup(file).await.map_err(Failure::from),
        None => Err(Failure::usage("this is PostgreSQL: `pg_dump` writes a backup of it")),
    };
    stores.close().await;
    done?;
    show(&Copied { file: file.to_owned(), bytes: fs::metadata(file)?.len() }, form, out)?;
    Ok(ExitCode::SUCCESS)
}

impl Report for Copied {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{} ({} bytes). The keys are not in it: keep copies of them elsewhere.",
            self.file.display(),
            self.bytes
        )
    }
}
