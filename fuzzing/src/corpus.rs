//! The inputs that are kept: `fuzz/corpus/<target>`, one file each.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The kept inputs of one target.
#[derive(Debug)]
pub(crate) struct Corpus {
    folder: PathBuf,
}

impl Corpus {
    /// The corpus of a target; `package` is the folder of a package of this workspace.
    pub(crate) fn of(package: &str, target: &str) -> Self {
        let root = Path::new(package).ancestors().find(|folder| folder.join("Cargo.lock").is_file());
        Self { folder: root.unwrap_or(Path::new(package)).join("fuzz/corpus").join(target) }
    }

    /// Every kept input with its file's name, in the order of the names. None where the folder is not there.
    pub(crate) fn inputs(&self) -> io::Result<Vec<(String, Vec<u8>)>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut inputs = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            inputs.push((name, fs::read(&path)?));
        }
        inputs.sort();
        Ok(inputs)
    }

    /// Keeps an input that failed; answers where.
    pub(crate) fn keep(&self, input: &[u8]) -> io::Result<PathBuf> {
        // FNV-1a: the name of a file need not withstand anybody.
        let hash = input
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        fs::create_dir_all(&self.folder)?;
        let path = self.folder.join(format!("crash-{hash:016x}"));
        fs::write(&path, input)?;
        Ok(path)
    }
}
