//! What goes to the server in one request, and what each line of it stands for.

use std::sync::Arc;

use uuid::Uuid;

use super::ticket::Comment;

/// Where a record stood.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// A line of a file, from 1.
    Line(u64),
    /// A member of an array, from 1.
    Item(u64),
    /// All of a file.
    Whole,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Item(item) => write!(f, "item {item}"),
            Self::Whole => f.write_str("the file"),
        }
    }
}

/// A record's place with the number of its file among the inputs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Position {
    pub(super) file: usize,
    pub(super) place: Place,
}

/// What a command was made for.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// A record of the input, kept as it was read for the rejects file.
    Record { position: Position, original: Arc<[u8]> },
    /// A comment of such a record, whose ticket is there.
    Comment { position: Position, original: Arc<[u8]> },
    /// Something that the records need: counted apart, and being there already is fine.
    Setup(Setup),
}

/// The things an import makes so that tickets can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setup {
    User,
    Project,
    Member,
}

impl Setup {
    /// The rejection that says: this is there already.
    pub(super) fn there_already(self) -> &'static str {
        match self {
            Self::User => "email_taken",
            Self::Project => "key_taken",
            Self::Member => "already_member",
        }
    }
}

/// One line for the server.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) command_id: Uuid,
    /// JSON, without the line's end.
    pub(super) line: Vec<u8>,
    /// Whether the import chose the id, and may choose the next one when the server remembers a rejection.
    pub(super) own_id: bool,
    pub(super) origin: Origin,
    /// What follows once the server has said which ticket it is.
    pub(super) comments: Vec<Comment>,
}

/// Lines that go out in one request; the next batch goes when all of these are answered.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) items: Vec<Item>,
}

impl Batch {
    pub(super) fn push(&mut self, item: Item) {
        self.items.push(item);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}
