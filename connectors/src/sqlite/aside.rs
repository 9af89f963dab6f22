//! What becomes of a read model that is damaged: it is moved out of the way, and filled anew from the log.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// What SQLite keeps beside a file.
const BESIDE: [&str; 3] = ["", "-wal", "-shm"];

/// Renames a file that nobody has open to `<file>.corrupt-<n>`, with the first free `n`, and what belongs to it; gives its new name.
///
/// # Errors
/// It cannot be renamed.
pub fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let named = |n: u32| PathBuf::from(with(path, &format!(".corrupt-{n}")));
    let mut n = 1;
    while named(n).exists() {
        n += 1;
    }
    let target = named(n);
    for suffix in BESIDE {
        match std::fs::rename(with(path, suffix), with(&target, suffix)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !suffix.is_empty() => {}
            done => done?,
        }
    }
    Ok(target)
}

fn with(path: &Path, suffix: &str) -> OsString {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name
}
