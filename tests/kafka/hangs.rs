//! A probe in every partition: no transaction hangs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use topology::Headers;
use topology::broker::{Broker, NewRecord, TopicPartition};

/// In every partition, a record that is written now is the next one that a reader of committed records gets.
pub(crate) fn nothing_hangs(broker: &dyn Broker) {
    let producer = broker.producer().unwrap();
    let topics: Vec<_> = broker.topics().unwrap().into_iter().filter(|(t, _)| !t.starts_with("__")).collect();
    assert!(topics.len() > 10, "{topics:?}");
    let mut from = Vec::new();
    let (told, written) = std::sync::mpsc::channel();
    for partition in topics.iter().flat_map(|(t, n)| (0..*n).map(|n| TopicPartition::new(t.clone(), n))) {
        let (_, high) = broker.watermarks(&partition).unwrap();
        let (headers, told) = (Headers::new(), told.clone());
        // As old as it is: a topic with retention would delete an old one at once.
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        let probe = NewRecord { timestamp, key: Some(b"probe"), value: Some(b""), headers: &headers };
        let done = partition.clone();
        producer.send(&partition, probe, Box::new(move |result| drop(told.send((done, result))))).unwrap();
        from.push((partition, high));
    }
    let mut probes = BTreeMap::new();
    for _ in &from {
        let (partition, written) = written.recv_timeout(Duration::from_secs(20)).unwrap();
        probes.insert(partition, written.unwrap().offset);
    }
    let mut reader = broker.reader().unwrap();
    reader.assign(&from).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while !probes.is_empty() {
        for fetched in reader.poll(Duration::from_secs(1)).unwrap() {
            if let Some(first) = fetched.batch.iter().next()
                && let Some(probe) = probes.remove(&fetched.partition)
            {
                assert_eq!(first.offset, probe, "{}", fetched.partition);
            }
        }
        assert!(Instant::now() < end, "transactions hang before these offsets: {probes:?}");
    }
}
