//! How an import ends: with an exit status, or with an error that has one.

use thiserror::Error;

/// The exit status of a finished import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything is in, or was in already: 0.
    Done,
    /// Something was rejected: 1.
    Rejected,
}

impl Exit {
    /// The status for the shell.
    #[must_use]
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Rejected => 1,
        }
    }
}

/// Why an import did not run to its end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ImportError {
    /// The command line asks for what cannot be done.
    #[error("{0}")]
    Usage(String),
    /// The server is not there, went away for too long, or does not speak this protocol.
    #[error("{0}")]
    Server(String),
    /// The rejects file cannot be written.
    #[error("cannot write the rejects file {path}: {source}")]
    Rejects {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ImportError {
    /// The status for the shell: 2 wrong use, 3 a part that is needed is not there.
    #[must_use]
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Server(_) | Self::Rejects { .. } => 3,
        }
    }
}
