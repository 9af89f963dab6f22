//! Records in arrays, in several arrays one after the other (pages of an API), in arrays of arrays, or as objects laid
//! out over several lines: brackets and commas outside of objects only separate. An object that has an array `issues`,
//! as Jira answers a search, is such a page: the array's members are the records, and the rest of it is passed over.

use std::io::BufRead;

use super::super::batch::Place;
use super::{Damage, Found, MAX_RECORD_BYTES, Split};

/// Splits a stream of JSON values. It does not validate: it only finds where an object ends.
pub(super) struct Values {
    reader: Box<dyn BufRead + Send>,
    item: u64,
    open_arrays: u64,
    /// The number of open arrays in a page's own array.
    page: Option<u64>,
    /// What follows that array in the page.
    tail: Option<Scan>,
    ended: bool,
}

/// The field of a page that holds its records.
const PAGE_FIELD: &[u8] = b"\"issues\"";
/// Arrays in arrays: pages, and a list of them. What goes deeper is none.
const MAX_OPEN_ARRAYS: u64 = 16;

impl Values {
    pub(super) fn new(reader: Box<dyn BufRead + Send>) -> Self {
        Self { reader, item: 0, open_arrays: 0, page: None, tail: None, ended: false }
    }
}

/// Where in a value the scan is.
#[derive(Default)]
struct Scan {
    bytes: Vec<u8>,
    depth: u32,
    in_text: bool,
    escaped: bool,
    /// Where the last text began that stands directly in the object, and whether it is the name of the page's field.
    text_at: usize,
    in_page_field: bool,
}

/// What one byte did.
enum Step {
    Outside,
    Inside,
    /// The value is complete; the byte belongs to it.
    Complete,
    /// The value is complete; the byte does not belong to it.
    CompleteBefore,
    /// The value is a page, and its array has been opened.
    Page,
}

impl Split for Values {
    fn next(&mut self) -> Option<Found> {
        if self.ended {
            return None;
        }
        let mut scan = Scan::default();
        // Then it is not held, and only its end is looked for.
        let mut is_too_long = false;
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let detail = format!("the input cannot be read on from here: {error}");
                    return self.broken_after(one_line(scan.bytes), detail);
                }
            };
            if chunk.is_empty() {
                self.ended = true;
                return if !scan.bytes.is_empty() || self.tail.is_some() {
                    let cut = one_line(scan.bytes);
                    self.broken_after(cut, "the input ends in the middle of a record: it may be cut short")
                } else if self.open_arrays > 0 {
                    self.broken("the array is not closed: the input may be cut short")
                } else {
                    None
                };
            }
            let mut used = 0;
            let mut complete = false;
            for &byte in chunk {
                if let Some(tail) = &mut self.tail {
                    let step = tail.step(byte);
                    tail.forget();
                    if matches!(step, Step::Complete) {
                        self.tail = None;
                    }
                    used += 1;
                    continue;
                }
                match scan.step(byte) {
                    Step::Outside => match byte {
                        b'[' => self.open_arrays += 1,
                        b']' if self.page.is_some_and(|page| page == self.open_arrays) => {
                            self.open_arrays -= 1;
                            self.page = None;
                            self.tail = Some(Scan::inside_a_page());
                        }
                        b']' => self.open_arrays = self.open_arrays.saturating_sub(1),
                        _ => {}
                    },
                    Step::Page => {
                        scan = Scan::default();
                        self.open_arrays += 1;
                        self.page = Some(self.open_arrays);
                    }
                    Step::Inside => {}
                    Step::Complete => complete = true,
                    Step::CompleteBefore => {
                        complete = true;
                        break;
                    }
                }
                used += 1;
                if complete || self.open_arrays > MAX_OPEN_ARRAYS {
                    break;
                }
            }
            self.reader.consume(used);
            if self.open_arrays > MAX_OPEN_ARRAYS {
                return self
                    .broken(format!("more than {MAX_OPEN_ARRAYS} arrays in arrays: that is no list of records"));
            }
            if complete {
                self.item += 1;
                let place = Place::Item(self.item);
                return Some(if is_too_long {
                    (place, Vec::new(), Some(Damage::too_long()))
                } else {
                    (place, one_line(scan.bytes), None)
                });
            }
            is_too_long |= scan.bytes.len() > MAX_RECORD_BYTES;
            if is_too_long {
                scan.pass_over();
            }
        }
    }
}

impl Values {
    fn broken(&mut self, detail: impl Into<String>) -> Option<Found> {
        self.broken_after(Vec::new(), detail)
    }

    /// Nothing can be read after this part of a record.
    #[allow(clippy::unnecessary_wraps)] // the shape of what `next` returns
    fn broken_after(&mut self, part: Vec<u8>, detail: impl Into<String>) -> Option<Found> {
        self.ended = true;
        self.item += 1;
        Some((Place::Item(self.item), part, Some(Damage::broken(detail))))
    }
}

/// Whether the first object of a file that begins so is a page; none if it does not end here, and has not shown it yet.
pub(super) fn is_page(head: &[u8]) -> Option<bool> {
    let mut scan = Scan::default();
    for &byte in head {
        match scan.step(byte) {
            Step::Page => return Some(true),
            Step::Complete | Step::CompleteBefore => return Some(false),
            Step::Outside | Step::Inside => {}
        }
    }
    None
}

impl Scan {
    /// After the array of a page: nothing in it is looked for any more.
    fn inside_a_page() -> Self {
        Self { depth: 1, bytes: vec![b'.'], ..Self::default() }
    }

    /// Drops what was read of a record, in which nothing is looked for any more but its end.
    fn pass_over(&mut self) {
        self.bytes = vec![b'.'];
    }

    /// Drops what was read, so that it takes no room.
    fn forget(&mut self) {
        self.bytes.truncate(1);
    }

    /// Whether the text that stands directly in the object and ends here is the name of a page's array: a colon and a
    /// bracket must follow.
    fn note(&mut self, byte: u8) -> bool {
        if self.depth != 1 || self.bytes.first() != Some(&b'{') {
            return false;
        }
        match byte {
            b'"' => self.text_at = self.bytes.len(),
            b':' => {
                let name = self.bytes.get(self.text_at..).unwrap_or_default().trim_ascii_end();
                self.in_page_field = name == PAGE_FIELD;
            }
            b'[' => return self.in_page_field,
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => self.in_page_field = false,
        }
        false
    }

    fn step(&mut self, byte: u8) -> Step {
        if self.in_text {
            self.in_text = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
        } else if self.bytes.is_empty() && matches!(byte, b'[' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n') {
            return Step::Outside;
        } else if self.depth == 0 && matches!(byte, b'[' | b']' | b',' | b'\n' | b'{') && !self.bytes.is_empty() {
            return Step::CompleteBefore;
        } else {
            if self.note(byte) {
                return Step::Page;
            }
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
