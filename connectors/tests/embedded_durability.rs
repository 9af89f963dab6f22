//! What only the embedded broker promises: `kill -9` loses nothing that was acknowledged; a failed write ends all writing;
//! a directory has one owner.

#![allow(
    clippy::unwrap_used,
    clippy::err_expect,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, FaultAction, FaultPoint, SyncMode};
use topology::broker::{Broker, BrokerError, Cleanup, GroupMetadata, TopicPartition, TopicSpec};
use topology::{BatchBuilder, Headers, RecordBatch};

const CHILD_DIR: &str = "BROKER_DURABILITY_CHILD_DIR";

fn open(dir: &Path, sync: SyncMode) -> Arc<EmbeddedBroker> {
    let mut config = EmbeddedConfig::new(dir);
    config.sync = sync;
    // Small buffers, so that flushes and rewrites happen within the test.
    config.write_buffer_bytes = 256 << 10;
    EmbeddedBroker::open(config).expect("the broker opens")
}

fn topic(broker: &dyn Broker) -> [TopicPartition; 2] {
    let spec = TopicSpec { name: "t".into(), partitions: 2, cleanup: Cleanup::Keep, log_append_time: true };
    broker.create_topics(&[spec]).expect("the topic is made");
    [TopicPartition::new("t", 0), TopicPartition::new("t", 1)]
}

fn batch(values: impl Iterator<Item = i64>) -> RecordBatch {
    let mut b = BatchBuilder::new();
    for value in values {
        b.push(0, Some(&value.to_be_bytes()), Some(&[b'x'; 300]), &Headers::new());
    }
    b.finish()
}

fn keys(broker: &dyn Broker, p: &TopicPartition) -> Vec<i64> {
    let (low, high) = broker.watermarks(p).expect("watermarks");
    let mut reader = broker.reader().expect("a reader");
    reader.assign(&[(p.clone(), low)]).expect("assigned");
    let (mut keys, mut position) = (Vec::new(), low);
    while position < high {
        for f in reader.poll(Duration::from_secs(30)).expect("a poll") {
            position = f.batch.next_offset();
            keys.extend(f.batch.iter().map(|r| i64::from_be_bytes(r.key.expect("a key").try_into().expect("8 bytes"))));
        }
    }
    keys
}

/// The child: transactions of the same numbers to both partitions, with the count as committed offset, until it is killed.
/// Prints the count after each acknowledged commit. Does nothing unless the test below started it.
#[test]
fn child_that_commits_until_it_is_killed() {
    let Ok(dir) = std::env::var(CHILD_DIR) else { return };
    let broker = open(Path::new(&dir), SyncMode::Os);
    let [p, q] = topic(broker.as_ref());
    let nobody = GroupMetadata { group: "g".into(), member: String::new(), generation: -1 };
    let mut next = broker.watermarks(&p).expect("watermarks").1;
    let mut producer = broker.transactional_producer("tx").expect("a producer");
    let mut out = std::io::stdout();
    loop {
        let end = next + 1 + next % 40;
        producer.begin().expect("begun");
        producer.send(&p, batch(next..end)).expect("sent");
        producer.send(&q, batch(next..end)).expect("sent");
        producer.send_offsets(&[(p.clone(), end)], &nobody).expect("offsets sent");
        producer.commit().expect("committed");
        next = end;
        writeln!(out, "acknowledged {next}").and_then(|()| out.flush()).expect("printed");
    }
}

fn start_child(dir: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this test's executable"))
        .args(["--exact", "child_that_commits_until_it_is_killed", "--nocapture"])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the child starts")
}

#[test]
fn should_hold_everything_acknowledged_after_kill_9() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut acknowledged = 0;
    for round in 0..6_usize {
        let mut child = start_child(dir.path());
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
        let mut seen = 0;
        // After another number of commits each time; what it does at that moment is chance.
        for line in lines.by_ref() {
            if let Some(n) = line.strip_prefix("acknowledged ") {
                acknowledged = n.parse().expect("a number");
                seen += 1;
            }
            if seen > 50 + 97 * round {
                break;
            }
        }
        child.kill().expect("killed");
        // What it had printed before it died counts too.
        for line in lines {
            if let Some(n) = line.strip_prefix("acknowledged ").and_then(|n| n.parse().ok()) {
                acknowledged = n;
            }
        }
        child.wait().expect("it is dead");
        let broker = open(dir.path(), SyncMode::Os);
        let [p, q] = topic(broker.as_ref());
        let (found, other) = (keys(broker.as_ref(), &p), keys(broker.as_ref(), &q));
        let end = i64::try_from(found.len()).expect("a count");
        assert!(end >= acknowledged, "round {round}: {acknowledged} were acknowledged, {end} are there");
        assert_eq!(found, (0..end).collect::<Vec<_>>(), "round {round}");
        assert_eq!(other, found, "round {round}: half a transaction");
        assert_eq!(
            broker.committed("g", &[p]).expect("offsets"),
            [Some(end)],
            "round {round}: offsets apart from records"
        );
    }
    assert!(acknowledged > 1_000, "the children hardly did anything: {acknowledged}");
}

#[test]
fn should_refuse_all_writes_after_a_failed_one_and_go_on_after_a_restart() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let broken = Arc::new(AtomicBool::new(false));
    let mut config = EmbeddedConfig::new(dir.path());
    let disk = Arc::clone(&broken);
    config.fault = Some(Arc::new(move |point| {
        let fails = point == FaultPoint::Disk && disk.load(Ordering::Relaxed);
        if fails { FaultAction::Fail } else { FaultAction::Proceed }
    }));
    let broker = EmbeddedBroker::open(config).expect("the broker opens");
    let [p, _] = topic(broker.as_ref());
    let mut producer = broker.transactional_producer("tx").expect("a producer");
    producer.begin().and_then(|()| producer.send(&p, batch(0..1))).expect("sent");
    producer.commit().expect("committed");
    producer.begin().and_then(|()| producer.send(&p, batch(1..2))).expect("sent");
    broken.store(true, Ordering::Relaxed);
    assert!(matches!(producer.commit(), Err(BrokerError::Suspect(_))));
    broken.store(false, Ordering::Relaxed);
    assert!(matches!(broker.transactional_producer("tx"), Err(BrokerError::Closed(_))), "it writes on");
    assert_eq!(keys(broker.as_ref(), &p), [0], "reads go on");
    drop((producer, broker));
    let broker = open(dir.path(), SyncMode::Commit);
    assert_eq!(keys(broker.as_ref(), &p), [0]);
    broker.transactional_producer("tx").expect("writes go on");
}

#[test]
fn should_leave_a_commit_in_doubt_where_a_fault_is_put_in() {
    for (landed, fault) in [
        (false, FaultPoint::BeforeWrite { transactional_id: Some("tx") }),
        (true, FaultPoint::AfterWrite { transactional_id: Some("tx") }),
    ] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let armed = Arc::new(AtomicBool::new(true));
        let mut config = EmbeddedConfig::new(dir.path());
        let (before, trigger) = (!landed, Arc::clone(&armed));
        config.fault = Some(Arc::new(move |point| {
            let here = match point {
                FaultPoint::BeforeWrite { .. } => before,
                FaultPoint::AfterWrite { .. } => !before,
                _ => false,
            };
            if here && trigger.swap(false, Ordering::Relaxed) { FaultAction::Fail } else { FaultAction::Proceed }
        }));
        let broker = EmbeddedBroker::open(config).expect("the broker opens");
        let [p, _] = topic(broker.as_ref());
        let mut producer = broker.transactional_producer("tx").expect("a producer");
        producer.begin().and_then(|()| producer.send(&p, batch(0..3))).expect("sent");
        assert!(matches!(producer.commit(), Err(BrokerError::Suspect(_))), "{fault:?}");
        assert_eq!(keys(broker.as_ref(), &p).len(), if landed { 3 } else { 0 }, "{fault:?}");
        let mut next = broker.transactional_producer("tx").expect("a new producer");
        next.begin().and_then(|()| next.send(&p, batch(3..4))).expect("sent");
        next.commit().expect("the new producer goes on");
    }
}

#[test]
fn should_say_that_the_directory_is_in_use() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let _first = open(dir.path(), SyncMode::Os);
    let second = EmbeddedBroker::open(EmbeddedConfig::new(dir.path()));
    let error = second.err().expect("it does not open twice").to_string();
    assert!(error.contains("is in use by another process"), "{error}");
}

#[test]
fn should_give_back_the_room_of_removed_records() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let broker = open(dir.path(), SyncMode::Os);
    let [kept, purged] = topic(broker.as_ref());
    let mut producer = broker.transactional_producer("tx").expect("a producer");
    let mut next = 0;
    // About 150 MB, of which a twentieth is kept.
    for _ in 0..240 {
        producer.begin().and_then(|()| producer.send(&kept, batch(next..next + 100))).expect("sent");
        producer.send(&purged, batch(next..next + 1_900)).expect("sent");
        producer.commit().expect("committed");
        next += 100;
    }
    let size = || {
        let files = std::fs::read_dir(dir.path()).expect("the directory").flatten();
        files.filter_map(|f| f.metadata().ok()).map(|m| m.len()).sum::<u64>()
    };
    let before = size();
    let high = broker.watermarks(&purged).expect("watermarks").1;
    broker.delete_records(&purged, high).expect("deleted");
    broker.maintain(0).expect("maintained");
    assert!(before > 120 << 20, "the test writes too little: {before} bytes");
    assert!(size() < before / 2, "{before} bytes before, {} after", size());
    assert_eq!(keys(broker.as_ref(), &kept), (0..next).collect::<Vec<_>>());
}

/// The log with `count` acknowledged batches in its write-ahead log alone, and the path of that.
fn logged(dir: &Path, count: i64) -> std::path::PathBuf {
    let mut config = EmbeddedConfig::new(dir);
    config.sync = SyncMode::Os;
    let broker = EmbeddedBroker::open(config).expect("the broker opens");
    let [p, _] = topic(broker.as_ref());
    let mut producer = broker.transactional_producer("tx").expect("a producer");
    for n in 0..count {
        producer.begin().and_then(|()| producer.send(&p, batch(n..=n))).expect("sent");
        producer.commit().expect("committed");
    }
    drop((producer, broker));
    let files = std::fs::read_dir(dir).expect("the directory").flatten().map(|file| file.path());
    let logs = files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.max_by_key(|path| path.metadata().map_or(0, |m| m.len())).expect("a write-ahead log")
}

#[test]
fn should_name_a_flipped_byte_in_the_write_ahead_log_and_drop_nothing_behind_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let log = logged(dir.path(), 100);
    let whole = std::fs::read(&log).expect("the log");
    assert!(whole.len() > 30_000, "{} bytes", whole.len());
    for at in [whole.len() / 4, whole.len() / 2] {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        std::fs::write(&log, &flipped).expect("written");
        let error = EmbeddedBroker::open(EmbeddedConfig::new(dir.path())).err().expect("it does not open").to_string();
        assert!(error.contains("is damaged") && error.contains(&dir.path().display().to_string()), "{at}: {error}");
        assert_eq!(std::fs::read(&log).expect("the log"), flipped, "it is left as it is");
    }
    std::fs::write(&log, &whole).expect("written");
    let broker = open(dir.path(), SyncMode::Os);
    assert_eq!(keys(broker.as_ref(), &TopicPartition::new("t", 0)), (0..100).collect::<Vec<_>>());
}

/// What a crash of the machine leaves of a write that nobody was told of.
#[test]
fn should_go_on_where_the_last_write_was_cut_off() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let log = logged(dir.path(), 100);
    let length = std::fs::metadata(&log).expect("the log").len();
    std::fs::OpenOptions::new().write(true).open(&log).and_then(|file| file.set_len(length - 30)).expect("cut");
    let broker = open(dir.path(), SyncMode::Os);
    assert_eq!(keys(broker.as_ref(), &TopicPartition::new("t", 0)), (0..99).collect::<Vec<_>>());
}

#[test]
fn should_refuse_a_log_of_a_newer_format_and_give_one_without_a_version_its_own() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    drop(logged(dir.path(), 3));
    let file = dir.path().join("FORMAT");
    assert_eq!(std::fs::read_to_string(&file).expect("the version"), "1\n");
    for (version, said) in [("2\n", "has format 2, and this version knows 1"), ("x", "no version of a format")] {
        std::fs::write(&file, version).expect("written");
        let error = EmbeddedBroker::open(EmbeddedConfig::new(dir.path())).err().expect("it does not open").to_string();
        assert!(error.contains(said) && error.contains(&dir.path().display().to_string()), "{error}");
    }
    std::fs::remove_file(&file).expect("removed");
    let broker = open(dir.path(), SyncMode::Os);
    assert_eq!(keys(broker.as_ref(), &TopicPartition::new("t", 0)), [0, 1, 2]);
    assert!(file.exists());
}
