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

/// What turns the direction of the text around it (Unicode's UAX #9), so that a line reads as something else than it is.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text without control characters, but for the end of a line.
pub(crate) fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if (c.is_control() && c != '\n') || is_bidi_control(c) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_escape_what_would_steer_the_terminal() {
        assert_eq!(one_line("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(one_line("\u{202e}txt.exe"), "\\u{202e}txt.exe");
        assert_eq!(one_line("שלום עולם"), "שלום עולם");
    }
}
