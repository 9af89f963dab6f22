//! Lag of groups on a real broker: positions that members and transactions commit, and what is then left.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
use topology::Headers;
use topology::broker::{Broker, Cleanup, GroupMetadata, NewRecord, Polled, TopicName, TopicPartition, TopicSpec};
use topology::lag::{GroupLag, GroupStatus, LagMonitor, Status};

const NOW: i64 = 1_700_000_100_000;
const PATIENCE: Duration = Duration::from_secs(30);

fn with_embedded(test: impl Fn(&Arc<dyn Broker>)) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = EmbeddedConfig::new(dir.path());
    config.sync = SyncMode::Os;
    let broker: Arc<dyn Broker> = EmbeddedBroker::open(config).unwrap();
    test(&broker);
}

fn topic(broker: &Arc<dyn Broker>, name: &str, partitions: u32) {
    let spec = TopicSpec { name: name.into(), partitions, cleanup: Cleanup::Keep, log_append_time: false };
    broker.create_topics(&[spec]).unwrap();
}

/// Appends a record of each of these times.
fn append(broker: &Arc<dyn Broker>, partition: &TopicPartition, times: &[i64]) {
    let producer = broker.producer().unwrap();
    for time in times {
        let (tell, told) = mpsc::channel();
        let record = NewRecord { timestamp: *time, key: None, value: Some(b"value"), headers: &Headers::new() };
        producer.send(partition, record, Box::new(move |written| tell.send(written).unwrap())).unwrap();
        told.recv_timeout(PATIENCE).unwrap().unwrap();
    }
}

/// Commits offsets of a group that nobody is in, as tools do.
fn commit(broker: &Arc<dyn Broker>, group: &str, offsets: &[(TopicPartition, i64)]) {
    let nobody = GroupMetadata { group: group.to_owned(), member: String::new(), generation: -1 };
    let mut producer = broker.transactional_producer(&format!("{group}-tool")).unwrap();
    producer.begin().unwrap();
    producer.send_offsets(offsets, &nobody).unwrap();
    producer.commit().unwrap();
}

/// Looks until the status is clear, seconds apart.
fn looks(broker: &Arc<dyn Broker>, group: &str, also: &[TopicName]) -> GroupLag {
    let mut monitor = LagMonitor::new(3, 3);
    let mut look = |n: i64| monitor.look(&**broker, group, also, NOW + n * 1_000).unwrap();
    look(0);
    look(1);
    look(2)
}

#[test]
fn should_show_position_end_lag_and_age_of_each_partition_the_worst_first() {
    with_embedded(|broker| {
        topic(broker, "in", 3);
        topic(broker, "another", 1);
        let p = |n| TopicPartition::new("in", n);
        append(broker, &p(0), &[NOW - 4_000, NOW - 3_000, NOW - 2_000]);
        append(broker, &p(1), &[NOW - 1_000]);
        append(broker, &TopicPartition::new("another", 0), &[NOW]);
        commit(broker, "group", &[(p(0), 1), (p(1), 1)]);
        let found = looks(broker, "group", &[]);
        let rows: Vec<_> = found
            .partitions
            .iter()
            .map(|p| (&*p.topic, p.partition, p.committed, p.end, p.lag, p.seconds_behind, p.status))
            .collect();
        assert_eq!(
            rows,
            [("in", 0, Some(1), 3, 2, Some(5.0), Status::Stop), ("in", 1, Some(1), 1, 0, Some(0.0), Status::Ok),],
            "partitions that the group has not committed are none of its"
        );
        assert_eq!((found.status, found.lag, found.members), (GroupStatus::Err, 2, Some(0)));
        let also = looks(broker, "group", &["in".into()]);
        assert_eq!(also.partitions.len(), 3);
    });
}

#[test]
fn should_see_a_member_that_does_not_advance_as_stalled_and_one_that_left_as_stopped() {
    with_embedded(|broker| {
        topic(broker, "in", 1);
        let partition = TopicPartition::new("in", 0);
        append(broker, &partition, &[NOW, NOW]);
        commit(broker, "group", &[(partition.clone(), 1)]);
        let mut member = broker.consumer("group", "a").unwrap();
        member.subscribe(&["in".into()]).unwrap();
        while !matches!(member.poll(PATIENCE).unwrap(), Polled::Assigned(_)) {}
        let held = looks(broker, "group", &[]);
        assert_eq!((held.members, held.partitions[0].status), (Some(1), Status::Stall));
        member.leave().unwrap();
        let left = looks(broker, "group", &[]);
        assert_eq!((left.members, left.partitions[0].status), (Some(0), Status::Stop));
    });
}

#[test]
fn should_show_no_lag_once_all_is_consumed_under_transactions() {
    with_embedded(|broker| {
        topic(broker, "in", 1);
        topic(broker, "out", 1);
        let partition = TopicPartition::new("in", 0);
        append(broker, &partition, &[NOW, NOW, NOW]);
        let mut member = broker.consumer("group", "a").unwrap();
        member.subscribe(&["in".into()]).unwrap();
        let mut next = 0;
        while next < 3 {
            if let Polled::Batches(batches) = member.poll(PATIENCE).unwrap() {
                next = batches.iter().map(|b| b.batch.next_offset()).max().unwrap_or(next);
            }
        }
        let mut producer = broker.transactional_producer("app-1").unwrap();
        producer.begin().unwrap();
        producer.send_offsets(&[(partition, next)], &member.group_metadata()).unwrap();
        producer.commit().unwrap();
        let found = LagMonitor::new(6, 6).look(&**broker, "group", &[], NOW).unwrap();
        assert_eq!((found.status, found.lag, found.seconds_behind), (GroupStatus::Ok, 0, Some(0.0)), "by one look");
    });
}

#[test]
fn should_say_how_much_was_removed_before_it_was_consumed() {
    with_embedded(|broker| {
        topic(broker, "in", 1);
        let partition = TopicPartition::new("in", 0);
        append(broker, &partition, &[NOW - 9_000, NOW - 8_000, NOW - 7_000, NOW - 6_000]);
        commit(broker, "group", &[(partition.clone(), 1)]);
        broker.delete_records(&partition, 3).unwrap();
        let found = LagMonitor::new(6, 6).look(&**broker, "group", &[], NOW).unwrap();
        let row = &found.partitions[0];
        assert_eq!((row.start, row.lag, row.removed, row.seconds_behind), (3, 3, 2, Some(6.0)));
    });
}

#[test]
fn should_not_find_a_group_that_was_never_there() {
    with_embedded(|broker| {
        topic(broker, "in", 1);
        assert_eq!(looks(broker, "nobody", &[]).status, GroupStatus::NotFound);
    });
}
