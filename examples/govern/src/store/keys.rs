//! The keys of a store.

use std::{
    fmt::Write as _,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use example_vendors::Environment;
use mcp_govern_core::Secret;
use mcp_govern_store::{MissingStore, VaultKeys, write_new_secret};
use serde::Serialize;

use super::{
    args::{KeysVerb, StoreArguments},
    output::{Report, show},
    place::Place,
    session::open_stores,
};
use crate::{failure::Failure, serve::Form};

#[derive(Debug, Serialize)]
struct Made {
    file: PathBuf,
    /// The names of the keys, the one that seals first. A key of the audit has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Sealed {
    /// How many credentials were sealed again.
    done: u64,
    /// How many are still sealed under another key; while any is, no key must be taken away.
    left: u64,
}

/// Makes keys, or seals again under new ones.
pub(crate) async fn run(
    what: &KeysVerb,
    arguments: &StoreArguments,
    environment: &Environment,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    match what {
        KeysVerb::Vault { file, older } => {
            let mut keys = VaultKeys::generate()?;
            if let Some(older) = older {
                keys = keys.with_older(&VaultKeys::from_file(older)?);
            }
            write_new(file, &keys.to_text())?;
            show(&Made { file: file.clone(), keys: keys.ids().map(str::to_owned).collect() }, form, out)?;
            Ok(ExitCode::SUCCESS)
        }
        KeysVerb::Audit { file } => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(|error| Failure::Other(format!("no random bytes: {error}")))?;
            let digits = bytes.iter().fold(String::new(), |mut text, byte| {
                // Writing into a text does not fail.
                let _ = write!(text, "{byte:02x}");
                text
            });
            write_new(file, &Secret::new(format!("{digits}\n")))?;
            show(&Made { file: file.clone(), keys: Vec::new() }, form, out)?;
            Ok(ExitCode::SUCCESS)
        }
        KeysVerb::Reseal => reseal(&Place::of(arguments, environment)?, form, out).await,
    }
}

async fn reseal(place: &Place<'_>, form: Form, out: &mut impl Write) -> Result<ExitCode, Failure> {
    if place.vault_keys()?.is_none() {
        return Err(Failure::usage(
            "say with which keys, the new one first and those in use behind it: `--vault-keys FILE` or GOVERN_VAULT_KEYS",
        ));
    }
    let stores = open_stores(place, MissingStore::Refuse).await?;
    let resealed = stores.reseal().await;
    stores.close().await;
    let resealed = resealed?;
    show(&Sealed { done: resealed.done, left: resealed.left }, form, out)?;
    Ok(if resealed.left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes a new file that its owner alone can read.
fn write_new(path: &Path, text: &Secret) -> Result<(), Failure> {
    write_new_secret(path, text)
        .map_err(|error| Failure::usage(format!("`{}` cannot be made: {error}", path.display())))
}

impl Report for Made {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.keys.first() {
            Some(current) => writeln!(out, "{}: `{current}` seals", self.file.display())?,
            None => writeln!(out, "{}", self.file.display())?,
        }
        for older in self.keys.iter().skip(1) {
            writeln!(out, "`{older}` opens what was sealed before")?;
        }
        writeln!(out, "Keep a copy elsewhere: what was written under a key is lost with it.")
    }
}

impl Report for Sealed {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} sealed again, {} left", self.done, self.left)?;
        if self.left > 0 {
            writeln!(out, "Take no key away: run it again, with every key that is in use.")?;
        }
        Ok(())
    }
}
