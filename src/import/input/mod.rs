//! Reads records from files: plain or gzip, one JSON object a line or in arrays, without holding a file in memory.

mod lines;
mod values;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::batch::{Place, Position};
use lines::Lines;
use values::Values;

/// The largest record that is read; what is larger is rejected, not held.
pub(super) const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;

const BUFFER_BYTES: usize = 64 * 1024;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// One record, as it stood in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) position: Position,
    pub(super) bytes: Vec<u8>,
    /// Why it cannot be read, if so.
    pub(super) damage: Option<Damage>,
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
        }
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
                    return Some(Record { position, bytes, damage });
                }
                self.current = None;
                self.file += 1;
            }
            let source = self.sources.next()?;
            self.current = Some(splitter(source.reader, &self.read_bytes));
        }
    }
}

/// Looks at the first bytes and chooses how to read on.
fn splitter(reader: Box<dyn Read + Send>, read_bytes: &Arc<AtomicU64>) -> Box<dyn Split> {
    let counted = Counted { reader, bytes: Arc::clone(read_bytes) };
    let mut stored = BufReader::with_capacity(BUFFER_BYTES, counted);
    let zipped = matches!(stored.fill_buf(), Ok(head) if head.starts_with(&GZIP));
    let mut text: Box<dyn BufRead + Send> = if zipped {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(stored)))
    } else {
        Box::new(stored)
    };
    let (marked, streamed) = match text.fill_buf() {
        Ok(head) => {
            let marked = head.starts_with(&UTF8_MARK);
            let head = if marked { &head[UTF8_MARK.len()..] } else { head };
            (marked, holds_values(head))
        }
        Err(_) => (false, false),
    };
    if marked {
        text.consume(UTF8_MARK.len());
    }
    if streamed { Box::new(Values::new(text)) } else { Box::new(Lines::new(text)) }
}

/// An array, or objects laid out over several lines, rather than one object a line.
fn holds_values(head: &[u8]) -> bool {
    let head = head.trim_ascii_start();
    let first_line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    head.starts_with(b"[") || first_line.trim_ascii() == b"{"
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
