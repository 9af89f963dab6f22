//! What the cases are written with: topics with letters in them, and what lies in topics afterwards.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use topology::broker::{Broker, Cleanup, NewRecord, TopicPartition, TopicSpec};
use topology::dead_letters::{DeadLetter, DeadLetters, Fate, Redrive, RedriveError};
use topology::{BatchBuilder, Failure, FailureKind, Headers, TaskId, dead_letter};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const PARTITIONS: u32 = 2;
/// The cause of letters that belong where their key does.
pub(crate) const BY_KEY: &str = "misrouted";

/// A broker, and a topic of the case's own in it with its dead-letter topic.
pub(crate) struct Bench {
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) topic: String,
}

/// A record that failed; everything else about it follows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failed<'a> {
    pub(crate) partition: u32,
    pub(crate) key: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) timestamp: i64,
}

/// A record as it lies in a topic: partition, timestamp, key, value, headers.
pub(crate) type Seen = (u32, i64, String, String, Vec<(String, String)>);

impl Bench {
    pub(crate) fn new(broker: &Arc<dyn Broker>, run: &str, what: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let topic = format!("{what}-{run}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let spec = |name: String| TopicSpec {
            name: name.into(),
            partitions: PARTITIONS,
            cleanup: Cleanup::Keep,
            log_append_time: false,
        };
        broker.create_topics(&[spec(topic.clone()), spec(format!("{topic}.dlq"))]).unwrap();
        Self { broker: Arc::clone(broker), topic }
    }

    pub(crate) fn dlq(&self) -> String {
        format!("{}.dlq", self.topic)
    }

    /// Appends the dead letter that the engine would write for a record of this topic; the nth has the source offset n.
    pub(crate) fn fail(&self, failed: &[Failed<'_>]) {
        for (offset, f) in (0..).zip(failed) {
            self.fail_with(f, offset, &Headers::new());
        }
    }

    pub(crate) fn fail_with(&self, f: &Failed<'_>, offset: i64, headers: &Headers) {
        let mut batch = BatchBuilder::new();
        let value = format!("value of {}", f.key);
        batch.push(f.timestamp, Some(f.key.as_bytes()), Some(value.as_bytes()), headers);
        let batch = batch.finish().placed_at(offset, None);
        let letter = dead_letter(&Failure {
            kind: FailureKind::Processing,
            class: f.reason,
            message: "it would not",
            node: "node",
            task: &TaskId { sub_topology: "sub".into(), partition: f.partition },
            topic: &self.topic.as_str().into(),
            partition: f.partition,
            record: batch.iter().next().unwrap(),
        });
        let record = NewRecord {
            timestamp: letter.timestamp,
            key: letter.key.as_deref(),
            value: letter.value.as_deref(),
            headers: &letter.headers,
        };
        self.append(&letter.topic, f.partition, record);
    }

    pub(crate) fn append(&self, topic: &str, partition: u32, record: NewRecord<'_>) -> i64 {
        let (tell, told) = mpsc::channel();
        let producer = self.broker.producer().unwrap();
        let delivery = Box::new(move |written| tell.send(written).unwrap());
        producer.send(&TopicPartition::new(topic, partition), record, delivery).unwrap();
        told.recv_timeout(PATIENCE).unwrap().unwrap().offset
    }

    /// Everything in the topic that the letters came from, by partition in the order of offsets.
    pub(crate) fn put_back(&self) -> Vec<Seen> {
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or(b"-").to_vec()).unwrap();
        let mut seen = Vec::new();
        for n in 0..PARTITIONS {
            let partition = TopicPartition::new(&*self.topic, n);
            let (mut next, end) = self.broker.watermarks(&partition).unwrap();
            let mut reader = self.broker.reader().unwrap();
            reader.assign(&[(partition.clone(), next)]).unwrap();
            while next < end {
                let fetched = reader.poll(PATIENCE).unwrap();
                assert!(!fetched.is_empty(), "{partition} stops at {next} of {end}");
                for piece in fetched {
                    for r in &piece.batch {
                        let headers = r.headers.iter().map(|(name, value)| (name.to_owned(), text(value))).collect();
                        seen.push((n, r.timestamp, text(r.key), text(r.value), headers));
                    }
                    next = piece.batch.next_offset();
                }
            }
        }
        seen
    }

    pub(crate) fn redrive(&self) -> Redrive {
        let mut redrive = Redrive::new("app", &self.topic);
        redrive.by_key = vec![BY_KEY.to_owned()];
        redrive
    }

    /// Redrives, and answers each letter's key with its fate.
    pub(crate) fn run(&self, redrive: &Redrive) -> Vec<(String, Fate)> {
        let (told, result) = self.try_run(&*self.broker, redrive);
        result.unwrap();
        told
    }

    pub(crate) fn try_run(
        &self,
        broker: &dyn Broker,
        redrive: &Redrive,
    ) -> (Vec<(String, Fate)>, Result<(), RedriveError>) {
        let letters = DeadLetters::open(broker, &self.topic).unwrap().unwrap();
        let mut told = Vec::new();
        let result = redrive.run(&letters, &mut |letter, fate| told.push((key(letter), fate.clone())));
        (told, result)
    }

    /// Key of each letter, and whether it was redriven.
    pub(crate) fn letters(&self) -> Vec<(String, bool)> {
        let letters = DeadLetters::open(&*self.broker, &self.topic).unwrap().unwrap();
        let mut found = Vec::new();
        let unread = letters.each(PATIENCE, |letter, redriven| {
            found.push((key(&letter), redriven));
            ControlFlow::Continue(())
        });
        assert_eq!(unread.unwrap(), 0);
        found
    }

    pub(crate) fn at(&self, partition: u32) -> Fate {
        Fate::Redriven(TopicPartition::new(&*self.topic, partition))
    }
}

pub(crate) fn key(letter: &DeadLetter) -> String {
    String::from_utf8(letter.key.clone().unwrap_or_else(|| b"-".to_vec())).unwrap()
}
