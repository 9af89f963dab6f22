//! Stores that are lost or damaged in any way: they are found out, set aside and restored whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;
use topology::{Inspection, Streams};

use crate::numbering::{check, config, numberer, open, send, start};

const RECORDS: usize = 4_000;

/// What is done to a task's directory while nothing runs.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Removed,
    Truncated(&'static str),
    Flipped(&'static str),
    FileRemoved(&'static str),
}

/// Files of the directory whose names begin or end so.
fn files(dir: &Path, part: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(part) || name.ends_with(part)
    };
    let found: Vec<_> = all.filter(named).collect();
    assert!(!found.is_empty(), "{} has no file {part}", dir.display());
    found
}

impl Damage {
    fn strike(self, dir: &Path) {
        match self {
            Self::Removed => fs::remove_dir_all(dir).unwrap(),
            Self::FileRemoved(part) => files(dir, part).iter().for_each(|path| fs::remove_file(path).unwrap()),
            Self::Truncated(part) => files(dir, part).iter().for_each(|path| {
                let bytes = fs::read(path).unwrap();
                fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
            }),
            Self::Flipped(part) => files(dir, part).iter().for_each(|path| {
                let mut bytes = fs::read(path).unwrap();
                // The first bytes are in what every file has: data, or a record's checksum.
                bytes.iter_mut().take(16).for_each(|byte| *byte ^= 0xff);
                fs::write(path, bytes).unwrap();
            }),
        }
    }
}

fn numbers(dir: &Path, broker: &std::sync::Arc<dyn topology::broker::Broker>) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let inspection = Inspection::open(&numberer(), &config(dir, "a", 1), &**broker).unwrap();
    let mut entries = BTreeMap::new();
    inspection.entries("numbers", &mut |key, value| drop(entries.insert(key.to_vec(), value.to_vec()))).unwrap();
    entries
}

fn restored(streams: &Streams) -> u64 {
    streams.metrics().counts().restored
}

#[rstest]
#[case::directory_removed(Damage::Removed, false)]
#[case::current_truncated(Damage::Truncated("CURRENT"), true)]
#[case::current_flipped(Damage::Flipped("CURRENT"), true)]
#[case::current_removed(Damage::FileRemoved("CURRENT"), true)]
#[case::manifest_truncated(Damage::Truncated("MANIFEST"), true)]
#[case::manifest_flipped(Damage::Flipped("MANIFEST"), true)]
#[case::manifest_removed(Damage::FileRemoved("MANIFEST"), true)]
#[case::tables_truncated(Damage::Truncated(".sst"), true)]
#[case::tables_flipped(Damage::Flipped(".sst"), true)]
#[case::tables_removed(Damage::FileRemoved(".sst"), true)]
fn should_restore_a_store_that_is_lost_or_damaged_and_number_on(#[case] damage: Damage, #[case] is_kept: bool) {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    let first = start(&broker, &config(dir.path(), "a", 1));
    send(&broker, 0, RECORDS);
    check(&broker, RECORDS);
    first.close().unwrap();
    let before = numbers(dir.path(), &broker);
    let tasks = dir.path().join("state-a/app");
    let task = tasks.join("number-0");
    damage.strike(&task);

    let second = start(&broker, &config(dir.path(), "a", 1));
    send(&broker, RECORDS, RECORDS);
    check(&broker, 2 * RECORDS);
    assert!(restored(&second) > 0, "something was restored");
    second.close().unwrap();
    let names: Vec<_> = fs::read_dir(&tasks).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    let aside = names.iter().filter(|name| name.contains(".corrupt-")).count();
    assert_eq!(aside, usize::from(is_kept), "what is damaged is kept for whoever wants to look: {names:?}");
    let after = numbers(dir.path(), &broker);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
}

#[test]
fn should_lose_nothing_when_the_write_ahead_log_is_damaged_as_nothing_is_kept_there() {
    for damage in [Damage::Truncated(".log"), Damage::Flipped(".log"), Damage::FileRemoved(".log")] {
        let dir = tempfile::tempdir().unwrap();
        let broker = open(dir.path(), None);
        let first = start(&broker, &config(dir.path(), "a", 1));
        send(&broker, 0, RECORDS);
        check(&broker, RECORDS);
        first.close().unwrap();
        damage.strike(&dir.path().join("state-a/app/number-0"));
        let second = start(&broker, &config(dir.path(), "a", 1));
        send(&broker, RECORDS, RECORDS);
        check(&broker, 2 * RECORDS);
        second.close().unwrap();
    }
}
