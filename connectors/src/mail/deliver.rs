//! Where a mail goes, and what can go wrong on the way.

use super::Composed;

/// Takes mails to where they leave.
pub trait Deliver: Send {
    /// Hands over one mail, and returns once somebody else answers for it. It may take as long as the timeouts allow.
    fn deliver(&mut self, mail: &Composed) -> Result<(), Failure>;
}

/// Why a mail was not handed over. The texts are for a log: they may have what the server said, and have no password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Not now: try again. The server may have the mail all the same, if it fell silent after the last line.
    #[error("not now: {0}")]
    Passing(String),
    /// Not this mail now, which says nothing about others: try again.
    #[error("put off: {0}")]
    Deferred(String),
    /// Never this mail to this recipient.
    #[error("refused: {0}")]
    Refused(String),
    /// It has nothing to do with this mail: none can be handed over as things are. Try again, though not soon.
    #[error("no mail can be handed over: {0}")]
    Broken(String),
}
