//! How a command ends when it does not end well.

use std::process::ExitCode;

use crate::print::printable;

/// An exit status and what to say.
#[derive(Debug)]
pub(crate) struct Failed {
    code: u8,
    message: String,
}

impl Failed {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Wrong use: 2.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(2, message)
    }

    /// A part that is needed is not there, or could not be checked: 3.
    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self::new(3, message)
    }

    /// Says it on standard error.
    pub(crate) fn report(self) -> ExitCode {
        // Part of it may be a stranger's.
        eprintln!("syncroboard: {}", printable(&self.message));
        ExitCode::from(self.code)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::missing(format!("{:#}", error.into()))
    }
}
