//! Writing to standard output, which whoever reads it may close at any time.

use std::io::{self, Write as _};

use serde::Serialize;

/// Writes a text and ends the line. False if nobody reads any more: then there is no use in going on.
pub(crate) fn line(text: &str) -> anyhow::Result<bool> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Writes a value as one line of JSON; answers as [`line`].
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<bool> {
    line(&serde_json::to_string(value)?)
}

/// A text without control characters, but for the end of a line.
pub(crate) fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c.is_control() && c != '\n' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        out
    })
}

/// A text on one line, without control characters.
pub(crate) fn one_line(text: &str) -> String {
    printable(text).replace('\n', "\\n")
}
