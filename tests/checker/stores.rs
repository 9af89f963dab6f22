//! Stores on disk, read by RocksDB itself, against their changelogs up to where each says that it reaches.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rocksdb::{DB, IteratorMode, Options};

use super::reading::Row;
use super::seen::{Changelogs, last_values};
use super::{Finding, Law, probe, shown};

/// How long an entry of an expiring store is kept, by the stream's time.
const KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// One store of one task in one directory.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    pub(super) path: PathBuf,
    pub(super) application: String,
    pub(super) store: String,
    pub(super) partition: u32,
    /// Its values have the time in front of them.
    pub(super) expiring: bool,
    /// The changelog's next offset; none: nothing was written yet.
    pub(super) checkpoint: Option<i64>,
    pub(super) stream_time: i64,
    pub(super) entries: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// In the name of a directory that was set aside as corrupt.
const SET_ASIDE: &str = ".corrupt-";

/// Every store below these directories. What was set aside as corrupt is left out.
pub(super) fn read(dirs: &[PathBuf], found: &mut Vec<Finding>) -> Vec<Disk> {
    let mut disks = Vec::new();
    let mut left: Vec<PathBuf> = dirs.to_vec();
    while let Some(dir) = left.pop() {
        if dir.join("CURRENT").is_file() {
            let name = |path: Option<&Path>| path.and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned());
            let task = name(Some(&dir)).unwrap_or_default();
            if task.contains(SET_ASIDE) {
                continue;
            }
            let Some(partition) = task.rsplit_once('-').and_then(|(_, number)| number.parse().ok()) else { continue };
            let task = Disk {
                application: name(dir.parent()).unwrap_or_default(),
                partition,
                path: dir.clone(),
                ..Disk::default()
            };
            match stores_of(&task) {
                Ok(stores) => disks.extend(stores),
                Err(error) => found.push(Finding::new(Law::Readable, format!("{}: {error}", dir.display()))),
            }
            continue;
        }
        let entries = std::fs::read_dir(&dir).into_iter().flatten().filter_map(Result::ok);
        left.extend(entries.map(|entry| entry.path()).filter(|path| path.is_dir()));
    }
    disks
}

fn stores_of(task: &Disk) -> Result<Vec<Disk>, rocksdb::Error> {
    let options = Options::default();
    let families = DB::list_cf(&options, &task.path)?;
    let db = DB::open_cf_for_read_only(&options, &task.path, &families, false)?;
    let number = |key: &str| {
        let stored = db.get(key)?;
        Ok(stored.and_then(|stored| stored.first_chunk().map(|bytes| i64::from_be_bytes(*bytes))))
    };
    let mut stores = Vec::new();
    for family in families.iter().filter(|family| *family != "default") {
        let Some((kind, store)) = family.split_once('.') else { continue };
        // Behind it the topic that it is restored from, if that is no changelog.
        let store = store.split('@').next().unwrap_or(store);
        let Some(handle) = db.cf_handle(family) else { continue };
        let entries = db.iterator_cf(handle, IteratorMode::Start);
        stores.push(Disk {
            store: store.to_owned(),
            expiring: kind == "expiring",
            checkpoint: number(&format!("checkpoint.{family}"))?,
            stream_time: number("stream-time")?.unwrap_or(-1),
            entries: entries.map(|e| e.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect::<Result<_, _>>()?,
            ..task.clone()
        });
    }
    Ok(stores)
}

/// Each is the fold of its changelog up to its checkpoint; and if all was flushed, of each one has all of it.
pub(super) fn check(disks: &[Disk], changelogs: &Changelogs, flushed: bool, found: &mut Vec<Finding>) {
    let mut reached: BTreeMap<(&str, &str, u32), i64> = BTreeMap::new();
    for disk in disks {
        let topic = changelogs.get(&(disk.application.clone(), disk.store.clone()));
        let rows = topic.and_then(|topic| topic.get(disk.partition as usize)).map(Vec::as_slice).unwrap_or_default();
        found.extend(differences(disk, rows).into_iter().map(|what| Finding::new(Law::Stored, what)));
        let reaches = reached.entry((&disk.application, &disk.store, disk.partition)).or_default();
        *reaches = disk.checkpoint.unwrap_or_default().max(*reaches);
    }
    if !flushed {
        return;
    }
    let known = |application: &str| disks.iter().any(|disk| disk.application == application);
    for ((application, store), topic) in changelogs.iter().filter(|((application, _), _)| known(application)) {
        for (partition, rows) in (0..).zip(topic) {
            let end = rows.iter().rfind(|row| !row.key.starts_with(probe::KEY)).map_or(0, |row| row.offset + 1);
            let reached = reached.get(&(application.as_str(), store.as_str(), partition)).copied().unwrap_or_default();
            if reached < end {
                let what = format!("{application}: store {store}-{partition} reaches to {reached} of {end}");
                found.push(Finding::new(Law::Stored, what));
            }
        }
    }
}

fn differences(disk: &Disk, rows: &[Row]) -> Vec<String> {
    let at = format!("{} {} at {:?}", disk.path.display(), disk.store, disk.checkpoint);
    let checkpoint = disk.checkpoint.unwrap_or_default();
    let reached = rows.iter().take_while(|row| row.offset < checkpoint);
    let mut expected: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let gone = |timestamp: i64| disk.expiring && timestamp <= disk.stream_time - KEPT_MS;
    for (key, row) in last_values(reached) {
        let stamp = if disk.expiring { row.timestamp.to_be_bytes().to_vec() } else { Vec::new() };
        let value = row.value.as_deref().unwrap_or_default();
        if !gone(row.timestamp) {
            expected.insert(key.to_vec(), [&stamp, value].concat());
        }
    }
    let mut differences = Vec::new();
    for (key, value) in &disk.entries {
        let timestamp = value.first_chunk().map_or(i64::MAX, |bytes| i64::from_be_bytes(*bytes));
        match expected.remove(key) {
            Some(expected) if expected == *value => {}
            Some(_) => differences.push(format!("{at}: key {} has another value than the changelog", shown(key))),
            None if gone(timestamp) => {}
            None => differences.push(format!("{at}: key {} is not in the changelog", shown(key))),
        }
    }
    differences.extend(expected.keys().map(|key| format!("{at}: key {} of the changelog is missing", shown(key))));
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A changelog of five records with a deletion among them, and the store that it makes.
    fn sound() -> (Disk, Vec<Row>) {
        let row = |offset: i64, key: &[u8], value: Option<&[u8]>| Row {
            offset,
            timestamp: 100 + offset,
            key: key.to_vec(),
            value: value.map(<[u8]>::to_vec),
            ..Row::default()
        };
        let rows = vec![
            row(0, b"a", Some(b"1")),
            row(1, b"b", Some(b"1")),
            row(3, b"a", Some(b"2")),
            row(4, b"b", None),
            row(6, b"c", Some(b"3")),
        ];
        let entries = [(b"a".to_vec(), b"2".to_vec()), (b"c".to_vec(), b"3".to_vec())].into();
        let disk =
            Disk { application: "app".into(), store: "s".into(), checkpoint: Some(7), entries, ..Disk::default() };
        (disk, rows)
    }

    fn spoilt(spoil: impl FnOnce(&mut Disk, &mut Vec<Row>)) -> Vec<String> {
        let (mut disk, mut rows) = sound();
        spoil(&mut disk, &mut rows);
        let changelogs = [(("app".to_owned(), "s".to_owned()), vec![rows])].into();
        let mut found = Vec::new();
        check(&[disk], &changelogs, true, &mut found);
        found.into_iter().map(|finding| finding.what).collect()
    }

    fn finds(found: &[String], part: &str) {
        assert!(found.len() == 1 && found[0].contains(part), "{part}: {found:?}");
    }

    #[test]
    fn should_find_nothing_in_a_store_that_is_its_changelog() {
        assert!(spoilt(|_, _| {}).is_empty());
        let stamped = spoilt(|disk, _| {
            disk.expiring = true;
            disk.entries.insert(b"a".to_vec(), [&103_i64.to_be_bytes()[..], b"2"].concat());
            disk.entries.insert(b"c".to_vec(), [&106_i64.to_be_bytes()[..], b"3"].concat());
        });
        assert!(stamped.is_empty(), "{stamped:?}");
    }

    #[test]
    fn should_find_each_kind_of_damage_to_a_store() {
        finds(&spoilt(|disk, _| drop(disk.entries.remove(b"c".as_slice()))), "is missing");
        finds(&spoilt(|disk, _| drop(disk.entries.insert(b"b".to_vec(), b"1".to_vec()))), "not in the changelog");
        finds(&spoilt(|disk, _| drop(disk.entries.insert(b"a".to_vec(), b"1".to_vec()))), "another value");
    }

    #[test]
    fn should_find_a_store_that_is_ahead_of_its_checkpoint_or_behind_its_changelog() {
        let found = spoilt(|disk, _| disk.checkpoint = Some(5));
        assert!(found.iter().any(|what| what.contains("not in the changelog")), "{found:?}");
        assert!(found.iter().any(|what| what.contains("reaches to 5 of 7")), "{found:?}");
        let found = spoilt(|disk, _| disk.checkpoint = None);
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
