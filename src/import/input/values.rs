//! Records in arrays, in several arrays one after the other (pages of an API), in arrays of arrays, or as objects laid
//! out over several lines: brackets and commas outside of objects only separate.

use std::io::BufRead;

use super::super::batch::Place;
use super::{Damage, Found, MAX_RECORD_BYTES, Split};

/// Splits a stream of JSON values. It does not validate: it only finds where an object ends.
pub(super) struct Values {
    reader: Box<dyn BufRead + Send>,
    item: u64,
    open_arrays: u64,
    ended: bool,
}

impl Values {
    pub(super) fn new(reader: Box<dyn BufRead + Send>) -> Self {
        Self { reader, item: 0, open_arrays: 0, ended: false }
    }
}

/// Where in a value the scan is.
#[derive(Default)]
struct Scan {
    bytes: Vec<u8>,
    depth: u32,
    in_text: bool,
    escaped: bool,
}

/// What one byte did.
enum Step {
    Outside,
    Inside,
    /// The value is complete; the byte belongs to it.
    Complete,
    /// The value is complete; the byte does not belong to it.
    CompleteBefore,
}

impl Split for Values {
    fn next(&mut self) -> Option<Found> {
        if self.ended {
            return None;
        }
        let mut scan = Scan::default();
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return self.broken(format!("the input cannot be read on from here: {error}")),
            };
            if chunk.is_empty() {
                self.ended = true;
                return if !scan.bytes.is_empty() {
                    self.broken("the input ends in the middle of a record: it may be cut short")
                } else if self.open_arrays > 0 {
                    self.broken("the array is not closed: the input may be cut short")
                } else {
                    None
                };
            }
            let mut used = 0;
            let mut complete = false;
            for &byte in chunk {
                match scan.step(byte) {
                    Step::Outside => match byte {
                        b'[' => self.open_arrays += 1,
                        b']' => self.open_arrays = self.open_arrays.saturating_sub(1),
                        _ => {}
                    },
                    Step::Inside => {}
                    Step::Complete => complete = true,
                    Step::CompleteBefore => {
                        complete = true;
                        break;
                    }
                }
                used += 1;
                if complete {
                    break;
                }
            }
            self.reader.consume(used);
            if complete {
                self.item += 1;
                return Some((Place::Item(self.item), one_line(scan.bytes), None));
            }
            if scan.bytes.len() > MAX_RECORD_BYTES {
                self.ended = true;
                self.item += 1;
                return Some((Place::Item(self.item), Vec::new(), Some(Damage::too_long())));
            }
        }
    }
}

impl Values {
    #[allow(clippy::unnecessary_wraps)] // the shape of what `next` returns
    fn broken(&mut self, detail: impl Into<String>) -> Option<Found> {
        self.ended = true;
        self.item += 1;
        Some((Place::Item(self.item), Vec::new(), Some(Damage::broken(detail))))
    }
}

impl Scan {
    fn step(&mut self, byte: u8) -> Step {
        if self.in_text {
            self.in_text = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
        } else if self.bytes.is_empty() && matches!(byte, b'[' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n') {
            return Step::Outside;
        } else if self.depth == 0 && matches!(byte, b'[' | b']' | b',' | b'\n' | b'{') && !self.bytes.is_empty() {
            return Step::CompleteBefore;
        } else {
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        self.bytes.push(byte);
        let closes = self.depth == 0 && !self.in_text && matches!(byte, b'}' | b']' | b'"');
        if closes { Step::Complete } else { Step::Inside }
    }
}

/// Line ends inside a value can only be white space between tokens: without them the record fits on a line.
fn one_line(mut bytes: Vec<u8>) -> Vec<u8> {
    for byte in &mut bytes {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    bytes
}
