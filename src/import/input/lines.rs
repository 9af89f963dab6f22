//! One record a line. A bad line harms no other.

use std::io::BufRead;

use super::super::batch::Place;
use super::{Damage, Found, MAX_RECORD_BYTES, Split};

/// Splits at line ends; empty lines count but are no records.
pub(super) struct Lines {
    reader: Box<dyn BufRead + Send>,
    line: u64,
    ended: bool,
}

impl Lines {
    pub(super) fn new(reader: Box<dyn BufRead + Send>) -> Self {
        Self { reader, line: 0, ended: false }
    }
}

impl Split for Lines {
    fn next(&mut self) -> Option<Found> {
        while !self.ended {
            let (bytes, damage) = self.read_line();
            let bytes = trimmed(bytes);
            if !bytes.is_empty() || damage.is_some() {
                return Some((Place::Line(self.line), bytes, damage));
            }
        }
        None
    }
}

impl Lines {
    /// The next line; what is above the limit is skipped, so that memory stays bounded whatever the file holds.
    fn read_line(&mut self) -> (Vec<u8>, Option<Damage>) {
        self.line += 1;
        let mut line = Vec::new();
        let mut damage = None;
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.ended = true;
                    return (line, Some(Damage::broken(format!("the input cannot be read on from here: {error}"))));
                }
            };
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            if damage.is_none() && line.len() + part.len() > MAX_RECORD_BYTES {
                damage = Some(Damage::too_long());
                line = Vec::new();
            }
            if damage.is_none() {
                line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.ended = used == 0;
            self.reader.consume(used);
            if end.is_some() || self.ended {
                return (line, damage);
            }
        }
    }
}

fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.trim_ascii_end().len());
    let leading = bytes.len() - bytes.trim_ascii_start().len();
    bytes.drain(..leading);
    bytes
}
