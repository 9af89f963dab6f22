//! What can go wrong with a state store.

use std::path::PathBuf;

use crate::StoreStep;

/// A fault of the storage below a task. Nothing here is about a single record: the task has to stop or be reopened.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Reading or writing failed (disk full, input/output error). Uncommitted writes are kept; a commit can be retried.
    #[error("store {store} in {}: {message}", path.display())]
    Io {
        /// The store, or `*` if the write spanned several.
        store: String,
        /// Directory of the task's database.
        path: PathBuf,
        /// What the system said.
        message: String,
    },
    /// What is on disk cannot be trusted. Close the state, [`set_aside`](crate::set_aside) its directory, open again.
    #[error("store {store} in {} is corrupt: {message}", path.display())]
    Corrupt {
        /// The store, or `*` if it is not known which.
        store: String,
        /// Directory of the task's database.
        path: PathBuf,
        /// What RocksDB said.
        message: String,
    },
    /// Another process, or another task of this one, has the directory open.
    #[error("state directory {} is in use: {message}", path.display())]
    Locked {
        /// Directory of the task's database.
        path: PathBuf,
        /// What RocksDB said.
        message: String,
        /// Whether it is this process that has it.
        within_process: bool,
    },
    /// Two specs carry the same name.
    #[error("two stores are named {0}")]
    DuplicateStore(String),
    /// A step hook ended the operation here.
    #[error("simulated crash at {0:?}")]
    SimulatedCrash(StoreStep),
}
