//! Puts mails into a directory, for those who have no mail server: one file each, as a mail program opens it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use uuid::Uuid;

use super::{Composed, Deliver, Failure};

/// A directory of mails, `{id}.eml` each. A mail that is there already is not written again.
#[derive(Debug, Clone)]
pub struct Files {
    dir: PathBuf,
}

/// A mail that lies in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The letter's id.
    pub id: Uuid,
    /// To whom it went, as its header has it.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// Its date, in milliseconds since the epoch, to the second.
    pub at: i64,
    /// The file.
    pub path: PathBuf,
}

impl Files {
    /// Makes the directory if it is not there.
    pub fn new(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let dir = dir.into();
        fs::create_dir_all(&dir)?;
        Ok(Self { dir })
    }

    /// The mails in a directory, the newest first. What is not a mail of ours is left out.
    pub fn list(dir: &Path) -> io::Result<Vec<Kept>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(dir)? {
            all.extend(kept(&entry?.path())?);
        }
        all.sort_by_key(|mail| (std::cmp::Reverse(mail.at), mail.id));
        Ok(all)
    }

    /// The mail of that id as it was written; none if it is not there.
    pub fn read(dir: &Path, id: Uuid) -> io::Result<Option<Vec<u8>>> {
        there(fs::read(path_of(dir, id)))
    }

    fn write(&self, mail: &Composed) -> io::Result<()> {
        let path = path_of(&self.dir, mail.id);
        if path.try_exists()? {
            return Ok(());
        }
        // Hidden, and of this process alone.
        let unfinished = self.dir.join(format!(".{}.{}", mail.id, std::process::id()));
        let mut file = File::create(&unfinished)?;
        file.write_all(&mail.bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        File::open(&self.dir)?.sync_all()
    }
}

impl Deliver for Files {
    fn deliver(&mut self, mail: &Composed) -> Result<(), Failure> {
        self.write(mail).map_err(|error| Failure::Broken(format!("{}: {error}", self.dir.display())))
    }
}

fn kept(path: &Path) -> io::Result<Option<Kept>> {
    let id = path.file_stem().and_then(|stem| Uuid::try_parse(stem.to_str()?).ok());
    match id {
        Some(id) if path.extension().is_some_and(|extension| extension == "eml") => {
            // Somebody may delete it meanwhile.
            let mail = there(fs::read(path))?;
            Ok(mail.and_then(|mail| read_head(id, path, &String::from_utf8_lossy(&mail))))
        }
        _ => Ok(None),
    }
}

fn read_head(id: Uuid, path: &Path, mail: &str) -> Option<Kept> {
    let (head, _) = mail.split_once("\r\n\r\n")?;
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let (to, subject) = (decoded(header("To")?), decoded(header("Subject")?));
    let at = OffsetDateTime::parse(header("Date")?, &Rfc2822).ok()?.unix_timestamp() * 1000;
    Some(Kept { id, to, subject, at, path: path.to_owned() })
}

fn path_of(dir: &Path, id: Uuid) -> PathBuf {
    dir.join(format!("{id}.eml"))
}

/// None for what is not there.
fn there(read: io::Result<Vec<u8>>) -> io::Result<Option<Vec<u8>>> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// A header's value as people read it. Encoded words are all as the composer writes them: UTF-8 in base64 (RFC 2047).
fn decoded(value: &str) -> String {
    let (mut text, mut was_encoded) = (String::new(), false);
    for word in value.split_ascii_whitespace() {
        let encoded = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="));
        let bytes = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
        // White space between encoded words is not part of the text.
        let is_apart = !was_encoded || bytes.is_none();
        if is_apart && !text.is_empty() {
            text.push(' ');
        }
        was_encoded = bytes.is_some();
        match bytes {
            Some(bytes) => text.push_str(&String::from_utf8_lossy(&bytes)),
            None => text.push_str(word),
        }
    }
    text
}
