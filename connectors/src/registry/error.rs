//! Why a registry could not be used.

/// Why a registry could not be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The configuration cannot be right.
    #[error("schema registry: {0}")]
    Config(String),
    /// It cannot be reached, or does not answer as a registry does; trying again may help.
    #[error("schema registry: {0}")]
    Unreachable(String),
    /// It refuses what was asked, or who asks.
    #[error("schema registry, subject {subject}: {reason}")]
    Refused {
        /// The subject in question.
        subject: String,
        /// What it says.
        reason: String,
    },
    /// A version that is registered does not go together with this build's schema.
    #[error(
        "schema registry: version {version} of subject {subject} does not go together with this build's schema: {reason}"
    )]
    Incompatible {
        /// The subject.
        subject: String,
        /// The version that is registered.
        version: u32,
        /// What differs.
        reason: String,
    },
    /// This build's schema is not registered, and is not to be registered from here.
    #[error("schema registry: this build's schema is no version of subject {subject}: {reason}")]
    NotRegistered {
        /// The subject.
        subject: String,
        /// What is there instead.
        reason: String,
    },
    /// The thread that looks up schemas could not be started.
    #[error("schema registry: no thread: {0}")]
    Thread(String),
}

impl RegistryError {
    /// Whether trying again later may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }
}
