//! Cuts a stream of bytes into lines of bounded length.

/// A line, or what became of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Its bytes, without the line's end.
    Whole(&'a [u8]),
    /// It was longer than the limit and is left out.
    TooLong,
}

/// Keeps the beginning of a line until its end has come.
pub(super) struct Lines {
    held: Vec<u8>,
    skipping: bool,
    limit_bytes: usize,
}

impl Lines {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self { held: Vec::new(), skipping: false, limit_bytes }
    }

    /// Splits `chunk`, up to and with its first line's end, off: the line if it is whole now, and how much was used.
    pub(super) fn next(&mut self, chunk: &[u8]) -> (Option<Taken>, usize) {
        let end = chunk.iter().position(|&byte| byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        if !self.skipping && self.held.len() + part.len() > self.limit_bytes {
            self.skipping = true;
            self.held = Vec::new();
        }
        if !self.skipping {
            self.held.extend_from_slice(part);
        }
        match end {
            Some(end) => (Some(self.take()), end + 1),
            None => (None, chunk.len()),
        }
    }

    /// The last line, if it has no end.
    pub(super) fn rest(&mut self) -> Option<Taken> {
        (self.skipping || !self.held.is_empty()).then(|| self.take())
    }

    /// Looks at the line that was just taken.
    pub(super) fn get(&self, taken: Taken) -> Line<'_> {
        if taken.too_long { Line::TooLong } else { Line::Whole(self.held.trim_ascii()) }
    }

    /// Makes room for the next line.
    pub(super) fn clear(&mut self) {
        self.held.clear();
    }

    fn take(&mut self) -> Taken {
        Taken { too_long: std::mem::take(&mut self.skipping) }
    }
}

/// Says that a line is whole; [`Lines::get`] shows it, [`Lines::clear`] forgets it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    too_long: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines of the chunks; `None` for one that is too long.
    fn split(limit: usize, chunks: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        let mut lines = Lines::new(limit);
        let mut found = Vec::new();
        let keep = |lines: &mut Lines, taken, found: &mut Vec<_>| {
            found.push(match lines.get(taken) {
                Line::Whole(bytes) => Some(bytes.to_vec()),
                Line::TooLong => None,
            });
            lines.clear();
        };
        for chunk in chunks {
            let mut left = *chunk;
            while !left.is_empty() {
                let (taken, used) = lines.next(left);
                left = &left[used..];
                if let Some(taken) = taken {
                    keep(&mut lines, taken, &mut found);
                }
            }
        }
        if let Some(taken) = lines.rest() {
            keep(&mut lines, taken, &mut found);
        }
        found
    }

    fn line(text: &str) -> Vec<u8> {
        text.as_bytes().to_vec()
    }

    #[test]
    fn should_put_lines_together_wherever_the_stream_is_cut() {
        let whole = b"one\r\ntwo\n\nfour";
        let expected = ["one", "two", "", "four"].map(|text| Some(line(text)));
        for cut in 0..=whole.len() {
            assert_eq!(split(10, &[&whole[..cut], &whole[cut..]]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn should_leave_out_a_line_over_the_limit_and_go_on_after_it() {
        assert_eq!(split(4, &[b"1234\n12", b"345\nok\n"]), [Some(line("1234")), None, Some(line("ok"))]);
        assert_eq!(split(4, &[b"12345", b"6789"]), [None]);
    }
}
