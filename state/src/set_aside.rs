//! What is done with a database that cannot be read: it is kept for whoever wants to look, and a fresh one takes its place.

use std::path::{Path, PathBuf};
use std::{fs, io};

use rocksdb::ErrorKind;

use crate::StateError;

/// Renames a task's directory to `<dir>.corrupt-<n>`, with the first free `n`, and returns the new path.
///
/// The state in it must be closed. [`TaskState::open`](crate::TaskState::open) does this by itself for damage that shows
/// at opening; this is for [`StateError::Corrupt`] met later.
pub fn set_aside(dir: &Path) -> Result<PathBuf, StateError> {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let mut n = 1u32;
    let mut target = dir.with_file_name(format!("{name}.corrupt-{n}"));
    while target.exists() {
        n += 1;
        target = dir.with_file_name(format!("{name}.corrupt-{n}"));
    }
    fs::rename(dir, &target).map_err(|error| file_error(dir, &error))?;
    tracing::warn!(from = %dir.display(), to = %target.display(), "state set aside");
    Ok(target)
}

/// A sign of damage that RocksDB itself would take for an empty directory and write over: data without `CURRENT`.
pub(crate) fn damage_without_current(dir: &Path) -> Option<String> {
    if dir.join("CURRENT").exists() {
        return None;
    }
    let entries = fs::read_dir(dir).ok()?;
    let mut names = entries.filter_map(Result::ok).map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .find(|name| name.starts_with("MANIFEST") || Path::new(name).extension().is_some_and(|kind| kind == "sst"))
        .map(|name| format!("CURRENT is missing, but {name} is there"))
}

/// Sorts a RocksDB error into the kinds that callers act upon.
pub(crate) fn classify(store: &str, path: &Path, error: rocksdb::Error) -> StateError {
    let kind = error.kind();
    let (store, path, message) = (store.to_owned(), path.to_owned(), error.into_string());
    match kind {
        ErrorKind::IOError if message.contains("lock hold by") || message.contains("While lock file") => {
            let within_process = message.contains("lock hold by current process");
            StateError::Locked { path, message, within_process }
        }
        ErrorKind::Corruption | ErrorKind::NotSupported => StateError::Corrupt { store, path, message },
        // A file that the manifest names is not there, or the medium does not give it back.
        ErrorKind::IOError if message.contains("No such file") || message.contains("Input/output error") => {
            StateError::Corrupt { store, path, message }
        }
        _ => StateError::Io { store, path, message },
    }
}

/// As [`classify`], for writes and flushes: that the medium refused says nothing about what is on it already.
pub(crate) fn classify_write(path: &Path, error: rocksdb::Error) -> StateError {
    if error.kind() == ErrorKind::IOError {
        return StateError::Io { store: "*".to_owned(), path: path.to_owned(), message: error.into_string() };
    }
    classify("*", path, error)
}

pub(crate) fn file_error(path: &Path, error: &io::Error) -> StateError {
    StateError::Io { store: "*".to_owned(), path: path.to_owned(), message: error.to_string() }
}
