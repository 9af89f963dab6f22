//! Dead letters: what lies in `<topic>.dlq`, and putting it back into the topic that it came from, exactly once.
//!
//! **How a redrive remembers what it did.** In the transaction that puts letters back it appends a note to the dead-letter
//! partition that they lie in: a record without key and value whose header [`REDRIVEN_HEADER`] lists their offsets. Either
//! both are there or neither. Whoever redrives later first opens a producer of the same transactional id, which settles what
//! an earlier one left open, and then reads the notes up to the end of the log. A note lies after its letters in their own
//! partition, so nothing that removes old records can take it away before them. Refused:
//! - *a committed offset*, as one has for consuming: a redrive of one reason leaves gaps;
//! - *looking for the records in the target topic*: it is as long as it likes, and what was put back may have been removed from
//!   it, or compacted away, while its letter is still there;
//! - *a topic of its own for notes*: it would have to be made, secured and cleaned along with the letters.
//!
//! A redrive takes the letters that are there when it begins: what fails again becomes a new letter, for the next time, with its
//! replay counter one higher. A limit on that counter ends the circle.
//!
//! | file | what is in it |
//! |---|---|
//! | `letter` | one dead letter, read from its record |
//! | `scan` | reading partitions up to where they end now |
//! | `letters` | all letters of a topic, and which of them were redriven |
//! | `plan` | what becomes of a letter: where it goes, or why it stays |
//! | `redrive` | putting letters back |

mod letter;
mod letters;
mod plan;
mod redrive;
mod scan;

pub use letter::{DeadLetter, Origin};
pub use letters::{DeadLetters, Selection};
pub use plan::Fate;
pub use redrive::{Redrive, RedriveError};

/// Header of the note that lists, with commas between, the offsets of its own partition whose letters were redriven.
pub const REDRIVEN_HEADER: &str = "__streams.errors.redriven";
