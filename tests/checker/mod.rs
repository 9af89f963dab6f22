//! The checker: what must be true of topics, stores, tables and boards, whatever happened while they were written.
//!
//! It reads all of them with plain clients. It knows what records look like and on which partition a key lies, and nothing of how
//! the rules, the engine's restore and the sinks come to what they write. Which target includes it must have `oracle`
//! (`tests/kill/oracle.rs`), `news` (`tests/simulation/news.rs`), `pools` (`processors/tests/assignment/oracle.rs`) and `support` at its root.
//!
//! | module | what |
//! |---|---|
//! | `reading` | topics, committed records only |
//! | `seen` | what is in them |
//! | `answers` | numbers, sequences, one decision a command; what one command led to is there whole or not at all |
//! | `stores` | the changelogs, and stores on disk against them |
//! | `fold` | what the events say about each project |
//! | `states` | changelogs against that, and against what was answered |
//! | `told` | notifications, mails, and the pools' loads |
//! | `tables`, `boards` | Postgres and Redis |
//! | `probe` | no transaction hangs |

mod answers;
mod boards;
#[cfg(test)]
mod damage;
mod fold;
mod probe;
mod reading;
mod seen;
mod states;
mod stores;
mod tables;
mod told;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::oracle::Acknowledged;

/// What there is to be checked. Nobody may be at work.
#[derive(Debug, Clone)]
pub(crate) struct Where<'a> {
    /// `HOST:PORT` of Kafka. Topics and stores carry the schema ids in the code.
    pub(crate) bootstrap: &'a str,
    pub(crate) application: &'a str,
    /// Directories below which stopped processes have their stores.
    pub(crate) state_dirs: &'a [PathBuf],
    /// Of every task some process was stopped in order, and has all that is in the changelogs. One that was killed lacks what it had
    /// not flushed.
    pub(crate) flushed: bool,
    /// All that was asked for is done.
    pub(crate) at_rest: bool,
    pub(crate) postgres: Option<&'a str>,
    pub(crate) redis: Option<&'a str>,
    /// Message-IDs of all mails that were delivered, where a mailer was at work and is done.
    pub(crate) delivered: Option<&'a BTreeSet<String>>,
    /// What clients were told.
    pub(crate) acknowledged: &'a [Acknowledged],
    /// Writes a probe to each partition, and demands that it can be read within this time: less than a transaction may last.
    pub(crate) probe: Option<Duration>,
}

impl<'a> Where<'a> {
    /// Topics only, at rest.
    pub(crate) fn new(bootstrap: &'a str) -> Self {
        Self {
            bootstrap,
            application: "syncroboard",
            state_dirs: &[],
            flushed: false,
            at_rest: true,
            postgres: None,
            redis: None,
            delivered: None,
            acknowledged: &[],
            probe: None,
        }
    }
}

/// What must always hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Law {
    /// Records, stores, tables can be read.
    Readable,
    /// Numbers and sequences without gaps, one decision a command, an answer for each time it was sent.
    Decided,
    /// Of what one command led to all is there or nothing.
    Whole,
    /// A store on the disk is the fold of its changelog.
    Stored,
    /// A changelog is the fold of the events.
    Folded,
    /// The command memory is what was answered.
    Remembered,
    /// Loads are the weights of open tickets.
    Loads,
    /// One notification for each event, recipient and channel; mails are decided or delivered.
    Told,
    /// Nothing is told of what did not happen.
    Caused,
    /// Tables are the fold of the log.
    Tables,
    /// Boards are not newer than the tables, and equal at rest.
    Boards,
    /// The next record that is committed can be read at once.
    Probe,
}

/// A law that is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) law: Law,
    pub(crate) what: String,
}

impl Finding {
    fn new(law: Law, what: impl Into<String>) -> Self {
        Self { law, what: what.into() }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what: String = self.what.chars().take(600).collect();
        write!(f, "{:?}: {what}", self.law)
    }
}

/// Everything that is wrong. Effects are read before their causes, so that what is still on its way makes no difference.
pub(crate) fn findings(at: &Where<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let boards = at.redis.map(boards::read);
    let tables = at.postgres.map(tables::read);
    let disks = stores::read(at.state_dirs, &mut found);
    match seen::read(at, &mut found) {
        Ok(seen) => {
            let folded = fold::all(&seen.events);
            answers::check(&seen, at, &mut found);
            stores::check(&disks, &seen.changelogs, at.flushed, &mut found);
            told::check(&seen, at, &mut found);
            if at.at_rest {
                states::check(&seen, &folded, &mut found);
            }
            if let Some(tables) = &tables {
                tables::check(tables, &seen, &mut found);
            }
            if let (Some(boards), Some(tables)) = (&boards, &tables) {
                boards::check(boards, tables, at.at_rest.then_some(&folded), &mut found);
            }
        }
        Err(why) => found.push(Finding::new(Law::Readable, why)),
    }
    if let Some(within) = at.probe {
        probe::check(at.bootstrap, within, &mut found);
    }
    found
}

/// Text as text, the rest in hexadecimal.
fn shown(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => bytes.iter().take(80).fold(String::from("0x"), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }),
    }
}
