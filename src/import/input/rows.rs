//! Rows of a table (RFC 4180; commas, semicolons or tabs), each as an object of its cells by column.
//!
//! A quote that is broken spoils the lines from its row's first to the one where that shows, one that is never closed its first line alone: reading
//! goes on at the next line.

use std::collections::HashMap;
use std::io::BufRead;
use std::ops::Range;

use csv::{ByteRecord, ReaderBuilder};
use serde_json::Value;

use super::super::batch::Place;
use super::super::columns;
use super::{Damage, Found, Split};

/// The longest row that is held: more than a command may have. A quote that is never closed ends here at the latest.
const MAX_ROW_BYTES: usize = 2 * 1024 * 1024;
/// What was read is dropped from the buffer in pieces of this size.
const DROP_BYTES: usize = 64 * 1024;
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// Splits a table, after its header.
pub(super) struct Rows {
    reader: Box<dyn BufRead + Send>,
    /// What was read and not yet given out begins at `start`.
    buffer: Vec<u8>,
    start: usize,
    /// The line at `start`, from 1.
    line: u64,
    delimiter: u8,
    header: Option<Header>,
    ended: bool,
}

/// The columns, each with the places of its cells: a name may repeat.
struct Header {
    columns: Vec<(String, Vec<usize>)>,
    cells: usize,
}

/// What lies between two ends of rows.
enum Row {
    /// A whole row, without its end; it has this many lines.
    Whole {
        bytes: Range<usize>,
        next: usize,
        lines: u64,
    },
    /// A quote is wrong in this line. So many lines from the row's first on are no rows.
    BadQuote {
        line: u64,
        lines: u64,
        detail: &'static str,
    },
    TooLong,
    Unreadable(std::io::Error),
    End,
}

impl Rows {
    pub(super) fn new(reader: Box<dyn BufRead + Send>) -> Self {
        Self { reader, buffer: Vec::new(), start: 0, line: 1, delimiter: b',', header: None, ended: false }
    }
}

impl Split for Rows {
    fn next(&mut self) -> Option<Found> {
        while !self.ended {
            if self.header.is_none() {
                match self.read_header() {
                    Ok(()) => {}
                    Err(found) => return found,
                }
            }
            let place = Place::Line(self.line);
            match self.scan() {
                Row::Whole { bytes, next, lines } => {
                    let raw = self.buffer[bytes].to_vec();
                    self.pass(next, lines);
                    if raw.trim_ascii().is_empty() {
                        continue;
                    }
                    return Some(match self.object(&raw) {
                        Ok(object) => (place, object, None),
                        Err(damage) => (place, raw, Some(damage)),
                    });
                }
                Row::BadQuote { line, lines, detail } => {
                    let raw = self.pass_lines(lines);
                    let detail = format!("{detail} (line {line})");
                    return Some((place, raw, Some(Damage { code: "quote_broken", detail })));
                }
                Row::TooLong => {
                    self.skip_line();
                    let detail = format!("the row is longer than {} MiB", MAX_ROW_BYTES / (1024 * 1024));
                    return Some((place, Vec::new(), Some(Damage { code: "record_too_long", detail })));
                }
                Row::Unreadable(error) => {
                    self.ended = true;
                    let detail = format!("the input cannot be read on from here: {error}");
                    return Some((place, self.buffer.split_off(self.start), Some(Damage::broken(detail))));
                }
                Row::End => self.ended = true,
            }
        }
        None
    }

    fn is_table(&self) -> bool {
        true
    }
}

impl Rows {
    /// Reads the names of the columns; if that fails, what to tell instead, and nothing more can be read.
    fn read_header(&mut self) -> Result<(), Option<Found>> {
        loop {
            while line_end(&self.buffer[self.start..]).is_none() && self.buffer.len() < MAX_ROW_BYTES {
                // A fault comes up again in the scan.
                if !matches!(self.fill(), Ok(true)) {
                    break;
                }
            }
            self.delimiter = delimiter(first_line(&self.buffer[self.start..]));
            let place = Place::Line(self.line);
            let detail = match self.scan() {
                Row::Whole { bytes, next, lines } => {
                    let raw = self.buffer[bytes].to_vec();
                    self.pass(next, lines);
                    if raw.trim_ascii().is_empty() {
                        continue;
                    }
                    match names(&raw, self.delimiter) {
                        Ok(names) => {
                            self.header = Some(Header::of(names));
                            return Ok(());
                        }
                        Err(detail) => detail,
                    }
                }
                Row::BadQuote { detail, .. } => detail.to_owned(),
                Row::TooLong => format!("it is longer than {} MiB", MAX_ROW_BYTES / (1024 * 1024)),
                Row::Unreadable(error) => error.to_string(),
                Row::End => {
                    self.ended = true;
                    return Err(None);
                }
            };
            self.ended = true;
            let damage = Damage::broken(format!("the names of the columns cannot be read: {detail}"));
            return Err(Some((place, Vec::new(), Some(damage))));
        }
    }

    /// Finds where the row at `start` ends.
    fn scan(&mut self) -> Row {
        let (mut at, mut lines, mut opened) = (self.start, 0, 0);
        let mut state = State::FieldStart;
        loop {
            if at == self.buffer.len() {
                match self.fill() {
                    Ok(true) => {}
                    Ok(false) if matches!(state, State::Quoted) => {
                        return Row::BadQuote {
                            line: self.line + opened,
                            lines: 1,
                            detail: "a quote is opened and never closed",
                        };
                    }
                    Ok(false) if at == self.start => return Row::End,
                    Ok(false) => return Row::Whole { bytes: self.start..at, next: at, lines: lines + 1 },
                    Err(error) => return Row::Unreadable(error),
                }
                continue;
            }
            if at - self.start > MAX_ROW_BYTES {
                return match state {
                    State::Quoted => {
                        Row::BadQuote { line: self.line + opened, lines: 1, detail: "a quote is opened and not closed" }
                    }
                    _ => Row::TooLong,
                };
            }
            let byte = self.buffer[at];
            at += 1;
            state = match (state, byte) {
                (State::Quoted, b'"') => State::QuoteInQuoted,
                (State::Quoted, _) => {
                    lines += u64::from(byte == b'\n');
                    State::Quoted
                }
                (State::QuoteInQuoted, b'"') => State::Quoted,
                (_, b'\n') => {
                    return Row::Whole { bytes: self.start..at - 1, next: at, lines: lines + 1 };
                }
                (_, byte) if byte == self.delimiter => State::FieldStart,
                (State::FieldStart, b'"') => {
                    opened = lines;
                    State::Quoted
                }
                (State::QuoteInQuoted | State::AfterQuoted, b'\r') => State::AfterQuoted,
                (State::QuoteInQuoted | State::AfterQuoted, _) => {
                    let detail = "something stands between a closing quote and the end of the cell";
                    return Row::BadQuote { line: self.line + lines, lines: lines + 1, detail };
                }
                (State::FieldStart | State::Plain, _) => State::Plain,
            };
        }
    }

    /// Reads on; false at the end of the input.
    fn fill(&mut self) -> std::io::Result<bool> {
        loop {
            match self.reader.fill_buf() {
                Ok(chunk) => {
                    let used = chunk.len();
                    self.buffer.extend_from_slice(chunk);
                    self.reader.consume(used);
                    return Ok(used > 0);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn pass(&mut self, next: usize, lines: u64) {
        self.start = next;
        self.line += lines;
        if self.start >= DROP_BYTES {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
    }

    /// Goes on after so many lines, and gives them, unless one is too long to be held.
    fn pass_lines(&mut self, lines: u64) -> Vec<u8> {
        let mut passed = Vec::new();
        for _ in 0..lines {
            while line_end(&self.buffer[self.start..]).is_none() {
                if self.buffer.len() - self.start > MAX_ROW_BYTES {
                    self.skip_line();
                    return Vec::new();
                }
                if !matches!(self.fill(), Ok(true)) {
                    break;
                }
            }
            let rest = &self.buffer[self.start..];
            let used = line_end(rest).map_or(rest.len(), |end| end + 1);
            passed.extend_from_slice(&rest[..used]);
            self.pass(self.start + used, 1);
        }
        passed.truncate(passed.trim_ascii_end().len());
        passed
    }

    /// Goes on at the next line, wherever that is, without holding this one.
    fn skip_line(&mut self) {
        loop {
            if let Some(end) = line_end(&self.buffer[self.start..]) {
                self.pass(self.start + end + 1, 1);
                return;
            }
            self.buffer.clear();
            self.start = 0;
            if !matches!(self.fill(), Ok(true)) {
                self.ended = true;
                return;
            }
        }
    }

    /// The row as an object, its columns in their order.
    fn object(&self, raw: &[u8]) -> Result<Vec<u8>, Damage> {
        let Some(header) = &self.header else { return Err(Damage::broken("there is no header")) };
        let cells = cells(raw, self.delimiter).map_err(|detail| Damage { code: "row_uneven", detail })?;
        if cells.len() != header.cells {
            let detail = format!("the row has {} cells, and there are {} columns", cells.len(), header.cells);
            return Err(Damage { code: "row_uneven", detail });
        }
        let mut out = Vec::with_capacity(raw.len() * 2);
        for (name, places) in &header.columns {
            let text = |&place: &usize| {
                std::str::from_utf8(cells.get(place).unwrap_or_default()).map_err(|error| Damage {
                    code: "not_utf8",
                    detail: format!("column {name:?} is not UTF-8, from its byte {} on", error.valid_up_to() + 1),
                })
            };
            let texts = places.iter().map(text).collect::<Result<Vec<&str>, Damage>>()?;
            let value = if let [text] = texts[..] { Value::from(text) } else { Value::from(texts) };
            out.push(if out.is_empty() { b'{' } else { b',' });
            out.extend_from_slice(format!("{}:{value}", Value::from(name.as_str())).as_bytes());
        }
        out.push(b'}');
        Ok(out)
    }
}

impl Header {
    fn of(names: Vec<String>) -> Self {
        let cells = names.len();
        let mut columns: Vec<(String, Vec<usize>)> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        for (place, name) in names.into_iter().enumerate() {
            match known.get(&name) {
                Some(&column) => columns[column].1.push(place),
                None => {
                    known.insert(name.clone(), columns.len());
                    columns.push((name, vec![place]));
                }
            }
        }
        Self { columns, cells }
    }
}

/// Where in a cell the scan is.
#[derive(Clone, Copy)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    /// After a quote in a quoted cell: it closes the cell, unless another follows.
    QuoteInQuoted,
    AfterQuoted,
}

/// Whether a file that begins so is a table with a column of titles.
pub(super) fn is_table(head: &[u8]) -> bool {
    let line = first_line(head);
    let names = names(line, delimiter(line)).unwrap_or_default();
    names.len() > 1 && columns::has_titles(names.iter().map(String::as_str))
}

fn line_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == b'\n')
}

fn first_line(bytes: &[u8]) -> &[u8] {
    let line = &bytes[..line_end(bytes).unwrap_or(bytes.len())];
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The one of which the line has most outside of quotes.
fn delimiter(line: &[u8]) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut quoted = false;
    for byte in line {
        quoted ^= *byte == b'"';
        if let Some(index) = DELIMITERS.iter().position(|delimiter| !quoted && delimiter == byte) {
            counts[index] += 1;
        }
    }
    let most = counts.iter().max().copied().unwrap_or_default();
    counts.iter().position(|&count| count == most).map_or(b',', |index| DELIMITERS[index])
}

fn cells(raw: &[u8], delimiter: u8) -> Result<ByteRecord, String> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .buffer_capacity(raw.len().max(16))
        .from_reader(raw);
    let mut cells = ByteRecord::new();
    reader.read_byte_record(&mut cells).map_err(|error| error.to_string())?;
    // For the reader a carriage return ends a row, also where no line feed follows.
    match reader.read_byte_record(&mut ByteRecord::new()) {
        Ok(false) => Ok(cells),
        _ => Err("a carriage return stands alone, outside of quotes: lines end with a line feed".into()),
    }
}

/// The names of the columns; one without a name is called by its place.
fn names(raw: &[u8], delimiter: u8) -> Result<Vec<String>, String> {
    let name = |(index, cell): (usize, &[u8])| {
        let name = std::str::from_utf8(cell).map_err(|_| format!("the name of column {} is not UTF-8", index + 1))?;
        Ok(if name.trim().is_empty() { format!("column {}", index + 1) } else { name.trim().to_owned() })
    };
    cells(raw, delimiter)?.iter().enumerate().map(name).collect()
}
