//! Reads records from files: plain or gzip, one JSON object a line, in arrays or in pages of a search, or the rows of a
//! table, without holding a file in memory.

mod lines;
mod rows;
mod values;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::batch::{Place, Position};
use super::format::Format;
use lines::Lines;
use rows::Rows;
use values::Values;

/// The largest record that is read; what is larger is rejected, not held.
pub(super) const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;

const BUFFER_BYTES: usize = 64 * 1024;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
const UTF16_MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];

/// One record, as it stood in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) position: Position,
    pub(super) bytes: Vec<u8>,
    /// Why it cannot be read, if so.
    pub(super) damage: Option<Damage>,
    /// Whether it is a row of a table.
    pub(super) is_row: bool,
}

/// A fault of the file itself, found before any JSON was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) code: &'static str,
    pub(super) detail: String,
}

impl Damage {
    fn too_long() -> Self {
        Self {
            code: "record_too_long",
            detail: format!("the record is longer than {} MiB", MAX_RECORD_BYTES / (1024 * 1024)),
        }
    }

    fn broken(detail: impl Into<String>) -> Self {
        Self { code: "input_damaged", detail: detail.into() }
    }
}

/// What a splitter finds next: where, the bytes, and the damage if there is one.
type Found = (Place, Vec<u8>, Option<Damage>);

trait Split: Send {
    /// The next record, or none at the end of the file. After an error of the reader nothing more comes.
    fn next(&mut self) -> Option<Found>;

    /// Whether the records are rows of a table.
    fn is_table(&self) -> bool {
        false
    }
}

/// An input of which nothing can be read but this.
struct Nothing(Option<Damage>);

impl Split for Nothing {
    fn next(&mut self) -> Option<Found> {
        Some((Place::Whole, Vec::new(), Some(self.0.take()?)))
    }
}

/// The bytes behind one input: a file, standard input, or (the sample) memory.
pub(super) struct Source {
    pub(super) name: String,
    /// Size as stored, if known.
    pub(super) bytes: Option<u64>,
    reader: Box<dyn Read + Send>,
}

impl Source {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self { name: "standard input".into(), bytes: None, reader: Box::new(io::stdin()) });
        }
        let file = File::open(path)?;
        let facts = file.metadata()?;
        if facts.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
        }
        let bytes = facts.is_file().then_some(facts.len());
        Ok(Self { name: path.display().to_string(), bytes, reader: Box::new(file) })
    }

    /// An input of this content.
    pub(super) fn memory(name: &str, content: Vec<u8>) -> Self {
        let bytes = Some(content.len() as u64);
        Self { name: name.into(), bytes, reader: Box::new(io::Cursor::new(content)) }
    }
}

/// All inputs, one after the other.
pub(super) struct Inputs {
    sources: std::vec::IntoIter<Source>,
    names: Vec<String>,
    total_bytes: Option<u64>,
    read_bytes: Arc<AtomicU64>,
    current: Option<Box<dyn Split>>,
    file: usize,
    format: Option<Format>,
}

impl Inputs {
    pub(super) fn new(sources: Vec<Source>) -> Self {
        Self {
            names: sources.iter().map(|source| source.name.clone()).collect(),
            total_bytes: sources.iter().map(|source| source.bytes).sum(),
            sources: sources.into_iter(),
            read_bytes: Arc::default(),
            current: None,
            file: 0,
            format: None,
        }
    }

    /// What the files are said to hold.
    pub(super) fn expect(&mut self, format: Option<Format>) {
        self.format = format;
    }

    /// Opens them all, so that a wrong name is found before anything is imported.
    pub(super) fn open(paths: &[PathBuf]) -> Result<Self, (PathBuf, io::Error)> {
        let open = |path: &PathBuf| Source::open(path).map_err(|error| (path.clone(), error));
        Ok(Self::new(paths.iter().map(open).collect::<Result<_, _>>()?))
    }

    /// The inputs' names, in order.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The size of all inputs as stored, if known; [`Self::read_bytes`] counts towards it.
    pub(super) fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    pub(super) fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }
}

impl Iterator for Inputs {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            if let Some(current) = &mut self.current {
                if let Some((place, bytes, damage)) = current.next() {
                    let position = Position { file: self.file, place };
                    return Some(Record { position, bytes, damage, is_row: current.is_table() });
                }
                self.current = None;
                self.file += 1;
            }
            let source = self.sources.next()?;
            self.current = Some(splitter(source.reader, &self.read_bytes, self.format));
        }
    }
}

/// Looks at the first bytes and chooses how to read on.
fn splitter(reader: Box<dyn Read + Send>, read_bytes: &Arc<AtomicU64>, format: Option<Format>) -> Box<dyn Split> {
    let counted = Counted { reader, bytes: Arc::clone(read_bytes) };
    let mut stored = BufReader::with_capacity(BUFFER_BYTES, counted);
    let zipped = matches!(stored.fill_buf(), Ok(head) if head.starts_with(&GZIP));
    let text: Box<dyn BufRead + Send> = if zipped {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(stored)))
    } else {
        Box::new(stored)
    };
    let mut peeked = Peeked::of(text);
    if peeked.head().starts_with(&UTF8_MARK) {
        peeked.consume(UTF8_MARK.len());
    }
    let shape = Shape::of(peeked.head(), peeked.fault.is_some(), format);
    let text = Box::new(peeked);
    match shape {
        Shape::Lines => Box::new(Lines::new(text)),
        Shape::Values => Box::new(Values::new(text)),
        Shape::Table => Box::new(Rows::new(text)),
        Shape::None(damage) => Box::new(Nothing(Some(damage))),
    }
}

/// How the records of a file stand in it.
enum Shape {
    /// One JSON object a line.
    Lines,
    /// JSON laid out in any way.
    Values,
    Table,
    None(Damage),
}

impl Shape {
    fn of(head: &[u8], is_broken: bool, format: Option<Format>) -> Self {
        let may_be_table = format.is_none_or(|format| format == Format::Csv);
        let json = head.trim_ascii_start().starts_with(b"{") || head.trim_ascii_start().starts_with(b"[");
        if head.trim_ascii().is_empty() && head.len() < BUFFER_BYTES && !is_broken {
            Self::None(Damage { code: "input_empty", detail: "there is nothing in it".into() })
        } else if UTF16_MARKS.iter().any(|mark| head.starts_with(mark)) {
            Self::None(Damage::broken("this is UTF-16, and UTF-8 is needed: save or convert it so"))
        } else if may_be_table && !json && (format.is_some() || rows::is_table(head)) {
            Self::Table
        } else if holds_values(head, format) {
            Self::Values
        } else {
            Self::Lines
        }
    }
}

/// An array, a page, or objects laid out over several lines, rather than one object a line.
fn holds_values(head: &[u8], format: Option<Format>) -> bool {
    let head = head.trim_ascii_start();
    let first_line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let is_page = || values::is_page(head).unwrap_or(format == Some(Format::Jira));
    head.starts_with(b"[") || first_line.trim_ascii() == b"{" || is_page()
}

/// An input whose first bytes were looked at.
struct Peeked {
    head: Vec<u8>,
    /// How much of the head was given out.
    used: usize,
    /// What stopped the look at the head, to be told in its place.
    fault: Option<io::Error>,
    rest: Box<dyn BufRead + Send>,
}

impl Peeked {
    /// A pipe gives a few bytes at a time: waits for enough of them, or for the end.
    fn of(mut rest: Box<dyn BufRead + Send>) -> Self {
        let mut head = Vec::new();
        let fault = (&mut rest).take(BUFFER_BYTES as u64).read_to_end(&mut head).err();
        Self { head, used: 0, fault, rest }
    }

    fn head(&self) -> &[u8] {
        &self.head[self.used..]
    }
}

impl Read for Peeked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Peeked {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used < self.head.len() {
            return Ok(&self.head[self.used..]);
        }
        match self.fault.take() {
            Some(fault) => Err(fault),
            None => self.rest.fill_buf(),
        }
    }

    fn consume(&mut self, bytes: usize) {
        if self.used < self.head.len() {
            self.used += bytes;
        } else {
            self.rest.consume(bytes);
        }
    }
}

/// Counts what is read, for the progress bar.
struct Counted {
    reader: Box<dyn Read + Send>,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
