//! The cases on Apache Kafka, and what Kafka's own tool says of the same groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use connectors::kafka::{GroupProtocol, KafkaBroker, KafkaConfig};
use topology::broker::Broker;
use topology::lag::GroupStatus;

use crate::cases::{self, Bench, NOW};
use crate::services::{kafka_tool, services, unique};

const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";

fn with(case: fn(&Bench<'_>)) {
    with_members(GroupProtocol::Classic, case);
}

fn with_members(protocol: GroupProtocol, case: fn(&Bench<'_>)) {
    let mut config = KafkaConfig::new(services().kafka.clone());
    config.group_protocol = protocol;
    // Who leaves is gone at once.
    config.static_membership = false;
    let broker: Arc<dyn Broker> = KafkaBroker::open(config).unwrap();
    case(&Bench { broker: &broker, run: &unique("lag") });
}

all_on_broker!(with);

/// Current offset, end and lag of each partition, by topic and partition.
type Rows = BTreeMap<(String, String), [Option<i64>; 3]>;

/// What `kafka-consumer-groups --describe` says.
fn described(group: &str) -> Rows {
    let arguments = ["--bootstrap-server", &services().kafka, "--describe", "--offsets", "--group", group];
    let printed = kafka_tool(GROUPS, &arguments, "");
    let mut lines = printed.lines().filter(|line| !line.trim().is_empty());
    let columns: Vec<&str> = lines.find(|line| line.starts_with("GROUP")).unwrap().split_whitespace().collect();
    let column = |name: &str| columns.iter().position(|column| *column == name).unwrap();
    let (topic, partition) = (column("TOPIC"), column("PARTITION"));
    let numbers = ["CURRENT-OFFSET", "LOG-END-OFFSET", "LAG"].map(column);
    let row = |line: &str| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let place = (cells[topic].to_owned(), cells[partition].to_owned());
        (place, numbers.map(|n| cells[n].parse().ok()))
    };
    lines.map(row).collect()
}

fn ours(bench: &Bench<'_>) -> Rows {
    let found = bench.looks(1, &[]);
    let row = |p: &topology::lag::PartitionLag| {
        ((p.topic.clone(), p.partition.to_string()), [p.committed, Some(p.end), Some(p.lag)])
    };
    found.partitions.iter().map(row).collect()
}

#[test]
fn should_agree_with_kafkas_own_tool() {
    fn case(bench: &Bench<'_>) {
        let (p, other) = (bench.topic("in", 3), bench.topic("other", 1));
        bench.append(&p[0], &[NOW; 5]);
        bench.append_together(&p[1], &[NOW; 3]);
        bench.append_together(&p[1], &[NOW; 2]);
        bench.append(&other[0], &[NOW; 4]);
        let (_, end) = bench.broker.watermarks(&p[1]).unwrap();
        assert_eq!(end, 7, "with the markers of two transactions");
        bench.commit(&[(p[0].clone(), 2), (p[1].clone(), 3), (p[2].clone(), 0), (other[0].clone(), 4)]);
        bench.broker.delete_records(&p[0], 4).unwrap();
        let rows = ours(bench);
        assert_eq!(rows.len(), 4);
        assert_eq!(rows, described(&bench.group()));
        bench.commit(&[(p[0].clone(), 5), (p[1].clone(), end)]);
        assert_eq!(ours(bench), described(&bench.group()));
        let found = bench.looks(1, &[]);
        assert_eq!((found.status, found.lag), (GroupStatus::Ok, 0), "all is consumed: 0, not 1");
    }
    with(case);
}

#[test]
fn should_see_a_member_that_the_server_assigns_as_stalled_and_one_that_left_as_stopped() {
    let case = cases::should_see_a_member_that_does_not_advance_as_stalled_and_one_that_left_as_stopped;
    with_members(GroupProtocol::Consumer, case);
}
