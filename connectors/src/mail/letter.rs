//! What somebody is to be told.

use uuid::Uuid;

/// A mail that is to be written and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The mail's id, which becomes its Message-ID and the name of its file.
    pub id: Uuid,
    /// The address.
    pub to: String,
    /// The recipient's name; empty if it is not known.
    pub name: String,
    /// `en` or `es`, also as `es-MX` or `es_ES`; anything else counts as `en`.
    pub locale: String,
    /// The recipient, who can unsubscribe.
    pub user_id: Uuid,
    /// When it was written, in milliseconds since the epoch: the Date header.
    pub at: i64,
    /// What it says.
    pub content: Content,
}

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// There is an account now.
    Welcome,
    /// Something happened to a ticket.
    Notice(Notice),
    /// Several things happened.
    Digest {
        /// What the mail tells of; it has them in the order of their times.
        notices: Vec<Notice>,
        /// How many further things there were.
        more: i32,
    },
}

/// Something that happened to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `ticket.created`, `ticket.updated`, `ticket.status.updated`, `ticket.assigned`, `ticket.unassigned`,
    /// `ticket.commented` or `ticket.deleted`; anything else is told as a change.
    pub kind: String,
    /// Why the recipient is told: `mentioned`, `assignee`, `reporter` or `watcher`.
    pub reason: String,
    /// The ticket.
    pub ticket_id: Uuid,
    /// The ticket's number in its project.
    pub number: i64,
    /// What people call it: `SYNC-101`.
    pub code: String,
    /// The ticket's title.
    pub title: String,
    /// The handle of who did it, without `@`; empty: it was done automatically, or nobody knows.
    pub actor: String,
    /// `ticket.assigned`: the new assignee's handle, without `@`; empty otherwise.
    pub assignee: String,
    /// `ticket.assigned`: the recipient is the new assignee.
    pub to_recipient: bool,
    /// `ticket.status.updated`: the new status. `ticket.commented`: the beginning of the comment, in Markdown. Empty otherwise.
    pub detail: String,
    /// When it happened, in milliseconds since the epoch.
    pub at: i64,
}
