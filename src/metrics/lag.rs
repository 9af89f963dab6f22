//! How far the partitions that this instance reads are behind, in offsets and in seconds.
//!
//! Asking a broker may take its time or fail, and whoever scrapes must not wait for that: a thread asks, the scrape
//! waits for it a moment and else shows what was known before.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use topology::broker::{Broker, BrokerError, TopicPartition};
use topology::{Clock, InputSnapshot};

/// How long a scrape waits for the broker.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far one partition is behind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lag {
    /// Offsets that are not committed as processed.
    pub(super) offsets: i64,
    /// Age of the first record that is not; 0 if all are.
    pub(super) seconds: f64,
}

/// A partition that is read, and what its reader knows of it. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) partition: TopicPartition,
    /// Timestamp of the first record that was fetched and is not done.
    pub(super) head_timestamp: Option<i64>,
    /// The first offset that is not done, if the reader knows better than the group.
    pub(super) position: Option<i64>,
    /// Timestamp of the last record that is done: what follows is hardly older.
    pub(super) done_timestamp: Option<i64>,
}

impl From<InputSnapshot> for Input {
    fn from(input: InputSnapshot) -> Self {
        let InputSnapshot { partition, head_timestamp, .. } = input;
        Self { partition, head_timestamp, position: None, done_timestamp: None }
    }
}

type Lags = BTreeMap<TopicPartition, Lag>;
type Question = (Vec<Input>, Sender<Lags>);

/// Asks a broker, on a thread that ends with this.
pub(super) struct LagSampler {
    questions: Mutex<Sender<Question>>,
    known: Mutex<Lags>,
}

impl LagSampler {
    pub(super) fn start(broker: Arc<dyn Broker>, group: String, clock: Clock) -> std::io::Result<Self> {
        let (questions, asked) = channel();
        let source = Source { broker, group, clock, caught_up_at: BTreeMap::new() };
        std::thread::Builder::new().name("lag".to_owned()).spawn(move || source.serve(&asked))?;
        Ok(Self { questions: Mutex::new(questions), known: Mutex::default() })
    }

    /// The lags of these inputs; those that the broker did not tell in time are as old as its last answer.
    pub(super) fn lags(&self, inputs: Vec<Input>) -> Lags {
        let wanted: Vec<_> = inputs.iter().map(|i| i.partition.clone()).collect();
        let (answer, answered) = channel();
        // A thread that is gone does not answer, which is then seen below.
        let _ = self.questions.lock().unwrap_or_else(PoisonError::into_inner).send((inputs, answer));
        let fresh = answered.recv_timeout(PATIENCE).unwrap_or_default();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|partition, _| wanted.contains(partition));
        known.extend(fresh);
        known.clone()
    }
}

struct Source {
    broker: Arc<dyn Broker>,
    group: String,
    clock: Clock,
    /// When each partition was last seen without lag: what waits there now has come since.
    caught_up_at: BTreeMap<TopicPartition, i64>,
}

impl Source {
    fn serve(mut self, asked: &Receiver<Question>) {
        while let Ok(question) = asked.recv() {
            // Whoever asked before has given up meanwhile.
            let (inputs, answer) = asked.try_iter().last().unwrap_or(question);
            match self.ask(&inputs) {
                // No one may be listening any more.
                Ok(lags) => drop(answer.send(lags)),
                Err(error) => tracing::debug!("the broker does not tell the lag: {error}"),
            }
        }
    }

    fn ask(&mut self, inputs: &[Input]) -> Result<Lags, BrokerError> {
        let partitions: Vec<_> = inputs.iter().map(|i| i.partition.clone()).collect();
        self.caught_up_at.retain(|partition, _| partitions.contains(partition));
        let committed = if inputs.iter().all(|input| input.position.is_some()) {
            inputs.iter().map(|input| input.position).collect()
        } else {
            self.broker.committed(&self.group, &partitions)?
        };
        let mut lags = Lags::new();
        for (input, committed) in inputs.iter().zip(committed) {
            let (low, high) = self.broker.watermarks(&input.partition)?;
            let now = (self.clock)();
            let offsets = (high - committed.unwrap_or(low).max(low)).max(0);
            let caught_up_at = self.caught_up_at.entry(input.partition.clone()).or_insert(now);
            if offsets == 0 {
                *caught_up_at = now;
            }
            let at_the_earliest = (*caught_up_at).max(input.done_timestamp.unwrap_or(i64::MIN));
            let since = if offsets == 0 { now } else { input.head_timestamp.unwrap_or(at_the_earliest) };
            let seconds = now.saturating_sub(since).max(0) as f64 / 1e3;
            lags.insert(input.partition.clone(), Lag { offsets, seconds });
        }
        Ok(lags)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
    use topology::Headers;
    use topology::broker::{Cleanup, GroupMetadata, NewRecord, TopicSpec};

    use super::*;

    fn source(dir: &std::path::Path, now: &Arc<AtomicI64>) -> Source {
        let mut config = EmbeddedConfig::new(dir.join("log"));
        config.sync = SyncMode::Os;
        let broker = EmbeddedBroker::open(config).unwrap();
        let topic = TopicSpec { name: "in".into(), partitions: 1, cleanup: Cleanup::Keep, log_append_time: false };
        broker.create_topics(&[topic]).unwrap();
        let now = now.clone();
        let clock: Clock = Arc::new(move || now.load(Ordering::SeqCst));
        Source { broker, group: "app".to_owned(), clock, caught_up_at: BTreeMap::new() }
    }

    fn write(broker: &Arc<dyn Broker>, count: usize) {
        let (done, written) = channel();
        for _ in 0..count {
            let record = NewRecord { timestamp: 1, key: None, value: Some(b"v"), headers: &Headers::new() };
            let done = done.clone();
            let delivered = Box::new(move |result: Result<_, _>| done.send(result.is_ok()).unwrap_or_default());
            broker.producer().unwrap().send(&TopicPartition::new("in", 0), record, delivered).unwrap();
        }
        assert!(written.iter().take(count).all(|ok| ok));
    }

    fn commit(broker: &Arc<dyn Broker>, offset: i64) {
        let mut producer = broker.transactional_producer("test").unwrap();
        producer.begin().unwrap();
        let group = GroupMetadata { group: "app".to_owned(), member: String::new(), generation: -1 };
        producer.send_offsets(&[(TopicPartition::new("in", 0), offset)], &group).unwrap();
        producer.commit().unwrap();
    }

    #[test]
    fn should_tell_the_age_of_the_first_record_that_waits_and_an_upper_bound_until_it_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(0));
        let mut source = source(dir.path(), &now);
        let broker = source.broker.clone();
        let partition = TopicPartition::new("in", 0);
        let mut at = |ms: i64, head_timestamp: Option<i64>| {
            now.store(ms, Ordering::SeqCst);
            let lag = source.ask(&[InputSnapshot::new(partition.clone(), head_timestamp).into()]).unwrap()[&partition];
            (lag.offsets, lag.seconds)
        };
        assert_eq!(at(100_000, None), (0, 0.0), "an empty log");
        assert_eq!(at(105_000, None), (0, 0.0));
        write(&broker, 3);
        assert_eq!(at(107_000, None), (3, 2.0), "not fetched yet: it came after it was last seen caught up");
        assert_eq!(at(107_000, Some(106_500)), (3, 0.5));
        commit(&broker, 2);
        assert_eq!(at(110_000, Some(106_900)), (1, 3.1));
        assert_eq!(at(110_000, Some(999_000)), (1, 0.0), "a producer's clock may be ahead");
        commit(&broker, 3);
        assert_eq!(at(120_000, None), (0, 0.0));
    }

    #[test]
    fn should_show_what_was_known_while_the_broker_does_not_answer() {
        let partition = TopicPartition::new("in", 0);
        let (questions, asked) = channel::<Question>();
        let sampler = LagSampler { questions: Mutex::new(questions), known: Mutex::default() };
        let lag = Lag { offsets: 7, seconds: 1.0 };
        let answering = std::thread::spawn({
            let partition = partition.clone();
            move || asked.recv().unwrap().1.send(Lags::from([(partition, lag)])).unwrap()
        });
        let input = Input::from(InputSnapshot::new(partition.clone(), None));
        assert_eq!(sampler.lags(vec![input.clone()]), Lags::from([(partition.clone(), lag)]));
        answering.join().unwrap();
        assert_eq!(sampler.lags(vec![input]), Lags::from([(partition, lag)]), "no one answers any more");
        assert!(sampler.lags(Vec::new()).is_empty(), "what is no longer read is no longer shown");
    }
}
