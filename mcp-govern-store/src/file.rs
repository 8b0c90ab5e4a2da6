//! New files that are their owner's alone and survive a crash.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use mcp_govern_core::{Secret, audit::AuditSegment};

/// Writes a secret, such as a key, into a new file of its owner's alone (mode 600).
///
/// INVARIANT: the file is whole or not there, for every reader and whenever the machine stops
/// (`nobody_ever_reads_half_of_a_file_of_keys`), and the first one stays (`processes_that_start_at_once_end_with_one_key`). The
/// file system must know hard links.
///
/// # Errors
///
/// `AlreadyExists` where there is a file of that name, which is left as it is; else what the operating system says.
pub fn write_new_secret(path: impl AsRef<Path>, text: &Secret) -> io::Result<()> {
    write_new(path.as_ref(), text.expose().as_bytes())
}

/// Keeps a sealed segment of the audit as a file of its owner's alone in a folder; answers which. It is named after tenant, writer and
/// records. After `Ok` it survives a crash of the machine, so that the segment may be dropped from the store. A file that is there
/// already with the same content is as good.
///
/// # Errors
///
/// `AlreadyExists` where there is a file of that name with other content, which is left as it is; else what the operating system says.
pub fn keep_segment(folder: impl AsRef<Path>, segment: &AuditSegment) -> io::Result<PathBuf> {
    let header = segment.header();
    let (first, last) = (header.after.sequence.saturating_add(1), header.through.sequence);
    let path = folder.as_ref().join(format!("{}.{}.{first}-{last}.jsonl", header.tenant, header.writer));
    match write_new(&path, segment.bytes()) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && fs::read(&path)? == segment.bytes() => {}
        written => written?,
    }
    Ok(path)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let half = &beside(path)?;
    let written = create_new(half).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let linked = written.and_then(|()| fs::hard_link(half, path));
    // Whatever came of it, a secret stands nowhere else.
    let removed = fs::remove_file(half);
    linked.and(removed)?;
    sync_folder(path)
}

/// A new, empty file of its owner's alone (mode 600), to write private content into.
///
/// # Errors
///
/// `AlreadyExists` where there is a file of that name; else what the operating system says.
pub fn create_new_private(path: impl AsRef<Path>) -> io::Result<File> {
    create_new(path.as_ref())
}

/// Whether others than its owner may read or change a file. Where the operating system knows no such thing, or there is no such file: no.
pub fn is_open_to_others(path: impl AsRef<Path>) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(path).is_ok_and(|file| file.mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// Replaces what a file holds, or makes it, as its owner's alone (mode 600): a reader, whenever the machine stops, has the
/// old text or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let half = &beside(path)?;
    let written = create_new(half).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| fs::rename(half, path)) {
        // It may not have been made.
        let _ = fs::remove_file(half);
        return Err(error);
    }
    sync_folder(path)
}

/// A name in the same folder that nothing has yet.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let mut name = [0; 8];
    getrandom::fill(&mut name).map_err(io::Error::other)?;
    let mut half = path.as_os_str().to_owned();
    half.push(format!(".{:016x}.new", u64::from_be_bytes(name)));
    Ok(half.into())
}

/// A new, empty file of its owner's alone.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes sure that the names in a file's folder survive a crash. Only on Unix can a folder be synced.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
