//! The rejects file: what was rejected, as it was read, to be corrected and imported again.
//!
//! Each object gets a field [`MARK`] that says where it stood and why it was rejected; an import leaves it aside. The file
//! appears under its name only when the import has ended, so that it is never half written, and may be imported meanwhile.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use serde::de::IgnoredAny;
use serde_json::json;

use super::batch::{Place, Position};
use super::error::ImportError;

/// The field that says why a record is in the rejects file.
pub(super) const MARK: &str = "_rejected";
/// The field that holds what could not be read as a row.
pub(super) const ROW: &str = "_row";
/// What the mark of a row says that it is from: as an object it does not look like one.
pub(super) const TABLE: &str = "csv";

/// Collects the rejected records.
#[derive(Debug)]
pub(super) struct Rejects {
    path: PathBuf,
    /// Made even if nothing is rejected: who asked for the file by name will look into it.
    always: bool,
    /// What the mark says that the records are from.
    from: Option<&'static str>,
    writer: Option<BufWriter<File>>,
}

impl Rejects {
    pub(super) fn new(path: PathBuf, always: bool) -> Self {
        Self { path, always, from: None, writer: None }
    }

    /// All of them are rows of a table.
    pub(super) fn of_table(&mut self) {
        self.from = Some(TABLE);
    }

    /// Keeps a record.
    pub(super) fn keep(
        &mut self,
        position: &Position,
        original: &[u8],
        code: &str,
        detail: &str,
    ) -> Result<(), ImportError> {
        if original.is_empty() {
            return Ok(());
        }
        let line = marked(position, original, code, detail, self.from);
        let wrote = self.open().and_then(|writer| {
            writer.write_all(&line)?;
            writer.write_all(b"\n")
        });
        wrote.map_err(|source| self.error(source))
    }

    /// Puts the file in its place; the path if there is one.
    pub(super) fn finish(mut self) -> Result<Option<PathBuf>, ImportError> {
        if self.writer.is_none() && !self.always {
            return Ok(None);
        }
        let wrote = self.open().and_then(Write::flush).and_then(|()| fs::rename(self.partial(), &self.path));
        match wrote {
            Ok(()) => Ok(Some(self.path)),
            Err(source) => Err(self.error(source)),
        }
    }

    fn open(&mut self) -> io::Result<&mut BufWriter<File>> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => BufWriter::new(File::create(self.partial())?),
        };
        Ok(self.writer.insert(writer))
    }

    fn partial(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".partial");
        name.into()
    }

    fn error(&self, source: io::Error) -> ImportError {
        ImportError::Rejects { path: self.path.display().to_string(), source }
    }
}

/// What damaged records are refused with: they are no objects, whatever they begin with.
const NO_OBJECT: &[&str] = &["malformed", "input_damaged"];
/// The same of rows of a table.
const NO_ROW: &[&str] = &["quote_broken", "row_uneven", "not_utf8"];

/// The record with the mark as its first field; what is no object is kept as it is, a row that is none as a text in an object.
fn marked(position: &Position, original: &[u8], code: &str, detail: &str, from: Option<&str>) -> Vec<u8> {
    let original = if NO_ROW.contains(&code) {
        json!({ ROW: String::from_utf8_lossy(original) }).to_string().into_bytes()
    } else {
        unmarked(original)
    };
    if NO_OBJECT.contains(&code) || !original.starts_with(b"{") {
        return original;
    }
    let mut mark = match position.place {
        Place::Line(line) => json!({"line": line, "code": code, "detail": detail}),
        Place::Item(item) => json!({"item": item, "code": code, "detail": detail}),
        Place::Whole => json!({"code": code, "detail": detail}),
    };
    if let Some(from) = from {
        mark["from"] = from.into();
    }
    let mut line = format!("{{\"{MARK}\":{mark}").into_bytes();
    let rest = original[1..].trim_ascii_start();
    if !rest.starts_with(b"}") {
        line.push(b',');
    }
    line.extend_from_slice(rest);
    line
}

/// The record without the mark of an earlier round.
fn unmarked(original: &[u8]) -> Vec<u8> {
    let head = format!("{{\"{MARK}\":");
    if let Some(rest) = original.strip_prefix(head.as_bytes()) {
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
        if let Some(Ok(_)) = values.next() {
            let rest = rest[values.byte_offset()..].trim_ascii_start();
            let rest = rest.strip_prefix(b",").unwrap_or(rest);
            return [b"{", rest].concat();
        }
    }
    original.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Position = Position { file: 0, place: Place::Line(7) };

    fn text(original: &str) -> String {
        String::from_utf8(marked(&AT, original.as_bytes(), "title_empty", "why", None)).unwrap()
    }

    #[test]
    fn should_say_in_the_record_why_it_was_rejected_and_only_once() {
        let once = r#"{"_rejected":{"code":"title_empty","detail":"why","line":7},"a":"}"}"#;
        assert_eq!(text(r#"{"a":"}"}"#), once);
        assert_eq!(text(once), once);
        assert_eq!(text("{}"), r#"{"_rejected":{"code":"title_empty","detail":"why","line":7}}"#);
        assert_eq!(text("{ }"), r#"{"_rejected":{"code":"title_empty","detail":"why","line":7}}"#);
        assert_eq!(text("[1]"), "[1]");
        assert_eq!(marked(&AT, b"{\"a\":", "malformed", "", None), b"{\"a\":");
    }

    #[test]
    fn should_keep_a_row_that_is_none_on_one_line_and_say_that_it_is_from_a_table() {
        let kept = |original: &[u8], code| {
            let line = marked(&AT, original, code, "why", Some(TABLE));
            serde_json::from_slice::<serde_json::Value>(&line).unwrap()
        };
        let mark = |code| json!({"code": code, "detail": "why", "from": "csv", "line": 7});
        let row = "a,\"b\"c\nd\u{fffd}";
        let expected = json!({"_rejected": mark("quote_broken"), "_row": row});
        assert_eq!(kept(b"a,\"b\"c\nd\xff", "quote_broken"), expected);
        let expected = json!({"_rejected": mark("title_empty"), "Summary": ""});
        assert_eq!(kept(br#"{"Summary":""}"#, "title_empty"), expected);
    }

    #[test]
    fn should_appear_under_its_name_only_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.ndjson");
        let mut rejects = Rejects::new(path.clone(), false);
        rejects.keep(&AT, b"{\"a\":1}", "title_empty", "why").unwrap();
        assert!(!path.exists());
        assert_eq!(rejects.finish().unwrap(), Some(path.clone()));
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn should_make_an_empty_file_only_if_asked_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.ndjson");
        assert_eq!(Rejects::new(path.clone(), false).finish().unwrap(), None);
        assert!(!path.exists());
        assert_eq!(Rejects::new(path.clone(), true).finish().unwrap(), Some(path.clone()));
        assert_eq!(fs::read(&path).unwrap(), b"");
    }
}
