//! Lag where reading is not plain: markers of transactions, open transactions, removed records. The broker is a script.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use topology::broker::{
    Broker, BrokerError, Consumer, Fetched, Producer, Reader, TopicName, TopicPartition, TopicSpec,
    TransactionalProducer, Waker,
};
use topology::lag::{GroupLag, GroupStatus, LagMonitor, PartitionLag, Status, Trend};
use topology::{BatchBuilder, Headers};

/// One partition: what a group has committed, which offsets hold records (with their times), and up to where one can read.
#[derive(Clone, Default)]
struct Script {
    start: i64,
    end: i64,
    readable: i64,
    committed: Option<i64>,
    records: Vec<(i64, i64)>,
    members: usize,
}

#[derive(Default)]
struct Scripted {
    script: Mutex<Script>,
    reads: Arc<Mutex<Vec<i64>>>,
}

fn unasked<T>() -> Result<T, BrokerError> {
    Err(BrokerError::Fatal("lag does not ask for this".to_owned()))
}

impl Broker for Scripted {
    fn create_topics(&self, _: &[TopicSpec]) -> Result<(), BrokerError> {
        unasked()
    }
    fn alter_topics(&self, _: &[TopicSpec]) -> Result<(), BrokerError> {
        unasked()
    }
    fn topics(&self) -> Result<BTreeMap<TopicName, u32>, BrokerError> {
        Ok([("in".into(), 1)].into())
    }
    fn describe_topics(&self, _: &[TopicName]) -> Result<Vec<Option<TopicSpec>>, BrokerError> {
        unasked()
    }
    fn groups(&self) -> Result<Vec<String>, BrokerError> {
        unasked()
    }
    fn members(&self, _: &str) -> Result<Option<usize>, BrokerError> {
        Ok(Some(self.script.lock().unwrap().members))
    }
    fn watermarks(&self, _: &TopicPartition) -> Result<(i64, i64), BrokerError> {
        let script = self.script.lock().unwrap();
        Ok((script.start, script.end))
    }
    fn committed(&self, _: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, BrokerError> {
        Ok(partitions.iter().map(|_| self.script.lock().unwrap().committed).collect())
    }
    fn delete_records(&self, _: &TopicPartition, _: i64) -> Result<(), BrokerError> {
        unasked()
    }
    fn consumer(&self, _: &str, _: &str) -> Result<Box<dyn Consumer>, BrokerError> {
        unasked()
    }
    fn reader(&self) -> Result<Box<dyn Reader>, BrokerError> {
        let script = self.script.lock().unwrap().clone();
        Ok(Box::new(ScriptedReader { script, position: None, reads: Arc::clone(&self.reads) }))
    }
    fn transactional_producer(&self, _: &str) -> Result<Box<dyn TransactionalProducer>, BrokerError> {
        unasked()
    }
    fn producer(&self) -> Result<Arc<dyn Producer>, BrokerError> {
        unasked()
    }
}

struct ScriptedReader {
    script: Script,
    position: Option<i64>,
    reads: Arc<Mutex<Vec<i64>>>,
}

impl Reader for ScriptedReader {
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        self.position = partitions.first().map(|(_, offset)| *offset);
        self.reads.lock().unwrap().extend(self.position);
        Ok(())
    }

    /// All that can be read, at once; where there is nothing, a broker would wait.
    fn poll(&mut self, timeout: Duration) -> Result<Vec<Fetched>, BrokerError> {
        let from = self.position.unwrap();
        if from >= self.script.readable {
            std::thread::park_timeout(timeout);
            return Ok(Vec::new());
        }
        let mut batch = BatchBuilder::new();
        for (offset, time) in self.script.records.iter().filter(|(o, _)| (from..self.script.readable).contains(o)) {
            batch.push_at(offset - from, *time, None, Some(b"value"), &Headers::new());
        }
        self.position = Some(self.script.readable);
        let batch = batch.finish().placed_at(from, None).covering(self.script.readable);
        Ok(vec![Fetched { partition: TopicPartition::new("in", 0), batch }])
    }

    fn waker(&self) -> Waker {
        Arc::new(|| {})
    }
}

const NOW: i64 = 1_700_000_100_000;

fn group(script: Script, also: &[TopicName]) -> GroupLag {
    let broker = Scripted { script: Mutex::new(script), ..Scripted::default() };
    LagMonitor::new(6, 6).look(&broker, "group", also, NOW).unwrap()
}

fn only(script: Script) -> PartitionLag {
    let mut found = group(script, &[]);
    assert_eq!(found.partitions.len(), 1);
    found.partitions.remove(0)
}

fn numbers(p: &PartitionLag) -> (i64, Option<f64>, i64, Status) {
    (p.lag, p.seconds_behind, p.removed, p.status)
}

#[test]
fn should_tell_lag_and_age_by_the_first_record_not_consumed() {
    let records = vec![(0, NOW - 9_000), (1, NOW - 5_500), (2, NOW - 1_000)];
    let script = Script { end: 3, readable: 3, committed: Some(1), records, ..Script::default() };
    assert_eq!(numbers(&only(script.clone())), (2, Some(5.5), 0, Status::NoData));
    assert_eq!(numbers(&only(Script { committed: Some(3), ..script.clone() })), (0, Some(0.0), 0, Status::Ok));
    assert_eq!(
        numbers(&only(Script { committed: Some(9), ..script })),
        (0, Some(0.0), 0, Status::Ok),
        "beyond the end"
    );
}

#[test]
fn should_show_no_lag_where_only_the_marker_of_a_transaction_is_left() {
    // Offset 1 is the marker; a client that commits "the offset of the last record plus one" stays before it for ever.
    let script = Script { end: 2, readable: 2, committed: Some(1), records: vec![(0, NOW)], ..Script::default() };
    assert_eq!(numbers(&only(script)), (0, Some(0.0), 0, Status::Ok));
}

#[test]
fn should_take_the_age_of_the_next_record_if_the_first_is_gone() {
    let records = vec![(0, NOW - 9_000), (4, NOW - 2_000)];
    let compacted = Script { end: 5, readable: 5, committed: Some(1), records, ..Script::default() };
    assert_eq!(numbers(&only(compacted.clone())), (4, Some(2.0), 0, Status::NoData));
    let removed = Script { start: 4, ..compacted };
    assert_eq!(numbers(&only(removed.clone())), (4, Some(2.0), 3, Status::NoData), "as Kafka's own tool counts");
    let all_removed = Script { start: 5, ..removed };
    assert_eq!(numbers(&only(all_removed)), (0, Some(0.0), 4, Status::Ok), "nothing is left to consume");
}

#[test]
fn should_not_guess_an_age_for_records_of_an_open_transaction() {
    let records = vec![(0, NOW), (1, NOW - 60_000)];
    let script = Script { end: 2, readable: 1, committed: Some(1), records, ..Script::default() };
    let found = group(script, &[]);
    assert_eq!(numbers(&found.partitions[0]), (1, None, 0, Status::NoData));
    assert_eq!((found.lag, found.seconds_behind), (1, None));
}

#[test]
fn should_not_show_an_age_below_zero_for_a_producer_whose_clock_is_ahead() {
    let script =
        Script { end: 1, readable: 1, committed: Some(0), records: vec![(0, NOW + 5_000)], ..Script::default() };
    assert_eq!(numbers(&only(script)), (1, Some(0.0), 0, Status::NoData));
}

#[test]
fn should_show_the_whole_log_as_lag_where_nothing_was_committed_but_should_be() {
    let script = Script { start: 2, end: 5, readable: 5, records: vec![(2, NOW - 1_000)], ..Script::default() };
    let found = group(script.clone(), &["in".into(), "not-made-yet".into()]);
    assert_eq!((found.status, found.lag, found.seconds_behind), (GroupStatus::NoData, 3, Some(1.0)));
    assert_eq!(found.partitions[0].committed, None);
    assert_eq!(group(script, &[]).status, GroupStatus::NotFound, "a group that nobody knows");
}

#[test]
fn should_judge_by_several_looks_and_not_read_the_same_record_again() {
    let records = vec![(1, NOW - 5_000)];
    let script = Script { end: 3, readable: 3, committed: Some(1), records, members: 1, ..Script::default() };
    let broker = Scripted { script: Mutex::new(script), ..Scripted::default() };
    let mut monitor = LagMonitor::new(6, 3);
    let mut look =
        |second: i64| monitor.look(&broker, "group", &[], NOW + second * 1_000).unwrap().partitions.remove(0);
    assert_eq!((look(0).status, look(1).status), (Status::NoData, Status::NoData));
    broker.script.lock().unwrap().end = 7;
    let third = look(2);
    assert_eq!((third.status, third.trend, third.seconds_behind), (Status::Stall, Trend::Growing, Some(7.0)));
    assert_eq!(third.lag_change_per_second, Some(2.0));
    assert_eq!(*broker.reads.lock().unwrap(), [1], "read once, remembered since");
}
