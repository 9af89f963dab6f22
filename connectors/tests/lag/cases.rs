//! What holds for lag on any broker.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use topology::broker::{
    Broker, Cleanup, Consumer, GroupMetadata, NewRecord, Polled, TopicName, TopicPartition, TopicSpec,
};
use topology::lag::{GroupLag, GroupStatus, LagMonitor, Status};
use topology::{BatchBuilder, Headers};

pub(crate) const NOW: i64 = 1_700_000_100_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// A broker, and names of the case's own in it.
pub(crate) struct Bench<'a> {
    pub(crate) broker: &'a Arc<dyn Broker>,
    pub(crate) run: &'a str,
}

impl Bench<'_> {
    fn name(&self, what: &str) -> String {
        format!("{what}-{}", self.run)
    }

    /// A topic of the case's own: its partitions.
    pub(crate) fn topic(&self, what: &str, partitions: u32) -> Vec<TopicPartition> {
        let name: TopicName = self.name(what).into();
        let spec = TopicSpec { name: name.clone(), partitions, cleanup: Cleanup::Keep, log_append_time: false };
        self.broker.create_topics(&[spec]).unwrap();
        (0..partitions).map(|n| TopicPartition::new(name.clone(), n)).collect()
    }

    /// Appends a record of each of these times.
    pub(crate) fn append(&self, partition: &TopicPartition, times: &[i64]) {
        let producer = self.broker.producer().unwrap();
        for time in times {
            let (tell, told) = mpsc::channel();
            let record = NewRecord { timestamp: *time, key: None, value: Some(b"value"), headers: &Headers::new() };
            producer.send(partition, record, Box::new(move |written| tell.send(written).unwrap())).unwrap();
            told.recv_timeout(PATIENCE).unwrap().unwrap();
        }
    }

    /// Appends a record of each of these times in one transaction.
    pub(crate) fn append_together(&self, partition: &TopicPartition, times: &[i64]) {
        let mut batch = BatchBuilder::new();
        times.iter().for_each(|time| batch.push(*time, None, Some(b"value"), &Headers::new()));
        let mut producer = self.broker.transactional_producer(&self.name("together")).unwrap();
        producer.begin().unwrap();
        producer.send(partition, batch.finish()).unwrap();
        producer.commit().unwrap();
    }

    /// A member of a group of the case's own that holds its partitions.
    fn member(&self, topic: &TopicName) -> Box<dyn Consumer> {
        let mut member = self.broker.consumer(&self.group(), "a").unwrap();
        member.subscribe(std::slice::from_ref(topic)).unwrap();
        while !matches!(member.poll(PATIENCE).unwrap(), Polled::Assigned(_)) {}
        member
    }

    pub(crate) fn group(&self) -> String {
        self.name("group")
    }

    /// Commits offsets of a group that nobody is in, as tools do.
    pub(crate) fn commit(&self, offsets: &[(TopicPartition, i64)]) {
        let nobody = GroupMetadata { group: self.group(), member: String::new(), generation: -1 };
        let mut producer = self.broker.transactional_producer(&self.name("tool")).unwrap();
        producer.begin().unwrap();
        producer.send_offsets(offsets, &nobody).unwrap();
        producer.commit().unwrap();
    }

    /// What looks a second apart show.
    pub(crate) fn looks(&self, count: u8, also: &[TopicName]) -> GroupLag {
        let mut monitor = LagMonitor::new(3, 3);
        let mut look = |n: u8| {
            let at_ms = NOW + i64::from(n) * 1_000;
            monitor.look(&**self.broker, &self.group(), also, at_ms).unwrap()
        };
        (1..count).for_each(|n| drop(look(n - 1)));
        look(count - 1)
    }
}

pub(crate) fn should_show_position_end_lag_and_age_of_each_partition_the_worst_first(b: &Bench<'_>) {
    let (p, another) = (b.topic("in", 3), b.topic("another", 1));
    b.append(&p[0], &[NOW - 4_000, NOW - 3_000, NOW - 2_000]);
    b.append(&p[1], &[NOW - 1_000]);
    b.append(&another[0], &[NOW]);
    b.commit(&[(p[0].clone(), 1), (p[1].clone(), 1)]);
    let found = b.looks(3, &[]);
    let rows: Vec<_> = found
        .partitions
        .iter()
        .map(|p| (p.topic.as_str(), p.partition, p.committed, p.end, p.lag, p.seconds_behind, p.status))
        .collect();
    let topic = &*p[0].topic;
    assert_eq!(
        rows,
        [(topic, 0, Some(1), 3, 2, Some(5.0), Status::Stop), (topic, 1, Some(1), 1, 0, Some(0.0), Status::Ok)],
        "partitions that the group has not committed are none of its"
    );
    assert_eq!((found.status, found.lag, found.members), (GroupStatus::Err, 2, Some(0)));
    assert_eq!(b.looks(3, &[p[0].topic.clone()]).partitions.len(), 3);
}

pub(crate) fn should_see_a_member_that_does_not_advance_as_stalled_and_one_that_left_as_stopped(b: &Bench<'_>) {
    let p = b.topic("in", 1);
    b.append(&p[0], &[NOW, NOW]);
    b.commit(&[(p[0].clone(), 1)]);
    let mut member = b.member(&p[0].topic);
    let held = b.looks(3, &[]);
    assert_eq!((held.members, held.partitions[0].status), (Some(1), Status::Stall));
    assert!(b.broker.has_members(&b.group()).unwrap());
    member.leave().unwrap();
    let left = b.looks(3, &[]);
    assert_eq!((left.members, left.partitions[0].status), (Some(0), Status::Stop));
    assert!(!b.broker.has_members(&b.group()).unwrap());
}

pub(crate) fn should_show_no_lag_once_all_is_consumed_under_transactions(b: &Bench<'_>) {
    let p = b.topic("in", 1);
    b.append_together(&p[0], &[NOW, NOW, NOW]);
    let (_, end) = b.broker.watermarks(&p[0]).unwrap();
    let mut member = b.member(&p[0].topic);
    let mut next = 0;
    while next < end {
        if let Polled::Batches(batches) = member.poll(PATIENCE).unwrap() {
            next = batches.iter().map(|b| b.batch.next_offset()).max().unwrap_or(next);
        }
    }
    let mut producer = b.broker.transactional_producer(&format!("app-{}", b.run)).unwrap();
    producer.begin().unwrap();
    producer.send_offsets(&[(p[0].clone(), next)], &member.group_metadata()).unwrap();
    producer.commit().unwrap();
    let found = b.looks(1, &[]);
    assert_eq!((found.status, found.lag, found.seconds_behind), (GroupStatus::Ok, 0, Some(0.0)), "by one look");
    assert_eq!(found.partitions[0].committed, Some(end));
}

pub(crate) fn should_show_no_lag_to_clients_that_commit_the_last_record_plus_one(b: &Bench<'_>) {
    let p = b.topic("in", 1);
    b.append_together(&p[0], &[NOW, NOW, NOW]);
    b.commit(&[(p[0].clone(), 3)]);
    let found = b.looks(1, &[]);
    assert_eq!((found.status, found.lag, found.seconds_behind), (GroupStatus::Ok, 0, Some(0.0)));
    b.append_together(&p[0], &[NOW - 1_000]);
    let found = b.looks(1, &[]);
    assert_eq!((found.status, found.seconds_behind), (GroupStatus::NoData, Some(1.0)), "there is a record again");
}

pub(crate) fn should_say_how_much_was_removed_before_it_was_consumed(b: &Bench<'_>) {
    let p = b.topic("in", 1);
    b.append(&p[0], &[NOW - 9_000, NOW - 8_000, NOW - 7_000, NOW - 6_000]);
    b.commit(&[(p[0].clone(), 1)]);
    b.broker.delete_records(&p[0], 3).unwrap();
    let found = b.looks(1, &[]);
    let row = &found.partitions[0];
    assert_eq!((row.start, row.lag, row.removed, row.seconds_behind), (3, 3, 2, Some(6.0)));
}

pub(crate) fn should_not_find_a_group_that_was_never_there(b: &Bench<'_>) {
    b.topic("in", 1);
    assert_eq!(b.looks(1, &[]).status, GroupStatus::NotFound);
}
