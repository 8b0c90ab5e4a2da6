//! What the stores are compared with.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use crate::load::Measured;

/// Appends 600 bytes to a file and waits until they are on the disk, again and again.
pub(crate) fn fdatasync(path: &Path, slice: Duration) -> Measured {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    let mut measured = Measured::default();
    let began = Instant::now();
    while began.elapsed() < slice {
        let write = Instant::now();
        file.write_all(&[b'x'; 600]).unwrap();
        file.sync_data().unwrap();
        measured.note(write.elapsed());
    }
    measured.end(began.elapsed());
    measured
}
