//! The version of the format that a log directory has, in a file of its own, so that it can be told whatever else changes.
//!
//! A log from before there was this file has version 1.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use topology::broker::BrokerError;

const VERSION: u32 = 1;
const FILE: &str = "FORMAT";

/// Refuses a log that a later version has written; gives one that says nothing its version.
pub(super) fn check(dir: &Path) -> Result<(), BrokerError> {
    let path = dir.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return write(dir).map_err(|e| failed(&path, &e)),
        Err(error) => return Err(failed(&path, &error)),
    };
    match text.trim().parse::<u32>() {
        Ok(VERSION) => Ok(()),
        Ok(found) => Err(BrokerError::Fatal(format!(
            "the log in {} has format {found}, and this version knows {VERSION}: start the version that has written it, or a later one",
            dir.display()
        ))),
        Err(_) => Err(BrokerError::corrupt(format!("{}: this is no version of a format", path.display()))),
    }
}

/// Whole or not at all.
fn write(dir: &Path) -> std::io::Result<()> {
    let new = dir.join("FORMAT.new");
    let mut file = File::create(&new)?;
    writeln!(file, "{VERSION}")?;
    file.sync_all()?;
    fs::rename(new, dir.join(FILE))?;
    File::open(dir)?.sync_all()
}

fn failed(path: &Path, error: &std::io::Error) -> BrokerError {
    BrokerError::Fatal(format!("{}: {error}", path.display()))
}
